"""Workers in Python that dial in: moro.worker.run(connect=...), python3 -m moro.worker --connect."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

import moro
from harness import DEADLINE, ROOT
from moro import worker

pytestmark = pytest.mark.release

TASKS = '''
import asyncio, os, sys, time
import moro

@moro.task("t:echo", idempotent=True)
def echo(data):
    return data

@moro.task("t:pid")
def pid(data):
    return os.getpid()

@moro.task("t:progress")
def progress(data):
    yield 1, 2, "half"
    return "done"

@moro.task("t:soft", soft_cancel=True)
def soft(data, context):
    context.progress(0)
    while not context.cancelled:
        time.sleep(0.001)
    print("cleaned up", flush=True)

@moro.task("t:hang")
def hang(data):
    time.sleep(3600)

@moro.task("t:exit")
def leave(data):
    sys.exit(3)

@moro.task("t:file")
def file(data, context):
    return bytes(data["input"]).upper()
'''

AGAIN = '''
import sys, time
sys.path.insert(0, sys.argv[1])
import moro, moro.worker, tasks
for turn in range(2):
    moro.worker.run(["echo"], connect=sys.argv[2], pool="w")
    print("returned", turn, flush=True)
'''

SECTION = "[pool w]\nserve = own\nworkers = 4\n"


@contextlib.contextmanager
def place(morod, tmp_path, text=SECTION):
    (tmp_path / "tasks.py").write_text(TASKS)
    conf = tmp_path / "m.conf"
    conf.write_text(text)
    with morod(config=conf) as d:
        yield d


@contextlib.contextmanager
def started(d, tmp_path, *words, wait=True, n=1):
    """The command, until it has dialled in; it is ended when the test is."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "python"), "MORO_SOCKET": d.socket}
    env.pop("MORO_FD", None)
    out = open(tmp_path / "out", "a")
    process = subprocess.Popen([sys.executable, *words], env=env, stdout=out, stderr=out)
    try:
        if wait:
            d.wait(lambda s: len(s["pools"][1]["workers"]) == n, begun=False)
        yield process
    finally:
        process.kill()
        process.wait()
        out.close()


def module(tmp_path, *options):
    return ["-m", "moro.worker", *options, str(tmp_path / "tasks.py")]


def test_tasks(morod, tmp_path):
    """Its tasks are done, with progress and files, and by as many processes as dial in."""
    with place(morod, tmp_path) as d, started(d, tmp_path, *module(tmp_path, "--connect")) as one, \
            moro.Client(d.socket) as c:
        assert [c.call("t:echo", i) for i in range(50)] == list(range(50))
        assert c.call("t:pid", None) == one.pid
        seen = []
        task = c.submit("t:progress", None, progress=seen.append)
        assert task.result() == "done" and seen[0].note == "half"
        path = tmp_path / "f"
        path.write_bytes(b"from a file")
        with open(path, "rb") as f:
            assert c.call("t:file", {"input": moro.File(f)}) == b"FROM A FILE"
        with started(d, tmp_path, *module(tmp_path, f"--connect={d.socket}", "--pool=w"), n=2):
            assert len({s["pid"] for s in d.stats()["pools"][1]["workers"]}) == 2


def test_ends(morod, tmp_path):
    """It ends with status 0 when morod does, what it was doing is finished."""
    with place(morod, tmp_path) as d, started(d, tmp_path, *module(tmp_path, "--connect")) as p:
        assert d.stop() == 0
        assert p.wait(DEADLINE) == 0


def test_exit(morod, tmp_path):
    with place(morod, tmp_path) as d, started(d, tmp_path, *module(tmp_path, "--connect")) as p, \
            moro.Client(d.socket) as c:
        with pytest.raises(moro.WorkerError) as caught:
            c.call("t:exit")
        assert caught.value.reason == "crashed"
        assert p.wait(DEADLINE) == 3


def test_soft_cancel(morod, tmp_path):
    """It cleans up, and goes on with the next task."""
    with place(morod, tmp_path) as d, started(d, tmp_path, *module(tmp_path, "--connect")) as p, \
            moro.Client(d.socket) as c:
        task = c.submit("t:soft")
        d.wait(lambda s: s["activeTasks"] == 1)
        task.cancel()
        with pytest.raises(moro.Cancelled):
            task.result()
        assert c.call("t:pid") == p.pid
        assert "cleaned up" in (tmp_path / "out").read_text()


def test_hangs(morod, tmp_path):
    """morod gives the task up; nothing goes on in the process, which says so and ends."""
    with place(morod, tmp_path) as d, started(d, tmp_path, *module(tmp_path, "--connect")) as p, \
            moro.Client(d.socket) as c:
        with pytest.raises(moro.Timeout):
            c.call("t:hang", timeout=0.1)
        assert p.wait(DEADLINE) == 1
        assert "morod has given up the task" in (tmp_path / "out").read_text()


def test_again(morod, tmp_path):
    """run() returns when the connection has ended, and may be called again."""
    (tmp_path / "again.py").write_text(AGAIN)
    text = SECTION + "recycle-tasks = 1\n"
    with place(morod, tmp_path, text) as d, \
            started(d, tmp_path, str(tmp_path / "again.py"), str(tmp_path), d.socket) as p, \
            moro.Client(d.socket) as c:
        assert [c.call("t:echo", i) for i in (1, 2)] == [1, 2]
        assert p.wait(DEADLINE) == 0
        assert (tmp_path / "out").read_text() == "returned 0\nreturned 1\n"


def test_interrupted(morod, tmp_path):
    """Ctrl-C is its own: it was not morod that started it."""
    with place(morod, tmp_path) as d, started(d, tmp_path, *module(tmp_path, "--connect")) as p:
        p.send_signal(signal.SIGINT)
        assert p.wait(DEADLINE) != 0
        d.wait(lambda s: s["pools"][1]["workers"] == [])


def test_refused(morod, tmp_path):
    """What morod has against it is raised, or said by the command."""
    worker.task("t:one")(lambda data: data)
    with place(morod, tmp_path, "") as d:
        with pytest.raises(moro.Unsupported):
            worker.run(connect=d.socket)
        with started(d, tmp_path, *module(tmp_path, "--connect"), wait=False) as p:
            assert p.wait(DEADLINE) == 2
            assert "no pool takes workers that dial in" in (tmp_path / "out").read_text()
    with place(morod, tmp_path, "[pool w]\nserve = 12345\n") as d:
        with pytest.raises(moro.PermissionDenied):
            worker.run(connect=d.socket)
    with place(morod, tmp_path, "[pool w]\nserve = own\ntypes = t:other\n") as d:
        with pytest.raises(moro.InvalidArgument) as caught:
            worker.run(["t:one"], connect=d.socket)
        assert caught.value.field == "types"
        with pytest.raises(moro.NotFound):
            worker.run(connect=d.socket, pool="x")
    with pytest.raises(moro.NoServer):
        worker.run(connect="/nonexistent")


@pytest.mark.parametrize("options, words", [
    (["--pool=w"], "--pool goes with --connect"),
    (["--conect"], "--conect is no option"),
    (["--pool"], "--pool is no option, or takes a value"),
])
def test_wrong_options(tmp_path, options, words):
    (tmp_path / "tasks.py").write_text(TASKS)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "python")}
    done = subprocess.run([sys.executable, *module(tmp_path, *options)], env=env,
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 2 and words in done.stderr
