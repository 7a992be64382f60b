"""libmoro comes back to a morod that was killed, and counts what that cost."""

import collections
import os
import signal
import subprocess
import sys

import pytest

from harness import BUILD, DEADLINE, ROOT, process_state, wait_until
from test_libmoro import PROGRAMS, compile_program

# Notes each run of a task before it answers.
WORKER = """
import os, socket
import msgpack

sock = socket.socket(fileno=int(os.environ["MORO_FD"]))
noted = os.open(%r, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
unpacker = msgpack.Unpacker()
while True:
    read = sock.recv(65536)
    if not read:
        break
    unpacker.feed(read)
    for message in unpacker:
        if message[0] != 0:
            continue
        result = {"types": ["t:note"]}
        if message[2] != "hello":
            result = message[3][0]
            os.write(noted, b"%%d\\n" %% result)
        sock.sendall(msgpack.packb([1, message[1], None, result]))
"""


@pytest.fixture(scope="module")
def returning(tmp_path_factory):
    return compile_program(
        tmp_path_factory.mktemp("returning") / "returning", PROGRAMS / "returning.c",
        flags=["-I", ROOT / "client"],
        libs=["-L", BUILD / "client", "-lmoro", f"-Wl,-rpath,{BUILD / 'client'}"],
    )


class Place:
    """A morod whose workers note what they run, and can be had again."""

    def __init__(self, morod, folder):
        self.morod = morod
        self.noted = folder / "noted"
        self.noted.touch()
        self.socket = str(folder / "m.sock")
        worker = folder / "worker.py"
        worker.write_text(WORKER % str(self.noted))
        self.conf = folder / "m.conf"
        self.conf.write_text(
            f"[morod]\n[pool py]\ncommand = {sys.executable} {worker}\n"
            "workers = 2\ntypes = t:note\n"
        )

    def start(self):
        return self.morod(config=str(self.conf), path=self.socket)

    def runs(self):
        return [int(line) for line in self.noted.read_text().split()]

    def wait_more(self, n=50):
        """Waits until so many more tasks have run."""
        now = len(self.runs())
        wait_until(lambda: len(self.runs()) >= now + n, f"{n} more tasks run")


@pytest.fixture
def place(morod, tmp_path):
    return Place(morod, tmp_path)


@pytest.fixture
def begin(returning, place):
    """Starts the client, which does not outlive its test."""
    clients = []

    def start():
        clients.append(subprocess.Popen(
            [returning, place.socket], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ))
        return clients[0]

    yield start
    for client in clients:
        client.kill()
        client.communicate()


def finish(client, place):
    """Ends the client. What it says of each task, and how often that has run."""
    out, err = client.communicate(timeout=DEADLINE * 2)
    assert (client.returncode, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert [int(line[0]) for line in lines] == list(range(len(lines)))
    return lines, collections.Counter(place.runs())


def check(client, place):
    """One ending each; what may run twice is done, all else at most once."""
    lines, runs = finish(client, place)
    lost = 0
    for word, endings, code, reason in lines:
        i = int(word)
        assert endings == "1", (i, endings)
        if i % 2 == 0:
            assert (code, runs[i] >= 1) == ("OK", True), (i, code, reason)
            continue
        assert code in ("OK", "LOST"), (i, code, reason)
        assert runs[i] <= 1, (i, code, runs[i])
        if code == "OK" or reason == "unsent":
            assert runs[i] == (code == "OK"), (i, code, reason)
        lost += code == "LOST"
    return lost


def kill_dispatcher(d, client):
    """Kills it while it has not answered what the client has sent. Its pid."""
    pid = d.dispatcher_pid()
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: process_state(pid) == "T", "the dispatcher stopped")
    # it has taken all answers, and sent as many requests as it has at a time
    wait_until(lambda: process_state(client.pid) == "S", "the client waits")
    os.kill(pid, signal.SIGKILL)
    return pid


def test_dispatcher_killed(place, begin):
    """Three dispatchers are killed under load: nothing is lost unsaid, nothing done twice unasked."""
    with place.start() as d:
        client = begin()
        for _ in range(3):
            place.wait_more()
            old = kill_dispatcher(d, client)
            wait_until(lambda: d.dispatcher_pid() != old, "another dispatcher")
        place.wait_more()
        assert check(client, place) > 0


def test_morod_restarted(place, begin):
    """The same of a morod that is killed as a whole, and of one that is not there at first."""
    client = begin()
    with place.start() as d:
        place.wait_more()
        # a dispatcher without its master would still answer what it can
        os.kill(d.process.pid, signal.SIGSTOP)
        kill_dispatcher(d, client)
        d.process.kill()
        d.process.wait()
    with place.start():
        place.wait_more()
        assert check(client, place) > 0


def test_morod_stopped(place, begin):
    """A morod that ends as it should answers what it accepted: SHUTTING_DOWN and nothing lost."""
    with place.start() as d:
        client = begin()
        place.wait_more()
        assert d.stop() == 0
    with place.start():
        place.wait_more()
        lines, runs = finish(client, place)
    for i, (_, endings, code, _) in enumerate(lines):
        assert endings == "1"
        assert code in ("OK", "SHUTTING_DOWN", "LOST"), code
        assert code != "OK" or runs[i] >= 1
        assert i % 2 == 0 or runs[i] <= 1
