"""
moroctl top, shown in tmux and read from its screen, while a server is at work:
it shows what runs and what waits, sorts, cancels one task, and harms no other.
"""

import re
import shutil
import threading

import pytest

from harness import wait_until
from scale import FULL
from test_top import Screen

CLIENTS = 3
LOOKS = 20 if FULL else 3  # at the screen, in each order

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


class Load(threading.Thread):
    """A client that goes on until it is told to stop."""

    def __init__(self, d):
        super().__init__(daemon=True)
        self.client = d.client()
        self.stop = threading.Event()
        self.done = 0
        self.failed = []

    def run(self):
        while not self.stop.is_set():
            tasks = [self.client.submit("debug:sleep", {"ms": 5}) for _ in range(20)]
            for task in tasks:
                error, _ = task.wait()
                self.failed += [error] if error is not None else []
                self.done += 1


def test_top_screen(morod):
    """As somebody sees it who looks at a busy server."""
    with morod(workers=3) as d, d.client() as c, Screen(d.socket) as s:
        loads = [Load(d) for _ in range(CLIENTS)]
        [load.start() for load in loads]
        # a number that no task of the others has
        long = c.start("debug:sleep", {"ms": 3600000}, {"priority": "high"}, msgid=777777)
        s.run("moroctl top --interval 100ms")
        s.wait(rf"^morod [0-9.]+, up \S+, clients {CLIENTS + 2}$")
        s.wait(r"^workers 3, running [123], queued \d+ of 1000, ")
        for key, order in (("b", "bytes"), ("t", "type"), ("r", "running")):
            s.keys(key)
            s.wait(rf"^tasks by {order}")
            for _ in range(LOOKS):
                s.wait(r"(running|queued) +debug:sleep")
                assert all(len(line) <= 80 for line in s.lines())
        # by running time the long one is the first, from the second look on:
        # in the first it may have begun after one of the others
        wait_until(lambda: s.tasks()[:1] == [(str(long.msgid), "running", "debug:sleep")],
                   "the long one to be the first")
        s.keys("Home", "x")
        s.wait(rf"^cancel client \d+, msgid {long.msgid}\? \(y/n\)")
        s.keys("y")
        assert long.error()["reason"] == "admin"
        s.wait(r"^cancelled: ")
        s.keys("q")
        s.wait(r"prompt>")
        screen = s.text()
        [load.stop.set() for load in loads]
        [load.join() for load in loads]
        assert not re.search(r"tasks by", screen)
        assert [e for load in loads for e in load.failed] == []
        assert all(load.done > 0 for load in loads)
        [load.client.close() for load in loads]
        print(f"{sum(load.done for load in loads)} tasks beside the screen")
