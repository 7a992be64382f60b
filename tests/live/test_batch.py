"""Option batch: an array of data, one answer with what became of each element."""

import hashlib
import os
import random
import signal

import msgpack
import pytest

from harness import SANITIZED, TaskError, wait_until

MANY = 2000 if SANITIZED else 20000


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_results_and_errors_in_order(morod):
    """Each element has its own outcome, in its place."""
    data = [{"input": f"text {i}"} for i in range(1000)]
    data[17] = {"inptu": "x"}
    data[500] = 5
    with morod(workers=2) as d, d.client() as c:
        answers = c.call("crypto:hash", data, batch=True)
        assert len(answers) == 1000
        for i, answer in enumerate(answers):
            if i in (17, 500):
                assert list(answer) == ["error"]
                assert answer["error"]["code"] == "INVALID_ARGUMENT"
            else:
                assert answer == {"result": sha(f"text {i}")}
        assert answers[17]["error"]["field"] == "inptu"
        assert answers[500]["error"]["field"] == "data"
        stats = c.stats()
        assert (stats["submitted"], stats["completed"], stats["failed"]) == (1000, 998, 2)
        assert stats["queueSize"] == stats["activeTasks"] == stats["queuedBytes"] == 0


def test_long_batch(morod):
    """Many more elements than the queue takes tasks: they are fed to it."""
    with morod(workers=2, max_queue_size=300) as d, d.client() as c:
        answers = c.call("debug:echo", list(range(MANY)), batch=True)
        assert answers == [{"result": i} for i in range(MANY)]
        wait_until(lambda: c.stats()["queuedBytes"] == 0, "all to be given back")


def test_spread_over_the_workers(morod):
    """Two elements that take their time run side by side."""
    with morod(workers=2) as d, d.client() as c:
        call = c.submit("debug:spin", [{"ms": 3600000}] * 2, batch=True)
        d.wait(lambda s: s["activeTasks"] == 2)
        c.request("cancel", {"msgid": call.msgid})
        assert call.error()["code"] == "CANCELLED"


def test_empty_and_one(morod):
    with morod() as d, d.client() as c:
        assert c.call("crypto:hash", [], batch=True) == []
        assert c.call("debug:echo", [None], batch=True) == [{"result": None}]
        assert c.call("debug:echo", [1, 2], batch=False) == [1, 2]


def test_what_is_no_batch(morod):
    """Data that is no array, descriptors, notifications, other values."""
    with morod() as d, d.client() as c:
        error = c.submit("crypto:hash", {"input": "x"}, batch=True).error()
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "data")
        assert "an array, not a map" in error["message"]
        error = c.submit("debug:echo", [1], batch=1).error()
        assert (error["code"], error["option"]) == ("INVALID_OPTION", "batch")
        error = c.submit("debug:echo", [None] * 100001, batch=True).error()
        assert "up to 100000 elements, not of 100001" in error["message"]
        c.notify("debug:echo", [1, 2], {"batch": True})
        assert c.request("ping") == "pong"
        stats = c.stats()
        assert stats["notificationsIgnored"] == 1
        assert stats["completed"] == 0


def test_error_shapes(morod):
    """An element's error has the shape that the connection has chosen."""
    with morod() as d, d.client(hello=False) as c:
        (answer,) = c.call("debug:fail", [{"message": "no"}], batch=True)
        assert answer == {"error": "WORKER_ERROR: no"}


def test_cancel_stops_all(morod):
    """What runs is stopped, what waits is dropped, and there is one answer."""
    with morod(workers=2) as d, d.client() as c:
        call = c.submit("debug:spin", [{"ms": 3600000}] * 50, batch=True, id="mine")
        d.wait(lambda s: s["activeTasks"] == 2)
        assert c.request("cancel", {"id": "mine"})["state"] == "running"
        error = call.error()
        assert (error["code"], error["reason"]) == ("CANCELLED", "client")
        d.wait(lambda s: s["activeTasks"] == 0 and s["queueSize"] == 0)
        d.wait(lambda s: s["workers"] == 2)
        assert c.stats()["queuedBytes"] == 0
        assert c.call("debug:echo", [1], batch=True) == [{"result": 1}]


def test_timeout_is_for_the_whole(morod):
    """`timeout` counts from acceptance to the one answer."""
    with morod(workers=1) as d, d.client() as c:
        call = c.submit("debug:sleep", [{"ms": 50}] * 1000, batch=True, timeout=200)
        error = call.error()
        assert (error["code"], error["limit"]) == ("TIMEOUT", 200)
        d.wait(lambda s: s["activeTasks"] == 0 and s["queueSize"] == 0)


def test_run_timeout_is_for_each(morod):
    """`runTimeout` strikes one element, and the others have their results."""
    data = [{"ms": 1}, {"ms": 3600000}, {"ms": 2}]
    with morod(workers=1) as d, d.client() as c:
        first, second, third = c.call("debug:spin", data, batch=True, runTimeout=150)
        assert (first, third) == ({"result": 1}, {"result": 2})
        assert second["error"]["code"] == "TIMEOUT"
        assert second["error"]["option"] == "runTimeout"


def test_limits_of_the_type_are_for_each(morod, tmp_path):
    """A type's own limit does not cut a long batch short."""
    path = tmp_path / "m.conf"
    path.write_text("[task debug:sleep]\ntimeout = 400ms\n")
    data = [{"ms": 30}] * 20 + [{"ms": 3600000}]
    with morod(workers=1, config=path) as d, d.client() as c:
        answers = c.call("debug:sleep", data[:1] * 5 + data[-1:], batch=True)
        assert [list(a) for a in answers] == [["result"]] * 5 + [["error"]]
        assert answers[-1]["error"]["code"] == "TIMEOUT"


def test_crash_costs_one_element(morod):
    data = [{"ms": 0, "steps": 1}] * 3 + [{"ms": 0, "steps": 1, "crashes": 100}]
    with morod(workers=1) as d, d.client() as c:
        answers = c.call("debug:work", data + data[:2], batch=True)
        assert [list(a) for a in answers] == [["result"]] * 3 + [["error"]] + [["result"]] * 2
        assert answers[3]["error"]["reason"] == "crashed"


def test_retry_is_for_each(morod):
    data = [{"steps": 1, "fails": n} for n in (0, 1, 2)]
    with morod(workers=1) as d, d.client() as c:
        answers = c.call("debug:work", data, batch=True, retry={"max": 1, "on": ["error"]})
        assert answers[0]["result"]["attempt"] == 1
        assert answers[1]["result"]["attempt"] == 2
        assert answers[2]["error"]["code"] == "WORKER_ERROR"


def test_worker_killed_in_mid_batch(morod):
    """A worker's death costs no more than the element that it ran."""
    data = [{"input": f"text {i}"} for i in range(MANY)]
    with morod(workers=2) as d, d.client() as c:
        call = c.submit("crypto:hash", data, batch=True)
        for _ in range(3):
            kill_one(d.worker_pids())
            d.wait(lambda s: s["workers"] == 2)
        assert call.result() == [{"result": sha(f"text {i}")} for i in range(MANY)]


def test_client_that_leaves(morod):
    """Nothing is left of its batches: no task, no byte, no busy worker."""
    with morod(workers=2) as d, d.client() as other:
        with d.client() as c:
            for _ in range(3):
                c.submit("debug:spin", [{"ms": 3600000}] * 300, batch=True)
            d.wait(lambda s: s["activeTasks"] == 2)
        d.wait(lambda s: s["activeTasks"] == 0 and s["queueSize"] == 0)
        assert other.stats()["queuedBytes"] == 0
        assert other.call("debug:echo", 1) == 1


def test_half_closed_client_is_answered(morod):
    import socket

    with morod(workers=1) as d, d.client() as c:
        call = c.submit("debug:sleep", [{"ms": 5}] * 20, batch=True)
        c.sock.shutdown(socket.SHUT_WR)
        assert call.result() == [{"result": 5}] * 20
        c.read_closed()


def test_others_take_turns_with_it(morod):
    """A batch does not hold up another client's task of the same priority."""
    with morod(workers=1) as d, d.client() as c, d.client() as other:
        call = c.submit("debug:spin", [{"ms": 20}] * 200, batch=True)
        d.wait(lambda s: s["activeTasks"] >= 1)
        assert other.call("debug:echo", "quick") == "quick"
        assert call.answer is None
        assert c.stats()["queueSize"] > 50
        c.request("cancel", {"msgid": call.msgid})


def test_progress_counts_elements(morod):
    with morod(workers=1) as d, d.client() as c:
        call = c.submit("debug:sleep", [{"ms": 30}] * 20, batch=True, progress=True)
        call.result()
        told = [m[2] for m in c.unasked if m[:2] == [2, "progress"]]
        assert told and all(msgid == call.msgid for msgid, _ in told)
        counts = [p["done"] for _, p in told]
        assert counts == sorted(counts) and all(p["total"] == 20 for _, p in told)
        assert any(0 < n < 20 for n in counts)


def test_is_listed(morod):
    with morod(workers=1) as d, d.client() as c:
        call = c.submit("debug:spin", [{"ms": 3600000}] * 3, batch=True, id="b",
                        progress=True)
        d.wait(lambda s: s["activeTasks"] == 1 and s["queueSize"] == 2)
        (head,) = c.request("ls", {"state": "gathering"})
        assert (head["msgid"], head["id"], head["type"]) == (call.msgid, "b", "debug:spin")
        assert head["progress"] == {"done": 0, "total": 3}
        assert len(c.request("ls", {"client": head["client"]})) == 4
        c.request("cancel", {"msgid": call.msgid})


def test_results_over_the_limit(morod):
    """The answer is one message: over that the whole fails, and stops."""
    with morod(workers=2, max_frame="1M") as d, d.client() as c:
        assert len(c.submit("debug:echo", ["x" * 1000] * 900 + ["y"], batch=True).result()) == 901
        data = [{"input": "x", "algorithm": "sha512", "encoding": "hex"}] * 9000
        call = c.submit("crypto:hash", data[:7000], batch=True)
        assert len(call.result()) == 7000
        call = c.submit("crypto:hash", [{"input": "", "algorithm": "sha512"}] * 20000, batch=True)
        error = call.error()
        assert (error["code"], error["limit"]) == ("TOO_LARGE", 1 << 20)
        d.wait(lambda s: s["activeTasks"] == 0 and s["queueSize"] == 0)


def test_results_that_wait_are_bounded(morod):
    """Small data with large results cannot fill the server's memory."""
    large, slow = {"length": 1 << 20, "encoding": "bin"}, {"length": 1}
    with morod(workers=1, max_queued_bytes="4M", max_frame="16M") as d, d.client() as c:
        assert len(c.call("crypto:random", [large] * 3, batch=True)) == 3
        error = c.submit("crypto:random", [large] * 6 + [slow], batch=True).error()
        assert (error["code"], error["reason"], error["limit"]) == ("QUEUE_FULL", "bytes", 4 << 20)
        assert error["retryable"] is True
        d.wait(lambda s: s["queuedBytes"] == 0 and s["activeTasks"] == 0)
        assert c.call("debug:echo", [1], batch=True) == [{"result": 1}]


def test_what_waits_is_counted_whole(morod):
    """A small result takes more memory than its bytes, and data no more than once."""
    with morod(workers=1) as d, d.client() as c:
        data = [{"ms": 0}] * 5000 + [{"ms": 3600000}]
        size = len(msgpack.packb(data))
        call = c.submit("debug:sleep", data, batch=True)
        d.wait(lambda s: s["completed"] == 5000)
        assert size + 5000 * 32 <= c.stats()["queuedBytes"] <= size + 5000 * 64
        c.request("cancel", {"msgid": call.msgid})
        d.wait(lambda s: s["queuedBytes"] == 0)


@pytest.mark.parametrize("on_full", ["refuse", "wait"])
def test_data_as_large_as_may_be(morod, on_full):
    """A batch may have all the bytes that may be queued: its elements are none beside it."""
    element = {"input": "x" * 100000}
    with morod(workers=1, max_queued_bytes="4M") as d, d.client() as c:
        n = (4 << 20) // len(msgpack.packb(element)) - 1
        assert c.call("crypto:hash", [element] * n, batch=True, onFull=on_full) == [
            {"result": sha("x" * 100000)}] * n


def test_errors_are_values(morod):
    """An answer of errors keeps the limit of values, as one of results does."""
    with morod(workers=1, max_values=20000) as d, d.client() as c:
        error = c.submit("debug:fail", [{"message": "no"}] * 5000, batch=True).error()
        assert (error["code"], error["limit"]) == ("TOO_LARGE", 20000)
        answers = c.call("debug:fail", [{"message": "no"}] * 500, batch=True)
        assert len(answers) == 500


def test_leaves_room_in_the_queue(morod):
    """Others, and the connection itself, find room beside batches."""
    spin = [{"ms": 3600000}] * 300
    with morod(workers=1, max_queue_size=40, max_client_tasks=60) as d:
        with d.client() as c, d.client() as second, d.client() as other:
            calls = [c.submit("debug:spin", spin, batch=True)]
            d.wait(lambda s: s["activeTasks"] == 1 and s["queueSize"] == 20)
            calls.append(second.submit("debug:spin", spin, batch=True))
            d.wait(lambda s: s["queueSize"] == 21)
            waits = [c.submit("debug:echo", i) for i in range(10)]
            waits += [other.submit("debug:echo", i) for i in range(9)]
            d.wait(lambda s: s["queueSize"] == 40)
            assert other.submit("debug:echo", 1).error()["reason"] == "count"
            c.request("cancel", {"msgid": calls[0].msgid})
            second.request("cancel", {"msgid": calls[1].msgid})
            assert [w.result() for w in waits] == [*range(10), *range(9)]
    with morod(workers=1, max_client_tasks=10) as d, d.client() as c:
        call = c.submit("debug:spin", spin, batch=True)
        d.wait(lambda s: s["activeTasks"] == 1 and s["queueSize"] == 3)
        waits = [c.submit("debug:echo", i) for i in range(5)]
        assert c.submit("debug:echo", 5).error()["reason"] == "client"
        c.request("cancel", {"msgid": call.msgid})
        assert [w.result() for w in waits] == [*range(5)]


def test_goes_on_where_the_queue_is_full(morod):
    """With one place after the other, if there are no more."""
    with morod(workers=1, max_queue_size=1) as d, d.client() as c:
        assert c.call("debug:echo", list(range(500)), batch=True) == [
            {"result": i} for i in range(500)]


@pytest.mark.parametrize("limits", [
    {"max_queue_size": 1}, {"max_queue_size": 3}, {"max_queue_size": 8}])
def test_idle_workers_find_work(morod, limits):
    """Little room for others to leave does not leave workers idle."""
    with morod(workers=8, **limits) as d, d.client() as c:
        call = c.submit("debug:spin", [{"ms": 3600000}] * 8, batch=True)
        d.wait(lambda s: s["activeTasks"] == 8)
        c.request("cancel", {"msgid": call.msgid})


def test_goes_on_when_others_are_done(morod):
    """A batch that came while the queue was full is spread when it is not any more."""
    with morod(workers=4, max_queue_size=40) as d, d.client() as c, d.client() as other:
        burst = [other.submit("debug:sleep", {"ms": 5}, priority="high") for _ in range(30)]
        call = c.submit("debug:spin", [{"ms": 3600000}] * 8, batch=True)
        [b.result() for b in burst]
        d.wait(lambda s: s["activeTasks"] == 4)
        c.request("cancel", {"msgid": call.msgid})


def test_pool_that_goes_down_before_a_long_batch(morod):
    """Where so many errors have no room, the whole is refused for the same reason."""
    data = [{"steps": 1, "crashes": 9}] * 2 + [{"steps": 1}] * 5000
    with morod(workers=1, breaker_deaths=2, breaker_pause="1m", prefetch_us=0,
               max_values=20000) as d, d.client() as c:
        error = c.submit("debug:work", data, batch=True).error()
        assert (error["reason"], error["retryable"]) == ("pool_down", True)
        assert c.stats()["queuedBytes"] == 0


def test_pool_that_goes_down(morod):
    """What was done is told, and the rest refused, each once."""
    data = [{"steps": 1}] + [{"steps": 1, "crashes": 9}] * 2 + [{"steps": 1}] * 50000
    with morod(workers=1, breaker_deaths=2, breaker_pause="1m", prefetch_us=0) as d:
        with d.client() as c:
            call = c.submit("debug:work", data[1:], batch=True)
            answers = call.result()
            assert len(answers) == len(data) - 1
            assert [a["error"]["reason"] for a in answers] == ["crashed"] * 2 + ["pool_down"] * 50000
            s = c.stats()
            ends = ("completed", "failed", "timedOut", "cancelled", "refused")
            assert s["submitted"] == sum(s[k] for k in ends) == 50002
            assert s["queuedBytes"] == s["queueSize"] == 0


def test_deep_results(morod):
    """A result that could not be read within the answer is an error of its own."""
    def nested(n):
        return [nested(n - 1)] if n else 1

    with morod() as d, d.client() as c:
        deep, flat = c.call("debug:echo", [nested(30), 7], batch=True)
        assert deep == {"result": nested(30)} and flat == {"result": 7}
        (answer,) = c.call("debug:echo", [nested(31)], batch=True)
        assert (answer["error"]["code"], answer["error"]["limit"]) == ("TOO_LARGE", 30)
        s = c.stats()
        assert (s["completed"], s["failed"]) == (2, 1)


def test_wide_results(morod):
    """Containers that stand side by side are no deeper than one of them."""
    wide = [[i, {"n": [i]}] for i in range(100)]
    with morod() as d, d.client() as c:
        assert c.call("debug:echo", [wide, {"a": wide}], batch=True) == [
            {"result": wide}, {"result": {"a": wide}}]


def test_over_two_limits_at_once(morod):
    """What is told first is what is told: of results over both, the bytes."""
    half = {"data": None, "filter": '[range(600) | "x" * 60]'}
    with morod(workers=1, max_frame="64K", max_values=1000) as d, d.client() as c:
        assert len(c.call("json:transform", [half], batch=True)[0]["result"]) == 600
        error = c.submit("json:transform", [half, half], batch=True).error()
        assert (error["code"], error["limit"]) == ("TOO_LARGE", 1 << 16)


def test_shutdown_finishes_it(morod):
    """A stop waits for the elements that are not queued yet, too."""
    with morod(workers=2) as d, d.client() as c:
        call = c.submit("debug:sleep", [{"ms": 1}] * 600, batch=True)
        d.wait(lambda s: s["completed"] > 0)
        d.process.send_signal(signal.SIGTERM)
        assert len(call.result()) == 600
        d.process.wait(20)


def test_shutdown_now_cancels_it(morod):
    with morod(workers=2) as d, d.client() as c:
        call = c.submit("debug:spin", [{"ms": 3600000}] * 600, batch=True)
        d.wait(lambda s: s["activeTasks"] == 2)
        c.start("shutdown", {"now": True})
        error = call.error()
        assert (error["code"], error["reason"]) == ("CANCELLED", "shutdown")


def test_queue_full(morod):
    """The batch is refused as one task is, and can wait for room as one does."""
    with morod(workers=1, max_queue_size=1) as d, d.client() as c, d.client() as other:
        busy = [c.submit("debug:sleep", {"ms": 300}) for _ in range(2)]
        d.wait(lambda s: s["activeTasks"] == 1 and s["queueSize"] == 1)
        with pytest.raises(TaskError) as caught:
            other.call("debug:echo", [1, 2], batch=True)
        assert caught.value.code == "QUEUE_FULL"
        answers = other.call("debug:echo", [1, 2], batch=True, onFull="wait")
        assert answers == [{"result": 1}, {"result": 2}]
        assert [b.result() for b in busy] == [300, 300]


def kill_one(pids):
    """Kills the first of them, if it is not dead already."""
    try:
        os.kill(pids[0], signal.SIGKILL)
    except (IndexError, ProcessLookupError):
        pass


def judge(call, n):
    """An answer of the storm: an error that may be, or each element's own."""
    error, result = call.answer
    if error is not None:
        assert error["code"] in ("CANCELLED", "TIMEOUT", "QUEUE_FULL"), error
        return
    assert len(result) == n
    for i, element in enumerate(result):
        if "error" in element:
            assert element["error"]["reason"] in ("crashed", "poison", "run"), element
        else:
            assert element["result"] in (i, 1)


def test_storm(morod):
    """Batches that are cancelled, time out, lose their workers and their clients."""
    rng = random.Random(1)
    rounds = 60
    with morod(workers=3, max_queue_size=500) as d, d.client() as admin:
        for turn in range(rounds):
            c = d.client()
            calls = []
            for _ in range(rng.randint(1, 4)):
                n = rng.randint(0, 600)
                task, data = rng.choice([
                    ("debug:echo", list(range(n))), ("debug:spin", [{"us": 1}] * n),
                    ("debug:sleep", [{"ms": 1}] * (n // 20))])
                options = rng.choice([{}, {"timeout": rng.randint(1, 20)},
                                      {"runTimeout": 5}, {"progress": True}])
                calls.append((c.submit(task, data, batch=True, **options), len(data)))
            for call, _ in calls:
                if rng.random() < 0.2:
                    c.notify("cancel", {"msgid": call.msgid})
            if rng.random() < 0.2:
                kill_one(d.worker_pids())
            if rng.random() < 0.7:
                for call, n in calls:
                    call.wait()
                    judge(call, n)
                assert not c.extra
            c.close()
        def calm(s):
            return s["clients"] == 1 and s["activeTasks"] == s["queueSize"] == 0 and s["workers"] == 3

        wait_until(lambda: calm(admin.stats()), "peace")
        s = admin.stats()
        assert s["queuedBytes"] == s["unreadBytes"] == s["delayedTasks"] == 0
        assert admin.request("ls") == []
        ends = ("completed", "failed", "timedOut", "cancelled", "refused")
        assert s["submitted"] == sum(s[k] for k in ends)
        assert admin.call("debug:echo", [1], batch=True) == [{"result": 1}]
