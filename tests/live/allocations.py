"""
Requests that make the dispatcher allocate, in all that it does. While one of its
allocations fails, each of them is answered exactly once, or its connection ends.
"""

import contextlib
import socket
import struct
import tempfile

import msgpack

from harness import Client, Pending, TaskError, alive

LARGE = "x" * 200_000
EXCHANGE_S = 10


class Ended(Exception):
    """The server has ended the connection: it had no memory for it."""


class Careful(Client):
    """A client whose connection may end, which ends the exchange and is no failure."""

    def __init__(self, path):
        try:
            super().__init__(path, hello=False)
            self.request("hello", {"errors": "map", "features": ["fd"]})
        except (AssertionError, OSError) as e:
            if not self.has_ended(e):
                raise
            self.close()
            raise Ended from None
        except TaskError:
            pass  # it goes on without

    def has_ended(self, e):
        return isinstance(e, (BrokenPipeError, ConnectionResetError)) or getattr(
            self, "closed", False)

    def all_answered(self):
        """Reads what is pending; each has one answer."""
        try:
            self.read_until(lambda: not self.pending, EXCHANGE_S)
        except AssertionError as e:
            if not self.has_ended(e):
                raise AssertionError(f"{e}: {list(self.pending)}") from None
            raise Ended from None
        assert self.extra == [], self.extra


def start_with_file(c, fd, task, size):
    """A request whose input is a file, which goes with it."""
    p = Pending(c, c.next_id)
    c.pending[c.next_id] = p
    whole = msgpack.ExtType(77, struct.pack(">BBQQ", 1, 0, 0, size))
    request = msgpack.packb([0, c.next_id, task, [{"input": whole}, {"fds": 1}]])
    c.next_id += 1
    socket.send_fds(c.sock, [request], [fd])
    return p


def tasks(arena, c):
    """Of all kinds: small, large, refused, late, with progress, in a batch, run again."""
    for i in range(40):
        c.submit("debug:echo", i, id=f"id-{i}")
    c.submit("debug:echo", LARGE)
    c.submit("debug:echo", 1, priority="high", timeout=5000, queueTimeout=4000, runTimeout=3000)
    c.submit("debug:work", {"steps": 3}, progress=True)
    c.submit("debug:work", {"steps": 1, "fails": 1}, retry={"max": 1, "on": ["error"], "backoffMs": 1})
    c.submit("debug:sleep", {"ms": 1000}, timeout=2)
    c.submit("debug:fail")
    c.submit("no:such", 1)
    c.submit("debug:echo", 1, unheardOf=1)
    c.notify("debug:echo", "fire and forget")
    c.submit("debug:echo", list(range(5)), batch=True, progress=True)


def cancels(arena, c):
    """By msgid, by id, in all ways that a client leaves."""
    for i in range(8):
        c.submit("debug:sleep", {"ms": 3}, id=f"c{i}")
    for i in range(8):
        c.start("cancel", {"id": f"c{i}"})
    slow = c.submit("debug:work", {"ms": 500}, cancelGrace=5)
    c.start("cancel", {"msgid": slow.msgid})
    with contextlib.suppress(Ended):
        leaver = Careful(arena.path)
        leaver.submit("debug:sleep", {"ms": 200})
        leaver.submit("debug:echo", LARGE)
        leaver.close()


def control(arena, c):
    """The methods that the dispatcher answers itself."""
    for method, *params in (
        ("ping",), ("stats",), ("stats", {"buckets": True}), ("types",), ("types", "debug:echo"),
        ("ls",), ("ls", {"limit": 5}), ("clients",), ("slow",), ("poison",), ("log",),
        ("log", "info"), ("subscribe", ["backpressure"]), ("unsubscribe", ["backpressure"]),
        ("pause", "debug:fail"), ("resume", "debug:fail"),
        ("scale", {"pool": "default", "workers": 4}), ("nothing",),
    ):
        c.start(method, *params)


def files(arena, c):
    with tempfile.TemporaryFile() as f, tempfile.TemporaryFile() as g:
        f.write(b"x" * 10000)
        f.flush()
        start_with_file(c, f.fileno(), "crypto:hash", 10000)
        start_with_file(c, g.fileno(), "no:such", 0)
        c.all_answered()


def workers(arena, c):
    """One is killed with its task, and the next one comes; others print, or are programs."""
    c.submit("debug:sleep", {"ms": 1000}, runTimeout=2)
    c.submit("debug:print", {"text": "a line\n", "times": 3})
    for i in range(5):
        c.submit("rogue:echo", i)


def reload(arena, c):
    c.start("reload")


EXCHANGES = (tasks, cancels, control, files, workers, reload)


def exchange(arena, what):
    """One of them, with a connection of its own; whether that lasted."""
    try:
        c = Careful(arena.path)
    except Ended:
        return False
    with c:
        try:
            what(arena, c)
            c.all_answered()
        except (Ended, BrokenPipeError, ConnectionResetError):
            return False
    return True


def sweep(arena, what, pid, stride=1, offset=0, after=lambda: None):
    """
    Fails each allocation that an exchange costs a process, one in each go, until
    a go has none left to fail; gives how many failed, and at how many places of
    the code. With a stride each so manieth, from the one after `offset` on. What
    is to hold `after` each go is looked at while nothing fails.
    """
    page = arena.page
    failed, n, quiet = 0, 1 + offset, 0
    places = set()
    page.pid = pid
    try:
        while quiet < 2:
            before = page.failed
            page.allocations = 0
            page.fail_at = n
            exchange(arena, what)
            page.fail_at = 0
            after()
            if page.failed > before:
                failed, quiet, n = failed + 1, 0, n + stride
                places.add(page.where)
            else:
                quiet += 1
            assert alive(pid), f"allocation {n} of {what.__name__}: {arena.d.log()[-3000:]}"
    finally:
        page.fail_at = 0
        page.pid = 0
    return failed, len(places)
