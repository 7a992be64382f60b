"""The log: one line for each event, about whom, in text or JSON; what workers print."""

import fcntl
import json
import os
import re
import select
import signal
import subprocess
import time

import pytest

from harness import DEADLINE, Daemon, wait_until

LINE = re.compile(
    r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) "
    r"(?P<level>fatal|error|warning|info|debug) (?P<role>[a-z]+( \d+)?)\[(?P<pid>\d+)\]: (?P<text>.*)$"
)
STRANGER = """
import socket, sys, msgpack
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(msgpack.packb([0, 1, "log", []]))
print(msgpack.unpackb(s.recv(4096))[2])
"""


def lines(d):
    """The lines that are complete, but for the one that says ready."""
    return [x for x in d.log().split("\n")[:-1] if not x.startswith("morod: ready")]


def objects(d):
    return [json.loads(x) for x in d.log().split("\n")[:-1]]


def wait_object(d, **wanted):
    """The first JSON line with these fields."""

    def look():
        for o in objects(d):
            if all(o.get(k) == v for k, v in wanted.items()):
                return o
        return None

    return wait_until(look, f"{wanted} in the log")


def printed(d, role="worker 1"):
    found = [LINE.match(x) for x in lines(d)]
    return [m["text"] for m in found if m and m["role"] == role]


def obituaries(d):
    return [x for x in lines(d) if re.search(r"worker \d+ \(pid \d+\): ", x) and "WORKER_ERROR" not in x]


def test_every_line_has_its_form(morod):
    """Time, level, role and pid, whatever happens."""
    with morod(workers=2, log_level="debug") as d, d.client() as c:
        c.call("debug:echo", 1, id="two words")
        c.submit("debug:crash", {"signal": "SIGSEGV"}).error()
        d.wait(lambda s: s["workers"] == 2)
        assert d.stop() == 0
        assert len(lines(d)) > 6
        for line in lines(d):
            assert LINE.match(line), line
        about = [x for x in lines(d) if 'id="two words"' in x]
        assert [x.split("]: ")[1].split()[0] for x in about] == ["accepted", "handed", "done"]
        assert all("task=debug:echo client=" in x and " msgid=" in x for x in about)


def test_errors_of_secret_types(morod):
    """Whoever mistakes a field finds what stood in it in the answer, and nowhere in the log."""
    with morod(workers=1, log_level="debug") as d, d.client() as c:
        error = c.submit("crypto:hash", {"input": "x", "algorithm": "hush-hush"}).error()
        assert error["code"] == "INVALID_ARGUMENT" and "hush-hush" in error["message"]
        error = c.submit("json:transform", {"open-open": 1}).error()
        d.wait_log("open")
        assert "INVALID_ARGUMENT, for its caller alone" in d.log()
        assert "hush" not in d.log()


def test_log_that_is_not_read():
    """Nobody waits for its reader: tasks are done, the stop works, and what is missing is counted."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 32 << 10)
    with Daemon(log_level="debug", wait=False, stderr=write) as d:
        wait_until(lambda: os.path.exists(d.socket))
        with d.client() as c:
            for i in range(300):
                assert c.call("debug:echo", i) == i
            text = os.read(read, 64 << 10).decode()
            assert "handed to worker" in text and "left out" not in text
            assert c.call("debug:echo", 1) == 1
            text = os.read(read, 64 << 10).decode()
            assert re.search(r"the log is not read: \d+ lines were left out\n", text), text
            for i in range(300):
                assert c.call("debug:echo", i) == i
        assert d.stop() == 0
    os.close(write)
    os.close(read)


def test_json_lines(morod):
    """--log-format json: each line is an object, the one that says ready as well."""
    with morod(workers=1, log_format="json", log_level="debug") as d, d.client() as c:
        c.submit("debug:crash", {"exit": 3}, id='"\\\n\x00é').error()
        d.wait(lambda s: s["workers"] == 1)
        pid = d.process.pid
        assert d.stop() == 0
        for o in objects(d):
            assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", o["time"])
            assert o["level"] in ("error", "warning", "info", "debug")
            assert o["role"] and o["pid"] > 0 and o["message"]
        ready = wait_object(d, role="master", pid=pid)
        assert any(o["message"].startswith("ready on /") for o in objects(d)), ready
        dead = wait_object(d, exitCode=3)
        assert dead["level"] == "warning" and dead["slot"] == 1 and dead["role"] == "dispatcher"
        assert dead["task"] == "debug:crash" and dead["id"] == '"\\ ?é'
        assert dead["client"] >= 1 and dead["msgid"] == 2 and dead["tasksDone"] == 0
        assert "next one in 100 ms" in dead["message"]


def test_json_errors_at_the_start(morod):
    """Also a morod that cannot start says so in an object."""
    with morod(log_format="json") as d:
        again = morod(log_format="json", path=d.socket, wait=False)
        with again:
            assert again.process.wait(DEADLINE) == 1
            (only,) = [o for o in objects(again) if o["level"] == "error"]
            assert d.socket in only["message"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_a_worker_prints(morod, stream):
    """It is in the log with the worker's name and pid, line by line, and nowhere else."""
    with morod(workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]
        assert c.call("debug:print", {"text": "one\ntwo\n", "stream": stream}) == 1
        wait_until(lambda: printed(d) == ["one", "two"], "the lines")
        assert f" info worker 1[{pid}]: one\n" in d.log()
        # the protocol goes on undisturbed
        assert c.call("debug:echo", "x") == "x" and c.unasked == []


def test_what_a_worker_prints_in_json(morod):
    """With its slot; and bytes that are no text make no line that is no JSON."""
    with morod(workers=1, log_format="json") as d, d.client() as c:
        c.call("debug:print", {"text": b'\xff\x1b[2J"\\\x00\xc2\x9b\n'})
        o = wait_object(d, role="worker 1")
        assert o["message"] == '??[2J"\\???' and o["slot"] == 1 and o["level"] == "info"
        assert o["pid"] == d.worker_pids()[0]


def test_long_lines_are_cut(morod):
    """1 KiB of a line and a mark; the next line is whole."""
    with morod(workers=1) as d, d.client() as c:
        c.call("debug:print", {"text": "x" * 5000 + "\nnext\n"})
        wait_until(lambda: "next" in printed(d), "the next line")
        assert printed(d) == ["x" * 1024 + "...", "next"]


def test_flood_of_lines(morod):
    """100 lines a second, the number of the others, and no harm to anybody."""
    with morod(workers=2) as d, d.client() as c, d.client() as other:
        call = c.submit("debug:print", {"text": "y" * 30 + "\n", "times": 300000})
        while not select.select([c.sock], [], [], 0)[0]:
            other.call("debug:echo", 1, timeout=5000)
        assert call.result() == 300000
        pattern = re.compile(r"^(\d+) lines left out$")

        def all_counted():
            got = printed(d, "worker 1") + printed(d, "worker 2")
            left_out = sum(int(m[1]) for m in map(pattern.match, got) if m)
            return sum(t == "y" * 30 for t in got) + left_out == 300000

        wait_until(all_counted, "every line to be logged or counted")
        assert len(d.log()) < 1 << 20


def test_obituary(morod):
    """One line: cause, task and its caller, age, what was done, the last line of stderr."""
    with morod(workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]
        c.call("debug:echo", 1)
        c.call("debug:print", {"text": "first\nlib: cannot go on"})
        c.submit("debug:crash", {"signal": "SIGSEGV"}, id="mine").error()
        d.wait_log("killed by SIGSEGV")
        d.wait(lambda s: s["workers"] == 1)
        (line,) = obituaries(d)
        assert f"worker 1 (pid {pid}): killed by SIGSEGV; next one in 100 ms" in line
        assert re.search(r"ageMs=\d+ tasksDone=2 task=debug:crash client=\d+ msgid=4 id=mine "
                         r'stderr="lib: cannot go on"$', line)
        assert " warning dispatcher[" in line
        # its last words stand before it
        assert printed(d) == ["first", "lib: cannot go on"]
        assert d.log().index("lib: cannot go on") < d.log().index("ageMs")


def test_obituary_without_a_task(morod):
    """An idle worker that is killed ran nothing."""
    with morod(workers=1) as d:
        os.kill(d.worker_pids()[0], signal.SIGKILL)
        d.wait_log("killed by SIGKILL")
        (line,) = obituaries(d)
        assert re.search(r"SIGKILL; next one in \d+ ms ageMs=\d+ tasksDone=0$", line)


def test_obituary_of_a_wanted_death(morod):
    """A timeout and a client that left: it says so, at level info."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:spin", {"ms": 60000}, runTimeout=20, id="slow").error()
        d.wait_log("stopped: timeout")
        d.wait(lambda s: s["workers"] == 1)
        c2 = d.client()
        c2.submit("debug:spin", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        c2.close()
        d.wait_log("stopped: nobody waits for it")
        first, second = obituaries(d)
        assert "task=debug:spin" in first and "id=slow" in first and " info " in first
        assert "task=debug:spin" in second and "msgid=2" in second and " info " in second
        timeouts = [x for x in lines(d) if ": TIMEOUT: " in x]
        assert len(timeouts) == 1 and "id=slow" in timeouts[0] and " info " in timeouts[0]


def test_timeout_of_a_task_that_cleans_up(morod):
    """The one line names the limit, and whose task it was; it comes with the answer."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:work", {"ms": 60000}, runTimeout=20, id="soft").error()
        d.wait_log("TIMEOUT: timeout of 20 ms reached (option runTimeout); debug:work")
        c.submit("heavy:computation", {"operation": "monte-carlo-pi", "params": {"samples": 10**10}},
                 timeout=20, id="pi").error()
        d.wait_log("TIMEOUT: timeout of 20 ms reached (option timeout); heavy:computation")
        d.wait(lambda s: s["outcomes"]["timedOut"] and s["activeTasks"] == 0)
        soft, pi = (x for x in lines(d) if ": TIMEOUT: " in x)
        assert "id=soft" in soft and "client=1 msgid=" in soft
        assert "id=pi" in pi and "client=1 msgid=" in pi


def test_obituary_of_a_cancelled_task(morod):
    """By its client: that is in the one line, and else at level debug only."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:spin", {"ms": 60000}, id="mine")
        d.wait(lambda s: s["activeTasks"] == 1)
        assert c.request("cancel", {"id": "mine"})["state"] == "running"
        d.wait_log("stopped: cancelled by its client")
        (line,) = obituaries(d)
        assert "task=debug:spin client=1 msgid=2 id=mine" in line and " info " in line
        assert "CANCELLED" not in d.log()


def test_obituary_of_each_attempt(morod):
    """A task that is run again and kills again: a line for each worker, one for the task."""
    with morod(workers=2) as d, d.client() as c:
        error = c.submit("debug:work", {"crashes": 5}, idempotent=True, id="bad").error()
        assert error["reason"] == "poison"
        wait_until(lambda: len(obituaries(d)) == 2, "two deaths")
        assert all("killed by SIGSEGV" in x and "id=bad" in x for x in obituaries(d))
        assert d.log().count(": WORKER_ERROR: ") == 1


def test_obituary_when_there_is_no_dispatcher(morod):
    """The workers that die with it have no line each; there is one for the dispatcher."""
    with morod(workers=3) as d:
        os.kill(d.dispatcher_pid(), signal.SIGKILL)
        d.wait_log("the new dispatcher serves")
        assert obituaries(d) == []
        assert d.log().count("the dispatcher was killed by SIGKILL") == 1


def test_obituaries_in_a_crash_loop(morod):
    """Exactly one line for each death, however fast they come."""
    with morod(workers=4) as d, d.client() as c:
        calls = [c.submit("debug:crash", {"exit": 1}) for _ in range(12)]
        for call in calls:
            assert call.error()["reason"] == "crashed"
        wait_until(lambda: len(obituaries(d)) >= 12, "all deaths")
        d.wait(lambda s: s["workers"] == 4)
        assert len(obituaries(d)) == 12
        pids = [re.search(r"pid (\d+)\)", x)[1] for x in obituaries(d)]
        assert len(set(pids)) == 12


def test_cancelled_by_the_stop(morod):
    """What a stop cuts off is in the log: those that ran, some that waited, and a number."""
    with morod(workers=1) as d, d.client() as c:
        for _ in range(100):
            c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        d.process.send_signal(signal.SIGTERM)
        d.wait_log("finishing what is accepted")
        assert d.stop() == 0
        log = d.log()
        assert log.count(": CANCELLED: ") == 1 and log.count(": SHUTTING_DOWN: ") == 20
        assert "tasks given up in the queue, lines left out: 79\n" in log


def test_level_changes_live(morod):
    """`log` answers the level; a new one holds in the dispatcher and the master."""
    with morod(workers=1) as d, d.client() as c:
        assert c.request("log") == "info"
        c.call("debug:echo", 1)
        assert " debug " not in d.log()
        assert c.request("log", "debug") == "debug" and c.request("log") == "debug"
        d.wait_log("log level debug, set by pid")
        c.call("debug:echo", 1)
        d.wait_log(" debug dispatcher[")
        # a loop, because the master may hear of it a moment later
        while " debug master[" not in d.log():
            c.submit("debug:spin", {"ms": 60000}, timeout=5).error()
        assert c.request("log", "error") == "error"
        before = len(d.log())
        c.submit("debug:crash", {"exit": 3}).error()
        d.wait(lambda s: s["workers"] == 1)
        assert "exited with status 3" not in d.log()[before:]
        # nil is no level, and changes none
        assert c.request("log", None) == "error"


@pytest.mark.parametrize("given", ["loud", "", "debug\0", "DEBUG", 3, [], {}])
def test_levels_that_are_none(morod, given):
    """The error names what it takes."""
    with morod(workers=1) as d, d.client() as c:
        error = c.start("log", given).error()
        assert error["code"] == "INVALID_ARGUMENT" and error["field"] == "level"
        assert "error, warning, info or debug" in error["message"]
        assert c.request("log") == "info"


def test_level_is_kept_by_a_new_dispatcher(morod):
    """What was set live outlives a dispatcher that dies."""
    with morod(workers=1) as d:
        with d.client() as c:
            c.request("log", "debug")
            # answered by the master's own child: it has heard of the level by then
            c.submit("debug:spin", {"ms": 60000}, timeout=5).error()
            while " debug master[" not in d.log():
                c.submit("debug:spin", {"ms": 60000}, timeout=5).error()
        os.kill(d.dispatcher_pid(), signal.SIGKILL)
        d.wait_log("the new dispatcher serves")
        with d.client() as c:
            assert c.request("log") == "debug"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_level_is_for_admins(morod):
    """Others may not even ask."""
    with morod(workers=1) as d:
        os.chmod(d.folder.name, 0o755)
        os.chmod(d.socket, 0o666)
        done = subprocess.run(
            ["/usr/bin/python3", "-c", STRANGER, d.socket], user="nobody", cwd="/",
            capture_output=True, text=True, timeout=DEADLINE,
        )
        assert "PERMISSION_DENIED" in done.stdout, done.stderr


def test_level_by_notification(morod):
    """A notification sets it, too."""
    with morod(workers=1) as d, d.client() as c:
        c.notify("log", "warning")
        assert c.request("log") == "warning"


def test_connections_are_numbered(morod):
    """From 1, in the order in which they came."""
    with morod(workers=1) as d:
        for number in (1, 2, 3):
            with d.client() as c:
                c.submit("debug:crash", {"exit": 1}, id=f"c{number}").error()
        d.wait_log("id=c3")
        for number in (1, 2, 3):
            assert re.search(rf"client={number} msgid=2 id=c{number}\b", d.log())


def test_last_words_at_the_stop(morod):
    """What a worker prints when it ends is in the log also when all of morod does."""
    with morod(workers=1) as d, d.client() as c:
        # a line without an end stays in the worker's buffer until it exits
        c.call("debug:print", {"text": "good bye", "stream": "stdout"})
        assert printed(d) == []
        assert d.stop() == 0
        assert printed(d) == ["good bye"]


def test_stop_does_not_wait_for_a_stopped_worker(morod):
    """A worker that cannot end holds nothing up for long."""
    with morod(workers=2) as d:
        os.kill(d.worker_pids()[0], signal.SIGSTOP)
        start = time.monotonic()
        assert d.stop() == 0
        assert time.monotonic() - start < 5
