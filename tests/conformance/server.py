"""The kit as the client of a server: what it answers, to the byte."""

import os
import socket
import tempfile
import time

import msgpack

from . import notation
from .process import Command
from .running import CannotStart, Failure, Run
from .stream import Stream
from .vectors import Book, Vector

_PAUSE_S = 0.01  # between two attempts to connect to a server that starts
_FIRST = 1  # the msgid that is given first where the client has the choice
_HELLO = msgpack.packb([0, 0, "hello", [{"errors": "map"}]])
_HELLO_ANSWER = "940100c0 {any}"


class Server:
    """The server that is tested: one for all vectors."""

    def __init__(self, words, deadline_s):
        self.folder = tempfile.TemporaryDirectory(prefix="moro-conformance-")
        self.path = os.path.join(self.folder.name, "s")
        self.command = Command(words, {"MORO_SOCKET": self.path})
        try:
            self.connect(deadline_s).close()
        except BaseException:
            self.close()
            raise

    def connect(self, deadline_s):
        until = time.monotonic() + deadline_s
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(self.path)
                return sock
            except OSError as e:
                sock.close()
                if self.command.process.poll() is not None:
                    raise CannotStart(self.command.said() or "it has ended") from None
                if time.monotonic() > until:
                    raise CannotStart(f"nobody listens on MORO_SOCKET: {e.strerror}") from None
            time.sleep(_PAUSE_S)

    def close(self):
        # it may have started others, which only it can end
        self.command.process.terminate()
        self.command.wait(5)
        self.command.end()
        self.folder.cleanup()


class ServerRun(Run):
    def __init__(self, book, vector, deadline_s, server):
        super().__init__(book, vector, deadline_s)
        self.stream = Stream(server.connect(deadline_s))

    def check_bytes(self, text, raw):
        """Without holes there is one way to say it."""
        if not notation.has_holes(text) and notation.fill(text, {}) != raw:
            raise Failure(
                "the value is right, the bytes are not",
                f"expected:  {notation.hexadecimal(notation.fill(text, {}))}",
                f"what came: {notation.hexadecimal(raw)}",
            )


def turned(vector):
    """
    A client's vector from the other end: what the client sends is sent to the server, which must answer
    what the kit would have answered; so the kit speaks to clients as servers do.
    """
    numbers = {}
    steps = [{"send": _HELLO}, {"expect": _HELLO_ANSWER}]
    for step in vector.steps:
        if "expect" in step:
            for message in notation.pattern(step["expect"]):
                _number(message, numbers)
            steps.append({"send": notation.fill(step["expect"], numbers)})
        elif "send" in step:
            steps.append({"expect": notation.fill(step["send"], numbers)})
    steps = [{kind: data.hex() if isinstance(data, bytes) else data for kind, data in step.items()} for step in steps]
    return Vector("server", {**vector.given, "name": f"client/{vector.name}", "steps": steps})


def _number(message, numbers):
    """Gives a request a msgid, where the client had the choice."""
    if isinstance(message[1], notation.Hole):
        numbers[message[1].name] = _FIRST + len(numbers)


def vectors(book):
    """Those of servers, and those of clients that say what servers answer."""
    return book.vectors + [turned(vector) for vector in Book("client").vectors if vector.given.get("real")]
