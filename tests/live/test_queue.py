"""Order, limits and timeouts of the queue."""

import os
import signal
import threading
import time

import msgpack
import pytest

from harness import SANITIZED, cpu_seconds, wait_until


def hold(d, c, ms=60000):
    """Occupies the only worker; gives the call."""
    call = c.submit("debug:sleep", {"ms": ms})
    d.wait(lambda s: s["activeTasks"] == 1)
    return call


def release(d):
    """Kills the worker that a held task runs in."""
    os.kill(d.worker_pids()[0], signal.SIGKILL)


def test_high_priority_runs_next(morod):
    """One high task behind 50 queued low ones is the next to run."""
    with morod(workers=1) as d, d.client() as c:
        gate = c.submit("debug:sleep", {"ms": 300})
        d.wait(lambda s: s["activeTasks"] == 1)
        low = [c.submit("debug:echo", i, priority="low") for i in range(50)]
        high = c.submit("debug:echo", "high", priority="high")
        high.result()
        gate.result()
        for p in low:
            p.result()
        assert c.order[1:3] == [gate.msgid, high.msgid]  # hello came before
        assert c.order[3:] == [p.msgid for p in low]


def test_order_of_all_priorities(morod):
    """High before normal before low across types, first come first inside one."""
    with morod(workers=1) as d, d.client() as c:
        gate = c.submit("debug:sleep", {"ms": 200})
        d.wait(lambda s: s["activeTasks"] == 1)
        calls = []
        for i in range(5):
            for priority in ("low", "normal", "high"):
                if i % 2:
                    p = c.submit("debug:echo", i, priority=priority)
                else:
                    p = c.submit("crypto:hash", {"input": "x"}, priority=priority)
                calls.append((priority, i, p))
        gate.result()
        for _, _, p in calls:
            p.result()
        rank = {"high": 0, "normal": 1, "low": 2}
        wanted = sorted(calls, key=lambda x: (rank[x[0]], x[1]))
        got = [m for m in c.order if m in {p.msgid for _, _, p in calls}]
        assert got == [p.msgid for _, _, p in wanted]


def test_stats_show_the_queue(morod):
    """queueSize counts what waits, activeTasks what runs, pools by priority."""
    with morod(workers=1) as d, d.client() as c:
        hold(d, c)
        for priority in ("high", "low", "low"):
            c.submit("debug:echo", 1, priority=priority)
        s = d.wait(lambda s: s["queueSize"] == 3)
        assert s["activeTasks"] == 1 and s["maxQueueSize"] == 1000
        assert s["isShuttingDown"] is False
        pool = s["pools"][0]
        assert pool["name"] == "default"
        assert pool["queue"] == {"high": 1, "normal": 0, "low": 2}
        worker = pool["workers"][0]
        assert worker["state"] == "busy" and worker["task"] == "debug:sleep"
        assert worker["slot"] == 1 and worker["sinceMs"] >= 0


def test_queue_full(morod):
    """With room for ten the eleventh queued task is refused at once."""
    with morod(workers=1, max_queue_size=10) as d, d.client() as c:
        hold(d, c)
        queued = [c.submit("debug:echo", i) for i in range(10)]
        error = c.submit("debug:echo", "eleventh").error()
        assert error["code"] == "QUEUE_FULL" and error["reason"] == "count"
        assert error["limit"] == 10 and error["size"] == 10
        assert error["retryAfterMs"] > 0 and error["retryable"] is True
        s = d.stats()
        assert s["queueSize"] == 10 and s["refused"] == 1
        release(d)
        assert [p.result() for p in queued] == list(range(10))


def test_queue_full_counts_only_what_waits(morod):
    """Sent in one segment: one runs, ten wait, the twelfth is refused."""
    with morod(workers=1, max_queue_size=10) as d, d.client() as c:
        data = b"".join(
            msgpack.packb([0, 100 + i, "debug:sleep", [{"ms": 1}]]) for i in range(12)
        )
        c.send_bytes(data)
        c.read_until(lambda: len(c.extra) == 12)
        errors = [m for m in c.extra if m[2] is not None]
        assert [m[1] for m in errors] == [111]
        assert errors[0][2]["code"] == "QUEUE_FULL"


def test_client_task_limit(morod):
    """One connection cannot take the whole queue; others are not refused."""
    with morod(workers=1, max_client_tasks=5) as d, d.client() as c, d.client() as c2:
        hold(d, c)
        for i in range(4):
            c.submit("debug:echo", i)
        error = c.submit("debug:echo", "sixth").error()
        assert error["code"] == "QUEUE_FULL" and error["reason"] == "client"
        assert error["limit"] == 5
        other = c2.submit("debug:echo", "other")
        d.wait(lambda s: s["queueSize"] == 5)
        release(d)
        assert other.result() == "other"


def test_queued_bytes_limit(morod):
    """The bytes of all unfinished tasks are limited, not only their number."""
    with morod(workers=1, max_queued_bytes="1M") as d, d.client() as c:
        hold(d, c)
        first = c.submit("debug:echo", b"x" * 700_000)
        error = c.submit("debug:echo", b"x" * 700_000).error()
        assert error["code"] == "QUEUE_FULL" and error["reason"] == "bytes"
        assert error["limit"] == 1 << 20
        release(d)
        assert len(first.result()) == 700_000
        assert len(c.call("debug:echo", b"x" * 700_000)) == 700_000


def test_timeout_stops_the_work(morod):
    """A 10 s spin with timeout 100 is answered in time, and burns no more CPU."""
    with morod(workers=2) as d, d.client() as c:
        pids = d.worker_pids()
        start = time.monotonic()
        error = c.submit("debug:spin", {"ms": 10000}, timeout=100).error()
        took = time.monotonic() - start
        assert error["code"] == "TIMEOUT" and error["reason"] == "run"
        assert "timeout" in error["message"] and "100" in error["message"]
        assert error["limit"] == 100
        assert 0.1 <= took < (0.5 if SANITIZED else 0.15)
        d.wait(lambda s: s["workers"] == 2)
        new = d.worker_pids()
        assert len(set(pids) - set(new)) == 1  # exactly one was replaced
        before = cpu_seconds(new)
        end = time.monotonic() + 0.3
        wait_until(lambda: time.monotonic() > end)
        assert cpu_seconds(new) - before <= 0.02
        assert d.stats()["timedOut"] == 1


def test_timeout_covers_waiting(morod):
    """`timeout` counts from acceptance: a queued task is answered too, never run."""
    with morod(workers=1) as d, d.client() as c:
        hold(d, c)
        error = c.submit("debug:echo", 1, timeout=50).error()
        assert error["code"] == "TIMEOUT" and error["reason"] == "queue"
        assert error["option"] == "timeout"
        assert d.stats()["queueSize"] == 0


def test_queue_timeout(morod):
    """queueTimeout ends waiting, and leaves a task alone once it runs."""
    with morod(workers=1) as d, d.client() as c:
        call = c.submit("debug:sleep", {"ms": 200}, queueTimeout=50)
        error = c.submit("debug:echo", 1, queueTimeout=50).error()
        assert error["code"] == "TIMEOUT" and error["reason"] == "queue"
        assert error["option"] == "queueTimeout" and error["limit"] == 50
        call.result()


def test_run_timeout(morod):
    """runTimeout counts execution alone, not the time in the queue."""
    with morod(workers=1) as d, d.client() as c:
        gate = c.submit("debug:sleep", {"ms": 200})
        queued = c.submit("debug:echo", "in time", runTimeout=100)
        error = c.submit("debug:spin", {"ms": 60000}, runTimeout=100).error()
        gate.result()
        assert queued.result() == "in time"
        assert error["code"] == "TIMEOUT" and error["reason"] == "run"
        assert error["option"] == "runTimeout" and error["limit"] == 100


def test_earliest_limit_wins(morod):
    """With both, `timeout` strikes first when it is shorter."""
    with morod(workers=1) as d, d.client() as c:
        error = c.submit(
            "debug:spin", {"ms": 60000}, timeout=80, runTimeout=5000
        ).error()
        assert error["option"] == "timeout"
        error = c.submit(
            "debug:spin", {"ms": 60000}, timeout=5000, runTimeout=80
        ).error()
        assert error["option"] == "runTimeout"


def test_timeout_leaves_others_alone(morod):
    """The tasks around one that times out all get their results."""
    with morod(workers=2) as d, d.client() as c:
        good = [c.submit("debug:sleep", {"ms": 20}) for _ in range(5)]
        bad = c.submit("debug:spin", {"ms": 60000}, timeout=100)
        good += [c.submit("debug:echo", i) for i in range(20)]
        assert bad.error()["code"] == "TIMEOUT"
        for p in good:
            p.result()


def test_many_timeouts(morod):
    """300 queued tasks with mixed limits each get exactly one answer, in order of time."""
    with morod(workers=1) as d, d.client() as c:
        hold(d, c)
        calls = [c.submit("debug:echo", i, timeout=20 + i % 37) for i in range(300)]
        for p in calls:
            assert p.error()["code"] == "TIMEOUT"
        s = d.stats()
        assert s["queueSize"] == 0 and s["timedOut"] == 300
        assert not c.extra


def test_ids(morod):
    """`id` is unique among a connection's unfinished tasks, and free afterwards."""
    with morod(workers=1) as d, d.client() as c, d.client() as c2:
        held = c.submit("debug:sleep", {"ms": 60000}, id="a")
        d.wait(lambda s: s["activeTasks"] == 1)
        error = c.submit("debug:echo", 1, id="a").error()
        assert error["code"] == "DUPLICATE_ID" and '"a"' in error["message"]
        other = c2.submit("debug:echo", 2, id="a")
        release(d)
        assert held.error()["reason"] == "crashed"
        assert other.result() == 2
        assert c.call("debug:echo", 3, id="a") == 3


def test_duplicate_msgid(morod):
    """A msgid of an unfinished task cannot be used again: answers would be ambiguous."""
    with morod(workers=1) as d, d.client() as c:
        first = c.start("debug:sleep", {"ms": 300}, msgid=77)
        second = c.start("debug:echo", 1, msgid=77)
        assert second.error()["code"] == "DUPLICATE_ID"
        c.pending[77] = first
        first.result()


def test_work_goes_to_free_workers(morod):
    """A long task does not hold up short ones while another worker is free."""
    with morod(workers=2) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        for i in range(50):
            assert c.call("debug:echo", i) == i


def test_hundred_clients(morod):
    """100 clients at once: each gets its own answers."""
    failures = []

    def work(d, n):
        try:
            with d.client() as c:
                calls = [c.submit("debug:echo", [n, i]) for i in range(20)]
                for i, p in enumerate(calls):
                    assert p.result() == [n, i]
        except Exception as e:  # noqa: BLE001
            failures.append(e)

    with morod(workers=2, max_queue_size=5000) as d:
        threads = [threading.Thread(target=work, args=(d, n)) for n in range(100)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failures
        s = d.wait(lambda s: s["clients"] == 1)
        assert s["completed"] == 2000 and s["queueSize"] == 0


@pytest.mark.parametrize("size", [0, 1, 31, 4000, 70_000, 1 << 20, 8 << 20])
def test_payload_sizes(morod, size):
    """Payloads of every size come back as they went, beside small ones."""
    with morod(workers=2) as d, d.client() as c:
        calls = []
        for i in range(4):
            calls.append((c.submit("debug:echo", bytes([i]) * size), bytes([i]) * size))
            calls.append((c.submit("debug:echo", i), i))
        for p, wanted in calls:
            assert p.result() == wanted
