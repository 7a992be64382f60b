"""tools/conformance: what is asked for on the command line, and what is printed."""

import argparse
import os
import signal
import sys

from . import server
from .client import ClientRun
from .running import CannotStart, Failure, Skip
from .vectors import LEVELS, SIDES, Book, chosen
from .worker import CHANNELS, WorkerRun

PASSED, FAILED, CANNOT = 0, 1, 2
_DEADLINE_S = 10
_INDENT = " " * 6
_KEPT = 40  # lines of what went to and fro that --verbose shows

_ABOUT = """\
Drives an implementation of the morod protocol through the vectors of the
specification, and prints what it passes.

  client CMD  the kit is the server. CMD finds its socket in MORO_SOCKET, reads
              an instruction a line from stdin, and writes the outcome, a line
              each, to stdout (JSON both)
  worker CMD  the kit is morod. CMD finds its channel in MORO_FD, or at stdin
              and stdout if MORO_CHANNEL is stdio, and serves conform:echo and
              others
  server CMD  the kit is a client. CMD listens on MORO_SOCKET, and has the task
              types debug:echo, debug:sleep and crypto:hash

CMD is given to the shell. proto/CONFORMANCE.md says what it has to do, with an
example. The exit status is 0 if all that MUST be was passed, 1 if not, and 2 if
CMD cannot be tested: it cannot be started, or lacks what all vectors need."""


def parse(words):
    parser = argparse.ArgumentParser(
        prog="tools/conformance", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("side", choices=SIDES, metavar="client|worker|server")
    parser.add_argument("command", nargs="?", metavar="CMD")
    parser.add_argument("--list", action="store_true", help="print the vectors, and run none")
    parser.add_argument("--only", metavar="PATTERN", help="those whose name has it, or fits it (* ? [])")
    parser.add_argument("--verbose", action="store_true", help="what went to and fro, also where all was right")
    parser.add_argument("--deadline", type=float, default=_DEADLINE_S, metavar="S",
                        help="seconds that a vector may take (%(default)s)")
    parser.add_argument("--channel", choices=CHANNELS, default="fd",
                        help="of a worker: %(default)s by default")
    given = parser.parse_intermixed_args(words)
    if given.command is None and not given.list:
        parser.error("CMD is missing: what is to be tested?")
    if given.deadline <= 0:
        parser.error("--deadline takes seconds, more than 0")
    return given


class _Held:
    """Ctrl-C waits: what is being started would be left running, because nobody knows of it yet."""

    def __enter__(self):
        self.came = False
        self.before = signal.signal(signal.SIGINT, self._note)

    def _note(self, *_):
        self.came = True

    def __exit__(self, *_):
        signal.signal(signal.SIGINT, self.before)


class Tally:
    """How many were passed, by level."""

    def __init__(self):
        self.passed = dict.fromkeys(LEVELS, 0)
        self.failed = dict.fromkeys(LEVELS, 0)
        self.skipped = dict.fromkeys(LEVELS, 0)

    def count(self, vector, mark):
        if mark == "skip":
            self.skipped[vector.level] += 1
        else:
            (self.passed if mark == "ok" else self.failed)[vector.level] += 1

    def line(self, side, command):
        by_level = [f"{level}: {self.passed[level]} of {self.passed[level] + self.failed[level]}" for level in LEVELS]
        passed, failed = sum(self.passed.values()), sum(self.failed.values())
        skipped = ", ".join(f"{level}: {n}" for level, n in self.skipped.items() if n)
        skipped = f", {sum(self.skipped.values())} skipped ({skipped})" if skipped else ""
        return f"{side} {command}: {passed} of {passed + failed} passed ({', '.join(by_level)}){skipped}"


def judge(start, verbose):
    """Plays a vector; gives its mark, and lines about it."""
    run, lines, mark, held = None, [], "ok", _Held()
    try:
        try:
            with held:
                run = start()
            if held.came:
                raise KeyboardInterrupt
            run.play()
        except Failure:
            if run:
                run.check_started()
            raise
    except Failure as failure:
        mark, lines = "FAIL", [f"{run.at if run else 'start'}: {failure.lines[0]}", *failure.lines[1:]]
    except Skip as skip:
        mark, lines = "skip", [str(skip)]
    finally:
        if run:
            if mark == "FAIL" and run.command and run.command.said():
                lines += ["its stderr:", *run.command.said().splitlines()]
            if verbose:
                lines += run.log[-_KEPT:]
            run.close()
    return mark, lines


def starter(given, book):
    """How a run of a vector is begun, and what is to be closed when all were played."""
    if given.side == "client":
        return lambda vector: ClientRun(book, vector, given.deadline, given.command), None
    if given.side == "worker":
        return lambda vector: WorkerRun(book, vector, given.deadline, given.command, given.channel), None
    tested = server.Server(given.command, given.deadline)
    return lambda vector: server.ServerRun(book, vector, given.deadline, tested), tested


def print_vector(mark, vector, lines):
    print(f"{mark:<5} {vector.name}  {vector.about} ({vector.level}, section {vector.section})")
    for line in lines:
        print(_INDENT + line.encode("utf-8", "backslashreplace").decode())
    sys.stdout.flush()


def run(given, book, vectors):
    tally = Tally()
    start, tested = starter(given, book)
    try:
        for vector in vectors:
            mark, lines = judge(lambda: start(vector), given.verbose)
            tally.count(vector, mark)
            print_vector(mark, vector, lines)
    finally:
        if tested:
            tested.close()
    print(tally.line(given.side, given.command))
    if not any(tally.passed.values()) and not any(tally.failed.values()):
        raise CannotStart("it lacks what each of these vectors needs")
    return FAILED if tally.failed["must"] else PASSED


def main(words):
    given = parse(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it, too, ends what was started
    book = Book(given.side)
    vectors = chosen(server.vectors(book) if given.side == "server" else book.vectors, given.only)
    if not vectors:
        print(f"tools/conformance: no vector is called {given.only!r}; --list prints them", file=sys.stderr)
        return CANNOT
    if given.list:
        for vector in vectors:
            print(f"{vector.name}  {vector.about} ({vector.level}, section {vector.section})")
        return PASSED
    try:
        return run(given, book, vectors)
    except CannotStart as e:
        print(f"tools/conformance: {given.command!r} cannot be tested: {e}", file=sys.stderr)
        return CANNOT
    except KeyboardInterrupt:
        return CANNOT
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT
