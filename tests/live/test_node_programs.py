"""Workers in JavaScript under a real morod."""

import os
import shutil

import pytest

import noderun
from harness import TaskError, alive, wait_until

pytestmark = pytest.mark.release

TASKS = """
import { task, run } from 'moro-client/worker';
import { MoroError } from 'moro-client';

task('t:echo', { idempotent: true, about: 'Gives back its data.' }, async (data) => data);
task('t:refuse', async () => {
  throw new MoroError('INVALID_ARGUMENT', 'no', { field: 'data' });
});
task('t:raise', async () => { null.x(); });
task('t:soft', { softCancel: true }, (data, ctx) => new Promise((done) => {
  ctx.progress(1, 4, 'begun');
  ctx.signal.addEventListener('abort', () => done('cleaned up'));
}));
task('t:bad', async (data) => {
  if (data === 'exit')
    process.exit(0);
  if (data === 'hang')
    for (;;)
      ;
  console.log('printed by a task');
  return data;
});
run();
"""


@pytest.fixture(params=["fd", "stdio"])
def served(request, morod, tmp_path):
    """A morod whose pool are such workers, and a client of it."""
    folder = noderun.need_project()
    script = folder / f"worker-{os.getpid()}-{request.param}.mjs"
    script.write_text(TASKS)
    conf = tmp_path / "m.conf"
    conf.write_text(f"[pool js]\ncommand = {shutil.which('node')} {script}\nworkers = 1\n"
                    f"channel = {request.param}\n")
    with morod(config=conf) as d, d.client() as c:
        yield d, c


def pid_of(d):
    (worker,) = [w for w in d.stats()["pools"][1]["workers"] if w["pid"]]
    return worker["pid"]


def fails(c, task, data=None, **options):
    with pytest.raises(TaskError) as caught:
        c.call(task, data, **options)
    return caught.value.error


def test_tasks(served):
    d, c = served
    for value in (None, 5, -5, (1 << 63) + 1, 2.5, "text", b"\0\xff", [1, [2]], {"a": 1}):
        assert c.call("t:echo", value) == value
    calls = [c.submit("t:echo", i) for i in range(500)]
    assert [p.result() for p in calls] == list(range(500))
    (said,) = c.request("types", "t:echo")
    assert (said["about"], said["idempotent"], said["pool"]) == ("Gives back its data.", True, "js")


def test_what_a_task_does_ill(served):
    """It costs that task, and nothing else."""
    d, c = served
    error = fails(c, "t:refuse")
    assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "data")
    error = fails(c, "t:raise")
    assert error["code"] == "WORKER_ERROR" and "TypeError" in error["message"]
    assert c.call("t:bad", "print") == "print"
    d.wait_log(": printed by a task\n")
    before = pid_of(d)
    error = fails(c, "t:bad", "exit")
    assert error["reason"] == "crashed" and "exited with status 0" in error["message"]
    assert c.call("t:echo", 1) == 1 and pid_of(d) != before
    before = pid_of(d)
    assert fails(c, "t:bad", "hang", timeout=200)["code"] == "TIMEOUT"
    assert c.call("t:echo", 1) == 1 and not alive(before)


def test_cancel(served):
    """It is asked to stop, and goes on with the next task."""
    d, c = served
    before = pid_of(d)
    call = c.start("t:soft", None, {"id": "x", "progress": True})
    c.read_until(lambda: c.unasked)
    assert c.unasked.pop()[2][1]["note"] == "begun"
    c.request("cancel", {"id": "x"})
    assert call.error()["code"] == "CANCELLED"
    assert c.call("t:echo", 1) == 1 and pid_of(d) == before


def test_stop(served):
    """It ends by itself when morod does."""
    d, c = served
    pid = pid_of(d)
    assert d.stop() == 0
    wait_until(lambda: not alive(pid), "its end")
    assert "Error" not in d.log()
