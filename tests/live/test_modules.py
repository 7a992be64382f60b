"""Task types that a module brings (--modules)."""

import os
import signal
import subprocess
import threading

import pytest

from harness import BUILD, TaskError

MODULES = BUILD / "tests" / "modules"
DOUBLE = MODULES / "double.so"


def refused(*modules, **env):
    """What morod says when it does not start."""
    done = subprocess.run(
        [BUILD / "server" / "morod", "--socket", "/nonexistent/m.sock", "--config",
         "/dev/null", "--modules", ",".join(map(str, modules))],
        capture_output=True, text=True, env={**os.environ, **env},
    )
    assert done.returncode == 2
    return done.stderr


def test_types_of_a_module(morod):
    """They run, are described, checked and counted as those that are built in."""
    with morod(modules=DOUBLE, workers=2) as d, d.client() as c:
        assert c.call("test:double", {"n": 21}) == 42
        (described,) = c.request("types", "test:double")
        assert described["example"] == '{"n": 21}'
        assert described["alias"] == "test:twice"
        assert "test:double" in [t["type"] for t in c.request("types")]
        with pytest.raises(TaskError) as caught:
            c.call("test:double", {"n": 1001})
        assert caught.value.error["field"] == "n"


def test_second_name(morod):
    """A type is found by its alias; everything else calls it by its name."""
    with morod(modules=DOUBLE) as d, d.client() as c:
        assert c.call("test:twice", {"n": 4}) == 8
        (described,) = c.request("types", "test:twice")
        assert described["type"] == "test:double"
        assert c.request("pause", "test:twice") is not None
        waiting = c.submit("test:double", {"n": 1})
        d.wait(lambda s: s["queueSize"] == 1)
        c.request("resume", "test:double")
        assert waiting.result() == 2


def test_made_ready_before_the_fork(morod):
    """A worker that takes a dead one's place has what the master made ready."""
    with morod(modules=DOUBLE, workers=1) as d, d.client() as c:
        os.kill(d.worker_pids()[0], signal.SIGKILL)
        assert c.call("test:double", {"n": -5}, retry={"max": 3}) == -10


def test_sections_about_its_types(morod, tmp_path):
    """The file may be about types that a module brings, whichever stands first."""
    path = tmp_path / "m.conf"
    path.write_text(f"[task test:twice]\ntimeout = 7s\n[morod]\nmodules = {DOUBLE}\n")
    with morod(config=path) as d, d.client() as c:
        (described,) = c.request("types", "test:double")
        assert described["timeout"] == 7000


def test_named_in_a_pipe(morod, tmp_path):
    """Also where the file is a pipe, which gives what is in it but once."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    text = f"[task test:twice]\ntimeout = 7s\n[morod]\nmodules = {DOUBLE}\nmax-depth = 7\n"
    writer = threading.Thread(target=path.write_text, args=(text,))
    writer.start()
    with morod(config=path) as d, d.client() as c:
        writer.join()
        assert c.request("reload") == {"warnings": ""}
        (described,) = c.request("types", "test:double")
        assert described["timeout"] == 7000
        assert c.server["limits"]["maxDepth"] == 7


def test_what_cannot_be_loaded():
    """morod does not start, and says which module it was and why."""
    assert "nonexistent/x.so" in refused("/nonexistent/x.so")
    assert "modules/nothing.so" in refused("nothing")
    assert "is empty" in refused(DOUBLE, "")
    assert "version 0 of the interface" in refused(MODULES / "old.so")
    assert "crypto:hash: there is a type of that name" in refused(MODULES / "taken.so")
    with open("/proc/self/maps") as maps:  # any library that is no module
        library = next(line.split()[-1] for line in maps if "/libc.so" in line)
    assert "does not export" in refused(library)


def test_loaded_twice_counts_once(morod):
    with morod(modules=f"{DOUBLE},{DOUBLE}") as d, d.client() as c:
        assert [t["type"] for t in c.request("types")].count("test:double") == 1


def test_module_that_is_not_loaded(morod):
    """T3: the error names what is missing, and no worker is touched."""
    with morod() as d, d.client() as c:
        with pytest.raises(TaskError) as caught:
            c.call("image:resize", {})
        assert caught.value.code == "UNSUPPORTED"
        assert "module image" in caught.value.message
        assert "--modules image" in caught.value.message
        assert c.stats()["refused"] == 1 and c.stats()["completed"] == 0
        with pytest.raises(TaskError) as caught:
            c.call("imag:resize", {})
        assert caught.value.code == "UNKNOWN_TASK"
