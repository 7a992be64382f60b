"""A client's socket: connected, non-blocking, with descriptors at the places where they belong."""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque
from typing import Deque, List, Optional, Tuple

from .errors import NoServer, WaitTimeout

_READ = 1 << 16  # memory for more than 128 KiB is mapped anew each time, which costs 10 us


def connect(path: str, timeout: Optional[float]) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
        sock.setblocking(False)
        return sock
    except socket.timeout:
        sock.close()
        raise WaitTimeout(f"{path}: no connection within {timeout} s") from None
    except OSError as e:
        sock.close()
        raise NoServer(f"{path}: {e.strerror or e}; is morod running there?", errno=e.errno) from None


class Outbox:
    """What is to be sent, in order. Descriptors are its own until they are sent."""

    def __init__(self) -> None:
        self._parcels: Deque[Tuple[memoryview, List[int]]] = deque()
        self.size = 0

    def put(self, data: bytes, fds: List[int]) -> None:
        own: List[int] = []
        try:
            for fd in fds:
                own.append(os.dup(fd))
        except OSError:
            _close(own)
            raise
        self._parcels.append((memoryview(data), own))
        self.size += len(data)

    def send(self, sock: socket.socket) -> bool:
        """Sends what the socket takes now; gives whether that was all. Raises OSError."""
        while self._parcels:
            data, fds = self._parcels[0]
            try:
                if fds:
                    sent = socket.send_fds(sock, [data], fds)
                else:
                    sent = sock.send(data)
            except (BlockingIOError, InterruptedError):
                return False
            _close(fds)
            self.size -= sent
            if sent == len(data):
                self._parcels.popleft()
            else:
                self._parcels[0] = (data[sent:], [])
        return True

    def clear(self) -> None:
        for _, fds in self._parcels:
            _close(fds)
        self._parcels.clear()
        self.size = 0


def _close(fds: List[int]) -> None:
    while fds:
        os.close(fds.pop())


def receive(sock: socket.socket) -> Optional[bytes]:
    """Bytes that are there, b"" at the end of the connection, None if there is nothing yet."""
    try:
        return sock.recv(_READ)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError:
        return b""


def wait(sock: socket.socket, write: bool, deadline: Optional[float]) -> None:
    """Waits until there is something to read, or room to write, or it is too late."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | (select.POLLOUT if write else 0))
    poll.poll(None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000)


def wait_room(sock: socket.socket, timeout: float) -> None:
    """Waits until there is room to write, for at most so long."""
    poll = select.poll()
    try:
        poll.register(sock, select.POLLOUT)
        poll.poll(timeout * 1000)
    except (OSError, ValueError):
        pass  # closed meanwhile


def close(sock: socket.socket) -> None:
    """Ends a connection; a thread that waits for it wakes up, as it would not by close() alone."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()


def deadline(timeout: Optional[float]) -> Optional[float]:
    return None if timeout is None else time.monotonic() + timeout


def late(deadline: Optional[float]) -> bool:
    return deadline is not None and time.monotonic() >= deadline


def now() -> float:
    return time.monotonic()
