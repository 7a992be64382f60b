"""morod.conf, MORO_* and the options; pools and types as they are configured."""

import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness import BUILD, DEADLINE, ROOT

MOROD = BUILD / "server" / "morod"
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("MORO_")}


def run(*args, env=None, **more):
    return subprocess.run(
        [MOROD, *map(str, args)], capture_output=True, text=True, timeout=DEADLINE,
        env={**CLEAN, "MORO_CONFIG": "/dev/null", **(env or {})}, **more,
    )


def values(text):
    """A printed configuration as {(section, key): value}; comments left out."""
    found, section = {}, None
    for line in text.splitlines():
        line = line.split(" ;")[0].strip()
        if line.startswith("["):
            section = line[1:-1]
        elif line and not line.startswith("#"):
            key, value = line.split(" = ")
            found[section, key] = value
    return found


@pytest.fixture
def conf(tmp_path):
    """Writes a configuration file, and gives its path."""

    def write(text):
        path = tmp_path / "morod.conf"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_default_file_changes_nothing(conf, tmp_path):
    """The default file is right as it is, and with every key in it uncommented."""
    default = run("--print-default-config").stdout
    assert (BUILD / "server" / "morod.conf").read_text() == default
    before = values(run("--print-config").stdout)
    path = conf(default)
    assert run("--config", path, "--check-config").stdout.splitlines()[0] == f"morod: {path}: ok"
    assert values(run("--config", path, "--print-config").stdout) == before
    live = re.sub(r"(?m)^#(\[.*\]|[a-z-]+ = .*)$", r"\1", default)
    assert live.count("\n[") == 5 and "\nmax-frame = 64M\n" in live
    # which is not installed here: its section counts, with another file
    module = BUILD / "tests" / "modules" / "double.so"
    live = live.replace("[module image]", f"[module image]\npath = {module}")
    # which is nobody's: its section takes a file of the reader's own
    key = tmp_path / "key"
    key.write_text("a secret that nobody uses")
    key.chmod(0o600)
    live = live.replace("[key session]", f"[key session]\nfile = {key}")
    done = run("--config", conf(live), "--check-config")
    assert done.returncode == 0, done.stderr
    after = values(run("--config", path, "--print-config").stdout)
    assert {k: v for k, v in after.items() if k in before} == before


def test_every_key_is_everywhere():
    """The options are in --help, in the default file and on the page."""
    usage, default = run("--help").stdout, run("--print-default-config").stdout
    assert all(len(line) <= 80 for line in (usage + default).splitlines())
    page = (ROOT / "server" / "CONFIG.md").read_text()
    keys = re.findall(r"(?m)^#([a-z-]+) =", default)
    assert "workers" in keys and "run-timeout" in keys
    for key in keys:
        assert f"`{key}" in page or f"`--{key}" in page
    server = default.split("\n#[pool")[0]
    for key in re.findall(r"(?m)^#([a-z-]+) =", server):
        assert f"  --{key}" in usage


def test_page_is_up_to_date():
    """server/CONFIG.md is what the table makes of itself."""
    made = subprocess.run([BUILD / "server" / "config-pages"], capture_output=True, text=True)
    assert (ROOT / "server" / "CONFIG.md").read_text() == made.stdout, (
        "run build/server/config-pages >server/CONFIG.md")


def test_who_wins(conf):
    """Command line before environment before file before default."""
    path = conf("[morod]\nmax-clients = 5\nmax-depth = 6\nmax-method = 70\ndebug-tasks = yes\n")
    done = run("--config", path, "--max-clients", 9, "--debug-tasks=no", "--print-config",
               env={"MORO_MAX_CLIENTS": "8", "MORO_MAX_DEPTH": "8", "MORO_MAX_FRAME": ""})
    assert done.returncode == 0, done.stderr
    for line in ("max-clients = 9 ; command line, --max-clients",
                 "max-depth = 8 ; environment, MORO_MAX_DEPTH",
                 "max-method = 70 ; line 4",
                 "debug-tasks = no ; command line, --debug-tasks",
                 "max-frame = 64M ; default",
                 f"# lines are those of {path}"):
        assert line in done.stdout.splitlines()


def test_default_pool_obeys_the_command_line(conf):
    """[pool default] comes before [morod], and --workers before both; other pools keep theirs."""
    path = conf("[morod]\nworkers = 2\n[pool default]\nworkers = 3\n[pool a]\nworkers = 4\n[pool b]\n")
    got = values(run("--config", path, "--print-config").stdout)
    assert [got[f"pool {p}", "workers"] for p in ("default", "a", "b")] == ["3", "4", "2"]
    got = values(run("--config", path, "--workers", 5, "--print-config").stdout)
    assert [got[f"pool {p}", "workers"] for p in ("default", "a", "b")] == ["5", "4", "5"]


def test_config_from_the_environment(conf):
    """MORO_CONFIG is --config."""
    path = conf("[morod]\nmax-depth = 7\n")
    assert values(run("--print-config", env={"MORO_CONFIG": str(path)}).stdout)[
        "morod", "max-depth"] == "7"


def test_wrong_environment():
    """A wrong variable is named, with what it takes."""
    done = run("--check-config", env={"MORO_MAX_DEPTH": "x", "MORO_DEBUG_TASKS": "2"})
    assert done.returncode == 2
    assert 'morod: MORO_MAX_DEPTH takes a whole number from 1 to 32, not "x"\n' in done.stderr
    assert "morod: MORO_DEBUG_TASKS takes yes or no" in done.stderr


def test_all_errors_of_a_file(conf):
    """All that is wrong is shown, with its line; nothing is started."""
    path = conf("[morod]\nworker = 2\nmax-depth = 99\n[poool x]\n[task crypto:hush]\n")
    for args in (["--check-config"], ["--print-config"], []):
        done = run("--config", path, *args)
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.splitlines() == [
            f'morod: {path}:2: no key "worker" here; did you mean workers?',
            f"morod: {path}:3: max-depth takes a whole number from 1 to 32, not \"99\"",
            f"morod: {path}:4: no section [poool]; did you mean [pool NAME]?",
            f'morod: {path}:5: no task type "crypto:hush"; did you mean crypto:hash?',
        ]


def test_printed_file_reads_back(conf):
    """--print-config gives a file that makes the same configuration."""
    path = conf("[morod]\nworkers = 2:4\nframe-timeout = 90s\nmax-frame = 5000\n"
                "[pool io]\nreserve = 1\n[task crypto:hash]\npool = io\ntimeout = none\n")
    first = run("--config", path, "--log-level", "error", "--print-config").stdout
    second = run("--config", conf(first), "--print-config").stdout
    assert values(first) == values(second)
    assert values(first)["morod", "workers"] == "2:4"
    assert values(first)["task crypto:hash", "timeout"] == "none"


def make_missing(path):
    return "No such file or directory"


def make_folder(path):
    path.mkdir()
    return "Is a directory"


def make_long(path):
    path.write_bytes(b"#\n" * (1 << 20))
    return "longer than 1 MiB"


@pytest.mark.parametrize("make", [make_missing, make_folder, make_long])
def test_odd_files(make, tmp_path):
    """A file that cannot be read is refused, with the reason."""
    path = tmp_path / "x.conf"
    reason = make(path)
    done = run("--config", path, "--check-config")
    assert done.returncode == 2
    assert done.stderr == f"morod: {path}: {reason}\n"


def test_file_from_a_pipe():
    """A pipe is read, once: what is in it counts, right or wrong."""
    done = run("--config", "/dev/stdin", "--print-config", input="[morod]\nmax-depth = 7\n")
    assert values(done.stdout)["morod", "max-depth"] == "7"
    done = run("--config", "/dev/stdin", "--check-config", input="[morod]\nmax-depth = 99\n")
    assert done.returncode == 2
    assert "/dev/stdin:2: max-depth takes" in done.stderr


def test_unreadable_file():
    """So is one that this user may not read."""
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="moro-") as folder:
        os.chmod(folder, 0o755)
        path = pathlib.Path(folder) / "x.conf"
        path.touch(0)
        done = subprocess.run(
            [shutil.copy(MOROD, folder), "--config", path, "--check-config"], env=CLEAN,
            user=user, capture_output=True, text=True, timeout=DEADLINE,
        )
    assert done.returncode == 2
    assert done.stderr == f"morod: {path}: Permission denied\n"


def test_served_as_configured(morod, conf):
    """A file's limits hold, and hello tells them."""
    path = conf("[morod]\nmax-client-tasks = 2\nmax-queue-size = 50\n")
    with morod(config=path) as d, d.client() as c:
        assert c.server["limits"]["maxClientTasks"] == 2
        assert c.server["limits"]["maxQueueSize"] == 50
        assert d.stats()["maxQueueSize"] == 50


def test_two_pools(morod, conf):
    """A type's pool does its tasks, whatever the others do; its dead are replaced."""
    path = conf("[pool io]\nworkers = 2\n[task debug:echo]\npool = io\n")
    with morod(config=path, workers=1) as d, d.client() as c:
        assert "(3 workers)" in d.log()
        pools = d.stats()["pools"]
        assert [p["name"] for p in pools] == ["default", "io"]
        assert [[w["slot"] for w in p["workers"]] for p in pools] == [[1], [66, 67]]
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        for i in range(10):
            assert c.call("debug:echo", i) == i
        victim = d.stats()["pools"][1]["workers"][1]["pid"]
        os.kill(victim, signal.SIGKILL)
        d.wait(lambda s: s["pools"][1]["workers"][1]["pid"] not in (0, victim)
               and s["workers"] == 3)
        assert c.call("debug:echo", "still") == "still"
        assert d.stats()["pools"][1]["workers"][1]["restarts"] == 1
        assert d.stats()["pools"][0]["workers"][0]["restarts"] == 0


def test_a_pool_has_its_own_queue(morod, conf):
    """A full pool refuses; another takes tasks still."""
    path = conf("[pool small]\nworkers = 1\nmax-queue-size = 1\n[task debug:sleep]\npool = small\n")
    with morod(config=path, workers=1, prefetch_us=0) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        c.submit("debug:sleep", {"ms": 1})
        error = c.submit("debug:sleep", {"ms": 1}).error()
        assert (error["code"], error["reason"], error["limit"]) == ("QUEUE_FULL", "count", 1)
        assert c.call("debug:echo", 1) == 1
        assert d.stats()["maxQueueSize"] == 1001


def test_max_queued_of_a_type(morod, conf):
    """A type's limit is its own: QUEUE_FULL, reason type; what ends makes room."""
    path = conf("[task debug:echo]\nmax-queued = 2\n")
    with morod(config=path, workers=1, prefetch_us=0) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        waiting = [c.submit("debug:echo", i) for i in range(2)]
        error = c.submit("debug:echo", 2).error()
        assert error["code"] == "QUEUE_FULL" and error["reason"] == "type"
        assert (error["limit"], error["size"]) == (2, 2)
        other = c.submit("debug:spin", {"us": 1})
        os.kill(d.worker_pids()[0], signal.SIGKILL)
        assert [w.result() for w in waiting] == [0, 1]
        other.result()
        assert c.call("debug:echo", 3) == 3


def test_max_queued_counts_what_leaves(morod, conf):
    """A client that leaves and a task that times out make room, too."""
    path = conf("[task debug:echo]\nmax-queued = 1\n")
    with morod(config=path, workers=1, prefetch_us=0) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        assert c.submit("debug:echo", 1, timeout=1).error()["code"] == "TIMEOUT"
        with d.client() as other:
            other.submit("debug:echo", 2)
            d.wait(lambda s: s["queueSize"] == 1)
            assert c.submit("debug:echo", 3).error()["reason"] == "type"
        d.wait(lambda s: s["queueSize"] == 0)
        c.submit("debug:echo", 4)
        d.wait(lambda s: s["queueSize"] == 1)


def test_limits_of_a_type(morod, conf):
    """A type's timeout and priority are for tasks that give none."""
    path = conf("[task debug:sleep]\ntimeout = 50ms\n[task debug:spin]\nrun-timeout = 40ms\n"
                "[task debug:echo]\npriority = low\n")
    with morod(config=path, workers=1) as d, d.client() as c:
        error = c.submit("debug:sleep", {"ms": 60000}).error()
        assert (error["code"], error["option"], error["limit"]) == ("TIMEOUT", "timeout", 50)
        assert c.call("debug:sleep", {"ms": 200}, runTimeout=60000) is not None
        error = c.submit("debug:spin", {"ms": 60000}).error()
        assert (error["code"], error["option"], error["limit"]) == ("TIMEOUT", "runTimeout", 40)
        c.submit("debug:sleep", {"ms": 60000}, timeout=60000)
        d.wait(lambda s: s["activeTasks"] == 1)
        c.submit("debug:echo", 1)
        c.submit("debug:echo", 2, priority="high")
        d.wait(lambda s: s["pools"][0]["queue"] == {"high": 1, "normal": 0, "low": 1})


def test_types_tell_their_limits(morod, conf):
    """types shows what holds, built in or configured."""
    path = conf("[task crypto:hash]\ntimeout = none\nmax-queued = 3\nmax-running = 4\n"
                "queue-timeout = 2s\n[pool slow]\nworkers = 1\n[task data:compress]\npool = slow\n")
    with morod(config=path) as d, d.client() as c:
        types = {t["type"]: t for t in c.request("types")}
        assert types["jwt:sign"]["timeout"] == types["jwt:verify"]["timeout"] == 5000
        assert types["jwt:sign"]["priority"] == "high"
        assert types["data:decompress"]["timeout"] == 30000
        assert types["data:decompress"]["pool"] == "default"
        assert types["data:compress"]["pool"] == "slow"
        assert "timeout" not in types["debug:echo"] and types["debug:echo"]["priority"] == "normal"
        assert "timeout" not in types["crypto:hash"]
        assert types["crypto:hash"]["queueTimeout"] == 2000
        assert (types["crypto:hash"]["maxQueued"], types["crypto:hash"]["maxRunning"]) == (3, 4)


def test_least_number_of_workers(morod):
    """With MIN:MAX morod is ready when the least number is there."""
    with morod(workers="1:3") as d, d.client() as c:
        assert "(1 workers)" in d.log()
        pool = d.stats()["pools"][0]
        assert (pool["min"], pool["max"], pool["target"], len(pool["workers"])) == (1, 3, 1, 1)
        assert c.call("debug:echo", 1) == 1
