"""Faults of workers: they die, stop, take their time, and say what they must not."""

import os
import signal

import rogue
from faults import fault, wait_until

KILLS = 6
STOPPED_S = 0.3
CRASHES = ({"signal": "SIGSEGV"}, {"signal": "SIGABRT"}, {"exit": 0}, {"exit": 100}, {"signal": "SIGBUS"})
ROGUE_TIMEOUT_MS = 150
ROGUE_TASKS = 2
LOUD = ("flood", "flood_of_answers", "prints")  # they might slow others down


def own_workers(arena):
    """Pids of the default pool's workers that are ready, the oldest first."""
    s = arena.d.stats()
    return [w["pid"] for w in sorted(s["pools"][0]["workers"], key=lambda w: -(w["ageMs"] or 0))
            if w["state"] in ("idle", "busy")]


def signal_to(pid, sig):
    """False: a limit was quicker."""
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        return False
    return True


@fault("workers", "worker killed")
def worker_killed(arena):
    done = 0
    with arena.d.client() as c:
        while done < KILLS:
            before = c.stats()["completed"]
            pids = own_workers(arena)
            if len(pids) > 1 and signal_to(arena.rng.choice(pids[:2]), signal.SIGKILL):
                done += 1
            wait_until(lambda: c.stats()["completed"] > before + 5)
    return done


@fault("workers", "worker stopped")
def worker_stopped(arena):
    """One is let go on, another is killed while it is stopped."""
    for last in (signal.SIGCONT, signal.SIGKILL):
        pid = own_workers(arena)[0]
        if signal_to(pid, signal.SIGSTOP):
            arena.wait(STOPPED_S)
            signal_to(pid, last)
    return 2


@fault("workers", "worker slow")
def worker_slow(arena):
    """Two of them are busy with one task all the time."""
    with arena.d.client() as c:
        calls = [c.submit("debug:sleep", {"ms": 400}, priority="low") for _ in range(2)]
        assert [p.result() for p in calls] == [400, 400]
        assert_counted(c)
    return len(calls)


@fault("workers", "worker crashes")
def worker_crashes(arena):
    with arena.d.client() as c:
        for how in CRASHES:
            error = c.submit("debug:crash", how).error()
            assert error["code"] == "WORKER_ERROR" and error["reason"] == "crashed", error
        assert_counted(c)
    return len(CRASHES)


def assert_counted(c):
    """What this client has asked for was answered, and nothing else was."""
    c.request("ping")
    assert c.pending == {} and c.extra == [], (c.pending, c.extra)


def misbehave(arena, how):
    """Bad tasks among good ones of the same pool: one answer each, also of the bad."""
    with arena.d.client() as c:
        calls = []
        for i in range(ROGUE_TASKS):
            good = [c.submit("rogue:echo", i) for _ in range(3)]
            bad = c.submit("rogue:act", {"how": how}, timeout=ROGUE_TIMEOUT_MS, idempotent=False)
            calls.append((i, good, bad))
        for i, good, bad in calls:
            if how in rogue.GOOD:
                assert bad.wait(30)[1] in (rogue.GOOD[how], None), bad.answer
            else:
                error = bad.error()
                assert error["code"] in ("WORKER_ERROR", "TIMEOUT"), error
            for p in good:
                error, result = p.wait(30)
                # one that was begun behind the bad task is told what became of it
                assert result == i or error["reason"] in ("crashed", "protocol"), p.answer
        assert_counted(c)
    return ROGUE_TASKS


def rogue_fault(how, name):
    def inject(arena):
        return misbehave(arena, how)

    fault("workers", f"worker: {name}", paced=how in LOUD)(inject)


for way, words in (
    ("half", "half an answer, dies"),
    ("half_hangs", "half an answer, hangs"),
    ("wrong_id", "wrong id"),
    ("twice", "answers twice"),
    ("rubbish", "rubbish"),
    ("claims", "claims 4 G values"),
    ("too_large", "claims 4 GiB"),
    ("flood", "floods with progress"),
    ("flood_of_answers", "floods with answers"),
    ("asks", "asks like a client"),
    ("prints", "prints without end"),
    ("byte_by_byte", "a byte at a time"),
    ("stops", "stops itself"),
    ("closes", "closes its socket"),
    ("deaf", "never answers"),
):
    rogue_fault(way, words)
