"""The bar that moroctl draws on a terminal, read from that terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from harness import BUILD, DEADLINE
from scripted import Scripted

ERASE = "\r\x1b[K"


class Terminal:
    """A pseudo-terminal of so many columns; `text` is all that came."""

    def __init__(self, columns=80):
        try:
            self.main, self.side = pty.openpty()
        except OSError:
            pytest.skip("there are no pseudo-terminals here")
        self.text = ""
        self.resize(columns)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.main)
        os.close(self.side)

    def resize(self, columns):
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def look(self, seconds=0.01):
        """Takes what has come."""
        if select.select([self.main], [], [], seconds)[0]:
            self.text += os.read(self.main, 65536).decode()
        return self.text

    def wait(self, pattern, meanwhile=lambda: None):
        """Reads until the pattern is found."""
        end = time.monotonic() + DEADLINE
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < end, (pattern, self.text)
            meanwhile()
            self.look()
        return found

    def wait_erased(self):
        """Reads until the line is erased, and nothing follows."""
        self.wait(re.escape(ERASE) + r"\Z")

    def lines(self):
        """What was drawn, one line after the other."""
        return self.text.split(ERASE)


def start(server, terminal, *args, **kwargs):
    return subprocess.Popen(
        [BUILD / "tools" / "moroctl", "--socket", server.socket, *args],
        **{
            "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
            "stderr": terminal.side if terminal else subprocess.PIPE,
            "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **kwargs,
        },
    )


def test_bar():
    """Progress is asked for, drawn as it comes, and erased at the end."""
    with Terminal() as t, Scripted() as s:
        p = start(s, t, "run", "debug:sleep")
        task, params = s.expect("debug:sleep")
        assert params[1] == {"progress": True}
        s.progress(task, done=1, total=4, note="first")
        t.wait(r" 25% \[#+-+\] 1/4 first")
        s.progress(task, done=2.0, total=4)
        t.wait(r" 50% \[#+-+\] 2/4")
        s.progress(99, done=3, total=4)  # somebody else's
        s.progress(task, done=4, total=4, note="l\u00e4st")
        t.wait(r"100% \[#+\] 4/4 .*l\u00e4st")
        s.answer(task, "done")
        out, _ = p.communicate(timeout=DEADLINE)
        assert (p.returncode, out) == (0, b'"done"\n')
        t.wait_erased()
        assert "3/4" not in t.text


def test_bar_of_a_real_task(morod):
    """A task of a real server that reports its steps."""
    with Terminal() as t, morod(workers=1) as d:
        p = start(d, t, "run", "debug:work", '{"ms": 500, "steps": 10}')
        t.wait(r" [1-9]0% \[#+-*\] [1-9]/10 ")
        out, _ = p.communicate(timeout=DEADLINE)
        assert p.returncode == 0 and b'"steps":10' in out
        t.wait_erased()


def test_count():
    """Without a total there is a count."""
    with Terminal() as t, Scripted() as s:
        p = start(s, t, "run", "debug:sleep")
        task, _ = s.expect("debug:sleep")
        s.progress(task, done=17)
        t.wait(r"\x1b\[K17")
        s.answer(task, None)
        p.communicate(timeout=DEADLINE)
        assert "%" not in t.text


def test_resize():
    """A terminal that is made narrower gets shorter lines."""
    with Terminal(80) as t, Scripted() as s:
        p = start(s, t, "run", "debug:sleep")
        task, _ = s.expect("debug:sleep")
        s.progress(task, done=1, total=4, note="x" * 100)
        t.wait(r"x\.\.\.")
        t.resize(30)
        s.progress(task, done=2, total=4, note="x" * 100)
        t.wait(r" 50% [^\r]* left")
        s.answer(task, None)
        p.communicate(timeout=DEADLINE)
        t.wait_erased()
        widths = [len(line) for line in t.lines() if line]
        assert widths[0] == 79 and widths[-1] <= 29


def test_rate():
    """However often news come, it is drawn ten times a second at most."""
    with Terminal() as t, Scripted() as s:
        p = start(s, t, "run", "debug:sleep")
        task, _ = s.expect("debug:sleep")
        begun = time.monotonic()
        for n in range(1000):
            s.progress(task, done=n, total=1000)
        t.wait(r" 999/1000")  # the last one is drawn, though nothing follows
        took = time.monotonic() - begun
        s.answer(task, None)
        p.communicate(timeout=DEADLINE)
        t.wait_erased()
        assert len([line for line in t.lines() if "%" in line]) <= 2 + took / 0.1


def test_quiet_task():
    """A task that reports nothing has nothing drawn."""
    with Terminal() as t, Scripted() as s:
        p = start(s, t, "hash", "x")
        task, _ = s.expect("crypto:hash")
        s.answer(task, "digest")
        p.communicate(timeout=DEADLINE)
        assert t.look() == ""


def test_no_terminal():
    """No terminal: not asked for, nothing drawn; unless --progress wants it."""
    with Scripted() as s:
        p = start(s, None, "run", "debug:sleep")
        task, params = s.expect("debug:sleep")
        assert params[1] == {}
        s.progress(task, done=1, total=4)
        s.answer(task, None)
        assert p.communicate(timeout=DEADLINE) == (b"null\n", b"")
    with Scripted() as s:
        p = start(s, None, "run", "debug:sleep", "--progress")
        task, params = s.expect("debug:sleep")
        assert params[1] == {"progress": True}
        s.progress(task, done=1, total=4)
        s.answer(task, None)
        err = p.communicate(timeout=DEADLINE)[1].decode()
        assert " 25% [" in err and err.endswith(ERASE)


def test_no_progress():
    """--no-progress: nothing on a terminal either."""
    with Terminal() as t, Scripted() as s:
        p = start(s, t, "run", "debug:sleep", "--no-progress")
        task, params = s.expect("debug:sleep")
        assert params[1] == {}
        s.progress(task, done=1, total=4)
        s.answer(task, None)
        p.communicate(timeout=DEADLINE)
        assert t.look() == ""


def test_error_behind_the_bar():
    """An error stands on a line of its own, the bar being gone."""
    with Terminal() as t, Scripted() as s:
        p = start(s, t, "run", "debug:sleep")
        task, _ = s.expect("debug:sleep")
        s.progress(task, done=1, total=4)
        t.wait("25%")
        s.refuse(task, "WORKER_ERROR")
        p.communicate(timeout=DEADLINE)
        t.wait(re.escape(ERASE) + r"moroctl: WORKER_ERROR: because\r\n\Z")


def test_interrupt_on_terminal():
    """Ctrl-C erases the bar, and says that it is cancelling."""
    with Terminal() as t, Scripted() as s:
        p = start(s, t, "run", "debug:sleep")
        task, _ = s.expect("debug:sleep")
        s.progress(task, done=1, total=4)
        t.wait("25%")
        p.send_signal(signal.SIGINT)
        msgid, _ = s.expect("cancel")
        t.wait(re.escape(ERASE) + r"moroctl: CANCELLING: once more[^\n]*\r\n$")
        s.answer(msgid, {"state": "running"})
        s.progress(task, done=2, total=4)  # is late: nothing more is drawn
        s.refuse(task, "CANCELLED", "it was cancelled")
        p.communicate(timeout=DEADLINE)
        assert p.returncode == -signal.SIGINT
        assert t.wait("it was cancelled") and "50%" not in t.text


def test_slow_input():
    """Input that takes a while is counted; Ctrl-C erases the line."""
    with Terminal() as t, Scripted() as s:
        p = start(s, t, "hash", stdin=subprocess.PIPE)

        def feed():
            p.stdin.write(b"x" * 1000)
            p.stdin.flush()

        t.wait(r"\x1b\[K[0-9.]+k? [0-9.]+k?/s", feed)
        p.send_signal(signal.SIGINT)
        p.wait(DEADLINE)
        assert p.returncode == -signal.SIGINT
        t.wait_erased()
        p.stdin.close()


def test_slow_output(tmp_path):
    """So is output, if it does not go to the terminal itself."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    size = 4 << 20
    with Terminal() as t, Scripted() as s:
        p = start(s, t, "run", "debug:echo", "-o", str(fifo))
        task, _ = s.expect("debug:echo")
        s.answer(task, b"x" * size)
        got = 0
        with open(fifo, "rb", buffering=0) as f:

            def drink():
                nonlocal got
                got += len(f.read(1 << 12))

            t.wait(r"[0-9.]+[kM]/4\.0M", drink)
            while data := f.read(1 << 20):
                got += len(data)
        p.communicate(timeout=DEADLINE)
        assert (p.returncode, got) == (0, size)
        t.wait_erased()
