"""Workers that dial in: replaced, scaled, reloaded, and a morod that stops or dies."""

import os
import signal

import pytest

from dialling import POOL, Gone, Worker, dial, refusal, served, slots
from harness import TaskError, wait_until


def test_recycled(morod, tmp_path):
    """recycle-tasks and recycle-age close the connection between two tasks."""
    with served(morod, tmp_path, POOL + "recycle-tasks = 3\n") as (d, c):
        w = dial(d)
        done = 0
        with pytest.raises(Gone):
            while True:
                call = c.submit("t:echo", done)
                w.do()
                assert call.result() == done
                done += 1
        assert done in (2, 3)  # up to a fifth less, by chance
        w = dial(d)
        assert w.do() == done and call.result() == done
        assert d.stats()["pools"][1]["recycled"] == 1
    with served(morod, tmp_path, POOL + "recycle-age = 50ms\n") as (d, c):
        w = dial(d)
        assert w.is_closed()
        d.wait_log("recycled: it has reached its age")


def test_recycled_after_its_task(morod, tmp_path):
    """Who has a task when its age is reached finishes it."""
    with served(morod, tmp_path, POOL + "recycle-age = 50ms\n") as (d, c):
        w = dial(d)
        call = c.submit("t:echo", 1)
        n, *_ = w.task()
        d.wait(lambda s: s["pools"][1]["recycled"] == 1)
        later = c.submit("t:echo", 2)
        w.send([1, n, None, "done"])
        assert call.result() == "done"
        assert w.is_closed()
        w = dial(d)
        assert w.do() == 2 and later.result() == 2


def test_scale(morod, tmp_path):
    """Fewer places: the idle go first, the busy finish. More: there is room at once."""
    with served(morod, tmp_path) as (d, c):
        busy, idle = dial(d), dial(d)
        call = c.submit("t:echo", 1)
        # the one that came last has it
        n, *_ = idle.task()
        busy, idle = idle, busy
        c.request("scale", {"pool": "w", "workers": 1})
        assert idle.is_closed()
        error = refusal(d, ["t:echo"])
        assert error["reason"] == "workers"
        busy.send([1, n, None, 2])
        assert call.result() == 2
        c.request("scale", {"pool": "w", "workers": "1:3"})
        more = [dial(d), dial(d)]
        assert len(slots(d)) == 3 and d.stats()["pools"][1]["min"] == 3
        del more


def test_reload(morod, tmp_path):
    """`serve` needs a restart, and is named so; `workers` does not. Nobody is cut off."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        conf = tmp_path / "m.conf"
        conf.write_text("[morod]\nreserve = 0\nbreaker-deaths = 7\nworker-memory = 1G\n"
                        "[pool w]\nserve = all\nworkers = 1\n")
        said = c.request("reload")["warnings"]
        assert "3: serve needs a restart, keeps own" not in said  # lines are the file's
        assert "serve needs a restart, keeps own" in said
        d.wait(lambda s: s["pools"][1]["max"] == 1)
        call = c.submit("t:echo", 1)
        assert w.do() == 1 and call.result() == 1
        assert refusal(d, ["t:echo"])["reason"] == "workers"
        conf.write_text("[pool w]\nserve = nobody-of-that-name\n")
        with pytest.raises(TaskError) as caught:
            c.request("reload")
        assert "no user nobody-of-that-name" in caught.value.message
        call = c.submit("t:echo", 2)
        assert w.do() == 2 and call.result() == 2


def test_pause(morod, tmp_path):
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        c.request("pause", "t:echo")
        call = c.submit("t:echo", 1)
        d.wait(lambda s: s["queueSize"] == 1)
        c.request("resume")
        assert w.do() == 1 and call.result() == 1


def test_max_running(morod, tmp_path):
    """[task TYPE] is about their types, too."""
    text = POOL + "types = t:echo t:other\n[task t:echo]\nmax-running = 1\n"
    with served(morod, tmp_path, text) as (d, c):
        workers = [dial(d, ["t:echo", "t:other"]) for _ in range(2)]
        calls = [c.submit("t:echo", i) for i in range(5)]
        other = c.submit("t:other", "o")
        d.wait(lambda s: s["activeTasks"] == 2)
        assert sorted(slot["task"] for slot in slots(d)) == ["t:echo", "t:other"]
        got = {}
        for w in workers:
            n, name, data, _ = w.task()
            got[name] = w
            w.send([1, n, None, data])
        for _ in range(4):
            # any of the two
            ready = wait_until(lambda: [w for w in workers if w.is_ready()], "a task")
            ready[0].do()
        assert [p.result() for p in calls] == list(range(5)) and other.result() == "o"


def test_drain(morod, tmp_path):
    """What is accepted is finished, by those that are there; then all connections end."""
    with served(morod, tmp_path) as (d, c):
        w, idle = dial(d), dial(d)
        call, more = c.submit("t:echo", 1), c.submit("t:echo", 2)
        d.wait(lambda s: s["activeTasks"] == 2)
        last = c.submit("t:echo", 3)
        d.wait(lambda s: s["queueSize"] == 1)
        late = Worker(d)
        d.process.send_signal(signal.SIGTERM)
        d.wait(lambda s: s["isShuttingDown"])
        with pytest.raises(TaskError) as caught:
            late.serve(["t:echo"])
        assert (caught.value.code, caught.value.error["retryable"]) == ("SHUTTING_DOWN", True)
        first, second = w.task(), idle.task()
        assert d.process.poll() is None
        w.send([1, first[0], None, "done"])
        w.do()
        idle.send([1, second[0], None, "done"])
        assert {call.result(), more.result()} == {"done"} and last.result() == 3
        assert w.is_closed() and idle.is_closed()
        assert d.process.wait(20) == 0


def test_stop_at_once(morod, tmp_path):
    """A stop that does not wait cuts them off, and does not signal their process."""
    with served(morod, tmp_path) as (d, c):
        w, idle = dial(d, [{"name": "t:soft", "softCancel": True}]), dial(d)
        call = c.submit("t:echo", 1)
        soft = c.submit("t:soft", 1)
        n, *_ = w.task()
        idle.task()
        d.process.send_signal(signal.SIGTERM)
        d.process.send_signal(signal.SIGTERM)
        assert w.next() == [2, "cancel", [n]]
        assert call.error()["code"] == "CANCELLED"
        w.send([1, n, {"code": "CANCELLED", "message": "cleaned up"}, None])
        assert soft.error()["code"] == "CANCELLED"
        assert w.is_closed() and idle.is_closed()
        assert d.process.wait(20) == 0


def test_leaves_while_morod_stops(morod, tmp_path):
    """One that goes instead of cleaning up does not hold up the stop."""
    with served(morod, tmp_path, "[morod]\ncancel-grace = 1h\n" + POOL) as (d, c):
        w = dial(d, [{"name": "t:soft", "softCancel": True}])
        soft = c.submit("t:soft", 1)
        n, *_ = w.task()
        d.process.send_signal(signal.SIGTERM)
        d.process.send_signal(signal.SIGTERM)
        assert w.next() == [2, "cancel", [n]]
        w.close()
        assert soft.error()["code"] == "CANCELLED"
        assert d.process.wait(20) == 0


def test_dispatcher_dies(morod, tmp_path):
    """Its workers' connections end with it; they dial in to the next one."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        os.kill(d.dispatcher_pid(), signal.SIGKILL)
        assert w.is_closed()
        d.wait_log("the new dispatcher serves")
        w = dial(d)
        with d.client() as again:
            call = again.submit("t:echo", 1)
            assert w.do() == 1 and call.result() == 1
