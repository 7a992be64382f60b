"""
What a task costs, in counts that a busy machine does not change: system calls,
the dispatcher's instructions and its allocations.
"""

import collections
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import msgpack
import pytest

from faults import Cannot, memory
from faults_clients import many_descriptors
from harness import DEADLINE, SANITIZED, wait_until
from test_libmoro import PROGRAMS, compile_program

pytestmark = pytest.mark.skipif(SANITIZED, reason="the release build counts")

WINDOW = 256  # tasks outstanding
DATA = "x" * 64
WARM = 100 * WINDOW  # until the type is known to be short
SYSCALLS = 120  # for 1,000 tasks, the client's among them
INSTRUCTIONS = 1500  # of the dispatcher, for a task
ALLOCATIONS = 0.05  # of the dispatcher, for a task
CLIENTS = 8000
SPARE = 2000  # descriptors that morod keeps for other things than clients
CLIENT_BYTES = 1024  # of the dispatcher, for an idle one, with what libraries have for it
# Under valgrind a task takes some fifty times as long, so batches must too; and
# none is to be taken back because of that, which would be counted as well.
CALLGRIND_PREFETCH_US = 1_000_000
# The dispatcher writes its profile as it ends, which may take a while beside
# other tests: it must not be taken for one that hangs.
CALLGRIND_GRACE = "30s"


class Pipeline:
    """A client with few system calls: it sends a window, and reads its answers."""

    def __init__(self, path):
        ids = range(WINDOW)
        self.requests = b"".join(msgpack.packb([0, i, "debug:echo", [DATA]]) for i in ids)
        self.answers = [[1, i, None, DATA] for i in ids]
        self.size = sum(len(msgpack.packb(a)) for a in self.answers)
        self.calls = 0  # system calls
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def run(self, tasks):
        for _ in range(tasks // WINDOW):
            self.sock.sendall(self.requests)
            self.calls += 1
            self.read()

    def read(self):
        unpacker = msgpack.Unpacker()
        left = self.size
        while left > 0:
            data = self.sock.recv(left)
            assert data, "the server closed the connection"
            self.calls += 1
            left -= len(data)
            unpacker.feed(data)
        answers = sorted(unpacker, key=lambda a: a[1])
        assert answers == self.answers, [a for a in answers if a not in self.answers]


class Strace:
    """Watches the system calls of processes while it is open."""

    def __init__(self, pids, out, options):
        words = [w for pid in pids for w in ("-p", str(pid))]
        self.pids = pids
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", out] + options + words,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )

    def traces(self, pid):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return re.search(r"^TracerPid:\t(\d+)", status, re.M)[1] != "0"

    def __enter__(self):
        wait_until(lambda: self.process.poll() is not None
                   or all(self.traces(pid) for pid in self.pids), "strace")
        if self.process.poll() is not None:
            pytest.skip(f"strace cannot be used: {self.process.stderr.read()}")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=DEADLINE)


def strace_total(path):
    """The calls that strace -c counted."""
    last = path.read_text().splitlines()[-1].split()
    assert last[-1] == "total", last
    return int(last[3])


def test_system_calls(morod, tmp_path):
    """Under pipelining a system call serves many tasks."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    tasks = 200 * WINDOW
    with morod(workers=2) as d, Pipeline(d.socket) as client:
        client.run(WARM)
        client.calls = 0
        pids = [d.dispatcher_pid()] + d.worker_pids()
        with Strace(pids, tmp_path / "strace", ["-c"]):
            client.run(tasks)
        calls = (strace_total(tmp_path / "strace") + client.calls) * 1000 / tasks
        print(f"{calls:.1f} system calls per 1,000 tasks, "
              f"{client.calls * 1000 / tasks:.1f} of them the client's")
        assert calls <= SYSCALLS, (tmp_path / "strace").read_text()


TURN_BYTES = {"recv": 256 << 10, "send": 512 << 10}  # of one socket
LARGE = 64 << 20


def turns(trace):
    """What each socket took in and gave out between two waits of a process, by its strace."""
    moved = []
    for line in trace.splitlines():
        call = re.match(r"(?:\d+ +)?(\w+)\((\d+),.*\) += (\d+)", line)
        if call and call[1] == "epoll_wait":
            moved.append(collections.Counter())
        elif call and moved:
            moved[-1][call[2], call[1][:4]] += int(call[3])
    return moved


def test_large_message_in_turns(morod, tmp_path):
    """
    A message of 64 MiB passes in small parts, between which the dispatcher looks at others. (How
    long those wait besides is for the kernel to say: nobody can be sure of a CPU in time.)
    """
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    request = msgpack.packb([0, 1, "debug:echo", [bytes(LARGE)]])
    with morod(workers=1, max_frame=LARGE + 1000) as d, d.client(hello=False) as c:
        calls = "trace=epoll_wait,recvfrom,recvmsg,sendto,sendmsg"
        with Strace([d.dispatcher_pid()], tmp_path / "strace", ["-e", calls]):
            c.sock.sendall(request)
            left = LARGE
            while left > 0:
                left -= len(c.sock.recv(left))
        moved = turns((tmp_path / "strace").read_text())
    assert sum(sum(m.values()) for m in moved) > 3 * LARGE  # in and out, twice each
    for way, limit in TURN_BYTES.items():
        most = max(n for m in moved for (_, w), n in m.items() if w == way)
        print(f"{way}: at most {most} bytes of a socket in a turn")
        assert LARGE / len(moved) < most <= limit


class Profile:
    """A file of callgrind's: what one process did."""

    def __init__(self, path):
        text = path.read_text()
        self.instructions = int(re.search(r"^(?:totals|summary): (\d+)", text, re.M)[1])
        self.functions = set()  # that ran
        self.calls = {}  # how often each was called
        names, called = {}, None
        for line in text.splitlines():
            m = re.match(r"(c?)fn=\((\d+)\)(?: (.*))?$", line)
            if m:
                if m[3]:
                    names[m[2]] = m[3].partition("'")[0]
                if m[1]:
                    called = names[m[2]]
                else:
                    self.functions.add(names[m[2]])
            elif line.startswith("calls="):
                n = int(line[len("calls="):].split()[0])
                self.calls[called] = self.calls.get(called, 0) + n

    def allocations(self):
        return sum(self.calls.get(f, 0) for f in ("malloc", "calloc", "realloc"))


@pytest.fixture(scope="module")
def valgrind(tmp_path_factory):
    """Words to run morod by; the folder that the profiles are to be in comes behind."""
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    words = ["valgrind", "-q", "--tool=callgrind"]
    probe = subprocess.run(
        words + ["--callgrind-out-file=/dev/null", "true"],
        capture_output=True, text=True, timeout=DEADLINE,
    )
    if probe.returncode != 0:
        pytest.skip(f"valgrind cannot be used: {probe.stderr}")
    shim = compile_program(
        tmp_path_factory.mktemp("pidfd") / "pidfd.so", PROGRAMS / "pidfd.c",
        flags=["-D_GNU_SOURCE", "-shared", "-fPIC"], libs=["-ldl"],
    )
    return words, {**os.environ, "LD_PRELOAD": str(shim)}


def profile(morod, valgrind, folder, tasks):
    """What the dispatcher does from its start to its end, with so many tasks between."""
    words, env = valgrind
    folder.mkdir()
    wrap = words + [f"--callgrind-out-file={folder}/%p"]
    # valgrind makes system calls of its own, which the sandbox would refuse
    with morod(workers=2, wrap=wrap, env=env, prefetch_us=CALLGRIND_PREFETCH_US,
               cancel_grace=CALLGRIND_GRACE, args=["--sandbox=no"]) as d:
        with Pipeline(d.socket) as client:
            client.run(tasks)
        assert d.stop() == 0
    profiles = [Profile(p) for p in folder.iterdir()]
    dispatcher, = [p for p in profiles if "epoll_wait" in p.functions]
    return dispatcher


def test_dispatcher_work(morod, valgrind, tmp_path):
    """A task costs the dispatcher few instructions, and no allocation."""
    few, many = 40 * WINDOW, 200 * WINDOW
    short = profile(morod, valgrind, tmp_path / "short", few)
    long = profile(morod, valgrind, tmp_path / "long", many)
    tasks = many - few
    assert short.allocations() > 0, "allocations are not seen"
    instructions = (long.instructions - short.instructions) / tasks
    allocations = (long.allocations() - short.allocations()) / tasks
    print(f"{instructions:.0f} instructions, {allocations:.4f} allocations per task")
    assert instructions <= INSTRUCTIONS
    assert allocations < ALLOCATIONS


def test_memory_of_an_idle_client(morod):
    """What it costs the dispatcher that it is there, and says nothing."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(many_descriptors(CLIENTS + SPARE))
        except Cannot as e:
            pytest.skip(str(e))
        d = stack.enter_context(morod(max_clients=CLIENTS + 100))
        with d.client() as c:
            c.call("debug:echo", 1)
            before = memory(d.dispatcher_pid())
            for _ in range(CLIENTS):
                s = stack.enter_context(socket.socket(socket.AF_UNIX))
                s.connect(d.socket)
            with d.client() as last:
                assert last.request("ping") == "pong"  # those before it are accepted
            each = (memory(d.dispatcher_pid()) - before) / CLIENTS
    print(f"{each:.0f} bytes for a client")
    assert 500 < each <= CLIENT_BYTES


def faults(pid):
    """Minor page faults of a process so far."""
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


def test_memory_stays_for_the_next_task(morod):
    """Tasks with many values do not fetch their memory page by page, each anew."""
    events = [{"state": f"s{i % 50}", "value": i} for i in range(30_000)]
    data = {"events": events, "groupBy": "state", "metrics": ["sum:value"]}
    tasks = 10
    with morod(workers=1, prefetch_us=0) as d, d.client() as c:
        pid, = d.worker_pids()
        for _ in range(3):
            c.call("analytics:process", data)
        before = faults(pid)
        for _ in range(tasks):
            c.call("analytics:process", data)
        each = (faults(pid) - before) / tasks
        print(f"{each:.1f} page faults per task")
        assert each < 100


def test_memory_that_stays_is_in_nobodys_way(morod):
    """A task that maps its memory itself finds it, under a limit too."""
    events = [{"state": f"s{i % 50}", "value": i} for i in range(30_000)]
    data = {"events": events, "groupBy": "state", "metrics": ["sum:value"]}
    with morod(workers=1, worker_memory="72M") as d, d.client() as c:
        for _ in range(3):
            c.call("analytics:process", data)
            assert c.call("password:hash", {"password": "p"}).startswith("$argon2id$")


def test_memory_is_given_back_at_rest(morod):
    """What a large task took goes back once the worker has rested."""
    def resident(pid):
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096

    with morod(workers=1) as d, d.client() as c:
        pid, = d.worker_pids()
        c.call("debug:echo", 1)
        before = resident(pid)
        c.call("debug:echo", [{"a": i} for i in range(200_000)])
        assert resident(pid) > before + (8 << 20)
        wait_until(lambda: resident(pid) < before + (4 << 20), "the memory to be given back")
