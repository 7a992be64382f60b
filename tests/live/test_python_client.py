"""The Python client that waits: moro.Client against a real morod."""

import hashlib
import os
import pickle
import signal
import threading

import msgpack
import pytest

import moro
from harness import ROOT, wait_until
from played import Played, next_message

pytestmark = pytest.mark.release

DIGEST = hashlib.sha256(b"abc").hexdigest()


@pytest.fixture
def served(morod):
    """A server with the debug tasks, and a client of it."""
    with morod(workers=2) as d, moro.Client(d.socket) as c:
        c.daemon = d
        yield c


def busy(client):
    """Waits until a worker has begun a task."""
    client.daemon.wait(lambda s: s["activeTasks"] == 1)


# ---- Calls


def test_call_and_options(served):
    data = {"ms": 20_000}
    with pytest.raises(moro.Timeout) as e:
        served.call("debug:sleep", data, timeout=0.02)
    assert e.value.option == "timeout" and e.value.limit == 20 and e.value.retryable
    assert isinstance(e.value, TimeoutError) and "timeout" in str(e.value)
    with pytest.raises(moro.Timeout) as e:
        served.call("debug:sleep", data, run_timeout=0.03)
    assert (e.value.option, e.value.limit, e.value.reason) == ("runTimeout", 30, "run")
    served.pause()
    with pytest.raises(moro.Timeout) as e:
        served.call("debug:echo", 1, queue_timeout=0.04, priority="low", id="mine", on_full="wait")
    assert (e.value.option, e.value.limit, e.value.reason) == ("queueTimeout", 40, "queue")


def test_idempotent_and_retry(served):
    with pytest.raises(moro.WorkerError) as e:
        served.call("debug:crash", {"signal": "KILL"}, idempotent=True)
    assert e.value.reason == "poison" and e.value.details["attempts"] == 2
    with pytest.raises(moro.WorkerError) as e:
        served.call("debug:crash", {"signal": "KILL"}, retry={"max": 2, "on": ["crash"], "backoff": 0.001})
    assert e.value.details["attempts"] == 3
    with pytest.raises(moro.WorkerError) as e:
        served.call("debug:crash", {"signal": "KILL"}, retry=3)
    assert e.value.details["attempts"] == 4 and isinstance(e.value, RuntimeError)


@pytest.mark.parametrize(
    "options, name, message",
    [
        ({"timout": 5}, "timout", "unknown option timout; known are id, priority, timeout"),
        ({"runTimeout": 5}, "runTimeout", "run_timeout"),
        ({"timeout": 0}, "timeout", "more than 0"),
        ({"timeout": "5s"}, "timeout", "'5s'"),
        ({"timeout": float("nan")}, "timeout", "nan"),
        ({"timeout": 1e9}, "timeout", "4294967.295"),
        ({"timeout": True}, "timeout", "True"),
        ({"priority": "urgent"}, "priority", "'high' or 'normal' or 'low', not 'urgent'"),
        ({"id": ""}, "id", "1 to 256"),
        ({"idempotent": 1}, "idempotent", "True or False, not 1"),
        ({"on_full": "drop"}, "on_full", "'refuse' or 'wait'"),
        ({"retry": {"tries": 1}}, "retry.tries", "known are max, on, backoff, max_backoff"),
        ({"retry": {"on": "crash"}}, "retry.on", "a list"),
        ({"retry": 101}, "retry", "0 to 100"),
        ({"progress": "yes"}, "progress", "a function"),
    ],
)
def test_wrong_options_are_refused_here(served, options, name, message):
    with pytest.raises(moro.InvalidOption) as e:
        served.call("debug:echo", 1, **options)
    assert e.value.option == name and message in e.value.message
    assert isinstance(e.value, ValueError)
    with pytest.raises(moro.InvalidOption):
        served.hash("abc", **options)
    assert served.stats()["submitted"] == 0


def test_values_come_back(served):
    for value in (
        None, True, -(1 << 63), (1 << 64) - 1, 1.5, "grüß", b"\x00\xff", [1, [2]], {"a": {1: "b"}, b"k": 2},
        "raw \udcff text", msgpack.ExtType(5, b"x"), msgpack.Timestamp(1, 2), "x" * 300_000,
    ):
        back = served.call("debug:echo", value)
        assert back == value and type(back) is type(value)
    assert served.call("debug:echo", (1, 2)) == [1, 2]
    assert served.call("debug:echo", bytearray(b"a")) == b"a"


def test_strings_that_are_no_text(tmp_path):
    """str that is no UTF-8 is kept by surrogate escapes; keys of all kinds do no harm."""
    with Played(tmp_path) as peer:
        def play(sock, unpacker):
            _, number, _, _ = next_message(sock, unpacker)
            odd = b"\x94\x01" + msgpack.packb(number) + b"\xc0\x82\x91\x01\xa2\xff\xfe\x81\xa1k\xc3\x05"
            for byte in odd[:-1]:
                sock.sendall(bytes([byte]))
            sock.sendall(odd[-1:] + msgpack.packb([1, number + 1, None, "next"]))
            next_message(sock, unpacker)

        peer.run(play)
        with moro.Client(peer.path) as c:
            first, second = c.submit("a:b"), c.submit("a:b")
            result = first.result()
            assert result == {(1,): "\udcff\udcfe", (("k", True),): 5}
            assert list(result.values())[0].encode("utf-8", "surrogateescape") == b"\xff\xfe"
            assert second.result() == "next"


@pytest.mark.parametrize(
    "data, field, message",
    [
        ({"a": [1, {2}]}, "data.a[1]", "not set"),
        ({"a": {"b": object()}}, "data.a.b", "not object"),
        (1 << 64, "data", "2^64 - 1, float"),
        ({"n": 1 << 64}, "data.n", "not 18446744073709551616"),
        ({"s": "\ud800"}, "data.s", "lone surrogate"),
        ({(1, object()): 1}, "a key of data[1]", "not object"),
    ],
)
def test_data_that_cannot_be_sent(served, data, field, message):
    with pytest.raises(moro.InvalidArgument) as e:
        served.call("debug:echo", data)
    assert e.value.field == field and message in e.value.message
    assert served.ping() == "pong"


def test_wrong_types(served):
    for wrong in ("ping", 5, None):
        with pytest.raises(moro.InvalidArgument, match="task type"):
            served.call(wrong)
    with pytest.raises(moro.InvalidArgument, match="control method"):
        served.request("crypto:hash")
    with pytest.raises(moro.TooLarge, match="128"):
        served.call("x:" + "y" * 127)
    with pytest.raises(moro.UnknownTask):
        served.call("x:y")
    with pytest.raises(moro.UnknownMethod):
        served.request("nothing")


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_limits_of_hello(morod):
    """What would end the connection is not sent."""
    with morod(max_frame=1 << 20) as d, moro.Client(d.socket) as c:
        assert c.limits["maxFrame"] == 1 << 20
        with pytest.raises(moro.TooLarge) as e:
            c.call("debug:echo", b"x" * (1 << 20))
        assert e.value.limit == 1 << 20 and e.value.details["size"] > 1 << 20
        assert c.call("debug:echo", nested(32)) == nested(32)
        assert c.call("debug:echo", [nested(31) + [0] * 99])
        with pytest.raises(moro.TooLarge, match="nested deeper"):
            c.call("debug:echo", nested(33))
        with pytest.raises(moro.TooLarge, match="nested deeper"):
            c.call("debug:echo", {"a": nested(32)})
        most = c.limits["maxValues"]
        assert len(c.call("debug:echo", [0] * (most - 100))) == most - 100
        with pytest.raises(moro.TooLarge, match="values"):
            c.call("debug:echo", [0] * most)
        loop = []
        loop.append(loop)
        with pytest.raises(moro.Error, match="deep"):
            c.call("debug:echo", loop)
        assert c.connected and c.ping() == "pong"


def test_many_at_once(served):
    tasks = [served.submit("debug:echo", i, on_full="wait") for i in range(3000)]
    assert [task.result() for task in tasks] == list(range(3000))


def test_nothing_is_kept_of_answers(served):
    """What is kept to read an odd message again is let go of with each message."""
    for size in (1, 1000, 1_000_000, 1):
        served.call("debug:echo", b"x" * size)
        assert served._session._stream._chunks == [] and served._session.pending == {}


def test_large_both_ways(served):
    """More than sockets hold, in and out: the client reads while it writes."""
    blobs = [os.urandom(1 << 20) for _ in range(4)]
    tasks = [served.submit("debug:echo", blob) for blob in blobs * 8]
    assert [task.result() for task in tasks] == blobs * 8


def test_threads(served):
    """Threads share a client, and each gets its own answers."""
    failures = []

    def body(n):
        try:
            for i in range(200):
                value = [n, i, "x" * (i * 100)]
                assert served.call("debug:echo", value, on_full="wait") == value
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=body, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures and not any(thread.is_alive() for thread in threads)


def test_a_thread_that_waits_longer_hands_on(served):
    """One whose answer is there goes on, whoever reads for whom."""
    slow = served.submit("debug:sleep", {"ms": 20_000})
    waiter = threading.Thread(target=slow.exception)
    waiter.start()
    wait_until(lambda: served._reading, "a reader")
    assert served.call("debug:echo", 1) == 1
    assert slow.cancel() and isinstance(slow.exception(20), moro.Cancelled)
    waiter.join(20)
    assert not waiter.is_alive()


def test_close_wakes_those_who_wait(served, monkeypatch):
    """Also one that waits in the kernel, which a mere close() would leave there."""
    slow = served.submit("debug:sleep", {"ms": 60_000})
    found, waiting = [], threading.Event()
    wait = moro.connection.channel.wait

    def say_and_wait(*args):
        waiting.set()  # this thread goes on until it waits: it has the interpreter's lock
        wait(*args)

    monkeypatch.setattr(moro.connection.channel, "wait", say_and_wait)
    waiter = threading.Thread(target=lambda: found.append(slow.exception()), daemon=True)
    waiter.start()
    assert waiting.wait(20)
    served.close()
    waiter.join(20)
    assert isinstance(found[0], moro.Closed)


def test_task(served):
    task = served.submit("debug:sleep", {"ms": 20_000})
    told = []
    task.add_done_callback(told.append)
    assert not task.done() and "waiting" in repr(task)
    with pytest.raises(moro.WaitTimeout) as e:
        task.result(0.01)
    assert isinstance(e.value, TimeoutError)
    busy(served)
    assert task.cancel() is True
    with pytest.raises(moro.Cancelled) as e:
        task.result(20)
    assert e.value.reason == "client"
    assert task.done() and task.cancelled() and task.cancel() is False and told == [task]
    task.add_done_callback(told.append)
    assert told == [task, task]
    task.add_done_callback(lambda _: 1 / 0)  # is logged
    quick = served.submit("debug:echo", 1)
    wait_until(quick.done, "the answer")
    assert quick.exception() is None and not quick.cancelled()


def test_cancel_by_name(served):
    task = served.submit("debug:sleep", {"ms": 20_000}, id="mine")
    assert served.cancel(id="mine") in ("queued", "running")
    assert isinstance(task.exception(20), moro.Cancelled)
    assert served.cancel(msgid=999) == "unknown"
    with pytest.raises(moro.InvalidArgument):
        served.cancel()
    other = served.submit("debug:sleep", {"ms": 20_000})
    (listed,) = served.ls(type="debug:sleep")
    with moro.Client(served.path) as admin:
        admin.cancel(msgid=listed["msgid"], client=listed["client"])
    assert other.exception(20).reason == "admin"


def test_timeout_of_the_client_cancels(morod):
    with morod() as d, moro.Client(d.socket, timeout=0.1) as c:
        with pytest.raises(moro.WaitTimeout):
            c.call("debug:sleep", {"ms": 20_000})
        d.wait(lambda s: s["cancelled"] == 1 and s["activeTasks"] == 0)
        c.timeout = None
        assert c.ping() == "pong"


def test_interrupt_cancels(served):
    """Ctrl-C in a call stops the task as well."""
    def interrupt():
        busy(served)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            served.call("debug:sleep", {"ms": 20_000})
    finally:
        thread.join(20)
        signal.signal(signal.SIGINT, old)
    served.daemon.wait(lambda s: s["cancelled"] == 1 and s["activeTasks"] == 0)
    assert served.ping() == "pong"


def test_progress(served):
    reports = []
    served.call("debug:work", {"steps": 30, "ms": 300}, progress=reports.append)
    assert reports and all(isinstance(r, moro.Progress) for r in reports)
    assert [r.done for r in reports] == sorted(r.done for r in reports)
    assert reports[-1].total == 30


def test_a_callback_may_call_and_fail(served):
    """A callback is run out of all locks, and its error is nobody else's."""
    seen = []

    def callback(progress):
        seen.append(served.ping())
        raise ValueError("mine")

    served.call("debug:work", {"steps": 30, "ms": 300}, progress=callback)
    assert set(seen) == {"pong"}


def test_notify(served):
    served.notify("debug:echo", 1)
    served.notify("debug:echo", 1, priority="low")
    served.daemon.wait(lambda s: s["completed"] == 2)
    for option in ({"progress": print}, {"batch": True}):
        with pytest.raises(moro.InvalidOption, match="does not go with notify") as e:
            served.notify("debug:echo", [1], **option)
        assert e.value.option in option


def test_batch(served):
    assert served.batch("crypto:hash", [{"input": "abc"}] * 3) == [DIGEST] * 3
    mixed = [{"input": "abc"}, {"input": 5}]
    one, other = served.batch("crypto:hash", mixed, return_exceptions=True)
    assert one == DIGEST and isinstance(other, moro.InvalidArgument) and other.field == "input"
    with pytest.raises(moro.InvalidArgument):
        served.batch("crypto:hash", mixed)
    assert served.batch("debug:echo", [None, {"error": 1}]) == [None, {"error": 1}]
    assert served.batch("debug:echo", iter("ab")) == ["a", "b"]
    for wrong in (5, "ab", {"a": 1}):
        with pytest.raises(moro.InvalidArgument, match="batch takes a list"):
            served.batch("debug:echo", wrong)


def test_subscribe(morod):
    with morod(workers=1, max_queue_size=10) as d, moro.Client(d.socket) as c:
        news = []
        assert c.subscribe(news.append)[0]["state"] == "low"
        c.pause()
        tasks = [c.submit("debug:echo", i) for i in range(10)]
        wait_until(lambda: c.poll(0.01) or news, "the news")
        assert news[0]["state"] == "high"
        c.resume()
        for task in tasks:
            task.result()
        wait_until(lambda: c.poll(0.01) or len(news) == 2, "the news")
        c.unsubscribe()


def test_control(served):
    assert served.ping() == "pong" and served.ping([1]) == [1]
    assert served.stats()["workers"] == 2 and "series" in served.stats(buckets=True)
    assert [t["type"] for t in served.types("crypto:hash")] == ["crypto:hash"]
    assert len(served.types()) > 10
    assert served.ls() == [] == served.poison()
    assert isinstance(served.slow(3), list)
    assert served.pause("debug:echo") and served.resume("debug:echo")
    assert served.pause("low") and served.resume()
    assert served.scale((1, 3)) and served.scale(2) and served.scale(2, pool=served.stats()["pools"][0]["name"])
    with pytest.raises(moro.InvalidArgument, match="least, most"):
        served.scale((1,))
    assert served.log_level() == "info" and served.log_level("debug") == "debug"
    assert served.drain()
    with pytest.raises(moro.ShuttingDown):
        served.call("debug:echo")
    assert served.resume() and served.call("debug:echo", 1) == 1
    assert served.reload() == {"warnings": ""}
    assert served.clients(limit=1)[0]["unfinished"] == 0
    assert served.shutdown() is True


def test_shutdown_now(served):
    task = served.submit("debug:sleep", {"ms": 20_000})
    busy(served)
    assert served.shutdown(now=True) is True
    assert isinstance(task.exception(20), moro.Cancelled)


# ---- Errors


def test_every_code_has_a_class():
    """The table of the protocol, and that errors cross process borders."""
    import re

    section = (ROOT / "proto" / "PROTOCOL.md").read_text().split("## 6. Errors")[1].split("## 7.")[0]
    codes = set(re.findall(r"`([A-Z_]{6,})`", "\n".join(l for l in section.splitlines() if l.startswith("| `"))))
    codes -= {"CODE"}
    assert len(codes) >= 15
    for code in codes:
        error = moro.errors.from_wire({"code": code, "message": "m", "reason": "r", "retryable": True, "limit": 7})
        assert type(error) is not moro.Error and error.code == code
        back = pickle.loads(pickle.dumps(error))
        assert (type(back), str(back), back.reason, back.retryable, back.limit) == (
            type(error), f"{code}: m", "r", True, 7,
        )
    later = moro.errors.from_wire({"code": "LATER", "message": "m"})
    assert type(later) is moro.Error and later.code == "LATER"
    assert isinstance(moro.errors.from_wire("TIMEOUT: timeout of 5 ms"), moro.Timeout)
    assert isinstance(moro.errors.from_wire([0, "UNKNOWN_TASK: x"]), moro.UnknownTask)


def test_queue_full(morod):
    with morod(workers=1, max_queue_size=1) as d, moro.Client(d.socket) as c:
        c.pause()
        c.submit("debug:echo")
        with pytest.raises(moro.QueueFull) as e:
            c.call("debug:echo")
        assert e.value.reason == "count" and e.value.retryable and e.value.retry_after > 0
