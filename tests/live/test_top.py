"""moroctl top on a real terminal: shown in tmux, read from its screen."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness import BUILD, DEADLINE, Daemon, children_of, wait_until

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")

LONG = {"ms": 60000}


def needs_terminals():
    """Skips where there are none to be had, as in a bare chroot."""
    try:
        ends = os.openpty()
    except OSError:
        pytest.skip("there are no pseudo-terminals here")
    [os.close(fd) for fd in ends]


class Screen:
    """A terminal of 80 by 24 with a shell in it, in a tmux of its own."""

    def __init__(self, socket, width=80, height=24):
        needs_terminals()
        self.folder = tempfile.TemporaryDirectory(prefix="moro-tmux-")
        self.name = os.path.join(self.folder.name, "tmux")
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MORO_", "TMUX"))}
        # curses never frees what it knows of a terminal, and is not ours
        leaks = os.path.join(self.folder.name, "leaks")
        with open(leaks, "w") as f:
            f.write("leak:libtinfo\nleak:libncursesw\n")
        env["LSAN_OPTIONS"] = f"suppressions={leaks}:print_suppressions=0"
        self.env = {**env, "MORO_SOCKET": socket, "PS1": "prompt> ", "LC_ALL": "C.UTF-8",
                    "TERM": "xterm", "PATH": f"{BUILD / 'tools'}:{env['PATH']}"}
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                  "env", "sh", "-i")
        self.wait("prompt>")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # what runs ends before its terminal does: LeakSanitizer's second thread would die of
        # SIGHUP, and the first one wait for it for ever
        with contextlib.suppress(AssertionError):
            self.keys("C-c")
            self.wait(r"prompt>\s*\Z")
        subprocess.run(["tmux", "-S", self.name, "kill-server"], env=self.env,
                       capture_output=True, timeout=DEADLINE)
        self.folder.cleanup()

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-S", self.name, *words], env=self.env,
                              capture_output=True, text=True, timeout=DEADLINE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self):
        return self.tmux("capture-pane", "-p")

    def lines(self):
        return self.text().splitlines()

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def run(self, command):
        self.keys(command, "Enter")

    def wait(self, pattern):
        """Waits until the pattern stands on the screen; gives its match."""
        try:
            return wait_until(lambda: re.search(pattern, self.text(), re.M), repr(pattern))
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.text()}") from None

    def wait_gone(self, pattern):
        wait_until(lambda: not re.search(pattern, self.text(), re.M), f"no {pattern!r}")

    def tasks(self):
        """(msgid, state, type) of the tasks that are shown, from the top."""
        return re.findall(r"^ *\d+ +(\d+) (running|queued|delayed) +(\S+)", self.text(), re.M)


def busy(d, c):
    """Two tasks that run and three that wait; gives those that wait."""
    for i in range(2):
        c.submit("debug:sleep", LONG, id=f"long{i}")
    d.wait(lambda s: s["activeTasks"] == 2)
    waits = [c.submit("debug:echo", "x" * n) for n in (10, 3000, 500)]
    d.wait(lambda s: s["queueSize"] == 3)
    return waits


def test_top(morod):
    """It starts, shows everything, sorts, cancels a task after a question, and quits."""
    with morod(workers=2) as d, d.client() as c, Screen(d.socket) as s:
        small, large, middle = busy(d, c)
        s.run("moroctl top --interval 100ms")
        s.wait(r"^morod [0-9.]+, up \S+, clients 2$")
        s.wait(r"^workers 2, running 2, queued 3 of 1000, ")
        s.wait(r"^pool default up, queued high 0, normal 3, low 0")
        assert len(re.findall(r"busy +debug:sleep", s.text())) == 2
        s.wait(r"^tasks as they run")
        s.wait(r"^q quit +h help")
        order = [int(m) for m, _, _ in s.tasks()]
        assert order[2:] == [small.msgid, large.msgid, middle.msgid]
        assert all(len(line) <= 80 for line in s.lines())
        s.keys("b")
        s.wait(r"^tasks by bytes")
        assert [int(m) for m, _, _ in s.tasks()][:3] == [large.msgid, middle.msgid, small.msgid]
        s.keys("t")
        s.wait(r"^tasks by type")
        assert [t for _, _, t in s.tasks()] == ["debug:echo"] * 3 + ["debug:sleep"] * 2
        s.keys("r")
        s.wait(r"^tasks by running")
        assert [t for _, t, _ in s.tasks()] == ["running"] * 2 + ["queued"] * 3
        # the selected task stays selected, wherever it goes to
        s.keys("b", "Home", "x")
        s.wait(rf"^cancel client \d+, msgid {large.msgid}\? \(y/n\)")
        s.keys("n")
        s.wait(r"^q quit")
        assert large.answer is None
        s.keys("x")
        s.wait(r"^cancel client")
        s.keys("y")
        assert large.error()["reason"] == "admin"
        s.wait(r"^cancelled: client \d+, msgid \d+ was queued")
        s.wait(r"queued 2 of 1000")
        s.keys("h")
        s.wait(r"^moroctl top: keys")
        s.keys("h")
        s.wait(r"^tasks by bytes")
        s.keys("q")
        s.wait(r"^prompt>$")
        # the terminal is as it was: the prompt stands, and what is typed is shown
        s.run("echo back; stty -a | tr ' ' '\\n' | grep -x '[-]*echo;*'")
        s.wait(r"^back$")
        s.wait(r"^echo;?$")
        assert "tasks by bytes" not in s.text()


def test_top_pauses(morod):
    """The key p pauses everything, and resumes it."""
    with morod(workers=1) as d, Screen(d.socket) as s:
        s.run("moroctl top --interval 100ms")
        s.wait(r"^no tasks")
        s.keys("x")
        s.wait(r"^there is no task to cancel")
        s.keys("p")
        s.wait(r"^pause all tasks\? \(y/n\)")
        s.keys("y")
        s.wait(r"^pool default PAUSED,")
        with d.client() as c:
            call = c.submit("debug:echo", 1)
            s.wait(r"queued +debug:echo")
            s.keys("p")
            s.wait(r"^resume all tasks")
            s.keys("y")
            assert call.result() == 1
        s.wait(r"^resumed")
        s.keys("q")


def test_top_resized(morod):
    """It follows the size of its terminal, down to a very small one."""
    with morod(workers=1) as d, d.client() as c, Screen(d.socket) as s:
        for _ in range(30):
            c.submit("debug:sleep", LONG)
        d.wait(lambda s: s["queueSize"] == 29)
        s.run("moroctl top --interval 100ms")
        s.wait(r"^q quit")
        few = len(s.tasks())
        assert 5 < few < 30
        s.keys("End", "x")
        last = s.wait(r"^cancel client \d+, msgid (\d+)\?")[1]
        assert s.tasks()[-1][0] == last  # what is selected is on the screen
        s.keys("n")
        s.tmux("resize-window", "-x", "120", "-y", "60")
        wait_until(lambda: len(s.tasks()) == 30, "all tasks on a large screen")
        for width, height in ((20, 5), (5, 2), (1, 1), (80, 24)):
            s.tmux("resize-window", "-x", str(width), "-y", str(height))
        wait_until(lambda: len(s.tasks()) == few, "as it was")
        s.keys("q")
        s.wait(r"prompt>")


def test_top_survives_a_restart(morod, tmp_path):
    """When the server is gone it says so, and goes on with the next one."""
    path = str(tmp_path / "m.sock")
    with Screen(path) as s:
        with Daemon(path=path, workers=1):
            s.run("moroctl top --interval 100ms")
            s.wait(r"^workers 1, ")
        s.wait(r"^reconnecting: ")
        with Daemon(path=path, workers=3):
            s.wait(r"^workers 3, ")
            s.wait_gone(r"^reconnecting")
            s.keys("q")
            s.wait(r"prompt>")


@pytest.mark.parametrize("keys", [["C-c"], None])
def test_top_is_ended(morod, keys):
    """Ctrl-C and SIGTERM leave the terminal as it was, too."""
    with morod(workers=1) as d, Screen(d.socket) as s:
        s.run("moroctl top")
        s.wait(r"^q quit")
        if keys:
            s.keys(*keys)
        else:
            shell = int(s.tmux("display-message", "-p", "#{pane_pid}"))
            top, = children_of(shell)
            os.kill(top, signal.SIGTERM)
        s.wait(r"^prompt>$")
        s.run("stty -a | tr ' ' '\\n' | grep -x '[-]*echo;*'")
        s.wait(r"^echo;?$")


def ctl(d, *words, **env):
    return subprocess.run(
        [BUILD / "tools" / "moroctl", "top", *words], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=DEADLINE,
        env={**os.environ, "MORO_SOCKET": d.socket if d else "/nonexistent", **env})


def test_top_refuses(morod):
    """Without a terminal, or with options that it does not take, it says why."""
    with morod(workers=1) as d:
        for words, text in (
            ((), "moroctl: USAGE: top needs a terminal; moroctl stats and moroctl ls do not\n"),
            (("--json",), "moroctl: USAGE: top has no --json; stats and ls have\n"),
        ):
            done = ctl(d, *words)
            assert (done.returncode, done.stdout, done.stderr) == (2, "", text)
        with Screen(d.socket) as s:
            s.run("moroctl top --interval 5ms; echo status $?")
            s.wait(r"--interval takes 100ms to 1m, not 5ms")
            s.wait(r"^status 2")
            s.run("clear; TERM=nonsense moroctl top; echo status $?")
            s.wait(r"moroctl: USAGE: top cannot draw")
            s.wait(r"^status 2")
            s.run("clear; MORO_SOCKET=/nonexistent moroctl top; echo status $?")
            s.wait(r"moroctl: NO_SERVER")
            s.wait(r"^status 3")
