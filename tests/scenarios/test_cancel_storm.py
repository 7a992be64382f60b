"""
Cancel storm: tasks of all kinds, and at once random cancels (by their clients,
by an administrator, as notifications), limits in time, clients that vanish or
half-close, workers that are killed. Each request is answered exactly once, with
an outcome that may be; nobody else is harmed; afterwards nothing is left.

MORO_SCENARIO_SEED repeats a run.
"""

import os
import pathlib
import random
import struct
import time

import pytest

from harness import DEADLINE, SANITIZED, wait_until
from scale import FULL
from storm import Load, Storm

TASKS = int(os.environ.get("MORO_SCENARIO_TASKS", 50000 if FULL else 2000))
SEED = int(os.environ.get("MORO_SCENARIO_SEED", 0)) or random.SystemRandom().getrandbits(32)
SECONDS = 60 + TASKS / (50 if SANITIZED else 200)
WINDOWS = (1, 16, 64, 256, 600)
GROWTH = 8 << 20  # bytes that the dispatcher may have grown by

CONFIG = """
[pool bulk]
workers = 2

[task debug:work]
pool = bulk

[task debug:sleep]
pool = bulk
max-running = 7

[task debug:spin]
max-running = 2
"""

GAUGES = ("queueSize", "activeTasks", "delayedTasks", "queuedBytes", "unreadBytes")
ENDS = ("completed", "failed", "timedOut", "cancelled", "refused")
# Which counter an answer counts for.
COUNTER = {
    "ok": "completed", "CANCELLED": "cancelled", "queue": "timedOut", "run": "timedOut",
    "failed": "failed", "crashed": "failed", "poison": "failed",
    "count": "refused", "client": "refused", "bytes": "refused",
    "INVALID_OPTION": "refused",
}


def n_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid):
    """Bytes of memory."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    line = next(x for x in text.splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) << 10


def is_calm(s):
    """Every gauge is 0, the workers are all there, and no client but the asking."""
    return all(s[g] == 0 for g in GAUGES) and all(
        p["parked"] == 0 and sum(p["queue"].values()) == 0 and p["state"] == "up"
        and len([w for w in p["workers"] if w["state"] == "idle"]) == p["min"]
        and len(p["workers"]) == p["min"]
        for p in s["pools"])


def calm(admin):
    """Waits until nothing is left, and gives the statistics."""
    end = time.monotonic() + DEADLINE
    while True:
        s = admin.stats()
        if s["clients"] == 1 and is_calm(s):
            return s
        assert time.monotonic() < end, f"something is left: {s}"


def assert_counters(s, load, kills):
    """The server's numbers agree with the clients'."""
    assert s["submitted"] == sum(s[e] for e in ENDS), s
    seen = dict.fromkeys(ENDS, 0)
    for outcome, n in load.outcomes.items():
        seen[COUNTER[outcome]] += n
    answered = sum(seen.values())
    open_end = load.vanished + load.notified
    assert answered + open_end == load.made + load.bystander
    assert answered <= s["submitted"] <= answered + open_end
    for end in ENDS:
        assert seen[end] <= s[end] <= seen[end] + open_end, (end, seen, s)
    deaths = sum(w["restarts"] for p in s["pools"] for w in p["workers"])
    assert deaths <= len(kills) + load.crashes, ("nobody asked for them", deaths, len(kills))
    assert s["crashed"] >= sum(load.outcomes.get(o, 0) for o in ("crashed", "poison"))


def assert_outcomes(s):
    """By reason, by type and by priority it is the same sums."""

    def sums(outcomes):
        return {e: n if isinstance(n, int) else sum(n.values())
                for e, n in outcomes.items() if e in ENDS}

    def together(maps):
        each = [sums(m["outcomes"]) for m in maps]
        return {e: sum(x[e] for x in each) for e in ENDS}

    total = {e: s[e] for e in ENDS}
    assert sums(s["outcomes"]) == total, s["outcomes"]
    assert together(s["priorities"]) == total, s["priorities"]
    assert together(s["types"]) == total, s["types"]
    assert sum(s["outcomes"]["retried"].values()) == s["retried"]


def assert_tallies(path, load):
    """What was begun, was begun once; what was found waiting never was."""
    times = {}
    for (n,) in struct.iter_unpack("<I", path.read_bytes()):
        times[n] = times.get(n, 0) + 1
    assert [n for n, t in times.items() if t > 1] == [], "begun twice"
    for asked in load.tallies:
        if asked.answer == "ok":
            assert asked.n in times, ("a result of what never ran", asked)
        if asked.found == "queued" or asked.answer in ("count", "client", "queue"):
            assert asked.n not in times, ("it ran, and was said to wait", asked)


VARIANTS = {
    "batches": {"workers": 4},
    "strict": {"workers": 4, "prefetch_us": 0, "reserve": 1, "aging_ms": 40},
    "elastic": {"workers": "2:6", "scale_wait": "10ms", "scale_idle": "100ms",
                "recycle_tasks": 100},
}


@pytest.mark.parametrize("how", VARIANTS)
def test_cancel_storm(morod, how, tmp_path):
    print(f"MORO_SCENARIO_SEED={SEED} MORO_SCENARIO_TASKS={TASKS}")
    tally, config = tmp_path / "tally", tmp_path / "morod.conf"
    tally.touch()
    config.write_text(CONFIG)
    with morod(max_queue_size=800, max_client_tasks=700, config=config,
               breaker_deaths="none", **VARIANTS[how],
               sandbox="no", env={**os.environ, "MORO_DEBUG_TALLY": str(tally)}) as d:
        storm_over(d, tally)
        assert d.stop() == 0


def storm_over(d, tally):
    """A quarter to warm up, the rest, and what must hold after each."""
    rng = random.Random(SEED)
    load = Load(rng, TASKS // 4)
    dispatcher = d.dispatcher_pid()
    storm = Storm(d, load, WINDOWS, SECONDS)
    start = time.monotonic()
    storm.run()
    storm.finish()
    calm(storm.admin)
    descriptors, memory = n_descriptors(dispatcher), resident(dispatcher)
    load.tasks = TASKS
    storm.bystander = storm.join(8, type(storm.bystander))
    for window in WINDOWS:
        storm.join(window)
    storm.run()
    took = time.monotonic() - start
    storm.finish()
    s = calm(storm.admin)
    assert d.dispatcher_pid() == dispatcher
    assert_counters(s, load, storm.kills)
    assert_outcomes(s)
    assert storm.admin.request("ls") == []
    assert_tallies(tally, load)
    wait_until(lambda: n_descriptors(dispatcher) == descriptors, "no descriptor is left")
    grown = resident(dispatcher) - memory
    assert SANITIZED or grown < GROWTH, grown
    storm.admin.close()
    print(f"{load.made} tasks and {load.bystander} of a bystander in {took:.1f} s, "
          f"{len(storm.kills)} kills, {load.vanished} vanished, {load.notified} notified, "
          f"{load.progress} progress, {load.pressure} marks; {dict(sorted(load.outcomes.items()))}; "
          f"retried {s['retried']}; grown by {grown >> 10} KiB")
