"""Faults of what the system gives: descriptors, memory, processes, files, the time of day."""

import contextlib
import errno
import os
import resource
import signal

from allocations import EXCHANGES, exchange
from faults import fault, wait_until
from faults_workers import own_workers, signal_to

BEYOND = 10  # clients more than there are descriptors for
SHORT_S = 0.3
FORKS = 3
TEN_YEARS_S = 10 * 365 * 86400
STEP_S = 0.15
REFUSALS = 40  # allocations that fail in one go
SPARE = 3  # allocations between two of them, at most


@contextlib.contextmanager
def few_descriptors(pid, beside):
    """A process that may have only so many more than it has."""
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    most = max(int(n) for n in os.listdir(f"/proc/{pid}/fd")) + 1 + beside
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, old[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, old)


@fault("resources", "dispatcher out of descriptors", cuts="files")
def dispatcher_descriptors(arena):
    """New clients wait; who is there goes on, but for files that cannot come in."""
    pid = arena.d.dispatcher_pid()
    with arena.d.client() as c, few_descriptors(pid, 2):
        waiting = [arena.d.client(hello=False) for _ in range(BEYOND)]
        arena.wait(SHORT_S)
        assert c.call("debug:echo", 1) == 1
    pending = [w.start("ping") for w in waiting]
    assert [p.wait()[1] for p in pending] == ["pong"] * BEYOND
    for w in waiting:
        w.close()
    return 1


@fault("resources", "master out of descriptors")
def master_descriptors(arena):
    """A worker that dies is not replaced until there are some."""
    with few_descriptors(arena.d.process.pid, 0):
        before = arena.d.log().count("cannot start worker")
        signal_to(own_workers(arena)[0], signal.SIGKILL)
        wait_until(lambda: arena.d.log().count("cannot start worker") > before, "a failed start")
        arena.wait(SHORT_S)
    return 1


@fault("resources", "fork fails")
def fork_fails(arena):
    before = arena.page.forks_failed
    arena.page.fork_fails = FORKS
    signal_to(own_workers(arena)[0], signal.SIGKILL)
    wait_until(lambda: arena.page.forks_failed == before + FORKS, "forks that fail")
    return FORKS


@fault("resources", "clock jumps")
def clock_jumps(arena):
    """Ten years ahead, and back behind: nothing is late because of that."""
    jumps = (TEN_YEARS_S, 0, -TEN_YEARS_S, 3600, 0)
    with arena.d.client() as c:
        before = arena.d.stats()["uptimeMs"]
        for wall_s in jumps:
            call = c.submit("debug:sleep", {"ms": 100}, timeout=60000, retry={"max": 1})
            arena.page.wall_s = wall_s
            arena.wait(STEP_S)
            assert call.result() == 100
        assert 0 < arena.d.stats()["uptimeMs"] - before < 60000
    return len(jumps)


@fault("resources", "/run full")
def run_full(arena):
    """Nothing can be made in its folder: a server that runs needs nothing there."""
    arena.page.file_errno = errno.ENOSPC
    try:
        signal_to(own_workers(arena)[0], signal.SIGKILL)
        arena.wait(SHORT_S)
    finally:
        arena.page.file_errno = 0
    return 1


@fault("resources", "memory refused", cuts=True)
def memory_refused(arena):
    """One allocation of the dispatcher after the other: whoever is hit is told, or cut off."""
    page = arena.page
    pid = arena.d.dispatcher_pid()
    before = page.failed
    page.allocations = 0
    page.pid = pid
    try:
        for _ in range(REFUSALS):
            page.fail_at = page.allocations + 1 + arena.rng.randint(0, SPARE)
            exchange(arena, arena.rng.choice(EXCHANGES))
    finally:
        page.fail_at = 0
        page.pid = 0
    assert arena.d.dispatcher_pid() == pid, "the dispatcher died for want of memory"
    return page.failed - before
