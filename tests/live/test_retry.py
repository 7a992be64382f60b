"""Tasks that are run again, and those that are not."""

import os
import signal

import pytest

from harness import TaskError, wait_until


def test_a_crash_of_an_idempotent_task(morod):
    """It is run again, once, and told so."""
    with morod(workers=1) as d, d.client() as c:
        assert c.call("debug:work", {"crashes": 1, "steps": 1}, idempotent=True) == {
            "steps": 1,
            "attempt": 2,
        }
        s = c.stats()
        assert (s["completed"], s["crashed"], s["retried"]) == (1, 0, 1)


def test_poison(morod):
    """Two workers die, its caller has `poison`; everyone else's tasks are done."""
    with morod(workers=2) as d, d.client() as c, d.client() as other:
        bad = c.submit("debug:work", {"crashes": 9}, idempotent=True)
        good = [other.submit("debug:echo", i) for i in range(500)]
        error = bad.error()
        assert error["code"] == "WORKER_ERROR" and error["reason"] == "poison"
        assert error["signal"] == "SIGSEGV" and error["attempts"] == 2
        assert [g.result() for g in good] == list(range(500))
        d.wait(lambda s: sum(w["restarts"] for w in s["pools"][0]["workers"]) == 2)


def test_others_are_not_run_again(morod):
    """Who did not say that it does no harm is told of the crash."""
    with morod(workers=1) as d, d.client() as c:
        error = c.submit("debug:work", {"crashes": 1}).error()
        assert error["reason"] == "crashed" and "attempts" not in error
        error = c.submit("debug:work", {"crashes": 1}, idempotent=False).error()
        assert error["reason"] == "crashed"


def test_pure_types_are_idempotent_by_themselves(morod):
    """types says which; killed in mid-task they are simply done again."""
    with morod(workers=1) as d, d.client() as c:
        types = {t["type"]: t["idempotent"] for t in c.request("types")}
        assert types["crypto:hash"] and types["jwt:verify"] and not types["debug:work"]
        task = c.submit("data:compress", {"input": os.urandom(8 << 20), "level": 19})
        d.wait(lambda s: s["activeTasks"] == 1)
        os.kill(d.worker_pids()[0], signal.SIGKILL)
        assert len(task.result()) > 8 << 20
        assert c.stats()["retried"] == 1


def test_not_idempotent_after_all(morod):
    """Whoever wants to hear of the crash of a pure task says so."""
    with morod(workers=1) as d, d.client() as c:
        task = c.submit(
            "data:compress",
            {"input": os.urandom(8 << 20), "level": 19},
            idempotent=False,
        )
        d.wait(lambda s: s["activeTasks"] == 1)
        os.kill(d.worker_pids()[0], signal.SIGKILL)
        assert task.error()["reason"] == "crashed"


def test_first_in_its_priority(morod):
    """What is run again does not wait behind those that came later."""
    with morod(workers=1) as d, d.client() as c:
        bad = c.submit("debug:work", {"crashes": 1, "steps": 1}, idempotent=True)
        rest = [c.submit("debug:sleep", {"ms": 1}) for _ in range(20)]
        bad.result(), [r.result() for r in rest]
        assert c.order.index(bad.msgid) < c.order.index(rest[0].msgid)


def test_retry_decides_alone(morod):
    """max counts the runs after the first; without crash in `on` none is made."""
    with morod(workers=6) as d, d.client() as c:
        work = {"crashes": 3, "steps": 1}
        assert c.call("debug:work", work, retry={"max": 3})["attempt"] == 4
        error = c.submit("debug:work", work, retry={"max": 2}).error()
        assert error["reason"] == "poison" and error["attempts"] == 3
        error = c.submit(
            "debug:work", work, idempotent=True, retry={"on": ["error"]}
        ).error()
        assert error["reason"] == "crashed"
        error = c.submit("debug:work", work, retry={"max": 0}).error()
        assert error["reason"] == "crashed"


def test_retry_after_errors(morod):
    """A task's own error is worth another run only if that was asked for."""
    with morod(workers=1) as d, d.client() as c:
        work = {"fails": 2, "steps": 1}
        on = {"max": 2, "on": ["error"]}
        assert c.call("debug:work", work, retry=on)["attempt"] == 3
        error = c.submit("debug:work", work, retry={"max": 2}).error()
        assert error["reason"] == "failed"
        error = c.submit("debug:work", {"steps": -1}, retry=on).error()
        assert error["code"] == "INVALID_ARGUMENT"
        assert c.stats()["retried"] == 2


def test_backoff_leaves_the_worker_to_others(morod):
    """While a task waits to be run again others are done, and it can be cancelled."""
    with morod(workers=1) as d, d.client() as c:
        retry = {"max": 1, "on": ["error"], "backoffMs": 3600000}
        task = c.submit("debug:work", {"fails": 1, "steps": 1}, retry=retry)
        d.wait(lambda s: s["delayedTasks"] == 1)
        assert c.call("debug:echo", 1) == 1
        assert c.request("cancel", {"msgid": task.msgid})["state"] == "queued"
        assert task.error()["code"] == "CANCELLED"
        assert c.stats()["delayedTasks"] == 0


def test_backoff_doubles_up_to_its_limit(morod):
    """Three pauses of 40, 80 and 80 ms, each shorter by a quarter at most."""
    with morod(workers=1) as d, d.client() as c:
        import time

        retry = {"max": 3, "on": ["error"], "backoffMs": 40, "maxBackoffMs": 80}
        start = time.monotonic()
        c.call("debug:work", {"fails": 3, "steps": 1}, retry=retry)
        assert time.monotonic() - start >= 0.75 * 0.2


def test_backoff_over_its_limit(morod):
    """The limit holds for the first pause, too: nobody waits an hour."""
    with morod(workers=1) as d, d.client() as c:
        retry = {"max": 1, "on": ["error"], "backoffMs": 3600000, "maxBackoffMs": 1}
        assert c.call("debug:work", {"fails": 1, "steps": 1}, retry=retry)["attempt"] == 2


def test_limits_hold_in_the_pause(morod):
    """A timeout counts the pauses too."""
    with morod(workers=1) as d, d.client() as c:
        retry = {"max": 1, "on": ["error"], "backoffMs": 3600000}
        error = c.submit(
            "debug:work", {"fails": 1, "steps": 1}, retry=retry, timeout=100
        ).error()
        assert error["code"] == "TIMEOUT" and error["option"] == "timeout"


def test_a_task_that_was_begun_waits_no_more(morod):
    """queueTimeout counts until a worker has begun it: not in the pause behind."""
    with morod(workers=1) as d, d.client() as c:
        retry = {"max": 1, "on": ["error"], "backoffMs": 400}
        task = c.submit(
            "debug:work", {"fails": 1, "steps": 1}, retry=retry, queueTimeout=200
        )
        assert task.result()["attempt"] == 2


def test_a_stop_does_not_wait_for_the_pause(morod):
    """At the deadline what waits to be run again is answered as well."""
    with morod(workers=1, shutdown_timeout="50ms") as d, d.client() as c:
        retry = {"max": 1, "on": ["error"], "backoffMs": 3600000}
        task = c.submit("debug:work", {"fails": 1, "steps": 1}, retry=retry)
        d.wait(lambda s: s["delayedTasks"] == 1)
        assert d.stop() == 0
        assert task.error()["code"] == "SHUTTING_DOWN"


@pytest.mark.parametrize(
    "retry, option",
    [
        (3, "retry"),
        ({"max": 101}, "retry.max"),
        ({"max": -1}, "retry.max"),
        ({"on": []}, "retry.on"),
        ({"on": ["timeout"]}, "retry.on"),
        ({"backoffMs": "1s"}, "retry.backoffMs"),
        ({"maxBackoffMs": 0}, "retry.maxBackoffMs"),
        ({"times": 3}, "retry.times"),
    ],
)
def test_wrong_options(morod, retry, option):
    """What is wrong is named, with its place."""
    with morod() as d, d.client() as c:
        with pytest.raises(TaskError) as e:
            c.call("debug:work", {}, retry=retry)
        assert e.value.code == "INVALID_OPTION" and e.value.error["option"] == option


def test_list_of_poison(morod):
    """poison lists what killed its last worker, with its last words."""
    with morod(workers=1) as d, d.client() as c:
        assert c.request("poison") == []
        c.submit("debug:work", {"crashes": 9}, idempotent=True, id="mine").error()
        c.call("debug:print", {"text": "last words", "stream": "stderr"})
        c.submit("debug:crash", {"exit": 7}).error()
        second, first = c.request("poison")
        assert (first["type"], first["attempts"], first["signal"]) == ("debug:work", 2, "SIGSEGV")
        assert first["reason"] == "poison" and first["id"] == "mine"
        assert (second["type"], second["attempts"], second["exitCode"]) == ("debug:crash", 1, 7)
        assert second["reason"] == "crashed" and second["stderr"] == ["last words"]
        assert second["size"] > 0 and second["slot"] == 1 and second["pid"] > 0
        assert c.call("debug:work", {"crashes": 1, "steps": 1}, idempotent=True)
        assert len(c.request("poison")) == 2  # those that came through are none


def test_places_of_the_ring_are_used_again(morod):
    """The 33rd takes the place of the first, and nothing of what stood there."""
    with morod(workers=30, breaker_deaths="none") as d, d.client() as c:
        for i in range(34):
            options = {"id": "é" * 60 + str(i)} if i < 32 else {}
            if i == 33:
                c.notify("debug:crash", {"exit": 1})
                break
            c.submit("debug:crash", {"exit": 1}, **options).error()
        wait_until(lambda: c.request("poison")[0]["msgid"] is None)
        ring = c.request("poison")
        assert len(ring) == 32
        assert "id" not in ring[0] and "id" not in ring[1]
        assert ring[2]["id"] == "é" * 60 + "31"
