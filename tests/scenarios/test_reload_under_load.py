"""
SIGHUP ten times under load: limits change at once, workers are replaced one by
one, wrong files change nothing, and no request fails.
"""

import signal
import threading

from harness import wait_until
from scale import FULL

TIMES = 10 if FULL else 3
CLIENTS = 4
WORKERS = 3
BATCH = 20  # tasks that a client has at once
AT_LEAST = 40  # tasks of each client while one configuration is in force


class Load(threading.Thread):
    """A client that goes on until it is told to stop."""

    def __init__(self, d):
        super().__init__(daemon=True)
        self.client = d.client()
        self.stop = threading.Event()
        self.done = 0
        self.failed = []

    def tasks(self):
        c = self.client
        for i in range(BATCH):
            yield i, c.submit("debug:echo", i)
        yield 3, c.submit("debug:sleep", {"ms": 3})
        yield 200, c.submit("debug:spin", {"us": 200})
        yield None, c.submit("debug:work", {"ms": 5, "steps": 2}, progress=True)

    def run(self):
        while not self.stop.is_set():
            for wanted, task in list(self.tasks()):
                error, result = task.wait()
                if error is not None or wanted not in (None, result):
                    self.failed.append((error, result))
                self.done += 1


def reload_once(d, loads, config, i):
    """One more configuration, with a wrong one before it now and then."""
    if i % 3 == 0:
        config.write_text("[morod]\nmax-queue-size = nonsense\n")
        d.process.send_signal(signal.SIGHUP)
        wait_until(lambda: d.log().count("stays as it was") == i // 3, "the refusal")
    config.write_text(f"[morod]\nworkers = {WORKERS}\nmax-queue-size = {1000 + i}\n"
                      f"[task debug:spin]\nmax-running = {1 + i % 3}\n")
    d.process.send_signal(signal.SIGHUP)
    d.wait(lambda s: s["maxQueueSize"] == 1000 + i, begun=False)
    before = [load.done for load in loads]
    wait_until(lambda: all(x.done - b >= AT_LEAST or x.failed
                           for x, b in zip(loads, before)), "tasks under it")


def test_reload_under_load(morod, tmp_path):
    """Nobody notices but by the effect."""
    config = tmp_path / "morod.conf"
    config.write_text(f"[morod]\nworkers = {WORKERS}\n")
    with morod(config=config, workers=None) as d:
        loads = [Load(d) for _ in range(CLIENTS)]
        [load.start() for load in loads]
        for i in range(1, TIMES + 1):
            reload_once(d, loads, config, i)
        s = d.wait(lambda s: s["pools"][0]["recycled"] >= WORKERS, begun=False)
        [load.stop.set() for load in loads]
        [load.join() for load in loads]
        assert [x for load in loads for x in load.failed] == []
        done = sum(load.done for load in loads)
        s = d.wait(lambda s: s["workers"] == WORKERS and s["activeTasks"] == 0)
        assert (s["completed"], s["failed"], s["refused"]) == (done, 0, 0), s
        p = s["pools"][0]
        assert sum(w["restarts"] for w in p["workers"]) == 0
        [load.client.close() for load in loads]
        print(f"{TIMES} reloads, {done} tasks, {p['recycled']} workers replaced")
