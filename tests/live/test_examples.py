"""tests/examples: every example, in C and as a script, on a real morod."""

import base64
import gzip
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import stat
import subprocess

import pytest

from harness import BUILD, DEADLINE, ROOT, wait_until

EXAMPLES = ROOT / "tests" / "examples"
README = (EXAMPLES / "README.md").read_text()
MODULE = BUILD / "worker" / "modules" / "image.so"
TESTED = set()  # files that the tests below run
LONG = DEADLINE * 3

# See test_tasks_image.py: LeakSanitizer and libraries that are loaded late.
NO_LEAKS = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


class Program:
    """An example: its C program or its script."""

    def __init__(self, name, kind):
        self.kind = kind
        self.path = EXAMPLES / f"{name}.sh" if kind == "sh" else BUILD / "tests" / "examples" / name
        self.runs = 0

    def environment(self, d, more):
        self.runs += 1
        socket = d if isinstance(d, str) else d.socket
        path = f"{BUILD}/tools:/usr/bin:/bin"
        return {**os.environ, "PATH": path, "MORO_SOCKET": socket, **more}

    def run(self, d, *args, stdin="", **env):
        """Runs it to its end; d is a server, or the path of a socket."""
        done = subprocess.run(
            [self.path, *args], input=stdin, env=self.environment(d, env),
            capture_output=True, text=True, timeout=LONG,
        )
        assert "Sanitizer" not in done.stderr, done.stderr
        return done

    def output(self, d, *args, **more):
        """What it prints; it has to succeed."""
        done = self.run(d, *args, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, d, *args):
        return subprocess.Popen(
            [self.path, *args], env=self.environment(d, {}), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )


@pytest.fixture
def program(request):
    program = Program(*request.param)
    yield program
    assert program.runs > 0


def example(name, kinds=("c", "sh")):
    """A test of both forms of an example, or of one."""
    TESTED.update(f"{name}.{kind}" for kind in kinds)
    return pytest.mark.parametrize(
        "program", [(name, kind) for kind in kinds], indirect=True, ids=kinds
    )


# ---- auth ----

PASSWORD = "correct horse"
EMAIL = "ann@example.org"


def encoded(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signature(head_and_claims, secret):
    return encoded(hmac.digest(secret.encode(), head_and_claims.encode(), "sha256"))


def token(claims, secret, alg="HS256"):
    """A token that is not of morod's making."""
    parts = [{"alg": alg, "typ": "JWT"}, claims]
    text = ".".join(encoded(json.dumps(p).encode()) for p in parts)
    return text + "." + ("" if alg == "none" else signature(text, secret))


class Auth:
    """The service, on a folder of its own."""

    def __init__(self, program, d, folder):
        self.program, self.d = program, d
        self.users = folder / "users"
        self.secret = "0123456789abcdef" * 4
        self.secret_file = folder / "secret"
        self.secret_file.write_text(self.secret + "\n")

    def __call__(self, route, *args, stdin):
        return self.program.run(
            self.d, self.users, route, *args, stdin=stdin + "\n",
            JWT_SECRET_FILE=str(self.secret_file),
        )

    def token(self, route, email=EMAIL, password=PASSWORD):
        done = self(route, email, stdin=password)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, *args, stdin, code=1):
        """Why a route was refused: its last line."""
        done = self(*args, stdin=stdin)
        assert (done.returncode, done.stdout) == (code, ""), done
        return done.stderr.strip().splitlines()[-1]


@example("auth")
def test_auth_session(morod, program, tmp_path):
    """Register, login, profile: the token is a good one, and opens the profile."""
    with morod(workers=2, debug_tasks=False) as d:
        auth = Auth(program, d, tmp_path)
        auth.token("register", "first@example.org")
        head, claims, signed = auth.token("register").split(".")
        assert signed == signature(f"{head}.{claims}", auth.secret)
        payload = json.loads(decoded(claims))
        assert (payload["userId"], payload["iss"]) == (2, "auth-example")
        assert payload["exp"] - payload["iat"] == 7 * 86400
        done = auth("profile", stdin=auth.token("login"))
        assert json.loads(done.stdout) == {"id": 2, "email": EMAIL}
    assert stat.S_IMODE(auth.users.stat().st_mode) == 0o600
    stored = auth.users.read_text()
    assert stored.count("$argon2id$") == 2 and PASSWORD not in stored


@example("auth")
def test_auth_refusals(morod, program, tmp_path):
    """Wrong passwords, forged and expired tokens, and bad requests are told no."""
    with morod(workers=2, debug_tasks=False) as d:
        auth = Auth(program, d, tmp_path)
        good = auth.token("register")
        assert auth.refused("login", EMAIL, stdin="wrong horse") == "Invalid credentials"
        assert auth.refused("login", "x@y.z", stdin=PASSWORD) == "Invalid credentials"
        assert auth.refused("register", EMAIL, stdin=PASSWORD, code=2) == "The user exists"
        assert "short" in auth.refused("register", "a@b.c", stdin="1234567", code=2)
        for email in ("nobody", "@b", "a@", "a@b@c", 'a"@b', "a b@c"):
            assert auth.refused("register", email, stdin=PASSWORD, code=2) == "Invalid email"
        claims = {"userId": 1, "iss": "auth-example", "exp": 4102444800}
        head, _, signed = good.split(".")
        forged = f"{head}.{encoded(json.dumps(claims).encode())}.{signed}"
        for bad in (
            forged, good[:-4], "x", "",
            token(claims, "another secret"),
            token(claims, "", alg="none"),
            token({**claims, "exp": 1}, auth.secret),
            token({**claims, "iss": "somebody"}, auth.secret),
            token({**claims, "userId": 9}, auth.secret),
        ):
            assert auth.refused("profile", stdin=bad) == "Invalid token"
        # and one that is right, of the same making
        assert auth("profile", stdin=token(claims, auth.secret)).returncode == 0


@example("auth")
def test_auth_rehash(morod, program, tmp_path):
    """A hash of lower cost is replaced at the next login."""
    with morod(workers=2, debug_tasks=False) as d, d.client() as c:
        auth = Auth(program, d, tmp_path)
        cheap = c.call("password:hash", {"password": PASSWORD, "memory": 8 << 20, "iterations": 1})
        auth.users.write_text(f"1 {EMAIL} {cheap}\n")
        auth.token("login")
        first, second = auth.users.read_text().splitlines()
        assert first.endswith(cheap) and second.startswith(f"1 {EMAIL} $argon2id$v=19$m=65536,t=2")
        auth.token("login")
        assert len(auth.users.read_text().splitlines()) == 2


@example("auth")
def test_auth_no_server(program, tmp_path):
    """Without a server nobody is told that a password is wrong."""
    auth = Auth(program, str(tmp_path / "none"), tmp_path)
    assert "NO_SERVER" in auth.refused("login", EMAIL, stdin=PASSWORD, code=3)


# ---- export-import ----

RECORDS = [{"_id": 7, "email": "a@b"}, {"_id": 8, "email": "ü@c", "n": [1, {"x": None}]}]


@example("export-import")
def test_export_import(morod, program, tmp_path):
    """What is exported, gzip can read; what is imported is what was exported, and more."""
    path = tmp_path / "export.json.gz"
    with morod(workers=2, debug_tasks=False) as d:
        assert program.output(d, "export", path, stdin=json.dumps(RECORDS)) == ""
        exported = json.loads(gzip.decompress(path.read_bytes()))
        for record, original in zip(exported, RECORDS, strict=True):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", record.pop("exportedAt"))
            assert record == {"id": str(original["_id"]), **original}
        imported = [json.loads(line) for line in program.output(d, "import", path).splitlines()]
        assert [r["_id"] for r in imported] == [7, 8]
        assert all(r["status"] == "active" and r["importedAt"] and r["exportedAt"] for r in imported)


@example("export-import")
def test_import_refusals(morod, program, tmp_path):
    """Nothing is imported of a file that is damaged, a bomb, or not what it should be."""
    path = tmp_path / "import.json.gz"
    good = gzip.compress(json.dumps(RECORDS).encode())
    wrong = gzip.compress(json.dumps([*RECORDS, {"_id": 9}]).encode())
    bomb = gzip.compress(bytes(17 << 20))
    with morod(workers=2, debug_tasks=False) as d:
        for content, why in (
            (good[:-1], "WORKER_ERROR"), (b"[]", "WORKER_ERROR"), (bomb, "larger than 16777216 bytes"),
            (wrong, "a record without an email"),
        ):
            path.write_bytes(content)
            done = program.run(d, "import", path)
            assert done.returncode != 0 and done.stdout == "" and why in done.stderr
        path.write_bytes(good)
        assert len(program.output(d, "import", path).splitlines()) == 2


# ---- thumbnails ----


@example("thumbnails")
@pytest.mark.skipif(not MODULE.exists(), reason="built without the module image")
def test_thumbnails(morod, program, tmp_path):
    """Squares of 150 pixels, each in its image's format; a bad file costs only itself."""
    Image = pytest.importorskip("PIL.Image", reason="needs python3-pil")
    Image.new("RGB", (400, 300), (9, 9, 200)).save(tmp_path / "a.png")
    Image.new("RGB", (300, 500), (200, 9, 9)).save(tmp_path / "b.jpg")
    (tmp_path / "c.jpg").write_bytes(b"no image")
    out = tmp_path / "out"
    out.mkdir()
    images = [tmp_path / n for n in ("c.jpg", "a.png", "b.jpg")]
    with morod(workers=2, module=MODULE, env=NO_LEAKS) as d:
        done = program.run(d, out, *images)
        assert done.returncode == 1 and done.stderr.count("WORKER_ERROR") == 1
        assert done.stdout == f"{out}/a.png: 150x150 png\n{out}/b.jpg: 150x150 jpeg\n"
        assert program.output(d, out, *images[1:]) == done.stdout
        assert sum(t["outcomes"]["completed"] for t in d.stats()["types"]
                   if t["type"] == "image:thumbnail") == 4
    assert sorted(p.name for p in out.iterdir()) == ["a.png", "b.jpg"]
    with Image.open(out / "b.jpg") as im:
        assert (im.format, im.size) == ("JPEG", (150, 150))
        assert im.getpixel((75, 75))[0] > 150


@example("thumbnails")
def test_thumbnails_without_module(morod, program, tmp_path):
    with morod() as d:
        done = program.run(d, tmp_path, tmp_path / "none.png")
    assert (done.returncode, done.stdout) == (77, "")
    assert done.stderr == "skipped: the server has no module image\n"
    assert program.run(str(tmp_path / "none"), tmp_path, "a.png").returncode not in (0, 77)


# ---- analytics ----


def events():
    """What analytics.c makes; analytics.sh reads them."""
    kinds = ("view", "buy", "login")
    return [{"type": kinds[i % 3], "amount": i % 50, "ms": i % 97} for i in range(2500)]


def groups():
    """The lines that come of them, counted here."""
    for kind in ("buy", "login", "view"):
        mine = [e for e in events() if e["type"] == kind]
        total = sum(e["amount"] for e in mine)
        ms = sorted(e["ms"] for e in mine)
        p95 = ms[-(-len(ms) * 95 // 100) - 1]
        yield f"{kind}: {len(mine)} events, sum {total}, ", total / len(mine), f", p95 {p95} ms"


@example("analytics")
def test_analytics(morod, program, tmp_path):
    """Three batches at low priority give what one call would have; not the last one's 500."""
    path = tmp_path / "events"
    path.write_text("".join(json.dumps(e) + "\n" for e in events()))
    with morod(workers=2, debug_tasks=False) as d:
        lines = program.output(d, *([path] if program.kind == "sh" else [])).splitlines()
        low = next(p for p in d.stats()["priorities"] if p["priority"] == "low")
        assert low["outcomes"]["completed"] == 3
    assert lines.pop() == "events: 2500, not 500"
    for line, (begin, average, end) in zip(lines, groups(), strict=True):
        match = re.fullmatch(re.escape(begin) + r"average (\S+)" + re.escape(end), line)
        assert float(match[1]) == pytest.approx(average, rel=1e-12)


# ---- scaling ----


@example("scaling")
def test_scaling(morod, program):
    """A worker for each hundred tasks, and in the end as many as before."""
    with morod(workers="1:2", debug_tasks=False) as d:
        assert program.output(d, "4") == "load 250: workers 3\nanswers: 250\nload 0: workers 1\n"
        (pool,) = d.stats()["pools"]
        assert (pool["min"], pool["max"], pool["paused"]) == (1, 2, False)
        assert program.output(d, "2").startswith("load 250: workers 2\n")


# ---- errors ----


@example("errors")
def test_errors(morod, program):
    """One error of each kind, each handled by its code."""
    with morod(workers=2, max_queue_size=20, debug_tasks=False) as d:
        lines = dict(line.split(": ", 1) for line in program.output(d).splitlines())
        d.wait(lambda s: s["activeTasks"] == s["queueSize"] == 0, begun=False)
    assert list(lines) == [
        "WORKER_ERROR", "TIMEOUT", "UNKNOWN_TASK", "INVALID_ARGUMENT", "NO_SERVER",
        "TOO_LARGE", "CANCELLED", "QUEUE_FULL",
    ]
    assert "Unknown compression format" in lines["WORKER_ERROR"]
    assert lines["TIMEOUT"].startswith("504 Processing timeout: ") and "200 ms" in lines["TIMEOUT"]
    assert "no:such" in lines["UNKNOWN_TASK"] and "input" in lines["INVALID_ARGUMENT"]
    assert "1000 bytes" in lines["TOO_LARGE"]
    assert re.fullmatch(r"503 Service busy, retry after [1-9]\d* s", lines["QUEUE_FULL"])


# ---- monitoring ----


@example("monitoring")
def test_monitoring(morod, program):
    """A quiet server, a busy one, one that is drained."""
    with morod(workers=2) as d, d.client() as c:
        idle = "workers 2, queueSize 0, activeTasks 0\n"
        assert program.output(d, "2", "0.01") == 2 * idle
        for _ in range(7):
            c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 2)
        busy = "workers 2, queueSize 5, activeTasks 2\n"
        all_busy = "warning: all workers are busy\n"
        assert program.output(d, "1", "0", "5") == busy + all_busy
        c.request("drain")
        assert program.output(d, "1", "0", "4") == (
            busy + "warning: the queue is getting long\n" + all_busy
            + "warning: the server takes no new tasks\n"
        )


@example("monitoring")
def test_monitoring_no_server(program, tmp_path):
    out = program.output(str(tmp_path / "none"), "2", "0.01").splitlines()
    assert len(out) == 2 and all(s.startswith("warning: the server does not answer") for s in out)


@example("monitoring", kinds=["c"])
def test_monitoring_goes_on(morod, program, tmp_path):
    """A server that is started anew is looked at anew."""
    path = str(tmp_path / "m.sock")
    watch = program.start(path, "1000000", "0.01")
    try:
        assert "does not answer" in watch.stdout.readline()
        for workers in (1, 2):
            with morod(path=path, workers=workers):
                wait_until(lambda: f"workers {workers}," in watch.stdout.readline())
    finally:
        watch.kill()
        watch.communicate()


# ---- shutdown ----


def working(program, d):
    process = program.start(d)
    assert process.stdout.readline() == "working\n"
    return process


def counts(out):
    """The numbers in the last line."""
    return {k: int(v) for k, v in re.findall(r"(\w+) (\d+)", out.splitlines()[-1])}


@example("shutdown", kinds=["c"])
def test_shutdown_of_a_program(morod, program):
    """SIGTERM: what was submitted is answered, and the server stays."""
    with morod(workers=2, debug_tasks=False) as d:
        process = working(program, d)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0 and "Sanitizer" not in err
        assert out.startswith("SIGTERM: finishing ")
        n = counts(out)
        assert n["submitted"] == n["answered"] > 0 and n["refused"] == n["lost"] == 0
        assert d.stats()["cancelled"] == 0 and d.stats()["completed"] == n["answered"]


@example("shutdown", kinds=["c"])
@pytest.mark.parametrize("drained", [True, False])
def test_shutdown_of_its_server(morod, program, drained):
    """
    The server's end: what it had accepted is answered, the rest is told no.
    Without a drain it may close before it has read the last requests.
    """
    with morod(workers=2, debug_tasks=False) as d:
        process = working(program, d)
        if drained:
            with d.client() as c:
                c.request("drain")
        else:
            assert d.stop() == 0
        out, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0 and "Sanitizer" not in err
        assert out.startswith("the server is shutting down\n")
        n = counts(out)
        assert n["submitted"] == n["answered"] + n["refused"] + n["lost"]
        assert n["answered"] > 0 and n["refused"] + n["lost"] <= 4
        assert not drained or (n["refused"] > 0 and n["lost"] == 0)


@example("shutdown", kinds=["sh"])
def test_shutdown_of_a_server(morod, program):
    """Drained first: all that was accepted is answered, and then it ends."""
    with morod(workers=2, debug_tasks=False) as d:
        done = program.run(d)
        assert d.process.wait(DEADLINE) == 0
    assert done.returncode == 0
    assert "SHUTTING_DOWN" in done.stderr
    assert done.stdout.splitlines() == [
        "Shutting down...", "the server takes no more tasks, and all are finished",
        "exit code 6", "answers: 20 of 20", "the server is shutting down", "the server is gone",
    ]


# ---- backpressure ----


@example("backpressure")
def test_backpressure(morod, program):
    """A queue that is 80% full is noticed, and nothing is refused."""
    expected = {
        "sh": [
            "503 Service busy, try again later",
            hashlib.sha256(b"one more").hexdigest(),
            "answers: 150, errors: 0",
        ],
        "c": [
            "503 Service busy, retry after 60 s",
            "looked first: done 40, refused 0, failed 0",
            "told: done 100, refused 0, failed 0",
            "the queue was high: yes",
            "waited: done 150, refused 0, failed 0",
        ],
    }
    with morod(workers=2, max_queue_size=50, debug_tasks=False) as d:
        assert program.output(d).splitlines() == expected[program.kind]
        assert d.stats()["refused"] == 0


# ---- batch ----


@example("batch")
def test_batch(morod, program):
    """Each line's hash, in order, however many lines."""
    lines = ["", "a b", "ü", *map(str, range(2500))]
    with morod(workers=2, debug_tasks=False) as d:
        out = program.output(d, stdin="".join(line + "\n" for line in lines))
        assert out.splitlines() == [f"{hashlib.sha256(s.encode()).hexdigest()} {s}" for s in lines]
        assert program.output(d, stdin="") == ""


# ---- encryption ----


@example("encryption")
def test_encryption(morod, program, tmp_path):
    """What is stored is nothing to read, to change or to exchange."""
    secret = "the secret\nhas two lines, ü"
    key = tmp_path / "key"
    env = {"ENCRYPTION_KEY_FILE": str(key)}
    with morod(workers=2, debug_tasks=False) as d:
        program.output(d, tmp_path, "put", "one", stdin=secret, **env)
        assert re.fullmatch(r"[0-9a-f]{64}\n", key.read_text())
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        made = key.read_text()
        program.output(d, tmp_path, "put", "two", stdin="another", **env)
        assert key.read_text() == made
        one, two = ((tmp_path / n).read_text() for n in ("one", "two"))
        assert one.startswith("moro1b.") and "secret" not in one
        assert program.output(d, tmp_path, "get", "one", **env) == secret
        for text in (two, one[:20] + ("A" if one[20] != "A" else "B") + one[21:]):
            (tmp_path / "one").write_text(text)
            done = program.run(d, tmp_path, "get", "one", **env)
            assert (done.returncode, done.stdout) == (1, "") and "WORKER_ERROR" in done.stderr
        (tmp_path / "one").write_text(one)
        key.write_text("0" * 64 + "\n")
        assert program.run(d, tmp_path, "get", "one", **env).returncode == 1
        assert program.run(d, tmp_path, "put", "../key", stdin="x", **env).returncode == 2
        assert program.run(d, tmp_path, "get", "three", **env).returncode != 0


def test_encryption_of_both(morod, tmp_path):
    """The script reads what the program stored, and the other way round."""
    programs = [Program("encryption", kind) for kind in ("c", "sh")]
    env = {"ENCRYPTION_KEY_FILE": str(tmp_path / "key")}
    with morod(debug_tasks=False) as d:
        for writer, reader in (programs, programs[::-1]):
            writer.output(d, tmp_path, "put", "name", stdin=writer.kind, **env)
            assert reader.output(d, tmp_path, "get", "name", **env) == writer.kind


# ---- compute ----


@example("compute")
def test_compute(morod, program):
    """Results, progress on the way, and a task that is stopped in time."""
    with morod(workers=1, debug_tasks=False) as d:
        done = program.run(d)
        assert (done.returncode, done.stdout) == (0, (
            "fibonacci(100) = 354224848179261915075\nmean 5, deviation 2\n"
            "5761455 primes\n504 Processing timeout\n"
        ))
        percents = [int(p) for p in re.findall(r"(\d+)%", done.stderr)]
        assert percents and percents == sorted(percents) and percents[-1] <= 100
        d.wait(lambda s: s["timedOut"] == 1 and s["activeTasks"] == 0, begun=False)


# ---- all of them ----


def sources():
    return sorted(p for p in EXAMPLES.iterdir() if p.suffix in (".c", ".sh"))


def test_every_example_is_tested():
    """A file in the folder has a test here, and a place in the table."""
    assert {p.name for p in sources()} == TESTED
    linked = re.findall(r"\[`([\w-]+\.(?:c|sh))`\]\(([\w.-]+)\)", README)
    assert {name for name, _ in linked} == TESTED and all(a == b for a, b in linked)
    assert {p.suffix for p in EXAMPLES.iterdir()} == {".c", ".sh", ".md", ".build"}


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_warnings(compiler, tmp_path):
    """With moro.h alone, and all warnings, as somebody else would compile them."""
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    shutil.copy(ROOT / "client" / "moro.h", tmp_path)
    for path in sources():
        if path.suffix == ".c":
            assert '#include "' not in path.read_text()
            subprocess.run(
                [compiler, "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-O2",
                 "-I", tmp_path, "-c", "-o", tmp_path / "out.o", path],
                check=True, timeout=LONG,
            )


def test_scripts_are_executable():
    for path in sources():
        if path.suffix == ".sh":
            assert os.access(path, os.X_OK) and path.read_text().startswith("#!/bin/sh\n")
            subprocess.run(["/bin/sh", "-n", path], check=True)
