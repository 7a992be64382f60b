"""Workers that dial in by themselves: [pool NAME] serve = ..., and the method serve."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time

import msgpack
import pytest

from dialling import POOL, Worker, dial, dial_if_free, page, served, slots, wait_slots
from harness import DEADLINE, TaskError, alive, wait_until


def test_tasks(morod, tmp_path):
    """A program dials in and does tasks, one at a time; it is counted and described."""
    with served(morod, tmp_path) as (d, c):
        assert "serve" in c.server["features"]
        w = dial(d)
        (slot,) = slots(d)
        assert w.said == {"pool": "w", "worker": slot["slot"]}
        assert (slot["pid"], slot["state"]) == (os.getpid(), "idle")
        assert slot["rss"] is None and slot["cpuMs"] is None
        calls = [c.submit("t:echo", i) for i in range(20)]
        for i in range(20):
            assert w.do() == i
        assert [p.result() for p in calls] == list(range(20))
        (described,) = c.request("types", "t:echo")
        assert (described["pool"], described["idempotent"]) == ("w", False)
        assert slots(d)[0]["tasksDone"] == 20
        assert "dials in to pool w: pid" in d.log()
        # it is no client any more
        assert len(c.request("clients")) == 1
        w.close()
        wait_slots(d, 0)
        d.wait_log("closed its connection")
        assert "WARNING" not in d.log() and "warning dispatcher" not in d.log()


def test_announced(morod, tmp_path):
    """What it says of its types holds, as in an answer to hello."""
    rich = {"name": "t:rich", "about": "Does much.", "idempotent": True, "softCancel": True,
            "timeout": 1234, "later": [1]}
    with served(morod, tmp_path) as (d, c):
        w = dial(d, [b"t:bytes", rich])
        (t,) = c.request("types", "t:rich")
        assert (t["about"], t["timeout"], t["pool"]) == ("Does much.", 1234, "w")
        assert t["idempotent"] and t["softCancel"]
        call = c.submit("t:bytes", 1)
        w.do()
        assert call.result() == 1


def test_says_nothing_of_a_pool(morod, tmp_path):
    """nil in the place of the map says as much as no map."""
    with served(morod, tmp_path) as (d, c):
        w = Worker(d)
        assert w.serve(["t:echo"], None)["pool"] == "w"
        call = c.submit("t:echo", 1)
        assert w.do() == 1 and call.result() == 1


def test_long_words_about_a_type(morod, tmp_path):
    """Of what it says of a type 159 bytes are kept, and nothing for a terminal."""
    with served(morod, tmp_path) as (d, c):
        dial(d, [{"name": "t:long", "about": "a" * 500}, {"name": "t:odd", "about": "\x1b[2J"}])
        assert c.request("types", "t:long")[0]["about"] == "a" * 159
        assert c.request("types", "t:odd")[0]["about"] == "?[2J"


def test_types_of_no_section(morod, tmp_path):
    """What only a worker has named is for those that submit names, as all is."""
    with served(morod, tmp_path, submit="12345", admin="own") as (d, c):
        dial(d, ["t:new"])
        error = c.submit("t:new", 1).error()
        assert (error["code"], error["type"]) == ("PERMISSION_DENIED", "t:new")
        assert "(12345)" in error["message"]


def test_waiting_before_it_comes(morod, tmp_path):
    """Tasks wait until a worker arrives, and are then taken by priority and in order."""
    text = POOL + "types = t:echo\n"
    with served(morod, tmp_path, text) as (d, c):
        order = ["low", "normal", "high", "normal", "high", "low"]
        calls = [c.submit("t:echo", [p, i], priority=p) for i, p in enumerate(order)]
        d.wait(lambda s: s["queueSize"] == len(order))
        w = dial(d)
        assert [w.do() for _ in order] == [
            ["high", 2], ["high", 4], ["normal", 1], ["normal", 3], ["low", 0], ["low", 5]]
        for p in calls:
            p.result()


def test_limits_of_an_empty_pool(morod, tmp_path):
    """With nobody there, the queue's limits and the task's own times hold; the pool is up."""
    text = POOL + "types = t:echo\nmax-queue-size = 2\n"
    with served(morod, tmp_path, text) as (d, c):
        with pytest.raises(TaskError) as caught:
            c.call("t:echo", timeout=50)
        assert (caught.value.code, caught.value.reason) == ("TIMEOUT", "queue")
        waiting = [c.submit("t:echo", i, id=str(i)) for i in range(2)]
        with pytest.raises(TaskError) as caught:
            c.call("t:echo")
        assert (caught.value.code, caught.value.reason) == ("QUEUE_FULL", "count")
        assert d.stats()["pools"][1]["state"] == "up"
        for i, p in enumerate(waiting):
            assert c.request("cancel", {"id": str(i)}) == {"state": "queued"}
            assert p.error()["code"] == "CANCELLED"


def test_unknown_until_announced(morod, tmp_path):
    """A type that nobody has named yet is not there; once named it stays, without workers too."""
    with served(morod, tmp_path) as (d, c):
        with pytest.raises(TaskError) as caught:
            c.call("t:late")
        assert caught.value.code == "UNKNOWN_TASK"
        dial(d, ["t:late"]).close()
        wait_slots(d, 0)
        call = c.submit("t:late", 1)
        w = dial(d, ["t:late"])
        w.do()
        assert call.result() == 1


def test_each_its_types(morod, tmp_path):
    """Workers of a pool need not do the same types: a task waits for one that does it."""
    with served(morod, tmp_path) as (d, c):
        a, ab = dial(d, ["t:a"]), dial(d, ["t:b", "t:a"])
        b1, b2 = c.submit("t:b", "b1"), c.submit("t:b", "b2")
        a1 = c.submit("t:a", "a1")
        # ab has b1; a is free and gets no b2
        assert a.do() == "a1" and a1.result() == "a1"
        n, name, data, _ = ab.task()
        assert (name, data) == ("t:b", "b1")
        assert d.stats()["queueSize"] == 1
        a2 = c.submit("t:a", "a2")
        assert a.do() == "a2" and a2.result() == "a2"
        ab.send([1, n, None, "done"])
        assert b1.result() == "done"
        assert ab.do() == "b2" and b2.result() == "b2"
        # with the only one gone that does t:b its tasks wait, and others go on
        ab.close()
        wait_slots(d, 1)
        b3 = c.submit("t:b", "b3")
        a3 = c.submit("t:a", "a3")
        assert a.do() == "a3" and a3.result() == "a3"
        again = dial(d, ["t:b"])
        assert again.do() == "b3" and b3.result() == "b3"


def test_waits_beside_others(morod, tmp_path):
    """A task that none of those does who are there is shown, limited and cancelled as one that waits."""
    with served(morod, tmp_path, POOL + "types = t:a t:b\n") as (d, c):
        a = dial(d, ["t:a"])
        late = c.submit("t:b", 1, queueTimeout=50)
        unwanted = c.submit("t:b", 2, id="x", priority="high")
        first = c.submit("t:a", 3)
        assert a.do() == 3 and first.result() == 3
        error = late.error()
        assert (error["code"], error["reason"]) == ("TIMEOUT", "queue")
        (shown,) = c.request("ls")
        assert (shown["type"], shown["state"], shown["id"]) == ("t:b", "queued", "x")
        (t,) = [t for t in c.stats()["types"] if t["type"] == "t:b"]
        assert (t["parked"], t["paused"]) == (1, False)
        assert c.request("cancel", {"id": "x"}) == {"state": "queued"}
        assert unwanted.error()["code"] == "CANCELLED"
        with d.client() as other:
            other.submit("t:b", 4)
            other.notify("t:b", 5)
            d.wait(lambda s: s["queueSize"] == 2)
        d.wait(lambda s: s["queueSize"] == 1)  # the request went with its client
        b = dial(d, ["t:b"])
        assert b.do() == 5


def test_batch(morod, tmp_path):
    """The elements of a batch are shared by those that do the type."""
    with served(morod, tmp_path) as (d, c):
        workers = [dial(d) for _ in range(2)] + [dial(d, ["t:other"])]
        call = c.submit("t:echo", list(range(50)), batch=True)
        for done in range(50):
            ready = wait_until(lambda: [w for w in workers if w.is_ready()], "an element")
            ready[0].do()
        assert call.result() == [{"result": i} for i in range(50)]
        assert [s["tasksDone"] for s in slots(d)][2] == 0


def test_many_types_in_order(morod, tmp_path):
    """Waiting tasks of types that are done by different workers keep their order."""
    text = POOL + "types = t:a t:b\n"
    with served(morod, tmp_path, text) as (d, c):
        calls = [c.submit(("t:a", "t:b")[i % 2], i, priority=("normal", "high")[i % 4 // 2])
                 for i in range(200)]
        d.wait(lambda s: s["queueSize"] == 200)
        workers = {"t:a": dial(d, ["t:a"]), "t:b": dial(d, ["t:b"])}
        for name, odd in (("t:a", 0), ("t:b", 1)):
            mine = [i for i in range(200) if i % 2 == odd]
            want = [i for i in mine if i % 4 // 2] + [i for i in mine if not i % 4 // 2]
            assert [workers[name].do() for _ in mine] == want
        assert [p.result() for p in calls] == list(range(200))


def test_one_connection_both(morod, tmp_path):
    """What was sent before serve is answered first, and what is behind it is a worker's word."""
    with served(morod, tmp_path) as (d, c):
        w = Worker(d)
        call = [0, 5, "t:echo", [1]]
        w.send([0, 3, "ping", []], [0, 2, "serve", [["t:echo"]]], [0, 4, "ping", []], call,
               [2, "unknown", []], [1, 77, None, None])
        assert w.answer(3) == "pong"
        assert w.answer(2)["pool"] == "w"
        task = c.submit("t:echo", "from the client")
        assert w.do() == "from the client"  # neither ping nor task were taken
        assert task.result() == "from the client"


def test_large(morod, tmp_path):
    """Large data and results, cut anywhere, go both ways."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        data = os.urandom(3 << 20)
        call = c.submit("t:echo", data)
        n, _, got, _ = w.task()
        assert got == data
        out = msgpack.packb([1, n, None, data[::-1]])
        for at in range(0, len(out), 700001):
            w.sock.sendall(out[at:at + 700001])
            c.request("ping")
        assert call.result() == data[::-1]


def test_progress(morod, tmp_path):
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = c.submit("t:echo", 1, progress=True)
        n, _, _, info = w.task()
        assert info == {"progress": True}
        w.send([2, "progress", [n, {"done": 1, "total": 4, "note": "begun"}]])
        c.read_until(lambda: c.unasked)
        assert c.unasked.pop() == [2, "progress", [call.msgid,
                                                   {"done": 1, "total": 4, "note": "begun"}]]
        w.send([1, n, None, "done"])
        assert call.result() == "done"


def test_errors(morod, tmp_path):
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        for said, code in (({"code": "INVALID_ARGUMENT", "message": "no", "field": "x"},
                            "INVALID_ARGUMENT"), ("some text", "WORKER_ERROR")):
            call = c.submit("t:echo")
            n, *_ = w.task()
            w.send([1, n, said, None])
            assert call.error()["code"] == code


# ---- Being stopped, and going


def test_cancel(morod, tmp_path):
    """A type without softCancel costs the connection, at once."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = c.submit("t:echo", id="x")
        w.task()
        assert c.request("cancel", {"id": "x"}) == {"state": "running"}
        assert call.error()["code"] == "CANCELLED"
        assert w.is_closed()
        wait_slots(d, 0)
        d.wait_log("stopped: cancelled by its client")
        assert alive(os.getpid())


def test_soft_cancel(morod, tmp_path):
    """One with softCancel is asked first; who does not listen is cut off after its grace."""
    with served(morod, tmp_path, "[morod]\ncancel-grace = 200ms\n" + POOL) as (d, c):
        w = dial(d, [{"name": "t:soft", "softCancel": True}])
        call = c.submit("t:soft", id="x")
        n, *_ = w.task()
        c.request("cancel", {"id": "x"})
        assert w.next() == [2, "cancel", [n]]
        w.send([1, n, {"code": "CANCELLED", "message": "cleaned up"}, None])
        assert call.error()["code"] == "CANCELLED"
        call = c.submit("t:soft", id="y")  # the same worker goes on
        n, *_ = w.task()
        c.request("cancel", {"id": "y"})
        assert w.next() == [2, "cancel", [n]]
        assert w.is_closed()
        assert call.error()["code"] == "CANCELLED"


def test_client_leaves(morod, tmp_path):
    """Nobody waits any more: it is stopped as by a cancel."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        with d.client() as other:
            other.submit("t:echo")
            w.task()
        assert w.is_closed()


def test_hangs(morod, tmp_path):
    """Its time is over: the caller is told, the connection closed, the next one gets the next task."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = c.submit("t:echo", 1, timeout=60)
        w.task()
        error = call.error()
        assert error["code"] == "TIMEOUT" and "timeout of 60 ms" in error["message"]
        assert w.is_closed()
        d.wait_log("stopped: timeout")
        again = dial(d)
        call = c.submit("t:echo", 2)
        assert again.do() == 2 and call.result() == 2


def test_answer_after_the_end(morod, tmp_path):
    """An answer that comes when the connection is given up is nobody's."""
    with served(morod, tmp_path) as (d, c):
        w, other = dial(d), None
        call = c.submit("t:echo", 1, timeout=60)
        n, *_ = w.task()
        assert call.error()["code"] == "TIMEOUT"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            w.send([1, n, None, "late"])
        other = dial(d)
        call = c.submit("t:echo", 2)
        assert other.do() == 2 and call.result() == 2


def test_closes_amid_a_task(morod, tmp_path):
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = c.submit("t:echo")
        w.task()
        w.close()
        error = call.error()
        assert (error["code"], error["reason"]) == ("WORKER_ERROR", "crashed")
        assert re.search(r"worker \d+ \(pid \d+\) closed its connection while it ran t:echo",
                         error["message"])
        assert "exitCode" not in error and "signal" not in error
        wait_slots(d, 0)
        assert d.stats()["pools"][1]["state"] == "up"


def test_answers_and_closes(morod, tmp_path):
    """What it sent before it went counts."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = c.submit("t:echo", "last")
        w.do()
        w.close()
        assert call.result() == "last"


def test_killed(morod, tmp_path):
    """Its process dies: that is the same as that it closes."""
    section, code = page()
    code = code.replace("params[0].upper()", "__import__('signal').pause()")
    with served(morod, tmp_path, section) as (d, c):
        process = subprocess.Popen([sys.executable, "-c", code],
                                   env={**os.environ, "MORO_SOCKET": d.socket})
        d.wait(lambda s: len(s["pools"][1]["workers"]) == 1)
        assert slots(d)[0]["pid"] == process.pid
        call = c.submit("text:upper", "a")
        d.wait(lambda s: s["activeTasks"] == 1)
        process.kill()
        process.wait()
        assert call.error()["reason"] == "crashed"


def test_retried_elsewhere(morod, tmp_path):
    """An idempotent task goes to another worker, which is told so, and waits if there is none."""
    with served(morod, tmp_path) as (d, c):
        first = dial(d, [{"name": "t:echo", "idempotent": True}])
        call = c.submit("t:echo", 1)
        assert first.task()[3] == {}
        second = dial(d)
        first.close()
        n, _, data, info = second.task()
        assert (data, info) == (1, {"attempt": 2})
        second.send([1, n, None, "done"])
        assert call.result() == "done"
        call = c.submit("t:echo", 2)
        second.task()
        second.close()
        wait_slots(d, 0)
        third = dial(d)
        assert third.task()[3] == {"attempt": 2}


def test_poison(morod, tmp_path):
    """A task that costs each of its workers the connection is told of as such."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d, [{"name": "t:echo", "idempotent": True}])
        call = c.submit("t:echo", 1)
        w.task()
        other = dial(d)
        w.close()
        other.task()
        other.close()
        error = call.error()
        assert (error["reason"], error["attempts"]) == ("poison", 2)
        (entry,) = c.request("poison")
        assert entry["type"] == "t:echo" and "exitCode" not in entry and "signal" not in entry


@pytest.mark.parametrize("rubbish", [
    b"\xc1", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x94\x01\xff", b"\xdd\xff\xff\xff\xff",
    msgpack.packb([3, 1, 2, 3]), msgpack.packb({"a": 1}), b"\x94\x00\x01\xa1a\xdd\xff\xff\xff\xff",
])
def test_rubbish(morod, tmp_path, rubbish):
    """What is no message costs its task and its connection, and nothing else."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = c.submit("t:echo")
        w.task()
        w.sock.sendall(rubbish)
        error = call.error()
        assert error["reason"] == "crashed" and "was stopped: " in error["message"]
        assert w.is_closed()
        w = dial(d)  # and one that has nothing to do
        w.sock.sendall(rubbish)
        assert w.is_closed()
        assert c.request("ping") == "pong"


def test_answers_that_nobody_asked_for(morod, tmp_path):
    """They are passed over, and so is a second serve."""
    with served(morod, tmp_path) as (d, c):
        w, other = dial(d), dial(d)
        theirs, mine = c.submit("t:echo", "a"), c.submit("t:echo", "b")
        n, _, data, _ = w.task()
        m, _, other_data, _ = other.task()
        # also one for the task that another has
        w.send([1, n + 1000, None, 1], [1, m, None, "stolen"], [1, 0, None, 1],
               [2, "progress", [m, {"done": 1}]], [2, "progress", []], [2, "ready", []],
               [0, 2, "serve", [["t:echo"]]], [0, 3, "shutdown", []], [2, "cancel", [m]])
        w.send([1, n, None, data])
        w.send([1, n, None, "again"])
        other.send([1, m, None, other_data])
        assert {theirs.result(), mine.result()} == {"a", "b"}
        assert len(slots(d)) == 2
        assert d.process.poll() is None


def test_floods(morod, tmp_path):
    """One that sends without end does not keep others waiting, and is cut off in time."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = c.submit("t:echo", timeout=300)
        w.task()
        w.sock.settimeout(None)
        piece = msgpack.packb([2, "progress", [1, {"done": 1}]]) * 1000
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while True:
                w.sock.sendall(piece)
        assert call.error()["code"] == "TIMEOUT"
        assert c.request("ping") == "pong"


def test_half_a_message(morod, tmp_path):
    """One that stops amid a message is held to its task's time."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = c.submit("t:echo", timeout=60)
        n, *_ = w.task()
        w.sock.sendall(msgpack.packb([1, n, None, b"x" * 1000])[:500])
        assert call.error()["code"] == "TIMEOUT"
        assert w.is_closed()


def test_closes_its_half(morod, tmp_path):
    """Who writes no more cannot answer: it is gone."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = c.submit("t:echo")
        w.task()
        w.sock.shutdown(socket.SHUT_WR)
        assert call.error()["reason"] == "crashed"
        assert w.is_closed()


def test_deaths_do_not_break_the_pool(morod, tmp_path):
    """However many leave amid their first task, the next is asked."""
    with served(morod, tmp_path) as (d, c):
        for i in range(30):
            w = dial(d)
            call = c.submit("t:echo", i)
            w.task()
            w.close()
            assert call.error()["reason"] == "crashed"
        assert d.stats()["pools"][1]["state"] == "up"
        w = dial(d)
        call = c.submit("t:echo", "done")
        w.do()
        assert call.result() == "done"


def test_many(morod, tmp_path):
    """Many come and go under load: each request is answered once, and what is idempotent is done."""
    text = "[morod]\nmax-queue-size = 5000\n[pool w]\nserve = own\nworkers = 16\n"
    with served(morod, tmp_path, text) as (d, c):
        types = [{"name": "t:echo", "idempotent": True}]
        workers = [dial(d, types) for _ in range(16)]
        calls = [c.submit("t:echo", i, retry={"max": 100}) for i in range(1000)]
        taken = done = 0
        while done < 1000:
            for i, w in enumerate(workers):
                if not w.is_ready():
                    continue
                n, _, data, _ = w.task()
                taken += 1
                done += taken % 37 != 0
                if taken % 37 == 0:
                    w.close()
                    workers[i] = wait_until(lambda: dial_if_free(d, types), "a free place")
                else:
                    w.send([1, n, None, data])
        assert [p.result() for p in calls] == list(range(1000))
        s = d.stats()
        assert (s["activeTasks"], s["queueSize"]) == (0, 0)


def busy_and_another(d):
    """A worker of t:a that is busy, and one that is idle and does other types; and the first's task."""
    a, _b = dial(d, ["t:a"]), dial(d, ["t:b"])
    return a, _b


def test_pause_beside_another(morod, tmp_path):
    """A priority that is paused holds up no other, whoever else is idle in the pool."""
    with served(morod, tmp_path) as (d, c):
        a, _b = busy_and_another(d)
        c.submit("t:a", "first")
        n = a.task()[0]
        c.submit("t:a", "high", priority="high")
        d.wait(lambda s: s["queueSize"] == 1)
        c.request("pause", "high")
        normal = c.submit("t:a", "normal")
        d.wait(lambda s: s["queueSize"] == 2)
        a.send([1, n, None, 0])
        assert a.do() == "normal" and normal.result() == "normal"
        c.request("resume", "high")
        assert a.do() == "high"


@pytest.mark.parametrize("text, order", [
    ("[morod]\nweights = 2:1:1\n", "hlhhlhhlhhlllll"),
    ("[morod]\nweights = none\n", "hhhhhhhhlllllll"),
])
def test_weights_beside_another(morod, tmp_path, text, order):
    """Priorities have their turns, whoever else is idle in the pool."""
    with served(morod, tmp_path, text + POOL) as (d, c):
        a, _b = busy_and_another(d)
        c.submit("t:a", "first")
        n = a.task()[0]
        for priority in ("high", "low"):
            for _ in range(order.count(priority[0])):
                c.submit("t:a", priority[0], priority=priority)
        d.wait(lambda s: s["queueSize"] == len(order))
        a.send([1, n, None, 0])
        assert "".join(a.do() for _ in order) == order


def test_aging_beside_another(morod, tmp_path):
    """A task that waits long is lifted, whoever else is idle in the pool."""
    with served(morod, tmp_path, "[morod]\naging-ms = 50\n" + POOL) as (d, c):
        a, _b = busy_and_another(d)
        c.submit("t:a", "first")
        n = a.task()[0]
        c.submit("t:a", "low", priority="low")
        a.send([1, n, None, 0])
        end = time.monotonic() + DEADLINE
        came = None
        # there is always one of high priority, too
        c.submit("t:a", "high", priority="high")
        while came != "low":
            assert time.monotonic() < end
            c.submit("t:a", "high", priority="high")
            came = a.do()


def test_drain_with_recycling(morod, tmp_path):
    """A worker that would be replaced stays while morod stops: no other could come."""
    with served(morod, tmp_path, POOL + "recycle-tasks = 1\n") as (d, c):
        w = dial(d)
        calls = [c.submit("t:echo", i) for i in range(4)]
        n, *_ = w.task()
        d.process.send_signal(signal.SIGTERM)
        d.wait(lambda s: s["isShuttingDown"])
        w.send([1, n, None, 0])
        for _ in range(3):
            w.do()
        assert [p.result() for p in calls] == list(range(4))
