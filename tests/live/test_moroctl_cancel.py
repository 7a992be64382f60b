"""moroctl and signals: Ctrl-C cancels the task, and is not taken for an answer."""

import json
import os
import signal
import socket
import subprocess

import pytest

from harness import BUILD, DEADLINE
from scripted import Scripted, answer, refusal

CANCELLED = "the client cancelled the task"


def start(server, *args, **kwargs):
    """Starts moroctl as a terminal would: with signals that end it."""

    def defaults():
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(
        [BUILD / "tools" / "moroctl", "--socket", server.socket, *args],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        **{"preexec_fn": defaults, **kwargs},
    )


def finish(process):
    """Exit status (a signal's is negative), standard output and error."""
    out, err = process.communicate(timeout=DEADLINE)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("cancel_first", [True, False])
def test_signal_cancels(sig, cancel_first):
    """The task is cancelled by its msgid; moroctl says so and dies of the signal."""
    with Scripted() as s:
        p = start(s, "run", "debug:sleep", '{"ms": 60000}')
        task, params = s.expect("debug:sleep")
        p.send_signal(sig)
        msgid, params = s.expect("cancel")
        assert params == [{"msgid": task}]
        both = [
            answer(msgid, {"state": "running"}),
            refusal(task, "CANCELLED", CANCELLED, reason="client"),
        ]
        s.say(*(both if cancel_first else reversed(both)))
        assert finish(p) == (-sig, "", f"moroctl: CANCELLED: {CANCELLED}\n")


def test_signal_json(tmp_path):
    """With --json the error is printed; an --output file is not there, nor half of it."""
    with Scripted() as s:
        p = start(s, "--json", "run", "debug:sleep", "-o", str(tmp_path / "out"))
        task, _ = s.expect("debug:sleep")
        p.send_signal(signal.SIGINT)
        msgid, _ = s.expect("cancel")
        s.answer(msgid, {"state": "queued"})
        s.refuse(task, "CANCELLED", CANCELLED, reason="client")
        code, out, _ = finish(p)
        assert code == -signal.SIGINT
        assert json.loads(out)["error"]["reason"] == "client"
    assert list(tmp_path.iterdir()) == []


def test_second_signal_gives_up():
    """A server that does not answer is left by the second signal."""
    with Scripted() as s:
        p = start(s, "run", "debug:sleep")
        s.expect("debug:sleep")
        p.send_signal(signal.SIGINT)
        s.expect("cancel")
        p.send_signal(signal.SIGTERM)
        code, out, err = finish(p)
        assert (code, out) == (-signal.SIGINT, "")
        assert err.startswith("moroctl: CANCELLED: gave up") and err.count("\n") == 1
        assert s.next() is None


def test_done_before_the_signal():
    """The answer was first: it counts, and the signal does not."""
    with Scripted() as s:
        p = start(s, "run", "debug:sleep")
        task, _ = s.expect("debug:sleep")
        p.send_signal(signal.SIGINT)
        msgid, _ = s.expect("cancel")
        s.answer(msgid, {"state": "done"})
        s.answer(task, 7)
        assert finish(p) == (0, "7\n", "")


def test_server_cannot_cancel():
    """A server that knows no cancel: the end of the connection does it."""
    with Scripted() as s:
        p = start(s, "run", "debug:sleep")
        s.expect("debug:sleep")
        p.send_signal(signal.SIGINT)
        msgid, _ = s.expect("cancel")
        s.refuse(msgid, "UNKNOWN_METHOD")
        code, out, err = finish(p)
        assert (code, out) == (-signal.SIGINT, "") and "gave up" in err
        assert s.next() is None


def test_ignored_signal():
    """A background job's SIGINT is not its business."""

    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with Scripted() as s:
        p = start(s, "run", "debug:sleep", preexec_fn=ignore)
        task, _ = s.expect("debug:sleep")
        p.send_signal(signal.SIGINT)
        p.send_signal(signal.SIGTERM)  # is seen behind it
        msgid, _ = s.expect("cancel")
        s.answer(msgid, {"state": "running"})
        s.refuse(task, "CANCELLED", CANCELLED)
        assert finish(p)[0] == -signal.SIGTERM


def test_cancelled_by_others():
    """Without a signal it is a refusal like any other: exit code 6."""
    with Scripted() as s:
        p = start(s, "hash", "x")
        task, _ = s.expect("crypto:hash")
        s.refuse(task, "CANCELLED", "an administrator cancelled", reason="admin")
        assert finish(p)[0] == 6


def test_wait_and_loss():
    """--wait and a server that goes away are told as before, without a signal."""
    with Scripted() as s:
        p = start(s, "--json", "run", "debug:sleep", "--wait", "300ms")
        s.expect("debug:sleep")
        code, out, err = finish(p)
        assert code == 4 and err.startswith("moroctl: WAIT_LIMIT: ")
        assert json.loads(out)["error"]["code"] == "WAIT_LIMIT"
    with Scripted() as s:
        p = start(s, "run", "debug:sleep")
        s.expect("debug:sleep")
        s.connection.shutdown(socket.SHUT_RDWR)
        code, out, err = finish(p)
        assert code == 3 and err.startswith("moroctl: LOST: ")


# ---- Against a real server ----


def real(d, *args):
    """Starts moroctl against a morod."""
    return start(d, "run", *args)


def test_cancel_running(morod, tmp_path):
    """Its worker is stopped, the server is whole, and the file that was there stays."""
    path = tmp_path / "out"
    path.write_text("before")
    with morod(workers=1) as d:
        p = real(d, "debug:sleep", '{"ms": 60000}', "-o", str(path))
        d.wait(lambda s: s["activeTasks"] == 1)
        p.send_signal(signal.SIGINT)
        code, out, err = finish(p)
        assert (code, out) == (-signal.SIGINT, "")
        assert err.startswith("moroctl: CANCELLED: ") and err.count("\n") == 1
        d.wait(lambda s: s["cancelled"] == 1 and s["activeTasks"] == 0 and s["workers"] == 1)
    assert [p.name for p in tmp_path.iterdir()] == ["out"] and path.read_text() == "before"


def test_cancel_queued(morod):
    """What waits is gone at once; what runs goes on."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        p = real(d, "debug:sleep", '{"ms": 60000}')
        d.wait(lambda s: s["queueSize"] == 1)
        p.send_signal(signal.SIGTERM)
        assert finish(p)[0] == -signal.SIGTERM
        d.wait(lambda s: s["queueSize"] == 0 and s["activeTasks"] == 1)


def test_cancel_soft(morod):
    """A task that listens is waited for; one that is deaf is left by a second signal."""
    with morod(workers=1) as d:
        work = {"ms": 60000, "cleanupMs": 20}
        p = real(d, "debug:work", json.dumps(work), "--cancel-grace", "60s")
        d.wait(lambda s: s["activeTasks"] == 1)
        pid = d.worker_pids()
        p.send_signal(signal.SIGINT)
        assert finish(p)[0] == -signal.SIGINT
        d.wait(lambda s: s["activeTasks"] == 0)
        assert d.worker_pids() == pid
        p = real(d, "debug:work", json.dumps({"ms": 60000, "deaf": True}), "--cancel-grace", "1m")
        d.wait(lambda s: s["activeTasks"] == 1)
        # two of a kind that come at once would be one
        p.send_signal(signal.SIGINT)
        p.send_signal(signal.SIGTERM)
        code, _, err = finish(p)
        assert code in (-signal.SIGINT, -signal.SIGTERM) and "gave up" in err


def test_retry(morod):
    """A task that crashes and fails at first is run again, as often as was said."""
    with morod(workers=1) as d:
        work = json.dumps({"crashes": 1, "fails": 2})
        p = real(d, "debug:work", work, "--retry", "2", "--retry-on", "crash,error")
        code, out, _ = finish(p)
        assert code == 0 and json.loads(out)["attempt"] == 3
        code, _, err = finish(real(d, "debug:work", '{"crashes": 9}', "--retry", "1"))
        assert code == 1 and "WORKER_ERROR" in err
        p = real(d, "debug:work", '{"crashes": 1}', "--idempotent")
        assert json.loads(finish(p)[1])["attempt"] == 2


OPTIONS = [
    (["--idempotent"], {"idempotent": True}),
    (["--retry", "3"], {"retry": {"max": 3}}),
    (
        ["--retry", "3", "--backoff", "100ms", "--max-backoff", "2s", "--retry-on", "crash,error"],
        {"retry": {"max": 3, "backoffMs": 100, "maxBackoffMs": 2000, "on": ["crash", "error"]}},
    ),
    (["--retry", "1", "--retry-on", "error"], {"retry": {"max": 1, "on": ["error"]}}),
    (["--cancel-grace", "1.5s"], {"cancelGrace": 1500}),
    (["--cancel-grace", "0s"], {"cancelGrace": 0}),
    (["--on-full", "wait"], {"onFull": "wait"}),
    (["--on-full", "refuse"], {}),
    (["--no-progress"], {}),
    (["--progress"], {"progress": True}),
]


@pytest.mark.parametrize("args,options", OPTIONS)
def test_options(args, options):
    """The options of a task, as they go out."""
    with Scripted() as s:
        p = start(s, "hash", "x", *args)
        task, params = s.expect("crypto:hash")
        s.answer(task, "digest")
        assert finish(p)[0] == 0
        assert params[1] == options


@pytest.mark.parametrize(
    "args",
    [
        ["--retry", "0"], ["--retry", "101"], ["--retry", "many"], ["--backoff", "1s"],
        ["--max-backoff", "1s"], ["--retry-on", "crash"],
        ["--retry", "1", "--retry-on", "crash,rain"], ["--retry", "1", "--retry-on", ""],
        ["--retry", "1", "--retry-on", "crash,"], ["--retry", "1", "--backoff", "soon"],
        ["--cancel-grace", "3"], ["--on-full", "cry"], ["--progress", "--no-progress"],
    ],
)
def test_options_usage(args):
    """What an option does not take is said before a server is asked."""
    done = subprocess.run(
        [BUILD / "tools" / "moroctl", "--socket", "/nonexistent", "hash", "x", *args],
        capture_output=True, text=True, timeout=DEADLINE,
    )
    assert done.returncode == 2 and done.stderr.startswith("moroctl: USAGE: ")
    assert args[-2] in done.stderr or args[-1] in done.stderr


ADMIN = [
    (["drain"], "drain", [], "takes no more tasks"),
    (["pause"], "pause", [], "all types: tasks wait"),
    (["pause", "data:compress"], "pause", ["data:compress"], "data:compress: tasks wait"),
    (["resume"], "resume", [], "all types: tasks run again"),
    (["resume", "a:b"], "resume", ["a:b"], "a:b: tasks run again"),
    (["scale", "4"], "scale", [{"workers": 4}], "workers: 4"),
    (["scale", "2:8"], "scale", [{"workers": "2:8"}], "workers: 2:8"),
    (["scale", "1", "--pool", "x"], "scale", [{"pool": "x", "workers": 1}], "workers: 1"),
    (["reload"], "reload", [], "read again"),
    (["shutdown"], "shutdown", [], "shutting down"),
    (["shutdown", "--now"], "shutdown", [{"now": True}], "shutting down"),
]


@pytest.mark.parametrize("args,method,params,says", ADMIN)
def test_admin(args, method, params, says):
    """The commands for administrators: what they send and say."""
    with Scripted() as s:
        p = start(s, *args)
        msgid, got = s.expect(method)
        assert got == params
        s.answer(msgid, True)
        code, out, err = finish(p)
        assert (code, err) == (0, "") and says in out and out.count("\n") == 1
    with Scripted() as s:
        p = start(s, "--json", *args)
        msgid, _ = s.expect(method)
        s.answer(msgid, {"a": 1})
        assert finish(p) == (0, '{"a":1}\n', "")
    with Scripted() as s:
        p = start(s, *args)
        msgid, _ = s.expect(method)
        s.refuse(msgid, "PERMISSION_DENIED")
        assert finish(p) == (6, "", "moroctl: PERMISSION_DENIED: because\n")


@pytest.mark.parametrize(
    "state,code,says",
    [
        ("queued", 0, "it waited"), ("running", 0, "it ran"),
        ("done", 6, "answered already"), ("unknown", 6, "no such task"),
    ],
)
def test_cancel_command(state, code, says):
    """cancel CLIENT MSGID: what became of it, and an error when nothing did."""
    with Scripted() as s:
        p = start(s, "cancel", "3", "17")
        msgid, params = s.expect("cancel")
        assert params == [{"client": 3, "msgid": 17}]
        s.answer(msgid, {"state": state})
        got, out, err = finish(p)
        assert got == code and says in (out if code == 0 else err)
        assert (out == "") == (code != 0)


@pytest.mark.parametrize(
    "args",
    [
        ["cancel"], ["cancel", "1"], ["cancel", "1", "x"], ["cancel", "-1", "2"], ["scale"],
        ["scale", "x"], ["scale", "8:2"], ["scale", "1:"], ["scale", ":1"], ["scale", "99999"],
        ["drain", "x"], ["reload", "x"], ["pause", "a", "b"], ["shutdown", "--until-empty"],
        ["ping", "--retry", "1"], ["scale", "9" * 400],
    ],
)
def test_admin_usage(args):
    """Wrong usage is told without asking any server."""
    done = subprocess.run(
        [BUILD / "tools" / "moroctl", "--socket", "/nonexistent", *args],
        capture_output=True, text=True, timeout=DEADLINE,
    )
    assert done.returncode == 2 and done.stderr.startswith("moroctl: USAGE: ")


def test_drain_until_empty():
    """--until-empty returns when nothing waits or runs; --wait is its limit."""
    with Scripted() as s:
        p = start(s, "drain", "--until-empty")
        msgid, _ = s.expect("drain")
        s.answer(msgid, True)
        for gauges in ({"queueSize": 1}, {"activeTasks": 1}, {"delayedTasks": 1}, {}):
            msgid, _ = s.expect("stats")
            s.answer(msgid, {"queueSize": 0, "activeTasks": 0, **gauges})
        code, out, _ = finish(p)
        assert code == 0 and "all are finished" in out
    with Scripted() as s:
        p = start(s, "drain", "--until-empty", "--wait", "300ms")
        msgid, _ = s.expect("drain")
        s.answer(msgid, True)
        while message := s.next():
            s.answer(message[1], {"queueSize": 1, "activeTasks": 0})
        assert finish(p)[0] == 4
