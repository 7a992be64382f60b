"""moroctl's commands for administrators on a real server."""

import json
import subprocess

from harness import BUILD, DEADLINE

LONG = {"ms": 60000}


def moroctl(d, *args):
    """Gives exit code, standard output, standard error."""
    done = subprocess.run(
        [BUILD / "tools" / "moroctl", "--socket", d.socket, *args],
        capture_output=True, text=True, timeout=DEADLINE,
    )
    return done.returncode, done.stdout, done.stderr


def test_cancel(morod):
    """Another client's task is stopped, by the numbers of connection and request."""
    with morod(workers=1) as d, d.client() as c:
        running = c.submit("debug:sleep", LONG)
        d.wait(lambda s: s["activeTasks"] == 1)
        queued = c.submit("debug:sleep", LONG)
        number = next(
            n for n in map(str, range(1, 100))
            if moroctl(d, "cancel", n, str(queued.msgid))[0] == 0
        )
        assert queued.error()["reason"] == "admin"
        code, out, _ = moroctl(d, "--json", "cancel", number, str(running.msgid))
        assert code == 0 and json.loads(out) == {"state": "running"}
        assert running.error()["reason"] == "admin"
        code, out, err = moroctl(d, "cancel", number, str(running.msgid))
        assert (code, out) == (6, "") and "answered already" in err
        code, out, err = moroctl(d, "cancel", number, "999")
        assert (code, out) == (6, "") and "no such task" in err


def test_pause(morod):
    """Tasks of a paused type wait, others run; resume has them run."""
    with morod(workers=1) as d, d.client() as c:
        assert moroctl(d, "pause", "debug:echo")[0] == 0
        waits = c.submit("debug:echo", 1)
        assert c.call("debug:sleep", {"ms": 1}) == 1
        assert waits.answer is None
        assert moroctl(d, "resume", "debug:echo")[0] == 0
        assert waits.result() == 1
        assert moroctl(d, "pause")[0] == 0
        waits = c.submit("debug:sleep", {"ms": 1})
        d.wait(lambda s: s["queueSize"] == 1)
        assert moroctl(d, "resume")[0] == 0
        assert waits.result() == 1
        code, _, err = moroctl(d, "pause", "no:such")
        assert code == 6 and "UNKNOWN_TASK" in err


def test_drain(morod):
    """What is accepted is finished, nothing more is taken, and resume ends it."""
    with morod(workers=1) as d, d.client() as c:
        running = c.submit("debug:sleep", {"ms": 300})
        d.wait(lambda s: s["activeTasks"] == 1)
        code, out, _ = moroctl(d, "drain", "--until-empty")
        assert code == 0 and "all are finished" in out
        assert running.result() == 300
        code, _, err = moroctl(d, "hash", "x")
        assert code == 6 and "SHUTTING_DOWN" in err
        assert moroctl(d, "resume")[0] == 0
        assert moroctl(d, "hash", "x")[0] == 0


def test_drain_limit(morod):
    """--wait is how long --until-empty waits."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:sleep", LONG)
        d.wait(lambda s: s["activeTasks"] == 1)
        code, _, err = moroctl(d, "drain", "--until-empty", "--wait", "300ms")
        assert code == 4 and "WAIT_LIMIT" in err


def test_shutdown_now(morod):
    """Unfinished tasks are answered, and the server ends."""
    with morod(workers=1) as d, d.client() as c:
        running = c.submit("debug:sleep", LONG)
        d.wait(lambda s: s["activeTasks"] == 1)
        assert moroctl(d, "shutdown", "--now")[0] == 0
        assert running.error()["code"] == "CANCELLED"
        assert d.process.wait(DEADLINE) == 0


def test_on_full(morod):
    """--on-full wait: a full queue is waited for, and not an error."""
    with morod(workers=1, max_queue_size=1) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 300})
        d.wait(lambda s: s["activeTasks"] == 1)
        c.submit("debug:echo", 1)
        d.wait(lambda s: s["queueSize"] == 1)
        assert moroctl(d, "run", "debug:echo", "2")[0] == 5
        assert moroctl(d, "run", "debug:echo", "2", "--on-full", "wait")[:2] == (0, "2\n")


def test_scale(morod):
    """A number, a range, a pool; what is not possible is said."""
    with morod(workers=1) as d:
        assert moroctl(d, "scale", "3")[0] == 0
        d.wait(lambda s: s["workers"] == 3)
        assert moroctl(d, "scale", "1:2", "--pool", "default")[0] == 0
        d.wait(lambda s: s["workers"] == 2 and s["pools"][0]["min"] == 1)
        code, _, err = moroctl(d, "scale", "1000")
        assert code == 6 and "1 to 64" in err
        code, _, err = moroctl(d, "scale", "1", "--pool", "none")
        assert code == 6 and 'no pool "none"' in err


def test_reload(morod, tmp_path):
    """What needs a restart and what is wrong is said, with the line."""
    conf = tmp_path / "m.conf"
    conf.write_text("")
    with morod(config=conf) as d:
        conf.write_text("[morod]\nmax-frame = 1M\n")
        code, out, err = moroctl(d, "reload")
        assert code == 0 and "read again" in out and f"{conf}:2: max-frame needs a restart" in err
        conf.write_text("[morod]\nnonsense = 1\n")
        code, out, err = moroctl(d, "reload")
        assert (code, out) == (6, "") and f"{conf}:2:" in err and "nonsense" in err
