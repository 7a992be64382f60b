"""
What all fault tests, and tools/soak, have in common: a server with honest clients
that count, and a fault that is done to it. Whatever the fault is, the same holds:

- each request of a living connection is answered exactly once, and rightly;
- memory and descriptors return to where they were, no process is left or missing;
- the honest clients go on at their pace.

A fault is a function of an Arena that says how often it did it; see @fault.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

import harness
from faultpage import FaultPage
from harness import BUILD, SANITIZED, Daemon, alive, wait_until

HERE = pathlib.Path(__file__).parent
LIBRARY = BUILD / "tests" / "faults" / "faults.so"
WORKERS = 4
CALM = 0.4  # seconds of the honest clients' pace before a fault
BRIEF = 0.1  # before one that is not compared with that
# p99 is judged where nothing else runs: by tools/faults, and not among other tests
JUDGES_PACE = os.environ.get("MORO_FAULTS_PACE") == "1" and not SANITIZED
ROUNDS = 3  # whose median is the pace, when the first was not as it should be
MEMORY_SLACK = 6 << 20  # bytes: chunks that are kept for the next one, a heap's holes
DESCRIPTOR_SLACK = 0
PACE_FLOOR = 0.025  # seconds: less is not told from noise here
HOPS = 5  # processes that have to get the CPU for an answer
CONFIG = """
[morod]
max-queued-bytes = 256M
[pool rogue]
command = {python} {rogue}
workers = 3
types = rogue:echo rogue:act
breaker-deaths = 200
"""


class Cannot(Exception):
    """This fault cannot be done here; says why."""


@dataclasses.dataclass
class Fault:
    name: str
    family: str
    inject: object
    # Connections end, and what they had asked for has no answer: of all, or of
    # those that pass files ("files").
    cuts: bool | str
    paced: bool  # honest clients keep their pace meanwhile
    keeps: int  # bytes that may stay, once and for all


FAULTS = []


def fault(family, name, cuts=False, paced=True, keeps=0):
    """Makes a function of an Arena a fault; it gives how often it was done."""

    def make(function):
        f = Fault(name, family, function, cuts, paced and cuts is not True, keeps)
        FAULTS.append(f)
        function.fault = f
        return function

    return make


def of_family(family):
    return [f for f in FAULTS if f.family == family]


@dataclasses.dataclass
class Row:
    """What a fault came to: a line of the table."""

    fault: str
    injected: int = 0
    inFlight: int = 0  # requests, when it was done; of all times together
    sent: int = 0
    answers: int = 0
    cut: int = 0  # requests whose connection ended
    cutFiles: int = 0  # those of them on connections that were passing files
    cancelled: int = 0  # by who had asked for them
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    recoverMs: float = 0  # until all workers are there and clients are served
    calmP99: float = 0
    p99: float = 0
    errors: dict = dataclasses.field(default_factory=dict)

    def add(self, counts):
        for name in ("sent", "answers", "cut", "cutFiles", "cancelled", "lost", "duplicated",
                     "wrong"):
            setattr(self, name, getattr(self, name) + counts[name])
        for reason, n in counts["errors"].items():
            self.errors[reason] = self.errors.get(reason, 0) + n

    def merge(self, other):
        """Another row of the same fault."""
        for f in dataclasses.fields(self):
            if f.type is int:
                setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))
        for name in ("recoverMs", "calmP99", "p99"):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))
        for reason, n in other.errors.items():
            self.errors[reason] = self.errors.get(reason, 0) + n

    def note(self):
        """Leaves the row to tools/faults, if that asked for it."""
        path = os.environ.get("MORO_FAULTS_TABLE")
        if path:
            with open(path, "a") as f:
                f.write(json.dumps(dataclasses.asdict(self)) + "\n")


@dataclasses.dataclass
class Pace:
    """p99 of the steady client's answers, in ms, and of its own being late."""

    calm: float
    fault: float
    late: float


class HonestClients:
    """The process that honest.py is."""

    def __init__(self, path, seed, wild):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "honest.py"), str(path), str(seed)]
            + ["wild"] * wild,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _ask(self, word):
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the honest clients have died"
        return json.loads(line)

    def count(self):
        return self._ask("count")

    def settle(self):
        return self._ask("settle")

    def go(self):
        return self._ask("go")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(harness.DEADLINE)


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return -1


def memory(pid):
    """Bytes that only this process has."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return -1
    return sum(int(line.split()[1]) << 10 for line in text.splitlines()
               if line.startswith("Private_"))


def zombies(pid):
    """Dead children that nobody has taken."""
    n = 0
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                n += int(fields[1]) == pid and fields[0] == "Z"
    return n


@dataclasses.dataclass
class Snapshot:
    """What a server holds when nobody asks it for anything."""

    descriptors: int  # of the dispatcher
    master_descriptors: int
    memory: int  # of the dispatcher
    children: int
    zombies: int


class Arena:
    """A server with honest clients, and what they counted."""

    def __init__(self, seed=1, wild=False, path=None, config=None, **options):
        self.stack = contextlib.ExitStack()
        self.rng = random.Random(seed)
        self.seed = seed
        self.wild = wild
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="moro-faults-"))
        self.folder = pathlib.Path(folder)
        self.page = FaultPage(self.folder / "page")
        conf = self.folder / "m.conf"
        conf.write_text(config or CONFIG.format(python=sys.executable, rogue=HERE / "rogue.py"))
        self.options = {"workers": WORKERS, "config": conf, "max_queue_size": 100000,
                        "max_clients": 12000, **options}
        self.path = path or str(self.folder / "m.sock")
        self.logs = []  # of servers that have ended
        self.d = None
        self.honest = None

    def __enter__(self):
        self.start()
        self.stack.callback(lambda: self.d.__exit__(*sys.exc_info()))
        self.honest = HonestClients(self.path, self.seed, self.wild)
        self.stack.callback(self.honest.close)
        self.warm()
        return self

    def __exit__(self, *what):
        return self.stack.__exit__(*what)

    def start(self):
        """A server; the one before it has ended."""
        self.d = Daemon(env=self.page.env(LIBRARY), path=self.path, **self.options)
        self.wait_whole()

    def restart(self):
        """Another server after one that has died."""
        self.logs.append(self.d.log())
        self.d.__exit__(None)
        self.start()

    def warm(self):
        """Lets memory and descriptors take their usual size."""
        self.settle()
        for _ in range(3):
            self.pace(CALM / 2)
            self.settle()

    # What holds

    def whole(self):
        """Whether all workers are there."""
        try:
            s = self.d.stats()
        except (OSError, AssertionError):
            return None
        return s if all(self.pool_is_whole(p) for p in s["pools"]) else None

    @staticmethod
    def pool_is_whole(pool):
        states = [w["state"] for w in pool["workers"] if w["pid"]]
        return len(states) >= pool["min"] and all(s in ("idle", "busy") for s in states)

    def wait_whole(self):
        return wait_until(self.whole, "all workers", 30)

    def idle(self):
        """Whether nobody has asked for anything that is not answered."""
        s = self.whole()
        quiet = s and not (s["activeTasks"] or s["queueSize"] or s["queuedBytes"])
        return s if quiet and s["clients"] == 4 else None  # honest ones, and ours

    def snapshot(self):
        """Of a server that is settled: none of its workers is being replaced."""

        def settled():
            s = self.idle()
            seen = self.look()
            return seen if s and seen.children == 1 + sum(p["min"] for p in s["pools"]) else None

        return wait_until(settled, "a server without tasks", 30)

    def look(self):
        """The same, without asking the server for anything."""
        pid = self.d.dispatcher_pid()
        return Snapshot(
            descriptors=descriptors(pid),
            master_descriptors=descriptors(self.d.process.pid),
            memory=memory(pid),
            children=len(self.d.pids()),
            zombies=zombies(self.d.process.pid))

    def returned(self, before, same_process=True, keeps=0):
        """Waits until the server holds no more than it did."""
        now = self.snapshot()

        def look():
            nonlocal now
            now = self.look()
            grown = now.memory - before.memory if same_process else 0
            return (now.descriptors <= before.descriptors + DESCRIPTOR_SLACK
                    and now.master_descriptors <= before.master_descriptors
                    and (SANITIZED or grown <= MEMORY_SLACK + keeps)
                    and now.children == before.children and now.zombies == 0)

        try:
            wait_until(look, "memory, descriptors and processes as before", 10)
        except AssertionError as e:
            raise AssertionError(f"{e}: before {before}, now {now}") from None

    # What honest clients do meanwhile

    @staticmethod
    def wait(seconds):
        """A fault, or the calm before it, lasts that long."""
        time.sleep(seconds)

    def pace(self, seconds):
        """Lets them go on for some time, and counts."""
        self.honest.go()
        self.wait(seconds)
        return self.honest.count()

    def settle(self):
        """Everything that was asked for is answered; they ask for no more."""
        return self.honest.settle()

    # A fault

    def round(self, f, row):
        """Does the fault once, between two times of calm; gives what pace that had."""
        self.settle()
        same = self.d.dispatcher_pid()
        before = self.snapshot()
        calm = self.pace(CALM if f.paced else BRIEF)
        row.add(calm)
        row.inFlight += calm["inFlight"]
        row.injected += f.inject(self)
        done = time.monotonic()
        self.wait_served()
        self.wait_whole()
        row.recoverMs = max(row.recoverMs, (time.monotonic() - done) * 1000)
        counts = self.honest.count()
        row.add(counts)
        row.add(self.settle())
        self.returned(before, same == self.d.dispatcher_pid(), f.keeps)
        return Pace(calm["p99"], counts["p99"], max(calm["lateP99"], counts["lateP99"]))

    def wait_served(self):
        """Until a request is answered."""

        def ask():
            try:
                with self.d.client() as c:
                    return c.call("debug:echo", "served", priority="high") == "served"
            except (OSError, AssertionError):
                return False

        wait_until(ask, "an answer", 30)

    def suffer(self, f, judge_pace=JUDGES_PACE):
        """Does a fault and checks what always holds; gives the row."""
        row = Row(f.name)
        pid = self.d.dispatcher_pid()
        paces = []
        for _ in range(ROUNDS):
            paces.append(self.round(f, row))
            if not (f.paced and judge_pace) or self.paced(paces):
                break
        row.calmP99 = statistics.median(p.calm for p in paces)
        row.p99 = statistics.median(p.fault for p in paces)
        self.check(f, row, pid)
        if f.paced and judge_pace:
            assert self.paced(paces), paces
        row.note()
        return row

    @staticmethod
    def paced(paces):
        """
        Whether p99 has doubled at most. Who runs beside us is no fault: where
        the clients themselves come late, so do two processes more, each way.
        """
        calm = statistics.median(p.calm for p in paces)
        late = statistics.median(p.late for p in paces)
        floor = max(PACE_FLOOR * 1000, HOPS * late, 2 * calm)
        return statistics.median(p.fault for p in paces) <= floor

    def check(self, f, row, pid):
        """The rules, as far as the honest clients can tell."""
        assert row.injected > 0, f"{f.name} was not done"
        assert (row.lost, row.duplicated, row.wrong) == (0, 0, 0), row
        assert row.sent == row.answers + row.cut, row
        assert f.cuts is True or row.cut == (row.cutFiles if f.cuts else 0), row
        if f.cuts is not True:
            assert alive(pid) and pid == self.d.dispatcher_pid(), "the dispatcher has died"
