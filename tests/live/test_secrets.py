"""
Secrets that cross the socket are in no process's memory once their task has its
answer, whatever way it took. Each way has a mark of its own, which begins with
the same random bytes: whoever finds those reads behind them which way it was.
"""

import os
import pathlib
import secrets
import signal
import time

import msgpack
import pytest

from harness import SANITIZED, TaskError, alive, wait_until
from memory import forms, found

pytestmark = pytest.mark.skipif(
    SANITIZED, reason="a sanitizer keeps what is freed, to see who uses it")

SIZES = [48, 3000, 100_000, 3 << 20, 6 << 20]  # in the record, copied, in place, mapped
CHEAP = {"memory": 8 << 20, "iterations": 1}
COSTLY = {"memory": 128 << 20, "iterations": 10}
SETTLE = 5  # seconds in which what was sent is given up


class Marks:
    """Makes secrets, and looks for them."""

    def __init__(self):
        self.start = secrets.token_hex(8).encode()
        self.others = []  # that morod made

    def text(self, label, size=48):
        """A secret of so many characters, of which each part of 32 is known."""
        unit = self.start.decode() + f"{label:.<16.16}"
        return (unit * (size // len(unit) + 1))[:size]

    def also(self, made):
        self.others.append(made if isinstance(made, bytes) else made.encode())

    def check(self, d):
        """Nothing is left; what was just sent is given up a moment later."""
        marks = forms(self.start) + self.others
        end = time.monotonic() + SETTLE
        left = True
        while left and time.monotonic() < end:
            # who rests gives memory back, and with it what should not be there
            d.stats()
            left = found(d, marks)
        assert left == []


@pytest.fixture
def marks():
    return Marks()


def refused(c, task, data, **options):
    with pytest.raises(TaskError):
        c.call(task, data, **options)


def use_cipher(c, marks, size):
    key, text = marks.text("key"), marks.text(f"plain{size}", size)
    for data in (text, text.encode()):
        made = c.call("crypto:encrypt", {"data": data, "key": key})
        assert c.call("crypto:decrypt", {"data": made, "key": key}) in (text, text.encode())
    refused(c, "crypto:decrypt", {"data": text, "key": key})
    refused(c, "crypto:encrypt", {"data": text, "key": key, "no": text})


def use_hash(c, marks, size):
    text = marks.text(f"input{size}", size)
    c.call("crypto:hash", {"input": text})
    c.call("crypto:hash", {"input": text, "algorithm": "sha256", "key": marks.text("mac")})
    refused(c, "crypto:hash", {"input": text, "algorithm": text})  # its error names it


def use_token(c, marks, size):
    if size > 10_000:
        return  # no token is as long
    given = {"payload": {"text": marks.text(f"claim{size}", size)}, "secret": marks.text("secret")}
    token = c.call("jwt:sign", given)
    marks.also(token[-43:])
    call = {"token": token, "secret": given["secret"]}
    c.call("jwt:verify", call)
    c.call("jwt:verify", {**call, "secret": marks.text("other")})
    refused(c, "jwt:sign", {**given, "algorithm": given["secret"]})


def use_password(c, marks, size):
    if size > 4096:
        return  # no password is as long
    word = marks.text(f"word{size}", min(size, 1000))
    made = c.call("password:hash", {"password": word, **CHEAP})
    marks.also(made[-32:])
    c.call("password:verify", {"password": word, "hash": made})
    c.call("password:verify", {"password": word + "?", "hash": made})
    refused(c, "password:verify", {"password": word, "hash": word})


def use_misspelt(c, marks, size):
    refused(c, "crypto:encript", {"data": marks.text("misspelt", size)})
    refused(c, "crypto:encrypt", {"data": marks.text("options", size)}, nothing=1)
    with pytest.raises(TaskError):
        c.request("crypto:encrypt", {"data": marks.text("params", size)}, {}, 1)


def use_made(c, marks, size):
    if size > 1 << 20:
        return
    marks.also(c.call("crypto:random", {"length": size, "encoding": "bin"})[-40:])
    marks.also(c.call("crypto:keygen", {"type": "ec"})["privateKey"].splitlines()[2])


def use_batch(c, marks, size):
    if size > 1 << 20:
        return
    key = marks.text("batchkey")
    items = [{"data": marks.text(f"batch{i}", size), "key": key} for i in range(5)]
    made = c.call("crypto:encrypt", items, batch=True)
    again = [{"data": m["result"], "key": key} for m in made]
    opened = c.call("crypto:decrypt", again + [{"data": "x", "key": key}], batch=True)
    assert [o["result"] for o in opened[:-1]] == [i["data"] for i in items]


USES = [use_cipher, use_hash, use_token, use_password, use_misspelt, use_made, use_batch]


def test_the_search_finds(morod, marks):
    """What is no secret does stay behind, and is found: in the dispatcher and in the worker."""
    with morod(workers=1) as d, d.client() as c:
        (pid,) = d.worker_pids()
        call = c.submit("debug:sleep", {"ms": 300, "text": marks.text("asleep")})
        c.call("debug:echo", marks.text("echo", 100_000))
        call.wait()
        places = " ".join(found(d, [marks.start]))
        assert "dispatcher" in places and "worker" in places
        assert d.worker_pids() == [pid]


@pytest.mark.parametrize("use", USES)
def test_every_type(morod, marks, use):
    """Of all sizes, while the connection is open and when it is closed."""
    with morod(workers=1) as d:
        pids = d.worker_pids()
        with d.client() as c:
            for size in SIZES:
                use(c, marks, size)
            marks.check(d)
        marks.check(d)
        assert d.worker_pids() == pids


def test_backlog(morod, marks):
    """Tasks that waited: some are done, some cancelled, some left by their client."""
    with morod(workers=1) as d, d.client() as c, d.client() as other:
        block = c.submit("debug:sleep", {"ms": 5000}, id="block")
        d.wait(lambda s: s["activeTasks"] == 1)
        calls = []
        for i in range(200):
            data = {"data": marks.text(f"queued{i}", 20 + i * 300), "key": marks.text("key")}
            calls.append(c.submit("crypto:encrypt", data, id=str(i)))
            other.submit("crypto:encrypt", data)
        d.wait(lambda s: s["queuedTasks"] >= 400)
        for i in range(0, 200, 2):
            assert c.request("cancel", {"id": str(i)})
        other.close()
        d.wait(lambda s: s["queuedTasks"] <= 100)
        c.request("cancel", {"id": "block"})
        for call in calls + [block]:
            call.wait()
        marks.check(d)


@pytest.mark.parametrize("reads", [True, False])
def test_slow_reader(morod, marks, reads):
    """Answers that lay in the dispatcher until they were read, or never."""
    key = marks.text("key")
    # all have a place, however slow the worker is
    with morod(workers=1, max_queue_size=4000) as d, d.client() as c:
        for size in (2000, 1 << 20):
            made = c.call("crypto:encrypt", {"data": marks.text("slow", size), "key": key})
            request = [0, 0, "crypto:decrypt", [{"data": made, "key": key}]]
            n = (4 << 20) // size
            with d.client() as slow:
                before = d.stats()["completed"]
                for i in range(n):
                    request[1] = 1000 + i
                    slow.send_bytes(msgpack.packb(request))
                d.wait(lambda s: s["completed"] >= before + n)
                assert found(d, [marks.start])
                if reads:
                    slow.read_until(lambda: len(slow.extra) == n)
                    slow.stats()
                    marks.check(d)
        d.wait(lambda s: s["clients"] <= 2)
        marks.check(d)


def test_message_in_parts(morod, marks):
    """Nor of a message that never was whole, nor of the parts of one that was."""
    with morod(workers=1) as d:
        for size in (40, 3000, 100_000, 1 << 20):
            whole = msgpack.packb([0, 7, "crypto:hash", [{"input": marks.text("parts", size)}]])
            with d.client() as c:
                answer = c.pending[7] = type("Answer", (), {"answer": None})()
                for i in range(4):
                    c.send_bytes(whole[len(whole) * i // 4:len(whole) * (i + 1) // 4])
                    d.stats()
                c.read_until(lambda: answer.answer is not None)
                c.send_bytes(whole[:-5])
                d.stats()
            with d.client() as c:
                c.send_bytes(whole[:len(whole) // 2])
                d.stats()
                c.send_bytes(b"\xc1" * (len(whole) - len(whole) // 2) + b"\xc1")
                c.read_closed()
        d.wait(lambda s: s["clients"] <= 2)
        marks.check(d)


@pytest.mark.parametrize("end", ["timeout", "crash", "retry", "gone"])
def test_task_that_is_cut_off(morod, marks, end):
    """The worker dies with its task; nobody else keeps it, there is no dump."""
    with morod(workers=2) as d, d.client() as c:
        data = {"password": marks.text(end), **COSTLY}
        behind = [c.submit("crypto:hash", {"input": marks.text("behind", n)}) for n in SIZES]
        for pending in behind:
            pending.result()
        options = {"timeout": 150} if end == "timeout" else {"idempotent": False}
        if end == "retry":
            options = {"idempotent": True, "retry": {"max": 1, "on": ["crash"]}}
        run = d.client()
        call = run.submit("password:hash", data, **options)
        if end in ("crash", "retry"):
            s = d.wait(lambda s: s["activeTasks"] == 1 and s["queuedTasks"] == 0)
            busy = [w["pid"] for p in s["pools"] for w in p["workers"] if w["state"] == "busy"]
            os.kill(busy[0], signal.SIGSEGV)
            wait_until(lambda: not alive(busy[0]), "the death")
        if end == "gone":
            d.wait(lambda s: s["activeTasks"] == 1)
            run.close()
        elif end == "retry":
            assert call.result().startswith("$argon2id$")
        else:
            assert call.error()["code"] == ("TIMEOUT" if end == "timeout" else "WORKER_ERROR")
        d.wait(lambda s: s["activeTasks"] == 0 and s["workers"] == 2)
        marks.check(d)
        run.close()
        assert marks.start.decode() not in d.log()
        assert not list(pathlib.Path(d.folder.name).glob("core*"))
