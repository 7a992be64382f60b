"""progress: what a task reports on its way, for those who asked."""

import os
import time

import msgpack
import pytest

from harness import TaskError, wait_until

WORK = {"ms": 500, "steps": 250}


def reports(client, msgid):
    return [m[2][1] for m in client.unasked if m[1] == "progress" and m[2][0] == msgid]


def test_reports_come_before_the_answer(morod):
    """They rise, name the whole and a note, and are at most 20 a second."""
    with morod(workers=1) as d, d.client() as c:
        start = time.monotonic()
        task = c.submit("debug:work", WORK, progress=True)
        assert task.result()["steps"] == 250
        took = time.monotonic() - start
        got = reports(c, task.msgid)
        assert got and len(got) <= took * 20 + 1
        assert [r["done"] for r in got] == sorted({r["done"] for r in got})
        assert all(r["total"] == 250 for r in got)
        assert got[0]["note"] == f"step {got[0]['done']}"
        c.request("ping")
        assert reports(c, task.msgid) == got  # none after the answer


def test_only_who_asked(morod):
    """Without the option nothing comes but the answer."""
    with morod(workers=1) as d, d.client() as c:
        c.call("debug:work", {"ms": 120, "steps": 10})
        c.call("debug:work", {"ms": 120, "steps": 10}, progress=False)
        c.notify("debug:work", {"ms": 60, "steps": 10}, {"progress": True})
        d.wait(lambda s: s["completed"] == 3)
        assert c.unasked == []


def test_each_task_its_own(morod):
    """Reports bear the msgid of their request."""
    with morod(workers=2) as d, d.client() as c:
        a = c.submit("debug:work", {"ms": 200, "steps": 10}, progress=True)
        b = c.submit("debug:work", {"ms": 200, "steps": 20}, progress=True)
        a.result(), b.result()
        assert {r["total"] for r in reports(c, a.msgid)} == {10}
        assert {r["total"] for r in reports(c, b.msgid)} == {20}


def test_a_slow_reader_gets_the_latest(morod):
    """Progress is dropped first: what is read late is few and the answers whole."""
    with morod(workers=1) as d, d.client() as c:
        big = b"x" * (8 << 20)
        first = c.submit("debug:echo", big)  # fills the socket, nobody reads
        d.wait(lambda s: s["completed"] == 1 and s["unreadBytes"] > 1 << 20)
        task = c.submit("debug:work", WORK, progress=True)
        d.wait(lambda s: s["completed"] == 2)
        assert first.result() == big
        assert task.result()["steps"] == 250
        assert reports(c, task.msgid) == []


def test_files_report(morod, tmp_path):
    """A large file that is hashed tells how far it is, in bytes."""
    path = tmp_path / "large"
    size = 64 << 20
    with open(path, "wb") as f:
        f.truncate(size)
    with morod(workers=1) as d, d.client(hello=False) as c:
        c.request("hello", {"features": ["fd"]})
        import socket
        import struct

        whole = msgpack.ExtType(77, struct.pack(">BBQQ", 1, 0, 0, size))
        fd = os.open(path, os.O_RDONLY)
        request = msgpack.packb(
            [0, 9, "crypto:hash", [{"input": whole}, {"fds": 1, "progress": True}]]
        )
        socket.send_fds(c.sock, [request], [fd])
        os.close(fd)
        c.read_until(lambda: c.extra)
        got = reports(c, 9)
        assert got and all(r["total"] == size for r in got)
        assert c.extra[0][2] is None


def test_wrong_option(morod):
    with morod() as d, d.client() as c:
        with pytest.raises(TaskError) as e:
            c.call("debug:work", {}, progress=1)
        assert e.value.code == "INVALID_OPTION"
        assert e.value.error["option"] == "progress"


def test_a_client_that_leaves(morod):
    """Nobody is left to tell; nothing breaks."""
    with morod(workers=1) as d, d.client() as c:
        with d.client() as gone:
            gone.submit("debug:work", {"ms": 60000, "steps": 60000}, progress=True)
            wait_until(lambda: d.stats()["activeTasks"] == 1)
            gone.read_until(lambda: gone.unasked)
        d.wait(lambda s: s["activeTasks"] == 0)
        assert c.call("debug:echo", 1) == 1


def test_seen_by_an_admin(morod):
    """ls shows how far a task is that reports."""
    with morod(workers=1) as d, d.client() as c:
        task = c.submit("debug:work", {"ms": 60000, "steps": 60000}, progress=True)

        def look():
            return [t["progress"] for t in c.request("ls") if "progress" in t]

        (seen,) = wait_until(look)
        assert seen["total"] == 60000 and 0 < seen["done"] < 60000 and "note" in seen
        c.request("cancel", {"msgid": task.msgid})
