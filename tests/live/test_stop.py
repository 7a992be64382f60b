"""Stopping: drain, deadline, second signal, shutdown by a client."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import msgpack
import pytest

from harness import DEADLINE, SANITIZED, alive, wait_until


def gone(d, pids):
    """Nothing is left: no process, no socket, no lock."""
    wait_until(lambda: not any(alive(p) for p in pids), "all processes gone", 2)
    return not os.path.exists(d.socket) and not os.path.exists(d.socket + ".lock")


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_idle_stop(morod, sig):
    """SIGTERM and SIGINT end an idle server at once, status 0, nothing left behind."""
    with morod(workers=2) as d:
        pids = d.pids()
        assert d.stop(sig) == 0
        assert gone(d, pids)


def test_drain(morod):
    """What is accepted is finished, what comes is refused, then exit 0."""
    with morod(workers=1) as d, d.client() as c:
        running = c.submit("debug:sleep", {"ms": 300})
        queued = [c.submit("debug:echo", i) for i in range(5)]
        d.wait(lambda s: s["activeTasks"] == 1)
        pids = d.pids()
        d.process.send_signal(signal.SIGTERM)
        wait_until(lambda: c.stats()["isShuttingDown"])
        error = c.submit("debug:echo", "late").error()
        assert error["code"] == "SHUTTING_DOWN" and error["retryable"] is True
        running.result()
        assert [p.result() for p in queued] == list(range(5))
        assert d.process.wait(DEADLINE) == 0
        assert gone(d, pids)


def test_drain_waits_until_answers_are_read(morod):
    """What is finished is answered, also to one that takes its time to read."""
    with morod(workers=1) as d, d.client() as c, d.client() as slow:
        call = slow.submit("debug:echo", b"x" * 3_000_000)
        wait_until(lambda: c.stats()["unreadBytes"] > 1_000_000)
        d.process.send_signal(signal.SIGTERM)
        wait_until(lambda: c.stats()["isShuttingDown"])
        for _ in range(20):  # turns in which it could have ended
            assert c.request("ping") == "pong"
        assert call.result() == b"x" * 3_000_000
        assert d.process.wait(DEADLINE) == 0


def test_drain_replaces_crashed_workers(morod):
    """A crash while draining does not strand the tasks that wait."""
    with morod(workers=1) as d, d.client() as c:
        crash = c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        queued = [c.submit("debug:echo", i) for i in range(3)]
        d.wait(lambda s: s["queueSize"] == 3)
        pid = d.worker_pids()[0]
        d.process.send_signal(signal.SIGTERM)
        wait_until(lambda: c.stats()["isShuttingDown"])
        os.kill(pid, signal.SIGKILL)
        assert crash.error()["reason"] == "crashed"
        assert [p.result() for p in queued] == [0, 1, 2]
        assert d.process.wait(DEADLINE) == 0


ON_TERMINAL = """
import os, sys
os.open(sys.argv[1], os.O_RDWR)  # the leader of a session gets it as its terminal
os.execv(sys.argv[2], sys.argv[2:])
"""


def process_stat(pid):
    """(process group, session, terminal) of a process: proc(5)."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[2]), int(fields[3]), int(fields[4])


def test_terminal(morod):
    """
    Ctrl-C is for morod, which finishes what it has: its workers have no terminal and groups of
    their own. They share its session, by which the kernel groups what it schedules.
    """
    try:
        ours, terminal = os.openpty()
    except OSError:
        pytest.skip("there are no pseudo-terminals here")
    try:
        wrap = [sys.executable, "-c", ON_TERMINAL, os.ttyname(terminal)]
        with morod(workers=2, wrap=wrap) as d, d.client() as c:
            assert process_stat(d.process.pid)[2] != 0
            for pid in d.worker_pids():
                assert process_stat(pid) == (pid, d.process.pid, 0)
            running = c.submit("debug:sleep", {"ms": 300})
            wait_until(lambda: c.stats()["activeTasks"] == 1)
            os.write(ours, b"\x03")
            assert running.result() == 300
            assert d.process.wait(DEADLINE) == 0
    finally:
        os.close(ours)
        os.close(terminal)


def test_shutdown_timeout(morod):
    """Tasks that take longer than the timeout are answered and stopped."""
    with morod(workers=1, shutdown_timeout="200ms") as d, d.client() as c:
        running = c.submit("debug:spin", {"ms": 60000})
        queued = c.submit("debug:echo", 1)
        d.wait(lambda s: s["activeTasks"] == 1)
        pids = d.pids()
        start = time.monotonic()
        assert d.stop() == 0
        took = time.monotonic() - start
        assert 0.2 <= took < (5 if SANITIZED else 1.5)
        error = running.error()
        assert error["code"] == "CANCELLED" and error["reason"] == "shutdown"
        assert queued.error()["code"] == "SHUTTING_DOWN"
        assert gone(d, pids)


def test_second_signal_stops_at_once(morod):
    """Who signals twice does not wait for tasks."""
    with morod(workers=1) as d, d.client() as c:
        running = c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        pids = d.pids()
        d.process.send_signal(signal.SIGTERM)
        wait_until(lambda: c.stats()["isShuttingDown"])
        start = time.monotonic()
        assert d.stop() == 0
        assert time.monotonic() - start < (5 if SANITIZED else 1)
        assert running.error()["code"] == "CANCELLED"
        assert gone(d, pids)


def test_shutdown_by_a_client(morod):
    """Method shutdown does what SIGTERM does."""
    with morod(workers=1) as d, d.client() as c:
        running = c.submit("debug:sleep", {"ms": 200})
        d.wait(lambda s: s["activeTasks"] == 1)
        pids = d.pids()
        assert c.request("shutdown") is True
        assert c.submit("debug:echo", 1).error()["code"] == "SHUTTING_DOWN"
        running.result()
        assert d.process.wait(DEADLINE) == 0
        assert gone(d, pids)


def test_shutdown_is_for_admins(morod):
    """Somebody else than root and the server's user may not stop it."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    with morod(workers=1) as d:
        os.chmod(d.folder.name, 0o755)
        os.chmod(d.socket, 0o666)
        code = (
            "import socket; s = socket.socket(socket.AF_UNIX);"
            f"s.connect({d.socket!r}); s.sendall(b'\\x94\\x00\\x01\\xa8shutdown\\x90');"
            "print(s.recv(1000))"
        )
        done = subprocess.run(
            ["/usr/bin/python3", "-c", code], capture_output=True, text=True,
            user=65534, timeout=DEADLINE,
        )
        assert "PERMISSION_DENIED" in done.stdout, done.stderr
        assert d.stats()["isShuttingDown"] is False


def test_fire_and_forget_is_finished_too(morod, tmp_path):
    """Tasks that nobody waits for are accepted tasks: the drain does them."""
    with morod(workers=1) as d:
        with d.client() as c:
            c.notify("debug:sleep", {"ms": 150})
            c.notify("debug:sleep", {"ms": 150})
            c.request("ping")
        start = time.monotonic()
        assert d.stop() == 0
        assert time.monotonic() - start > 0.2


def test_start_again_at_once(morod, tmp_path):
    """The same socket serves again as soon as the server before is gone."""
    path = str(tmp_path / "again.sock")
    for _ in range(4):
        with morod(workers=1, path=path) as d:
            with d.client() as c:
                assert c.call("debug:echo", 1) == 1
            assert d.stop() == 0



class Sender(threading.Thread):
    """Sends requests until the server takes no more, and reads all answers."""

    def __init__(self, path):
        super().__init__()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.sock.settimeout(DEADLINE)
        self.sent = 0
        self.answers = {}
        self.end = None

    def run(self):
        reader = threading.Thread(target=self.read)
        reader.start()
        try:
            while True:
                self.sock.sendall(msgpack.packb([0, self.sent, "debug:echo", [self.sent]]))
                self.sent += 1
        except BrokenPipeError:
            pass
        reader.join()

    def read(self):
        unpacker = msgpack.Unpacker()
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    self.end = "closed"
                    return
                unpacker.feed(data)
                for _, msgid, error, result in unpacker:
                    assert msgid not in self.answers
                    self.answers[msgid] = error or result
        except OSError as e:
            self.end = e


@pytest.mark.parametrize("turn", range(6))
def test_what_is_sent_before_the_end_is_answered(morod, turn):
    """Requests that morod has not read when all is finished are refused, not lost."""
    with morod(workers=2) as d:
        senders = [Sender(d.socket) for _ in range(3)]
        for s in senders:
            s.start()
        wait_until(lambda: all(len(s.answers) > 50 for s in senders), "some answers")
        d.process.send_signal(signal.SIGTERM)
        for s in senders:
            s.join(DEADLINE)
            s.sock.close()
            assert s.end == "closed"
            assert sorted(s.answers) == list(range(s.sent))
            for n, answer in s.answers.items():
                assert answer == n or answer.startswith(("SHUTTING_DOWN", "QUEUE_FULL")), answer
        assert d.process.wait(DEADLINE) == 0
