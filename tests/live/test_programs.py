"""Workers that are programs in any language: [pool NAME] command = ..."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap

import msgpack
import pytest

from harness import BUILD, ROOT, SANITIZED, Pending, TaskError, alive, wait_until

# A worker of plain msgpack, without a package of ours. What it does beside its
# tasks is in SETUP, which a test may give; do() does a task.
WORKER = """
import os, socket, sys, time
import msgpack

FD = os.environ.get("MORO_FD")
if FD:
    sock = socket.socket(fileno=int(FD))
    receive, send = (lambda: sock.recv(65536)), sock.sendall
else:
    receive, send = (lambda: os.read(0, 65536)), (lambda b: os.write(1, b))

TYPES = ["t:echo"]
NOTED = []

def answer(n, error, result=None):
    send(msgpack.packb([1, n, error, result]))

def hello(n, params):
    answer(n, None, {"types": TYPES})

def do(n, name, data, info):
    answer(n, None, data)

%s

unpacker = msgpack.Unpacker()
while True:
    read = receive()
    if not read:
        sys.exit(0)
    unpacker.feed(read)
    for message in unpacker:
        if message[0] == 0 and message[2] == "hello":
            hello(message[1], message[3])
        elif message[0] == 0:
            do(message[1], message[2], *message[3])
        else:
            NOTED.append(message)
"""


@contextlib.contextmanager
def program(morod, setup="", pool="", server="", types="types = t:echo", workers=1, **options):
    """A morod with a pool of such workers, and a client of it."""
    with tempfile.TemporaryDirectory(prefix="moro-") as folder:
        path = os.path.join(folder, "worker.py")
        conf = os.path.join(folder, "m.conf")
        with open(path, "w") as f:
            f.write(WORKER % textwrap.dedent(setup))
        with open(conf, "w") as f:
            f.write(f"[morod]\n{server}\n[pool py]\ncommand = {sys.executable} {path}\n"
                    f"workers = {workers}\n{types}\n{pool}\n")
        with morod(config=conf, **options) as d, d.client() as c:
            yield d, c


def slots(d):
    """The workers of the program's pool."""
    return [w for w in d.stats()["pools"][1]["workers"]]


def pid_of(d):
    (worker,) = [w for w in slots(d) if w["pid"]]
    return worker["pid"]


def ready(d):
    """Waits until all of the pool's workers are idle."""
    d.wait(lambda s: all(w["state"] in ("idle", "empty") for w in s["pools"][1]["workers"])
           and any(w["state"] == "idle" for w in s["pools"][1]["workers"]))


def fails(c, task, data=None, **options):
    with pytest.raises(TaskError) as caught:
        c.call(task, data, **options)
    return caught.value.error


def test_tasks_of_a_program(morod):
    """It does its tasks; morod's own are done beside it; it is described and counted."""
    with program(morod, workers=2) as (d, c):
        calls = [c.submit("t:echo", {"n": i, "bytes": b"\0" * i}) for i in range(100)]
        own = c.submit("debug:echo", 7)
        assert [p.result() for p in calls] == [
            {"n": i, "bytes": b"\0" * i} for i in range(100)]
        assert own.result() == 7
        (described,) = c.request("types", "t:echo")
        assert (described["pool"], described["idempotent"]) == ("py", False)
        assert "t:echo" in [t["type"] for t in c.request("types")]
        assert sum(w["tasksDone"] for w in slots(d)) == 100


def test_hello(morod):
    """It is told who it is, and may announce what the configuration does not say."""
    setup = """
    def hello(n, params):
        global HELLO
        HELLO = params
        answer(n, None, {"types": [
            "t:hello", b"t:bytes",
            {"name": "t:rich", "about": "Does much.", "idempotent": True, "softCancel": True, "progress": True,
             "timeout": 1234, "later": [1]},
            {"name": "t:echo", "idempotent": True},
        ], "later": {}})

    def do(n, name, data, info):
        answer(n, None, [HELLO, dict(os.environ), info] if name == "t:hello" else name)
    """
    with program(morod, setup) as (d, c):
        (said,), env, info = c.call("t:hello")
        assert said == {"proto": 1, "server": said["server"], "pool": "py",
                        "worker": said["worker"], "types": ["t:echo"]}
        assert said["worker"] == next(w for w in slots(d) if w["pid"])["slot"]
        assert env["MORO_FD"] == "3" and env["MORO_POOL"] == "py"
        assert env["MORO_SOCKET"] == d.socket and env["MORO_WORKER"] == str(said["worker"])
        assert "MORO_CHANNEL" not in env and env["PATH"] == os.environ["PATH"]
        assert info == {}
        assert c.call("t:bytes") == "t:bytes"
        (rich,) = c.request("types", "t:rich")
        assert (rich["about"], rich["timeout"]) == ("Does much.", 1234)
        assert rich["idempotent"] and rich["softCancel"] and rich["progress"]
        assert c.request("types", "t:echo")[0]["idempotent"]


def test_page(morod, tmp_path):
    """The worker that server/PROGRAMS.md shows, with the section that it has there."""
    page = (ROOT / "server" / "PROGRAMS.md").read_text()
    text = re.findall(r"```python\n(.*?)```", page, re.S)[0]
    worker, conf = tmp_path / "upper.py", tmp_path / "m.conf"
    worker.write_text(text)
    assert "With `command = python3 upper.py` and `types = text:upper`" in page
    conf.write_text(f"[pool p]\ncommand = {sys.executable} {worker}\ntypes = text:upper\n")
    with morod(config=conf) as d, d.client() as c:
        assert c.call("text:upper", "hello") == "HELLO"
        assert fails(c, "text:upper", 5)["reason"] == "crashed"


def test_limits_of_its_types(morod):
    """[task TYPE] is about a program's types, too; the file has the last word."""
    setup = 'TYPES = [{"name": "t:echo", "timeout": 5000}]'
    more = "[task t:echo]\ntimeout = 7s\npriority = low\nmax-running = 1\n"
    with program(morod, setup, pool=more) as (d, c):
        c.call("t:echo")
        (t,) = c.request("types", "t:echo")
        assert (t["timeout"], t["priority"], t["maxRunning"]) == (7000, "low", 1)


@pytest.mark.parametrize("answer", [
    "answer(n, None)", "answer(n, None, 5)", "answer(n, 'no method hello')",
    "answer(n, [1, 2], {})", "answer(n, None, {'types': None})",
])
def test_any_answer_will_do(morod, answer):
    """A library that serves requests and knows no hello is a worker as well."""
    with program(morod, f"def hello(n, params):\n    {answer}") as (d, c):
        assert c.call("t:echo", 1) == 1


@pytest.mark.parametrize("answer, why", [
    ("{'types': 5}", "types takes an array, not an integer"),
    ("{'types': [5]}", "types takes names, or maps with a name, not an integer"),
    ("{'types': [{}]}", "types takes names, or maps with a name, not a map"),
    ("{'types': ['echo']}", "echo: a type's name is FAMILY:VERB"),
    ("{'types': ['t:a b']}", "t:a b: a type's name is FAMILY:VERB"),
    ("{'types': ['crypto:hash']}", "crypto:hash: there is a type of that name"),
    ("{'types': [{'name': 't:x', 'timeout': -1}]}", "timeout of a type takes"),
    ("{'types': [{'name': 't:x', 'idempotent': 1}]}", "idempotent of a type takes true or false"),
    ("{'types': ['t:' + 'x' * 5000]}", "a type's name is FAMILY:VERB"),
])
def test_wrong_answer(morod, answer, why):
    """What it announces wrongly is said in the log; morod serves the rest."""
    setup = f"def hello(n, params):\n    answer(n, None, {answer})"
    with program(morod, setup) as (d, c):
        d.wait_log("its answer to hello is wrong: ")
        assert why in d.log()
        assert c.call("debug:echo", 1) == 1


def test_late(morod):
    """One that does not answer in time is killed; morod does not wait for it."""
    setup = "def hello(n, params):\n    pass"
    with program(morod, setup, pool="ready-timeout = 50ms") as (d, c):
        d.wait_log("it did not answer hello within 50 ms")
        assert c.call("debug:echo", 1) == 1


@pytest.mark.parametrize("command", ["/nonexistent/program", "exit 3", "exit 100", "true", "'"])
def test_no_program(morod, tmp_path, command):
    """One that does not start is paced; its tasks are refused, morod serves the rest."""
    conf = tmp_path / "m.conf"
    conf.write_text(f"[pool p]\ncommand = {command}\ntypes = t:echo\nworkers = 1\n"
                    "breaker-deaths = 2\nbreaker-pause = 1m\n")
    with morod(config=conf) as d, d.client() as c:
        assert c.call("debug:echo", 1) == 1
        assert fails(c, "t:echo", timeout=20000)["reason"] == "pool_down"


def crash(c, d, data, **options):
    """A task that costs the worker its life: its error; the next one is done."""
    before = pid_of(d)
    error = fails(c, "t:bad", data, **options)
    assert c.call("t:echo", "next", timeout=20000) == "next"
    assert pid_of(d) != before and not alive(before)
    return error


BAD = """
import subprocess
TYPES = ["t:echo", "t:bad"]

def do(n, name, data, info):
    global KEPT
    if name == "t:echo":
        answer(n, None, data)
    elif data == "exit 0":
        os._exit(0)
    elif data == "exit 7":
        os._exit(7)
    elif data == "signal":
        os.kill(os.getpid(), 11)
    elif data == "hang":
        time.sleep(3600)
    elif data == "rubbish":
        send(b"\\xc1HTTP/1.1 400 Bad Request")
        time.sleep(3600)
    elif data == "close":
        sock.shutdown(2)
        time.sleep(3600)
    elif data == "leak":
        KEPT = []
        try:
            while True:
                KEPT.append(bytearray(1 << 20))
        except MemoryError:
            KEPT = None
            answer(n, {"code": "WORKER_ERROR", "reason": "memory", "message": "no memory"})
    elif data == "print":
        print("printed")
        print("to stderr", file=sys.stderr)
        sys.stdout.flush()
        answer(n, None, "printed")
    elif data == "children":
        kids = [subprocess.Popen(["sleep", "3600"]).pid for _ in range(3)]
        answer(n, None, kids)
    elif data == "twice":
        answer(n, None, 1)
        answer(n, None, 2)
        answer(n + 1, None, 3)
        send(msgpack.packb([2, "unknown", [1]]) + msgpack.packb([0, 1, "request", []]))
"""


@pytest.fixture
def bad(morod):
    with program(morod, BAD, pool="worker-memory = 300M") as (d, c):
        c.call("t:echo")
        yield d, c


def test_ends(bad):
    """Whatever it ends by costs its own task, and says how."""
    d, c = bad
    for data, words in (("exit 0", "exited with status 0"), ("exit 7", "exited with status 7"),
                        ("signal", "was killed by SIGSEGV")):
        error = crash(c, d, data)
        assert (error["code"], error["reason"]) == ("WORKER_ERROR", "crashed")
        assert words in error["message"] and "t:bad" in error["message"]


def test_hangs(bad):
    d, c = bad
    error = crash(c, d, "hang", timeout=100)
    assert error["code"] == "TIMEOUT" and "timeout of 100 ms" in error["message"]


def test_rubbish(bad):
    """What is no message costs the task; nobody else sees it."""
    d, c = bad
    error = crash(c, d, "rubbish", timeout=60000)
    assert error["reason"] == "crashed" and "was stopped: " in error["message"]
    error = crash(c, d, "close", timeout=60000)
    assert error["reason"] == "crashed" and "it closed its channel" in error["message"]


@pytest.mark.skipif(SANITIZED, reason="the limit would be the sanitizer's")
def test_leaks(bad):
    """It is held to its limit, and has it left when it gave up what it had."""
    d, c = bad
    for _ in range(3):
        assert fails(c, "t:bad", "leak")["reason"] == "memory"
        assert c.call("t:echo", 1) == 1


def test_prints(bad):
    """What it prints goes to the log, a line each."""
    d, c = bad
    assert c.call("t:bad", "print") == "printed"
    d.wait_log(": printed\n")
    d.wait_log(": to stderr\n")


def test_children_die_with_it(bad):
    d, c = bad
    kids = c.call("t:bad", "children")
    assert all(alive(k) for k in kids)
    crash(c, d, "exit 0")
    wait_until(lambda: not any(alive(k) for k in kids), "the children's end")


def test_answers_that_nobody_asked_for(bad):
    d, c = bad
    before = pid_of(d)
    assert c.call("t:bad", "twice") == 1
    assert c.call("t:echo", 4) == 4 and pid_of(d) == before


def test_errors(morod):
    """Errors keep code, reason and details; other shapes become WORKER_ERROR."""
    setup = "def do(n, name, data, info):\n    answer(n, data)"
    with program(morod, setup) as (d, c):
        e = fails(c, "t:echo", {"code": "INVALID_ARGUMENT", "message": "no", "field": "width"})
        assert (e["code"], e["message"], e["field"]) == ("INVALID_ARGUMENT", "no", "width")
        for odd in ("some text", ["a", 1], 5, {"code": "NO_SUCH", "message": "some text"},
                    {"code": "QUEUE_FULL", "message": "some text"}, True):
            e = fails(c, "t:echo", odd)
            assert (e["code"], e["retryable"]) == ("WORKER_ERROR", False), odd
        assert "some text" in fails(c, "t:echo", "some text")["message"]


def test_stdio(morod):
    """A program whose runtime cannot have another descriptor has stdin and stdout."""
    setup = """
    import sys
    print("not a message", file=sys.stderr)
    def do(n, name, data, info):
        answer(n, None, [os.environ.get("MORO_CHANNEL"), "MORO_FD" in os.environ])
    """
    with program(morod, setup, pool="channel = stdio") as (d, c):
        assert c.call("t:echo") == ["stdio", False]
        d.wait_log(": not a message\n")


def test_what_it_inherits(morod):
    """The socket, /dev/null, the pipes; no rights to gain; signals as usual."""
    setup = """
    import signal
    def do(n, name, data, info):
        status = dict(l.split(":", 1) for l in open("/proc/self/status"))
        fds = {f: os.readlink("/proc/self/fd/" + f) for f in os.listdir("/proc/self/fd")
               if os.path.exists("/proc/self/fd/" + f)}
        answer(n, None, [fds, status["NoNewPrivs"].strip(), os.getpgrp() == os.getpid(),
                         [signal.getsignal(s) == signal.SIG_DFL for s in (15, 1, 10, 17)]])
    """
    with program(morod, setup) as (d, c):
        fds, no_new, leads, default = c.call("t:echo")
        assert fds.pop("0") == "/dev/null" and fds.pop("3").startswith("socket:")
        assert fds.pop("1").startswith("pipe:") and fds.pop("2").startswith("pipe:")
        assert fds == {} and no_new == "1" and leads and all(default)


SOFT = """
import select
TYPES = [{"name": "t:soft", "softCancel": True}, "t:hard", "t:echo"]

def do(n, name, data, info):
    if name == "t:echo":
        return answer(n, None, data)
    if info.get("progress"):
        send(msgpack.packb([2, "progress", [n, {"done": 1, "total": 4, "note": "begun"}]]))
    if name == "t:hard":
        time.sleep(3600)
    reader = msgpack.Unpacker()
    reader.feed(receive())
    assert reader.unpack() == [2, "cancel", [n]]
    if data != "deaf":
        return answer(n, {"code": "WORKER_ERROR", "message": "cleaned up"})
    time.sleep(3600)
"""


def test_cancel(morod):
    """A type with softCancel is asked; others, and who does not listen, are killed."""
    with program(morod, SOFT, server="cancel-grace = 300ms") as (d, c):
        c.call("t:echo")
        for task, data, same in (("t:soft", None, True), ("t:soft", "deaf", False),
                                 ("t:hard", None, False)):
            before = pid_of(d)
            told = c.start(task, data, {"id": "x", "progress": True})
            c.read_until(lambda: c.unasked)
            assert c.unasked.pop()[2][1]["note"] == "begun"
            c.request("cancel", {"id": "x"})
            assert told.error()["code"] == "CANCELLED"
            assert c.call("t:echo", 1, timeout=20000) == 1
            assert (pid_of(d) == before) == same


def test_retry(morod):
    """An idempotent task that cost its worker is run again, and told so."""
    setup = """
    TYPES = [{"name": "t:echo", "idempotent": True}]
    def do(n, name, data, info):
        if "attempt" not in info:
            os._exit(1)
        answer(n, None, info["attempt"])
    """
    with program(morod, setup) as (d, c):
        assert c.call("t:echo", timeout=20000) == 2


def test_recycled(morod):
    """It is replaced after so many tasks, and none is lost."""
    with program(morod, pool="recycle-tasks = 10", workers=2) as (d, c):
        calls = [c.submit("t:echo", i) for i in range(200)]
        assert [p.result() for p in calls] == list(range(200))
        d.wait(lambda s: s["pools"][1]["recycled"] > 0)
        assert c.call("t:echo", 1) == 1


@pytest.mark.parametrize("tidies, line", [
    ("os.write(2, b'tidied up\\n')", "tidied up"),
    ("time.sleep(60)", "stopped: recycled: it has done its tasks"),
])
def test_tidies_up(morod, tidies, line):
    """One that is replaced sees the end of its channel, and has a moment; no more."""
    setup = f"import atexit; atexit.register(lambda: {tidies})"
    with program(morod, setup, pool="recycle-tasks = 2", workers=1) as (d, c):
        assert [c.call("t:echo", n) for n in range(2)] == [0, 1]
        wait_until(lambda: line in d.log())
        d.wait(lambda s: s["pools"][1]["recycled"] >= 1)
        assert c.call("t:echo", 3) == 3


def test_one_at_a_time(morod):
    """It gets the next task when it has answered: others may take that one."""
    setup = """
    def do(n, name, data, info):
        if data == "long":
            time.sleep(3600)
        answer(n, None, os.getpid())
    """
    with program(morod, setup, workers=2) as (d, c):
        long = c.submit("t:echo", "long", id="l")
        pids = {c.call("t:echo") for _ in range(20)}
        assert len(pids) == 1
        c.request("cancel", {"id": "l"})
        assert long.error()["code"] == "CANCELLED"


def test_files(morod, tmp_path):
    """Descriptors reach a program that takes them."""
    setup = """
    sock.recv  # the channel is a socket: descriptors come with the message
    def take():
        data, fds, flags, address = socket.recv_fds(sock, 65536, 8)
        FDS.extend(fds)
        return data
    FDS = []
    receive = take
    def do(n, name, data, info):
        answer(n, None, [info["fds"], os.read(FDS.pop(0), 100)])
    """
    path = tmp_path / "f"
    path.write_bytes(b"from a file")
    with program(morod, setup) as (d, c):
        with open(path, "rb") as f:
            c.request("hello", {"features": ["fd"]})
            call = c.pending[99] = Pending(c, 99)
            message = msgpack.packb([0, 99, "t:echo", [None, {"fds": 1}]])
            socket.send_fds(c.sock, [message], [f.fileno()])
            assert call.result() == [1, b"from a file"]


def test_dispatcher_dies(morod):
    """A new dispatcher has new workers, which announce their types again."""
    with program(morod, 'TYPES = ["t:new", "t:echo"]') as (d, c):
        assert c.call("t:new", 1) == 1
        before = pid_of(d)
        os.kill(d.dispatcher_pid(), signal.SIGKILL)
        wait_until(lambda: not alive(before), "the end of the old worker")
        d.wait_log("the new dispatcher serves")
        with d.client() as again:
            assert again.call("t:new", 2) == 2


def test_reload(morod, tmp_path):
    """More workers at once; another command needs a restart."""
    with program(morod) as (d, c):
        conf = next(a for a in d.process.args if str(a).endswith("m.conf"))
        text = open(conf).read()
        c.call("t:echo")
        with open(conf, "w") as f:
            f.write(text.replace("workers = 1", "workers = 3").replace("worker.py", "other.py"))
        d.process.send_signal(signal.SIGHUP)
        d.wait_log("command needs a restart")
        d.wait(lambda s: sum(w["state"] == "idle" for w in s["pools"][1]["workers"]) == 3)
        assert c.call("t:echo", 5) == 5


def test_reload_without_its_pool(morod):
    """A pool that is no more in the file stays until a restart; all else is taken."""
    with program(morod) as (d, c):
        conf = next(a for a in d.process.args if str(a).endswith("m.conf"))
        with open(conf, "w") as f:
            f.write("[morod]\nmax-client-tasks = 77\n")
        d.process.send_signal(signal.SIGHUP)
        d.wait_log("pool py needs a restart to go, and stays")
        d.wait_log("was read again")
        assert c.call("t:echo", 5) == 5


def test_stop(morod):
    """It is told by the end of its channel; what it is doing is finished first."""
    setup = """
    import atexit
    atexit.register(lambda: print("bye", file=sys.stderr))
    def do(n, name, data, info):
        time.sleep(0.2)
        answer(n, None, data)
    """
    with program(morod, setup) as (d, c):
        c.call("t:echo")
        last = c.submit("t:echo", "last")
        d.wait(lambda s: s["activeTasks"] == 1)
        d.process.send_signal(signal.SIGTERM)
        assert last.result() == "last"
        assert d.process.wait(20) == 0
        assert ": bye\n" in d.log()


@pytest.mark.parametrize("text, error", [
    ("[pool p]\ntypes = a:b", "2: types goes with a command, exec or serve, and the pool has none"),
    ("[pool p]\nchannel = stdio", "2: channel goes with a command, and the pool has none"),
    ("[pool default]\ncommand = x", "2: command is for another pool"),
    ("[pool p]\ncommand = x\nworker-cpu = 2s", "3: worker-cpu is not for a pool with a command"),
    ("[pool p]\ncommand = x\ntypes = crypto:hash",
     "pool p: types: crypto:hash: there is a type of that name"),
    ("[pool p]\ncommand = x\ntypes = a:b a:b", "pool p: types: a:b is there twice"),
    ("[pool p]\ncommand = x\ntypes = ab", "pool p: types: ab: a type's name is FAMILY:VERB"),
    ("[pool p]\ncommand = x\n[task crypto:hash]\npool = p",
     "4: pool p runs a program, which does not offer crypto:hash"),
    ("[pool p]\ncommand = x\ntypes = a:b\n[task a:b]\npool = default",
     "5: a:b is done by the program of pool p, and by no other"),
    ("[pool p]\nchannel = x", "2: channel takes fd or stdio, not \"x\""),
    ("[pool p]\ncommand = x\ntypes = a:b\n[task a:c]\ntimeout = 1s",
     "4: no task type \"a:c\"; did you mean a:b?"),
])
def test_configuration(tmp_path, text, error):
    """What cannot be is refused with its line."""
    conf = tmp_path / "m.conf"
    conf.write_text(text + "\n")
    done = subprocess.run([BUILD / "server" / "morod", "--config", conf, "--check-config"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and error in done.stderr
