"""Workers in JavaScript that dial in: run({ connect })."""

import contextlib
import os
import shutil
import subprocess

import noderun
from harness import DEADLINE, TaskError

import pytest

pytestmark = pytest.mark.release

TASKS = """
import { task, run } from 'moro-client/worker';

task('t:echo', { idempotent: true, about: 'Gives back its data.' }, async (data) => data);
task('t:soft', { softCancel: true }, (data, ctx) => new Promise((done) => {
  ctx.progress(1, 4, 'begun');
  ctx.signal.addEventListener('abort', () => done('cleaned up'));
}));
task('t:hang', () => new Promise((done) => setTimeout(done, 3600000)));
const [connect, pool, exit] = JSON.parse(process.argv[2]);
try {
  await run({ connect, pool, exit });
  console.log('returned');
} catch (error) {
  console.log(error.name, error.code, error.field, error.message);
}
"""


@contextlib.contextmanager
def place(morod, tmp_path, text="[pool js]\nserve = own\nworkers = 2\n"):
    conf = tmp_path / "m.conf"
    conf.write_text(text)
    with morod(config=conf) as d, d.client() as c:
        yield d, c


@contextlib.contextmanager
def started(d, arguments, wait=True):
    """The program, until it has dialled in; it is ended when the test is."""
    folder = noderun.need_project()
    script = folder / f"dialling-{os.getpid()}.mjs"
    script.write_text(TASKS)
    process = subprocess.Popen([shutil.which("node"), script, arguments], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, "MORO_SOCKET": d.socket})
    try:
        if wait:
            d.wait(lambda s: len(s["pools"][1]["workers"]) == 1, begun=False)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_tasks(morod, tmp_path):
    """It does its tasks, and ends when morod does."""
    with place(morod, tmp_path) as (d, c), started(d, "[true]") as p:
        calls = [c.submit("t:echo", i) for i in range(200)]
        assert [call.result() for call in calls] == list(range(200))
        (said,) = c.request("types", "t:echo")
        assert (said["about"], said["idempotent"]) == ("Gives back its data.", True)
        assert d.stats()["pools"][1]["workers"][0]["pid"] == p.pid
        assert d.stop() == 0
        out, err = p.communicate(timeout=DEADLINE)
        assert (p.returncode, out, err) == (0, "", "")


def test_cancel(morod, tmp_path):
    """It is asked to stop, and goes on; a task that cannot be asked costs the connection."""
    with place(morod, tmp_path) as (d, c), started(d, '[true, "js", false]') as p:
        call = c.start("t:soft", None, {"id": "x", "progress": True})
        c.read_until(lambda: c.unasked)
        c.request("cancel", {"id": "x"})
        assert call.error()["code"] == "CANCELLED"
        assert c.call("t:echo", 1) == 1
        with pytest.raises(TaskError) as caught:
            c.call("t:hang", timeout=100)
        assert caught.value.code == "TIMEOUT"
        assert p.stdout.readline() == "returned\n"


@pytest.mark.parametrize("text, arguments, words", [
    ("", "[true]", "MoroError UNSUPPORTED undefined no pool takes workers"),
    ("[pool js]\nserve = 12345\n", "[true]", "MoroError PERMISSION_DENIED"),
    ("[pool js]\nserve = own\ntypes = t:x\n", "[true]", "MoroError INVALID_ARGUMENT types"),
    ("[pool js]\nserve = own\n", '[true, "y"]', "MoroError NOT_FOUND pool"),
    ("", '["/nonexistent"]', "MoroError NO_SERVER"),
])
def test_refused(morod, tmp_path, text, arguments, words):
    """What morod has against it rejects the promise."""
    with place(morod, tmp_path, text) as (d, c), started(d, arguments, wait=False) as p:
        out, err = p.communicate(timeout=DEADLINE)
        assert out.startswith(words), out + err
        assert p.returncode == 0
