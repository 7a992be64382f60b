"""SIGHUP and reload: another configuration, and nobody notices but by its effect."""

import os
import signal
import threading

import pytest

from harness import TaskError, wait_until


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "m.conf"

    def write(text):
        path.write_text(text)
        return path

    return write


def hup(d, times=1):
    d.process.send_signal(signal.SIGHUP)
    wait_until(lambda: d.log().count("was read again") == times, "the reload")


def test_limits_at_once_workers_one_by_one(morod, conf):
    """Limits hold for the next request; workers are replaced; no task is lost."""
    path = conf("[morod]\nmax-queue-size = 5\n")
    with morod(config=path, workers=2) as d, d.client() as c:
        before = set(d.worker_pids())
        running = c.submit("debug:sleep", {"ms": 300})
        d.wait(lambda s: s["activeTasks"] == 1)
        conf("[morod]\nmax-queue-size = 77\nmax-client-tasks = 3\n")
        hup(d)
        wait_until(lambda: c.stats()["maxQueueSize"] == 77)
        assert running.result() == 300
        d.wait(lambda s: not before & {w["pid"] for w in s["pools"][0]["workers"]}
               and s["workers"] == 2)
        p = d.stats()["pools"][0]
        assert p["recycled"] == 2 and sum(w["restarts"] for w in p["workers"]) == 0
        block = [c.submit("debug:sleep", {"ms": 200}) for _ in range(4)]
        assert block[3].error()["reason"] == "client"


def test_a_wrong_file_changes_nothing(morod, conf):
    """It is refused with line and reason, and the old one stays in force."""
    path = conf("[morod]\nmax-queue-size = 5\n")
    with morod(config=path, workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        conf("[morod]\n\nmax-queue-size = many\n")
        d.process.send_signal(signal.SIGHUP)
        d.wait_log("the configuration stays as it was")
        assert ":3:" in d.log() and "many" in d.log()
        with pytest.raises(TaskError) as e:
            c.request("reload")
        assert e.value.code == "INVALID_ARGUMENT" and ":3:" in e.value.message
        assert c.stats()["maxQueueSize"] == 5 and d.worker_pids() == pids
        conf("[morod]\nmax-queue-size = 6\n")
        assert c.request("reload") == {"warnings": ""}
        assert c.stats()["maxQueueSize"] == 6


def test_a_file_that_became_a_pipe(morod, conf, tmp_path):
    """Nobody waits for somebody to write to it."""
    path = conf("[morod]\nmax-client-tasks = 7\n")
    with morod(config=path) as d, d.client() as c:
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(TaskError, match="a pipe is not read again"):
            c.request("reload")
        assert c.request("ping") == "pong"


def test_what_needs_a_restart(morod, conf):
    """It keeps its value, and says so."""
    path = conf("[morod]\nmax-frame = 1M\n")
    with morod(config=path) as d, d.client() as c:
        conf("[morod]\nmax-frame = 2M\n")
        said = c.request("reload")["warnings"]
        assert "max-frame needs a restart" in said and ":2:" in said
        with d.client() as again:
            assert again.server["limits"]["maxFrame"] == 1 << 20


def test_types_and_pools(morod, conf):
    """Limits of types, numbers of workers and levels of the log change as well."""
    path = conf("[task debug:echo]\nmax-running = 1\n")
    with morod(config=path, workers=None) as d, d.client() as c:
        conf("[morod]\nworkers = 3\nlog-level = debug\n[task debug:echo]\nmax-queued = 9\n")
        c.request("reload")
        d.wait(lambda s: s["pools"][0]["target"] == 3 and s["workers"] == 3)
        t = c.request("types", "debug:echo")[0]
        assert t["maxQueued"] == 9 and "maxRunning" not in t
        assert c.request("log") == "debug"


def test_more_workers_than_there_are_slots_for(morod, conf):
    """How many a pool may ever have is settled at its start; a file that wants more is refused."""
    path = conf("[pool w]\nworkers = 1\n")
    with morod(config=path) as d, d.client() as c:
        pids = d.worker_pids()
        conf("[morod]\nmax-queue-size = 7\n[pool w]\nworkers = 65\n")
        error = c.start("reload").error()
        assert error["code"] == "INVALID_ARGUMENT"
        assert (f"{path}:4: pool w takes up to 64 workers without a restart, not 65"
                in error["message"])
        assert d.worker_pids() == pids and c.stats()["maxQueueSize"] != 7
        conf("[pool w]\nworkers = 1:64\n")
        assert c.request("reload") == {"warnings": ""}
        wait_until(lambda: c.stats()["pools"][1]["max"] == 64)


def test_a_new_dispatcher_has_the_new_one(morod, conf):
    """Its death does not bring the old configuration back."""
    path = conf("[morod]\nmax-queue-size = 5\n")
    with morod(config=path, workers=1) as d:
        conf("[morod]\nmax-queue-size = 6\n")
        hup(d)
        os.kill(d.dispatcher_pid(), signal.SIGKILL)

        def again():
            try:
                return d.stats()["maxQueueSize"] == 6
            except (OSError, AssertionError):
                return False

        wait_until(again)


def test_max_running_of_a_type(morod, conf):
    """Only so many of a type run at once; others use the workers meanwhile."""
    path = conf("[task debug:sleep]\nmax-running = 1\n")
    with morod(config=path, workers=3, prefetch_us=0) as d, d.client() as a, d.client() as b:
        tasks = [a.submit("debug:sleep", {"ms": 50}) for _ in range(5)]
        late = b.submit("debug:sleep", {"ms": 51})
        d.wait(lambda s: s["activeTasks"] == 1 and s["pools"][0]["parked"] == 5)
        assert b.call("debug:echo", 1) == 1
        most = 0
        while d.stats()["queueSize"]:
            most = max(most, d.stats()["activeTasks"])
        assert most <= 1
        assert late.result() == 51
        assert len(a.order) < 1 + 5  # b's single one did not wait for all of a's
        assert [t.result() for t in tasks] == [50] * 5
        conf("")
        a.request("reload")
        tasks = [a.submit("debug:sleep", {"ms": 200}) for _ in range(3)]
        d.wait(lambda s: s["activeTasks"] == 3)
        [t.result() for t in tasks]


def test_ten_times_under_load(morod, conf):
    """No request fails, and each is answered once."""
    path = conf("[morod]\nmax-queue-size = 1000\n")
    with morod(config=path, workers=2) as d:
        stop, failed, done = threading.Event(), [], []

        def load():
            with d.client() as c:
                while not stop.is_set():
                    tasks = [c.submit("debug:echo", i) for i in range(20)]
                    for i, t in enumerate(tasks):
                        error, result = t.wait()
                        if error is not None or result != i:
                            failed.append(error)
                    done.append(len(tasks))

        threads = [threading.Thread(target=load) for _ in range(4)]
        [t.start() for t in threads]
        for i in range(1, 11):
            conf(f"[morod]\nmax-queue-size = {1000 + i}\n")
            hup(d, i)
            d.wait(lambda s: s["maxQueueSize"] == 1000 + i, begun=False)
        d.wait(lambda s: s["pools"][0]["recycled"] >= 2, begun=False)
        stop.set()
        [t.join() for t in threads]
        assert failed == [] and sum(done) > 100
        s = d.wait(lambda s: s["workers"] == 2)
        assert s["failed"] == s["crashed"] == 0 and s["completed"] == sum(done)


def test_fewer_workers(morod, conf):
    """A reload with fewer of them leaves just as many, all of them new."""
    path = conf("[morod]\nworkers = 4\n")
    with morod(config=path, workers=None) as d, d.client() as c:
        before = set(d.worker_pids())
        conf("[morod]\nworkers = 2\n")
        c.request("reload")
        d.wait(lambda s: s["workers"] == 2 and len(s["pools"][0]["workers"]) == 2
               and not before & {w["pid"] for w in s["pools"][0]["workers"]})
        conf("[morod]\nworkers = 2\nmax-queue-size = 7\n")
        before = set(d.worker_pids())
        c.request("reload")
        d.wait(lambda s: s["workers"] == 2
               and not before & {w["pid"] for w in s["pools"][0]["workers"]})


def test_one_long_task_does_not_hold_up_the_others(morod, conf):
    """The workers beside it are renewed meanwhile."""
    path = conf("")
    with morod(config=path, workers=3) as d, d.client() as c:
        long = c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        idle = {w["pid"] for w in d.stats()["pools"][0]["workers"] if w["state"] == "idle"}
        c.request("reload")
        d.wait(lambda s: not idle & {w["pid"] for w in s["pools"][0]["workers"]})
        assert c.stats()["activeTasks"] == 1
        c.request("cancel", {"msgid": long.msgid})


def test_reload_while_morod_ends(morod):
    """It is refused, not left without an answer."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        c.request("shutdown")
        assert c.start("reload").error()["code"] == "SHUTTING_DOWN"


def test_reload_that_an_end_overtakes(morod):
    """Asked before morod ends, and read by the master after that: it is answered."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        dispatcher = d.dispatcher_pid()
        os.kill(dispatcher, signal.SIGSTOP)
        asked = c.start("reload")
        d.process.send_signal(signal.SIGTERM)
        d.wait_log("finishing what is accepted")
        os.kill(dispatcher, signal.SIGCONT)
        asked.wait()  # either word will do


def test_order_after_a_pause_of_a_type(morod, conf):
    """What was parked comes back in its order, also when only one may run."""
    path = conf("[task debug:echo]\nmax-running = 1\n")
    with morod(config=path, workers=2, prefetch_us=0) as d, d.client() as c:
        c.request("pause", "debug:echo")
        tasks = [c.submit("debug:echo", i) for i in range(12)]
        c.call("debug:sleep", {"ms": 1})
        c.request("resume", "debug:echo")
        assert [t.result() for t in tasks] == list(range(12))
        order = [m for m in c.order if m in {t.msgid for t in tasks}]
        assert order == sorted(order)
