"""The rules of the wire: proto/PROTOCOL.md sections 2 to 7."""

import os
import socket
import struct
import subprocess
import time

import msgpack
import pytest

from harness import DEADLINE, SANITIZED, wait_until


def pack(*message):
    return msgpack.packb(list(message))


def answers(c, n):
    """The next n messages of a client, as they came."""
    c.read_until(lambda: len(c.extra) >= n)
    return [c.extra.pop(0) for _ in range(n)]


def test_byte_by_byte(morod):
    """A request that comes in single bytes is answered like any other."""
    with morod() as d, d.client(hello=False) as c:
        for byte in pack(0, 9, "debug:echo", [{"a": [1, "x", b"y", None]}]):
            c.send_bytes(bytes([byte]))
        assert answers(c, 1) == [[1, 9, None, {"a": [1, "x", b"y", None]}]]


def test_two_messages_in_one_segment(morod):
    """Messages simply follow one another; nothing stands between them."""
    with morod(workers=1) as d, d.client(hello=False) as c:
        c.send_bytes(pack(0, 1, "debug:echo", ["a"]) + pack(0, 2, "debug:echo", ["b"]))
        assert sorted(m[3] for m in answers(c, 2)) == ["a", "b"]


def test_every_split(morod):
    """Two messages cut in two at every byte give the same two answers."""
    data = pack(0, 1, "debug:echo", [{"k": "v" * 40}]) + pack(0, 2, "ping", [])
    with morod(workers=1) as d, d.client(hello=False) as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for cut in range(1, len(data)):
            c.send_bytes(data[:cut])
            c.send_bytes(data[cut:])
            assert {m[1] for m in answers(c, 2)} == {1, 2}


def test_half_close(morod):
    """A client that closed its writing side still gets all its answers."""
    with morod(workers=1) as d, d.client(hello=False) as c:
        c.send_bytes(
            pack(0, 1, "debug:sleep", [{"ms": 100}]) + pack(0, 2, "debug:echo", ["b"])
        )
        c.sock.shutdown(socket.SHUT_WR)
        c.read_closed()
        assert [m[1] for m in c.extra] == [1, 2]


def test_half_close_then_gone(morod):
    """A half-closed client that goes away takes its running task along."""
    with morod(workers=1) as d:
        c = d.client(hello=False)
        c.send_bytes(pack(0, 1, "debug:sleep", [{"ms": 60000}]))
        d.wait(lambda s: s["activeTasks"] == 1)
        c.sock.shutdown(socket.SHUT_WR)
        d.wait(lambda s: s["activeTasks"] == 1)
        c.close()
        d.wait(lambda s: s["activeTasks"] == 0 and s["workers"] == 1)


def test_half_close_with_large_answers(morod):
    """Answers larger than the socket's buffer come after a half-close as well."""
    with morod(workers=2) as d, d.client(hello=False) as c:
        big = b"z" * 3_000_000
        c.send_bytes(b"".join(pack(0, i, "debug:echo", [big]) for i in range(3)))
        c.sock.shutdown(socket.SHUT_WR)
        c.read_closed()
        assert sorted(m[1] for m in c.extra) == [0, 1, 2]
        assert all(m[3] == big for m in c.extra)


def test_envelope_encodings(morod):
    """array16 and array32 envelopes and wide integers are legal, if clumsy."""
    with morod() as d, d.client(hello=False) as c:
        body = b"\xcf" + struct.pack(">Q", 5) + msgpack.packb("ping") + b"\x90"
        c.send_bytes(b"\xdc\x00\x04\x00" + body)
        c.send_bytes(b"\xdd\x00\x00\x00\x04\xcc\x00" + body)
        c.send_bytes(b"\x94\xd3" + struct.pack(">q", 0) + body)
        assert answers(c, 3) == [[1, 5, None, "pong"]] * 3


def test_answers_are_fixarrays_with_small_integers(morod):
    """R1: 0x94, and msgids in as few bytes as they need."""
    with morod() as d:
        for msgid in (0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53):
            with d.client(hello=False) as c:
                c.send_bytes(pack(0, msgid, "ping", []))
                want = pack(1, msgid, None, "pong")
                got = b""
                while len(got) < len(want):
                    got += c.sock.recv(100)
                assert got == want


def test_nothing_is_sent_unasked(morod):
    """R2: only answers come, also when tasks fail and workers die."""
    with morod() as d, d.client(hello=False) as c:
        c.notify("debug:echo", 1)
        c.notify("debug:crash", {"exit": 1})
        c.notify("nobody:knows", 1)
        c.notify("nothing")
        c.submit("debug:crash", {"signal": "SIGKILL"}).error()
        assert c.request("ping") == "pong"
        assert c.unasked == [] and c.extra == []


def test_unknown_methods(morod):
    """R3: unknown requests get an error, unknown notifications are counted."""
    with morod() as d, d.client() as c:
        error = c.start("frobnicate").error()
        assert error["code"] == "UNKNOWN_METHOD" and "frobnicate" in error["message"]
        error = c.start("no:such").error()
        assert error["code"] == "UNKNOWN_TASK" and "no:such" in error["message"]
        c.notify("frobnicate", 1)
        c.notify("no:such", 1)
        c.notify("ping")
        assert c.request("ping") == "pong"
        assert c.stats()["notificationsIgnored"] == 3


def test_error_shapes(morod):
    """R4: a string by default, a map after hello, a pair for Neovim's clients."""
    with morod() as d:
        with d.client(hello=False) as c:
            assert c.start("no:such").error().startswith("UNKNOWN_TASK: ")
            c.request("hello")
            assert c.start("no:such").error()["code"] == "UNKNOWN_TASK"
            c.request("hello", {"errors": "string"})
            assert c.start("no:such").error().startswith("UNKNOWN_TASK: ")
            c.request("hello", {"errors": "pair"})
            zero, text = c.start("no:such").error()
            assert zero == 0 and text.startswith("UNKNOWN_TASK: ")
        with d.client(hello=False) as c:
            c.notify("nvim_set_client_info", "test", {}, "remote", {}, {})
            error = c.submit("debug:fail", {"message": "oh"}).error()
            assert error == [0, "WORKER_ERROR: oh"]


def test_result_is_nil_with_an_error(morod):
    """R4: exactly one of error and result is set."""
    with morod() as d, d.client() as c:
        assert c.submit("debug:fail", {"message": "no"}).wait()[1] is None
        assert c.submit("debug:echo", None).wait() == (None, None)


def test_text_is_utf8_and_keys_are_strings(morod):
    """R5: what the server sends as str is UTF-8, whatever the peer sent."""
    with morod() as d, d.client() as c:
        raw = b"\x94\x00\x07" + b"\xa6a:\xff\xfe\x00b" + b"\x90"
        c.send_bytes(raw)
        message = answers(c, 1)[0]
        assert message[2]["code"] == "UNKNOWN_TASK"

        def check(value):
            if isinstance(value, dict):
                assert all(isinstance(k, str) for k in value)
                for v in value.values():
                    check(v)
            if isinstance(value, list):
                for v in value:
                    check(v)

        check(c.stats())
        check(c.server)
        check(c.request("types"))


def test_text_and_bytes_alike(morod):
    """R6, R11: names, keys and texts may come as str or as bin."""
    with morod() as d, d.client() as c:
        c.send_bytes(
            pack(0, 50, b"crypto:hash", [{b"input": b"abc", b"algorithm": b"md5"},
                                         {b"priority": b"high", b"id": b"x"}])
        )
        assert answers(c, 1) == [[1, 50, None, "900150983cd24fb0d6963f7d28e17f72"]]
        c.send_bytes(pack(0, 51, b"ping", []))
        assert answers(c, 1) == [[1, 51, None, "pong"]]


def test_params_may_be_nil_or_one_map(morod):
    """R9: nil counts as no parameters, a single map as one."""
    with morod() as d, d.client() as c:
        c.send_bytes(pack(0, 1001, "ping", None))
        assert answers(c, 1) == [[1, 1001, None, "pong"]]
        c.send_bytes(pack(0, 1002, "crypto:hash", {"input": "abc", "algorithm": "md5"}))
        assert answers(c, 1)[0][3] == "900150983cd24fb0d6963f7d28e17f72"
        assert c.start("debug:echo", 1, {}, 3).error()["field"] == "params"
        assert c.start("debug:echo").result() is None


@pytest.mark.parametrize(
    "data, code",
    [
        (b"\xc1", "PROTOCOL_ERROR"),
        (b"GET / HTTP/1.1\r\n", "PROTOCOL_ERROR"),
        (b"\x00", "PROTOCOL_ERROR"),
        (b"\x92\x00\x01", "PROTOCOL_ERROR"),
        (b"\x94\x03", "PROTOCOL_ERROR"),
        (b"\x93\x00", "PROTOCOL_ERROR"),
        (b"\x94\x02", "PROTOCOL_ERROR"),
        (b"\x94\x00\xff", "PROTOCOL_ERROR"),
        (b"\x94\x00\xcf" + b"\xff" * 8, "PROTOCOL_ERROR"),
        (b"\x94\x00\x07\x01", "PROTOCOL_ERROR"),
        (b"\x94\x00\x07\xa4ping\x01", "PROTOCOL_ERROR"),
        (b"\x94\x00\x07\xa4ping\x91\xc1", "PROTOCOL_ERROR"),
        (b"\x94\x01\x07\xc0\xc0", "PROTOCOL_ERROR"),
        (b"\x94\x00\x07\xd9\x81", "TOO_LARGE"),
        (b"\x94\x00\x07\xa4ping\xdd\xff\xff\xff\xff", "TOO_LARGE"),
        (b"\x94\x00\x07\xa4ping\x91\xc6\xff\xff\xff\xff", "TOO_LARGE"),
        (b"\x94\x00\x07\xa4ping\x91\xdf\xff\xff\xff\xff", "TOO_LARGE"),
        (b"\x94\x00\x07\xa4ping\x91\xdd\x00\x20\x00\x00", "TOO_LARGE"),
        (b"\x94\x00\x07\xa4ping\x91" + b"\x91" * 33, "TOO_LARGE"),
        (b"\x94\x00\x07\xa4ping\x91" + b"\xdc\xff\xff" * 20, "TOO_LARGE"),
    ],
)
def test_broken_input(morod, data, code):
    """S1 to S5: refused at the byte that shows it, answered, closed; others go on."""
    with morod() as d, d.client() as other, d.client() as c:
        c.send_bytes(data)
        c.read_closed()
        message = c.extra[0]
        known = len(data) > 2 and data[:3] == b"\x94\x00\x07"
        assert message[1] == (7 if known or data[:3] == b"\x94\x01\x07" else 0)
        assert message[2]["code"] == code
        if code == "TOO_LARGE":
            assert message[2]["limit"] > 0
        assert other.call("debug:echo", "fine") == "fine"


def test_depth_up_to_the_limit(morod):
    """32 nested containers in data pass, as msgpack-c takes them; 33 do not."""
    deep = 1
    for _ in range(32):
        deep = [deep]
    with morod() as d, d.client() as c:
        assert c.call("debug:echo", deep) == deep
        error = c.submit("debug:echo", [deep]).error()
        assert error["code"] == "TOO_LARGE" and error["limit"] == 32


def test_values_up_to_the_limit(morod):
    """The number of values is limited by its own limit, not by memory."""
    with morod(max_values=1000) as d, d.client() as c:
        fits = [0] * 980
        assert c.call("debug:echo", fits) == fits
        assert c.submit("debug:echo", [0] * 1000).error()["code"] == "TOO_LARGE"


def test_frame_limit_is_configurable(morod):
    """A message over --max-frame is refused at its header, one below passes."""
    with morod(max_frame="64K") as d, d.client() as c:
        assert c.server["limits"]["maxFrame"] == 65536
        assert len(c.call("debug:echo", b"x" * 65000)) == 65000
        c.send_bytes(b"\x94\x00\x09\xaadebug:echo\x91\xc6" + struct.pack(">I", 65536))
        c.read_closed()
        assert c.extra[0][2]["code"] == "TOO_LARGE" and c.extra[0][2]["limit"] == 65536


def test_largest_message(morod):
    """A message of the default limit, 64 MiB, goes there and back."""
    if SANITIZED:
        size = 8 << 20
    else:
        size = (64 << 20) - 64
    with morod(workers=1) as d, d.client() as c:
        data = b"q" * size
        assert c.call("debug:echo", data) == data


def test_incomplete_message_times_out(morod):
    """S6: a message must be complete within the frame timeout."""
    with morod(frame_timeout="100ms") as d, d.client() as idle, d.client() as c:
        c.send_bytes(b"\x94\x00\x05\xa4pi")
        c.read_closed()
        assert c.extra[0][2]["code"] == "PROTOCOL_ERROR"
        assert "100 ms" in c.extra[0][2]["message"]
        assert idle.request("ping") == "pong"  # an idle one may stay


def test_each_message_has_its_own_time(morod):
    """One that always has a message under way is not cut off for that."""
    request = pack(0, 1, "ping", [])
    with morod(frame_timeout="200ms") as d, d.client(hello=False) as c:
        end = time.monotonic() + 0.7
        c.send_bytes(request[:4])
        while time.monotonic() < end:
            c.send_bytes(request[4:] + request[:4])
            assert answers(c, 1) == [[1, 1, None, "pong"]]
        c.send_bytes(request[4:])
        assert answers(c, 1) == [[1, 1, None, "pong"]]


def test_whole_messages_are_not_late(morod):
    """They wait for their turn, behind a first one that has much to answer."""
    n = 1000  # of some 0.2 ms each
    with morod(frame_timeout="20ms") as d, d.client(hello=False) as c:
        c.send_bytes(pack(0, 1, "types", []) * n)
        assert all(error is None for _, _, error, _ in answers(c, n))


def test_who_does_not_take_its_last_message(morod):
    """It has a second for that, and then is closed, whatever it has not read."""
    with morod(workers=1) as d, d.client() as c:
        deaf = d.client()
        deaf.submit("debug:echo", b"x" * 3_000_000)
        d.wait(lambda s: s["completed"] == 1 and s["unreadBytes"] > 1_000_000)
        deaf.send_bytes(b"\xc1")
        wait_until(lambda: c.stats()["clientsBroken"] == 1)
        wait_until(lambda: c.stats()["clients"] == 1)
        wait_until(lambda: c.stats()["unreadBytes"] < 1_000_000)


def test_options_are_checked(morod):
    """Unknown, duplicate and wrong options are refused by name."""
    cases = [
        ({"priorty": "high"}, "priorty", "known are id, priority, timeout"),
        ({"priority": "urgent"}, "priority", '"high", "normal" or "low"'),
        ({"priority": 1}, "priority", '"high"'),
        ({"timeout": 0}, "timeout", "milliseconds"),
        ({"timeout": -5}, "timeout", "milliseconds"),
        ({"timeout": "5s"}, "timeout", '"5s"'),
        ({"timeout": 1.5}, "timeout", "1.5"),
        ({"timeout": 2**32}, "timeout", "2^32 - 1"),
        ({"runTimeout": None}, "runTimeout", "nil"),
        ({"queueTimeout": True}, "queueTimeout", "boolean"),
        ({"id": ""}, "id", "1 to 256"),
        ({"id": 5}, "id", "1 to 256"),
        ({"id": "x" * 257}, "id", "1 to 256"),
    ]
    with morod() as d, d.client() as c:
        for options, name, words in cases:
            error = c.start("debug:echo", 1, options).error()
            assert error["code"] == "INVALID_OPTION", options
            assert error["option"] == name and words in error["message"], error
        error = c.start("debug:echo", 1, [1]).error()
        assert error["code"] == "INVALID_OPTION" and "a map" in error["message"]
        twice = b"\x82\xa7timeout\x05\xa7timeout\x06"
        c.send_bytes(b"\x94\x00\x63\xaadebug:echo\x92\x01" + twice)
        error = answers(c, 1)[0][2]
        assert error["code"] == "INVALID_OPTION" and "twice" in error["message"]
        assert c.start("debug:echo", 1, None).result() == 1
        assert c.start("debug:echo", 1, {"timeout": 5000.0}).result() == 1


def test_notification_of_a_task(morod):
    """A task sent as a notification runs, without an answer."""
    with morod() as d, d.client() as c:
        c.notify("debug:echo", "quiet")
        d.wait(lambda s: s["completed"] == 1)
        assert c.request("ping") == "pong" and c.extra == []


def test_notification_outlives_its_connection(morod):
    """Fire and forget: the task is done though its client is gone."""
    with morod(workers=1) as d:
        with d.client() as c:
            c.notify("debug:sleep", {"ms": 100})
            c.notify("debug:echo", 1)
        d.wait(lambda s: s["completed"] == 2 and s["clients"] == 1)


def test_hello(morod):
    """hello tells both who they are; limits are all there."""
    with morod(workers=1, max_queue_size=7) as d, d.client() as c:
        h = c.server
        assert h["server"] == "morod" and h["proto"] == 1 and h["features"] == ["cancel", "progress", "retry", "batch", "backpressure", "fd"]
        assert h["pid"] == d.process.pid and h["role"] == "admin"
        assert "crypto:hash" in h["types"] and h["started"] > 0
        assert h["limits"] == {
            "maxFrame": 64 << 20, "maxDepth": 32, "maxValues": 1000000,
            "maxMethod": 128, "maxFile": 4 << 30, "maxClientTasks": 4096, "maxQueueSize": 7,
            "maxClientBytes": 1 << 30, "maxQueuedBytes": 1 << 30, "frameTimeoutMs": 10000,
        }
        assert c.request("hello", {"name": "x", "later": {"deep": [1]}, 5: 6})
        for bad, field in [({"errors": "xml"}, "errors"), ({"proto": 0}, "proto"),
                           ({"name": 5}, "name"), ({"features": "fd"}, "features"),
                           ([1], "hello")]:
            error = c.start("hello", bad).error()
            assert error["code"] == "INVALID_ARGUMENT" and error["field"] == field


def test_types(morod):
    """types describes all, or one; an unknown name is an error."""
    with morod() as d, d.client() as c:
        types = c.request("types")
        names = [t["type"] for t in types]
        assert len(set(names)) == len(names) and names == c.server["types"]
        for name in ("crypto:hash", "crypto:encrypt", "crypto:decrypt", "jwt:sign",
                     "jwt:verify", "data:compress", "data:decompress"):
            assert name in names
        (one,) = c.request("types", "crypto:hash")
        assert one == types[names.index("crypto:hash")]
        assert "input" in [f["name"] for f in one["fields"]]
        assert c.start("types", "x:y").error()["code"] == "UNKNOWN_TASK"
        assert c.start("types", 5).error()["code"] == "INVALID_ARGUMENT"


def test_ping_gives_back(morod):
    """ping answers pong, or the value it was given."""
    with morod() as d, d.client() as c:
        assert c.request("ping") == "pong"
        assert c.request("ping", {"a": [1, 2]}) == {"a": [1, 2]}


def test_control_is_answered_while_all_workers_are_busy(morod):
    """stats, ping and types need no worker."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        assert c.request("ping") == "pong"
        assert c.stats()["activeTasks"] == 1
        assert c.request("types")


def test_client_that_does_not_read(morod):
    """One that takes no answers is not read from, and disturbs nobody."""
    with morod(workers=1, max_frame="64K") as d, d.client() as other:
        c = d.client()
        request = pack(0, 1, "ping", ["x" * 60000])
        c.sock.setblocking(False)
        sent = 0
        try:
            while sent < (64 << 20):
                sent += c.sock.send(request)
        except BlockingIOError:
            pass
        assert sent < (8 << 20)
        for i in range(20):
            assert other.call("debug:echo", i) == i
        c.close()
        d.wait(lambda s: s["clients"] == 2)


def test_many_connections_that_say_nothing(morod):
    """Idle connections cost nothing to the others, and go away."""
    with morod(workers=1, max_clients=40) as d:
        idle = [d.client(hello=False) for _ in range(30)]
        with d.client() as c:
            assert c.call("debug:echo", 1) == 1
        for c in idle:
            c.close()
        d.wait(lambda s: s["clients"] == 1)


def test_more_clients_than_allowed(morod):
    """Over --max-clients two more are for admins; others are told, and closed."""
    with morod(workers=1, max_clients=2) as d:
        clients = [d.client() for _ in range(4)]
        assert clients[3].request("ping") == "pong"
        with d.client(hello=False) as c:
            c.read_closed()
            assert c.extra[0][1] == 0 and c.extra[0][2].startswith("QUEUE_FULL: ")
        assert clients[0].stats()["clientsRefused"] == 1
        for c in clients:
            c.close()
        assert d.client().request("ping") == "pong"


def test_admins_have_a_place(morod):
    """When others have taken all connections, root can still ask what is going on."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    with morod(workers=1, max_clients=3) as d:
        os.chmod(d.folder.name, 0o755)
        os.chmod(d.socket, 0o666)
        code = (
            "import socket, sys\n"
            f"s = [socket.socket(socket.AF_UNIX) for _ in range(5)]\n"
            f"for x in s: x.connect({d.socket!r})\n"
            "print(s[4].recv(1000), flush=True); sys.stdin.read()"
        )
        p = subprocess.Popen(
            ["/usr/bin/python3", "-c", code], user=65534, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        assert "QUEUE_FULL" in p.stdout.readline()
        assert d.stats()["clients"] == 4
        p.communicate("", DEADLINE)


def test_unread_answers_count(morod):
    """Answers that nobody takes count as queued bytes: new tasks are refused."""
    with morod(workers=1, max_queued_bytes="4M") as d, d.client() as lazy, d.client() as c:
        for i in range(3):
            lazy.submit("debug:echo", b"x" * 1_500_000)
            wait_until(lambda: d.stats()["queuedBytes"] == 0)
        assert c.stats()["unreadBytes"] > 3_000_000
        error = c.submit("debug:echo", b"x" * 1_500_000).error()
        assert error["code"] == "QUEUE_FULL" and error["reason"] == "bytes"
        lazy.close()
        assert len(c.call("debug:echo", b"x" * 1_500_000)) == 1_500_000


def test_who_breaks_the_protocol_is_in_the_log(morod):
    """With pid and reason, some lines a second, and counted."""
    with morod() as d, d.client() as c:
        for _ in range(30):
            with d.client(hello=False) as bad:
                bad.send_bytes(b"GET / HTTP/1.1")
                bad.read_closed()
        assert c.stats()["clientsBroken"] == 30
        assert 10 <= d.log().count("is cut off: ") < 30
        assert f"(pid {os.getpid()}, uid {os.getuid()})" in d.log()
