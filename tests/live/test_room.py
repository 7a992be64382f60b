"""Clients that wait for room (onFull: "wait"), and what may happen meanwhile."""

import socket

import msgpack

from harness import wait_until

LONG = {"ms": 60000}


def busy(d, c, ms=60000):
    """The only worker has something to do."""
    task = c.submit("debug:sleep", {"ms": ms})
    d.wait(lambda s: s["activeTasks"] == 1)
    return task


def test_bytes_of_all(morod):
    """At the limit on all bytes one task more is taken, and done when there is room."""
    with morod(workers=1, max_queued_bytes="100K") as d, d.client() as c, d.client() as b:
        block = busy(d, b)
        first = c.submit("debug:echo", b"a" * 60000)
        waits = c.submit("debug:echo", b"b" * 60000, onFull="wait")
        after = c.submit("debug:echo", b"c" * 60000, onFull="wait")
        d.wait(lambda s: s["queueSize"] == 2)
        error = b.submit("debug:echo", b"d" * 60000).error()
        assert (error["code"], error["reason"]) == ("QUEUE_FULL", "bytes")
        b.request("cancel", {"msgid": block.msgid})
        sizes = [len(t.result()) for t in (first, waits, after)]
        assert sizes == [60000] * 3
        s = b.stats()
        assert (s["refused"], s["queuedBytes"]) == (1, 0)


def test_bytes_of_those_that_wait_have_an_end(morod):
    """All that wait have as many bytes as the limit once more; then it is refused."""
    with morod(workers=1, max_queued_bytes="100K") as d, d.client() as b:
        busy(d, b)
        clients = [d.client() for _ in range(4)]
        for c in clients:
            c.submit("debug:echo", b"x" * 60000, onFull="wait")
        # whichever of them came last
        s = d.wait(lambda s: s["queueSize"] == 3 and s["refused"] == 1)
        assert s["outcomes"]["refused"] == {"bytes": 1}
        for c in clients:
            c.close()
        d.wait(lambda s: s["queueSize"] == 0 and s["queuedBytes"] < 1000)


def half_closed(c, n, **options):
    """Sends n tasks and closes the writing side."""
    parts = [msgpack.packb([0, 100 + i, "debug:echo", [i, options]]) for i in range(n)]
    c.send_bytes(b"".join(parts))
    c.sock.shutdown(socket.SHUT_WR)


def test_who_half_closes_and_waits(morod):
    """What it sent before is read when there is room, and all is answered."""
    with morod(workers=1, max_queue_size=2) as d, d.client() as b, d.client() as c:
        block = busy(d, b)
        half_closed(c, 50, onFull="wait")
        d.wait(lambda s: s["queueSize"] == 3)
        b.request("cancel", {"msgid": block.msgid})
        c.read_closed()
        assert sorted(m[1] for m in c.extra) == list(range(100, 150))
        assert [m[2] for m in c.extra] == [None] * 50


def test_who_half_closes_waits_and_has_no_task_left(morod):
    """Its connection does not end while requests that it sent are not read."""
    with morod(workers=1, max_queue_size=1) as d, d.client() as b, d.client() as c:
        block = busy(d, b)
        queued = b.submit("debug:sleep", LONG)
        d.wait(lambda s: s["queueSize"] == 1)
        # the one that is taken nevertheless ends before there is room
        parts = [
            msgpack.packb([0, 100, "debug:echo", [0, {"onFull": "wait", "queueTimeout": 50}]]),
            msgpack.packb([0, 101, "debug:echo", [1]]),
        ]
        c.send_bytes(b"".join(parts))
        c.sock.shutdown(socket.SHUT_WR)
        d.wait(lambda s: s["timedOut"] == 1)
        assert d.stats()["clients"] == 3
        b.request("cancel", {"msgid": queued.msgid})
        b.request("cancel", {"msgid": block.msgid})
        c.read_closed()
        assert [(m[1], m[2] and m[2]["reason"]) for m in c.extra] == [(100, "queue"), (101, None)]


def test_who_waits_can_be_cancelled_by_others(morod):
    """An administrator's cancel makes room for who waits."""
    with morod(workers=1, max_queue_size=1) as d, d.client() as b, d.client() as c:
        busy(d, b)
        queued = b.submit("debug:sleep", LONG)
        waits = [c.submit("debug:echo", i, onFull="wait") for i in range(3)]
        d.wait(lambda s: s["queueSize"] == 2)
        b.request("cancel", {"msgid": queued.msgid})
        assert b.request("cancel", {"client": 2, "msgid": waits[0].msgid})["state"] == "queued"
        assert waits[0].error()["reason"] == "admin"
        d.wait(lambda s: s["queueSize"] == 2)
        assert b.request("cancel", {"client": 2, "msgid": waits[2].msgid})["state"] == "queued"


def test_a_stop_and_who_waits(morod):
    """Requests behind the one that waits are read and refused; nothing hangs."""
    with morod(workers=1, max_queue_size=1) as d, d.client() as b, d.client() as c:
        running = busy(d, b, 300)
        queued = b.submit("debug:echo", 1)
        waits = [c.submit("debug:echo", i, onFull="wait") for i in range(5)]
        d.wait(lambda s: s["queueSize"] == 2)
        assert d.stop() == 0
        assert (running.result(), queued.result(), waits[0].result()) == (300, 1, 0)
        assert [t.error()["code"] for t in waits[1:]] == ["SHUTTING_DOWN"] * 4


def test_a_stop_that_does_not_wait(morod):
    """What was taken is answered; what was never read is not, and morod ends."""
    with morod(workers=1, max_queue_size=1) as d, d.client() as b, d.client() as c:
        running = busy(d, b)
        waits = [c.submit("debug:echo", i, onFull="wait") for i in range(3)]
        d.wait(lambda s: s["queueSize"] == 2)
        assert b.request("shutdown", {"now": True}) is True
        assert d.process.wait(20) == 0
        assert running.error()["reason"] == "shutdown"
        assert waits[0].error()["code"] == "SHUTTING_DOWN"
        assert waits[1].error()["code"] == "SHUTTING_DOWN"


def test_many_wait_and_leave_together(morod):
    """Those that are gone are noticed, and those that stay are served."""
    with morod(workers=1, max_queue_size=1) as d, d.client() as b:
        block = busy(d, b)
        b.submit("debug:echo", 0)
        clients = [d.client() for _ in range(20)]
        tasks = [[c.submit("debug:echo", i, onFull="wait") for i in range(3)] for c in clients]
        d.wait(lambda s: s["queueSize"] == 21)
        for c in clients[::2]:
            c.close()
        d.wait(lambda s: s["queueSize"] == 11 and s["clients"] == 12)
        b.request("cancel", {"msgid": block.msgid})
        for mine in tasks[1::2]:
            assert [t.result() for t in mine] == [0, 1, 2]
        for c in clients[1::2]:
            c.close()
        wait_until(lambda: b.stats()["clients"] == 1)
