"""json:transform against the jq manual and command, and programs that do harm."""

import json
import os
import pathlib
import random
import shutil
import subprocess

import pytest

from harness import SANITIZED, TaskError, alive, wait_until
from test_files import connect, files, range_of, submit  # noqa: F401
from test_hotpath import Strace

TASK = "json:transform"
MANUAL = pathlib.Path(__file__).with_name("jq-manual.json")

needs_jq = pytest.mark.skipif(not shutil.which("jq"), reason="needs jq")
needs_limits = pytest.mark.skipif(
    SANITIZED, reason="the sanitizer's allocator has its memory already"
)


def run(c, data, program, **more):
    return c.call(TASK, {"data": data, "filter": program, **more})


def failure(c, data, program, options=None, **more):
    with pytest.raises(TaskError) as caught:
        c.call(TASK, {"data": data, "filter": program, **more}, **(options or {}))
    return caught.value


def resident(pid):
    """KiB of memory that a process has."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def same(got, wanted):
    """Equal, and true is not 1: as JSON of one spelling."""
    return json.dumps(got, sort_keys=True) == json.dumps(wanted, sort_keys=True)


def test_examples_of_the_manual(morod):
    """Each example of jq's manual gives what stands there, from values and text."""
    examples = json.loads(MANUAL.read_text())["examples"]
    assert len(examples) >= 190
    with morod(workers=2) as d, d.client() as c:
        for program, given, wanted in examples:
            wants = {"filter": program, "outputs": "all"}
            got = c.call(TASK, {"data": given, **wants})
            assert same(got, wanted), (program, got)
            got = c.call(TASK, {"json": json.dumps(given), **wants})
            assert same(got, wanted), (program, got)
            text = c.call(TASK, {"data": given, "format": "lines", **wants})
            assert same([json.loads(t) for t in text.splitlines()], wanted), program


def random_value(r, depth=0):
    """A value of JSON, with the strings and numbers that are easily got wrong."""
    kind = r.randrange(8 if depth < 5 else 6)
    if kind == 0:
        return r.choice([None, True, False])
    if kind == 1:
        return r.choice([0, -1, 2**53, -(2**53), r.randint(-(10**6), 10**6)])
    if kind in (2, 3):
        return r.choice([0.1, -2.5e-7, 1e300, 5e-324, r.random(), r.uniform(-1e9, 1e9)])
    if kind in (4, 5):
        alphabet = "ab \"\\/\n\t\u0001\u007f\u00e4\u20ac\U0001f600"
        return "".join(r.choice(alphabet) for _ in range(r.randrange(8)))
    if kind == 6:
        return [random_value(r, depth + 1) for _ in range(r.randrange(5))]
    keys = ["a", "b", "", "x y", "\u00e4", "\U0001f600"]
    return {r.choice(keys): random_value(r, depth + 1) for _ in range(r.randrange(5))}


PROGRAMS = [
    ".", "..", "[paths]", "tojson", "tostream", "[.[]?]", "keys?", "length?",
    "map(.)?", "sort?", "[..|numbers]|add", "[..|strings]|unique", "to_entries?",
    "[..|strings|ascii_downcase,explode]", "[leaf_paths]", "type", "[..|type]|group_by(.)",
    "[..|numbers|floor?]", "tojson|fromjson", "@json,@text,@html,@uri,@base64",
    "walk(if type == \"array\" then reverse else . end)", "del(.a?)", ".a? // 1",
    "[..|select(type==\"string\")|test(\"a+\")]", "with_entries(.)?", "flatten?",
]


@needs_jq
def test_agrees_with_the_command(morod):
    """On random documents the bytes are those that `jq -c` prints."""
    r = random.Random(20261125)
    # some are wrapped: few programs want a scalar
    docs = [[random_value(r) for _ in range(r.randrange(6))] for _ in range(60)]
    docs += [{"a": random_value(r), "b": random_value(r)} for _ in range(60)]
    texts = [json.dumps(doc, ensure_ascii=False) for doc in docs]
    with morod(workers=2) as d, d.client() as c:
        for program in PROGRAMS:
            done = subprocess.run(
                ["jq", "-c", program], input="\n".join(texts).encode(),
                capture_output=True, check=True,
            ).stdout
            for field, values in (("data", docs), ("json", texts)):
                got = [
                    c.submit(TASK, {field: v, "filter": program, "format": "lines"})
                    for v in values
                ]
                ours = "".join(g.result() for g in got).encode()
                assert ours == done, (program, field)


@needs_jq
def test_the_command_reads_ours(morod):
    """What came back as a value is, for jq, equal to what went in."""
    r = random.Random(7)
    docs = [random_value(r) for _ in range(300)]
    with morod() as d, d.client() as c:
        back = [c.submit(TASK, {"data": v, "filter": "."}) for v in docs]
        pairs = [[v, b.result()] for v, b in zip(docs, back)]
    done = subprocess.run(
        ["jq", "-c", "map(.[0] == .[1]) | all"], input=json.dumps(pairs).encode(),
        capture_output=True, check=True,
    ).stdout
    assert done == b"true\n"


MEMORY = [
    "[range(1e9)]",
    ".[1e9] = 1",
    "def f: 1 + f; f",
    "[limit(1e9; repeat(\"x\"))]",
    "def f: [., .] | f; f",
    "\"x\" | until(false; . + .)",
    "reduce range(2e6) as $i (0; {a: .})",
]


@needs_limits
@pytest.mark.parametrize("program", MEMORY)
def test_memory_is_bounded(morod, program):
    """A program that eats memory costs its own task an answer that says so."""
    with morod(workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]
        behind = [c.submit("debug:echo", i) for i in range(5)]
        error = failure(c, None, program, maxMemory=32 << 20, outputs="first")
        assert (error.code, error.reason) == ("WORKER_ERROR", "memory")
        behind += [c.submit("debug:echo", i) for i in range(5, 10)]
        assert [p.result() for p in behind] == list(range(10))
        assert not alive(pid)
        assert d.stats()["crashed"] == 1
        assert run(c, [1, 2], "add") == 3


@needs_limits
def test_memory_of_the_input_counts(morod):
    """Data that needs more than the limit is refused likewise, also by a new worker."""
    with morod(workers=1) as d, d.client() as c:
        for data in ({"data": ["x" * 100] * 250_000}, {"json": "[" + "[1]," * 500_000 + "1]"}):
            data = {**data, "filter": "1", "maxMemory": 16 << 20}
            assert d_call(c, TASK, data).reason == "memory"
            assert d.wait(lambda s: s["workers"] == 1)


@needs_limits
def test_default_and_own_limit_of_memory(morod):
    """256 MiB unless maxMemory says otherwise; what was allowed once is not kept."""
    with morod(workers=1) as d, d.client() as c:
        # each string of a MiB has room for as much again
        strings = "(\"x\" | until(length > 1e6; . + .)) as $s | [range({}) | $s + \"y\"] | length"
        for _ in range(3):
            assert run(c, None, strings.format(100)) == 100
        assert failure(c, None, strings.format(100), maxMemory=128 << 20).reason == "memory"
        pid = d.wait(lambda s: s["workers"] == 1) and d.worker_pids()[0]
        assert run(c, None, strings.format(250), maxMemory=1 << 30) == 250
        assert resident(pid) < 64 << 10
        assert failure(c, None, strings.format(150)).reason == "memory"
        assert not alive(pid)


@needs_limits
def test_limit_of_the_worker_is_nearer(morod):
    """worker-memory counts as well, and is to blame in the same words."""
    with morod(workers=1, worker_memory="64M") as d, d.client() as c:
        assert failure(c, None, "[range(1e9)]").reason == "memory"
        # a task that fails for want of memory without dying, after that
        assert run(c, 1, ".") == 1
        error = d_call(c, "debug:allocate", {"bytes": 1 << 30})
        assert error.reason == "memory"


def d_call(c, task, data):
    with pytest.raises(TaskError) as caught:
        c.call(task, data)
    return caught.value


@needs_limits
def test_stack_is_memory(morod):
    """A value nested so deep that libjq's recursion ends the stack."""
    with morod(workers=1) as d, d.client() as c:
        assert run(c, None, "reduce range(100000) as $i (0; [.]) | 1") == 1
        error = failure(c, None, "reduce range(400000) as $i (0; [.]) | 1")
        assert (error.code, error.reason) == ("WORKER_ERROR", "memory")
        assert error.error["signal"] == "SIGSEGV"


@pytest.mark.parametrize(
    "program",
    ["def f: f; f", "last(repeat(1))", "last(repeat(empty))", "range(1; 0; -1e-300)",
     "\"a\" | gsub(\"\"; \"b\")", "\"a\" | gsub(\"^\"; \"b\")"],
)
def test_endless_programs_are_stopped(morod, program):
    """A program without an end is killed at the task's timeout, and only it."""
    with morod(workers=1) as d, d.client() as c:
        error = failure(c, None, program, {"timeout": 300}, outputs="all")
        assert error.code == "TIMEOUT" and "timeout of 300 ms" in error.message
        assert run(c, [1], ".[0]") == 1
        assert d.stats()["crashed"] == 0


def test_has_a_timeout_by_itself(morod):
    """15 s, as the guide's helper; and it is never run again by itself."""
    with morod(workers=1) as d, d.client() as c:
        mine = next(t for t in c.request("types") if t["type"] == TASK)
        assert mine["timeout"] == 15000
        assert mine["idempotent"] is False


@pytest.mark.skipif(SANITIZED, reason="the sanitizer reports it, and should")
def test_a_crash_is_no_retry(morod):
    """What libjq 1.6 cannot do ends the worker once: WORKER_ERROR, crashed."""
    with morod(workers=1) as d, d.client() as c:
        error = failure(c, None, ".[2147483647] = 1")
        assert error.code == "WORKER_ERROR" and error.reason in ("crashed", "memory")
        assert d.wait(lambda s: s["workers"] == 1)["crashed"] == 1
        assert run(c, 1, ".") == 1


def test_no_environment(morod):
    """A program sees nothing of morod's environment but the time zone."""
    env = {**os.environ, "SECRET": "s3cret"}
    env.pop("TZ", None)
    with morod(env=env) as d, d.client() as c:
        for program in ("env", "$ENV"):
            assert run(c, None, program) == {}
        assert run(c, None, "$ENV.SECRET, env.SECRET", outputs="all") == [None, None]
    env["TZ"] = "Asia/Kolkata"
    with morod(env=env) as d, d.client() as c:
        for program in ("env", "$ENV"):
            assert run(c, None, program) == {"TZ": "Asia/Kolkata"}
        assert run(c, 0, "strflocaltime(\"%H:%M\")") == "05:30"
        assert run(c, 0, "localtime | .[3:5]") == [5, 30]


def test_home_is_not_read(morod, tmp_path):
    """~/.jq changes no builtin, and a mistake in it breaks nothing."""
    for text in ("def map(f): \"mine\";", "this is { no jq"):
        (tmp_path / ".jq").write_text(text)
        with morod(env={**os.environ, "HOME": str(tmp_path)}) as d, d.client() as c:
            assert run(c, [1], "map(. + 1)") == [2]


def test_opens_no_files(morod, tmp_path):
    """Whatever a program tries, the worker asks for no file by its name."""
    (tmp_path / "m.jq").write_text("def secret: 7;")
    (tmp_path / "m.json").write_text("7")
    search = json.dumps({"search": str(tmp_path)})
    programs = [
        f"import \"m\" as m {search}; m::secret",
        f"import \"m\" as $m {search}; $m",
        f"include \"m\" {search}; secret",
        f"# a comment\n\n include \"m\" {search}; secret",
        f"{json.dumps(str(tmp_path / 'm'))} | modulemeta",
        f"{json.dumps(str(tmp_path / 'm'))} as $m | [$m] | .[0] | modulemeta",
        "input_filename", "[get_search_list]", "[inputs]", "env", "$ENV",
        "debug", "stderr", "1 | todate", "[3,1,2] | sort", "\"a\" | test(\"a\")",
        "1 | localtime | mktime", "now | type", "foo",
    ]
    out = tmp_path / "strace"
    with morod(workers=1) as d, d.client() as c:
        run(c, 0, "localtime | 1")  # the C library reads the zone once
        with Strace(d.worker_pids(), out, ["-e", "trace=%file"]):
            for program in programs:
                error, result = c.submit(TASK, {"data": None, "filter": program}).wait()
                assert result != 7, program
    calls = [line for line in out.read_text().splitlines() if "(" in line]
    # the only one is glibc's look at whether the zone has changed
    assert not [l for l in calls if "/etc/localtime" not in l], calls
    assert str(tmp_path) not in out.read_text()


def test_stderr_is_silent(morod):
    """`stderr` and `debug` give their input and print nothing."""
    with morod() as d, d.client() as c:
        assert run(c, "mark-one", "stderr | debug") == "mark-one"
        assert failure(c, "mark-three", "halt_error").message == "jq: error: mark-three"
        assert c.call("debug:print", {"text": "the end\n"}) == 1
        log = d.wait_log("the end") and d.log()
    assert "mark-one" not in log and "DEBUG" not in log


def test_programs_are_kept(morod):
    """The second run of a program does not compile it: it is much faster."""
    with morod(workers=1) as d, d.client() as c:
        program = ".a | map(. + 1)"
        assert run(c, {"a": [1]}, program) == [2]
        pid = d.worker_pids()[0]
        before = cpu_ticks(pid)
        for i in range(200):
            assert run(c, {"a": [i]}, program) == [i + 1]
        # 200 compilations are 3 s
        assert cpu_ticks(pid) - before < 1.5 * os.sysconf("SC_CLK_TCK")


def cpu_ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps what is freed")
def test_kept_programs_are_few(morod):
    """A hundred programs leave no more behind than forty."""
    with morod(workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]
        long = "[" + ",".join(["\"%d\" + .a"] * 300) + "] | length"

        for i in range(40):
            assert run(c, {"a": "x"}, f"\"{i}\" as $i | " + long) == 300
        after = resident(pid)
        for i in range(40, 100):
            assert run(c, {"a": "x"}, f"\"{i}\" as $i | " + long) == 300
        assert resident(pid) - after < 8 << 10


LOST = [
    "ltrimstr(1)", "rtrimstr([])", "add", "[.,1]|add", "[1,.]|add", "[.]|mktime", "tonumber",
    "[.]|strflocaltime(\"%Y\")", "[[.],1]|index(\"a\")", "fromjson", "test(\"(\")", "error([.])",
    "reduce (1,2) as $x (.; . - $x)", "[.]|sort_by(error)", "{a: .}|path(.a|tojson|.b)", ".[0]",
    "[.]|getpath([\"a\"])", "[.]|.[1:] = 1", "label $f | ., break $f", "first(., 1)",
]


@pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps what is freed")
def test_errors_leave_nothing(morod):
    """What fails in libjq, or has nothing to do, costs a worker no memory for good."""
    loop = "\"" + "x" * 100 + "\" as $s | [range(30000) | $s | try (%s) catch 0] | length"
    with morod(workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]

        def all_of_them():
            for p in LOST:
                assert run(c, None, loop % p) >= 30_000
            return resident(pid)

        # libjq's own ltrimstr(1) alone would leave 3 MiB each time
        before = all_of_them()
        assert all_of_them() - before < 1 << 10
        assert d.worker_pids() == [pid]


def test_json_in_a_file(morod, files, tmp_path):  # noqa: F811
    """A JSON text may be a range of a file, and lines may go to one."""
    doc = json.dumps([{"n": i, "s": "x" * 50} for i in range(20_000)]).encode()
    given = files.make(b"skipped" + doc)
    result = files.make()
    with morod(workers=1) as d, connect(d) as c:
        data = {"json": range_of(0, len(doc), 7), "filter": ".[].n", "format": "lines"}
        answer = submit(c, TASK, data, [given, result], resultFd=1).result()
        assert answer
        text = os.pread(result, 1 << 20, 0).decode()
        assert text == "".join(f"{i}\n" for i in range(20_000))
        # a range where a value is wanted is bytes, which JSON has not
        error = submit(c, TASK, {"data": range_of(0, 7), "filter": "."}, [given]).error()
        assert error["code"] == "INVALID_ARGUMENT" and error["field"] == "data"


def test_progress_of_each(morod):
    """With each, the caller may watch."""
    with morod(workers=1) as d, d.client() as c:
        data = {"data": list(range(50)), "filter": "[range(40000)] | length", "each": True}
        assert c.call(TASK, data, progress=True) == [40000] * 50
        seen = [m for m in c.unasked if m[1] == "progress"]
        assert seen and all("50" in str(m) for m in seen)


def test_refusals_leave_the_worker(morod):
    """Bad data costs an answer, and no worker."""
    cases = [
        ({"filter": "."}, "data"),
        ({"data": 1, "json": "1", "filter": "."}, "json"),
        ({"data": {"items": [0, 0, 0, {"id": 2**53 + 1}]}, "filter": "."}, "data.items[3].id"),
        ({"data": 2**64 - 1, "filter": "."}, "data"),
        ({"data": {"a": b"x"}, "filter": "."}, "data.a"),
        ({"data": {1: 2}, "filter": "."}, "data.(1)"),
        ({"data": float("nan"), "filter": "."}, "data"),
        ({"json": "[18446744073709551615]", "filter": "."}, "json"),
        ({"data": 1, "filter": "import \"a\" as a; ."}, "filter"),
        ({"data": 1, "filter": "("}, "filter"),
        ({"data": 1, "filter": "x" * 65537}, "filter"),
        ({"data": 1, "filter": ". + 9007199254740993"}, "filter"),
        ({"data": 1, "filter": '"' + "\\(1)" * 12_000 + '"'}, "filter"),
        ({"json": "1\0x", "filter": "."}, "json"),
        ({"data": {}, "filter": ".", "each": True}, "data"),
    ]
    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        for data, field in cases:
            error = d_call(c, TASK, data)
            assert error.code == "INVALID_ARGUMENT", error
            assert error.error["field"] == field
        assert d.worker_pids() == pids


def test_deep_programs(morod):
    """Programs that are nested thousands deep compile, or are refused."""
    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        for n in (1000, 5000, 30000):
            for opened, closed in (("[", "]"), ("(", ")"), ("-(", ")")):
                program = opened * n + "1" + closed * n
                if len(program) > 65536:
                    continue
                error, _ = c.submit(TASK, {"data": 1, "filter": program}).wait()
                assert error is None or error["code"] in ("INVALID_ARGUMENT", "TOO_LARGE")
        assert d.worker_pids() == pids
        wait_until(lambda: run(c, 1, ".") == 1)
