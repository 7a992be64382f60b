"""What a hostile or unlucky peer may do, and how little it costs the others."""

import os
import resource
import signal
import time

import msgpack
import pytest

from harness import SANITIZED, alive, cpu_seconds, wait_until


def rss_mib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) // 1024


def test_flood_of_questions(morod):
    """20,000 small requests with large answers do not hold up others, or fill memory."""
    n = 20_000
    request = msgpack.packb([0, 1, "types", []])
    with morod(workers=1) as d, d.client() as other:
        pid = d.dispatcher_pid()
        before = rss_mib(pid)
        flood = d.client(hello=False)
        flood.sock.setblocking(False)
        sent = 0
        try:
            while sent < n * len(request):
                sent += flood.sock.send(request * 1000)
        except BlockingIOError:
            pass
        cpu = cpu_seconds([pid])
        assert other.call("debug:echo", "still here") == "still here"
        assert cpu_seconds([pid]) - cpu < 1
        assert rss_mib(pid) - before < 200
        flood.close()


def test_flood_is_answered_whole(morod):
    """More messages in one segment than a turn takes are all answered, in order."""
    n = 10_000
    with morod(workers=1) as d, d.client(hello=False) as c:
        c.send_bytes(b"".join(msgpack.packb([0, i, "ping", []]) for i in range(n)))
        c.read_until(lambda: len(c.extra) == n)
        assert [m[1] for m in c.extra] == list(range(n))


def test_long_list_is_read_in_linear_time(morod):
    """A large message that tells its length bit by bit is not moved over and over."""
    data = ["x" * 16_000] * 2000
    with morod(workers=1) as d, d.client() as c:
        pids = [d.dispatcher_pid(), *d.worker_pids()]
        small = cpu_seconds(pids)
        c.call("debug:echo", data[:500])
        small = cpu_seconds(pids) - small
        large = cpu_seconds(pids)
        assert c.call("debug:echo", data) == data
        large = cpu_seconds(pids) - large
        assert large < 10 * max(small, 0.15 if SANITIZED else 0.05)


@pytest.mark.skipif(SANITIZED, reason="the sanitizer reserves terabytes of addresses")
def test_task_that_no_worker_can_hold(morod):
    """A message that kills its workers before they begin is answered in the end."""
    with morod(workers=1) as d, d.client() as c:
        limit = 60_000_000  # of addresses: enough to live, not for the message
        resource.prlimit(d.process.pid, resource.RLIMIT_AS, (limit, limit))
        os.kill(d.worker_pids()[0], signal.SIGKILL)
        d.wait(lambda s: s["workers"] == 1 and s["pools"][0]["workers"][0]["restarts"] == 1)
        error = c.submit("debug:echo", b"x" * (60 << 20)).error()
        assert error["reason"] == "crashed"
        d.wait(lambda s: s["workers"] == 1)
        assert d.workers()[0]["restarts"] == 5  # that one, and four tries
        assert c.call("debug:echo", "next") == "next"


def test_small_limits_do_not_break_results(morod):
    """Limits on what callers send are no limits on what a token's payload holds."""
    payload = {f"k{i}": i for i in range(40)}
    with morod(workers=1) as d, d.client() as c:
        token = c.call("jwt:sign", {"payload": payload, "secret": "s" * 32})
    with morod(workers=1, max_values=24, max_depth=1) as d, d.client() as c:
        answer = c.call("jwt:verify", {"token": token, "secret": "s" * 32})
        assert answer["valid"] and answer["payload"]["k39"] == 39
        assert d.workers()[0]["restarts"] == 0


def test_hung_dispatcher_can_be_stopped(morod):
    """A dispatcher that hangs does not keep the master from stopping."""
    with morod(workers=2) as d:
        pids = d.pids()
        os.kill(d.dispatcher_pid(), signal.SIGSTOP)
        d.process.send_signal(signal.SIGTERM)
        d.wait_log("SIGTERM")
        assert d.stop() == 0
        wait_until(lambda: not any(alive(p) for p in pids))
        assert not os.path.exists(d.socket)


def test_queue_timeout_counts_after_a_return(morod):
    """Waiting goes on for a task that came back from a dead worker: it does not begin again."""
    with morod(workers=1) as d, d.client() as c:
        for wanted in (100, 200, 400):  # make respawn slow: 800 ms
            os.kill(d.worker_pids()[0], signal.SIGKILL)
            d.wait_log(f"next one in {wanted} ms")
            d.wait(lambda s: s["workers"] == 1)
        pid = d.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        begin = time.monotonic()
        call = c.submit("debug:echo", 1, queueTimeout=700)
        d.wait(lambda s: s["activeTasks"] == 1, begun=False)
        wait_until(lambda: time.monotonic() - begin > 0.6)
        os.kill(pid, signal.SIGKILL)
        assert call.error()["option"] == "queueTimeout"
        assert 0.7 <= time.monotonic() - begin < 1.1
