"""
Scaling: a load that comes at its own pace doubles, halves and ends. The pool has
as many workers as it takes, and under each of these loads it comes to rest.
"""

import select
import threading
import time

import msgpack

from scale import FULL

SLEEP_MS = 22  # of a task, which needs a worker and no processor
WORKERS = "1:12"
IDLE = 1.0 if FULL else 0.2  # seconds: --scale-idle
WAIT_MS = 60 if FULL else 40  # --scale-wait
REST = (8 if FULL else 4) * IDLE  # without a change: it stays still
UNREST = 60 if FULL else 20  # seconds: it may take no longer to come to rest
STEADY = 2.2  # tasks at a time, on average
SPARE = 2  # workers more than the load takes


class Load(threading.Thread):
    """Sends tasks at a pace that can be changed; all must succeed."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client = client
        self.period = SLEEP_MS / 1000 / STEADY
        self.stop = threading.Event()
        self.answered = 0
        self.sent = 0
        self.failed = []

    def receive(self):
        self.client.unpacker.feed(self.client.sock.recv(1 << 20))
        for _, _, error, _ in self.client.unpacker:
            self.answered += 1
            if error is not None:
                self.failed.append(error)

    def run(self):
        sock = self.client.sock
        due = time.monotonic()
        while not self.stop.is_set() or self.answered < self.sent:
            now = time.monotonic()
            if now >= due and not self.stop.is_set():
                self.sent += 1
                task = [0, self.sent + 100, "debug:sleep", [{"ms": SLEEP_MS}]]
                sock.sendall(msgpack.packb(task))
                # what was missed while others had the processor is not made up for
                due = max(due + self.period, now)
            wait = max(0, due - time.monotonic()) if not self.stop.is_set() else 1
            if select.select([sock], [], [], wait)[0]:
                self.receive()


def look(admin):
    """The workers that the pool wants, and its steps up and down."""
    p = admin.stats()["pools"][0]
    return p["target"], p["grown"], p["shrunk"]


def wait_for_rest(admin, enough, what):
    """Waits until nothing has changed for REST, and gives the workers."""
    end = time.monotonic() + UNREST
    last, since = look(admin), time.monotonic()
    while time.monotonic() - since < REST or not enough(last[0]):
        now = look(admin)
        if now != last:
            last, since = now, time.monotonic()
        assert time.monotonic() < end, f"{what}: no rest: (target, grown, shrunk) = {last}"
        time.sleep(0.01)
    print(f"{what}: {last[0]} workers (grown {last[1]}, shrunk {last[2]})")
    return last[0]


def test_elastic_pool(morod):
    """The count follows the load, up and down, and stays still in between."""
    with morod(workers=WORKERS, scale_wait=f"{WAIT_MS}ms", scale_idle=f"{IDLE * 1000:.0f}ms",
               prefetch_us=0) as d, d.client() as c, d.client() as admin:
        load = Load(c)
        load.start()
        for what, times in (("load", 1), ("doubled", 2), ("halved", 1)):
            load.period = SLEEP_MS / 1000 / STEADY / times
            least = int(STEADY * times)
            n = wait_for_rest(admin, lambda n: n >= least, what)
            assert n <= STEADY * times + SPARE, f"{what}: {n} workers"
        load.stop.set()
        load.join()
        assert wait_for_rest(admin, lambda n: n == 1, "ended") == 1
        assert load.failed == [] and load.answered == load.sent
