"""Pools with exec: a program is run for each task."""

import os
import subprocess

import pytest

from harness import BUILD, TaskError, alive, wait_until


@pytest.fixture
def runs(morod, tmp_path):
    """runs(command, ...) starts a morod whose type x:run runs it."""
    def start(command, more="", **options):
        conf = tmp_path / "m.conf"
        conf.write_text(f"[pool x]\nexec = {command}\ntypes = x:run\nworkers = 1\n{more}\n")
        return morod(config=conf, **options)
    return start


def fails(c, data=None, **options):
    with pytest.raises(TaskError) as caught:
        c.call("x:run", data, **options)
    return caught.value.error


def test_bytes_in_and_out(runs):
    """stdin to stdout, of any size, as bytes; text counts as such."""
    with runs("tr a-y b-z") as d, d.client() as c:
        assert c.call("x:run", {"input": b"hal\0"}) == b"ibm\0"
        assert c.call("x:run", {"input": "hal"}) == b"ibm"
        assert c.call("x:run", {"input": None}) == c.call("x:run", {}) == b""
        large = b"a" * (20 << 20)
        assert c.call("x:run", {"input": large}) == b"b" * len(large)
        (t,) = c.request("types", "x:run")
        assert t["pool"] == "x" and t["fields"][0]["name"] == "input"
        assert c.call("debug:echo", 5) == 5


def test_more_out_than_in(runs):
    """What it writes before it reads does not stop either."""
    with runs("sh -c 'head -c 5000000 /dev/zero; cat'") as d, d.client() as c:
        got = c.call("x:run", {"input": b"x" * 3000000})
        assert got == bytes(5000000) + b"x" * 3000000


def test_reads_nothing(runs):
    """It need not take its input."""
    with runs("echo done") as d, d.client() as c:
        assert c.call("x:run", {"input": b"x" * 3000000}) == b"done\n"


def test_bad_data(runs):
    with runs("cat") as d, d.client() as c:
        for bad, field in (({"input": 5}, "input"), ({"data": b""}, "data")):
            e = fails(c, bad)
            assert (e["code"], e["field"]) == ("INVALID_ARGUMENT", field)


@pytest.mark.parametrize("command, message, detail", [
    ("sh -c 'echo first >&2; echo the reason >&2; exit 3'",
     "the program exited with status 3: the reason", ("exitCode", 3)),
    ("false", "the program exited with status 1", ("exitCode", 1)),
    ("/nonexistent/program", "the program exited with status 127: ", ("exitCode", 127)),
    ("sh -c 'kill -SEGV $$'", "the program was killed by SIGSEGV", ("signal", "SIGSEGV")),
])
def test_failures(runs, command, message, detail):
    """Its status or signal is told, and what it said last; the worker stays."""
    with runs(command) as d, d.client() as c:
        before = d.worker_pids()
        e = fails(c, {})
        assert (e["code"], e["reason"], e["retryable"]) == ("WORKER_ERROR", "failed", False)
        assert e["message"].startswith(message) and e[detail[0]] == detail[1]
        assert d.worker_pids() == before


def test_stderr_goes_to_the_log(runs):
    with runs("sh -c 'echo to the log >&2'") as d, d.client() as c:
        c.call("x:run", {})
        d.wait_log(": to the log\n")


def test_too_much(runs):
    """A result over the limit ends the program, and is told."""
    with runs("yes", max_frame=100000) as d, d.client() as c:
        assert fails(c, {}, timeout=60000)["code"] == "TOO_LARGE"
        assert fails(c, {}, timeout=60000)["code"] == "TOO_LARGE"


def test_stopped(runs, tmp_path):
    """A timeout ends the program, and all that it has started."""
    pids, script = tmp_path / "pids", tmp_path / "script"
    script.write_text(f"sleep 3600 & echo $! $$ >{pids}.new; mv {pids}.new {pids}; wait\n")
    with runs(f"sh {script}") as d, d.client() as c:
        call = c.submit("x:run", {}, id="x")
        wait_until(pids.exists, "the program")
        started = [int(p) for p in pids.read_text().split()]
        assert all(alive(p) for p in started)
        c.request("cancel", {"id": "x"})
        assert call.error()["code"] == "CANCELLED"
        wait_until(lambda: not any(alive(p) for p in started), "their end")


def test_what_it_inherits(runs):
    """morod's environment, three descriptors, signals as usual."""
    script = "env; ls -l /proc/$$/fd; cat /proc/$$/status"
    with runs(f"sh -c '{script}'", env={**os.environ, "FOR_IT": "yes"}) as d, d.client() as c:
        said = c.call("x:run", {}).decode()
        assert "FOR_IT=yes\n" in said and f"PATH={os.environ['PATH']}\n" in said
        fds = [line.split()[8] for line in said.splitlines() if " -> " in line]
        assert fds == ["0", "1", "2"]
        assert said.split("NoNewPrivs:")[1].split()[0] == "1"
        assert int(said.split("SigIgn:")[1].split()[0], 16) & 0x4003 == 0
        # built-in tasks see none of it
        assert c.call("json:transform", {"data": None, "filter": "$ENV.FOR_IT"}) is None


def test_files(runs, tmp_path):
    """Input and result may be files."""
    ctl = BUILD / "tools" / "moroctl"
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"abc" * 100000)
    with runs("tr a-y b-z") as d:
        subprocess.run([ctl, "--socket", d.socket, "run", "x:run", "-i", source, "-o", target],
                       check=True)
        assert target.read_bytes() == b"bcd" * 100000


@pytest.mark.parametrize("text, error", [
    ("[pool p]\nexec = x", "2: exec needs types, which the pool does not name"),
    ("[pool p]\nexec = x\ncommand = y\ntypes = a:b",
     "2: exec is instead of a command, and the pool has one"),
    ("[pool p]\nexec = x\ntypes = a:b\n[task crypto:hash]\npool = p",
     "5: pool p runs a program, which does not offer crypto:hash"),
    ("[pool default]\nexec = x\ntypes = a:b", "2: exec is for another pool"),
    ("[pool p]\nexec = x\ntypes = a:b\nchannel = stdio",
     "4: channel goes with a command, and the pool has none"),
    ("[pool p]\ntypes = a:b", "2: types goes with a command, exec or serve, and the pool has none"),
])
def test_configuration(tmp_path, text, error):
    conf = tmp_path / "m.conf"
    conf.write_text(text + "\n")
    done = subprocess.run([BUILD / "server" / "morod", "--config", conf, "--check-config"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and error in done.stderr
