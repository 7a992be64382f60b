"""
The notation of the vectors: bytes in hexadecimal with holes, and what they say for people.

    94 00 {a} a470696e67 90      a request whose msgid is the client's choice, from then on {a}
    db 00300000 {61*3145728}     a byte that many times
    94 01 07 {error} c0          any error, in any of its shapes; {error NOT_FOUND}: of that code
    94 01 07 c0 {any}            any value

What an implementation sends is compared by value: it may take any legal encoding, but text is no bytes, and
a whole float is no integer.
"""

import re
import struct

import msgpack

REQUEST, RESPONSE, NOTIFICATION = 0, 1, 2  # the first element of a message
_TOKEN = re.compile(r"\s*(?:((?:[0-9a-f]{2})+)|\{([0-9a-f]{2})\*(\d+)\}|\{([^{}*]+)\})\s*")
_HOLE_CODE = 100  # the ext type that stands in a hole's place while a pattern is decoded
_SHOWN = 60  # characters of text and bytes that people are shown


class NotationError(Exception):
    """A vector is written wrongly."""


class Hole:
    """A place in a pattern that takes more than one value."""

    def __init__(self, name):
        self.name = name

    def takes(self, value, names):
        if self.name == "any":
            return True
        if self.name == "error":
            return value is not None
        if self.name.startswith("error "):
            return code_of(value) == self.name[len("error "):]
        if self.name in names:
            return same(names[self.name], value)
        names[self.name] = value
        return True


def code_of(error):
    """The code of an error in any of the three shapes of section 6; None: it has none."""
    if isinstance(error, dict):
        return error.get("code")
    if isinstance(error, list) and len(error) == 2:
        error = error[1]
    found = re.match(r"([A-Z_]+): ", error) if isinstance(error, str) else None
    return found and found[1]


def _tokens(text):
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise NotationError(f"neither bytes nor a hole: {text[at:at + 20]!r}")
        yield found.groups()
        at = found.end()


def _build(text, hole):
    out = []
    for run, byte, times, name in _tokens(text):
        if name:
            out.append(hole(name))
        else:
            out.append(bytes.fromhex(run) if run else bytes.fromhex(byte) * int(times))
    return b"".join(out)


def fill(text, names):
    """The bytes of a text, with the values that its holes have by now."""
    def value(name):
        if name not in names:
            raise NotationError(f"nothing is known yet of {{{name}}}")
        return msgpack.packb(names[name])

    return _build(text, value)


def has_holes(text):
    return any(name for *_, name in _tokens(text))


def messages(data, holes=()):
    """The values that stand one after the other in some bytes. Raises ValueError if they do not end with one."""
    def ext(code, body):
        return Hole(holes[body[0]]) if holes and code == _HOLE_CODE else msgpack.ExtType(code, body)

    unpacker = new_unpacker(ext)
    unpacker.feed(data)
    try:
        found = list(unpacker)
    except (msgpack.UnpackException, ValueError, TypeError) as e:
        raise ValueError(str(e)) from None
    if unpacker.tell() != len(data):
        raise ValueError("the last message is not whole")
    return found


def new_unpacker(ext_hook=msgpack.ExtType):
    """Reads every legal message, whatever the keys of its maps are."""
    return msgpack.Unpacker(
        raw=False, strict_map_key=False, unicode_errors="surrogateescape", ext_hook=ext_hook,
        object_pairs_hook=lambda pairs: {_frozen(key): value for key, value in pairs},
        max_buffer_size=1 << 30,
    )


def _frozen(key):
    if isinstance(key, list):
        return tuple(map(_frozen, key))
    if isinstance(key, dict):
        return tuple((name, _frozen(value)) for name, value in key.items())
    return key


def pattern(text):
    """The messages of a text, with a Hole wherever it has one."""
    holes = []

    def mark(name):
        holes.append(name)
        return bytes((0xD4, _HOLE_CODE, len(holes) - 1))

    return messages(_build(text, mark), holes)


def match(wanted, value, names):
    """Whether a value is what a pattern wants; names get the values of its holes."""
    if isinstance(wanted, Hole):
        return wanted.takes(value, names)
    if type(wanted) is not type(value):
        return False
    if isinstance(wanted, list):
        return len(wanted) == len(value) and all(match(w, v, names) for w, v in zip(wanted, value))
    if isinstance(wanted, dict):
        typed = [{(type(key), key) for key in side} for side in (wanted, value)]
        return typed[0] == typed[1] and all(match(wanted[key], value[key], names) for key in wanted)
    if isinstance(wanted, float):
        return struct.pack(">d", wanted) == struct.pack(">d", value)
    return wanted == value


def same(wanted, value):
    return match(wanted, value, {})


def show(value):
    """A value for people: nil, true, 1, 1.5, "text", h'00ff', [..], {..}, ext(77, h'00')."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Hole):
        return f"{{{value.name}}}"
    if isinstance(value, str):
        return _cut(value, '"', '"', len(value.encode("utf-8", "surrogateescape")))
    if isinstance(value, (bytes, bytearray)):
        return _cut(bytes(value).hex(), "h'", "'", len(value))
    if isinstance(value, msgpack.ExtType):
        return f"ext({value.code}, {show(value.data)})"
    if isinstance(value, msgpack.Timestamp):
        return f"timestamp({value.seconds}, {value.nanoseconds})"
    if isinstance(value, (list, tuple)):
        return _cut_list([show(item) for item in value], "[", "]")
    if isinstance(value, dict):
        return _cut_list([f"{show(key)}: {show(item)}" for key, item in value.items()], "{", "}")
    return repr(value)


def _cut(text, begin, end, size):
    # what is no UTF-8 has surrogates here, which cannot be printed
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= _SHOWN:
        return begin + text + end
    return f"{begin}{text[:8]}...{end} ({size} bytes)"


def _cut_list(items, begin, end):
    if len(items) > _SHOWN // 2:
        return f"{begin}{items[0]}, ...{end} ({len(items)} items)"
    return begin + ", ".join(items) + end


def reads(text):
    """What the bytes of a vector say; None: they are no whole messages."""
    try:
        return " ".join(show(message) for message in pattern(text))
    except ValueError:
        return None


def hexadecimal(data, most=64):
    """Bytes for people."""
    shown = data[:most].hex(" ")
    return shown if len(data) <= most else f"{shown} ... ({len(data)} bytes)"
