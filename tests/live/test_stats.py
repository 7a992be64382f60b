"""Statistics that answer questions: how long, how many, why, by whom."""

import os
import signal

import pytest

from harness import TaskError, wait_until

EIGHTH = 1.125  # how far a percentile may lie above the truth
SLACK_US = 50000  # that a busy machine may add


def of_type(stats, name):
    """The entry of a task type."""
    return next(e for e in stats["types"] if e["type"] == name)


def all_outcomes(outcomes):
    """{"completed": n, "failed": {...}} as {"completed": n, "failed.crashed": m}."""
    flat = {}
    for outcome, n in outcomes.items():
        for reason, m in (n.items() if isinstance(n, dict) else [(None, n)]):
            flat[f"{outcome}.{reason}" if reason else outcome] = m
    return flat


def add(*maps):
    total = {}
    for m in maps:
        for key, n in m.items():
            total[key] = total.get(key, 0) + n
    return total


def test_run_time_is_measured_in_the_worker(morod):
    """A task that sleeps 30 ms has run 30 ms, though it waited much longer."""
    with morod(workers=1) as d, d.client() as c:
        calls = [c.submit("debug:sleep", {"ms": 30}) for _ in range(8)]
        for call in calls:
            call.result()
        s = c.stats()
        run = of_type(s, "debug:sleep")["runUs"]["lastMinute"]
        assert run["count"] == 8
        assert 30000 <= run["p50"] <= 30000 * EIGHTH + SLACK_US
        assert run["p50"] <= run["p90"] <= run["p99"] <= run["max"]
        wait = of_type(s, "debug:sleep")["waitUs"]["lastMinute"]
        assert wait["count"] == 8
        assert wait["max"] >= 7 * 30000  # the last one waited for all others
        assert wait["p50"] >= 3 * 30000


def test_short_tasks_in_batches_are_measured(morod):
    """Of tasks that are answered together each has its own time."""
    with morod(workers=1) as d, d.client() as c:
        for _ in range(3):
            calls = [c.submit("debug:spin", {"us": 20}) for _ in range(200)]
            for call in calls:
                call.result()
        run = of_type(c.stats(), "debug:spin")["runUs"]["sinceStart"]
        assert run["count"] == 600
        assert 20 <= run["p50"] <= 20 * EIGHTH + 20


def test_who_is_killed_ran(morod):
    """A task that cannot say any more what it took is measured outside."""
    with morod(workers=1) as d, d.client() as c:
        call = c.submit("debug:sleep", {"ms": 60000}, runTimeout=200)
        assert call.error()["code"] == "TIMEOUT"
        run = of_type(c.stats(), "debug:sleep")["runUs"]["sinceStart"]
        assert run["count"] == 1
        assert 190000 <= run["max"] <= 200000 + 20 * SLACK_US


def test_types_and_priorities(morod):
    """Each type and priority has times of its own, and they add up to all."""
    with morod(workers=2) as d, d.client() as c:
        for priority in ("high", "normal", "low"):
            c.call("debug:echo", 1, priority=priority)
            c.call("crypto:hash", {"input": "x"}, priority=priority)
        c.call("debug:echo", 2)
        s = c.stats()
        assert [p["priority"] for p in s["priorities"]] == ["high", "normal", "low"]
        assert sorted(t["type"] for t in s["types"]) == ["crypto:hash", "debug:echo"]
        counts = [p["runUs"]["sinceStart"]["count"] for p in s["priorities"]]
        assert counts == [2, 3, 2]
        assert of_type(s, "debug:echo")["waitUs"]["sinceStart"]["count"] == 4
        assert s["runUs"]["sinceStart"]["count"] == 7
        assert s["waitUs"]["sinceStart"]["count"] == 7


def test_ends_by_reason(morod):
    """Every end has its reason, and the sums are right whichever way they are made."""
    with morod(workers=1, max_queue_size=1) as d, d.client() as c:
        c.call("debug:echo", 1)
        for task, data, options in (
            ("debug:fail", {}, {}),
            ("debug:crash", {}, {"idempotent": True}),
            ("debug:crash", {}, {}),
            ("debug:work", {"fails": 2}, {"retry": {"max": 1, "on": ["error"]}}),
            ("crypto:hash", {}, {}),
        ):
            with pytest.raises(TaskError):
                c.call(task, data, **options)
        assert c.submit("debug:sleep", {"ms": 60000}, runTimeout=20).error()["reason"] == "run"
        blocker = c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        assert c.submit("debug:echo", 1, queueTimeout=1).error()["reason"] == "queue"
        mine = c.submit("debug:echo", 1)
        assert c.submit("debug:echo", 1).error()["reason"] == "count"
        assert c.request("cancel", {"msgid": mine.msgid}) == {"state": "queued"}
        with d.client() as other:
            call = other.submit("debug:echo", 1)
            other.request("ping")
            number = c.request("ls", {"state": "queued"})[0]["client"]
            c.request("cancel", {"client": number, "msgid": call.msgid})
            assert call.error()["reason"] == "admin"
            other.submit("debug:echo", 1)
            other.request("ping")
        d.wait(lambda s: s["queueSize"] == 0)
        assert c.submit("debug:echo", 1, color="red").error()["code"] == "INVALID_OPTION"
        assert c.submit("no:type", 1).error()["code"] == "UNKNOWN_TASK"
        s = c.stats()
        whole = all_outcomes(s["outcomes"])
        assert whole == {
            "completed": 1,
            "failed.failed": 2,
            "failed.poison": 1,
            "failed.crashed": 1,
            "failed.invalid_argument": 1,
            "timedOut.run": 1,
            "timedOut.queue": 1,
            "cancelled.client": 1,
            "cancelled.admin": 1,
            "cancelled.disconnect": 1,
            "refused.count": 1,
            "refused.invalid_option": 1,
            "refused.unknown_task": 1,
            "retried.crash": 1,
            "retried.error": 1,
        }
        for outcome in ("failed", "timedOut", "cancelled", "refused", "retried"):
            assert s[outcome] == sum(s["outcomes"][outcome].values())
        of_types = add(*(all_outcomes(t["outcomes"]) for t in s["types"]))
        assert add(of_types, {"refused.unknown_task": 1}) == whole
        of_priorities = add(*(all_outcomes(p["outcomes"]) for p in s["priorities"]))
        assert add(of_priorities, {"refused.unknown_task": 1}) == whole
        assert blocker.answer is None


def test_a_stop_is_a_reason(morod):
    """Refused because it drains is told apart."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        d.process.send_signal(signal.SIGTERM)
        d.wait_log("finishing what is accepted")
        assert c.submit("debug:echo", 1).error()["code"] == "SHUTTING_DOWN"
        assert c.stats()["outcomes"]["refused"] == {"shutdown": 1}


def test_reasons_of_the_unknown_are_bounded(morod):
    """A worker's error with a code of its own is counted under that code."""
    with morod(workers=1) as d, d.client() as c:
        for data in ({"input": 5}, {"input": "x", "algorithm": "none"}):
            with pytest.raises(TaskError):
                c.call("crypto:hash", data)
        assert c.stats()["outcomes"]["failed"] == {"invalid_argument": 2}


def test_workers(morod):
    """A worker's memory, CPU time and age are shown, and a new one's afresh."""
    with morod(workers=1) as d, d.client() as c:
        c.call("debug:spin", {"ms": 500})

        def ran(s):
            return s["pools"][0]["workers"][0]["cpuMs"] >= 50

        s = d.wait(ran)
        (pool,) = s["pools"]
        (w,) = pool["workers"]
        assert (pool["state"], pool["min"], pool["max"], pool["target"]) == ("up", 1, 1, 1)
        assert 1 << 20 < w["rss"] < 1 << 30
        assert 500 <= w["ageMs"] <= s["uptimeMs"] + 1000
        assert w["tasksDone"] == 1
        os.kill(w["pid"], signal.SIGKILL)
        s = d.wait(lambda s: s["workers"] == 1 and s["pools"][0]["workers"][0]["pid"] != w["pid"])
        (new,) = s["pools"][0]["workers"]
        assert new["ageMs"] < w["ageMs"] + 1000 and new["restarts"] == 1
        wait_until(lambda: c.stats()["pools"][0]["workers"][0]["cpuMs"] < w["cpuMs"], "its own CPU time")


def test_buckets(morod):
    """Collectors get cumulative counts, if they ask."""
    with morod(workers=1) as d, d.client() as c:
        c.call("debug:sleep", {"ms": 20}, priority="low")
        c.call("debug:echo", 1)
        s = c.request("stats", {"buckets": True})
        assert "series" not in c.stats() and "series" not in c.request("stats", {"buckets": False})
        bounds = s["bucketsUs"]
        assert bounds == sorted(bounds) and bounds[0] == 16 and len(bounds) == 14
        assert {(e["type"], e["priority"]) for e in s["series"]} == {
            ("debug:sleep", "low"), ("debug:echo", "normal")}
        sleep = next(e for e in s["series"] if e["type"] == "debug:sleep")
        run = sleep["runUs"]
        assert run["count"] == 1 and run["sum"] >= 20000
        assert run["below"] == [int(run["sum"] < b) for b in bounds]


@pytest.mark.parametrize("argument, field", [
    (7, "stats"), ({"buckets": 1}, "buckets"), ({"bucket": True}, "bucket")])
def test_wrong_arguments(morod, argument, field):
    """What stats does not take is refused by name."""
    with morod() as d, d.client() as c:
        error = c.start("stats", argument).error()
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", field)


def test_a_lifted_task_counts_where_it_was_put(morod):
    """What aging lifts is counted under the priority that its caller gave it."""
    with morod(workers=1, aging_ms=10) as d, d.client() as c:
        long = c.submit("debug:sleep", {"ms": 60000}, priority="high", id="long")
        d.wait(lambda s: s["activeTasks"] == 1)
        low = c.submit("debug:echo", 1, priority="low")
        d.wait(lambda s: s["pools"][0]["queue"]["high"] == 1)
        assert c.request("ls", {"state": "queued"})[0]["priority"] == "low"
        c.request("cancel", {"id": "long"})
        assert low.result() == 1 and long.error()
        counts = {p["priority"]: p["runUs"]["sinceStart"]["count"] for p in c.stats()["priorities"]}
        assert counts == {"high": 1, "normal": 0, "low": 1}


def test_a_soft_cancel_leaves_nothing_behind(morod):
    """What a cancelled task took is not taken for the time of the next one that dies."""
    with morod(workers=1, cancel_grace="10s") as d, d.client() as c:
        long = c.submit("debug:work", {"ms": 60000, "steps": 6000})
        d.wait(lambda s: s["activeTasks"] == 1)
        d.wait(lambda s: c.request("ls")[0]["runMs"] > 300)
        c.request("cancel", {"msgid": long.msgid})
        assert long.error()["code"] == "CANCELLED"
        assert of_type(c.stats(), "debug:work")["runUs"]["sinceStart"]["max"] >= 300000
        assert c.submit("debug:crash", {}, idempotent=False).error()["reason"] == "crashed"
        assert of_type(c.stats(), "debug:crash")["runUs"]["sinceStart"]["max"] < 300000
