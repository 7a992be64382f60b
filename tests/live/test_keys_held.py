"""Named keys: what was read with the configuration is what all workers have, until the next reload."""

import os
import signal

import pytest

from harness import TaskError, wait_until

KEY = {"name": "session"}


def put(path, text):
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.chmod(0o600)
    new.rename(path)


@pytest.fixture
def conf(tmp_path):
    put(tmp_path / "k", "the first secret of the session")
    path = tmp_path / "m.conf"
    path.write_text(f"[key session]\nfile = {tmp_path}/k\n")
    return path


def replace_workers(d):
    """Kills all workers; there are others then."""
    for pid in (before := d.worker_pids()):
        os.kill(pid, signal.SIGKILL)
    d.wait(lambda s: s["workers"] == len(before) and not set(before) & set(d.worker_pids()))


def idle_workers(d):
    return {w["pid"] for w in d.workers() if w["state"] == "idle"}


def key_files(pid):
    """Descriptors of a process that are the file of keys."""
    folder = f"/proc/{pid}/fd"
    found = []
    for n in os.listdir(folder):
        try:
            if "morod-keys" in os.readlink(f"{folder}/{n}"):
                found.append(n)
        except FileNotFoundError:
            pass  # it was closed meanwhile
    return found


def test_a_file_that_changes_or_goes(morod, conf, tmp_path):
    """A worker that comes later has the same key as the others, not what the file is by then, or none."""
    with morod(config=conf, workers=2) as d, d.client() as c:
        token = c.call("jwt:sign", {"payload": {"n": 1}, "secret": KEY})
        for change in (lambda: put(tmp_path / "k", "the second secret of the session"), (tmp_path / "k").unlink):
            change()
            replace_workers(d)
            calls = [c.submit("jwt:sign", {"payload": {"n": 1}, "secret": KEY}) for _ in range(50)]
            calls += [c.submit("jwt:verify", {"token": token, "secret": KEY}) for _ in range(50)]
            assert {call.result().split(".")[0] for call in calls[:50]} == {token.split(".")[0]}
            assert all(call.result()["valid"] for call in calls[50:])
        with pytest.raises(TaskError, match="No such file"):
            c.request("reload")
        replace_workers(d)
        assert c.call("jwt:verify", {"token": token, "secret": KEY})["valid"]
        put(tmp_path / "k", "the second secret of the session")
        c.request("reload")
        assert not c.call("jwt:verify", {"token": token, "secret": KEY})["valid"]


def test_who_holds_it(morod, conf, tmp_path):
    """The master alone, and one at a time; workers have closed it before they are ready."""
    with morod(config=conf, workers=2) as d, d.client() as c:
        before = set()
        for text in ("the second secret of the session", "the third one of the session"):
            wait_until(lambda: len(key_files(d.process.pid)) == 1)
            wait_until(lambda: len(idle_workers(d) - before) == 2)
            before = idle_workers(d)
            for pid in (d.dispatcher_pid(), *before):
                assert key_files(pid) == []
            put(tmp_path / "k", text)
            c.request("reload")
        # it can be changed by nobody
        held = f"/proc/{d.process.pid}/fd/{key_files(d.process.pid)[0]}"
        with pytest.raises(PermissionError), open(held, "r+b") as f:
            f.write(b"x")
        conf.write_text("")
        c.request("reload")
        wait_until(lambda: key_files(d.process.pid) == [])
