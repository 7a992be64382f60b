"""One end of a socket to what is tested: messages in, bytes out in pieces, never blocking for long."""

import fcntl
import select
import socket
import struct
import termios
import time

import msgpack

from .notation import hexadecimal, new_unpacker

_READ = 1 << 16
_TAKEN_MS = 200  # that the other end has to take a piece, before the next one is sent all the same
_LOOK_S = 0.0003  # between two looks whether it has


class Garbled(Exception):
    """The other end sent what is no MessagePack."""


class Message:
    """A value that came, and its bytes."""

    def __init__(self, value, raw):
        self.value = value
        self.raw = raw


class Stream:
    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(False)
        self.came = []  # messages that nobody has asked for yet
        self.ended = False
        self.closed = False
        self._unpacker = new_unpacker()
        self._bytes = bytearray()  # from _at on
        self._at = 0

    def fileno(self):
        return self.sock.fileno()

    def read(self):
        """Takes what is there, and sorts it into messages."""
        try:
            data = self.sock.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            data = b""
        if not data:
            self.ended = True
            return
        self._bytes += data
        self._unpacker.feed(data)
        self._sort()

    def _sort(self):
        while True:
            try:
                value = self._unpacker.unpack()
            except msgpack.OutOfData:
                return
            except (msgpack.UnpackException, ValueError, TypeError) as e:
                raise Garbled(f"no MessagePack: {e}; {hexadecimal(bytes(self._bytes))}") from None
            size = self._unpacker.tell() - self._at
            self.came.append(Message(value, bytes(self._bytes[:size])))
            del self._bytes[:size]
            self._at += size

    def rest(self):
        """Bytes of a message that is not whole."""
        return bytes(self._bytes)

    def send(self, data, pieces, until):
        """
        Sends bytes, in pieces of that size (0: in one), each when the one before was taken. Gives what
        is wrong, or None.
        """
        step = pieces or max(len(data), 1)
        for at in range(0, len(data), step):
            wrong = self._write(data[at:at + step], until)
            if wrong:
                return wrong
            if pieces:
                self._wait_taken()
        return None

    def _write(self, piece, until):
        view = memoryview(piece)
        while view:
            left = until - time.monotonic()
            if left <= 0:
                return f"does not read: {len(view)} bytes were not taken"
            select.select([], [self.sock], [], left)
            try:
                view = view[self.sock.send(view):]
            except BlockingIOError:
                continue
            except ConnectionError:
                return "has closed the connection"
        return None

    def _wait_taken(self):
        """Waits until the other end has read all: so each piece is a read of its own there."""
        until = time.monotonic() + _TAKEN_MS / 1000
        while self._unread() and time.monotonic() < until:
            time.sleep(_LOOK_S)

    def _unread(self):
        # SIOCOUTQ has this number, too: of a Unix socket what its peer has not read
        return struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4))[0]

    def end_writing(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other end was faster

    def close(self):
        self.closed = True
        self.sock.close()
