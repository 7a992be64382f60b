"""How many workers there are, when they are replaced, what they may use."""

import contextlib
import os
import resource
import signal
import threading
import time

import pytest

from harness import SANITIZED, TaskError, alive, wait_until

MIB = 1 << 20


def pool(d, i=0):
    return d.stats()["pools"][i]


def pids(d):
    return {w["pid"] for w in pool(d)["workers"] if w["pid"]}


def wait_pool(d, condition):
    return d.wait(lambda s: condition(s["pools"][0]), begun=False)["pools"][0]


# -- scaling


def test_grows_when_tasks_wait(morod):
    """More workers come when tasks wait too long, up to the most."""
    with morod(workers="1:4", scale_wait="10ms", scale_idle="1h", prefetch_us=0) as d:
        with d.client() as c:
            tasks = [c.submit("debug:sleep", {"ms": 100}) for _ in range(40)]
            p = wait_pool(d, lambda p: p["target"] == 4)
            assert p["min"] == 1 and p["grown"] >= 2
            assert [t.result() for t in tasks] == [100] * 40
            assert len(pids(d)) == 4


def test_shrinks_when_they_are_not_needed(morod):
    """One after the other they go, down to the least; tasks are not touched."""
    with morod(workers="1:4", scale_wait="5ms", scale_idle="40ms", prefetch_us=0) as d:
        with d.client() as c:
            tasks = [c.submit("debug:sleep", {"ms": 30}) for _ in range(40)]
            wait_pool(d, lambda p: p["target"] == 4)
            [t.result() for t in tasks]
            p = wait_pool(d, lambda p: p["target"] == 1 and len(p["workers"]) == 1)
            assert p["shrunk"] >= 3 and sum(w["restarts"] for w in p["workers"]) == 0
            assert c.call("debug:echo", 1) == 1


def test_stays_still_under_a_steady_load(morod):
    """It finds its number of workers, and keeps it."""
    with morod(workers="1:6", scale_wait="10ms", scale_idle="150ms", prefetch_us=0) as d:
        stop = threading.Event()

        def steady():
            with d.client() as c:
                while not stop.is_set():
                    c.call("debug:sleep", {"ms": 20})

        threads = [threading.Thread(target=steady) for _ in range(3)]
        [t.start() for t in threads]
        try:
            wait_pool(d, lambda p: p["target"] >= 2)
            # it has come to rest when nothing changes for several idle times
            last, since = None, time.monotonic()
            deadline = time.monotonic() + 20
            while time.monotonic() - since < 2:
                now = (pool(d)["grown"], pool(d)["shrunk"])
                if now != last:
                    last, since = now, time.monotonic()
                assert time.monotonic() < deadline, f"no rest: {last}"
                wait_until(lambda: True)
            assert 2 <= pool(d)["target"] <= 4
        finally:
            stop.set()
            [t.join() for t in threads]


def test_scale_by_command(morod):
    """scale sets both bounds, or each; busy workers finish before they go."""
    with morod(workers=1, prefetch_us=0) as d, d.client() as c:
        assert c.request("scale", 3) is True
        wait_pool(d, lambda p: len(p["workers"]) == 3 and p["min"] == p["max"] == 3)
        tasks = [c.submit("debug:sleep", {"ms": 200}) for _ in range(3)]
        d.wait(lambda s: s["activeTasks"] == 3)
        assert c.request("scale", {"workers": "1:2", "pool": "default"}) is True
        p = wait_pool(d, lambda p: p["target"] == 2)
        assert [t.result() for t in tasks] == [200] * 3
        wait_pool(d, lambda p: len(p["workers"]) == 2)
        assert sum(w["restarts"] for w in pool(d)["workers"]) == 0
        assert (p["min"], p["max"]) == (1, 2)
        d.wait_log("stopped: not needed")
        assert "killed by" not in d.log()


@pytest.mark.parametrize(
    "argument, field",
    [
        (0, "workers"),
        (100000, "workers"),
        ({"workers": "3:2"}, "workers"),
        ({"workers": "x"}, "workers"),
        ({"pool": "none", "workers": 1}, "pool"),
        ({"pool": "default"}, "workers"),
        ({"n": 1}, "n"),
        (None, "workers"),
    ],
)
def test_scale_refuses(morod, argument, field):
    with morod() as d, d.client() as c:
        with pytest.raises(TaskError) as e:
            c.request("scale", argument)
        assert e.value.code in ("INVALID_ARGUMENT", "NOT_FOUND")
        assert e.value.error["field"] == field
        assert pool(d)["target"] == 1


def test_signals_scale(morod):
    """SIGTTIN: one worker more; SIGTTOU: one less, but never none."""
    with morod(workers=1) as d:
        d.process.send_signal(signal.SIGTTIN)
        wait_pool(d, lambda p: p["target"] == 2 and len(p["workers"]) == 2)
        d.process.send_signal(signal.SIGTTOU)
        wait_pool(d, lambda p: p["target"] == 1 and len(p["workers"]) == 1)
        d.process.send_signal(signal.SIGTTOU)
        wait_until(lambda: d.log().count("SIGTTOU") == 2)
        d.process.send_signal(signal.SIGTTIN)
        wait_pool(d, lambda p: p["target"] == 2)


def test_a_new_dispatcher_starts_as_configured(morod):
    """After its death there are as many workers as were configured."""
    with morod(workers=1) as d:
        with d.client() as c:
            c.request("scale", 3)
            wait_pool(d, lambda p: len(p["workers"]) == 3)
        os.kill(d.dispatcher_pid(), signal.SIGKILL)
        wait_until(lambda: reconnects(d))
        wait_pool(d, lambda p: p["target"] == 1 and len(p["workers"]) == 1)
        wait_until(lambda: len(d.pids()) == 2)


def reconnects(d):
    try:
        return d.stats()["workers"] == 1
    except (OSError, AssertionError):
        return False


# -- recycling


def test_recycled_after_tasks(morod):
    """A worker is replaced after its tasks, and no task notices."""
    with morod(workers=2, recycle_tasks=50, prefetch_us=0) as d, d.client() as c:
        before = pids(d)
        rounds = 0

        def all_replaced():
            """Each worker has its share in the end, however tasks fall to them."""
            nonlocal rounds
            tasks = [c.submit("debug:echo", n) for n in range(20)]
            assert [t.result() for t in tasks] == list(range(20))
            rounds += 1
            return rounds >= 40 and not before & pids(d)

        wait_until(all_replaced, "all workers to be replaced")
        p = wait_pool(d, lambda p: p["recycled"] >= 4)
        assert sum(w["restarts"] for w in p["workers"]) == 0
        s = c.stats()
        assert (s["failed"], s["crashed"], s["completed"]) == (0, 0, 20 * rounds)
        assert "recycled: it has done its tasks" in d.log()


def test_recycled_by_age(morod):
    """Also one that has nothing to do."""
    with morod(workers=1, recycle_age="100ms") as d:
        before = pids(d)
        wait_pool(d, lambda p: p["recycled"] >= 2)
        assert not before & pids(d)


def test_recycled_by_size(morod):
    """One that has grown too large, after its task."""
    with morod(workers=1, recycle_rss="24M") as d, d.client() as c:
        before = pids(d)
        assert c.call("debug:echo", 1) == 1
        # what it keeps is over the limit until it has lain idle for a while
        assert len(c.call("debug:echo", b"x" * (40 * MIB))) == 40 * MIB
        wait_pool(d, lambda p: p["recycled"] == 1)
        wait_until(lambda: not before & pids(d))
        assert c.call("debug:echo", 2) == 2


def test_replacement_is_there_first(morod):
    """There is never a moment without a worker that is ready."""
    with morod(workers=1, recycle_tasks=10, prefetch_us=0) as d, d.client() as c:
        least = 9
        for i in range(200):
            c.call("debug:echo", i)
            least = min(least, c.stats()["workers"])
        assert pool(d)["recycled"] >= 5 and least == 1


# -- limits


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory its own way")
def test_memory_of_a_worker(morod):
    """A task that wants more than there is fails; no other does, nobody dies."""
    with morod(workers=1, worker_memory="64M") as d, d.client() as c:
        before = pids(d)
        error = c.submit("debug:allocate", {"bytes": 200 * MIB}).error()
        assert error["code"] == "WORKER_ERROR" and error["reason"] == "memory"
        assert c.call("debug:allocate", {"bytes": 8 * MIB}) == 8 * MIB
        assert pids(d) == before


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory its own way")
def test_library_that_exits_for_want_of_memory(morod):
    """brotli ends the process when it gets none: the reason is still memory."""
    with morod(workers=1, worker_memory="32M") as d, d.client() as c:
        data = {"input": os.urandom(4 * MIB), "format": "brotli", "level": 11}
        error = c.submit("data:compress", data).error()
        assert error["code"] == "WORKER_ERROR" and error["reason"] == "memory"
        assert c.call("debug:echo", 1) == 1


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory its own way")
def test_death_for_want_of_memory(morod):
    """A library that aborts because it gets none: the reason is still memory."""
    with morod(workers=1, worker_memory="64M") as d, d.client() as c:
        task = {"bytes": 200 * MIB, "abort": True}
        error = c.submit("debug:allocate", task, idempotent=True).error()
        assert error["code"] == "WORKER_ERROR" and error["reason"] == "memory"
        assert error["signal"] == "SIGABRT"
        d.wait(lambda s: s["workers"] == 1)
        s = c.stats()
        assert s["retried"] == 0 and s["crashed"] == 1
        error = c.submit("debug:crash", {"signal": "SIGABRT"}).error()
        assert error["reason"] == "crashed"


def test_processor_time_of_a_task(morod):
    """A task that burns more ends with reason cpu; sleeping costs nothing."""
    with morod(workers=1, worker_cpu="1s") as d, d.client() as c:
        assert c.call("debug:sleep", {"ms": 10}) == 10
        error = c.submit("debug:spin", {"ms": 60000}).error()
        assert error["code"] == "WORKER_ERROR" and error["reason"] == "cpu"
        assert error["signal"] == "SIGXCPU"
        assert c.call("debug:echo", 1) == 1


def test_descriptors_of_a_worker(morod):
    with morod(workers=1, worker_files=40) as d:
        limit = resource.prlimit(d.worker_pids()[0], resource.RLIMIT_NOFILE)
        assert limit == (40, 40)


# -- breaker


def crash_all(c, n):
    """Crashes until the pool is down; gives the last error."""
    for _ in range(n):
        error = c.submit("debug:crash", {"exit": 3}).error()
        if error["reason"] == "pool_down":
            return error
        assert error["reason"] == "crashed"
    return error


def test_breaker_opens_and_mends(morod):
    """Deaths without a task done: all are told at once, until one task is done."""
    with morod(workers=1, breaker_deaths=3, breaker_pause="150ms") as d, d.client() as c:
        tasks = [c.submit("debug:crash", {"exit": 3}) for _ in range(3)]
        waits = [c.submit("debug:echo", i) for i in range(20)]
        assert [t.error()["reason"] for t in tasks] == ["crashed"] * 3
        for t in waits:
            error = t.error()
            assert (error["code"], error["reason"]) == ("WORKER_ERROR", "pool_down")
            assert error["retryable"] and 0 < error["retryAfterMs"] <= 160
        assert pool(d)["state"] == "down" and "pool default is down" in d.log()
        error = c.submit("debug:echo", 1).error()
        assert error["reason"] == "pool_down" and error["pool"] == "default"
        wait_pool(d, lambda p: p["state"] == "half-open")
        assert c.call("debug:echo", 2) == 2
        assert pool(d)["state"] == "up"
        s = c.stats()
        assert s["queueSize"] == 0 and s["activeTasks"] == 0


def test_breaker_opens_again(morod):
    """A try that fails makes the next pause longer."""
    with morod(workers=1, breaker_deaths=2, breaker_pause="50ms") as d, d.client() as c:
        assert crash_all(c, 3)["reason"] == "pool_down"
        wait_pool(d, lambda p: p["state"] == "half-open")
        assert c.submit("debug:crash", {"exit": 3}).error()["reason"] == "crashed"
        p = wait_pool(d, lambda p: p["state"] == "down")
        assert "next try in 100 ms" in d.log()
        wait_pool(d, lambda p: p["state"] == "half-open")
        assert c.call("debug:echo", 2) == 2 and pool(d)["state"] == "up"


def test_deaths_of_workers_that_work_do_not_break(morod):
    """A task that kills workers now and then is no broken pool."""
    with morod(workers=1, breaker_deaths=1) as d, d.client() as c:
        for i in range(4):
            assert c.call("debug:echo", i) == i
            assert c.submit("debug:crash", {}).error()["reason"] == "crashed"
        assert pool(d)["state"] == "up"


def test_one_poison_task_does_not_break(morod):
    """However often it is run again: it counts as one death."""
    with morod(workers=1, breaker_deaths=2) as d, d.client() as c:
        bad = c.submit("debug:work", {"crashes": 9}, retry={"max": 3})
        good = c.submit("debug:echo", 1)
        assert bad.error()["reason"] == "poison" and good.result() == 1
        assert pool(d)["state"] == "up"


def test_kills_by_morod_do_not_break(morod):
    """Timeouts and cancels are no deaths that count."""
    with morod(workers=1, breaker_deaths=1) as d, d.client() as c:
        for _ in range(4):
            assert c.submit("debug:sleep", {"ms": 60000}, timeout=20).error()["code"] == "TIMEOUT"
        assert pool(d)["state"] == "up"


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory its own way")
def test_limits_that_strike_do_not_break(morod):
    """A task that uses up its memory says nothing of the pool, in a trial neither."""
    greedy = {"data": None, "filter": "def f: [., .] | f; f"}
    with morod(workers=1, worker_memory="64M", breaker_deaths=2, breaker_pause="50ms") as d:
        with d.client() as c:
            for _ in range(3):
                assert c.submit("json:transform", greedy).error()["reason"] == "memory"
            wait_pool(d, lambda p: p["workers"][0]["restarts"] == 3)
            assert pool(d)["state"] == "up"
            assert crash_all(c, 3)["reason"] == "pool_down"
            wait_pool(d, lambda p: p["state"] == "half-open")
            assert c.submit("json:transform", greedy).error()["reason"] == "memory"
            assert c.call("debug:echo", 1) == 1
            assert pool(d)["state"] == "up"


def test_other_pools_go_on(morod, tmp_path):
    """A pool that is down is down alone."""
    conf = tmp_path / "m.conf"
    conf.write_text("[pool other]\nworkers = 1\n[task debug:echo]\npool = other\n")
    with morod(config=conf, workers=1, breaker_deaths=1, breaker_pause="10s") as d:
        with d.client() as c:
            assert crash_all(c, 2)["reason"] == "pool_down"
            assert c.call("debug:echo", 1) == 1
            assert [p["state"] for p in d.stats()["pools"]] == ["down", "up"]


# -- what a task leaves behind


@pytest.mark.parametrize("how", ["timeout", "cancel", "kill", "stop"])
def test_offspring_ends_with_its_worker(morod, how):
    """Processes that a task started die with the worker, however that ends."""
    # the sandbox lets none start any
    with morod(workers=1, args=["--sandbox=no"]) as d, d.client() as c:
        child = c.call("debug:fork")
        assert alive(child)
        if how == "timeout":
            c.submit("debug:sleep", {"ms": 60000}, timeout=20).error()
        elif how == "cancel":
            task = c.submit("debug:sleep", {"ms": 60000})
            d.wait(lambda s: s["activeTasks"] == 1)
            c.request("cancel", {"msgid": task.msgid})
        elif how == "kill":
            os.kill(d.worker_pids()[0], signal.SIGKILL)
        else:
            d.stop()
        wait_until(lambda: not alive(child), "the end of the process")


def test_weights(morod):
    """By weight low tasks get their turns beside high ones."""
    with morod(workers=1, weights="6:3:1", prefetch_us=0) as d, d.client() as c:
        block = c.submit("debug:sleep", {"ms": 150})
        d.wait(lambda s: s["activeTasks"] == 1)
        sent = {}
        for i in range(40):
            for priority in ("low", "high"):
                task = c.submit("debug:echo", priority, priority=priority)
                sent[task.msgid] = (priority, task)
        block.result(), [t.result() for _, t in sent.values()]
        first = [sent[m][0] for m in c.order if m in sent][:28]
        assert first.count("low") == 4 and first.count("high") == 24


def test_shrinks_while_one_is_replaced(morod):
    """The one that was to take another's place may be the one that is not needed."""
    with morod(workers=3, recycle_tasks=1) as d, d.client() as c:
        for n in (2, 1):
            assert c.call("debug:echo", n) == n
            c.request("scale", n)
            wait_pool(d, lambda p: len(p["workers"]) == n and p["target"] == n)
        before = pool(d)["recycled"]
        assert c.call("debug:echo", 1) == 1
        wait_pool(d, lambda p: p["recycled"] > before)


# -- what a reading found


def test_recycling_does_not_break_the_pool(morod):
    """Hundreds of replacements: no death that nobody wanted, no task lost."""
    with morod(workers=3, recycle_tasks=10, prefetch_us=0) as d, d.client() as c:
        for _ in range(60):
            tasks = [c.submit("debug:spin", {"us": 50}) for _ in range(50)]
            assert [t.result() for t in tasks] == [50] * 50
        p = pool(d)
        assert p["state"] == "up" and p["recycled"] > 50
        assert sum(w["restarts"] for w in p["workers"]) == 0
        assert "killed by" not in d.log()


def test_small_rss_limit_is_no_fork_loop(morod):
    """A worker that has done nothing is not too large: the next would be as large."""
    with morod(workers=1, recycle_rss="1M") as d, d.client() as c:
        before = pids(d)
        for _ in range(20):
            c.request("ping")
        assert pids(d) == before and pool(d)["recycled"] == 0
        c.call("debug:echo", 1)
        wait_pool(d, lambda p: p["recycled"] >= 1)
        assert c.call("debug:echo", 2) == 2


def test_reserve_never_takes_all(morod):
    """With fewer workers than were configured normal tasks still run."""
    with morod(workers=2, reserve=1) as d, d.client() as c:
        d.process.send_signal(signal.SIGTTOU)
        wait_pool(d, lambda p: p["target"] == 1 and len(p["workers"]) == 1)
        assert c.call("debug:echo", 1) == 1
        d.process.send_signal(signal.SIGTTOU)
        d.wait_log("keeps its bounds")


def test_trial_beside_a_long_task(morod):
    """A pool that is tried again does not wait for what runs for long."""
    with morod(workers=2, breaker_deaths=2, breaker_pause="50ms", prefetch_us=0) as d:
        with d.client() as c:
            long = c.submit("debug:sleep", {"ms": 60000})
            d.wait(lambda s: s["activeTasks"] == 1)
            assert crash_all(c, 6)["reason"] == "pool_down"
            wait_pool(d, lambda p: p["state"] == "half-open")
            assert c.call("debug:echo", 1) == 1
            assert pool(d)["state"] == "up"
            c.request("cancel", {"msgid": long.msgid})


def test_trial_waits_for_an_idle_worker(morod):
    """It is no trial behind a task that was expected to be short, and is not."""
    with morod(workers=2, breaker_deaths=2, breaker_pause="50ms") as d, d.client() as c:
        for _ in range(20):
            c.call("debug:sleep", {"ms": 0})
        long = c.submit("debug:sleep", {"ms": 3600000})
        d.wait(lambda s: s["activeTasks"] == 1)

        def kill_idle():
            p = pool(d)
            for w in p["workers"]:
                if w["state"] == "idle":
                    with contextlib.suppress(ProcessLookupError):  # it has just died
                        os.kill(w["pid"], signal.SIGKILL)
            return p["state"] == "down"

        wait_until(kill_idle, "the pool to be down")
        wait_pool(d, lambda p: p["state"] == "half-open")
        assert c.call("debug:echo", 1) == 1
        assert pool(d)["state"] == "up"
        c.request("cancel", {"msgid": long.msgid})


def test_down_answers_what_comes_back(morod):
    """A task that loses its worker while the pool is down is told so."""
    with morod(workers=2, breaker_deaths=2, breaker_pause="1m", prefetch_us=0) as d:
        with d.client() as c:
            task = c.submit("debug:sleep", {"ms": 60000}, idempotent=True)
            d.wait(lambda s: s["activeTasks"] == 1)
            busy = [w["pid"] for w in pool(d)["workers"] if w["state"] == "busy"]
            assert crash_all(c, 6)["reason"] == "pool_down"
            os.kill(busy[0], signal.SIGKILL)
            assert task.error()["reason"] == "pool_down"


def test_paused_pool_does_not_grow(morod):
    """Tasks that wait because of a pause want no workers."""
    with morod(workers="1:6", scale_wait="5ms") as d, d.client() as c:
        c.request("pause")
        tasks = [c.submit("debug:sleep", {"ms": 1}) for _ in range(30)]
        d.wait(lambda s: s["queueSize"] == 30)
        for _ in range(50):
            assert pool(d)["target"] == 1
        c.request("resume")
        [t.result() for t in tasks]


def test_many_kills_in_one_turn(morod):
    """Also when the master cannot be told of all at once, none counts as a loss."""
    with morod(workers=120, prefetch_us=0) as d, d.client() as c:
        with d.client() as gone:
            for _ in range(120):
                gone.submit("debug:sleep", {"ms": 60000})
            d.wait(lambda s: s["activeTasks"] == 120)
        d.wait(lambda s: s["activeTasks"] == 0 and s["workers"] == 120)
        assert sum(w["restarts"] for w in pool(d)["workers"]) == 0


def test_processor_time_is_not_cut_short(morod):
    """A worker that has used some before gives the next task its whole second."""
    with morod(workers=1, worker_cpu="1s") as d, d.client() as c:
        for _ in range(4):
            assert c.call("debug:spin", {"ms": 700}) == 700


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory its own way")
def test_message_over_the_memory_of_a_worker(morod):
    """It costs one worker, and says that it was for memory."""
    with morod(workers=1, worker_memory="24M", breaker_deaths=2) as d, d.client() as c:
        error = c.submit("debug:echo", b"x" * (50 * MIB)).error()
        assert error["reason"] == "memory"
        assert c.call("debug:echo", 1) == 1
        assert pool(d)["workers"][0]["restarts"] == 1


def test_grows_at_once_after_a_quiet_time(morod):
    """A look that was to come later does not hold up the growth."""
    with morod(workers="1:2", scale_idle="1h", prefetch_us=0) as d, d.client() as c:
        c.request("scale", "2")
        wait_pool(d, lambda p: p["target"] == 2)
        c.request("scale", "1:6")
        tasks = [c.submit("debug:sleep", {"ms": 300}) for _ in range(20)]
        wait_pool(d, lambda p: p["target"] == 6)
        [t.result() for t in tasks]
