"""
Values in the JSON lines between kit and driver. What JSON has stands for itself; the rest is tagged:

    {"$bin": "00ff"}  {"$int": "18446744073709551615"}  {"$float": "nan"}  {"$ext": [77, "00"]}
    {"$repeat": ["a", 3145728]}  {"$map": [[1, "a"]]}
"""

import math

import msgpack

_TIMESTAMP = -1
_EXACT = 1 << 53  # up to here every JSON reader keeps integers


def untag(value):
    """The value that a tagged one stands for."""
    if isinstance(value, list):
        return [untag(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (key, body), = value.items()
        if key in _TAGS:
            return _TAGS[key](body)
    return {key: untag(item) for key, item in value.items()}


_TAGS = {
    "$bin": bytes.fromhex,
    "$int": int,
    "$float": float,
    "$ext": lambda body: msgpack.ExtType(body[0], bytes.fromhex(body[1])),
    "$repeat": lambda body: untag(body[0]) * body[1],
    "$map": lambda body: {untag(key): untag(item) for key, item in body},
}


def tag(value):
    """A value as JSON can carry it."""
    if isinstance(value, (bytes, bytearray)):
        return {"$bin": bytes(value).hex()}
    if isinstance(value, msgpack.Timestamp):
        return {"$ext": [_TIMESTAMP, value.to_bytes().hex()]}
    if isinstance(value, msgpack.ExtType):
        return {"$ext": [value.code, value.data.hex()]}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return {"$int": str(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, (list, tuple)):
        return [tag(item) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: tag(item) for key, item in value.items()}
        return {"$map": [[tag(key), tag(item)] for key, item in value.items()]}
    return value


def equal(wanted, got):
    """
    Whether a driver told the value that was wanted. Numbers are compared as numbers: not every language
    has integers and floats apart.
    """
    if isinstance(wanted, dict):
        return isinstance(got, dict) and wanted.keys() == got.keys() and all(
            equal(wanted[key], got[key]) for key in wanted
        )
    if isinstance(wanted, list):
        return isinstance(got, list) and len(wanted) == len(got) and all(map(equal, wanted, got))
    if _is_number(wanted) and _is_number(got):
        return wanted == got or (wanted != wanted and got != got)
    return type(wanted) is type(got) and wanted == got


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
