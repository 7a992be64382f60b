"""
The soak: mixed load, and all faults in random order, for some minutes; after each
of them the rules of tests/live/faults.py are checked. See tools/soak.
"""

import argparse
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "live")]

import faults  # noqa: E402
import faults_clients  # noqa: E402,F401
import faults_processes  # noqa: E402,F401
import faults_resources  # noqa: E402,F401
import faults_workers  # noqa: E402,F401
from report import table, total  # noqa: E402
from rules import unexpected  # noqa: E402
from schedule import schedule  # noqa: E402


class Soak:
    """One run."""

    def __init__(self, arena, seed, seconds):
        self.arena = arena
        self.plan = schedule(seed, faults.FAULTS)
        self.end = time.monotonic() + seconds
        self.rows = {}
        self.cannot = {}
        self.done = 0

    def run(self):
        """Until the time is over; the first rule that is broken ends it."""
        while time.monotonic() < self.end:
            pause, f = next(self.plan)
            row = self.rows.setdefault(f.name, faults.Row(f.name))
            self.peace(row, pause)
            try:
                row.merge(self.arena.suffer(f, judge_pace=False))
            except faults.Cannot as e:
                self.cannot[f.name] = str(e)
            except AssertionError as e:
                raise AssertionError(f"fault {self.done + 1}, {f.name}: {e}") from e
            self.done += 1
            self.check_log()

    def peace(self, row, seconds):
        """The load alone; what it asked for is answered before the fault."""
        row.add(self.arena.pace(seconds))
        row.add(self.arena.settle())

    def check_log(self):
        bad = [line for log in (*self.arena.logs, self.arena.d.log()) for line in unexpected(log)]
        assert bad == [], "unexpected lines in the log:\n" + "\n".join(bad[:10])

    def finish(self):
        """A stop is clean after all that."""
        pids = self.arena.d.pids()
        self.arena.settle()
        assert self.arena.d.stop() == 0, "the exit status is not 0"
        assert not any(faults.alive(p) for p in pids), "processes are left"
        assert not os.path.exists(self.arena.path), "the socket is left"
        self.check_log()

    def report(self):
        rows = [r for name, r in sorted(self.rows.items()) if name not in self.cannot]
        print(table([*rows, total(rows, faults.Row)]))
        for name, why in self.cannot.items():
            print(f"not done: {name}: {why}")


def main():
    parser = argparse.ArgumentParser(prog="tools/soak")
    parser.add_argument("minutes", type=float, nargs="?", default=10)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    args = parser.parse_args()
    print(f"tools/soak {args.minutes:g} --seed {args.seed}", flush=True)
    failure = None
    with faults.Arena(seed=args.seed, wild=True) as arena:
        soak = Soak(arena, args.seed, args.minutes * 60)
        try:
            soak.run()
            soak.finish()
        except (AssertionError, OSError) as e:
            failure = e
        soak.report()
        if failure is not None:
            print(arena.d.log()[-5000:], file=sys.stderr)
    print(f"{soak.done} faults, seed {args.seed}: "
          + (f"FAILED: {failure}" if failure else "all rules held"))
    return failure is not None


if __name__ == "__main__":
    sys.exit(main())
