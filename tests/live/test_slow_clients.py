"""Clients that do not take their answers: they are not read from, and in the end dropped."""

import contextlib
import threading

import msgpack
import pytest

from faultpage import FaultPage
from faults import LIBRARY
from harness import wait_until

N = 400
DATA = b"x" * 50_000
WAITS = {"onFull": "wait"}  # no more than a few are done before it is known to be slow
MINUTE = 61  # seconds, and a little


class Deaf:
    """A client that sends N requests and reads nothing until it is told to."""

    def __init__(self, d):
        self.d = d
        self.c = d.client()
        self.sending = threading.Thread(target=self.send, daemon=True)
        self.sending.start()
        wait_until(self.is_stuck, "a client that is not read from")

    def send(self):
        with contextlib.suppress(OSError):
            for n in range(N):
                self.c.send_bytes(msgpack.packb([0, 1000 + n, "debug:echo", [DATA, WAITS]]))

    def is_stuck(self):
        """All that was taken is done, and more is not taken."""
        s = self.d.stats()
        return s["unreadBytes"] > 1 << 20 and s["completed"] == s["submitted"]

    def read_some(self):
        """So little that more is left."""
        self.c.unpacker.feed(self.c.sock.recv(1 << 14))
        for message in self.c.unpacker:
            self.c.extra.append(message)

    def read_all(self):
        self.c.read_until(lambda: len(self.c.extra) == N)
        self.sending.join()
        return sorted(m[1] for m in self.c.extra)


@pytest.fixture
def page(tmp_path):
    return FaultPage(tmp_path / "page")


@pytest.fixture
def slow(morod, page):
    with morod(max_frame="1M", workers=1, max_client_tasks=20, env=page.env(LIBRARY)) as d:
        yield d


def test_late_reader(slow):
    """What it has not sent yet stays with it; then it gets all, each once."""
    deaf = Deaf(slow)
    s = slow.stats()
    assert s["submitted"] < N and s["unreadBytes"] < 8 << 20
    assert deaf.sending.is_alive()
    assert deaf.read_all() == list(range(1000, 1000 + N))
    assert slow.stats()["clientsDropped"] == 0


def test_no_reader(slow, page):
    """It is dropped after a minute; another goes on all the time."""
    deaf = Deaf(slow)
    page.later_s = MINUTE
    with slow.client() as c:
        wait_until(lambda: c.stats()["clientsDropped"] == 1)
        assert c.stats()["unreadBytes"] == 0
        assert c.call("debug:echo", 1) == 1
    assert "dropped: it takes no answers" in slow.log()
    deaf.sending.join()


def test_slow_reader(slow, page):
    """Who takes some of it has a minute anew."""
    deaf = Deaf(slow)
    with slow.client() as c:
        for later in (50, 100, 150):
            page.later_s = later
            before = c.stats()["unreadBytes"]
            while c.stats()["unreadBytes"] >= before:
                deaf.read_some()
        assert c.stats()["clientsDropped"] == 0
    assert deaf.read_all() == list(range(1000, 1000 + N))


def test_too_much(morod):
    """Where more has come together than is kept for one, it is dropped at once."""
    with morod(max_frame="64K", workers=1) as d, d.client() as c, d.client() as deaf:
        c.request("pause")
        for n in range(N):
            deaf.send_bytes(msgpack.packb([0, 1000 + n, "debug:echo", [b"x" * 30_000]]))
        d.wait(lambda s: s["queueSize"] == N)
        c.request("resume")
        d.wait(lambda s: s["clientsDropped"] == 1)
        assert "dropped: too much output waits for it" in d.log()
        assert c.call("debug:echo", 1) == 1
