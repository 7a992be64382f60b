"""
Honest clients, in a process of their own: python3 honest.py SOCKET SEED [wild]. One sends
small requests at a steady pace and measures their answers; others keep a number of
tasks outstanding. Wild ones are refused, time out and fail now and then, cancel what
they have asked for, and pass files. All count: each request that a living connection
has sent is to be answered exactly once. A line on stdin is a command, its answer a line of JSON:

  count   what happened since the last count, and what is in flight
  settle  sends no more until everything is answered, or 10 s; then as count
  go      sends again
"""

import collections
import hashlib
import json
import os
import random
import select
import socket
import struct
import sys
import time

import msgpack

PACE = 0.004  # seconds between two requests of the steady client
WINDOW = 12  # tasks that each of the others has outstanding
WINDOWS = 2
SETTLE = 10
RECONNECT = 0.01
WILD = 0.02
CANCEL = 0.002  # of a turn's clients take back what they asked for last
FILE = bytes(range(256)) * 300
HASHED = hashlib.sha256(FILE).hexdigest()
WHOLE = msgpack.ExtType(77, struct.pack(">BBQQ", 1, 0, 0, len(FILE)))
COUNTS = ("sent", "answers", "lost", "duplicated", "wrong", "cut", "cutFiles", "cancelled")


def file_of_bytes():
    fd = os.memfd_create("honest")
    os.write(fd, FILE)
    return fd


def kinds(rng, n, wild):
    """A task, its data, its options and its result; None: any answer will do."""
    ms = rng.randint(0, 3)
    if wild and rng.random() < WILD:
        return rng.choice((
            ("debug:sleep", {"ms": 100}, {"timeout": 2}, None),
            ("debug:echo", list(range(20)), {"batch": True}, None),
            ("debug:work", {"ms": 50}, {"runTimeout": 10, "cancelGrace": 5}, None),
            ("debug:work", {"steps": 1, "fails": 1},
             {"retry": {"max": 1, "on": ["error"], "backoffMs": 5}}, None),
            ("debug:echo", "x" * 300_000, {}, "x" * 300_000),
            ("no:such", 1, {}, None),
            ("debug:echo", 1, {"unheardOf": 1}, None),
            ("crypto:hash", {"input": WHOLE}, {"fds": 1}, HASHED),
        ))
    return rng.choice((
        ("debug:echo", n, {}, n),
        ("debug:echo", "x" * 3000, {"priority": "high"}, "x" * 3000),
        ("debug:sleep", {"ms": ms}, {}, ms),
        ("debug:spin", {"us": 300}, {"priority": "low"}, 300),
        ("crypto:hash", {"input": str(n)}, {}, None),
        ("debug:work", {"ms": ms, "steps": 3}, {"progress": True}, None),
        ("debug:fail", {}, {}, None),
        ("debug:sleep", {"ms": ms}, {"queueTimeout": 5000, "runTimeout": 5000}, ms),
    ))


class Connection:
    """One client: it comes back when its connection ends, and counts what that cut off."""

    def __init__(self, path, tally, priority=None):
        self.path = path
        self.tally = tally
        self.priority = priority
        self.pending = {}
        self.sock = None
        self.out = collections.deque()  # [bytes, descriptors that come with the first]
        self.file = None
        self.next_id = 1
        self.retry_at = 0

    def connect(self, now):
        if now < self.retry_at:
            return
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        try:
            sock.connect(self.path)
        except OSError:
            sock.close()
            self.retry_at = now + RECONNECT
            return
        self.sock = sock
        self.unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 28)
        self.out.clear()
        self.write([0, 0, "hello", [{"errors": "map", "features": ["fd"]}]])

    def write(self, message, fds=()):
        data = msgpack.packb(message)
        if self.out and not fds:
            self.out[-1][0] += data
        else:
            self.out.append([data, fds])

    def lose(self, now):
        """The connection has ended: what it had asked for is not lost, but cut off."""
        self.tally["cut"] += len(self.pending)
        if any(wanted == HASHED for wanted, _ in self.pending.values()):
            self.tally["cutFiles"] += len(self.pending)
        self.pending.clear()
        self.sock.close()
        self.sock = None
        self.retry_at = now + RECONNECT

    def ask(self, task, data, options, wanted, at):
        if self.priority:
            options = {**options, "priority": self.priority}
        params = [data, options] if options else [data]
        if self.file is None and "fds" in options:
            self.file = file_of_bytes()
        self.write([0, self.next_id, task, params], (self.file,) * options.get("fds", 0))
        self.pending[self.next_id] = wanted, at
        self.next_id += 1
        self.tally["sent"] += 1

    def cancel(self):
        """Takes back what was asked for last: it may be done by now, or be stopped."""
        self.write([2, "cancel", [{"msgid": self.next_id - 1}]])
        self.tally["cancelled"] += 1

    def send(self, now):
        try:
            while self.out:
                data, fds = self.out[0]
                n = socket.send_fds(self.sock, [data], fds) if fds else self.sock.send(data)
                if n < len(data):
                    self.out[0] = [data[n:], ()]
                else:
                    self.out.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self.lose(now)

    def receive(self, now):
        try:
            data = self.sock.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.lose(now)
            return
        self.unpacker.feed(data)
        for message in self.unpacker:
            if message[0] == 1 and message[1] != 0:
                self.take(message, now)

    def take(self, message, now):
        _, msgid, error, result = message
        if msgid not in self.pending:
            self.tally["duplicated"] += 1
            return
        wanted, at = self.pending.pop(msgid)
        self.tally["answers"] += 1
        self.tally["last"] = now
        if error is not None:
            reason = error.get("reason") or error["code"] if isinstance(error, dict) else str(error)
            self.tally["errors"][reason] = self.tally["errors"].get(reason, 0) + 1
        elif wanted is not None and result != wanted:
            self.tally["wrong"] += 1
        if at is not None:
            self.tally["times"].append(now - at)


def part(times, share):
    """What so large a share of sorted times is not over, in ms."""
    return times[int(share * (len(times) - 1))] * 1000 if times else 0


def fresh():
    return {**dict.fromkeys(COUNTS, 0), "errors": {}, "times": [], "late": []}


class Honest:
    """All of them, in one loop."""

    def __init__(self, path, seed, wild):
        self.rng = random.Random(seed)
        self.wild = wild
        self.tally = fresh()
        self.steady = Connection(path, self.tally, "high")
        self.others = [Connection(path, self.tally) for _ in range(WINDOWS)]
        self.all = [self.steady, *self.others]
        self.n = 0
        self.next_at = time.monotonic()
        self.settling = None  # until when
        self.stopped = False
        self.commands = b""

    def in_flight(self):
        return sum(len(c.pending) for c in self.all)

    def report(self):
        """What happened since the last report."""
        t = self.tally
        times = sorted(t["times"])
        said = {k: t[k] for k in COUNTS}
        said["errors"] = dict(t["errors"])
        said["inFlight"] = self.in_flight()
        said["connected"] = sum(c.sock is not None for c in self.all)
        said["samples"] = len(times)
        said["p50"], said["p99"] = part(times, 0.5), part(times, 0.99)
        said["lateP99"] = part(sorted(t["late"]), 0.99)
        t.update(fresh())
        print(json.dumps(said), flush=True)

    def ask(self, now):
        """New requests, as many as are due."""
        if self.next_at < now - 1:
            self.next_at = now  # nobody was there to ask
        while self.next_at <= now:
            if self.steady.sock is not None:
                self.tally["late"].append(now - self.next_at)
                self.steady.ask("debug:echo", self.n, {}, self.n, self.next_at)
                self.n += 1
            self.next_at += PACE
        for c in self.others:
            while c.sock is not None and len(c.pending) < WINDOW:
                c.ask(*kinds(self.rng, self.n, self.wild), None)
                self.n += 1
            if c.pending and self.wild and self.rng.random() < CANCEL:
                c.cancel()

    def command(self, word):
        if word == "settle":
            self.stopped = True
            self.settling = time.monotonic() + SETTLE
            return
        if word == "go":
            self.stopped = False
            self.next_at = time.monotonic()
        self.report()

    def settle(self, now):
        """Everything is answered, or is taken for lost."""
        if self.in_flight() and now < self.settling:
            return
        self.settling = None
        for c in self.all:
            self.tally["lost"] += len(c.pending)
            c.pending.clear()
        self.report()

    def turn(self):
        now = time.monotonic()
        for c in self.all:
            if c.sock is None:
                c.connect(now)
        if not self.stopped:
            self.ask(now)
        for c in self.all:
            if c.sock is not None and c.out:
                c.send(now)
        if self.settling is not None:
            self.settle(now)
        poll = select.poll()
        poll.register(0, select.POLLIN)
        by_fd = {c.sock.fileno(): c for c in self.all if c.sock is not None}
        for fd, c in by_fd.items():
            poll.register(fd, select.POLLIN | (select.POLLOUT if c.out else 0))
        wait = 5 if self.stopped else max(0, self.next_at - time.monotonic()) * 1000
        return self.handle(poll.poll(wait), by_fd)

    def handle(self, events, by_fd):
        """False: whoever started us has gone."""
        now = time.monotonic()
        for fd, what in events:
            if fd == 0:
                if not self.read_commands():
                    return False
            elif what & ~select.POLLOUT:
                by_fd[fd].receive(now)
        return True

    def read_commands(self):
        data = os.read(0, 4096)
        *lines, self.commands = (self.commands + data).split(b"\n")
        for line in lines:
            self.command(line.decode())
        return bool(data)


if __name__ == "__main__":
    honest = Honest(sys.argv[1], int(sys.argv[2]), "wild" in sys.argv[3:])
    while honest.turn():
        pass
