"""Faults of clients: silent, deaf, slow, gone, too many, too large."""

import contextlib
import resource
import select
import socket
import time

import msgpack

from faults import Cannot, descriptors, fault, memory, wait_until

SILENT = 100
DEAF = 16  # which could have 1 GiB wait, by what one of them may
DEAF_QUIET_S = 0.3  # nothing has grown for so long: nothing more will
DRIPPING = 20
DRIP_S = 0.05  # between two bytes of each: a byte a second, of twenty clients
DRIPS = 20
VANISHING = 200
CROWD = 10_000
CROWD_STEP = 500
LARGE = 6
LARGE_BYTES = (64 << 20) - 4096  # within max-frame
QUEUED_BYTES = 256 << 20  # as the arena's configuration says
MEMORY_BESIDE = 64 << 20  # buffers, heap: what may come on top of that
REQUEST = msgpack.packb([0, 1, "debug:echo", ["x" * 1000]])


def connect(arena):
    s = socket.socket(socket.AF_UNIX)
    s.setblocking(False)
    while True:
        try:
            s.connect(arena.path)
            return s
        except BlockingIOError:  # the backlog is full: its turn will come
            time.sleep(0.001)


@contextlib.contextmanager
def crowd(arena, n):
    socks = []
    try:
        for _ in range(n):
            socks.append(connect(arena))
        yield socks
    finally:
        for s in socks:
            s.close()


@fault("clients", "client says nothing")
def silent(arena):
    with crowd(arena, SILENT):
        arena.wait(0.3)
    return SILENT


@fault("clients", "client reads nothing")
def deaf(arena):
    """Each asks as long as anything goes into its socket."""
    types = msgpack.packb([0, 1, "types", []]) * 1000
    before = memory(arena.d.dispatcher_pid())
    with crowd(arena, DEAF) as socks:
        poll = select.poll()
        for s in socks:
            poll.register(s, select.POLLOUT)
        most, grown = 0, time.monotonic()
        while time.monotonic() < grown + DEAF_QUIET_S:
            for fd, _ in poll.poll(20):
                with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                    next(s for s in socks if s.fileno() == fd).send(types)
            now = memory(arena.d.dispatcher_pid()) - before
            if now > most:
                most, grown = now, time.monotonic()
        assert most < QUEUED_BYTES, most
    return DEAF


@fault("clients", "client sends a byte a second")
def drip(arena):
    with crowd(arena, DRIPPING) as socks:
        for i in range(DRIPS):
            for s in socks:
                s.send(REQUEST[i:i + 1])
            arena.wait(DRIP_S)
    return DRIPPING


@fault("clients", "client vanishes in a message")
def vanish(arena):
    for i in range(VANISHING):
        s = connect(arena)
        with contextlib.suppress(BlockingIOError):
            s.send(REQUEST * (i % 3) + REQUEST[:arena.rng.randrange(len(REQUEST))])
        s.close()
    return VANISHING


@contextlib.contextmanager
def many_descriptors(n):
    """This process may have so many."""
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    if old[1] != resource.RLIM_INFINITY and old[1] < n:
        raise Cannot(f"this process may have {old[1]} descriptors, not {n}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(n, old[0]), old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)


# libevent keeps an entry for each descriptor that there ever was, all over the heap
@fault("clients", "10,000 clients at once", paced=False, keeps=16 << 20)
def ten_thousand(arena):
    """All are connected at once; one in ten asks, and is answered."""
    ping = msgpack.packb([0, 9, "ping", []])
    limit = resource.prlimit(arena.d.dispatcher_pid(), resource.RLIMIT_NOFILE)[0]
    if limit < CROWD + CROWD_STEP:
        raise Cannot(f"the dispatcher may have {limit} descriptors")
    with many_descriptors(CROWD + CROWD_STEP), crowd(arena, CROWD) as socks:
        pid = arena.d.dispatcher_pid()
        wait_until(lambda: descriptors(pid) > CROWD, "all clients in", 30)
        asking = socks[::10]
        for s in asking:
            s.send(ping)
        for s in asking:
            s.setblocking(True)
            s.settimeout(20)
            assert msgpack.unpackb(s.recv(100)) == [1, 9, None, "pong"]
    return CROWD


class Sender:
    """A large request that goes out as the server takes it in."""

    def __init__(self, arena, head, body):
        self.sock = connect(arena)
        self.left = [memoryview(head), memoryview(body)]

    def send(self):
        """True: there is more."""
        try:
            while self.left:
                n = self.sock.send(self.left[0])
                self.left[0] = self.left[0][n:]
                if not self.left[0]:
                    self.left.pop(0)
        except BlockingIOError:
            return True
        except (BrokenPipeError, ConnectionResetError):
            self.left = []
        return False


def answers(sock):
    """What comes until the connection says no more for a moment, or ends."""
    unpacker = msgpack.Unpacker()
    sock.settimeout(20)
    got = []
    while not got:
        try:
            data = sock.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            return got, True
        unpacker.feed(data)
        got += unpacker
    return got, False


@fault("clients", "client sends 64 MiB", paced=False)
def large(arena):
    """More than morod may keep: it takes what it can, and says so of the rest."""
    head = b"\x94\x00\x01" + msgpack.packb("crypto:hash") + b"\x91\x81" + msgpack.packb("input")
    head += b"\xc6" + LARGE_BYTES.to_bytes(4, "big")
    body = bytes(LARGE_BYTES)
    pid = arena.d.dispatcher_pid()
    before, peak = memory(pid), 0
    senders = [Sender(arena, head, body) for _ in range(LARGE)]
    try:
        sending = senders[:]
        while sending:
            ready = select.select([], [s.sock for s in sending], [], 20)[1]
            assert ready, "nobody can send any more"
            sending = [s for s in sending if s.sock not in ready or s.send()]
            peak = max(peak, memory(pid))
        for s in senders:
            got, closed = answers(s.sock)
            assert closed or len(got) == 1, got
            # or it had to wait for the others until its time was over
            assert closed or got[0][2] is None or got[0][2].partition(":")[0] in (
                "QUEUE_FULL", "TOO_LARGE", "PROTOCOL_ERROR"), got
    finally:
        for s in senders:
            s.sock.close()
    # that much of tasks, and as much again that is no whole message yet
    assert peak - before < 2 * QUEUED_BYTES + MEMORY_BESIDE, (before, peak)
    return LARGE
