"""moroctl --reconnect: a server that is not there yet, or goes away."""

import os
import signal
import subprocess

from harness import BUILD, DEADLINE

SLOW = '{"ms": 300}'


def start(socket, *args):
    return subprocess.Popen(
        [BUILD / "tools" / "moroctl", "-s", socket, *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    )


def finish(process):
    out, err = process.communicate(timeout=DEADLINE)
    return process.returncode, out, err


def test_before_the_server(morod, tmp_path):
    """A command that is started before its server waits for it."""
    path = str(tmp_path / "m.sock")
    p = start(path, "run", "debug:echo", "7", "--reconnect", "1m")
    with morod(path=path):
        assert finish(p) == (0, "7\n", "")


def test_no_server(tmp_path):
    """It is told when the time is over, with the path."""
    path = str(tmp_path / "m.sock")
    code, out, err = finish(start(path, "run", "debug:echo", "7", "--reconnect", "50ms"))
    assert (code, out) == (3, "") and "NO_SERVER" in err and path in err
    code, _, err = finish(start(path, "run", "debug:echo", "7", "--reconnect", "soon"))
    assert code == 2 and "--reconnect" in err


def kill_in_task(d, *args):
    """Runs a task whose dispatcher is killed in the midst of it."""
    p = start(d.socket, "run", "debug:sleep", SLOW, "--reconnect", "1m", *args)
    d.wait(lambda s: s["activeTasks"] == 1)
    os.kill(d.dispatcher_pid(), signal.SIGKILL)
    return finish(p)


def test_killed(morod):
    """What may run twice is done by the next one; what may not is told lost."""
    with morod() as d:
        assert kill_in_task(d, "--idempotent")[::2] == (0, "")
        assert kill_in_task(d, "--retry", "1")[::2] == (0, "")
        code, out, err = kill_in_task(d)
        assert (code, out) == (3, "") and "LOST" in err and "may have run" in err


def test_interrupted(morod):
    """Ctrl-C while the server is away ends it, without the server."""
    with morod() as d:
        p = start(d.socket, "run", "debug:sleep", '{"ms": 60000}', "--idempotent", "--reconnect", "1m")
        d.wait(lambda s: s["activeTasks"] == 1)
        dispatcher = d.dispatcher_pid()
        # a master that is stopped starts no other one, and holds the socket
        os.kill(d.process.pid, signal.SIGSTOP)
        try:
            os.kill(dispatcher, signal.SIGKILL)
            p.send_signal(signal.SIGINT)
            code, _, err = finish(p)
        finally:
            os.kill(d.process.pid, signal.SIGCONT)
        assert code == -signal.SIGINT and "CANCELLED" in err


def test_full_server(morod):
    """A server without a place is full, and not broken: who waits gets in when there is one."""
    with morod(workers=1, max_clients=1, admin="none") as d:
        held = d.client()
        code, _, err = finish(start(d.socket, "hash", "a"))
        assert code == 5 and err.startswith("moroctl: QUEUE_FULL: ") and "is full" in err
        waits = start(d.socket, "hash", "a", "--reconnect", "20s")
        d.wait_log("clients turned away")
        held.close()
        assert finish(waits)[0] == 0
