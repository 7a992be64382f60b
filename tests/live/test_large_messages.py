"""
Messages so large that those which are still coming in share --max-queued-bytes: who
waits for room, how long, and who goes over it.
"""

import contextlib
import os
import signal
import socket
import threading
import time

import pytest

from faultpage import FaultPage
from faults import LIBRARY, memory
from harness import DEADLINE, wait_until
from test_wire import answers, pack

MINUTE = 61  # seconds, and a little


def send_until_full(c, data):
    """Sends what the server and the socket take at once. Returns how much that is."""
    c.sock.setblocking(False)
    sent = 0
    try:
        while sent < len(data):
            sent += c.sock.send(data[sent:])
    except BlockingIOError:
        pass
    c.sock.settimeout(DEADLINE)
    return sent


def test_large_messages_wait_for_memory(morod):
    """Unfinished large messages share --max-queued-bytes: others wait, and then come."""
    with morod(workers=1, max_queued_bytes="4M") as d:
        holder, waiter = d.client(), d.client()
        request = pack(0, 9, "debug:echo", [b"x" * 3_000_000])
        holder.send_bytes(request[:1_000_000])
        sent = send_until_full(waiter, request)
        assert sent < len(request)
        with d.client() as c:
            assert c.call("debug:echo", "small ones go on") == "small ones go on"
        holder.send_bytes(request[1_000_000:])
        assert len(answers(holder, 1)[0][3]) == 3_000_000
        waiter.send_bytes(request[sent:])
        assert len(answers(waiter, 1)[0][3]) == 3_000_000


def test_who_waits_for_memory_may_go(morod):
    """It is forgotten when an answer finds nobody; who waits behind it comes in its turn."""
    request = pack(0, 9, "debug:echo", [b"x" * 3_000_000])
    # what is freed is overwritten: who uses it still would be found out
    freed = "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165"
    env = {**os.environ, "GLIBC_TUNABLES": freed}
    with morod(workers=1, max_queued_bytes="4M", env=env) as d, d.client() as c:
        holder, gone, waiter = d.client(), d.client(), d.client()
        holder.send_bytes(request[:1_000_000])
        c.request("pause")
        gone.submit("debug:echo", 1)
        wait_until(lambda: c.stats()["queueSize"] == 1)
        assert send_until_full(gone, request) < len(request)
        sent = send_until_full(waiter, request)
        assert sent < len(request)
        assert c.request("ping") == "pong"
        gone.close()
        c.request("resume")
        wait_until(lambda: c.stats()["clients"] == 3)
        holder.send_bytes(request[1_000_000:])
        assert len(answers(holder, 1)[0][3]) == 3_000_000
        waiter.send_bytes(request[sent:])
        assert len(answers(waiter, 1)[0][3]) == 3_000_000


def test_waiting_for_memory_is_no_delay(morod):
    """What morod does not read is not late: the time begins when it reads on."""
    request = pack(0, 9, "debug:echo", [b"x" * 3_000_000])
    with morod(workers=1, max_queued_bytes="4M", frame_timeout="500ms") as d:
        holder, waiter, other = d.client(), d.client(), d.client()
        waiter.send_bytes(request[:3])
        assert other.request("ping") == "pong"  # those bytes have come
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 0.2)
        holder.send_bytes(request[:1_000_000])
        assert other.request("ping") == "pong"
        sending = threading.Thread(target=waiter.send_bytes, args=(request[3:],))
        sending.start()
        holder.read_closed()
        assert "500 ms" in holder.extra[0][2]["message"]
        sending.join(DEADLINE)
        assert len(answers(waiter, 1)[0][3]) == 3_000_000


def test_growing_messages_do_not_wait_for_each_other(morod):
    """Of those that tell their length bit by bit, one after the other goes on."""
    request = pack(0, 9, "ping", [b"x" * 50_000] * 60)
    with morod(workers=1, max_queued_bytes="4M") as d:
        clients = [d.client() for _ in range(4)]
        for c in clients:
            c.send_bytes(request[:900_000])
        threads = [threading.Thread(target=c.send_bytes, args=(request[900_000:],))
                   for c in clients]
        for t in threads:
            t.start()
        assert [len(answers(c, 1)[0][3]) for c in clients] == [50_000] * 4
        for t in threads:
            t.join()


def go_on(d, c, request):
    """Sends as much of a message as the server takes; the rest is c.left."""
    with d.client() as other:
        c.left = request
        while (sent := send_until_full(c, c.left)) > 0:
            c.left = c.left[sent:]
            assert other.request("ping") == "pong"  # all of it was looked at


def begin(d, request):
    """A client that waits for memory."""
    c = d.client()
    go_on(d, c, request)
    assert c.left
    return c


@pytest.mark.parametrize("n", [1, 2])
def test_stop_while_some_wait(morod, n):
    """A stop is not held up by those whose message was not read."""
    request = pack(0, 9, "debug:echo", [b"x" * 3_000_000])
    with morod(workers=1, max_queued_bytes="4M") as d:
        holder = d.client()
        holder.send_bytes(request[:1_000_000])
        waiters = [begin(d, request) for _ in range(n)]
        assert d.stop() == 0
        assert "tasks are left" not in d.log()
        for w in waiters:
            w.close()


def test_first_come_first_served(morod):
    """Who comes later does not overtake, also where there is room for so little."""
    first = pack(0, 9, "ping", [b"a" * 3_000_000])
    second = pack(0, 9, "ping", [b"b" * 500_000])
    with morod(workers=1, max_queued_bytes="4M") as d, d.client() as holder:
        holder.send_bytes(first[:1_000_000])
        one, two = begin(d, first), begin(d, second)
        holder.send_bytes(first[1_000_000:])
        assert len(answers(holder, 1)[0][3]) == 3_000_000
        one.send_bytes(one.left)
        two.send_bytes(two.left)
        assert len(answers(one, 1)[0][3]) == 3_000_000
        assert len(answers(two, 1)[0][3]) == 500_000


def test_who_never_gets_any(morod, tmp_path):
    """After a minute it is told so; what it sent is given up, and others go on."""
    request = pack(0, 9, "debug:echo", [b"x" * 3_000_000])
    page = FaultPage(tmp_path / "page")
    with morod(workers=1, max_queued_bytes="4M", frame_timeout="1h",
               env=page.env(LIBRARY)) as d, d.client() as holder:
        holder.send_bytes(request[:1_000_000])
        waiter = begin(d, request)
        page.later_s = MINUTE
        with d.client() as c:
            wait_until(lambda: c.stats()["clientsDropped"] == 1)
        waiter.read_closed()
        error = waiter.extra[0][2]
        assert (error["code"], error["reason"]) == ("QUEUE_FULL", "bytes")
        holder.send_bytes(request[1_000_000:])
        assert len(answers(holder, 1)[0][3]) == 3_000_000


def test_half_closed(morod):
    """What cannot be whole any more is given up, while its client waits for other answers."""
    request = pack(0, 9, "debug:echo", [b"x" * 3_000_000])
    with morod(workers=2, max_queued_bytes="4M", frame_timeout="1h") as d:
        with d.client() as half, d.client() as c:
            half.submit("debug:sleep", {"ms": 60000})
            half.send_bytes(request[:1_000_000])
            half.sock.shutdown(socket.SHUT_WR)
            c.send_bytes(request)
            assert len(answers(c, 1)[0][3]) == 3_000_000


def test_the_first_goes(morod, tmp_path):
    """Then it is the next one's turn, for whom there was room all the time."""
    request = pack(0, 9, "debug:echo", [b"x" * 3_000_000])
    page = FaultPage(tmp_path / "page")
    with morod(workers=1, max_queued_bytes="4M", frame_timeout="1h",
               env=page.env(LIBRARY)) as d, d.client() as holder, d.client() as c:
        holder.send_bytes(request[:1_000_000])
        assert c.request("ping") == "pong"
        first = begin(d, request)
        page.later_s = MINUTE - 20
        assert c.request("ping") == "pong"
        second = begin(d, pack(0, 9, "debug:echo", [b"x" * 700_000]))
        page.later_s = MINUTE
        wait_until(lambda: c.stats()["clientsDropped"] == 1)
        second.send_bytes(second.left)
        assert len(answers(second, 1)[0][3]) == 700_000
        first.close()


def test_more_by_a_reload(morod, tmp_path):
    """Who waits goes on when there is to be more."""
    conf = tmp_path / "m.conf"
    request = pack(0, 9, "debug:echo", [b"x" * 3_000_000])
    text = "[morod]\nframe-timeout = 1h\nmax-queued-bytes = "
    conf.write_text(text + "4M\n")
    with morod(workers=1, config=conf) as d, d.client() as holder, d.client() as c:
        holder.send_bytes(request[:1_000_000])
        waiter = begin(d, request)
        conf.write_text(text + "40M\n")
        c.request("reload")
        waiter.send_bytes(waiter.left)
        assert len(answers(waiter, 1)[0][3]) == 3_000_000


# A turn hands out 1024 messages at most: the third has the last of them.
@pytest.mark.parametrize("size, between", [(5_500_000, 0), (2_900_000, 2100)])
def test_a_small_rest(morod, size, between):
    """Who waits for room for its task keeps no more than is there of its next one."""
    large = pack(0, 9, "debug:echo", [b"x" * size, {"onFull": "wait"}])
    if between > 0:
        large = pack(2, "no:such", [b"x" * size]) + pack(2, "no:such", []) * between
        large += pack(0, 9, "debug:echo", [1, {"onFull": "wait"}])
    # no more than poll() of who sends it has a socket's buffer take for empty
    ahead = pack(0, 10, "debug:echo", [b"y" * 100_000])[:10_000]
    with morod(workers=1, max_queued_bytes="6M", max_queue_size=1) as d, d.client() as c:
        for _ in range(2):
            c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["queueSize"] == 1)
        with d.client() as waiter, d.client() as other:
            waiter.send_bytes(large + ahead)
            assert c.request("ping") == "pong"
            other.send_bytes(pack(0, 9, "no:such", [b"x" * (8_500_000 - size)]))
            assert answers(other, 1)[0][2]["code"] == "UNKNOWN_TASK"


def test_who_takes_no_answers_meanwhile(morod):
    """Its place is kept, and nothing is given to it before it goes on."""
    request = pack(0, 9, "ping", [b"x" * 3_900_000])
    with morod(workers=1, max_queued_bytes="8M", max_frame="4M", frame_timeout="1h") as d:
        with d.client() as c, d.client() as slow:
            holders = [d.client() for _ in range(2)]
            for h in holders:
                h.send_bytes(request[:1_000_000])
            c.request("pause")
            tasks = [slow.submit("debug:echo", b"y" * 50_000) for _ in range(100)]
            d.wait(lambda s: s["queueSize"] == 100)
            go_on(d, slow, request)
            assert slow.left
            c.request("resume")
            d.wait(lambda s: s["completed"] == 100 and s["unreadBytes"] > 4 << 20)
            for h in holders:
                h.send_bytes(request[1_000_000:])
                assert len(answers(h, 1)[0][3]) == 3_900_000
            assert [len(t.result()) for t in tasks] == [50_000] * 100
            slow.send_bytes(slow.left)
            assert len(answers(slow, 1)[0][3]) == 3_900_000


def test_no_large_message(morod):
    """One of less than 256 KiB does not wait, also if most of it came behind another."""
    request = pack(0, 9, "debug:echo", [b"x" * 3_000_000])
    with morod(workers=1, max_queued_bytes="4M", frame_timeout="1h") as d:
        with d.client() as holder, d.client() as c:
            holder.send_bytes(request[:1_000_000])
            waiter = begin(d, request)
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400_000)
            pid = d.dispatcher_pid()
            os.kill(pid, signal.SIGSTOP)
            two = pack(0, 10, "ping", [b"x" * 60_000]) + pack(0, 11, "ping", [b"x" * 250_000])
            sent = send_until_full(c, two)
            os.kill(pid, signal.SIGCONT)
            c.send_bytes(two[sent:])
            assert [len(m[3]) for m in answers(c, 2)] == [60_000, 250_000]
            waiter.close()


def message(n, size):
    """One of that size, to be refused when it is whole."""
    head = pack(0, n, "no:such", [b"x" * 100_000])
    return pack(0, n, "no:such", [b"x" * (100_000 + size - len(head))])


def test_one_message_at_a_time(morod):
    """Who always has a part of the next one there keeps nobody else waiting."""
    grow = pack(0, 9, "ping", [b"x" * 700_000, b"y" * 700_000])
    size, ahead = 263_144, 64_000
    stop = threading.Event()

    def stream(c):
        """A message, and the beginning of the next, again and again."""
        with contextlib.suppress(OSError):
            for n in range(1, 1000):
                if stop.wait(0.1):
                    return
                c.send_bytes(message(n, size)[ahead:] + message(n + 1, size)[:ahead])

    with morod(workers=1, max_queued_bytes="4M", frame_timeout="500ms") as d, d.client() as c:
        others = [d.client() for _ in range(6)]
        others[0].send_bytes(message(0, size)[:150_000])
        for o in others[1:]:
            o.send_bytes(grow[:690_000])
        assert c.request("ping") == "pong"
        others[0].send_bytes(message(0, size)[150_000:] + message(1, size)[:ahead])
        assert c.request("ping") == "pong"
        streaming = threading.Thread(target=stream, args=(others[0],))
        streaming.start()
        for o in others[1:]:
            go_on(d, o, grow[690_000:-10])  # which never come to an end
        honest = begin(d, pack(0, 9, "ping", [b"x" * 500_000]))
        honest.send_bytes(honest.left)
        assert len(answers(honest, 1)[0][3]) == 500_000
        stop.set()
        streaming.join(DEADLINE)
        for o in others:
            o.close()


FRAME = 4 << 20
SPARE = 6 << 20  # of small parts, and of what the system gives in pieces


@pytest.fixture
def tight(morod):
    with morod(workers=1, max_queued_bytes=FRAME, max_frame=FRAME, frame_timeout="1h") as d:
        yield d


def growing(n):
    """A message that tells its length bit by bit."""
    return pack(0, n, "no:such", [[b"x" * 50_000] * 60])


@pytest.mark.release
def test_one_goes_over(tight):
    """However many have begun: one alone takes more than there is for all."""
    pid = tight.dispatcher_pid()
    before = memory(pid)
    clients = [tight.client() for _ in range(12)]
    request = growing(9)[:-10]
    for c in clients:
        go_on(tight, c, request[:300_000])
    for c in clients:
        go_on(tight, c, c.left + request[300_000:])
    assert memory(pid) - before < 2 * FRAME + SPARE
    for c in clients:
        c.close()


@pytest.mark.release
def test_nothing_is_kept_behind(tight):
    """All come, one after the other, and what is there of the next ones is small."""
    pid = tight.dispatcher_pid()
    before = memory(pid)
    clients = [tight.client() for _ in range(12)]
    request = growing(9) + growing(10)[:60_000]
    for c in clients:
        c.send_bytes(request[:200_000])
    threads = [threading.Thread(target=c.send_bytes, args=(request[200_000:],)) for c in clients]
    for t in threads:
        t.start()
    assert {answers(c, 1)[0][2]["code"] for c in clients} == {"UNKNOWN_TASK"}
    for t in threads:
        t.join()
    with tight.client() as c:
        assert c.request("ping") == "pong"
        wait_until(lambda: memory(pid) - before < 2 * FRAME + SPARE)
    for c in clients:
        c.close()
