"""Files that are passed as descriptors (proto/PROTOCOL.md, section 9)."""

from __future__ import annotations

import os
import struct
from typing import IO, Any, List, NamedTuple, Optional, Union

import msgpack

from .errors import InvalidArgument

EXT_RANGE = 77
_BODY = struct.Struct(">BBQQ")

FileLike = Union[int, IO[Any]]


class Range(NamedTuple):
    """Where a result stands that was written to a file: `length` bytes from `offset`."""

    index: int
    offset: int
    length: int


class File:
    """
    Bytes of a file, in place of bytes in a task's data: `{"input": moro.File(f)}`.

    `file` is an open file or a descriptor; it may be closed once the request was sent. Where its own
    position is does not matter, and it does not move.
    """

    __slots__ = ("file", "offset", "length")

    def __init__(self, file: FileLike, offset: int = 0, length: Optional[int] = None) -> None:
        for name, value in (("offset", offset), ("length", length)):
            if value is not None and (type(value) is not int or not 0 <= value < 1 << 64):
                raise InvalidArgument(f"{name} of a File takes bytes, 0 or more, not {value!r}", field=name)
        self.file = file
        self.offset = offset
        self.length = length


def descriptor(file: Any, field: str) -> int:
    """The descriptor of an open file, with what Python still buffers for it written."""
    try:
        if type(file) is int:
            os.fstat(file)
            return file
        flush = getattr(file, "flush", None)
        if flush is not None and file.writable():
            flush()
        return int(file.fileno())
    except (AttributeError, OSError, ValueError) as e:
        raise InvalidArgument(
            f"{field} takes an open file or its descriptor, not {file!r} ({e})", field=field
        ) from None


class Luggage:
    """The descriptors that go with one request; each file is passed once."""

    def __init__(self) -> None:
        self.fds: List[int] = []

    def add(self, file: Any, field: str) -> int:
        fd = descriptor(file, field)
        if fd not in self.fds:
            self.fds.append(fd)
        if len(self.fds) > 8:
            raise InvalidArgument("a request takes at most 8 files", field=field)
        return self.fds.index(fd)

    def pack(self, value: Any) -> Any:
        """What a Packer calls for a value that it does not know."""
        if not isinstance(value, File):
            raise TypeError(f"cannot pack {type(value).__name__}")
        index = self.add(value.file, "File")
        length = value.length
        if length is None:
            length = max(0, os.fstat(self.fds[index]).st_size - value.offset)
        return range_ext(index, value.offset, length)


def range_ext(index: int, offset: int, length: int) -> Any:
    return msgpack.ExtType(EXT_RANGE, _BODY.pack(1, index, offset, length))


def read_range(code: int, body: bytes) -> Any:
    """What an Unpacker calls for an extension: ranges become Range, others stay as they are."""
    if code == EXT_RANGE and len(body) == _BODY.size and body[0] == 1:
        return Range(*_BODY.unpack(body)[1:])
    return msgpack.ExtType(code, body)
