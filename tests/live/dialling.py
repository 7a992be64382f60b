"""A worker that dials in, played by the test: what it says and does, message by message."""

import contextlib
import re
import select
import socket

import msgpack
import pytest

from harness import DEADLINE, ROOT, TaskError

POOL = "[pool w]\nserve = own\nworkers = 4\n"


class Gone(Exception):
    """morod has closed the connection."""


class Worker:
    """A connection that is a worker's, once serve() was answered; the test does its tasks."""

    def __init__(self, d):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(d.socket)
        self.unpacker = msgpack.Unpacker(strict_map_key=False)
        self.early = []  # messages that were read and not asked for yet
        self.send([0, 1, "hello", [{"client": "worker"}]])
        self.hello = self.answer(1)

    def send(self, *messages):
        self.sock.sendall(b"".join(msgpack.packb(m) for m in messages))

    def next(self):
        """The next message."""
        while True:
            if self.early:
                return self.early.pop(0)
            try:
                read = self.sock.recv(1 << 20)
            except ConnectionResetError:
                read = b""
            if not read:
                raise Gone
            self.feed(read)

    def feed(self, read):
        self.unpacker.feed(read)
        self.early += self.unpacker

    def is_ready(self):
        """Whether next() need not wait."""
        return bool(self.early or select.select([self.sock], [], [], 0)[0])

    def answer(self, n):
        kind, msgid, error, result = self.next()
        assert (kind, msgid) == (1, n)
        if error is not None:
            raise TaskError(error)
        return result

    def serve(self, *params):
        self.send([0, 2, "serve", list(params)])
        return self.answer(2)

    def task(self):
        """The next task: its number, type, data and info."""
        kind, n, name, (data, info) = self.next()
        assert kind == 0
        return n, name, data, info

    def do(self, result=None):
        """Does one task, by giving its data back if nothing else."""
        n, name, data, info = self.task()
        self.send([1, n, None, data if result is None else result])
        return data

    def is_closed(self):
        with pytest.raises(Gone):
            self.next()
        return True

    def close(self):
        self.sock.close()


@contextlib.contextmanager
def served(morod, tmp_path, text=POOL, **options):
    """A morod with such a pool, and a client of it."""
    conf = tmp_path / "m.conf"
    conf.write_text(text)
    with morod(config=conf, **options) as d, d.client() as c:
        yield d, c


def dial(d, types=("t:echo",), pool=None):
    w = Worker(d)
    w.said = w.serve(list(types), *([{"pool": pool}] if pool else []))
    return w


def slots(d, pool=1):
    return d.stats()["pools"][pool]["workers"]


def wait_slots(d, n):
    """Waits until so many workers are there."""
    d.wait(lambda s: len(s["pools"][1]["workers"]) == n, begun=False)


def page():
    """What server/PROGRAMS.md shows: the section of the configuration, and the worker."""
    text = (ROOT / "server" / "PROGRAMS.md").read_text()
    text = text[text.index("## Dialling in"):]
    return [re.search(rf"```{kind}\n(.*?)```", text, re.S)[1] for kind in ("ini", "python")]


def refusal(d, *params):
    w = Worker(d)
    with pytest.raises(TaskError) as caught:
        w.serve(*params)
    # refused, it is a client as before
    w.send([0, 9, "ping", []])
    assert w.answer(9) == "pong"
    w.close()
    return caught.value.error


def dial_if_free(d, types):
    try:
        return dial(d, types)
    except TaskError as e:
        assert e.reason == "workers"
        return None
