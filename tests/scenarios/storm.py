"""
Clients that send mixed tasks, cancel them, vanish and half-close at random, and
know of each request what may come of it. All run in one loop, by one seed.
"""

import os
import select
import signal
import socket
import time

import msgpack

from harness import DEADLINE, children_of, title

PRIORITIES = ("high", "normal", "low")
TEXTS = ["x" * n for n in (0, 10, 64, 300, 2000, 5000)]
SLEEP_MS = 5
CANCELS = 0.08  # of all tasks are cancelled by their client
ADMIN_CANCELS = 0.01
LOOKS_BACK = 0.02  # ... are cancelled when they are answered already
READ_SIZE = 1 << 20
BURST = 20  # tasks that a client sends at once


class Asked:
    """One request for a task, and what may come of it."""

    __slots__ = (
        "n", "kind", "task", "data", "options", "wanted", "allowed", "msgid",
        "cancelled_by", "found", "answer", "progress", "progress_since",
    )

    def __init__(self, n, kind, task, data, wanted, allowed, options):
        self.n = n
        self.kind = kind
        self.task = task
        self.data = data
        self.options = options
        self.wanted = wanted  # the result, or a function that judges it
        self.allowed = allowed  # errors: reasons, or codes of those without
        self.msgid = None
        self.cancelled_by = set()
        self.found = None  # what a cancel has found
        self.answer = None  # "ok", or the error's reason or code
        self.progress = []
        self.progress_since = None

    def params(self):
        return [self.data, self.options] if self.options else [self.data]

    def __repr__(self):
        return (f"<{self.kind} n={self.n} msgid={self.msgid} {self.task} "
                f"{self.options} cancelled_by={self.cancelled_by} "
                f"found={self.found} answer={self.answer}>")


def echo(rng, n):
    text = rng.choice(TEXTS)
    return "debug:echo", text, text, {"poison"}, {}


def fragile_echo(rng, n):
    return "debug:echo", n, n, {"crashed"}, {"idempotent": False}


def tally(rng, n):
    return "debug:tally", {"n": n}, n, {"crashed"}, {}


def sleep(rng, n):
    ms = rng.randint(0, SLEEP_MS)
    return "debug:sleep", {"ms": ms}, ms, {"crashed"}, {}


def tough_sleep(rng, n):
    ms = rng.randint(0, SLEEP_MS)
    retry = {"max": 3, "backoffMs": rng.randint(0, 30)}
    return "debug:sleep", {"ms": ms}, ms, {"poison"}, {"retry": retry}


def spin(rng, n):
    us = rng.randint(0, 300)
    return "debug:spin", {"us": us}, us, {"crashed"}, {}


def hasty(rng, n):
    """A limit that strikes now and then, wherever the task is by then."""
    ms = rng.randint(0, SLEEP_MS)
    limit = rng.choice(("timeout", "queueTimeout", "runTimeout"))
    reasons = {"timeout": {"queue", "run"}, "queueTimeout": {"queue"},
               "runTimeout": {"run"}}[limit]
    options = {limit: rng.randint(1, 30)}
    allowed = {"crashed"} | reasons
    if rng.random() < 0.3:
        options["retry"] = {"max": 2, "backoffMs": rng.randint(0, 20)}
        allowed = {"poison"} | reasons
    return rng.choice(("debug:sleep", "debug:spin")), {"ms": ms}, ms, allowed, options


def stuck(rng, n):
    """It ends by a cancel or by its limit, which is far."""
    options = {"runTimeout": rng.randint(5, 300)}
    return "debug:sleep", {"ms": 3600000}, None, {"crashed", "run"}, options


def work(rng, n):
    """Told of its cancel; with or without progress, and deaf at times."""
    ms, steps = rng.randint(0, 60), rng.randint(1, 30)
    data = {"ms": ms, "steps": steps, "cleanupMs": rng.randint(0, 5),
            "deaf": rng.random() < 0.2}
    options = {"cancelGrace": rng.choice((0, 1, 5, 50)),
               "progress": rng.random() < 0.7}
    allowed = {"crashed"}
    if rng.random() < 0.5:
        options["idempotent"] = True
        allowed = {"poison"}

    def judge(result):
        return result["steps"] == steps and 1 <= result["attempt"] <= 2

    return "debug:work", data, judge, allowed, options


def lame_work(rng, n):
    """Fails or crashes the first time, and is run again."""
    how, on = rng.choice((("fails", "error"), ("fails", "error"), ("crashes", "crash")))
    data = {"steps": 1, how: 1}
    retry = {"max": 1, "on": [on], "backoffMs": rng.choice((0, 20))}
    allowed = {"poison", "crashed"} if on == "error" else {"poison"}
    return "debug:work", data, lambda r: r["attempt"] == 2, allowed, {"retry": retry}


def fails(rng, n):
    return "debug:fail", {}, None, {"failed", "crashed"}, {}


def refused(rng, n):
    return "debug:echo", n, None, {"INVALID_OPTION"}, {"unheardOf": 1}


# How often in a thousand.
KINDS = [
    (echo, 200), (fragile_echo, 100), (tally, 280), (sleep, 140), (tough_sleep, 60),
    (spin, 100), (hasty, 80), (stuck, 6), (work, 20), (lame_work, 2), (fails, 7),
    (refused, 5),
]
MAKERS = [k[0] for k in KINDS]
WEIGHTS = [k[1] for k in KINDS]


class Load:
    """What all clients have in common: the numbers, and what came of them."""

    def __init__(self, rng, tasks):
        self.rng = rng
        self.tasks = tasks
        self.made = 0
        self.outcomes = {}  # of answers: how often
        self.vanished = 0  # requests whose client left before the answer
        self.notified = 0  # tasks sent as notifications
        self.progress = 0
        self.crashes = 0  # tasks that kill their worker, once
        self.pressure = 0  # times that somebody was told of it
        self.tallies = []  # requests for debug:tally

    def make(self):
        n = self.made
        self.made += 1
        rng = self.rng
        maker = rng.choices(MAKERS, WEIGHTS)[0]
        task, data, wanted, allowed, options = maker(rng, n)
        if rng.random() < 0.3:
            options["priority"] = rng.choice(PRIORITIES)
        if rng.random() < 0.1:
            options["id"] = f"task {n}"
        if rng.random() < 0.2:
            options["onFull"] = "wait"
        else:
            allowed = allowed | {"count", "client", "bytes"}
        asked = Asked(n, maker.__name__, task, data, wanted, allowed, options)
        if "crashes" in (data if isinstance(data, dict) else {}):
            self.crashes += 1
        if maker is tally:
            self.tallies.append(asked)
        return asked

    def judge(self, asked, error, result):
        """Checks an answer against what was asked for."""
        assert asked.answer is None, ("answered twice", asked, error, result)
        if error is None:
            asked.answer = "ok"
            right = (asked.wanted(result) if callable(asked.wanted)
                     else asked.wanted is not None and result == asked.wanted)
            assert right, ("a wrong result", asked, result)
        else:
            asked.answer = error.get("reason") or error["code"]
            self.judge_error(asked, error)
        self.outcomes[asked.answer] = self.outcomes.get(asked.answer, 0) + 1
        self.check_found(asked)

    def judge_error(self, asked, error):
        if error["code"] == "CANCELLED":
            assert asked.answer in asked.cancelled_by, ("nobody asked", asked, error)
            asked.answer = "CANCELLED"
            return
        assert asked.answer in asked.allowed, ("an outcome that cannot be", asked, error)
        if asked.answer == "crashed" or asked.answer == "poison":
            own = asked.kind == "lame_work"
            assert error["signal"] == "SIGKILL" or own, (asked, error)

    def check_found(self, asked):
        """A cancel that has found its task has stopped it."""
        if asked.found in ("queued", "running") and asked.answer is not None:
            assert asked.answer == "CANCELLED", ("it was to be stopped", asked)


class Caller:
    """A client that keeps a number of tasks outstanding and never blocks."""

    def __init__(self, path, load, window):
        self.load = load
        self.window = window
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(path))
        self.sock.setblocking(False)
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
        self.number = None  # the server's
        self.asked = {}  # unanswered tasks by msgid
        self.cancels = {}  # unanswered cancels: their msgids, and the task
        self.last = []  # some of those that were answered
        self.next_id = 1
        self.pressure = {}  # by pool, if it asked to be told
        self.half_closed = False
        self.closed = False
        self.out = b""
        self.reply = None  # what msgid 0 was answered

    def unfinished(self):
        return len(self.asked) + len(self.cancels)

    def ask(self, method, *params):
        """Asks, under msgid 0, and waits until that is answered."""
        self.reply = None
        self.sock.setblocking(True)
        self.sock.settimeout(DEADLINE)
        self.sock.sendall(msgpack.packb([0, 0, method, params]))
        while self.reply is None:
            self.receive()
        self.sock.setblocking(False)

    def greet(self):
        self.ask("hello", {"errors": "map"})
        if self.load.rng.random() < 0.5:
            self.ask("subscribe", "backpressure")
            self.pressure = {p["pool"]: p["state"] for p in self.reply}

    def new_id(self):
        self.next_id += 1
        return self.next_id - 1

    def send_task(self, parts):
        """Sends a task, perhaps its cancel with it, perhaps as a notification."""
        asked = self.load.make()
        rng = self.load.rng
        if asked.kind in ("tally", "sleep") and rng.random() < 0.05:
            self.load.notified += 1
            parts.append(msgpack.packb([2, asked.task, asked.params()]))
            return
        asked.msgid = self.new_id()
        self.asked[asked.msgid] = asked
        parts.append(msgpack.packb([0, asked.msgid, asked.task, asked.params()]))
        if rng.random() < CANCELS / 8:
            self.send_cancel(asked, parts)

    def send_cancel(self, asked, parts):
        """As a request or as a notification, by msgid or by id."""
        rng = self.load.rng
        asked.cancelled_by.add("client")
        which = {"msgid": asked.msgid}
        if "id" in asked.options and rng.random() < 0.5:
            which = {"id": asked.options["id"]}
        if rng.random() < 0.4:
            parts.append(msgpack.packb([2, "cancel", [which]]))
            return
        msgid = self.new_id()
        self.cancels[msgid] = asked
        parts.append(msgpack.packb([0, msgid, "cancel", [which]]))

    def cancel_some(self, n_sent, parts):
        rng = self.load.rng
        for _ in range(n_sent):
            if self.asked and rng.random() < CANCELS:
                # the oldest ones run, most others wait
                few = list(self.asked.values())[:8]
                everyone = list(self.asked.values())
                self.send_cancel(rng.choice(few if rng.random() < 0.5 else everyone), parts)
            if self.last and rng.random() < LOOKS_BACK:
                self.send_cancel(rng.choice(self.last), parts)

    def fill(self):
        """Adds tasks, a few in a turn, until the window is full or all were made."""
        room = min(self.window - len(self.asked), self.load.tasks - self.load.made, BURST)
        if self.half_closed or room <= 0 or self.out:
            return
        parts = []
        for _ in range(room):
            self.send_task(parts)
        self.cancel_some(room, parts)
        self.out = b"".join(parts)

    def send(self):
        while self.out:
            try:
                self.out = self.out[self.sock.send(self.out):]
            except BlockingIOError:
                return

    def receive(self):
        try:
            data = self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        if not data:
            assert self.half_closed, "the server closed the connection"
            assert self.unfinished() == 0, ("closed without answers", self.state())
            self.closed = True
        self.unpacker.feed(data)
        for message in self.unpacker:
            if message[0] == 2 and message[1] == "backpressure":
                self.take_pressure(*message[2])
            elif message[0] == 2:
                self.take_progress(*message[1:])
            else:
                self.take(*message)

    def take_progress(self, method, params):
        """Only while the task is unanswered, and only if it was asked for."""
        msgid, what = params
        asked = self.asked.get(msgid)
        assert method == "progress" and asked is not None, (method, params)
        assert asked.options.get("progress"), asked
        assert what["total"] == asked.data["steps"] and what["done"] <= what["total"]
        now = time.monotonic()
        asked.progress_since = asked.progress_since or now
        asked.progress.append(what["done"])
        self.load.progress += 1

    def take_pressure(self, what):
        """Each mark once, and then the other one."""
        assert self.pressure[what["pool"]] != what["state"], (self.pressure, what)
        self.pressure[what["pool"]] = what["state"]
        self.load.pressure += 1

    def take(self, kind, msgid, error, result):
        assert kind == 1
        if msgid in self.asked:
            asked = self.asked.pop(msgid)
            self.load.judge(asked, error, result)
            self.last = self.last[-20:] + [asked]
        elif msgid in self.cancels:
            self.take_cancel(self.cancels.pop(msgid), error, result)
        else:
            assert msgid == 0 and self.reply is None, ("nobody asked", msgid, error, result)
            assert error is None, error
            self.reply = result

    def take_cancel(self, asked, error, result):
        assert error is None, error
        state = result["state"]
        if state in ("queued", "running"):
            asked.found = state
            self.load.check_found(asked)
            return
        assert state in ("done", "unknown"), result
        assert asked.answer is not None, ("it must be there", state, asked)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)
        self.half_closed = True

    def close(self):
        self.sock.close()
        self.closed = True

    def state(self):
        return (f"window {self.window}, {len(self.asked)} tasks, "
                f"{len(self.cancels)} cancels, {len(self.out)} bytes to send, "
                f"half closed: {self.half_closed}, "
                f"oldest: {list(self.asked.values())[:3]}")


class Bystander(Caller):
    """Its tasks harm nobody, and nobody may harm them."""

    def fill(self):
        load = self.load
        while (len(self.asked) < self.window and load.made < load.tasks
               and load.bystander < load.made):
            n = self.new_id()
            options = {"onFull": "wait", "retry": {"max": 50}}
            asked = Asked(n, "bystander", "debug:echo", n, n, set(), options)
            asked.msgid = n
            self.asked[n] = asked
            self.out += msgpack.packb([0, n, asked.task, asked.params()])
            self.load.bystander += 1


class Storm:
    """The whole of it, in one loop."""

    def __init__(self, d, load, windows, seconds):
        self.d = d
        self.load = load
        self.rng = load.rng
        self.end = time.monotonic() + seconds
        self.poll = select.poll()
        self.callers = {}
        self.kills = []
        load.bystander = 0
        self.admin = d.client()
        self.bystander = self.join(8, Bystander)
        for window in windows:
            self.join(window)
        self.next = {}

    def join(self, window, what=Caller):
        c = what(self.d.socket, self.load, window)
        c.greet()
        # one connection at a time: the number is the count of those that came
        c.number = self.admin.stats()["clientsAccepted"]
        self.callers[c.sock.fileno()] = c
        self.poll.register(c.sock, select.POLLIN)
        return c

    def leave(self, c):
        """Closes it, whatever is on its way."""
        self.load.vanished += len(c.asked)
        self.forget(c)
        c.close()

    def forget(self, c):
        self.poll.unregister(c.sock)
        del self.callers[c.sock.fileno()]

    def stormy(self):
        return [c for c in self.callers.values()
                if c is not self.bystander and not c.half_closed]

    def vanish(self):
        c = self.rng.choice(self.stormy())
        self.leave(c)
        self.join(c.window)

    def half_close(self):
        """It still gets its answers, and another one comes beside it."""
        c = self.rng.choice(self.stormy())
        if c.out:
            return
        c.half_close()
        self.join(c.window)

    def kill(self):
        """Kills a worker, if that leaves others; mostly an old one."""
        pids = [p for p in children_of(self.d.process.pid)
                if title(p).startswith("morod: worker")]
        if len(pids) < 3:
            return
        pid = self.rng.choice(sorted(pids)[:2] + [self.rng.choice(pids)])
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.kills.append(pid)

    def cancel_by_admin(self):
        """Any task of anybody; its number of connection says whose."""
        c = self.rng.choice(self.stormy())
        if not c.asked:
            return
        asked = self.rng.choice(list(c.asked.values()))
        asked.cancelled_by.add("admin")
        which = {"client": c.number, "msgid": asked.msgid}
        state = self.admin.request("cancel", which)["state"]
        assert state in ("queued", "running", "done", "unknown"), state
        if state in ("queued", "running"):
            asked.found = state
            self.load.check_found(asked)

    def list_all(self):
        """Of what is unfinished by ls, nobody has the answer."""
        by_number = {c.number: c for c in self.callers.values()}
        rng = self.rng
        which = rng.choice(({}, {"state": "running"}, {"state": "delayed"}, {"limit": 7},
                            {"type": "debug:work"}, {"client": rng.choice(list(by_number))}))
        for t in self.admin.request("ls", which):
            assert t["state"] in ("queued", "running", "delayed"), t
            assert all(t[k] == v for k, v in which.items() if k != "limit"), (which, t)
            c = by_number.get(t["client"])
            if c is not None and t["msgid"] is not None:
                asked = c.asked.get(t["msgid"])
                assert asked is not None and asked.task == t["type"], (t, asked)
        for method in ("slow", "clients", "poison"):
            assert isinstance(self.admin.request(method), list)

    def pause(self):
        """A type rests for a while."""
        kind = self.rng.choice(("debug:tally", "debug:echo", "debug:spin"))
        self.admin.request("pause", kind)
        for _ in range(5):
            self.turn()
        self.admin.request("resume", kind)

    def trouble(self, what, times):
        """Does it so many times in all, at random moments."""
        step = max(1, 2 * self.load.tasks // times)
        due = self.next.setdefault(what, self.load.made + self.rng.randint(1, step))
        if self.load.made >= due:
            what()
            self.next[what] = self.load.made + self.rng.randint(1, step)

    def turn(self):
        for fd, events in self.poll.poll(1000):
            if events & (select.POLLIN | select.POLLHUP):
                self.callers[fd].receive()
        for c in list(self.callers.values()):
            if c.closed:
                self.forget(c)
                c.close()
                continue
            c.fill()
            c.send()
            out = select.POLLOUT if c.out else 0
            self.poll.modify(c.sock, select.POLLIN | out)

    def run(self):
        n = self.load.tasks
        while self.load.made < n or self.unfinished():
            assert time.monotonic() < self.end, self.state()
            self.turn()
            if self.load.made >= n:
                continue
            self.trouble(self.kill, max(5, n // 500))
            self.trouble(self.vanish, max(10, n // 500))
            self.trouble(self.half_close, max(10, n // 1000))
            self.trouble(self.cancel_by_admin, max(20, int(n * ADMIN_CANCELS)))
            self.trouble(self.pause, max(3, n // 2000))
            self.trouble(self.list_all, max(10, n // 500))

    def unfinished(self):
        return any(c.unfinished() or c.half_closed for c in self.callers.values())

    def finish(self):
        """Nobody gets anything that he did not ask for."""
        for c in list(self.callers.values()):
            c.ask("ping")
            self.forget(c)
            c.close()

    def state(self):
        each = "\n".join(c.state() for c in self.callers.values())
        return (f"{self.load.made} made, {self.load.outcomes}, "
                f"{self.load.vanished} vanished, {len(self.kills)} kills\n{each}\n"
                f"{self.d.stats()}")
