"""Workers in Python under a real morod: what a task does ill costs that task alone."""

import os
import sys

import pytest

import moro
from harness import ROOT, SANITIZED, alive, wait_until

pytestmark = pytest.mark.release

TASKS = '''
import os, subprocess, sys, time
import moro

@moro.task("t:echo", idempotent=True)
def echo(data):
    """Gives back its data."""
    return data

@moro.task("t:refuse")
def refuse(data):
    raise moro.InvalidArgument("no", field="data")

@moro.task("t:raise")
def raising(data):
    return 1 // data

@moro.task("t:progress")
def progress(data, context):
    for i in range(data):
        context.progress(i + 1, data, "step")
        time.sleep(0.06)
    return [context.type, context.attempt]

@moro.task("t:soft", soft_cancel=True)
def soft(data, context):
    context.progress(0)
    while not context.cancelled:
        time.sleep(0.001)
    print("cleaned up")

@moro.task("t:bad")
def bad(data):
    if data == "exit":
        os._exit(0)
    if data == "sys.exit":
        sys.exit(0)
    if data == "hang":
        time.sleep(3600)
    if data == "rubbish":
        os.write(int(os.environ["MORO_FD"]), b"\\xc1 print to the wrong place")
        time.sleep(3600)
    if data == "leak":
        kept = []
        while True:
            kept.append(bytearray(1 << 20))
    if data == "print":
        print("printed by a task")
        os.system("echo printed by a shell")
    if data == "children":
        return [subprocess.Popen(["sleep", "3600"]).pid for _ in range(3)]
    return data

@moro.task("t:upper")
def upper(data):
    return bytes(data).upper()
'''


@pytest.fixture(params=["fd", "stdio"])
def served(request, morod, tmp_path):
    """A morod whose pool py are such workers, and a client of it."""
    (tmp_path / "tasks.py").write_text(TASKS)
    conf = tmp_path / "m.conf"
    conf.write_text(f"[pool py]\ncommand = {sys.executable} -m moro.worker {tmp_path}/tasks.py\n"
                    f"workers = 1\nchannel = {request.param}\n"
                    "worker-memory = 400M\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "python")}
    with morod(config=conf, env=env, files_for_all=True) as d, \
            moro.Client(d.socket) as client:
        assert client.call("t:echo", "begun") == "begun"
        yield d, client


def pid_of(d):
    (worker,) = [w for w in d.stats()["pools"][1]["workers"] if w["pid"]]
    return worker["pid"]


def test_tasks(served):
    """Values of all kinds; the decorator's words are what `types` says."""
    d, client = served
    for value in (None, 5, -1 << 63, (1 << 64) - 1, 2.5, "text", b"\0\xff", [1, [2]], {"a": 1}):
        assert client.call("t:echo", value) == value
    calls = [client.submit("t:echo", i) for i in range(500)]
    assert [c.result() for c in calls] == list(range(500))
    (said,) = client.request("types", "t:echo")
    assert (said["about"], said["idempotent"], said["pool"]) == ("Gives back its data.", True, "py")


def test_errors(served):
    d, client = served
    with pytest.raises(moro.InvalidArgument) as caught:
        client.call("t:refuse")
    assert caught.value.field == "data"
    with pytest.raises(moro.WorkerError) as caught:
        client.call("t:raise", 0)
    assert "ZeroDivisionError" in caught.value.message
    d.wait_log("Traceback")
    assert client.call("t:echo", 1) == 1


def test_progress_and_cancel(served):
    d, client = served
    told = []
    assert client.call("t:progress", 3, progress=told.append) == ["t:progress", 1]
    assert [p.done for p in told][-1] == 3
    begun = []
    before = pid_of(d)
    task = client.submit("t:soft", progress=begun.append)
    wait_until(lambda: (client.ping(), begun)[1], "progress")
    task.cancel()
    with pytest.raises(moro.Cancelled):
        task.result(20)
    d.wait_log(": cleaned up\n")
    assert client.call("t:echo", 1) == 1 and pid_of(d) == before


def test_files(served, tmp_path):
    """What a caller passes as a file reaches the task, and the result its file."""
    d, client = served
    if "stdio" in open(tmp_path / "m.conf").read():
        pytest.skip("the next one does it")
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"a file\n" * 100000)
    with open(source, "rb") as f, open(target, "w+b") as out:
        client.call("t:upper", moro.File(f), result_file=out)
    assert target.read_bytes() == b"A FILE\n" * 100000


@pytest.mark.parametrize("data, words", [
    ("exit", "exited with status 0"), ("sys.exit", "exited with status 0"),
    ("rubbish", "was stopped: "),
])
def test_ends(served, data, words):
    """It costs the task, which is told how; the next worker does the next one."""
    d, client = served
    if data == "rubbish" and "MORO_FD" not in open(f"/proc/{pid_of(d)}/environ").read():
        pytest.skip("it has no such descriptor")
    before = pid_of(d)
    with pytest.raises(moro.WorkerError) as caught:
        client.call("t:bad", data)
    assert caught.value.reason == "crashed" and words in caught.value.message
    assert client.call("t:echo", 1) == 1 and pid_of(d) != before


def test_hangs(served):
    d, client = served
    before = pid_of(d)
    with pytest.raises(moro.Timeout):
        client.call("t:bad", "hang", timeout=0.1)
    assert client.call("t:echo", 1) == 1 and not alive(before)


@pytest.mark.skipif(SANITIZED, reason="the limit would be the sanitizer's")
def test_leaks(served):
    d, client = served
    before = pid_of(d)
    for _ in range(3):
        with pytest.raises(moro.WorkerError) as caught:
            client.call("t:bad", "leak")
        assert caught.value.reason == "memory"
    assert client.call("t:echo", 1) == 1 and pid_of(d) == before


def test_prints(served):
    d, client = served
    assert client.call("t:bad", "print") == "print"
    d.wait_log(": printed by a task\n")
    d.wait_log(": printed by a shell\n")


def test_children(served):
    d, client = served
    kids = client.call("t:bad", "children")
    assert all(alive(k) for k in kids)
    with pytest.raises(moro.WorkerError):
        client.call("t:bad", "exit")
    wait_until(lambda: not any(alive(k) for k in kids), "their end")


def test_stop(served):
    """It ends by itself when morod does."""
    d, client = served
    pid = pid_of(d)
    assert d.stop() == 0 and not alive(pid)
    assert "Traceback" not in d.log()
