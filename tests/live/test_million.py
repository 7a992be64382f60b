"""
Many mixed tasks from clients of all kinds, while workers are killed: nothing
is lost, doubled or run twice. MORO_SOAK_TASKS says how many: here it is a few.
"""

import hashlib
import os
import random
import select
import signal
import socket
import struct
import time

import msgpack
import pytest

from harness import SANITIZED, children_of, title

TASKS = int(os.environ.get("MORO_SOAK_TASKS", 20000 if SANITIZED else 60000))
SEED = int(os.environ.get("MORO_SOAK_SEED", 0)) or random.SystemRandom().getrandbits(32)
KILLS = max(10, TASKS // 10000)
VANISHING = max(10, TASKS // 10000)
CLIENTS = 4
WINDOWS = (1, 20, 256, 1000)  # tasks that a client has outstanding
WORKERS = 4
SECONDS = 40 + TASKS / (200 if SANITIZED else 4000)  # may take no longer
PRIORITIES = ("high", "normal", "low")
TEXTS = [("x" * n) for n in (0, 10, 64, 300, 2000, 5000)]
HASHES = [hashlib.sha256(t.encode()).hexdigest() for t in TEXTS]
SECRET = "a secret of more than thirty-two characters"
ANY = object()  # a result that is not looked at


def tally(rng, n):
    return "debug:tally", {"n": n}, {}, n


def hasty_tally(rng, n):
    return "debug:tally", {"n": n}, {"timeout": rng.randint(1, 30)}, n


def echo(rng, n):
    text = rng.choice(TEXTS)
    return "debug:echo", text, {}, text


def digest(rng, n):
    i = rng.randrange(len(TEXTS))
    return "crypto:hash", {"input": TEXTS[i]}, {}, HASHES[i]


def sign(rng, n):
    data = {"payload": {"n": n}, "secret": SECRET}
    return "jwt:sign", data, {}, ANY


def pause(rng, n):
    ms = rng.randint(0, 3)
    return rng.choice(("debug:sleep", "debug:spin")), {"ms": ms}, {}, ms


def stuck(rng, n):
    options = {rng.choice(("timeout", "runTimeout")): rng.randint(1, 20)}
    return rng.choice(("debug:sleep", "debug:spin")), {"ms": 60000}, options, None


def impatient(rng, n):
    return "debug:tally", {"n": n}, {"queueTimeout": rng.randint(1, 10)}, n


def fails(rng, n):
    return "debug:fail", {}, {}, None


def refused(rng, n):
    return "debug:echo", n, {"unheardOf": 1}, None


# What is asked for, how often in ten thousand, and the errors it may have.
KINDS = [
    (tally, 8200, {"crashed"}),
    (hasty_tally, 200, {"crashed", "run", "queue"}),
    (impatient, 100, {"crashed", "queue"}),
    (echo, 1000, {"crashed"}),
    (digest, 300, {"crashed"}),
    (sign, 70, {"crashed"}),
    (pause, 80, {"crashed"}),
    (stuck, 15, {"crashed", "run", "queue"}),
    (fails, 20, {"crashed", "failed"}),
    (refused, 15, {"INVALID_OPTION"}),
]
MAKERS = [k[0] for k in KINDS]
WEIGHTS = [k[1] for k in KINDS]
ERRORS = dict((k[0], k[2]) for k in KINDS)
TALLIES = (tally, hasty_tally, impatient)


class Load:
    """What all clients have in common: the numbers, and what came of them."""

    def __init__(self, rng):
        self.rng = rng
        self.made = 0
        self.answered = 0
        self.crashed = 0
        self.begun = []  # tally numbers that must have been begun
        self.never = []  # and those that must not

    def make(self):
        """The next task: (its maker, number, what it must give, type, params)."""
        n = self.made
        self.made += 1
        rng = self.rng
        maker = rng.choices(MAKERS, WEIGHTS)[0]
        task, data, options, wanted = maker(rng, n)
        priority = rng.choice(PRIORITIES)
        if priority != "normal" or options:
            return maker, n, wanted, task, [data, {**options, "priority": priority}]
        return maker, n, wanted, task, [data]

    def judge(self, task, error, result):
        """Checks an answer against what was asked for."""
        maker, n, wanted = task
        self.answered += 1
        if error is None:
            assert wanted is ANY or result == wanted, (maker.__name__, result)
            if maker in TALLIES:
                self.begun.append(n)
            return
        kind = error["reason"] if error.get("reason") else error["code"]
        assert kind in ERRORS[maker], (maker.__name__, error)
        if kind == "crashed":
            self.crashed += 1
            assert error["signal"] == "SIGKILL", error
        if kind == "queue" and maker in TALLIES:
            self.never.append(n)


class Caller:
    """A client that keeps a number of tasks outstanding and never blocks."""

    def __init__(self, path, load, window):
        self.load = load
        self.window = window
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(path))
        self.sock.setblocking(False)
        self.unpacker = msgpack.Unpacker(raw=False)
        self.pending = {}
        self.next_id = 1
        self.out = msgpack.packb([0, 0, "hello", [{"errors": "map"}]])
        self.pending[0] = None

    def fill(self, limit):
        """Adds tasks until the window is full or `limit` were made in all."""
        room = min(self.window - len(self.pending), limit - self.load.made)
        if room <= 0 or room < self.window // 4 and self.pending:
            return
        parts = [self.out]
        for _ in range(room):
            maker, n, wanted, task, params = self.load.make()
            self.pending[self.next_id] = maker, n, wanted
            parts.append(msgpack.packb([0, self.next_id, task, params]))
            self.next_id += 1
        self.out = b"".join(parts)

    def send(self):
        while self.out:
            try:
                self.out = self.out[self.sock.send(self.out):]
            except BlockingIOError:
                return

    def receive(self):
        data = self.sock.recv(1 << 20)
        assert data, "the server closed the connection"
        self.unpacker.feed(data)
        for kind, msgid, error, result in self.unpacker:
            assert kind == 1 and msgid in self.pending, (kind, msgid, error, result)
            task = self.pending.pop(msgid)
            if task is not None:
                self.load.judge(task, error, result)

    def close(self):
        self.sock.close()


class Storm:
    """The whole of it, in one loop."""

    def __init__(self, d, rng):
        self.d = d
        self.rng = rng
        self.load = Load(rng)
        self.vanished = 0  # tasks of those that closed their connection
        self.poll = select.poll()
        self.callers = {}
        for window in WINDOWS[:CLIENTS]:
            self.join(window)
        self.kills = []
        self.next_kill = self.soon(KILLS)
        self.next_vanish = self.soon(VANISHING)

    def soon(self, times):
        """When something that is to happen so often happens next, in tasks."""
        return self.load.made + self.rng.randint(1, 2 * TASKS // times)

    def join(self, window):
        c = Caller(self.d.socket, self.load, window)
        self.callers[c.sock.fileno()] = c
        self.poll.register(c.sock, select.POLLIN)

    def leave(self, c):
        self.vanished += sum(task is not None for task in c.pending.values())
        self.poll.unregister(c.sock)
        del self.callers[c.sock.fileno()]
        c.close()

    def kill(self):
        """Kills a worker, if that leaves another one."""
        pids = [p for p in children_of(self.d.process.pid)
                if title(p).startswith("morod: worker")]
        if len(pids) < 2:
            return
        # Often the oldest: who dies young is not replaced at once.
        pid = self.rng.choice([min(pids), self.rng.choice(pids)])
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # a timeout was quicker
        self.kills.append(pid)

    def trouble(self):
        if self.load.made >= self.next_kill:
            self.kill()
            self.next_kill = self.soon(KILLS)
        if self.load.made >= self.next_vanish:
            c = self.rng.choice(list(self.callers.values()))
            self.leave(c)
            self.join(c.window)
            self.next_vanish = self.soon(VANISHING)

    def turn(self):
        for fd, events in self.poll.poll(1000):
            if events & (select.POLLIN | select.POLLHUP):
                self.callers[fd].receive()
        for fd, c in self.callers.items():
            c.fill(TASKS)
            c.send()
            self.poll.modify(fd, select.POLLIN | (select.POLLOUT if c.out else 0))
        if self.load.made < TASKS:
            self.trouble()

    def run(self):
        end = time.monotonic() + SECONDS
        while self.load.made < TASKS or any(c.pending for c in self.callers.values()):
            assert time.monotonic() < end, self.state()
            self.turn()

    def finish(self):
        """Nobody gets anything that he did not ask for."""
        for c in self.callers.values():
            c.sock.setblocking(True)
            c.sock.settimeout(20)
            c.sock.sendall(msgpack.packb([0, c.next_id, "ping", []]))
            c.pending[c.next_id] = None
            while c.pending:
                c.receive()
            c.close()

    def state(self):
        waiting = [(c.window, len(c.pending), len(c.out)) for c in self.callers.values()]
        return (f"{self.load.made} made, {self.load.answered} answered, "
                f"{self.vanished} vanished, {len(self.kills)} kills, "
                f"{self.load.crashed} crashed; waiting: {waiting}; {self.d.stats()}")


def assert_counters(d, storm):
    """The server's numbers agree with the clients', and nothing is left."""
    s = d.wait(lambda s: s["queueSize"] == 0 and s["activeTasks"] == 0
               and s["queuedBytes"] == 0 and s["workers"] == WORKERS)
    ends = ("completed", "failed", "timedOut", "cancelled", "refused")
    assert s["submitted"] == sum(s[k] for k in ends), s
    load = storm.load
    assert load.made == load.answered + storm.vanished
    assert load.answered <= s["submitted"] <= load.made
    assert s["cancelled"] <= storm.vanished
    assert load.crashed <= s["crashed"] <= len(storm.kills)
    return s


def assert_begun_once(path, load):
    """What debug:tally noted down: each number once at most, and the right ones."""
    times = bytearray(load.made)
    for (n,) in struct.iter_unpack("<I", path.read_bytes()):
        times[n] += 1
    twice = [n for n in range(load.made) if times[n] > 1]
    assert twice == [], "begun twice"
    assert [n for n in load.begun if not times[n]] == [], "a result of what never ran"
    assert [n for n in load.never if times[n]] == [], "it ran, and was said to wait"


@pytest.mark.parametrize("prefetch_us", [None, 0], ids=["batches", "strict"])
def test_storm(morod, prefetch_us, tmp_path):
    """Each request is answered exactly once, whatever dies or goes away around it."""
    print(f"MORO_SOAK_SEED={SEED} MORO_SOAK_TASKS={TASKS}")
    path = tmp_path / "tally"
    path.touch()
    start = time.monotonic()
    with morod(workers=WORKERS, prefetch_us=prefetch_us, max_queue_size=10000,
               sandbox="no", env={**os.environ, "MORO_DEBUG_TALLY": str(path)}) as d:
        storm = Storm(d, random.Random(SEED))
        storm.run()
        took = time.monotonic() - start
        storm.finish()
        s = assert_counters(d, storm)
        assert_begun_once(path, storm.load)
        assert d.stop() == 0
    assert storm.kills and storm.vanished > 0
    print(f"{storm.load.answered} answers in {took:.1f} s, {storm.vanished} vanished "
          f"({s['cancelled']} cancelled), {len(storm.kills)} kills, {s['crashed']} crashed, "
          f"{s['timedOut']} timed out, {s['refused']} refused, "
          f"{len(storm.load.never)} never begun")
