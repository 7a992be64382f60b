"""A server that is played by the test: what it gets and says is in the test's hands."""

import os
import queue
import socket
import tempfile
import threading

import msgpack

from harness import DEADLINE

LIMITS = {"maxFrame": 64 << 20, "maxDepth": 32, "maxValues": 1000000, "maxMethod": 128}


def answer(msgid, result):
    return [1, msgid, None, result]


def refusal(msgid, code, message="because", **fields):
    return [1, msgid, {"code": code, "message": message, "retryable": False, **fields}, None]


class Scripted:
    """Greets one client and hands out what it sends: [kind, msgid, method, params]."""

    def __init__(self, limits=LIMITS, features=()):
        self.folder = tempfile.TemporaryDirectory(prefix="moro-scripted-")
        self.socket = os.path.join(self.folder.name, "s")
        self.hello = {"version": "0.1.0", "limits": limits, "features": list(features)}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen(1)
        self.received = queue.Queue()
        self.connection = None
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        if self.connection:
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        # wakes an accept() that nobody came to
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(DEADLINE)
        if self.connection:
            self.connection.close()
        self.listener.close()
        self.folder.cleanup()

    def _serve(self):
        try:
            self.connection, _ = self.listener.accept()
            unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 30)
            while data := self.connection.recv(1 << 20):
                unpacker.feed(data)
                for message in unpacker:
                    if message[0] == 0 and message[2] == "hello":
                        self.answer(message[1], self.hello)
                    else:
                        self.received.put(message)
        except OSError:
            pass
        self.received.put(None)

    def next(self):
        """The next message of the client; None: it has gone."""
        return self.received.get(timeout=DEADLINE)

    def expect(self, method):
        """The next message, which must be a request of this method: msgid and params."""
        kind, msgid, got, params = self.next()
        assert (kind, got) == (0, method)
        return msgid, params

    def say(self, *messages):
        """Sends messages in one piece: the client may have gone after any of them."""
        self.connection.sendall(b"".join(msgpack.packb(m) for m in messages))

    def answer(self, msgid, result):
        self.say(answer(msgid, result))

    def refuse(self, msgid, code, message="because", **fields):
        self.say(refusal(msgid, code, message, **fields))

    def progress(self, msgid, **fields):
        self.say([2, "progress", [msgid, fields]])
