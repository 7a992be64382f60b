"""Workers in Python, with the test in morod's place at the other end of their channel."""

import os
import signal
import socket
import struct
import subprocess
import sys

import msgpack
import pytest

from harness import DEADLINE, ROOT

pytestmark = pytest.mark.release

TASKS = '''
import asyncio, os, sys
import moro

@moro.task("t:echo")
def echo(data):
    """Gives back its data.

    More about it."""
    return data

@moro.task("t:fail", idempotent=True, timeout=1.5, about="Fails")
def fail(data):
    raise eval(data)

@moro.task("t:print")
def printing(data):
    print(data)
    os.write(1, b"by descriptor\\n")
    os.system("echo by a program")
    return sys.stdin.read()

@moro.task("t:context")
def context(data, context):
    for i in range(data):
        context.progress(i + 1, data, "step")
    return [context.type, context.attempt, context.wants_progress, context.result_fd is not None]

@moro.task("t:burst")
def burst(data, context):
    for i in range(100_000):
        context.progress(i + 1, 100_000)

@moro.task("t:soft", soft_cancel=True)
def soft(data, context):
    context.progress(0)
    while not context.cancelled:
        pass
    if data == "check":
        context.check()
    return "cleaned up"

@moro.task("t:steps", soft_cancel=True)
def steps(data):
    yield 1
    yield 2, 3
    yield 3, 3, "last"
    while data:
        yield 3
    return "end"

@moro.task("t:async", soft_cancel=True)
async def asynchronous(data, context):
    context.progress(0)
    await asyncio.sleep(data)
    return "slept"

@moro.task("t:exit")
def leave(data):
    if data is not None:
        sys.exit(data)

@moro.task("t:file")
def file(data):
    f = data["input"]
    with f.open() as own:
        first = own.read(3)
    return [len(f), first, f.read(2, at=1), bytes(f)]

@moro.task("t:copy")
def copy(data):
    return bytes(data["input"]) if isinstance(data, dict) else data

@moro.task("t:writes")
def writes(data, context):
    os.pwrite(context.result_fd, b"written", 0)
    return moro.worker.Written(7)

@moro.task("t:descriptors")
def descriptors(data):
    return len(os.listdir("/proc/self/fd"))

@moro.task("t:sleep")
def sleep(data):
    import time
    time.sleep(data)
    return data
'''


class Morod:
    """morod's end of a worker's channel; messages as in section 10 of the protocol."""

    def __init__(self, folder, args=("tasks",), source=TASKS, types=(), stdio=False, greet=True, program=None):
        (folder / "tasks.py").write_text(source)
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(DEADLINE)
        env = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
        for name in ("MORO_FD", "PYTHONUNBUFFERED"):
            env.pop(name, None)
        env.update({"MORO_CHANNEL": "stdio"} if stdio else {"MORO_FD": str(theirs.fileno())})
        self.log_path = folder / "log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                program or [sys.executable, "-m", "moro.worker", *args], cwd=folder, env=env,
                stdin=theirs if stdio else subprocess.DEVNULL, stdout=theirs if stdio else log, stderr=log,
                pass_fds=() if stdio else [theirs.fileno()],
            )
        theirs.close()
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
        self.number = 0
        if greet:
            hello = {"proto": 1, "server": "0.1.0", "pool": "p", "worker": 1, "types": list(types)}
            self.send([0, 0, "hello", [hello]])
            kind, number, error, self.hello = self.next()
            assert (kind, number, error) == (1, 0, None)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.process.poll() is None:
                self.sock.shutdown(socket.SHUT_WR)
                assert self.process.wait(DEADLINE) == 0, self.log()
        finally:
            self.process.kill()
            self.process.wait(DEADLINE)
            self.sock.close()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def send(self, *messages, fds=()):
        data = b"".join(map(msgpack.packb, messages))
        if fds:
            socket.send_fds(self.sock, [data], fds)
        else:
            self.sock.sendall(data)

    def next(self):
        while True:
            for message in self.unpacker:
                return message
            data = self.sock.recv(65536)
            assert data, self.log()
            self.unpacker.feed(data)

    def start(self, type, data=None, fds=(), **info):
        self.number += 1
        self.send([0, self.number, type, [data, info]], fds=fds)
        return self.number

    def answer(self, number):
        """The answer to a request, and the progress that came before it."""
        self.reports = []
        while True:
            message = self.next()
            if message[0] == 2:
                assert message[1] == "progress" and message[2][0] == number
                self.reports.append(message[2][1])
            else:
                assert message[:2] == [1, number]
                return message[2:]

    def call(self, type, data=None, **how):
        return self.answer(self.start(type, data, **how))

    def result(self, type, data=None, **how):
        error, result = self.call(type, data, **how)
        assert error is None, error
        return result

    def error(self, type, data=None, **how):
        error, result = self.call(type, data, **how)
        assert error is not None and result is None
        return error


@pytest.fixture
def worker(tmp_path):
    with Morod(tmp_path) as m:
        yield m


# ---- Greeting and ending


def test_hello_tells_the_types(worker):
    said = {t["name"]: t for t in worker.hello["types"]}
    assert said["t:echo"] == {
        "name": "t:echo", "about": "Gives back its data.", "idempotent": False, "softCancel": False,
    }
    assert said["t:fail"] == {
        "name": "t:fail", "about": "Fails", "idempotent": True, "softCancel": False, "timeout": 1500,
    }
    assert said["t:soft"]["softCancel"] is True


def test_a_method_of_a_later_morod(worker):
    """What is no task is answered, and the worker goes on."""
    assert worker.error("later")["code"] == "UNSUPPORTED"
    worker.send([0, 77, "later", []])
    assert worker.answer(77)[0]["code"] == "UNSUPPORTED"
    assert worker.result("t:echo", "on") == "on"


def test_configured_types(tmp_path):
    """Of the types that morod was configured with, those that are there; the log names the others."""
    with Morod(tmp_path, types=["t:echo", "t:none"]) as m:
        assert [t["name"] for t in m.hello["types"]] == ["t:echo"]
        assert "'t:none'" in m.log()
        assert m.error("t:none")["code"] == "UNKNOWN_TASK" == m.error("t:fail", "1")["code"]


@pytest.mark.parametrize("args", [("tasks:echo,t:fail",), ("./tasks.py:echo,fail",)])
def test_chosen_tasks(tmp_path, args):
    with Morod(tmp_path, args) as m:
        assert [t["name"] for t in m.hello["types"]] == ["t:echo", "t:fail"]


def test_several_modules(tmp_path):
    (tmp_path / "more.py").write_text('import moro\n@moro.task("m:one")\ndef one(data): return 1\n')
    with Morod(tmp_path, ("more", "tasks:echo")) as m:
        assert [t["name"] for t in m.hello["types"]] == ["m:one", "t:echo"]
        assert m.result("m:one") == 1


def test_run_in_a_program_of_its_own(tmp_path):
    source = TASKS + "\nif __name__ == '__main__':\n    moro.worker.run()\n    print('after')\n"
    with Morod(tmp_path, source=source, program=[sys.executable, "tasks.py"]) as m:
        assert m.result("t:echo", 1) == 1
        m.sock.shutdown(socket.SHUT_WR)
        assert m.process.wait(DEADLINE) == 0 and "after" in m.log()


@pytest.mark.parametrize(
    "args, source, message",
    [
        ((), TASKS, "usage: python3 -m moro.worker"),
        (("tasks:none",), TASKS, "no task 'none'; there are t:async"),
        (("tasks",), "", "tasks has no tasks"),
        (("nothing",), TASKS, "No module named 'nothing'"),
        (("tasks",), "import moro\nmoro.task('colon')", "a name with a colon"),
        (("tasks",), "import moro\nmoro.task('a:b')(lambda: 1)", "(data) or (data, context)"),
        (("tasks",), "import moro\nmoro.task('a:b', timeout=0)", "option timeout"),
        (("tasks",), "import moro\nmoro.task('a:b', idempotent=1)", "idempotent of a:b takes True or False"),
        (("tasks",), "import moro\nmoro.task('a:b')(abs)\nmoro.task('a:b')(len)", "two functions for a:b"),
        (("tasks",), "import moro\n@moro.task\ndef f(data): 1", "takes the name"),
    ],
)
def test_what_is_wrong_at_the_start(tmp_path, args, source, message):
    with Morod(tmp_path, args, source, greet=False) as m:
        assert m.process.wait(DEADLINE) != 0
        assert message in m.log()


def test_not_started_by_morod(tmp_path):
    (tmp_path / "tasks.py").write_text(TASKS)
    env = {k: v for k, v in os.environ.items() if k not in ("MORO_FD", "MORO_CHANNEL")}
    env["PYTHONPATH"] = str(ROOT / "client" / "python")
    for extra in ({}, {"MORO_FD": "99"}):
        done = subprocess.run(
            [sys.executable, "-m", "moro.worker", "tasks"], cwd=tmp_path, env={**env, **extra},
            capture_output=True, text=True, timeout=DEADLINE,
        )
        assert done.returncode == 2 and "MORO_FD" in done.stderr and "Traceback" not in done.stderr


def test_end_of_the_channel(worker):
    worker.result("t:echo")
    worker.sock.close()
    assert worker.process.wait(DEADLINE) == 0
    assert worker.log() == ""
    worker.sock = socket.socket()


def test_interrupt_is_for_morod(worker):
    worker.process.send_signal(signal.SIGINT)
    assert worker.result("t:echo", 1) == 1


# ---- Tasks


def test_values(worker):
    for value in (None, "grüß", b"\xff", [1, (1 << 64) - 1, -1.5], {"a": {1: []}}, "x" * 500_000):
        assert worker.result("t:echo", value) == value
    odd = b"\x94\x00\x64\xa6t:echo\x92\xa2\xff\xfe\x80"
    worker.sock.sendall(odd)
    raw = worker.sock.recv(100)
    assert raw == b"\x94\x01\x64\xc0\xa2\xff\xfe"  # a string that is no text comes back as it went


def test_errors(worker):
    for code, kind in (("INVALID_ARGUMENT", "InvalidArgument"), ("TOO_LARGE", "TooLarge"), ("NOT_FOUND", "NotFound"),
                       ("UNSUPPORTED", "Unsupported"), ("PERMISSION_DENIED", "PermissionDenied")):
        assert worker.error("t:fail", f"moro.{kind}('why', reason='r', field='width', limit=7)") == {
            "code": code, "message": "why", "reason": "r", "field": "width", "limit": 7,
        }
    assert worker.error("t:fail", "moro.InvalidArgument('why')") == {"code": "INVALID_ARGUMENT", "message": "why"}
    assert worker.error("t:fail", "moro.Error('why')") == {
        "code": "WORKER_ERROR", "message": "why", "reason": "failed",
    }
    assert worker.log() == ""
    assert worker.error("t:fail", "moro.Timeout('why')") == {
        "code": "WORKER_ERROR", "message": "TIMEOUT: why", "reason": "failed",
    }
    assert worker.error("t:fail", "moro.Error('why', what=object)")["what"] == "<class 'object'>"
    assert worker.error("t:fail", "KeyError('k')") == {
        "code": "WORKER_ERROR", "message": "KeyError: 'k'", "reason": "failed",
    }
    assert "Traceback" in worker.log() and "tasks.py" in worker.log()
    assert worker.error("t:fail", "ZeroDivisionError()")["message"] == "ZeroDivisionError"
    assert worker.error("t:fail", "MemoryError()")["reason"] == "memory"
    assert worker.error("t:fail", r"ValueError('\udcff \ud800')")["message"] == "ValueError: ? ?"
    assert worker.error("t:fail", "5 +")["message"].startswith("SyntaxError")
    assert worker.error("t:none")["code"] == "UNKNOWN_TASK"


def test_results_that_cannot_be_sent(tmp_path):
    source = 'import moro\n@moro.task("a:b")\ndef f(data): return eval(data)\n'
    with Morod(tmp_path, source=source) as m:
        for code, message in (
            ("{'a': [1, object()]}", "a:b: the result.a[1] takes"), ("2 ** 64", "not 18446744073709551616"),
            ("'\\ud800'", "lone surrogate"),
        ):
            error = m.error("a:b", code)
            assert error["code"] == "WORKER_ERROR" and message in error["message"]
        assert m.result("a:b", "[1]") == [1]


def test_prints_go_to_the_log(tmp_path):
    for stdio in (False, True):
        with Morod(tmp_path, stdio=stdio) as m:
            assert m.result("t:print", "by print") == ""
            assert m.log().splitlines() == ["by print", "by descriptor", "by a program"]
            assert m.result("t:echo", 1) == 1


def test_exit_in_a_task(worker):
    """It ends the worker; what was done before is answered."""
    worker.result("t:exit")  # so it is known as short: the answer before it waits
    worker.send([0, 1, "t:echo", [1, {}]], [0, 2, "t:exit", [3, {}]])
    assert worker.answer(1) == [None, 1]
    assert worker.process.wait(DEADLINE) == 3


def test_context(worker):
    assert worker.result("t:context", 0) == ["t:context", 1, False, False]
    assert worker.result("t:context", 5, attempt=2) == ["t:context", 2, False, False] and not worker.reports
    assert worker.result("t:context", 1, progress=True) == ["t:context", 1, True, False]
    assert worker.reports == [{"done": 1, "total": 1, "note": "step"}]


def test_progress_is_thinned(worker):
    worker.result("t:burst", progress=True)
    assert 2 <= len(worker.reports) < 5000
    assert worker.reports[0]["done"] == 1 and worker.reports[-1] == {"done": 100_000, "total": 100_000}


def test_generators(worker):
    assert worker.result("t:steps", False, progress=True) == "end"
    assert worker.reports[0] == {"done": 1} and worker.reports[-1] == {"done": 3, "total": 3, "note": "last"}
    number = worker.start("t:steps", True, progress=True)
    worker.send([2, "cancel", [number]])
    assert worker.answer(number)[0]["code"] == "CANCELLED"


@pytest.mark.parametrize("data", ["return", "check"])
def test_soft_cancel(worker, data):
    """A task sees its cancel, and no other's; what comes behind it is not lost."""
    number = worker.start("t:soft", data, progress=True)
    worker.next()
    worker.send([2, "cancel", [number - 1]], [0, 50, "t:soft", [data, {}]])
    worker.send([0, 51, "t:echo", ["after", {}]], [2, "cancel", [50]], [2, "cancel", [number]])
    for n in (number, 50):
        error, result = worker.answer(n)
        assert (error["code"] == "CANCELLED") if data == "check" else (result == "cleaned up")
    assert worker.answer(51) == [None, "after"]


def test_async(worker):
    assert worker.result("t:async", 0) == "slept"
    number = worker.start("t:async", 60, progress=True)
    worker.next()
    worker.send([2, "cancel", [number]], [0, 50, "t:echo", ["after", {}]])
    assert worker.answer(number)[0]["code"] == "CANCELLED"
    assert worker.answer(50) == [None, "after"]
    worker.start("t:async", 60, progress=True)
    worker.next()
    worker.sock.shutdown(socket.SHUT_WR)
    assert worker.process.wait(DEADLINE) == 0


# ---- How answers are sent


def writes(pid):
    """How often a process has written."""
    with open(f"/proc/{pid}/io") as f:
        return int(dict(line.split(": ") for line in f)["syscw"])


def test_answers_are_sent_together(tmp_path):
    """Short tasks that came together are answered by one write."""
    with Morod(tmp_path) as m:
        m.result("t:echo")
        m.result("t:echo")  # from now on it is known that they are short
        before = writes(m.process.pid)
        m.send(*([0, n, "t:echo", ["x" * 64, {}]] for n in range(1, 101)))
        for n in range(1, 101):
            assert m.answer(n) == [None, "x" * 64]
        assert writes(m.process.pid) - before <= 10


def test_answers_do_not_wait_for_long_tasks(worker):
    worker.result("t:echo")
    worker.result("t:sleep", 0.01)
    worker.send([0, 1, "t:echo", [1, {}]], [0, 2, "t:sleep", [60, {}]])
    assert worker.answer(1) == [None, 1]
    worker.process.kill()
    worker.process.wait(DEADLINE)


# ---- Files


def range_of(index, length, offset=0):
    return msgpack.ExtType(77, struct.pack(">BBQQ", 1, index, offset, length))


def test_files(worker, tmp_path):
    (tmp_path / "in").write_bytes(b"0123456789")
    with open(tmp_path / "in", "rb") as f:
        before = worker.result("t:descriptors")
        for _ in range(3):
            fds = [f.fileno()]
            worker.number += 1
            worker.send([0, worker.number, "t:file", [{"input": range_of(0, 5, 2)}, {"fds": 1}]], fds=fds)
            assert worker.answer(worker.number) == [None, [5, b"234", b"34", b"23456"]]
        assert worker.result("t:descriptors") == before
        assert f.tell() == 0


def test_result_files(worker, tmp_path):
    (tmp_path / "in").write_bytes(b"0123456789")
    with open(tmp_path / "in", "rb") as f, open(tmp_path / "out", "wb+") as out:
        out.write(b"longer than the result")
        out.flush()

        def into_file(type, data, info):
            worker.number += 1
            worker.send([0, worker.number, type, [data, info]], fds=[f.fileno(), out.fileno()])
            return worker.answer(worker.number)

        info = {"fds": 2, "resultFd": 1}
        assert into_file("t:copy", {"input": range_of(0, 10)}, info) == [None, range_of(1, 10)]
        assert (tmp_path / "out").read_bytes() == b"0123456789"
        assert into_file("t:copy", "grüß", info) == [None, range_of(1, 6)]
        assert into_file("t:copy", 5, info) == [None, 5]
        assert into_file("t:writes", None, info) == [None, range_of(1, 7)]
        assert (tmp_path / "out").read_bytes() == b"written"
        error, _ = into_file("t:copy", b"x", {"fds": 2, "resultFd": 0})
        assert error["field"] == "resultFd" and error["errno"] and error["reason"] == "failed"
        error, _ = into_file("t:copy", {"input": range_of(2, 1)}, {"fds": 2})
        assert error["code"] == "INVALID_ARGUMENT" and error["field"] == "fds"
        error, _ = into_file("t:copy", {"input": range_of(0, 11)}, {"fds": 2})
        assert error["code"] == "INVALID_ARGUMENT" and "shorter" in error["message"]
