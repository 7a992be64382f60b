"""A peer of a client that is no morod: it answers hello, and then does what the test wants."""

import socket
import threading

import msgpack


class Played:
    """A peer that is no morod: it answers hello, and then does what the test wants."""

    LIMITS = {"maxFrame": 1 << 20, "maxDepth": 32, "maxValues": 1000, "maxMethod": 128}

    def __init__(self, tmp_path, hello=None):
        self.path = str(tmp_path / "played.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(20)
        self.hello = {"limits": self.LIMITS} if hello is None else hello
        self.failure = None

    def run(self, play):
        def body():
            try:
                sock = self.listener.accept()[0]
                sock.settimeout(20)
                with sock:
                    unpacker = msgpack.Unpacker()
                    unpacker.feed(sock.recv(65536))
                    assert unpacker.unpack()[2] == "hello"
                    sock.sendall(msgpack.packb([1, 0, None, self.hello]))
                    play(sock, unpacker)
            except BaseException as e:
                self.failure = e

        self.thread = threading.Thread(target=body)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join(20)
        self.listener.close()
        assert self.failure is None, self.failure


def next_message(sock, unpacker):
    while True:
        for message in unpacker:
            return message
        data = sock.recv(65536)
        assert data
        unpacker.feed(data)
