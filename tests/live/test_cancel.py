"""cancel: in every state, exactly the task that is meant."""

import os
import signal
import time

import pytest

from harness import SANITIZED, TaskError, alive, wait_until

LONG = {"ms": 60000}


def cancel(c, **which):
    return c.request("cancel", which)["state"]


def test_a_queued_task(morod):
    """It never runs; its neighbours do."""
    with morod(workers=1) as d, d.client() as c:
        running = c.submit("debug:sleep", {"ms": 100})
        before = c.submit("debug:echo", 1)
        meant = c.submit("debug:echo", 2)
        after = c.submit("debug:echo", 3)
        assert cancel(c, msgid=meant.msgid) == "queued"
        error = meant.error()
        assert error["code"] == "CANCELLED" and error["reason"] == "client"
        assert not error["retryable"]
        assert (running.result(), before.result(), after.result()) == (100, 1, 3)
        assert c.stats()["cancelled"] == 1


def test_a_running_task(morod):
    """Its worker is killed and replaced; what waited behind it runs."""
    with morod(workers=1) as d, d.client() as c:
        meant = c.submit("debug:sleep", LONG)
        d.wait(lambda s: s["activeTasks"] == 1)
        pid = d.worker_pids()[0]
        after = c.submit("debug:echo", "next")
        assert cancel(c, msgid=meant.msgid) == "running"
        error = meant.error()
        assert error["code"] == "CANCELLED" and "stopped" in error["message"]
        assert after.result() == "next"
        wait_until(lambda: not alive(pid), "the end of the worker")
        s = c.stats()
        assert (s["cancelled"], s["crashed"], s["activeTasks"]) == (1, 0, 0)
        assert s["pools"][0]["workers"][0]["restarts"] == 0


def test_by_name(morod):
    """The caller's own name for the task does as well as the msgid."""
    with morod(workers=1) as d, d.client() as c:
        meant = c.submit("debug:sleep", LONG, id="mine")
        d.wait(lambda s: s["activeTasks"] == 1)
        assert cancel(c, id="mine") == "running"
        assert meant.error()["code"] == "CANCELLED"
        assert cancel(c, id="mine") == "done"
        assert cancel(c, id="other") == "unknown"


def test_too_late_and_never(morod):
    """A task that is answered is found done, one that never was unknown."""
    with morod(workers=1) as d, d.client() as c:
        task = c.submit("debug:echo", 1)
        assert task.result() == 1
        assert cancel(c, msgid=task.msgid) == "done"
        assert cancel(c, msgid=123456) == "unknown"
        for i in range(64):
            c.call("debug:echo", i)
        assert cancel(c, msgid=task.msgid) == "unknown"


def test_as_a_notification(morod):
    """It needs no answer to work."""
    with morod(workers=1) as d, d.client() as c:
        meant = c.submit("debug:sleep", LONG)
        d.wait(lambda s: s["activeTasks"] == 1)
        c.notify("cancel", {"msgid": meant.msgid})
        assert meant.error()["code"] == "CANCELLED"


def test_in_the_same_segment(morod):
    """A cancel that comes with its task finds it queued."""
    import msgpack

    with morod(workers=1) as d, d.client() as c:
        both = msgpack.packb([0, 50, "debug:sleep", [LONG]]) + msgpack.packb(
            [2, "cancel", [{"msgid": 50}]]
        )
        c.send_bytes(both)
        c.read_until(lambda: c.extra)
        assert c.extra[0][1] == 50 and c.extra[0][2]["code"] == "CANCELLED"


def test_others_tasks_are_out_of_reach(morod):
    """The same msgid of another connection is another task."""
    with morod(workers=2) as d, d.client() as a, d.client() as b:
        mine = a.start("debug:sleep", {"ms": 300}, msgid=77)
        d.wait(lambda s: s["activeTasks"] == 1)
        assert cancel(b, msgid=77) == "unknown"
        assert mine.result() == 300


def test_admin_cancels_for_others(morod):
    """With a connection's number any task can be meant; its caller is told."""
    with morod(workers=1) as d, d.client() as a, d.client() as b:
        meant = a.submit("debug:sleep", LONG)
        d.wait(lambda s: s["activeTasks"] == 1)
        assert cancel(b, client=1, msgid=meant.msgid) == "running"
        assert meant.error()["reason"] == "admin"
        assert cancel(b, client=999, msgid=meant.msgid) == "unknown"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_only_an_admin_may(morod):
    """Others are refused, and nothing is stopped."""
    with morod(workers=1) as d, d.client() as a:
        meant = a.submit("debug:sleep", {"ms": 300})
        d.wait(lambda s: s["activeTasks"] == 1)
        os.chmod(d.folder.name, 0o755)
        os.chmod(d.socket, 0o666)
        os.seteuid(65534)
        try:
            b = d.client()
        finally:
            os.seteuid(0)
        with b, pytest.raises(TaskError) as e:
            cancel(b, client=1, msgid=meant.msgid)
        assert e.value.code == "PERMISSION_DENIED"
        assert meant.result() == 300


@pytest.mark.parametrize(
    "argument, field",
    [
        ({}, "msgid"),
        ({"msgid": 1, "id": "x"}, "msgid"),
        ({"msgid": "x"}, "msgid"),
        ({"id": ""}, "id"),
        ({"task": 1}, "task"),
        (7, "cancel"),
    ],
)
def test_wrong_arguments(morod, argument, field):
    """What is wrong is named."""
    with morod() as d, d.client() as c:
        with pytest.raises(TaskError) as e:
            c.request("cancel", argument)
        assert e.value.code == "INVALID_ARGUMENT" and e.value.error["field"] == field


def test_behind_a_batch(morod):
    """Of short tasks that a worker holds together the one that is meant goes."""
    with morod(workers=1, prefetch_us=100000) as d, d.client() as c:
        for i in range(50):
            c.call("debug:spin", {"us": 50})
        tasks = [c.submit("debug:spin", {"us": 50}) for _ in range(200)]
        meant = tasks[150]
        state = cancel(c, msgid=meant.msgid)
        assert state in ("queued", "running", "done")
        for task in tasks:
            error, result = task.wait()
            assert (error is None) == (task is not meant or state == "done")
        assert c.stats()["failed"] == 0


def test_soft_cancel_lets_clean_up(morod):
    """A type that asks for it is told, and its worker lives on."""
    with morod(workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]
        meant = c.submit("debug:work", {"ms": 60000, "steps": 6000, "cleanupMs": 50})
        d.wait(lambda s: s["activeTasks"] == 1)
        assert cancel(c, msgid=meant.msgid) == "running"
        assert meant.error()["code"] == "CANCELLED"
        assert d.worker_pids() == [pid]
        assert c.call("debug:echo", 1) == 1


def test_soft_cancel_has_an_end(morod):
    """Who does not listen is killed after the grace, which a request may set."""
    with morod(workers=1, cancel_grace="1h") as d, d.client() as c:
        meant = c.submit("debug:work", {"ms": 60000, "deaf": True}, cancelGrace=50)
        d.wait(lambda s: s["activeTasks"] == 1)
        pid = d.worker_pids()[0]
        assert cancel(c, msgid=meant.msgid) == "running"
        assert cancel(c, msgid=meant.msgid) == "running"  # twice does no harm
        assert meant.error()["code"] == "CANCELLED"
        wait_until(lambda: not alive(pid), "the end of the worker")
        assert c.call("debug:echo", 1) == 1


def test_no_grace_kills_at_once(morod):
    """cancelGrace 0: not told first."""
    with morod(workers=1, cancel_grace="1h") as d, d.client() as c:
        meant = c.submit("debug:work", {"ms": 60000, "deaf": True}, cancelGrace=0)
        d.wait(lambda s: s["activeTasks"] == 1)
        assert cancel(c, msgid=meant.msgid) == "running"
        assert meant.error()["code"] == "CANCELLED"


def test_a_result_that_comes_in_the_grace_is_no_result(morod):
    """Cancelled is cancelled, also if the task finished instead of stopping."""
    with morod(workers=1, cancel_grace="10s") as d, d.client() as c:
        meant = c.submit("debug:work", {"ms": 300, "steps": 2, "deaf": True})
        d.wait(lambda s: s["activeTasks"] == 1)
        assert cancel(c, msgid=meant.msgid) == "running"
        assert meant.error()["code"] == "CANCELLED"
        s = c.stats()
        assert (s["completed"], s["cancelled"]) == (0, 1)


def test_a_death_in_the_grace_is_a_cancel(morod):
    """The worker dies while the task cleans up: CANCELLED, and not again."""
    with morod(workers=1, cancel_grace="1h") as d, d.client() as c:
        meant = c.submit(
            "debug:work", {"ms": 60000, "deaf": True}, retry={"max": 5}
        )
        d.wait(lambda s: s["activeTasks"] == 1)
        assert cancel(c, msgid=meant.msgid) == "running"
        os.kill(d.worker_pids()[0], signal.SIGKILL)
        assert meant.error()["code"] == "CANCELLED"
        assert c.stats()["activeTasks"] == 0


def test_who_leaves_cancels_softly_too(morod):
    """The worker of a client that went is told, and lives on."""
    with morod(workers=1, cancel_grace="10s") as d, d.client() as c:
        pid = d.worker_pids()[0]
        with d.client() as gone:
            gone.submit("debug:work", {"ms": 60000, "steps": 6000})
            d.wait(lambda s: s["activeTasks"] == 1)
        d.wait(lambda s: s["activeTasks"] == 0)
        assert d.worker_pids() == [pid]
        assert c.stats()["cancelled"] == 1


def test_shutdown_cancels_softly(morod):
    """What is left at the deadline may clean up before morod ends."""
    with morod(workers=1, shutdown_timeout="50ms", cancel_grace="10s") as d:
        with d.client() as c:
            running = c.submit(
                "debug:work", {"ms": 60000, "steps": 6000, "cleanupMs": 100}
            )
            queued = c.submit("debug:echo", 1)
            d.wait(lambda s: s["activeTasks"] == 1)
            assert d.stop() == 0
            assert running.error()["reason"] == "shutdown"
            assert queued.error()["code"] == "SHUTTING_DOWN"


def test_shutdown_does_not_wait_for_the_deaf(morod):
    """The grace of a stop has an end; a third signal does not wait for it."""
    with morod(workers=1, cancel_grace="1h") as d, d.client() as c:
        running = c.submit("debug:work", {"ms": 60000, "deaf": True})
        d.wait(lambda s: s["activeTasks"] == 1)
        d.process.send_signal(signal.SIGTERM)
        d.wait_log("finishing what is accepted")
        d.process.send_signal(signal.SIGTERM)
        d.wait_log("cancelling what runs")
        assert d.stop() == 0
        assert running.error()["code"] == "CANCELLED"


def test_a_stop_has_its_own_grace(morod):
    """However long a request's grace is, a stop ends, and answers it."""
    with morod(workers=1, cancel_grace="200ms") as d, d.client() as c:
        running = c.submit(
            "debug:work",
            {"ms": 60000, "steps": 6000, "cleanupMs": 60000},
            cancelGrace=3600000,
        )
        d.wait(lambda s: s["activeTasks"] == 1)
        d.process.send_signal(signal.SIGTERM)
        d.wait_log("finishing what is accepted")
        assert d.stop() == 0
        assert running.error()["reason"] == "shutdown"


@pytest.mark.parametrize("limit", ["runTimeout", "timeout"])
def test_limits_strike_softly_too(morod, limit):
    """The caller has its TIMEOUT in time; the task cleans up, and its worker lives on."""
    with morod(workers=1, cancel_grace="10s") as d, d.client() as c:
        pid = d.worker_pids()[0]
        start = time.monotonic()
        task = c.submit(
            "debug:work", {"ms": 60000, "steps": 6000, "cleanupMs": 400}, **{limit: 100}
        )
        error = task.error()
        took = time.monotonic() - start
        assert error["code"] == "TIMEOUT" and error["option"] == limit
        assert took < 0.4 or SANITIZED
        assert c.call("debug:echo", 1) == 1
        assert d.worker_pids() == [pid]
        s = c.stats()
        assert (s["timedOut"], s["cancelled"], s["activeTasks"]) == (1, 0, 0)


def test_limits_do_not_wait_for_the_deaf(morod):
    """Who does not listen is killed when the grace is over."""
    with morod(workers=1, cancel_grace="50ms") as d, d.client() as c:
        pid = d.worker_pids()[0]
        error = c.submit("debug:work", {"ms": 60000, "deaf": True}, timeout=100).error()
        assert error["code"] == "TIMEOUT" and error["option"] == "timeout"
        wait_until(lambda: not alive(pid), "the end of the worker")
        assert c.call("debug:echo", 1) == 1
        assert c.stats()["timedOut"] == 1
