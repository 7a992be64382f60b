"""
A worker that is a program, and misbehaves as its task says: python3 rogue.py in a
[pool] of its own. rogue:echo gives its data back; rogue:act {how} does it wrong.
"""

import os
import signal
import socket
import time

import msgpack

BACKLOG = 300  # pieces of a flood
sock = None


def answer(n, result):
    return msgpack.packb([1, n, None, result])


def half(n):
    """The beginning of an answer, and the end of the process."""
    sock.sendall(answer(n, "x" * 100)[:50])
    os._exit(0)


def half_hangs(n):
    """The beginning of an answer, and nothing more."""
    sock.sendall(answer(n, "x" * 100)[:50])
    time.sleep(3600)


def wrong_id(n):
    sock.sendall(answer(n + 1000, "not yours"))
    time.sleep(3600)


def twice(n):
    sock.sendall(answer(n, "once") + answer(n, "twice"))


def rubbish(n):
    sock.sendall(b"\xc1\xff\x00GET / HTTP/1.1\r\n" * 100)
    time.sleep(3600)


def claims(n):
    """An answer that says it has four thousand million values."""
    sock.sendall(b"\x94\x01" + msgpack.packb(n) + b"\xc0\xdd\xff\xff\xff\xff")
    time.sleep(3600)


def too_large(n):
    """An answer that says it is longer than any may be."""
    sock.sendall(b"\x94\x01" + msgpack.packb(n) + b"\xc0\xc6\xff\xff\xff\xff" + b"x" * 1000)
    time.sleep(3600)


def flood(n):
    """Messages that nobody waits for, without end."""
    piece = b"".join(msgpack.packb([2, "progress", [n, {"percent": 1}]]) for _ in range(500))
    for _ in range(BACKLOG):
        sock.sendall(piece)
    sock.sendall(answer(n, "after a flood"))


def flood_of_answers(n):
    piece = b"".join(answer(n + 1 + i, "y" * 1000) for i in range(100))
    for _ in range(BACKLOG):
        sock.sendall(piece)
    time.sleep(3600)


def asks(n):
    """It behaves as if it was a client, and an admin."""
    sock.sendall(msgpack.packb([0, 1, "shutdown", []]) + msgpack.packb([0, 2, "debug:echo", [1]]))
    time.sleep(3600)


def prints(n):
    """More than the log takes, and then an answer."""
    for _ in range(BACKLOG):
        os.write(2, b"a line that nobody needs\n" * 100)
    sock.sendall(answer(n, "after printing"))


def byte_by_byte(n):
    """A right answer, slowly."""
    for b in answer(n, "slow"):
        sock.sendall(bytes([b]))
        time.sleep(0.005)


def stops(n):
    os.kill(os.getpid(), signal.SIGSTOP)
    sock.sendall(answer(n, "too late"))


def closes(n):
    """Its socket ends, it does not."""
    sock.shutdown(socket.SHUT_RDWR)
    time.sleep(3600)


def deaf(n):
    """It reads nothing any more."""
    time.sleep(3600)


WAYS = {f.__name__: f for f in (
    half, half_hangs, wrong_id, twice, rubbish, claims, too_large, flood,
    flood_of_answers, asks, prints, byte_by_byte, stops, closes, deaf)}

# Those that come to an end by themselves, and well.
GOOD = {"twice": "once", "flood": "after a flood", "prints": "after printing",
        "byte_by_byte": "slow"}


def main():
    global sock
    sock = socket.socket(fileno=int(os.environ["MORO_FD"]))
    unpacker = msgpack.Unpacker()
    while read := sock.recv(1 << 16):
        unpacker.feed(read)
        for kind, *message in unpacker:
            if kind != 0:
                continue
            n, method, params = message
            if method == "hello":
                sock.sendall(answer(n, {"types": ["rogue:echo", "rogue:act"]}))
            elif method == "rogue:echo":
                sock.sendall(answer(n, params[0]))
            else:
                WAYS[params[0]["how"]](n)


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, ConnectionResetError):
        pass
