"""
MessagePack as morod speaks it: values to bytes, and a stream of bytes to messages.

Text is str and bytes are bin. A string on the wire that is no UTF-8 becomes a str with surrogate
escapes (PEP 383), and goes back as the same bytes: nothing is lost, and no reader crashes.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import msgpack

from .errors import Garbled, InvalidArgument, TooLarge
from .files import File, read_range

TEXT = "surrogateescape"
_TAKES = (
    "None, bool, an integer from -2^63 to 2^64 - 1, float, str, bytes, list, tuple, dict, msgpack.ExtType or moro.File"
)


def packer(default: Optional[Callable[[Any], Any]] = None) -> Any:
    return msgpack.Packer(use_bin_type=True, unicode_errors=TEXT, default=default)


def pack(message: Any, default: Optional[Callable[[Any], Any]] = None) -> bytes:
    packed: bytes = packer(default).pack(message)
    return packed


def why_not(value: Any, path: str = "data", depth: int = 0) -> Optional[InvalidArgument]:
    """Finds the part of a value that could not be packed, to name it."""
    if depth > 500:
        return InvalidArgument(f"{path[:64]}... is nested too deep, or holds itself", field="data")
    if isinstance(value, dict):
        parts = [(f"{path}.{key}", item) for key, item in value.items()]
        parts += [(f"a key of {path}", key) for key in value]
    elif isinstance(value, (list, tuple)) and not isinstance(value, msgpack.ExtType):
        parts = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
    else:
        return _why_not_leaf(value, path)
    for where, item in parts:
        found = why_not(item, where, depth + 1)
        if found:
            return found
    return None


def _why_not_leaf(value: Any, path: str) -> Optional[InvalidArgument]:
    if isinstance(value, File):
        return None
    try:
        pack(value)
        return None
    except UnicodeEncodeError:
        shown = "a str with a lone surrogate"
    except OverflowError:
        shown = f"{value}" if abs(value) < 1 << 128 else f"an integer of {value.bit_length()} bits"
    except (TypeError, ValueError):
        shown = f"{type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
    return InvalidArgument(f"{path} takes {_TAKES}, not {shown}", field=path)


def measure(value: Any, max_depth: int, path: str = "data") -> int:
    """Counts values, and refuses what is nested too deep: the server would end the connection."""
    if isinstance(value, dict):
        items: Any = value.values()
        count = 1 + len(value)
    elif isinstance(value, (list, tuple)) and not isinstance(value, msgpack.ExtType):
        items = value
        count = 1
    else:
        return 1
    if max_depth <= 0:
        raise TooLarge(f"{path} is nested deeper than the server takes", field=path)
    for item in items:
        # the test is here as well, because calling for every number takes four times as long
        count += measure(item, max_depth - 1, path) if isinstance(item, (dict, list, tuple)) else 1
    return count


def _freeze(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_freeze(item) for item in value)
    if isinstance(value, dict):
        return tuple((key, _freeze(item)) for key, item in value.items())
    return value


def _any_keys(pairs: List[Tuple[Any, Any]]) -> Dict[Any, Any]:
    return {_freeze(key): value for key, value in pairs}


class Stream:
    """Messages out of the bytes of a connection."""

    def __init__(self, ext_hook: Callable[[int, bytes], Any] = read_range) -> None:
        self._ext_hook = ext_hook
        self._unpacker = self._new()
        self._base = 0  # where in the stream the unpacker began
        self._start = 0  # where the message begins that is incomplete
        self._chunks: List[bytes] = []  # what was fed from _kept on, see _read_slowly()
        self._kept = 0

    def _new(self, **how: Any) -> Any:
        return msgpack.Unpacker(
            raw=False, unicode_errors=TEXT, strict_map_key=False, ext_hook=self._ext_hook,
            max_buffer_size=0xFFFFFFFF, **how,
        )

    def feed(self, data: bytes) -> None:
        self._unpacker.feed(data)
        self._chunks.append(data)

    def messages(self) -> Iterator[Any]:
        """Gives the messages that are complete."""
        while True:
            try:
                message = self._unpacker.unpack()
            except msgpack.OutOfData:
                self._forget()
                return
            except TypeError:
                self._read_slowly()
                continue
            except (ValueError, msgpack.UnpackException) as e:
                raise Garbled(f"what came is no MessagePack: {e}") from None
            except MemoryError:  # msgpack makes room for as many elements as an array announces
                raise Garbled("what came announces more than there is memory for") from None
            self._start = self._base + self._unpacker.tell()
            yield message

    def _forget(self) -> None:
        """Lets go of chunks before the message that is incomplete."""
        chunks = self._chunks
        while chunks and self._kept + len(chunks[0]) <= self._start:
            self._kept += len(chunks.pop(0))

    def _read_slowly(self) -> None:
        """
        From a message on that has a map with keys that cannot be those of a dict, a list or a map as
        a key becomes a tuple. This is slower, so only connections that had such a message do it.
        """
        rest = b"".join(self._chunks)[self._start - self._kept:]
        self._unpacker = self._new(object_pairs_hook=_any_keys)
        self._unpacker.feed(rest)
        self._base = self._kept = self._start
        self._chunks = [rest]
