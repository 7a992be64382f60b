"""What moroctl shows: stats, ls, slow, clients, poison, and OpenMetrics for collectors."""

import json
import os
import re
import signal
import socket
import subprocess
import threading

import msgpack
import pytest

from harness import BUILD, DEADLINE, wait_until
from test_moroctl import Moroctl

LONG = {"ms": 60000}
NUMBER = r"[0-9.]+(?:us|ms|s)"


def fits(text):
    """Every line has 80 columns at most."""
    assert [line for line in text.splitlines() if len(line) > 80] == []
    return text


def look(d, *words):
    return fits(Moroctl(d).ok(*words).decode())


def line_of(text, first):
    """The words of the line that begins with this one."""
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [first])


def busy(d, c):
    long = c.submit("debug:sleep", LONG, id="long one")
    d.wait(lambda s: s["activeTasks"] == 1)
    return long


# ---- stats ----


def test_at_a_glance(morod):
    """Counters with reasons, times by priority and type, workers with what they use."""
    with morod(workers=2) as d, d.client() as c:
        c.call("debug:sleep", {"ms": 20})
        c.call("debug:echo", 1, priority="high")
        c.start("debug:fail", {}).wait()
        c.start("no:type", {}).wait()
        text = look(d, "stats")
        assert re.search(r"^morod \d+\.\d+\.\d+, up \S+, clients 2$", text, re.M)
        assert re.search(r"^workers 2, running 0, queued 0 of 1000, ", text, re.M)
        assert re.search(r"^completed +2$", text, re.M)
        assert re.search(r"^failed +1  failed 1$", text, re.M)
        assert re.search(r"^refused +1  unknown_task 1$", text, re.M)
        assert "\nlast minute" in text and "\n!" not in text
        sleep = line_of(text, "debug:sleep")
        assert sleep[1] == "1" and len(sleep) == 10
        assert all(re.fullmatch(NUMBER, word) for word in sleep[2:])
        assert float(sleep[-1].removesuffix("ms")) >= 20
        assert line_of(text, "high")[1] == "1" and line_of(text, "all")[1] == "3"
        workers = re.findall(r"^ +(\d) +(\d+)  idle +- +- +([0-9.]+[KM]) +(\S+) +(\S+)", text, re.M)
        assert [int(w[1]) for w in workers] == d.worker_pids()


def test_since_start(morod):
    """--since-start shows the other times."""
    with morod() as d, d.client() as c:
        c.call("debug:echo", 1)
        text = look(d, "stats", "--since-start")
        assert "\nsince the start" in text and "last minute" not in text
        assert line_of(text, "debug:echo")[1] == "1"


@pytest.mark.parametrize("method, argument, words", [
    ("pause", None, r"^! pool default is paused: its tasks wait$"),
    ("pause", "debug:echo", r"^! debug:echo is paused: its tasks wait$"),
    ("drain", None, r"^! it is drained: no new tasks are taken$"),
])
def test_what_is_wrong(morod, method, argument, words):
    """What keeps tasks from being done stands there in words."""
    with morod() as d, d.client() as c:
        c.request(*([method, argument] if argument else [method]))
        assert re.search(words, look(d, "stats"), re.M)


def test_a_full_queue_is_wrong(morod):
    with morod(workers=1, max_queue_size=2) as d, d.client() as c:
        busy(d, c)
        for _ in range(2):
            c.submit("debug:echo", 1)
        d.wait(lambda s: s["queueSize"] == 2)
        assert "\n! pool default: the queue is full\n" in look(d, "stats")


def test_a_stop_is_wrong(morod):
    with morod(workers=1) as d, d.client() as c:
        busy(d, c)
        d.process.send_signal(signal.SIGTERM)
        d.wait(lambda s: s["isShuttingDown"])
        text = look(d, "stats")
        assert "\n! it finishes what it has, and ends\n" in text and "SHUTTING DOWN" in text


def test_pool_down(morod):
    """A pool whose workers die at once says that it is down."""
    with morod(workers=1, breaker_deaths=2) as d, d.client() as c:
        for _ in range(2):
            c.submit("debug:crash", {}, idempotent=False).wait()
        d.wait(lambda s: s["pools"][0]["state"] == "down")
        assert re.search(r"^! pool default is down: .+$", look(d, "stats"), re.M)


def test_many_workers(morod):
    """Of very many workers the first ones are shown."""
    with morod(workers=40) as d:
        text = look(d, "stats")
        assert len(re.findall(r"^ +\d+ +\d+  idle", text, re.M)) == 32
        assert "\nand 8 more: --json shows them all\n" in text


# ---- OpenMetrics ----


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{(.*)\}})? (\S+)\Z')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|\Z)')
SUFFIXES = {"counter": {"_total"}, "gauge": {""}, "histogram": {"_bucket", "_sum", "_count"}}


def parse_sample(line):
    """(name, labels, value) of a line."""
    name, inner, value = SAMPLE.match(line).groups()
    labels, at = {}, 0
    inner = inner or ""
    while at < len(inner):
        m = LABEL.match(inner, at)
        assert m, line
        assert m[1] not in labels, line
        labels[m[1]] = m[2]
        at = m.end()
    assert not inner.endswith(","), line
    return name, labels, float(value)


def check_histogram(samples):
    """The buckets of each set of labels grow to the count, and end at +Inf."""
    sets = {}
    for suffix, labels, value in samples:
        key = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        sets.setdefault(key, {}).setdefault(suffix, []).append((labels.get("le"), value))
    for parts in sets.values():
        bounds = [float(le) for le, _ in parts["_bucket"]]
        counts = [n for _, n in parts["_bucket"]]
        assert bounds == sorted(set(bounds)) and bounds[-1] == float("inf")
        assert counts == sorted(counts)
        assert len(parts["_count"]) == len(parts["_sum"]) == 1
        assert parts["_count"][0][1] == counts[-1]
        assert parts["_sum"][0][1] >= 0


def parse_openmetrics(text):
    """
    Families of OpenMetrics 1.0 text, by the specification: each begins with its
    metadata, once, and is whole before the next; every sample belongs to it.
    """
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""] and "" not in lines[:-1]
    families, now = {}, None
    for line in lines[:-2]:
        if line.startswith("#"):
            word, name, rest = re.match(rf"# (TYPE|UNIT|HELP) ({NAME}) (.+)\Z", line).groups()
            if word == "TYPE":
                assert name not in families and rest in SUFFIXES, line
                now = families[name] = {"type": rest, "samples": []}
            assert families.get(name) is now and not now["samples"], line
            assert word == "TYPE" or word.lower() not in now, line
            now[word.lower()] = rest
            assert word != "UNIT" or name.endswith("_" + rest), line
            current = name
            continue
        name, labels, value = parse_sample(line)
        suffix = name.removeprefix(current)
        assert name.startswith(current) and suffix in SUFFIXES[now["type"]], line
        assert ("le" in labels) == (suffix == "_bucket"), line
        assert value >= 0, line
        now["samples"].append((suffix, labels, value))
    for name, family in families.items():
        assert "help" in family, name
        keys = [(s, tuple(sorted(labels.items()))) for s, labels, _ in family["samples"]]
        assert len(keys) == len(set(keys)), name
        if family["type"] == "histogram":
            check_histogram(family["samples"])
    return families


def metrics(d):
    text = Moroctl(d).ok("stats", "--format", "openmetrics").decode()
    return text, parse_openmetrics(text)


def value_of(families, name, suffix="", **labels):
    return next(v for s, have, v in families[name]["samples"]
                if s == suffix and labels.items() <= have.items())


def test_openmetrics(morod):
    """A strict reader of the specification takes it, and the numbers are right."""
    with morod(workers=2) as d, d.client() as c:
        for _ in range(3):
            c.call("debug:echo", 1)
        c.call("debug:sleep", {"ms": 30}, priority="low")
        c.start("debug:fail", {}).wait()
        c.start("no:type", {}).wait()
        busy(d, c)
        text, families = metrics(d)
        echo = {"type": "debug:echo", "priority": "normal"}
        assert value_of(families, "moro_tasks_ended", "_total", outcome="completed", **echo) == 3
        assert value_of(families, "moro_tasks_ended", "_total", type="debug:fail",
                        outcome="failed", reason="failed") == 1
        assert value_of(families, "moro_tasks_refused", "_total", reason="unknown_task") == 1
        assert value_of(families, "moro_task_run_seconds", "_count", **echo) == 3
        assert value_of(families, "moro_task_wait_seconds", "_count", **echo) == 3
        low = {"type": "debug:sleep", "priority": "low"}
        assert value_of(families, "moro_task_run_seconds", "_bucket", le="0.016384", **low) == 0
        assert value_of(families, "moro_task_run_seconds", "_bucket", le="+Inf", **low) == 1
        assert value_of(families, "moro_task_run_seconds", "_sum", **low) >= 0.03
        assert value_of(families, "moro_workers", pool="default") == 2
        assert value_of(families, "moro_running_tasks") == 1
        assert value_of(families, "moro_pool_up") == 1
        rss = [v for _, _, v in families["moro_worker_resident_memory_bytes"]["samples"]]
        assert len(rss) == 2 and min(rss) > 1 << 19


def test_openmetrics_by_another_reader(morod):
    """So does the reader that others use."""
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    with morod() as d, d.client() as c:
        c.call("debug:echo", 1)
        text, families = metrics(d)
        read = {f.name: f for f in parser.text_string_to_metric_families(text)}
        assert set(read) == set(families)
        assert {n: f.type for n, f in read.items()} == {n: f["type"] for n, f in families.items()}
        assert {n: f.unit for n, f in read.items()} == {
            n: f.get("unit", "") for n, f in families.items()}


def test_openmetrics_of_an_idle_server(morod):
    """Before the first task there is less to say, and it is right as well."""
    with morod() as d:
        _, families = metrics(d)
        assert families["moro_task_run_seconds"]["samples"] == []


def test_format_of_stats(morod):
    with morod() as d:
        err = Moroctl(d).fails(2, "USAGE", "stats", "--format", "xml")
        assert "--format of stats takes openmetrics, not xml" in err


# ---- ls, slow, clients, poison ----


def test_ls(morod):
    """A table of what runs and what waits, that can be narrowed."""
    with morod(workers=1) as d, d.client() as c:
        assert look(d, "ls") == "no tasks\n"
        long = busy(d, c)
        wait = c.submit("crypto:hash", {"input": "x"}, priority="low")
        d.wait(lambda s: s["queueSize"] == 1)
        head, first, second = look(d, "ls").splitlines()
        assert head.split() == "client msgid state type prio wait run slot bytes id".split()
        assert re.fullmatch(
            rf" +\d+ +{long.msgid} running debug:sleep +normal +{NUMBER} +{NUMBER} +1 +7 long one", first)
        assert re.fullmatch(
            rf" +\d+ +{wait.msgid} queued  crypto:hash +low +{NUMBER} +0us +- +\d+", second)
        assert look(d, "ls", "--state", "queued").splitlines() [1].split()[1] == str(wait.msgid)
        assert len(look(d, "ls", "--type", "debug:sleep").splitlines()) == 2
        assert len(look(d, "ls", "--limit", "1").splitlines()) == 2
        client = first.split()[0]
        assert len(look(d, "ls", "--client", client).splitlines()) == 3
        assert look(d, "ls", "--client", "99999") == "no tasks\n"
        tasks = json.loads(Moroctl(d).ok("ls", "--json"))
        assert [t["msgid"] for t in tasks] == [long.msgid, wait.msgid]


@pytest.mark.parametrize("words, text", [
    (["ls", "--limit", "0"], "--limit takes a whole number from 1, not 0"),
    (["ls", "--client", "me"], "--client takes a whole number from 1, not me"),
    (["slow", "-1"], None),
    (["slow", "many"], "slow takes a whole number from 1, not many"),
    (["slow", "1", "2"], "one argument too many"),
    (["clients", "--state", "queued"], "clients takes no --state"),
])
def test_wrong_usage(words, text):
    """What a list does not take is refused before a server is asked."""
    err = Moroctl("/nonexistent").fails(2, "USAGE", *words)
    assert text is None or text in err


def test_refusals(morod):
    """What the server does not take is told in its words."""
    with morod() as d:
        for words in (["ls", "--state", "sleeping"], ["ls", "--type", "no:type"],
                      ["ls", "--limit", "10001"], ["slow", "65"]):
            Moroctl(d).fails(6, "INVALID_ARGUMENT", *words)


def test_slow(morod):
    """The slowest tasks, the slowest first."""
    with morod(workers=1) as d, d.client() as c:
        assert look(d, "slow") == "no slow tasks\n"
        c.call("debug:sleep", {"ms": 20}, id="first")
        c.submit("debug:sleep", LONG, runTimeout=100).wait()
        head, one, two = look(d, "slow").splitlines()
        assert head.split() == "run wait outcome type client msgid slot ended id".split()
        assert re.match(rf" +{NUMBER} +{NUMBER}  timedOut +debug:sleep", one)
        assert re.match(rf" +{NUMBER} +{NUMBER}  completed +debug:sleep .* first\Z", two)
        assert len(look(d, "slow", "1").splitlines()) == 2


def test_clients(morod):
    """Who is connected."""
    with morod(workers=1) as d, d.client() as c:
        c.request("hello", {"name": "a näme that is too long for its column"})
        c.call("debug:echo", 1)
        busy(d, c)
        head, one, two = look(d, "clients").splitlines()
        assert head.split() == "client pid uid name unfinished bytes accepted refused age".split()
        assert re.match(rf" +\d+ +{os.getpid()} +{os.geteuid()}  a näme that .* +1 +7 +2 +0 ", one)
        assert re.search(r"  moroctl +0 +0 +0 +0 ", two)
        assert len(look(d, "clients", "--limit", "1").splitlines()) == 2


class Relay:
    """Stands before a real server and answers one method itself."""

    def __init__(self, d, path, method, result):
        self.server, self.method, self.result = d.socket, method, result
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        self.sock.listen()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        side, _ = self.sock.accept()
        with side, socket.socket(socket.AF_UNIX) as real:
            real.connect(self.server)
            unpacker = msgpack.Unpacker()
            while data := side.recv(65536):
                unpacker.feed(data)
                for message in unpacker:
                    if message[2] == self.method:
                        side.sendall(msgpack.packb([1, message[1], None, self.result]))
                    else:
                        real.sendall(msgpack.packb(message))
                        side.sendall(real.recv(65536))


def test_poison(morod, tmp_path):
    """Tasks that crashed each time, with what their workers said last."""
    tasks = [
        {"type": "debug:crash", "size": 1234, "attempts": 2, "signal": "SIGSEGV",
         "reason": "poison", "client": 4, "msgid": 17, "id": "it", "pid": 99, "slot": 1,
         "endedAgoMs": 61000, "stderr": [["first words", "a \x1b[31mred one"], ["last words"]]},
        {"type": "debug:crash", "size": 1, "attempts": 1, "exitCode": 3, "reason": "crashed",
         "client": 0, "msgid": None, "pid": 98, "slot": 2, "endedAgoMs": 5, "stderr": []},
    ]
    with morod() as d:
        path = str(tmp_path / "relay")
        Relay(d, path, "poison", tasks)
        assert Moroctl(path).ok("poison").decode().replace("?", " ") == (
            "debug:crash, 1.21K bytes, crashed in all 2 attempts, 61.0s ago\n"
            "  signal SIGSEGV, worker 1 (pid 99), client 4, msgid 17, id it\n"
            "  | first words\n  | a  [31mred one\n  | last words\n"
            "debug:crash, 1 bytes, crashed in its only attempt, 5.00ms ago\n"
            "  exit status 3, worker 2 (pid 98), client 0, msgid -\n")


def test_poison_of_a_server(morod):
    """The same from a real server, newest first; nothing before the first death."""
    with morod(workers=1) as d, d.client() as c:
        assert look(d, "poison") == "no poison tasks\n"
        c.call("debug:echo", 1)
        c.submit("debug:crash", {}, idempotent=False, id="bad").wait()
        c.call("debug:echo", 1)
        c.submit("debug:work", {"crashes": 2}, retry={"max": 1}).wait()
        text = look(d, "poison")
        assert re.match(r"debug:work, 10 bytes, crashed in all 2 attempts, \S+ ago\n"
                        r"  signal SIGSEGV, worker 1 \(pid \d+\), client \d+, msgid \d+\n", text)
        assert re.search(r"^debug:crash, 1 bytes, crashed in its only attempt, \S+ ago\n"
                         r"  signal SIGABRT, worker 1 .*, id bad$", text, re.M)


def test_admins_only(morod):
    """What only admins may see is refused in one line."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    with morod() as d:
        os.chmod(os.path.dirname(d.socket), 0o755)
        os.chmod(d.socket, 0o666)
        for command in ("ls", "slow", "clients", "poison"):
            done = subprocess.run(
                [BUILD / "tools" / "moroctl", "--socket", d.socket, command], user=65534,
                capture_output=True, text=True, timeout=DEADLINE)
            assert done.returncode == 6 and "PERMISSION_DENIED" in done.stderr
