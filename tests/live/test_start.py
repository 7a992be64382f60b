"""Options, the socket file, process titles."""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import threading
import tempfile

import pytest

from harness import BUILD, DEADLINE, SANITIZED, Client, children_of, title, wait_until

MOROD = BUILD / "server" / "morod"


def run(*args, env=None):
    return subprocess.run(
        [MOROD, *args], capture_output=True, text=True, timeout=DEADLINE, env=env
    )


def line_of(p, words):
    """The first line with such words that a morod says; warnings may stand before it."""
    late = threading.Timer(DEADLINE, p.kill)  # one that says nothing, and goes on
    late.start()
    try:
        return next((line for line in p.stderr if words in line), "none")
    finally:
        late.cancel()


def test_version_and_help():
    """--version and --help say it on stdout and exit 0."""
    assert run("--version").stdout.startswith("morod ")
    done = run("--help")
    assert done.returncode == 0
    for word in ("--socket", "--workers", "--max-queue-size", "--debug-tasks",
                 "--log-level", "--log-format", "--shutdown-timeout", "default 1000"):
        assert word in done.stdout


@pytest.mark.parametrize("word", ["--version", "--help", "--print-config", "--check-config"])
def test_what_cannot_be_said(word):
    """Who asks for a text that does not get there is told so by the exit status."""
    with open("/dev/full", "w") as full:
        done = subprocess.run([MOROD, word], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=DEADLINE, env={"MORO_CONFIG": "/dev/null"})
    assert done.returncode == 1
    assert done.stderr == "morod: cannot write standard output: No space left on device\n"


@pytest.mark.parametrize(
    "args, words",
    [
        (["--workers", "0"], ["--workers", "1 to 1024", '"0"']),
        (["--workers", "two"], ["--workers", "whole number", '"two"']),
        (["--workers", "-1"], ["--workers", '"-1"']),
        (["--workers", "1x"], ["--workers", '"1x"']),
        (["--workers"], ["--workers", "whole number"]),
        (["--max-queue", "3"], ["--max-queue", "several"]),
        (["--max-queue-size", ""], ["--max-queue-size", '""']),
        (["--log-level", "loud"], ["--log-level", "debug", '"loud"']),
        (["--log-format", "xml"], ["--log-format", "text or json", '"xml"']),
        (["--shutdown-timeout", "10"], ["--shutdown-timeout", "500ms", '"10"']),
        (["--max-frame", "1K"], ["--max-frame", "from 4K to 1G"]),
        (["--max-depth", "33"], ["--max-depth", "1 to 32"]),
        (["--socket", ""], ["--socket", "107"]),
        (["--socket", "/" + "x" * 108], ["--socket", "107"]),
        (["--socket", "/tmp/a ;b"], ["--socket", "before a semicolon", '"/tmp/a ;b"']),
        (["--socket", "/tmp/a\x01b"], ["--socket", "without control characters"]),
        (["--socket", "/tmp/a "], ["--socket", "blanks at its ends"]),
        (["--weights", "6:3"], ["--weights", "HIGH:NORMAL:LOW", '"6:3"']),
        (["--weights", "6:3:1:1"], ["--weights", "HIGH:NORMAL:LOW"]),
        (["--weights", "6:3:x"], ["--weights", "HIGH:NORMAL:LOW"]),
        (["--weights", "6:0:1"], ["--weights", "from 1 to"]),
        (["--weights", "6:" + "0" * 20 + "3:1"], ["--weights", "HIGH:NORMAL:LOW"]),
        (["--debug-tasks=maybe"], ["--debug-tasks", "yes or no", '"maybe"']),
        (["--help=yes"], ["--help", "no value"]),
        (["--max-cleints", "3"], ["--max-cleints", "unknown", "did you mean --max-clients?"]),
        (["--bogus"], ["--bogus", "unknown"]),
        (["-x"], ["-x", "unknown"]),
        (["extra"], ["extra"]),
    ],
)
def test_wrong_options(args, words):
    """A wrong option or value: exit 2 and one line that names it."""
    done = run(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("env, words", [
    ({}, "--socket PATH is needed"),
    ({"XDG_RUNTIME_DIR": "/" + "x" * 97}, "longer than 107 bytes; give --socket PATH"),
])
def test_no_place_for_the_socket(env, words):
    """An ordinary user without a XDG_RUNTIME_DIR that will do is told what to give."""
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="moro-") as folder:
        os.chmod(folder, 0o755)
        copy = shutil.copy(MOROD, folder)
        done = subprocess.run(
            [copy], capture_output=True, text=True, user=user, env=env, timeout=DEADLINE
        )
    assert done.returncode == 2
    assert "XDG_RUNTIME_DIR" in done.stderr and words in done.stderr


ROOT_SOCKET = "/run/moro/morod.sock"


def own_run(options="rw"):
    """What to start a morod by that has a /run of its own."""
    mount = f"mount -t tmpfs -o {options} moro /run"
    wrap = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    if os.geteuid() != 0 or subprocess.run([*wrap, "true"], capture_output=True).returncode != 0:
        pytest.skip("needs root that may mount")
    return wrap


def test_root_has_a_place():
    """Root's morod makes /run/moro, and its socket there, which all can look for."""
    env = {**os.environ, "MORO_CONFIG": "/dev/null", "XDG_RUNTIME_DIR": "/nonexistent"}
    env.pop("MORO_SOCKET", None)
    with subprocess.Popen([*own_run(), MOROD, "--workers", "1"], env=env, text=True,
                          stderr=subprocess.PIPE, start_new_session=True, umask=0o022,
                          cwd="/") as p:
        try:
            assert line_of(p, "ready") == f"morod: ready on {ROOT_SOCKET} (1 workers)\n"
            path = f"/proc/{p.pid}/cwd{ROOT_SOCKET}"  # where it has its /run, seen from here
            assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o755
            with Client(path) as c:
                assert c.request("ping") == "pong"
        finally:
            p.send_signal(signal.SIGTERM)
        assert p.wait(DEADLINE) == 0


def test_root_has_no_place():
    """Where no folder can be made that is said, and morod ends."""
    env = {k: v for k, v in os.environ.items() if k != "MORO_SOCKET"}
    done = subprocess.run([*own_run("ro"), MOROD], env={**env, "MORO_CONFIG": "/dev/null"},
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"{ROOT_SOCKET}: cannot make its folder: Read-only file system\n")


def test_socket_from_the_environment(morod, tmp_path):
    """Without --socket, MORO_SOCKET is where morod listens."""
    path = tmp_path / "here.sock"
    p = subprocess.Popen(
        [MOROD, "--workers", "1"],
        env={**os.environ, "MORO_SOCKET": str(path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert line_of(p, "ready") == f"morod: ready on {path} (1 workers)\n"
    p.send_signal(signal.SIGTERM)
    assert p.wait(DEADLINE) == 0
    p.stderr.close()


def test_ready_means_ready(morod):
    """When "ready" is said, all workers have answered and the first call works."""
    with morod(workers=3) as d:
        assert f"morod: ready on {d.socket} (3 workers)\n" in d.log()
        assert d.stats()["workers"] == 3
        with d.client() as c:
            assert c.call("debug:echo", 1) == 1


def test_socket_mode(morod):
    """The socket is for its owner and group, whatever the umask."""
    old = os.umask(0)
    try:
        with morod() as d:
            assert stat.S_IMODE(os.stat(d.socket).st_mode) == 0o660
    finally:
        os.umask(old)


def test_group_that_cannot_be_given(tmp_path):
    """Who may not give the socket its group does not let others in instead."""
    path = str(tmp_path / "m.sock")
    group = max(os.getgroups() + [os.getegid()]) + 1
    # root may, unless it has no right to
    wrap = ["setpriv", "--bounding-set=-chown"] if os.geteuid() == 0 else []
    done = subprocess.run([*wrap, MOROD, "--socket", path, "--socket-group", str(group)],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1
    assert done.stderr.endswith(f"{path}: cannot give it its group: Operation not permitted\n")
    assert list(tmp_path.iterdir()) == []


def test_stale_socket_is_replaced(morod):
    """A socket file that a killed server left is no obstacle."""
    with morod() as d:
        os.kill(d.process.pid, signal.SIGKILL)
        d.process.wait()
        assert os.path.exists(d.socket)
        done = subprocess.Popen(
            [MOROD, "--socket", d.socket, "--workers", "1"],
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )
        assert "ready" in line_of(done, "ready")
        done.send_signal(signal.SIGTERM)
        assert done.wait(DEADLINE) == 0
        done.stderr.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_stale_socket_of_another(tmp_path):
    """Where all may write, another's is not there to be removed: that is said."""
    folder = tmp_path / "all"
    folder.mkdir()
    path = str(folder / "m.sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    for x in (path, folder):
        os.chown(x, 1234, 1234)
    folder.chmod(0o1777)
    done = subprocess.run(["setpriv", "--bounding-set=-fowner", MOROD, "--socket", path],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"{path}: cannot remove the stale socket: Operation not permitted\n")
    assert os.listdir(folder) == ["m.sock"]


def test_live_socket_is_refused(morod):
    """A second server on the same socket says so, and the first goes on."""
    with morod() as d:
        done = run("--socket", d.socket)
        assert done.returncode == 1
        assert "another morod" in done.stderr and d.socket in done.stderr
        with d.client() as c:
            assert c.request("ping") == "pong"


def test_place_that_another_has_taken(morod):
    """Whose socket and lock were removed takes nothing away from who came then."""
    with morod() as first:
        os.unlink(first.socket)
        os.unlink(first.socket + ".lock")
        with morod(path=first.socket) as second:
            assert first.stop() == 0
            with second.client() as c:
                assert c.request("ping") == "pong"
            assert os.path.exists(second.socket + ".lock")
            assert second.stop() == 0
        assert not os.path.exists(first.socket) and not os.path.exists(first.socket + ".lock")


@pytest.mark.skipif(not shutil.which("prlimit"), reason="prlimit is not installed")
@pytest.mark.skipif(SANITIZED, reason="a sanitizer has descriptors of its own")
def test_too_few_descriptors(tmp_path):
    """What is missing to make the socket is said, and nothing stays behind."""
    done = subprocess.run(["prlimit", "--nofile=5:5", MOROD, "--socket", tmp_path / "m.sock"],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1 and "Too many open files" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_foreign_live_socket_is_refused(tmp_path):
    """A socket that some other program answers on is left alone."""
    path = str(tmp_path / "other.sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()
        done = run("--socket", path)
        assert done.returncode == 1 and "answers" in done.stderr
        assert stat.S_ISSOCK(os.stat(path).st_mode)


def test_file_of_another_kind_is_refused(tmp_path):
    """A path that holds a plain file is left alone."""
    path = tmp_path / "file"
    path.write_text("precious")
    done = run("--socket", str(path))
    assert done.returncode == 1 and "no socket" in done.stderr
    assert path.read_text() == "precious"
    assert not os.path.exists(str(path) + ".lock")


def test_missing_folder(tmp_path):
    """A path in a folder that is not there: exit 1 with the reason."""
    done = run("--socket", str(tmp_path / "none" / "m.sock"))
    assert done.returncode == 1 and "No such file" in done.stderr


def test_titles(morod):
    """Master, dispatcher and workers bear their role in the title."""
    with morod(workers=2) as d:
        assert title(d.process.pid) == "morod: master"
        titles = sorted(title(pid) for pid in children_of(d.process.pid))
        assert titles == ["morod: dispatcher", "morod: worker 1", "morod: worker 2"]


def test_debug_tasks_only_when_asked(morod):
    """Without --debug-tasks there are none."""
    with morod(debug_tasks=False) as d, d.client() as c:
        types = [t["type"] for t in c.request("types")]
        assert "crypto:hash" in types and "debug:echo" not in types
        assert c.submit("debug:echo", 1).error()["code"] == "UNKNOWN_TASK"


def test_workers_inherit_no_descriptors(morod):
    """A worker has its three standard descriptors, one socket, and its own memory's size."""
    with morod() as d:
        for pid in d.worker_pids():
            fds = os.listdir(f"/proc/{pid}/fd")
            names = [os.readlink(f"/proc/{pid}/fd/{f}") for f in fds]
            assert len(names) == 5 and f"/proc/{pid}/statm" in names, names
            assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
            assert os.readlink(f"/proc/{pid}/fd/1").startswith("pipe:")
            assert os.readlink(f"/proc/{pid}/fd/2") == os.readlink(f"/proc/{pid}/fd/1")


def test_log_level(morod):
    """--log-level error keeps warnings out of the log, ready is always said."""
    with morod(log_level="error") as d, d.client() as c:
        c.submit("debug:crash", {"exit": 3}).error()
        d.wait(lambda s: s["workers"] == 1)
        assert "ready" in d.log() and "warning" not in d.log()
    with morod(log_level="warning") as d, d.client() as c:
        c.submit("debug:crash", {"exit": 3}).error()
        d.wait_log("exited with status 3")


def answers(path):
    """Whether somebody listens: the file is there a moment before."""
    try:
        Client(path).close()
        return True
    except (FileNotFoundError, ConnectionRefusedError):
        return False


def test_closed_standard_descriptors(tmp_path):
    """Started with 0, 1 and 2 closed, no socket takes their place; workers have pipes."""
    path = tmp_path / "m.sock"
    p = subprocess.Popen(
        ["/bin/sh", "-c", 'exec "$0" "$@" 0<&- 1>&- 2>&-', MOROD,
         "--socket", str(path), "--workers", "1"],
        start_new_session=True,
    )
    wait_until(lambda: answers(path), "morod on its socket")
    with Client(path) as c:
        wait_until(lambda: c.stats()["workers"] == 1)
    for pid in [p.pid, *children_of(p.pid)]:
        is_worker = title(pid).startswith("morod: worker")
        for fd in "012":
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
            pipe = is_worker and fd != "0"
            assert link.startswith("pipe:") if pipe else link == "/dev/null"
    p.send_signal(signal.SIGTERM)
    assert p.wait(DEADLINE) == 0


def test_sighup_is_no_reason_to_stop(morod):
    """A terminal that goes away, or a manager that asks to reload, stops nothing."""
    with morod() as d:
        d.process.send_signal(signal.SIGHUP)
        d.wait_log("SIGHUP")
        with d.client() as c:
            assert c.call("debug:echo", 1) == 1
