"""Short tasks are handed to a worker in batches, and nobody can tell."""

import os
import signal
import struct
import subprocess
import sys
import time

import msgpack
import pytest

from harness import SANITIZED, Pending, cpu_seconds, title, wait_until

BOTH = pytest.mark.parametrize("prefetch_us", [None, 0], ids=["batches", "strict"])
MANY = 300  # tasks, in one batch or more
HELD = 1024  # that a worker may hold
FEW = 25  # tasks in a batch of 50 us while priorities mix


class Stopped:
    """A worker that stands still, so that what it holds can be looked at."""

    def __init__(self, d, slot=0):
        self.d = d
        self.pid = d.workers()[slot]["pid"]
        os.kill(self.pid, signal.SIGSTOP)
        wait_until(lambda: state(self.pid) == "T", "the worker to stop")

    def go(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)


class Frozen:
    """A process that stands still for a while."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)


def poll(condition, seconds):
    """Waits for the condition, but no longer than that."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)


def state(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()[0]


def warm(d, c, task="debug:echo", data=0, n=80):
    """Has every worker learn that a type is short; a call at a time."""
    workers = len(d.workers())
    for _ in range(n * workers):
        c.call(task, data)


def send(c, requests):
    """Sends (type, data, options) in one write; gives their calls."""
    calls, parts = [], []
    for task, data, options in requests:
        p = Pending(c, c.next_id)
        c.next_id += 1
        c.pending[p.msgid] = p
        calls.append(p)
        params = [data, options] if options else [data]
        parts.append(msgpack.packb([0, p.msgid, task, params]))
    c.send_bytes(b"".join(parts))
    return calls


def echoes(n, first=0, **options):
    return [("debug:echo", first + i, options) for i in range(n)]


def results(calls):
    return [p.result() for p in calls]


def assert_nothing_left(d):
    s = d.wait(lambda s: s["queueSize"] == 0 and s["activeTasks"] == 0
               and s["queuedBytes"] == 0)
    ends = ("completed", "failed", "timedOut", "cancelled", "refused")
    assert s["submitted"] == sum(s[k] for k in ends)
    return s


def numbers(path):
    """What debug:tally noted down."""
    with open(path, "rb") as f:
        return [n for (n,) in struct.iter_unpack("<I", f.read())]


@pytest.fixture
def tally(tmp_path):
    path = tmp_path / "tally"
    path.touch()
    return path


def tally_env(path):
    return {**os.environ, "MORO_DEBUG_TALLY": str(path)}


def look_at_held(c, worker, requests):
    """What a stopped worker is given of these: (in its hands, waiting)."""
    calls = send(c, requests)
    c.request("ping")  # answered in the turn that ends with handing them over
    s = c.stats()
    worker.go()
    for p in calls:
        p.wait()
    wait_until(lambda: c.stats()["activeTasks"] == 0)
    return s["activeTasks"], s["queueSize"]


def test_batches_are_handed_over(morod):
    """A worker gets more than one task of a type that is known to be short."""
    with morod(workers=1) as d, d.client() as c:
        warm(d, c)

        def look():
            held, waiting = look_at_held(c, Stopped(d), echoes(MANY))
            assert held + waiting == MANY
            return held > 1

        wait_until(look, "a batch")
        assert_nothing_left(d)


def test_held_tasks_are_counted(morod):
    """However short they are, a worker holds so many at most."""
    with morod(workers=1, prefetch_us=1_000_000, max_queue_size=5000) as d, d.client() as c:
        warm(d, c)

        def look():
            held, waiting = look_at_held(c, Stopped(d), echoes(2 * HELD))
            assert held + waiting == 2 * HELD and held <= HELD
            return held == HELD

        wait_until(look, "a full worker")
        assert_nothing_left(d)


def test_strict(morod):
    """With --prefetch-us 0 a worker holds one task, whatever is known of it."""
    with morod(workers=1, prefetch_us=0) as d, d.client() as c:
        warm(d, c)
        for _ in range(20):
            assert look_at_held(c, Stopped(d), echoes(MANY))[0] == 1


def test_unmeasured_type_goes_alone(morod):
    """Nothing waits behind a task of which nobody knows how long it takes."""
    with morod(workers=1) as d, d.client() as c:
        assert look_at_held(c, Stopped(d), echoes(50)) == (1, 49)


def test_unmeasured_size_ends_a_batch(morod):
    """The same type with much more data is not known either."""
    with morod(workers=1) as d, d.client() as c:
        warm(d, c)
        large = [("debug:echo", "x" * 2000, {})]
        held, waiting = look_at_held(c, Stopped(d), echoes(2) + large + echoes(50))
        assert held <= 3 and held + waiting == 53


@pytest.mark.skipif(SANITIZED, reason="a task takes too long there to count as short")
def test_short_batches_while_priorities_mix(morod):
    """A worker holds many short tasks, and few while one of high priority may come."""
    with morod(workers=1) as d, d.client() as c:
        warm(d, c)

        def held(*priorities):
            n = len(priorities)
            requests = [("debug:echo", i, {"priority": priorities[i % n]})
                        for i in range(MANY)]
            return look_at_held(c, Stopped(d), requests)[0]

        for _ in range(3):
            wait_until(lambda: held("normal") > 3 * FEW, "a long batch")
            for _ in range(5):
                assert held("low", "high") <= FEW
                assert held("low", "normal", "high") <= FEW
        assert_nothing_left(d)


def test_deeper_batches_while_priorities_do_not_mix(morod):
    """50 us of work, or 200 while nobody can be in a greater hurry."""
    few = 3  # of 25 us in 50, the last of which may end later
    with morod(workers=1) as d, d.client() as c:
        def held(*priorities):
            n = len(priorities)
            requests = [("debug:spin", {"us": 25}, {"priority": priorities[i % n]})
                        for i in range(MANY)]
            return look_at_held(c, Stopped(d), requests)[0]

        for _ in range(3):
            wait_until(lambda: held("normal") > few, "a deep batch")
            for _ in range(5):
                assert held("low", "high") <= few
        assert_nothing_left(d)


def test_large_message_on_busy_processors(morod):
    """
    A worker that is still taking in a large message does not lose it to another, which would
    lose it, too.
    """
    hog = [sys.executable, "-c", "while True: pass"]
    hogs = [subprocess.Popen(hog) for _ in range(os.cpu_count())]
    try:
        with morod(workers=2, debug_tasks=True) as d, d.client() as c:
            for _ in range(3):
                assert len(c.call("debug:echo", bytes(48 << 20), timeout=60000)) == 48 << 20
                assert c.stats()["unreadBytes"] == 0
    finally:
        for p in hogs:
            p.kill()
            p.wait()


@BOTH
def test_order_of_priorities(morod, prefetch_us):
    """High before normal before low, first come first inside one, in batches too."""
    with morod(workers=1, prefetch_us=prefetch_us) as d, d.client() as c:
        warm(d, c)
        worker = Stopped(d)
        names = ("low", "normal", "high")
        calls = send(c, [("debug:echo", i, {"priority": names[i % 3]})
                         for i in range(MANY)])
        assert c.stats()["submitted"] >= MANY
        worker.go()
        assert results(calls) == list(range(MANY))
        ids = {p.msgid for p in calls}
        wanted = [p.msgid for first in (2, 1, 0) for p in calls[first::3]]
        assert [m for m in c.order if m in ids] == wanted
        assert_nothing_left(d)


@BOTH
@pytest.mark.parametrize("slow", ["debug:sleep", "debug:spin"])
def test_type_turns_slow(morod, slow, prefetch_us):
    """What stands around a task that takes unexpectedly long is answered soon."""
    with morod(workers=2, prefetch_us=prefetch_us) as d, d.client() as c:
        warm(d, c)
        warm(d, c, slow, {"ms": 0})
        for _ in range(3):
            calls = send(c, echoes(10) + [(slow, {"ms": 60000}, {})] + echoes(100, 10))
            held = calls.pop(10)
            assert results(calls) == list(range(110))
            # The other worker alone has to do for what comes meanwhile.
            assert results(send(c, echoes(MANY))) == list(range(MANY))
            s = d.wait(lambda s: s["activeTasks"] == 1 and s["queueSize"] == 0)
            busy, = [w for w in s["pools"][0]["workers"] if w["task"]]
            assert busy["task"] == slow and held.answer is None
            os.kill(busy["pid"], signal.SIGKILL)
            assert held.error()["reason"] == "crashed"
            d.wait(lambda s: s["workers"] == 2)
        assert c.extra == []
        assert_nothing_left(d)


@BOTH
def test_answers_do_not_wait_for_a_slow_task(morod, prefetch_us):
    """Answers that are finished come while the only worker runs a slow task; it then goes on."""
    with morod(workers=1, prefetch_us=prefetch_us) as d, d.client() as c:
        warm(d, c)
        warm(d, c, "debug:spin", {"ms": 0})
        for _ in range(3):
            calls = send(c, echoes(5) + [("debug:spin", {"ms": 400}, {})]
                         + echoes(5, 5))
            slow = calls.pop(5)
            assert results(calls[:5]) == list(range(5))
            assert slow.answer is None
            assert results(calls) == list(range(10))
            assert slow.result() == 400
        assert c.extra == [] and d.workers()[0]["restarts"] == 0
        assert_nothing_left(d)


@BOTH
def test_timeout_before_it_is_begun(morod, prefetch_us, tally):
    """A timeout takes exactly its own task out of a batch; the worker lives on."""
    with morod(workers=1, prefetch_us=prefetch_us, env=tally_env(tally), sandbox="no") as d, \
            d.client() as c:
        warm(d, c, "debug:tally", {"n": 1000})
        noted = len(numbers(tally))
        worker = Stopped(d)
        calls = send(c, [("debug:tally", {"n": i}, {"timeout": 60} if i == 20 else {})
                         for i in range(100)])
        assert calls[20].error()["code"] == "TIMEOUT"
        worker.go()
        others = [i for i in range(100) if i != 20]
        assert [calls[i].result() for i in others] == others
        assert numbers(tally)[noted:] == others
        assert d.worker_pids() == [worker.pid]
        assert assert_nothing_left(d)["timedOut"] == 1


@BOTH
def test_timeout_of_what_runs(morod, prefetch_us, tally):
    """A timeout kills the worker that runs the task; what it held is done by the next."""
    with morod(workers=1, prefetch_us=prefetch_us, env=tally_env(tally), sandbox="no") as d, \
            d.client() as c:
        warm(d, c, "debug:tally", {"n": 1000})
        warm(d, c, "debug:spin", {"ms": 0})
        noted = len(numbers(tally))
        for turn in range(5):
            base = turn * 20
            calls = send(c, [("debug:tally", {"n": base + i}, {}) for i in range(20)])
            bad, = send(c, [("debug:spin", {"ms": 60000}, {"timeout": 40})])
            more = send(c, [("debug:tally", {"n": base + 100 + i}, {}) for i in range(20)])
            assert results(calls) == list(range(base, base + 20))
            assert bad.error()["reason"] == "run"
            assert results(more) == list(range(base + 100, base + 120))
        assert sorted(numbers(tally)[noted:]) == list(range(200))
        s = assert_nothing_left(d)
        assert s["timedOut"] == 5 and s["crashed"] == 0 and s["failed"] == 0


@BOTH
def test_disconnect_before_it_is_begun(morod, prefetch_us, tally):
    """A client that vanishes takes its own tasks out of a batch, and no others."""
    with morod(workers=1, prefetch_us=prefetch_us, env=tally_env(tally), sandbox="no") as d, \
            d.client() as stays:
        warm(d, stays, "debug:tally", {"n": 1000})
        noted = len(numbers(tally))
        worker = Stopped(d)
        goes = d.client()
        calls = []
        for i in range(0, 100, 10):
            send(goes, [("debug:tally", {"n": 500 + i + k}, {}) for k in range(10)])
            goes.stats()
            calls += send(stays, [("debug:tally", {"n": i + k}, {}) for k in range(10)])
            stays.stats()
        goes.close()
        wait_until(lambda: stays.stats()["cancelled"] == 100)
        worker.go()
        assert results(calls) == list(range(100))
        assert numbers(tally)[noted:] == list(range(100))
        assert d.worker_pids() == [worker.pid]
        assert_nothing_left(d)


@BOTH
def test_disconnect_while_it_runs(morod, prefetch_us, tally):
    """A client that vanishes stops its running task; what waits behind it is done."""
    with morod(workers=1, prefetch_us=prefetch_us, env=tally_env(tally), sandbox="no") as d, \
            d.client() as stays:
        warm(d, stays, "debug:tally", {"n": 1000})
        warm(d, stays, "debug:spin", {"ms": 0})
        noted = len(numbers(tally))
        goes = d.client()
        send(goes, [("debug:spin", {"ms": 60000}, {})])
        send(goes, [("debug:tally", {"n": 500}, {})] * 10)
        calls = send(stays, [("debug:tally", {"n": i}, {}) for i in range(20)])
        d.wait(lambda s: s["activeTasks"] > 0)
        goes.close()
        assert results(calls) == list(range(20))
        assert numbers(tally)[noted:] == list(range(20))
        s = assert_nothing_left(d)
        assert s["cancelled"] == 11 and s["crashed"] == 0


@BOTH
def test_killed_before_it_begins(morod, prefetch_us, tally):
    """What a worker held when it died and had not begun is done once, in order."""
    with morod(workers=1, prefetch_us=prefetch_us, env=tally_env(tally), sandbox="no") as d, \
            d.client() as c:
        warm(d, c, "debug:tally", {"n": 1000})
        for _ in range(3):
            noted = len(numbers(tally))
            worker = Stopped(d)
            calls = send(c, [("debug:tally", {"n": i}, {}) for i in range(MANY)])
            c.request("ping")
            worker.kill()
            assert results(calls) == list(range(MANY))
            assert numbers(tally)[noted:] == list(range(MANY))
        s = assert_nothing_left(d)
        assert s["crashed"] == 0 and s["failed"] == 0 and c.extra == []


@BOTH
def test_killed_with_finished_answers(morod, prefetch_us, tally):
    """A worker that dies in mid-batch: what it finished counts, and one task crashed."""
    with morod(workers=1, prefetch_us=prefetch_us, env=tally_env(tally), sandbox="no") as d, \
            d.client() as c:
        warm(d, c, "debug:tally", {"n": 1000})
        warm(d, c, "debug:spin", {"ms": 0})
        dispatcher = d.dispatcher_pid()
        for _ in range(4):
            pid = d.worker_pids()[0]
            noted = len(numbers(tally))
            spins = cpu_seconds([pid]) + 0.03
            calls = send(c, [("debug:tally", {"n": i}, {}) for i in range(3)]
                         + [("debug:spin", {"ms": 60000}, {})]
                         + [("debug:tally", {"n": i}, {}) for i in range(3, 30)])
            slow = calls.pop(3)
            while len(numbers(tally)) == noted:
                pass
            with Frozen(dispatcher):  # else it takes the answers in time
                poll(lambda: cpu_seconds([pid]) > spins, 1)
                if cpu_seconds([pid]) > spins:
                    os.kill(pid, signal.SIGKILL)
                    wait_until(lambda: title(pid) == "", "the death")
            if title(pid):  # the spin was not in this batch
                wait_until(lambda: cpu_seconds([pid]) > spins, "the spin")
                os.kill(pid, signal.SIGKILL)
            error = slow.error()
            assert error["reason"] == "crashed" and error["signal"] == "SIGKILL"
            assert results(calls) == list(range(30))
            assert numbers(tally)[noted:] == list(range(30))
            d.wait(lambda s: s["workers"] == 1)
        s = assert_nothing_left(d)
        assert s["crashed"] == 4 and s["failed"] == 4 and c.extra == []


@BOTH
def test_stalled_worker(morod, prefetch_us):
    """A worker that stands still costs no memory, however often its tasks are taken back."""
    with morod(workers=1, prefetch_us=prefetch_us) as d, d.client() as c:
        data = "x" * 4000
        warm(d, c, data=data)
        worker = Stopped(d)
        calls = send(c, [("debug:echo", data, {})] * MANY)
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            assert c.stats()["unreadBytes"] < 2 * MANY * len(data)
        worker.go()
        assert results(calls) == [data] * MANY
        # It gets batches again.
        wait_until(lambda: prefetch_us == 0 or look_at_held(
            c, Stopped(d), [("debug:echo", data, {})] * MANY)[0] > 1, "a batch")
        assert_nothing_left(d)


@BOTH
def test_run_timeout_before_it_is_begun(morod, prefetch_us):
    """A task that its worker does not begin uses up no run time; the others count."""
    with morod(workers=1, prefetch_us=prefetch_us) as d, d.client() as c:
        warm(d, c)
        worker = Stopped(d)
        waits = c.submit("debug:echo", "in time", runTimeout=20)
        limited = c.submit("debug:echo", 1, runTimeout=20, timeout=100)
        error = limited.error()
        assert (error["option"], error["limit"]) == ("timeout", 100)
        worker.go()
        assert waits.result() == "in time"
        assert_nothing_left(d)


BESIDE = 200 << 10  # bytes of other messages in the chunk of each task
WAITING = 500


def private_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) << 10 for line in f if line.startswith("Private"))


@pytest.mark.skipif(SANITIZED, reason="what is freed stays in the process there")
def test_waiting_task_pins_no_chunk(morod):
    """Tasks that wait keep their own bytes, and not all that was read with them."""
    with morod(workers=1) as d, d.client() as c:
        worker = d.worker_pids()[0]
        dispatcher = d.dispatcher_pid()
        held = c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        # Nobody answers that: it is there, and it is over.
        beside = msgpack.packb([2, "no:such", [b"x" * BESIDE]])
        calls = []

        def send_waiting(n):
            for _ in range(n):
                data = f"{len(calls):04}" * 512
                p = Pending(c, c.next_id)
                c.next_id += 1
                c.pending[p.msgid] = p
                c.send_bytes(beside + msgpack.packb([0, p.msgid, "debug:echo", [data]]))
                calls.append((p, data))
            assert c.stats()["queueSize"] == len(calls)

        send_waiting(10)
        before = private_bytes(dispatcher)
        send_waiting(WAITING)
        grown = private_bytes(dispatcher) - before
        assert grown < WAITING * BESIDE // 5, f"{grown >> 20} MiB"
        os.kill(worker, signal.SIGKILL)
        assert held.error()["reason"] == "crashed"
        for p, data in calls:
            assert p.result() == data
        assert_nothing_left(d)


def test_answer_that_was_sent_is_not_waited_for(morod):
    """
    A result that outgrows the page leaves an answer before it in there, which was sent:
    a worker whose tasks are revoked meanwhile is handed tasks all the same.
    """
    with morod(workers=1) as d, d.client() as c:
        small = {"input": c.call("data:compress", {"input": b"\0" * 100})}
        big = {"input": c.call("data:compress", {"input": b"\0" * (1 << 20)})}
        for _ in range(60):
            c.call("data:decompress", small)
        dispatcher = d.dispatcher_pid()
        for i in range(12):
            for _ in range(12):
                c.call("data:decompress", small)
            calls = send(c, [
                ("data:decompress", small, {}), ("data:decompress", big, {}),
                ("data:decompress", small, {}), ("data:decompress", small, {"timeout": 5}),
            ])
            end = time.perf_counter() + 0.00003 * i
            wait_until(lambda: time.perf_counter() > end)
            os.kill(dispatcher, signal.SIGSTOP)
            end = time.perf_counter() + 0.02
            wait_until(lambda: time.perf_counter() > end)
            os.kill(dispatcher, signal.SIGCONT)
            for call in calls:
                call.wait()
        assert c.call("debug:echo", "still here") == "still here"


@pytest.mark.skipif(SANITIZED, reason="a spin of 0 us is not short there")
def is_taken_back(c, other):
    """Whether a batch of what was short and takes 0.8 ms now is taken back, though it gets on."""
    for _ in range(300):
        c.call("debug:spin", {"us": 0})
    done = other.stats()["completed"]
    calls = send(c, [("debug:spin", {"us": 800}, {})] * 300)
    seen = []
    wait_until(lambda: seen.append(other.stats()) or seen[-1]["completed"] >= done + 80)
    for call in calls:
        call.result()
    # known by now; a worker that did few of them yet may be handed many for a moment
    late = [s for s in seen if s["completed"] >= done + 40]
    good = [s for s in late if s["queueSize"] > 200 and s["activeTasks"] <= 8]
    return len(good) > len(late) / 2


def test_type_that_turns_slower(morod):
    """It is, but for the time in which others keep the workers from a CPU."""
    with morod(workers=2) as d, d.client() as c, d.client() as other:
        assert any(is_taken_back(c, other) for _ in range(3))
