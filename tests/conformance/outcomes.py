"""What the driver of a client says, compared with what a vector wants."""

import json

from . import tagged
from .running import Failure, Skip

_ALL_SHAPES = ("code", "message")  # what an error has in every shape
_SHOWN = 600  # characters of an outcome


_NEEDED = ("connect", "call")  # a driver without these has nothing that could be tested


def check_supported(got):
    if got.get("unsupported") in _NEEDED:
        raise Failure(f"a driver needs {got['unsupported']}, and says that it is unsupported")
    if "unsupported" in got:
        raise Skip(f"unsupported: {got['unsupported']}")


def fits(wanted, got, shape):
    """Whether an outcome is as it should be; `shape` is that of errors, as the client asked for it."""
    check_supported(got)
    if "ended" in wanted:
        return True
    if "either" in wanted:
        return any(fits(one, got, shape) for one in wanted["either"])
    if "error" in wanted:
        return _fits_error(wanted["error"], got.get("error"), shape)
    if "progress" in wanted and "result" in got and "progress" not in got:
        raise Skip("tells of no progress")
    return all(key in got and _fits_part(key, value, got[key]) for key, value in wanted.items())


def _fits_part(key, wanted, got):
    if key == "result":
        return tagged.equal(tagged.untag(wanted), tagged.untag(got))
    if key in ("progress", "news"):
        return len(wanted) == len(got) and all(map(_has, wanted, got))
    return wanted == got


def _fits_error(wanted, got, shape):
    """`true`: any error that says something; else one that has these keys, of those that its shape has."""
    if not isinstance(got, dict) or not got.get("message"):
        return False
    if wanted is True:
        return True
    if "says" in wanted:
        return all(text in json.dumps(got) for text in wanted["says"])
    if shape != "map":
        wanted = {key: wanted[key] for key in wanted if key in _ALL_SHAPES}
    return _has(wanted, got)


def _has(wanted, got):
    """Whether a map has these keys with these values, among others."""
    return isinstance(got, dict) and all(
        key in got and tagged.equal(value, got[key]) for key, value in wanted.items()
    )


def short(outcome):
    text = str(outcome)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
