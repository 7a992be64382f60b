"""Faults of the dispatcher and the master: they die or stop."""

import os
import signal

from faults import alive, fault, wait_until

STOPPED_S = 0.3


@fault("processes", "dispatcher killed", cuts=True)
def dispatcher_killed(arena):
    kill_dispatcher(arena, signal.SIGKILL)
    return 1


@fault("processes", "dispatcher crashes", cuts=True)
def dispatcher_crashes(arena):
    kill_dispatcher(arena, signal.SIGSEGV)
    return 1


def kill_dispatcher(arena, sig):
    """Its death is seen, and there is another one."""
    pid = arena.d.dispatcher_pid()
    workers = arena.d.worker_pids()
    os.kill(pid, sig)
    wait_until(lambda: not alive(pid), "the dispatcher's end")
    wait_until(lambda: not any(alive(p) for p in workers), "its workers' end")
    assert arena.d.dispatcher_pid() != pid


@fault("processes", "dispatcher stopped", paced=False)
def dispatcher_stopped(arena):
    pid = arena.d.dispatcher_pid()
    os.kill(pid, signal.SIGSTOP)
    arena.wait(STOPPED_S)
    os.kill(pid, signal.SIGCONT)
    return 1


@fault("processes", "master stopped")
def master_stopped(arena):
    """Workers die meanwhile: nobody replaces them, the others go on."""
    from faults_workers import own_workers, signal_to

    os.kill(arena.d.process.pid, signal.SIGSTOP)
    try:
        for pid in own_workers(arena)[:2]:
            signal_to(pid, signal.SIGKILL)
        arena.wait(STOPPED_S)
    finally:
        os.kill(arena.d.process.pid, signal.SIGCONT)
    return 1


@fault("processes", "master killed", cuts=True)
def master_killed(arena):
    """All die with it, and the next one takes the same path."""
    pids = arena.d.pids()
    os.kill(arena.d.process.pid, signal.SIGKILL)
    arena.d.process.wait()
    wait_until(lambda: not any(alive(p) for p in pids), "no orphan", 2)
    arena.restart()
    return 1
