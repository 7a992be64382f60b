"""Files that come with a task, and the one that its result goes to."""

from __future__ import annotations

import os
from collections import deque
from typing import IO, Any, Deque, Iterable, List, Optional

from ..errors import InvalidArgument, ProtocolError
from ..files import Range, range_ext, read_range


class FileRange:
    """
    Bytes of a file that the caller passed in place of bytes. `bytes(it)` and read() give all of them;
    open() gives a file for reading from its first byte. It is closed when the task has ended.
    """

    __slots__ = ("index", "offset", "length", "_fd")

    def __init__(self, range: Range) -> None:
        self.index, self.offset, self.length = range
        self._fd: Optional[int] = None

    def __repr__(self) -> str:
        return f"<moro.worker.FileRange of {self.length} bytes>"

    def __len__(self) -> int:
        return self.length

    def fileno(self) -> int:
        if self._fd is None:
            raise ValueError("the task of this file has ended")
        return self._fd

    def read(self, size: int = -1, at: int = 0) -> bytes:
        """At most `size` bytes from the range's byte `at`; without both all of them."""
        left = max(0, self.length - at)
        left = left if size < 0 else min(size, left)
        parts: List[bytes] = []
        while left:
            part = os.pread(self.fileno(), min(left, 1 << 30), self.offset + at)
            if not part:
                if size < 0:
                    raise InvalidArgument("a file has become shorter than its range", field="fds")
                break
            parts.append(part)
            at, left = at + len(part), left - len(part)
        return b"".join(parts)

    def __bytes__(self) -> bytes:
        return self.read()

    def open(self) -> IO[bytes]:
        """A file of its own, at the range's first byte; it does not end where the range ends."""
        # Anew by its name: a duplicate would share its position with the caller's descriptor.
        file = open(f"/proc/self/fd/{self.fileno()}", "rb")
        file.seek(self.offset)
        return file


class Arrivals:
    """Descriptors in the order in which they came."""

    def __init__(self) -> None:
        self._fds: Deque[int] = deque()

    def add(self, fds: bytes) -> None:
        self._fds.extend(memoryview(fds[: len(fds) - len(fds) % 4]).cast("i"))

    def ext_hook(self, code: int, body: bytes) -> Any:
        value = read_range(code, body)
        return FileRange(value) if isinstance(value, Range) else value

    def take(self, count: int) -> "Files":
        """What belongs to the request that was just read."""
        if count > len(self._fds):
            raise ProtocolError("a request names more descriptors than came with it")
        return Files([self._fds.popleft() for _ in range(count)])


class Files:
    """The descriptors of one task, which are closed with it."""

    def __init__(self, fds: Iterable[int]) -> None:
        self.fds = list(fds)

    def bind(self, value: Any) -> None:
        """Gives the ranges in a task's data their descriptors."""
        if isinstance(value, FileRange):
            if value.index >= len(self.fds):
                raise InvalidArgument(f"a range names file {value.index}; there are {len(self.fds)}", field="fds")
            value._fd = self.fds[value.index]
        elif isinstance(value, (list, dict)):
            for item in value.values() if isinstance(value, dict) else value:
                self.bind(item)

    def write(self, index: int, result: Any) -> Any:
        """Writes a result that is text or bytes to the caller's file, and gives what is answered."""
        if isinstance(result, str):
            result = result.encode("utf-8", "surrogateescape")
        if not isinstance(result, (bytes, bytearray, memoryview)):
            return result
        fd, at, data = self.fds[index], 0, memoryview(result).cast("B")
        while at < len(data):
            at += os.pwrite(fd, data[at:], at)
        try:
            os.ftruncate(fd, at)
        except PermissionError:
            pass  # a sealed memfd keeps its length; the range says what is the result
        return range_ext(index, 0, at)

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)
        self.fds = []
