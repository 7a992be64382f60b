"""
Recycling every 100 tasks under load moves the p99 by less than a fifth. Two
servers, one of which recycles, get the same load in turns, so that what else
the machine does hits both alike; medians of the rounds are compared.
"""

import statistics
import time

import msgpack

from scale import FULL

ROUNDS = 40 if FULL else 2
TASKS = 400  # in a round
AT_ONCE = 2  # tasks that are outstanding
WORKERS = 2
RECYCLE = 100
SLEEP_MS = 2
MOST = 1.2  # times the p99 without


class Rounds:
    """One server and its client."""

    def __init__(self, d):
        self.client = d.client()
        self.p99s = []
        self.p50s = []
        self.next_id = 1000

    def send(self, sent):
        self.next_id += 1
        sent[self.next_id] = time.monotonic()
        self.client.send_bytes(
            msgpack.packb([0, self.next_id, "debug:sleep", [{"ms": SLEEP_MS}]]))

    def run(self):
        """Always so many tasks at once; the times they take."""
        c, sent, times = self.client, {}, []
        for _ in range(AT_ONCE):
            self.send(sent)
        while sent:
            c.unpacker.feed(c.sock.recv(1 << 20))
            now = time.monotonic()
            for _, msgid, error, _ in c.unpacker:
                assert error is None, error
                times.append(now - sent.pop(msgid))
                if len(times) + len(sent) < TASKS:
                    self.send(sent)
        times.sort()
        self.p50s.append(times[len(times) // 2])
        self.p99s.append(times[len(times) * 99 // 100])

    def recycled(self):
        return self.client.stats()["pools"][0]["recycled"]


def test_recycling(morod):
    """And no task is lost by it."""
    with morod(workers=WORKERS) as a, morod(workers=WORKERS, recycle_tasks=RECYCLE) as b:
        plain, recycling = Rounds(a), Rounds(b)
        for i in range(ROUNDS):
            for one in (plain, recycling) if i % 2 else (recycling, plain):
                one.run()
        n = recycling.recycled()
        assert plain.recycled() == 0
        assert n >= ROUNDS * TASKS // RECYCLE // 2, n
        was, is_ = (statistics.median(x.p99s) for x in (plain, recycling))
        p50, p50_is = (statistics.median(x.p50s) for x in (plain, recycling))
        print(f"p99 {was * 1e3:.2f} ms, with {n} workers replaced {is_ * 1e3:.2f} ms "
              f"({is_ / was - 1:+.0%}); p50 {p50 * 1e3:.2f} and {p50_is * 1e3:.2f} ms")
        if FULL:
            assert is_ < MOST * was
        plain.client.close()
        recycling.client.close()
