"""
Options of a task: their names in Python and on the wire, and what they take.

Times are seconds in Python, as everywhere there, and whole milliseconds on the wire.
"""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Sequence, Tuple, TypedDict, Union

from .errors import InvalidOption

Seconds = Union[int, float, datetime.timedelta]
_MOST_MS = (1 << 32) - 1

if TYPE_CHECKING:
    from typing import Literal

    from .files import FileLike


class Retry(TypedDict, total=False):
    """When and how often a task is run again: `retry={"max": 3, "on": ["crash"], "backoff": 0.1}`."""

    max: int
    on: Sequence[str]
    backoff: Seconds
    max_backoff: Seconds


class Options(TypedDict, total=False):
    """What every task takes, for type checkers."""

    id: str
    priority: Literal["high", "normal", "low"]
    timeout: Seconds
    run_timeout: Seconds
    queue_timeout: Seconds
    cancel_grace: Seconds
    on_full: Literal["refuse", "wait"]
    idempotent: bool
    retry: Union[int, Retry]
    batch: bool
    progress: Any
    result_file: FileLike


def refuse(option: str, takes: str, value: Any) -> InvalidOption:
    return InvalidOption(f"option {option} takes {takes}, not {value!r}", option=option)


def milliseconds(option: str, value: Any, least: int = 1) -> int:
    """Seconds as milliseconds; less than one of them is one, because 0 may mean something else."""
    takes = f"seconds, {'more than 0' if least else '0 or more'} and at most {_MOST_MS / 1000}"
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise refuse(option, takes, value)
    ms = math.ceil(round(value * 1000, 6))
    if not least <= ms <= _MOST_MS:
        raise refuse(option, takes, value)
    return ms


def _time(option: str, value: Any) -> int:
    return milliseconds(option, value)


def _time_or_none(option: str, value: Any) -> int:
    return milliseconds(option, value, 0)


def _flag(option: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise refuse(option, "True or False", value)
    return value


def _word(*words: str) -> Callable[[str, Any], str]:
    def check(option: str, value: Any) -> str:
        if value not in words:
            raise refuse(option, " or ".join(map(repr, words)), value)
        return str(value)

    return check


def _id(option: str, value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value.encode("utf-8", "surrogateescape")) <= 256:
        raise refuse(option, "a str of 1 to 256 bytes", value)
    return value


def _progress(option: str, value: Any) -> bool:
    if not isinstance(value, bool) and not callable(value):
        raise refuse(option, "True, False or a function", value)
    return bool(value)


def _count(option: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 100:
        raise refuse(option, "a number from 0 to 100", value)
    return value


def _causes(option: str, value: Any) -> Any:
    if isinstance(value, str) or not set(value) <= {"crash", "error"}:
        raise refuse(option, "a list of 'crash' and 'error'", value)
    return list(value)


_RETRY: Dict[str, Tuple[str, Callable[[str, Any], Any]]] = {
    "max": ("max", _count),
    "on": ("on", _causes),
    "backoff": ("backoffMs", _time_or_none),
    "max_backoff": ("maxBackoffMs", _time),
}


def _retry(option: str, value: Any) -> Dict[str, Any]:
    if not isinstance(value, dict):
        return {"max": _count(option, value)}
    return _wire(value, _RETRY, "retry.")


_OPTIONS: Dict[str, Tuple[str, Callable[[str, Any], Any]]] = {
    "id": ("id", _id),
    "priority": ("priority", _word("high", "normal", "low")),
    "timeout": ("timeout", _time),
    "run_timeout": ("runTimeout", _time),
    "queue_timeout": ("queueTimeout", _time),
    "cancel_grace": ("cancelGrace", _time_or_none),
    "on_full": ("onFull", _word("refuse", "wait")),
    "idempotent": ("idempotent", _flag),
    "retry": ("retry", _retry),
    "batch": ("batch", _flag),
    "progress": ("progress", _progress),
}


def _wire(given: Dict[str, Any], table: Dict[str, Any], prefix: str = "") -> Dict[str, Any]:
    wire: Dict[str, Any] = {}
    for name, value in given.items():
        if name not in table:
            known = ", ".join(table) + ("" if prefix else ", result_file")
            raise InvalidOption(f"unknown option {prefix}{name}; known are {known}", option=f"{prefix}{name}")
        if value is not None:  # as if it were not given: so a wrapper can pass on its own defaults
            key, check = table[name]
            wire[key] = check(prefix + name, value)
    return wire


def to_wire(given: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """The map of options that goes with a task, or None if there are none."""
    return _wire(given, _OPTIONS) or None if given else None
