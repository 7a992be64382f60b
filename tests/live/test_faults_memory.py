"""
Memory is refused: each allocation of the dispatcher fails once, in turn. Whatever
it was for, the dispatcher lives, and each request is answered once, or its
connection ends. Among other tests each third does, or with sanitizers each ninth;
MORO_FAULTS_FULL=1, as tools/faults has it, takes all of them.
"""

import contextlib
import itertools
import os
import types

import pytest

from allocations import EXCHANGES, exchange, reload, sweep
from faultpage import FaultPage
from faults import LIBRARY, Arena, Row
from harness import SANITIZED, Daemon, wait_until

FULL = os.environ.get("MORO_FAULTS_FULL") == "1"
STRIDE = 1 if FULL else 9 if SANITIZED else 3
MASTER_STRIDE = 7 if FULL else 20
LEAST = 4 if FULL else 1  # that fail in a sweep
STARTS = (1, 2, 3, 5, 8, 13, 21, 34)  # allocations of a dispatcher that begins


@pytest.fixture(scope="module")
def arena():
    with Arena(workers=2) as a:
        a.page.pid = 0
        yield a


def suffer(arena, name, pid, what, stride):
    """Sweeps, and sees that nothing is left of it; a row of the table."""
    arena.settle()
    for _ in range(3):
        exchange(arena, what)  # what is kept from then on is there
    before = arena.snapshot()
    arena.honest.go()
    dispatcher = arena.d.dispatcher_pid()
    failed, places = sweep(arena, what, pid, stride, offset=arena.rng.randrange(stride))
    row = Row(name, injected=failed)
    row.add(arena.settle())
    assert failed >= LEAST and places > 0, (failed, places)
    assert arena.d.dispatcher_pid() == dispatcher
    assert (row.lost, row.duplicated, row.wrong) == (0, 0, 0), row
    arena.wait_whole()
    arena.returned(before)
    row.note()
    print(f"{failed} allocations failed, at {places} places")


@pytest.mark.parametrize("what", EXCHANGES, ids=lambda f: f.__name__)
def test_each_allocation_fails(arena, what):
    """One after the other, in a dispatcher that lives through all of it."""
    suffer(arena, f"memory refused: {what.__name__}", arena.d.dispatcher_pid(), what, STRIDE)


def replacement(arena, c):
    """A worker's last task, and the next one's first."""
    c.submit("debug:sleep", {"ms": 60000}, runTimeout=1)
    c.submit("debug:echo", 1)


def test_each_worker_is_heard(tmp_path):
    """Whatever fails when a worker comes: what it prints is in the log later."""
    page = FaultPage(tmp_path / "page")
    with Daemon(workers=1, env=page.env(LIBRARY)) as d:
        said = itertools.count()

        def hear():
            text = f"heard {next(said)}\n"
            with d.client() as c:
                c.call("debug:print", {"text": text})
            d.wait_log(text)

        pid = d.dispatcher_pid()
        failed, _ = sweep(types.SimpleNamespace(page=page, path=d.socket, d=d), replacement, pid,
                          after=hear)
        assert failed >= LEAST
        assert d.dispatcher_pid() == pid


def test_master_reloads_without_memory(arena):
    """The master lives, and says that the configuration stays, or that it is read."""
    suffer(arena, "memory refused: master", arena.d.process.pid, reload, MASTER_STRIDE)


def test_dispatcher_starts_without_memory(tmp_path):
    """One that cannot begin says so, and the master starts another one."""
    with contextlib.ExitStack() as stack:
        servers = []
        for n in STARTS:
            page = FaultPage(tmp_path / f"page-{n}")
            page.birth = 1  # the first child
            page.fail_at = n
            d = stack.enter_context(Daemon(env=page.env(LIBRARY), wait=False))
            servers.append((page, d))
        for page, d in servers:
            d.wait_log("ready on")
            wait_until(lambda: page.failed == 1, "an allocation that fails")
            with d.client() as c:
                assert c.call("debug:echo", 1) == 1
            log = d.log()
            assert log.count("fatal") <= 1
            if "fatal" in log:
                assert "cannot set up the dispatcher: out of memory" in log
                assert "the dispatcher exited with status 1" in log
        assert any("fatal" in d.log() for _, d in servers)
