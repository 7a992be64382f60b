"""Workers, clients, the dispatcher and the master die; nobody else suffers."""

import os
import random
import resource
import signal
import threading
import time

import msgpack
import pytest

from harness import SANITIZED, alive, wait_until


def test_worker_killed_in_mid_task(morod):
    """A killed worker costs its caller one clear answer, and the pool is whole again."""
    with morod(workers=1) as d, d.client() as c:
        call = c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        os.kill(d.worker_pids()[0], signal.SIGKILL)
        error = call.error()
        assert error["code"] == "WORKER_ERROR" and error["reason"] == "crashed"
        assert error["signal"] == "SIGKILL" and "SIGKILL" in error["message"]
        s = d.wait(lambda s: s["workers"] == 1)
        assert s["pools"][0]["workers"][0]["restarts"] == 1
        assert c.call("debug:echo", "still here") == "still here"


@pytest.mark.parametrize(
    "how, key, value",
    [
        ({"signal": "SIGSEGV"}, "signal", "SIGSEGV"),
        ({"signal": "SIGABRT"}, "signal", "SIGABRT"),
        ({"signal": "SIGTERM"}, "signal", "SIGTERM"),
        ({"exit": 3}, "exitCode", 3),
        ({"exit": 0}, "exitCode", 0),
    ],
)
def test_every_exit_counts(morod, how, key, value):
    """Whatever way a worker ends, code 0 too, the caller is told and it is replaced."""
    with morod(workers=1) as d, d.client() as c:
        error = c.submit("debug:crash", how).error()
        assert error["reason"] == "crashed" and error[key] == value
        assert d.wait(lambda s: s["workers"] == 1)["crashed"] == 1
        assert c.call("debug:echo", 1) == 1


def test_crash_costs_only_its_own_task(morod):
    """Tasks that wait behind a crash, or run beside it, are done."""
    with morod(workers=2) as d, d.client() as c:
        calls = [c.submit("debug:echo", i) for i in range(20)]
        bad = c.submit("debug:crash", {"signal": "SIGSEGV"})
        calls += [c.submit("debug:echo", i) for i in range(20, 40)]
        assert bad.error()["reason"] == "crashed"
        assert [p.result() for p in calls] == list(range(40))


def test_task_that_was_not_begun_is_not_lost(morod):
    """A task handed to a worker that is dead already goes to the next one."""
    with morod(workers=1) as d, d.client() as c:
        for i in range(3):
            d.wait(lambda s: s["workers"] == 1)
            pid = d.worker_pids()[0]
            os.kill(pid, signal.SIGSTOP)  # it cannot begin anything
            call = c.submit("debug:echo", i)
            d.wait(lambda s: s["activeTasks"] == 1, begun=False)
            os.kill(pid, signal.SIGKILL)
            assert call.result() == i


def test_respawn_is_paced(morod):
    """At once after a long life; 100 ms and doubling after short ones."""
    with morod(workers=1) as d, d.client() as c:
        for wanted in (100, 200, 400):
            c.submit("debug:crash", {"exit": 1}).error()
            d.wait_log(f"next one in {wanted} ms")
            d.wait(lambda s: s["workers"] == 1)
        pid = d.worker_pids()[0]
        start = time.monotonic()
        wait_until(lambda: time.monotonic() - start > 1.1)
        os.kill(pid, signal.SIGKILL)
        d.wait_log("next one in 0 ms")
        assert d.wait(lambda s: s["workers"] == 1)


def test_no_status_stops_the_server(morod, tmp_path):
    """Neither while a pool is not there yet: no status of a worker says more than others."""
    path = tmp_path / "m.conf"
    path.write_text("[pool late]\ncommand = sleep 3600\nready-timeout = 1h\n")
    with morod(config=path, workers=1, wait=False) as d:
        def connected():
            try:
                return d.client()
            except (FileNotFoundError, ConnectionRefusedError):
                return None

        with wait_until(connected, "somebody who listens") as c:
            assert c.submit("debug:crash", {"exit": 100}).error()["reason"] == "crashed"
            assert c.call("debug:echo", 1) == 1
        assert "ready on" not in d.log()
        assert d.process.poll() is None


def test_timeouts_do_not_slow_respawn(morod):
    """A worker that was killed on purpose is replaced at once, every time."""
    with morod(workers=1) as d, d.client() as c:
        for _ in range(6):
            assert c.submit("debug:spin", {"ms": 60000}, timeout=20).error()
        d.wait(lambda s: s["workers"] == 1)
        assert d.workers()[0]["restarts"] == 0
        assert "next one" not in d.log()


def test_worker_ignores_sigterm(morod):
    """A service manager that signals all processes does not kill tasks."""
    with morod(workers=1) as d, d.client() as c:
        call = c.submit("debug:sleep", {"ms": 200})
        d.wait(lambda s: s["activeTasks"] == 1)
        os.kill(d.worker_pids()[0], signal.SIGTERM)
        os.kill(d.dispatcher_pid(), signal.SIGTERM)
        call.result()


def test_disconnect_drops_and_stops(morod):
    """A client that goes away takes its queued tasks along and stops its running one."""
    with morod(workers=1) as d:
        c = d.client()
        c.submit("debug:spin", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        pid = d.worker_pids()[0]
        for i in range(10):
            c.submit("debug:echo", i)
        with d.client() as other:
            call = other.submit("debug:echo", "mine")
            d.wait(lambda s: s["queueSize"] == 11)
            c.close()
            assert call.result() == "mine"
            s = d.wait(lambda s: s["queueSize"] == 0 and s["activeTasks"] == 0)
            assert s["cancelled"] == 11 and s["workers"] == 1
        assert not alive(pid)


def test_clients_that_vanish(morod):
    """200 clients that come, ask and go leave nothing behind."""
    with morod(workers=2) as d:
        for i in range(200):
            c = d.client(hello=False)
            c.send_bytes(msgpack.packb([0, 1, "debug:echo", ["x" * i]]) * (i % 4))
            if i % 3 == 0:
                c.send_bytes(b"\x94\x00\x07\xaadeb")
            c.close()
        s = d.wait(lambda s: s["clients"] == 1 and s["workers"] == 2)
        assert s["queueSize"] == 0 and s["activeTasks"] == 0 and s["queuedBytes"] == 0


def test_dispatcher_killed(morod):
    """A new dispatcher serves the same socket, with new workers; old ones are gone."""
    with morod(workers=2) as d:
        c = d.client()
        call = c.submit("debug:spin", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        workers = d.worker_pids()
        wait_until(lambda: time.monotonic() and d.stats()["uptimeMs"] > 1000)
        old = d.dispatcher_pid()
        start = time.monotonic()
        os.kill(old, signal.SIGKILL)
        with d.client() as c2:
            assert c2.call("debug:echo", 1) == 1
            took = time.monotonic() - start
        assert took < (1.0 if SANITIZED else 0.1), took
        with pytest.raises((AssertionError, OSError)):
            call.result()
        wait_until(lambda: not any(alive(p) for p in workers))
        assert d.dispatcher_pid() != old
        d.wait(lambda s: s["workers"] == 2)
        assert d.stop() == 0


def test_master_killed(morod):
    """kill -9 of the master leaves no orphan."""
    with morod(workers=2) as d, d.client() as c:
        c.submit("debug:spin", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        pids = d.pids()
        assert len(pids) == 3
        os.kill(d.process.pid, signal.SIGKILL)
        d.process.wait()
        wait_until(lambda: not any(alive(p) for p in pids), "no orphan", 1)


def count_answers(d, n, stop, tally, lock):
    """Sends tasks until told to stop; counts the answers of each."""
    with d.client() as c:
        sent = []
        while not stop.is_set():
            calls = [c.submit("debug:sleep", {"ms": random.randint(0, 3)})
                     for _ in range(8)]
            for p in calls:
                error, _ = p.wait()
                sent.append(error and (error["code"], error["reason"]))
        assert c.request("ping") == "pong"
        with lock:
            tally["requests"] += c.next_id - 3
            tally["answers"] += len(c.order) - 2
            tally["extra"] += len(c.extra)
            tally["unanswered"] += len(c.pending)
            tally["outcomes"] += sent


def test_random_kills_under_load(morod):
    """20 random kill -9 under load from 8 clients: exactly one answer each."""
    stop, lock = threading.Event(), threading.Lock()
    tally = dict(requests=0, answers=0, extra=0, unanswered=0, outcomes=[])
    with morod(workers=3) as d:
        threads = [
            threading.Thread(target=count_answers, args=(d, n, stop, tally, lock))
            for n in range(8)
        ]
        for t in threads:
            t.start()
        kills = 0
        with d.client() as c:
            while kills < 20:
                pids = [w["pid"] for p in c.stats()["pools"] for w in p["workers"]
                        if w["state"] in ("idle", "busy")]
                if not pids:
                    continue
                before = c.stats()["completed"]
                try:
                    os.kill(random.choice(pids), signal.SIGKILL)
                except ProcessLookupError:  # it has died of the last one meanwhile
                    continue
                kills += 1
                wait_until(lambda: c.stats()["completed"] > before + 5)
        stop.set()
        for t in threads:
            t.join()
        crashed = [o for o in tally["outcomes"] if o is not None]
        assert tally["requests"] == tally["answers"] > 6 * kills
        assert tally["extra"] == 0 and tally["unanswered"] == 0
        assert len(crashed) <= kills
        assert all(o == ("WORKER_ERROR", "crashed") for o in crashed)
        s = d.wait(lambda s: s["workers"] == 3)
        assert s["activeTasks"] == 0 and s["queueSize"] == 0 and s["queuedBytes"] == 0
        print(f"{tally['requests']} requests, {kills} kills, {len(crashed)} crashed")


def test_out_of_descriptors(morod):
    """Without descriptors new clients wait; those that are there go on."""
    with morod(workers=1) as d, d.client() as first:
        resource.prlimit(d.dispatcher_pid(), resource.RLIMIT_NOFILE, (24, 24))
        more = [d.client(hello=False) for _ in range(30)]
        d.wait_log("cannot accept")
        assert first.call("debug:echo", 1) == 1
        for c in more[:20]:
            c.close()
        assert more[-1].start("ping").result() == "pong"
        for c in more[20:]:
            c.close()


def test_stopped_idle_worker_holds_up_nobody(morod):
    """What a stopped worker was handed and has not begun goes to another, and soon."""
    with morod(workers=2) as d, d.client() as c:
        stopped = d.worker_pids()[0]
        os.kill(stopped, signal.SIGSTOP)
        for i in range(10):  # one at a time: the other worker is idle
            assert c.call("debug:echo", i) == i
        assert [p.result() for p in [c.submit("debug:echo", i) for i in range(20)]] == list(range(20))
        os.kill(stopped, signal.SIGCONT)
        for i in range(10):
            assert c.call("debug:echo", i) == i
        assert stopped in d.worker_pids() and d.stats()["crashed"] == 0


@pytest.mark.parametrize("limits", [{"queueTimeout": 100}, {"queueTimeout": 100, "runTimeout": 5000}])
def test_waiting_in_a_stopped_worker_counts(morod, limits):
    """A task that no worker has begun is waiting, wherever it is."""
    with morod(workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        error = c.submit("debug:echo", 1, **limits).error()
        assert (error["code"], error["option"]) == ("TIMEOUT", "queueTimeout")
        os.kill(pid, signal.SIGCONT)
        # one that has begun waits no longer
        assert c.call("debug:sleep", {"ms": 300}, **limits) == 300
        assert d.worker_pids() == [pid]


def test_waiting_in_a_dying_worker_counts(morod):
    """Also while nobody has seen the worker's death to its end: it is not called run time."""
    with morod(workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        call = c.submit("debug:echo", 1, queueTimeout=200)
        c.request("ping")
        d.process.send_signal(signal.SIGSTOP)  # the master reaps nobody
        try:
            os.kill(pid, signal.SIGKILL)
            error = call.error()
        finally:
            d.process.send_signal(signal.SIGCONT)
        assert (error["option"], error["limit"], error["reason"]) == ("queueTimeout", 200, "queue")
        assert c.call("debug:echo", 2) == 2
