"""The benchmark measures, cleans up, and says what is wrong. No durations here."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from harness import BUILD, DEADLINE, ROOT, wait_until

BENCH = BUILD / "tools" / "moro-bench"
LONG = 120  # seconds that a short run may take on a loaded machine
SHORT = ["--rounds", "1", "--seconds", "0.05"]


class Place:
    """A folder to run in; whatever the benchmark leaves is found by it."""

    def __init__(self, path):
        self.cwd = path / "cwd"
        self.tmp = path / "tmp"
        self.cwd.mkdir()
        self.tmp.mkdir()
        env = {k: v for k, v in os.environ.items() if not k.startswith("MORO_")}
        self.how = {
            "cwd": self.cwd,
            "env": {**env, "TMPDIR": str(self.tmp)},
            "stdin": subprocess.DEVNULL,
            "text": True,
        }

    def run(self, *args, stdout=subprocess.PIPE):
        return subprocess.run(
            [BENCH, *args], stdout=stdout, stderr=subprocess.PIPE, timeout=LONG, **self.how
        )

    def processes(self):
        """Those that run in the folder: morod's and the relay's stay there."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd") == str(self.cwd):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def assert_clean(self):
        assert self.processes() == []
        assert list(self.tmp.iterdir()) == []


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


# placement decides most there: twice the rounds
TWICE = ("pipeline.64.ratio", "pipeline.64.w4096.ratio", "strict.ratio")


def check_placement(row, rounds):
    """Rounds of one placement count, or all; the row says which, and how many."""
    sides = [len(row["reference"]), len(row["morod"])]
    assert row["all_ratio"] >= 0
    if row["placement"] == "all":
        assert sides == [rounds, rounds]
        assert row["all_ratio"] == pytest.approx(row["value"])
        assert row["note"].startswith(f"all rounds, {rounds} of each")
    else:
        assert all(1 <= n <= rounds for n in sides)
        assert row["placement"] in row["note"]
        assert f"{sides[0]} of the relay's {rounds}, {sides[1]} of morod's {rounds}" in row["note"]


@pytest.mark.release
def test_json_has_the_stable_names(place):
    """What machines read: each figure under its name, with its target."""
    r = place.run("pingpong", "pipeline", "payload", "strict", "--json", *SHORT)
    assert r.returncode == 0, r.stderr
    assert r.stderr == ""
    report = json.loads(r.stdout)
    assert report["rounds"] == 1 and report["workers"] == 2
    results = report["results"]
    must = {
        "pingpong.64.p50_ratio": 1.15,
        "pingpong.64.p99_ratio": 1.3,
        "pingpong.1048576.p50_ratio": 1.1,
        "pipeline.64.ratio": 0.5,
        "pipeline.64.w4096.ratio": 0.4,
        "strict.ratio": 0.85,
    }
    for name, limit in must.items():
        row = results[name]
        assert row["must"] == limit
        assert row["met"] in (True, False)
        assert row["min"] <= row["value"] <= row["max"]
        assert row["value"] > 0
    assert results["pipeline.64.w16.ratio"]["must"] is None
    for name, row in results.items():
        if name.startswith("pingpong") or ".pinned." in name:
            assert "placement" not in row and "all_ratio" not in row
            continue
        check_placement(row, 2 if name in TWICE else 1)
    place.assert_clean()


def test_latencies_respawn_and_memory(place):
    """The scenarios that need more than a window: all give their figures."""
    picture = place.cwd / "latency.svg"
    r = place.run("priority", "respawn", "memory", "--json", "--plot", str(picture), *SHORT)
    assert r.returncode == 0, r.stderr
    results = json.loads(r.stdout)["results"]
    for name in (
        "priority.echo.p50_us", "priority.echo.p99_us", "priority.5us.p50_us",
        "priority.100us.p50_us", "priority.100us.p99_us", "respawn.p50_ms",
        "memory.worker_uss_kib", "idle.wakeups",
    ):
        assert results[name]["value"] >= 0
        assert ("the client itself" in results[name].get("note", "")) == name.startswith("priority")
    svg = picture.read_text()
    assert svg.startswith("<svg") and svg.count("<polyline") == 5
    place.assert_clean()


BOTH_WAYS = ["crypto:hash", "crypto:encrypt", "crypto:decrypt", "data:compress", "data:decompress",
             "analytics:process"]
BY_DESCRIPTOR = [
    *(f"crypto:hash.{name}" for name in ("sha3-256", "blake2s", "blake2b", "hmac-sha256")),
    *(f"data:{way}.{name}" for way in ("compress", "decompress")
      for name in ("gzip", "deflate", "brotli")),
    "json:transform", "heavy:computation.matrix", "heavy:computation.sort",
]
IN_MESSAGES = [
    "jwt:sign", "jwt:verify", "jwt:sign.large", "jwt:verify.large", "password:hash", "password:verify", "json:transform.value",
    "heavy:computation.fibonacci", "heavy:computation.sort.value",
]
# what a morod without them refuses is left out, and said
OPTIONAL = {
    "crypto:encrypt.aes-256-gcm": "descriptor", "crypto:decrypt.aes-256-gcm": "descriptor",
    "jwt:verify.rs256": "messages", "jwt:sign.es256": "messages",
}


def check_task(results, name, ratio, way):
    """A row tells how its input comes, and what the bare processes do."""
    row = results.pop(f"tasks.{name}.{ratio}")
    assert way in row["note"].split("; against ")[0]
    assert row["note"].split("; against ")[1]
    assert row["against"] == "bare processes that call the library"
    assert row["reference"][0] > 0 and row["value"] >= 0
    return row


@pytest.mark.release
def test_tasks_by_descriptor_and_inline(place):
    """Large inputs come by descriptor, some both ways; values and tokens in the message."""
    r = place.run("tasks", "--json", *SHORT)
    assert r.returncode == 0, r.stderr
    results = json.loads(r.stdout)["results"]
    for name in BOTH_WAYS:
        row = check_task(results, name, "ratio", "descriptor")
        assert row["must"] == (0.85 if name in ("crypto:hash", "data:compress") else None)
        assert check_task(results, name, "inline_ratio", "messages")["must"] is None
    for name in BY_DESCRIPTOR:
        check_task(results, name, "ratio", "descriptor")
    for name in IN_MESSAGES:
        check_task(results, name, "ratio", "messages")
    check_task(results, "jwt:verify", "openssl_ratio", "messages")
    check_task(results, "analytics:process", "own_ratio", "descriptor")
    for name, way in OPTIONAL.items():
        if f"tasks.{name}: morod refuses it, skipping" not in r.stderr:
            check_task(results, name, "ratio", way)
    assert results == {}
    place.assert_clean()


@pytest.mark.release
@pytest.mark.parametrize(
    "names, rows",
    [
        (["tasks.data:decompress.gzip"], ["data:decompress.gzip.ratio"]),
        (["tasks.*press.gzip"], ["data:compress.gzip.ratio", "data:decompress.gzip.ratio"]),
        (["tasks.crypto:decrypt.*", "tasks.password:verify"], ["password:verify.ratio"]),
        (["tasks.password"], ["password:hash.ratio", "password:verify.ratio"]),
    ],
)
def test_some_rows_of_tasks(place, names, rows):
    """A row, a type, a family or a pattern is measured without the others."""
    r = place.run(*names, "--json", *SHORT)
    assert r.returncode == 0, r.stderr
    found = [name for name in json.loads(r.stdout)["results"] if "aes" not in name]
    assert found == [f"tasks.{row}" for row in rows]
    place.assert_clean()


IMAGE = BUILD / "worker" / "modules" / "image.so"


@pytest.mark.release
@pytest.mark.skipif(not IMAGE.exists(), reason="the module image is not built")
def test_thumbnails_with_the_module(place):
    """image:thumbnail is measured where morod may load the module, and left out else."""
    r = place.run("tasks.image", "--json", "--module", str(IMAGE), *SHORT)
    assert r.returncode == 0, r.stderr
    results = json.loads(r.stdout)["results"]
    check_task(results, "image:thumbnail", "ratio", "descriptor")
    assert results == {}
    r = place.run("tasks.image", "--json", *SHORT)
    assert r.returncode == 0 and json.loads(r.stdout)["results"] == {}
    place.assert_clean()


@pytest.mark.release
def test_more_workers_than_descriptors_allow(place):
    """A connection's limit of descriptors bounds the window, however many workers."""
    r = place.run("tasks.crypto", "tasks.data", "--json", "--workers", "12", *SHORT)
    assert r.returncode == 0, r.stderr
    place.assert_clean()


def test_table_for_people(place):
    """Without --json a table: both sides, the ratio, the target."""
    r = place.run("strict", *SHORT)
    assert r.returncode == 0, r.stderr
    assert "strict.ratio" in r.stdout and ">= 0.85" in r.stdout
    place.assert_clean()


@pytest.mark.release
def test_programs(tmp_path):
    """tools/bench-programs measures Python's and Node's workers, as far as there are any."""
    done = subprocess.run(
        [ROOT / "tools" / "bench-programs", BUILD, "--rounds", "1", "--seconds", "0.05"],
        capture_output=True, text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert re.search(r"^morod, Python has [\d.]+ of multiprocessing.Pool$", done.stdout, re.M)
    assert re.search(r"^(morod, Node has [\d.]+ of piscina|Node is left out: .*)$", done.stdout, re.M)
    assert list(tmp_path.iterdir()) == []


def test_a_type_of_a_program(place, morod, tmp_path):
    """--type measures what somebody else's program does."""
    worker, conf = tmp_path / "worker.py", tmp_path / "m.conf"
    worker.write_text("import moro, moro.worker\n"
                      "moro.task('t:echo')(lambda data: data)\nmoro.worker.run()\n")
    conf.write_text(f"[pool p]\ncommand = {sys.executable} {worker}\nworkers = 1\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "python")}
    with morod(config=conf, env=env, max_queue_size=5000) as d:
        r = place.run("pipeline", "--socket", d.socket, "--type", "t:echo", "--json", *SHORT)
        assert r.returncode == 0, r.stderr
        done = d.stats()["completed"]
        assert done > 0 and d.stats()["pools"][1]["workers"][0]["tasksDone"] == done


def test_a_server_that_runs_already(morod, place):
    """--socket measures a morod as it is set, and leaves it running."""
    with morod(workers=2) as d:
        r = place.run("pipeline", "strict", "--socket", d.socket, "--json", *SHORT)
        assert d.process.poll() is None
    # 4,096 outstanding are more than its queue takes: it says so
    assert r.returncode == 1 and "QUEUE_FULL" in r.stderr
    with morod(workers=2, max_queue_size=10000) as d:
        r = place.run("pipeline", "strict", "--socket", d.socket, "--json", *SHORT)
        assert r.returncode == 0, r.stderr
        assert "strict needs a morod of its own" in r.stderr
        assert d.stats()["completed"] > 0
    place.assert_clean()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(place, sig):
    """Stopped in the middle, it takes its processes and files with it."""
    p = subprocess.Popen(
        [BENCH, "pipeline", "--seconds", "60"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **place.how,
    )
    wait_until(lambda: len(place.processes()) > 3, "the relay's processes")
    p.send_signal(sig)
    assert p.wait(DEADLINE) == 128 + sig
    place.assert_clean()


def test_killed_it_leaves_no_process(place):
    """Not even SIGKILL leaves a process behind: the kernel sees to that."""
    p = subprocess.Popen(
        [BENCH, "pipeline", "--seconds", "60"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **place.how,
    )
    wait_until(lambda: len(place.processes()) > 3, "the relay's processes")
    p.kill()
    p.wait(DEADLINE)
    wait_until(lambda: place.processes() == [], "all gone")


@pytest.mark.parametrize(
    "args, words",
    [
        (["--rounds", "0"], ["--rounds", "0", "1 to 1000"]),
        (["--rounds", "many"], ["--rounds", "many", "1 to 1000"]),
        (["--workers", "65"], ["--workers", "65", "1 to 64"]),
        (["--seconds", "nan"], ["--seconds", "nan", "0.01 to 60"]),
        (["--seconds", "5x"], ["--seconds", "5x"]),
        (["--socket", ""], ["--socket", "107"]),
        (["--type", "echo", "--socket", "x"], ["--type", "FAMILY:VERB"]),
        (["--type", "t:echo"], ["--type", "--socket"]),
        (["--no-such"], ["--no-such", "--help"]),
        (["--rounds"], ["--rounds", "--help"]),
        (["pingpong", "nonsense"], ["nonsense", "pingpong", "pipeline"]),
        (["tasks.nonsense"], ["tasks.nonsense", "pingpong", "tasks"]),
        (["pipeline.64"], ["pipeline.64"]),  # it is measured as a whole
    ],
)
def test_bad_usage(place, args, words):
    """Wrong usage: one message that names what is wrong and what is allowed."""
    r = place.run(*args)
    assert r.returncode == 2
    assert r.stdout == ""
    for word in words:
        assert word in r.stderr
    place.assert_clean()


def test_help_and_version(place):
    r = place.run("--help")
    assert r.returncode == 0 and "pingpong" in r.stdout and "--plot" in r.stdout
    assert place.run("--version").stdout.startswith("moro-bench ")
    place.assert_clean()


def test_no_server(place):
    """A socket that nobody listens on is a failure to measure, not bad usage."""
    r = place.run("pipeline", "--socket", str(place.cwd / "none"), *SHORT)
    assert r.returncode == 1 and "none" in r.stderr
    place.assert_clean()


def test_refused_flood_is_no_measurement(place, morod):
    """A flood that the server refuses ends it: figures without one mean nothing."""
    # a connection may have fewer than the flood has; others find room
    with morod(workers=2, max_client_tasks=100, max_queue_size=10000) as d:
        r = place.run("priority", "--socket", d.socket, "--json", *SHORT)
    assert r.returncode == 1 and r.stdout == ""
    assert "QUEUE_FULL" in r.stderr and "the flood has ended" in r.stderr
    place.assert_clean()


def test_output_that_cannot_be_written(place):
    """Known before anything is measured, where it can be; an error at the end otherwise."""
    r = place.run("strict", "--plot", "/nonexistent/x.svg", *SHORT)
    assert r.returncode == 1 and "/nonexistent/x.svg" in r.stderr and r.stdout == ""
    with open("/dev/full", "w") as full:
        r = place.run("respawn", *SHORT, stdout=full)
    assert r.returncode == 1 and "standard output" in r.stderr
    place.assert_clean()
