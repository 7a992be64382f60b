"""Whose turn it is: clients, priorities, what has waited long, what is full."""

import threading
import time

import pytest

from harness import TaskError, wait_until


def test_clients_take_turns(morod):
    """One client's many tasks delay another's single one by those that run."""
    with morod(workers=1, prefetch_us=0, max_queue_size=5000) as d:
        with d.client() as a, d.client() as b:
            flood = [a.submit("debug:sleep", {"ms": 1}) for _ in range(1000)]
            d.wait(lambda s: s["submitted"] == 1000)
            assert b.call("debug:echo", 1) == 1
            assert a.stats()["queueSize"] > 500
            for task in flood:
                a.pending.pop(task.msgid, None)


def test_turns_inside_one_priority_only(morod):
    """A lower priority waits until the higher one is empty, whoever sent it."""
    with morod(workers=1, prefetch_us=0) as d, d.client() as a, d.client() as b:
        block = a.submit("debug:sleep", {"ms": 200})
        d.wait(lambda s: s["activeTasks"] == 1)
        low = b.submit("debug:echo", "low", priority="low")
        high = [a.submit("debug:sleep", {"ms": 10}, priority="high") for _ in range(9)]
        start = time.monotonic()
        assert low.result() == "low"
        assert time.monotonic() - start >= 0.09
        block.result(), [h.result() for h in high]


def test_who_left_does_not_take_turns_away(morod):
    """Fire-and-forget tasks go on when their client is gone, in their order."""
    with morod(workers=1, prefetch_us=0) as d, d.client() as c:
        with d.client() as gone:
            block = c.submit("debug:sleep", {"ms": 100})
            d.wait(lambda s: s["activeTasks"] == 1)
            for i in range(20):
                gone.notify("debug:echo", i)
            gone.request("ping")
        assert block.result() == 100
        d.wait(lambda s: s["completed"] == 21 and s["queueSize"] == 0)


def test_aging_lifts_what_waited_too_long(morod):
    """A low task gets its turn although high ones never end."""
    with morod(workers=1, prefetch_us=0, aging_ms=50) as d:
        with d.client() as a, d.client() as b:
            stop = threading.Event()

            def flood():
                while not stop.is_set():
                    for task in [
                        a.submit("debug:sleep", {"ms": 2}, priority="high")
                        for _ in range(10)
                    ]:
                        task.result()

            thread = threading.Thread(target=flood)
            thread.start()
            try:
                d.wait(lambda s: s["activeTasks"] == 1, begun=False)
                assert b.call("debug:echo", "low", priority="low") == "low"
            finally:
                stop.set()
                thread.join()


def test_reserve_keeps_a_worker_for_high(morod):
    """Long normal tasks do not take all workers."""
    with morod(workers=2, reserve=1) as d, d.client() as c:
        first = c.submit("debug:sleep", {"ms": 60000})
        second = c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1 and s["queueSize"] == 1)
        assert c.call("debug:echo", 1, priority="high") == 1
        s = c.stats()
        assert (s["activeTasks"], s["queueSize"]) == (1, 1)
        c.request("cancel", {"msgid": first.msgid})
        d.wait(lambda s: s["activeTasks"] == 1 and s["queueSize"] == 0)
        c.request("cancel", {"msgid": second.msgid})
        assert second.error()["code"] == "CANCELLED"


def test_pause_of_all(morod):
    """While all is paused tasks are accepted and wait; what runs goes on."""
    with morod(workers=1) as d, d.client() as c:
        running = c.submit("debug:sleep", {"ms": 50})
        d.wait(lambda s: s["activeTasks"] == 1)
        assert c.request("pause") is True
        waits = c.submit("debug:echo", 1, priority="high")
        assert running.result() == 50
        s = c.stats()
        assert s["pools"][0]["paused"] and s["queueSize"] == 1
        assert c.request("resume") is True
        assert waits.result() == 1


def test_pause_of_a_type(morod):
    """Others go on; the paused ones keep their order, and can be cancelled."""
    with morod(workers=1) as d, d.client() as a, d.client() as b:
        assert a.request("pause", "debug:echo") is True
        tasks = [a.submit("debug:echo", i) for i in range(6)]
        late = b.submit("debug:echo", "b")
        assert a.call("debug:sleep", {"ms": 1}) == 1
        s = a.stats()
        assert s["queueSize"] == 7 and s["pools"][0]["parked"] == 7
        assert a.request("cancel", {"msgid": tasks[3].msgid})["state"] == "queued"
        assert tasks[3].error()["code"] == "CANCELLED"
        assert a.request("resume", "debug:echo") is True
        assert late.result() == "b"
        assert [t.result() for t in tasks if t is not tasks[3]] == [0, 1, 2, 4, 5]
        order = [m for m in a.order if m in {t.msgid for t in tasks}]
        assert order == [tasks[3].msgid] + [t.msgid for t in tasks if t is not tasks[3]]
        assert a.stats()["pools"][0]["parked"] == 0


def test_paused_tasks_of_who_leaves(morod):
    """They are dropped with their client, fire-and-forget ones go on later."""
    with morod(workers=1) as d, d.client() as c:
        c.request("pause", "debug:echo")
        with d.client() as gone:
            gone.submit("debug:echo", 1)
            gone.notify("debug:echo", 2)
            gone.request("ping")
            d.wait(lambda s: s["pools"][0]["queue"] is not None)
            wait_until(lambda: c.stats()["queueSize"] == 2)
            gone.submit("debug:sleep", {"ms": 1}).result()
        wait_until(lambda: c.stats()["queueSize"] == 1)
        c.request("resume")
        d.wait(lambda s: s["queueSize"] == 0 and s["completed"] == 2)


def test_a_stop_finishes_what_is_paused(morod):
    """What was accepted is finished: a pause ends with the shutdown."""
    with morod(workers=1) as d, d.client() as c:
        c.request("pause", "debug:echo")
        c.request("pause")
        task = c.submit("debug:echo", 1)
        d.wait(lambda s: s["queueSize"] == 1)
        assert d.stop() == 0
        assert task.result() == 1


def test_a_stop_answers_what_is_parked(morod):
    """At its deadline also what waits with its type."""
    with morod(workers=1, shutdown_timeout="50ms") as d, d.client() as c:
        c.request("pause", "debug:echo")
        task = c.submit("debug:echo", 1)
        c.call("debug:sleep", {"ms": 1})
        d.wait(lambda s: s["pools"][0]["parked"] == 1)
        block = c.submit("debug:sleep", {"ms": 60000}, priority="high")
        d.wait(lambda s: s["activeTasks"] == 1)
        assert d.stop() == 0
        assert task.error()["code"] == "SHUTTING_DOWN"
        assert block.error()["code"] == "CANCELLED"


def test_pause_of_what_is_not_there(morod):
    with morod() as d, d.client() as c:
        with pytest.raises(TaskError) as e:
            c.request("pause", "no:type")
        assert e.value.code == "UNKNOWN_TASK"
        with pytest.raises(TaskError) as e:
            c.request("resume", 7)
        assert e.value.code == "INVALID_ARGUMENT"


def test_drain_and_resume(morod):
    """New tasks are refused, accepted ones finished, and then it goes on."""
    with morod(workers=1) as d, d.client() as c:
        running = c.submit("debug:sleep", {"ms": 50})
        queued = c.submit("debug:echo", 1)
        assert c.request("drain") is True
        assert c.submit("debug:echo", 2).error()["code"] == "SHUTTING_DOWN"
        assert (running.result(), queued.result()) == (50, 1)
        s = c.stats()
        assert s["isDraining"] and not s["isShuttingDown"]
        assert c.request("resume") is True
        assert c.call("debug:echo", 3) == 3


def test_shutdown_now(morod):
    """It does not wait for what is accepted."""
    with morod(workers=1) as d, d.client() as c:
        running = c.submit("debug:sleep", {"ms": 60000})
        queued = c.submit("debug:echo", 1)
        d.wait(lambda s: s["activeTasks"] == 1)
        assert c.request("shutdown", {"now": True}) is True
        assert running.error()["reason"] == "shutdown"
        assert queued.error()["code"] == "SHUTTING_DOWN"
        assert d.process.wait(20) == 0


def test_bytes_of_a_client(morod):
    """One connection may not have all the memory."""
    with morod(workers=1, max_client_bytes="100K") as d, d.client() as c, d.client() as b:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        c.submit("debug:echo", b"x" * 60000)
        error = c.submit("debug:echo", b"x" * 60000).error()
        assert error["code"] == "QUEUE_FULL" and error["reason"] == "clientBytes"
        assert error["limit"] == 102400 and error["size"] > 60000
        b.submit("debug:echo", b"x" * 60000)
        error = c.submit("debug:echo", b"x" * 110000).error()
        assert error["code"] == "TOO_LARGE" and error["limit"] == 102400
        d.wait(lambda s: s["queueSize"] == 2)


def test_never_room(morod):
    """A task that no empty server could take is too large, not refused for now."""
    with morod(workers=1, max_queued_bytes="64K") as d, d.client() as c:
        error = c.submit("debug:echo", b"x" * 70000).error()
        assert error["code"] == "TOO_LARGE" and error["limit"] == 65536


def test_wait_instead_of_refusal(morod):
    """onFull: "wait": all of a flood are done, and the queue stays short."""
    with morod(workers=1, max_queue_size=10, prefetch_us=0) as d:
        with d.client() as a, d.client() as b:
            most = 0
            tasks = []
            sent = threading.Event()

            def flood():
                for i in range(300):
                    tasks.append(a.submit("debug:sleep", {"ms": 1}, onFull="wait"))
                sent.set()

            thread = threading.Thread(target=flood)
            thread.start()
            while not sent.is_set() or b.stats()["queueSize"] > 0:
                most = max(most, b.stats()["queueSize"])
            thread.join()
            assert [t.result() for t in tasks] == [1] * 300
            assert 10 <= most <= 11
            assert a.stats()["refused"] == 0


def test_wait_for_ones_own_limit(morod):
    """The same at the client's own limit; who does not wait is refused there."""
    with morod(workers=1, max_client_tasks=5, prefetch_us=0) as d, d.client() as c:
        tasks = [c.submit("debug:sleep", {"ms": 1}, onFull="wait") for _ in range(50)]
        assert [t.result() for t in tasks] == [1] * 50
        tasks = [c.submit("debug:sleep", {"ms": 20}) for _ in range(7)]
        errors = [t.wait()[0] for t in tasks]
        assert [e and e["reason"] for e in errors] == [None] * 5 + ["client"] * 2


def test_who_waits_and_leaves(morod):
    """A client that waits for room and goes is noticed, and its tasks dropped."""
    with morod(workers=1, max_queue_size=2) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        with d.client() as gone:
            for _ in range(5):
                gone.submit("debug:echo", 1, onFull="wait")
            d.wait(lambda s: s["queueSize"] == 3)
        d.wait(lambda s: s["queueSize"] == 0 and s["clients"] == 2)


def test_half_a_message_may_wait(morod):
    """The time for a message's rest does not run while nobody reads it."""
    import msgpack

    with morod(workers=1, max_queue_size=1, frame_timeout="50ms") as d:
        with d.client() as c, d.client() as b:
            block = b.submit("debug:sleep", {"ms": 300})
            d.wait(lambda s: s["activeTasks"] == 1)
            b.submit("debug:echo", 0)
            d.wait(lambda s: s["queueSize"] == 1)
            waits = c.submit("debug:echo", 1, onFull="wait")
            request = msgpack.packb([0, 99, "debug:echo", ["late"]])
            c.send_bytes(request[:5])
            block.result(), waits.result()
            c.send_bytes(request[5:])
            c.read_until(lambda: c.extra)
            assert c.extra[0][1:] == [99, None, "late"]


def test_backpressure(morod):
    """Subscribers hear of each mark once, others nothing."""
    with morod(workers=1, max_queue_size=10, queue_high_mark=80, queue_low_mark=30) as d:
        with d.client() as c, d.client() as other:
            state = c.request("subscribe", "backpressure")
            assert state == [
                {"pool": "default", "state": "low", "queueSize": 0, "maxQueueSize": 10}
            ]
            c.request("pause")
            tasks = [other.submit("debug:echo", i) for i in range(7)]
            d.wait(lambda s: s["queueSize"] == 7)
            assert c.request("ping") == "pong" and c.unasked == []
            tasks += [other.submit("debug:echo", i) for i in range(2)]
            c.read_until(lambda: c.unasked)
            assert c.unasked[0][1] == "backpressure"
            assert c.unasked[0][2][0]["state"] == "high"
            assert d.stats()["pools"][0]["pressure"] == "high"
            c.request("resume")
            [t.result() for t in tasks]
            c.read_until(lambda: len(c.unasked) == 2)
            assert c.unasked[1][2][0]["state"] == "low"
            assert other.unasked == []
            assert c.request("unsubscribe", "backpressure") is True
            with pytest.raises(TaskError) as e:
                c.request("subscribe", "weather")
            assert e.value.code == "INVALID_ARGUMENT"


def test_backpressure_by_notification(morod):
    """Who wants no answer is told of the marks all the same, or no more."""
    with morod(workers=1, max_queue_size=10, queue_high_mark=20, queue_low_mark=10) as d:
        with d.client() as c, d.client() as other:
            c.notify("subscribe", "backpressure")
            other.notify("subscribe", "backpressure")
            other.notify("unsubscribe", "backpressure")
            assert c.request("ping") == other.request("ping") == "pong"
            assert c.unasked == []
            c.request("pause")
            task = other.submit("debug:echo", 1), other.submit("debug:echo", 2)
            c.read_until(lambda: c.unasked)
            assert c.unasked[0][1:2] == ["backpressure"]
            c.request("resume")
            assert [t.result() for t in task] == [1, 2]
            assert other.request("ping") == "pong" and other.unasked == []
            assert d.stats()["notificationsIgnored"] == 0


def test_long_tasks_are_not_handed_ahead(morod):
    """Of tasks that are known to be long a worker holds the one that it runs."""
    with morod(workers=1) as d, d.client() as a, d.client() as b:
        for _ in range(20):
            a.call("debug:spin", {"ms": 5})
        flood = [a.submit("debug:spin", {"ms": 5}) for _ in range(50)]
        d.wait(lambda s: s["queueSize"] > 0)
        most = 0
        single = b.submit("debug:spin", {"ms": 5})
        while single.answer is None:
            most = max(most, b.stats()["activeTasks"])
        assert most == 1
        for task in flood:
            a.pending.pop(task.msgid, None)


def test_pause_of_a_priority(morod):
    """Its tasks wait while others run, also by weight and at a stop."""
    for options in ({}, {"weights": "6:3:1"}):
        with morod(workers=1, **options) as d, d.client() as c:
            assert c.request("pause", "high") is True
            high = c.submit("debug:echo", "high", priority="high")
            assert c.call("debug:echo", "normal") == "normal"
            s = c.stats()
            assert s["pools"][0]["pausedPriorities"] == ["high"] and s["queueSize"] == 1
            assert c.request("resume", "high") is True
            assert high.result() == "high"
            c.request("pause", "low")
            low = c.submit("debug:echo", "low", priority="low")
            c.call("debug:echo", 1)
            assert d.stop() == 0
            assert low.result() == "low"


def test_pause_beside_max_running(morod, tmp_path):
    """A paused priority holds up no other of a type that waits for its turn to run."""
    path = tmp_path / "m.conf"
    path.write_text("[task debug:sleep]\nmax-running = 1\n")
    with morod(config=path, workers=2) as d, d.client() as c:
        first = c.submit("debug:sleep", {"ms": 60000}, id="first")
        d.wait(lambda s: s["activeTasks"] == 1)
        high = c.submit("debug:sleep", {"ms": 1}, priority="high")
        d.wait(lambda s: s["queueSize"] == 1)
        c.request("pause", "high")
        normal = c.submit("debug:sleep", {"ms": 1})
        d.wait(lambda s: s["queueSize"] == 2)
        c.request("cancel", {"id": "first"})
        normal.result()
        assert high.answer is None
        c.request("resume", "high")
        high.result()
        assert first.wait()[0]["code"] == "CANCELLED"
