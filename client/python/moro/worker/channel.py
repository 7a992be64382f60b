"""
The worker's channel to morod: a socket at MORO_FD, or stdin and stdout.

Requests are read in as large pieces as there are, answers are gathered and written at once. Descriptors
come with requests (proto/PROTOCOL.md, section 9) and are kept in order until their request is read.
"""

from __future__ import annotations

import array
import os
import select
import socket
import sys
from collections import deque
from typing import Any, Deque, List, Mapping, Optional

from .. import wire
from .files import Arrivals

_SMALL, _LARGE = 1 << 16, 1 << 20  # memory for more than 128 KiB is mapped anew each time, which costs 10 us
_GATHER = 1 << 18  # bytes of answers that may wait for one another
_SPACE = socket.CMSG_SPACE(32 * array.array("i").itemsize)


class NoChannel(Exception):
    """The program was not started by morod."""


class End(Exception):
    """morod has closed the channel: it wants no more."""


class Channel:
    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._socket: Optional[socket.socket] = None
        try:
            self._socket = socket.socket(fileno=reader)
        except OSError:
            pass  # a pipe, by which no descriptors come
        self.arrivals = Arrivals()
        self._stream = wire.Stream(self.arrivals.ext_hook)
        self._messages = self._stream.messages()
        self.answers: List[bytes] = []  # that are not sent yet
        self._size = 0  # of the answers
        self._room = _SMALL  # for what is read next
        self._early: Deque[Any] = deque()  # what look() found
        self.ended = False
        self._poll = select.poll()
        self._poll.register(reader, select.POLLIN)
        for fd in (reader, writer):
            os.set_blocking(fd, True)

    def fileno(self) -> int:
        return self._reader

    def close(self) -> None:
        """Ends a connection that was made here; who waits for it to end wakes up."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._socket.close()
        self.ended = True

    # ---- In

    def next(self) -> Any:
        """The next message; waits for one, when all answers have been sent. Raises End."""
        if self._early:
            return self._early.popleft()
        while True:
            for message in self._messages:
                return message
            self.flush()
            self._fill()
            self._messages = self._stream.messages()

    def look(self) -> List[Any]:
        """Messages that have come while a task runs; they stay to be read by next()."""
        while not self.ended and self._poll.poll(0):
            try:
                self._fill()
            except End:
                break  # next() finds it again
        self._early.extend(self._stream.messages())
        return list(self._early)

    def _fill(self) -> None:
        try:
            if self._socket is None:
                data = os.read(self._reader, self._room)
            else:
                data, ancillary, _, _ = self._socket.recvmsg(self._room, _SPACE, socket.MSG_CMSG_CLOEXEC)
                for level, kind, fds in ancillary:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        self.arrivals.add(fds)
        except ConnectionError:
            data = b""
        if not data:
            self.ended = True
            raise End
        self._room = _LARGE if len(data) == self._room else _SMALL
        self._stream.feed(data)

    # ---- Out

    def put(self, message: bytes) -> None:
        """Has a message sent before the worker waits, or with flush()."""
        self.answers.append(message)
        self._size += len(message)
        if self._size > _GATHER:
            self.flush()

    def flush(self) -> None:
        if not self.answers:
            return
        data = memoryview(b"".join(self.answers))
        self.answers.clear()
        self._size = 0
        try:
            while data:
                data = data[os.write(self._writer, data):]
        except (BrokenPipeError, ConnectionError):
            raise End from None


def from_environment(environment: Mapping[str, str] = os.environ) -> Channel:
    """
    The channel that morod has given to this program. With stdio, what is printed goes to stderr from
    then on, and stdin is empty: nothing else may write to the channel.
    """
    if environment.get("MORO_CHANNEL") == "stdio":
        sys.stdout.flush()
        reader, writer = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        return Channel(reader, writer)
    number = environment.get("MORO_FD", "")
    if not number.isdigit():
        raise NoChannel("neither MORO_FD nor MORO_CHANNEL is set: morod starts workers, or run(connect=...) dials in; see the section Workers")
    try:
        os.set_inheritable(int(number), False)
    except OSError as e:
        raise NoChannel(f"MORO_FD is {number}, which is no descriptor: {e.strerror}") from None
    return Channel(int(number), int(number))
