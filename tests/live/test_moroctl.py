"""The command moroctl against a real morod: every command, every exit code."""

import base64
import errno
import gzip
import hashlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess

import pytest

from harness import BUILD, DEADLINE, ROOT, wait_until
from scripted import Scripted

SECRET = "a secret of more than thirty-two characters"
KEY = "00112233445566778899aabbccddeeff" * 2
MANY = 1 << 20  # bytes of a large input
CODE_LINE = re.compile(r"\Amoroctl: [A-Z_]+: [^\n]+\n\Z")


class Moroctl:
    """Runs the command on one socket."""

    def __init__(self, d, **env):
        self.socket = d if isinstance(d, str) else d.socket
        base = {k: v for k, v in os.environ.items() if not k.startswith("MORO_")}
        self.env = {**base, "MORO_SOCKET": self.socket, **env}

    def start(self, *args, **kwargs):
        return subprocess.Popen(
            [BUILD / "tools" / "moroctl", *args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.env, **kwargs,
        )

    def __call__(self, *args, data=b"", **kwargs):
        """Gives exit code, standard output as bytes, standard error as text."""
        with self.start(*args, **kwargs) as p:
            out, err = p.communicate(data, timeout=DEADLINE)
        return p.returncode, out, err.decode()

    def ok(self, *args, data=b""):
        """Output of a command that must succeed in silence."""
        code, out, err = self(*args, data=data)
        assert (code, err) == (0, "")
        return out

    def fails(self, code, name, *args, data=b""):
        """The one line of a command that must fail; nothing is printed."""
        got, out, err = self(*args, data=data)
        assert CODE_LINE.match(err), err
        assert (got, out, err.split(": ")[1]) == (code, b"", name), err
        return err


@pytest.fixture
def ctl(morod):
    with morod(workers=2, debug_tasks=True) as d:
        yield Moroctl(d)


# ---- Control ----


def test_ping(ctl):
    """ping prints pong, as JSON too, with the options on either side."""
    assert ctl.ok("ping") == b"pong\n"
    assert ctl.ok("--json", "ping") == b'"pong"\n'
    assert ctl.ok("ping", "--json") == b'"pong"\n'


def test_log(ctl):
    """log prints the level, and sets the one that is given; no other word will do."""
    assert ctl.ok("log") == b"info\n"
    assert ctl.ok("log", "debug") == b"debug\n"
    assert ctl.ok("log", "--json") == b'"debug"\n'
    err = ctl.fails(6, "INVALID_ARGUMENT", "log", "loud")
    assert "error, warning, info or debug" in err
    assert ctl("log", "debug", "info")[0] == 2


def test_socket_option(ctl):
    """--socket goes before $MORO_SOCKET, before and after the command."""
    path = ctl.socket
    ctl.env["MORO_SOCKET"] = "/nonexistent"
    assert ctl.ok("--socket", path, "ping") == b"pong\n"
    assert ctl.ok("ping", "--socket=" + path) == b"pong\n"
    assert ctl.ok("ping", "-s", path) == b"pong\n"


def test_default_socket(morod):
    """Without either, an ordinary user's server is in $XDG_RUNTIME_DIR."""
    user = 65534 if os.geteuid() == 0 else None
    with morod(workers=1) as d:
        folder = os.path.dirname(d.socket)
        os.symlink(d.socket, os.path.join(folder, "morod.sock"))
        os.chmod(folder, 0o755)
        os.chmod(d.socket, 0o666)
        done = subprocess.run(
            [shutil.copy(BUILD / "tools" / "moroctl", folder), "ping"],
            env={"XDG_RUNTIME_DIR": folder}, user=user, cwd="/",
            capture_output=True, timeout=DEADLINE,
        )
        assert done.stdout == b"pong\n", done.stderr


def test_stats(ctl):
    """stats is readable in 80 columns; --json gives what the server gave."""
    ctl.ok("hash", "x")
    text = ctl.ok("stats").decode()
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "workers 2" in text and "pool default" in text
    assert re.search(r"completed +1\b", text)
    stats = json.loads(ctl.ok("stats", "--json"))
    assert stats["workers"] == 2 and stats["completed"] == 1
    assert len(stats["pools"][0]["workers"]) == 2


def test_stats_busy(morod):
    """A running task is shown with its type."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        text = Moroctl(d).ok("stats").decode()
        assert re.search(r"busy +debug:sleep", text)
        assert "running 1" in text


def test_types(ctl):
    """types lists all, or describes one with its fields."""
    text = ctl.ok("types").decode()
    for name in ("crypto:hash", "jwt:sign", "data:compress", "debug:echo"):
        assert re.search(f"^{name} +[A-Z]", text, re.M)
    one = ctl.ok("types", "crypto:hash").decode()
    assert "\n  priority normal, pool default\n  timeout (ms) 10000\n" in one
    assert "algorithm" in one and "default sha256" in one and "example" in one
    names = [t["type"] for t in json.loads(ctl.ok("types", "--json"))]
    assert "jwt:verify" in names
    assert len(json.loads(ctl.ok("--json", "types", "jwt:sign"))) == 1
    ctl.fails(6, "UNKNOWN_TASK", "types", "no:such")


def test_shutdown(morod):
    """shutdown has the server end, with exit code 0."""
    with morod(workers=1) as d:
        out = Moroctl(d).ok("shutdown")
        assert b"shutting down" in out
        assert d.process.wait(DEADLINE) == 0
        Moroctl(d).fails(3, "NO_SERVER", "ping")


# ---- Tasks ----


def test_hash(ctl, tmp_path):
    """hash takes text, a file, or standard input, in every algorithm."""
    path = tmp_path / "in"
    path.write_bytes(b"\0\xff" * 1000)
    for name in ("sha256", "sha384", "sha512", "sha1", "md5", "blake2b"):
        expected = hashlib.new(name, path.read_bytes()).hexdigest() + "\n"
        out = ctl.ok("hash", "--algorithm", name, "--input", str(path))
        assert out.decode() == expected
        assert ctl.ok("hash", "-a", name, data=path.read_bytes()) == out
    digest = hashlib.sha256(b"text")
    assert ctl.ok("hash", "text").decode() == digest.hexdigest() + "\n"
    assert ctl.ok("hash", "text", "--encoding", "bin") == digest.digest()
    assert json.loads(ctl.ok("--json", "hash", "text")) == digest.hexdigest()
    assert ctl.ok("hash", "-", data=b"text").decode() == digest.hexdigest() + "\n"
    err = ctl.fails(6, "INVALID_ARGUMENT", "hash", "x", "-a", "sha0")
    assert "sha0" in err and "sha256" in err


@pytest.mark.parametrize("how", ["option", "file", "raw", "environment"])
def test_encrypt(ctl, tmp_path, how):
    """What was encrypted comes back, wherever the key stood."""
    path = tmp_path / "key"
    if how == "environment":
        ctl.env["MORO_KEY"] = KEY
    path.write_bytes(bytes.fromhex(KEY) if how == "raw" else (KEY + "\n").encode())
    key = {"option": ["--key", KEY], "environment": []}.get(how, ["--key-file", str(path)])
    data = os.urandom(4096) + b"\n"
    envelope = ctl.ok("encrypt", *key, data=data)
    assert envelope.isascii() and envelope.count(b"\n") == 1
    assert ctl.ok("decrypt", *key, data=envelope) == data
    assert ctl.ok("decrypt", "--key", KEY, envelope.decode().strip()) == data


def test_encrypt_text(ctl):
    """An argument is text, for other languages too."""
    envelope = json.loads(ctl.ok("--json", "encrypt", "--key", KEY, "h\u00e4?"))
    data = json.dumps({"data": envelope, "key": KEY})
    assert json.loads(ctl.ok("run", "crypto:decrypt", data)) == "h\u00e4?"


def test_decrypt_refused(ctl):
    """A wrong key, another aad or a changed byte gives nothing."""
    ctl.env["MORO_KEY"] = KEY
    envelope = ctl.ok("encrypt", "--aad", "a", data=b"secret").decode().strip()
    assert ctl.ok("decrypt", "--aad", "a", envelope) == b"secret"
    for args in (["--aad", "b"], [], ["--aad", "a", "--key", "f" * 64]):
        code, out, err = ctl("decrypt", *args, envelope)
        assert (code, out) == (1, b"") and CODE_LINE.match(err)
    swapped = envelope[:-1] + ("A" if envelope[-1] != "A" else "B")
    assert ctl("decrypt", "--aad", "a", swapped)[0] == 1


def test_key_usage(ctl, tmp_path):
    """No key, two keys, a key file that is not there: usage."""
    assert "MORO_KEY" in ctl.fails(2, "USAGE", "encrypt", "x")
    ctl.fails(2, "USAGE", "encrypt", "x", "--key", KEY, "--key-file", "/dev/null")
    ctl.fails(2, "USAGE", "encrypt", "x", "--key-file", str(tmp_path / "none"))


def test_sign_and_verify(ctl, tmp_path):
    """A token that was signed is valid, and its payload is printed."""
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    ctl.env["MORO_SECRET"] = SECRET
    token = ctl.ok(
        "sign", '{"userId": 7}', "--expires-in", "7d", "--issuer", "me", "--audience", "you",
        "--subject", "it", "--jwtid", "j", "--keyid", "k", "--algorithm", "HS512",
        "--not-before", "0s",
    )
    header = json.loads(base64.urlsafe_b64decode(token.split(b".")[0] + b"=="))
    assert header == {"alg": "HS512", "typ": "JWT", "kid": "k"}
    payload = json.loads(ctl.ok("verify", data=token))
    assert payload["userId"] == 7
    assert payload["exp"] - payload["iat"] == 7 * 24 * 3600
    assert [payload[k] for k in ("iss", "aud", "sub", "jti")] == ["me", "you", "it", "j"]
    args = ["--secret-file", str(path), "--issuer", "me", "-a", "HS256", "-a", "HS512"]
    assert json.loads(ctl.ok("verify", *args, token.decode().strip())) == payload
    whole = json.loads(ctl.ok("verify", "--json", data=token))
    assert whole == {"valid": True, "payload": payload}


def test_sign_stdin(ctl):
    """The payload may come on standard input; no claim need be added."""
    ctl.env["MORO_SECRET"] = SECRET
    token = ctl.ok("sign", "--no-timestamp", data=b'{"a": 1}\n')
    assert json.loads(ctl.ok("verify", data=token)) == {"a": 1}


def test_verify_invalid(ctl):
    """A token that is not valid: exit code 1, one line, nothing printed."""
    ctl.env["MORO_SECRET"] = SECRET
    token = ctl.ok("sign", "{}", "--expires-in", "3600").decode().strip()
    for args in (
        ["--issuer", "you"], ["--secret", "x" * 40], ["--algorithm", "HS384"],
    ):
        assert "not valid" in ctl.fails(1, "INVALID", "verify", token, *args)
    ctl.fails(1, "INVALID", "verify", data=b"no token")
    code, out, err = ctl("verify", "--json", token, "--issuer", "you")
    assert code == 1 and CODE_LINE.match(err)
    assert json.loads(out)["valid"] is False
    ctl.ok("verify", token, "--clock-tolerance", "1m", "--ignore-expiration")


@pytest.mark.parametrize("tool", ["gzip", "zstd", "brotli"])
def test_compress(ctl, tmp_path, tool):
    """compress is a filter whose output the well-known tools read, and back."""
    data = b"".join(b"line %d\n" % n for n in range(100000))
    packed = ctl.ok("compress", "--format", tool, "--level", "9", data=data)
    assert len(packed) < len(data) / 3
    back = subprocess.run([tool, "-dc"], input=packed, capture_output=True, check=True)
    assert back.stdout == data
    theirs = subprocess.run([tool, "-c"], input=data, capture_output=True, check=True)
    named = ["--format", "brotli"] if tool == "brotli" else []
    assert ctl.ok("decompress", *named, data=theirs.stdout) == data
    assert ctl.ok("decompress", "--format", tool, data=packed) == data
    a, b, c = (tmp_path / n for n in "abc")
    a.write_bytes(data)
    assert ctl.ok("compress", "--format", tool, "--input", str(a), "-o", str(b)) == b""
    assert ctl.ok("decompress", *named, "-i", str(b), "--output", str(c)) == b""
    assert c.read_bytes() == data


def test_compress_with_a_dictionary(ctl, tmp_path):
    """The same dictionary is needed for both; without a checksum 4 bytes less."""
    path = tmp_path / "dictionary"
    path.write_bytes(b"some text that comes again and again, " * 10)
    data = b"some text that comes again, "
    packed = ctl.ok("compress", "-D", str(path), data=data)
    assert len(packed) < len(ctl.ok("compress", data=data))
    assert len(ctl.ok("compress", "-D", str(path), "--no-checksum", data=data)) == len(packed) - 4
    assert ctl.ok("decompress", "--dictionary", str(path), data=packed) == data
    code, out, err = ctl("decompress", data=packed)
    assert code == 1 and out == b"" and CODE_LINE.match(err)
    ctl.fails(6, "INVALID_ARGUMENT", "compress", "--format", "gzip", "-D", str(path), data=data)


def test_decompress_limit(ctl):
    """A bomb is refused at --max-output."""
    bomb = gzip.compress(b"\0" * MANY)
    assert len(ctl.ok("decompress", "--max-output", "1M", data=bomb)) == MANY
    code, out, err = ctl("decompress", "--max-output", "1000K", data=bomb)
    assert code in (1, 6) and out == b"" and CODE_LINE.match(err)
    bomb = gzip.compress(b"\0" * (4 * MANY))
    ctl.fails(6, "TOO_LARGE", "decompress", "--max-ratio", "100", data=bomb)


# ---- run ----


@pytest.mark.parametrize(
    "text",
    [
        "null", "[true,-1,1.5,\"\u00fc\"]", "9007199254740993", "-9223372036854775808",
        "18446744073709551615", '{"b":{"$bin":"AP8="},"a":[]}', '"\\u0000"',
    ],
)
def test_run_json(ctl, text):
    """What goes in as JSON comes back the same, large integers included."""
    assert ctl.ok("run", "debug:echo", "--", text).decode() == text + "\n"
    assert ctl.ok("run", "debug:echo", "-", data=text.encode()).decode() == text + "\n"


def test_run_no_data(ctl):
    """Without data a task gets nil."""
    assert ctl.ok("run", "debug:echo") == b"null\n"


def test_run_files(ctl, tmp_path):
    """--input is bytes in the data, --output gets a result as it is."""
    a, b, c = (tmp_path / n for n in "abc")
    a.write_bytes(b"\0\xff\n")
    encoded = base64.b64encode(a.read_bytes()).decode()
    out = ctl.ok("run", "debug:echo", "--input", str(a))
    assert json.loads(out) == {"input": {"$bin": encoded}}
    out = ctl.ok("run", "debug:echo", '{"x":1}', "--input", str(a), "--field", "data")
    assert json.loads(out) == {"x": 1, "data": {"$bin": encoded}}
    assert ctl.ok("run", "data:compress", "-i", str(a), "-o", str(b)) == b""
    assert ctl.ok("run", "data:decompress", "-i", str(b), "-o", str(c)) == b""
    assert c.read_bytes() == a.read_bytes()
    ctl.ok("run", "debug:echo", "[1]", "-o", str(c))
    assert c.read_text() == "[1]\n"
    ctl.ok("run", "debug:echo", '"t"', "-o", str(c))
    assert c.read_text() == "t"
    ctl.ok("--json", "run", "debug:echo", '"t"', "-o", str(c))
    assert c.read_text() == '"t"\n'


def test_run_usage(ctl, tmp_path):
    """Wrong JSON and contradictions are usage, and name what is wrong."""
    path = tmp_path / "a"
    path.write_bytes(b"x")
    assert "duplicate" in ctl.fails(2, "USAGE", "run", "debug:echo", '{"a":1,"a":2}')
    assert "line 1" in ctl.fails(2, "USAGE", "run", "debug:echo", "{")
    ctl.fails(2, "USAGE", "run", "debug:echo", '{"$bin":"%"}')
    ctl.fails(2, "USAGE", "run")
    ctl.fails(2, "USAGE", "run", "debug:echo", "[1]", "-i", str(path))
    ctl.fails(2, "USAGE", "run", "debug:echo", '{"input":1}', "-i", str(path))
    ctl.fails(2, "USAGE", "run", "debug:echo", "--field", "x")
    ctl.fails(2, "USAGE", "run", "debug:echo", "-i", str(tmp_path / "none"))


def test_run_unprintable(ctl):
    """A result that JSON has no word for is an error, not a wrong number."""
    with socket.socket(socket.AF_UNIX) as s, Fake(s, b"\xcb\x7f\xf8" + b"\0" * 6) as fake:
        err = Moroctl(fake.path).fails(1, "OUTPUT", "run", "debug:echo")
        assert "NaN" in err


# ---- Exit codes ----


def test_exit_failed(ctl):
    """1: the task failed, or its worker crashed."""
    assert "oh no" in ctl.fails(1, "WORKER_ERROR", "run", "debug:fail", '{"message":"oh no"}')
    err = ctl.fails(1, "WORKER_ERROR", "run", "debug:crash", '{"signal":"SIGSEGV"}')
    assert "SIGSEGV" in err
    err = ctl.fails(1, "WORKER_ERROR", "run", "debug:fail", '{"message":"two\\nlines"}')
    assert "two lines" in err


@pytest.mark.parametrize(
    "args",
    [
        [], ["frob"], ["ping", "--nope"], ["ping", "-x"], ["ping", "extra"],
        ["ping", "--level", "3"], ["hash", "a", "b"], ["hash", "--algorithm"],
        ["hash", "x", "--priority", "urgent"], ["hash", "x", "--timeout", "5"],
        ["hash", "x", "--timeout", "0s"], ["hash", "x", "--timeout", "-5s"],
        ["hash", "x", "--timeout", "5 s"], ["hash", "x", "--run-timeout", "99999w"],
        ["hash", "x", "--id", ""], ["hash", "x", "--id", "y" * 257],
        ["hash", "x", "--input", "/dev/null"], ["hash", "--input", "/nonexistent"],
        ["compress", "--level", "high"], ["decompress", "--max-output", "many"],
        ["ping", "--wait", "soon"], ["ping", "--json=1"],
    ],
)
def test_exit_usage(args):
    """2: wrong usage, told in one line without asking any server."""
    Moroctl("/nonexistent/m.sock").fails(2, "USAGE", *args)


def test_exit_no_server(tmp_path):
    """3: nobody listens; the line names the path and what to do."""
    path = str(tmp_path / "m.sock")
    ctl = Moroctl(path)
    err = ctl.fails(3, "NO_SERVER", "ping")
    assert path in err and "--socket" in err
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)  # a stale socket: bound, and nobody listens
        assert path in ctl.fails(3, "NO_SERVER", "hash", "x")
    plain = tmp_path / "plain"
    plain.write_text("")
    Moroctl(str(plain)).fails(3, "NO_SERVER", "ping")
    Moroctl("/" + "x" * 200).fails(3, "NO_SERVER", "ping")
    del ctl.env["MORO_SOCKET"]
    ctl.env.pop("XDG_RUNTIME_DIR", None)
    code, out, err = ctl("ping")
    if os.geteuid() != 0:
        assert code == 3 and "XDG_RUNTIME_DIR" in err


def test_exit_server_lost(morod):
    """3: the server dies under a call; one line says so."""
    with morod(workers=1) as d:
        with Moroctl(d).start("run", "debug:sleep", '{"ms":60000}') as p:
            d.wait(lambda s: s["activeTasks"] == 1)
            os.kill(d.dispatcher_pid(), signal.SIGKILL)
            out, err = p.communicate(timeout=DEADLINE)
        assert (p.returncode, out) == (3, b"")
        assert re.match(r"\Amoroctl: LOST: [^\n]+\n\Z", err.decode())


class Fake:
    """A server that greets and then answers every request with one result."""

    def __init__(self, sock, result):
        import tempfile

        self.folder = tempfile.TemporaryDirectory(prefix="moro-fake-")
        self.path = os.path.join(self.folder.name, "s")
        self.sock = sock
        self.result = result
        sock.bind(self.path)
        sock.listen(1)

    def __enter__(self):
        import threading

        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join(DEADLINE)
        self.folder.cleanup()

    def serve(self):
        connection, _ = self.sock.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"\x94\x01\x01\xc0\x80")
            while self.result is not None and connection.recv(65536):
                connection.sendall(b"\x94\x01\x02\xc0" + self.result)
            if self.result is None:
                connection.recv(65536)
                connection.recv(65536)  # until the client has given up


def test_exit_wait(tmp_path):
    """4, too: --wait ends the wait for a server that answers nothing."""
    with socket.socket(socket.AF_UNIX) as s, Fake(s, None) as fake:
        Moroctl(fake.path).fails(4, "WAIT_LIMIT", "ping", "--wait", "50ms")


def test_exit_garbled():
    """3: what listens there is no morod."""
    with socket.socket(socket.AF_UNIX) as s, Fake(s, b"\xc1") as fake:
        Moroctl(fake.path).fails(3, "GARBLED", "ping")


@pytest.mark.parametrize("option", ["--timeout", "--run-timeout"])
def test_exit_timeout(ctl, option):
    """4: a limit has struck."""
    err = ctl.fails(4, "TIMEOUT", "run", "debug:sleep", '{"ms":60000}', option, "50ms")
    assert "timeout" in err


def test_exit_queue(morod):
    """5: the queue is full; 4: --queue-timeout."""
    with morod(workers=1, max_queue_size=1) as d, d.client() as c:
        ctl = Moroctl(d)
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        ctl.fails(4, "TIMEOUT", "hash", "x", "--queue-timeout", "20ms")
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["queueSize"] == 1)
        ctl.fails(5, "QUEUE_FULL", "hash", "x")
        code, out, err = ctl("--json", "hash", "x", "--priority", "high")
        error = json.loads(out)["error"]
        assert code == 5 and CODE_LINE.match(err)
        assert error["code"] == "QUEUE_FULL" and error["retryable"] is True
        assert error["limit"] == 1 and error["retryAfterMs"] > 0


def test_exit_refused(ctl):
    """6: any other refusal."""
    ctl.fails(6, "UNKNOWN_TASK", "run", "no:such")
    assert "inptu" in ctl.fails(6, "INVALID_ARGUMENT", "run", "crypto:hash", '{"inptu":"x"}')


def test_exit_too_large(morod):
    """6: input over the server's limit is refused before it is sent."""
    with morod(workers=1, max_frame="64K") as d:
        ctl = Moroctl(d)
        ctl.fails(6, "TOO_LARGE", "hash", data=b"x" * MANY)
        ctl.ok("hash", data=b"x" * 60000)


def test_input_limit(morod):
    """Input without end is read no further than the server takes."""
    with morod(workers=1, max_frame="64K") as d:
        ctl = Moroctl(d)
        for args in (["hash"], ["compress"], ["run", "debug:echo"]):
            # 1 MiB of memory for data: far less than is read of it without a limit
            err = ctl.fails(6, "TOO_LARGE", *args, "-i", "/dev/zero")
            assert "larger than allowed" in err
        read, write = os.pipe()
        with open(write, "wb", buffering=0) as out:
            p = subprocess.Popen(
                [BUILD / "tools" / "moroctl", "hash"], env=ctl.env, stdin=read,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            os.close(read)
            with pytest.raises(BrokenPipeError):
                while True:  # it would wait for more as long as it reads
                    out.write(b"x" * 4096)
            assert b"TOO_LARGE" in p.communicate(timeout=DEADLINE)[1]
            assert p.returncode == 6


def test_input_without_server():
    """Nothing is read for a server that is not there."""
    Moroctl("/nonexistent").fails(3, "NO_SERVER", "hash", "-i", "/dev/zero")


def test_run_large(morod, tmp_path):
    """run passes a file that no message can hold, and gets such a result."""
    a, b, c, d = (tmp_path / n for n in "abcd")
    a.write_bytes(os.urandom(1 << 20))
    with morod(workers=1, max_frame="64K", max_file="4M") as server:
        ctl = Moroctl(server)
        assert ctl.ok("run", "data:compress", "-i", str(a), "-o", str(b)) == b""
        assert ctl.ok("compress", "-i", str(a), "-o", str(d)) == b""
        assert b.read_bytes() == d.read_bytes()
        assert b.stat().st_size > 64 << 10
        assert ctl.ok("run", "data:decompress", "-i", str(b), "-o", str(c)) == b""
        assert c.read_bytes() == a.read_bytes()
        out = json.loads(ctl.ok("run", "crypto:hash", '{"algorithm": "md5"}', "-i", str(a)))
        assert out == hashlib.md5(a.read_bytes()).hexdigest()
        b.write_text("before")
        ctl.fails(1, "WORKER_ERROR", "run", "debug:fail", '{"message": "x"}', "-o", str(b))
        assert b.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "c", "d"]


def test_priority(morod):
    """--priority high runs before what was queued earlier."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:sleep", {"ms": 300})
        d.wait(lambda s: s["activeTasks"] == 1)
        for _ in range(3):
            c.submit("debug:sleep", {"ms": 60000}, priority="low")
        d.wait(lambda s: s["queueSize"] == 3)
        Moroctl(d).ok("run", "debug:echo", "1", "--priority", "high", "--id", "mine")
        d.wait(lambda s: s["activeTasks"] == 1 and s["queueSize"] == 2)


# ---- Output ----


# a command of each family, and whether it takes --output
FULL = [
    ("--version", False),
    ("--help", False),
    ("hash --help", False),
    ("image --help", False),
    ("ping", False),
    ("stats", False),
    ("stats --format openmetrics", False),
    ("ls", False),
    ("slow", False),
    ("poison", False),
    ("clients --json", False),
    ("types", False),
    ("types crypto:hash", False),
    ("pause debug:spin", False),
    ("resume", False),
    ("scale 2", False),
    ("reload", False),
    ("log", False),
    ("run debug:echo 1", True),
    ('run debug:echo "x" --json', True),
    ("map debug:echo", True),
    ("hash x", True),
    ("password hash --memory 8M --iterations 1", True),
    ("random", True),
    ("keygen --force", True),
    ("keygen ec --force", True),
    ("keygen ec --json --force", True),
    ("encrypt x", True),
    ("sign {}", True),
    ("compress", True),
    ("jq .", True),
    ("compute fibonacci {\"n\":1}", True),
    ("analytics", True),
]


@pytest.mark.parametrize("command, files", FULL)
def test_output_full(ctl, command, files):
    """Output that cannot be written is a failure, and is said, with its place."""
    ctl.env.update(MORO_KEY=KEY, MORO_SECRET=SECRET, MORO_PASSWORD=SECRET)
    path = [BUILD / "tools" / "moroctl", *command.split(" ")]
    line = "moroctl: OUTPUT: cannot write %s: No space left on device\n"
    with open("/dev/full", "wb") as full:
        done = subprocess.run(path, env=ctl.env, input=b'[{"a":1}]', stdout=full,
                              stderr=subprocess.PIPE, timeout=DEADLINE)
    assert (done.returncode, done.stderr.decode()) == (1, line % "standard output")
    if files:
        err = ctl.fails(1, "OUTPUT", *command.split(" "), "-o", "/dev/full", data=b'[{"a":1}]')
        assert err == line % "/dev/full"


def test_output_full_for_the_worker(tmp_path):
    """Where the worker writes the file, and cannot, the words are the same."""
    why = {"reason": "failed", "field": "resultFd", "errno": errno.ENOSPC}
    path = str(tmp_path / "out")
    for args, place in ((["-o", path], path), ([], "standard output")):
        with Scripted(features=["fd"]) as s, Moroctl(s.socket).start("compress", *args) as p:
            p.stdin.close()
            msgid, _ = s.expect("data:compress")
            s.refuse(msgid, "WORKER_ERROR", "the result cannot be written", **why)
            err = p.stderr.read().decode()
            assert err == f"moroctl: OUTPUT: cannot write {place}: No space left on device\n"
            assert p.wait(DEADLINE) == 1
    assert list(tmp_path.iterdir()) == []


def test_output_nowhere(ctl):
    ctl.fails(1, "OUTPUT", "hash", "x", "--output", "/nonexistent/x")


def test_output_closed(ctl):
    """A pipe that nobody reads ends with a line, not with a signal."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [BUILD / "tools" / "moroctl", "run", "debug:echo", "1"],
        env=ctl.env, stdout=write, stderr=subprocess.PIPE, timeout=DEADLINE,
    )
    os.close(write)
    assert done.returncode == 1 and b"OUTPUT" in done.stderr


def test_output_whole(ctl, tmp_path):
    """A failed task leaves the file that was there, and nothing beside it."""
    path = tmp_path / "out"
    path.write_text("before")
    path.chmod(0o600)
    ctl.fails(1, "WORKER_ERROR", "run", "debug:fail", '{"message":"x"}', "-o", str(path))
    assert path.read_text() == "before"
    ctl.ok("hash", "x", "-o", str(path))
    assert path.read_text() == hashlib.sha256(b"x").hexdigest() + "\n"
    assert path.stat().st_mode & 0o777 == 0o600
    link = tmp_path / "link"
    link.symlink_to(path)
    ctl.ok("hash", "y", "-o", str(link))
    assert link.is_symlink()
    assert path.read_text() == hashlib.sha256(b"y").hexdigest() + "\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "out"]


def test_output_dangling(ctl, tmp_path):
    """A link that leads nowhere yet is written through, however it goes on."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "one").symlink_to("sub/two")
    (tmp_path / "sub" / "two").symlink_to(tmp_path / "three")
    for command in (["hash", "x"], ["compress", "-i", "/proc/version"]):
        ctl.ok(*command, "-o", str(tmp_path / "one"))
        assert (tmp_path / "one").is_symlink() and (tmp_path / "sub" / "two").is_symlink()
        assert (tmp_path / "three").stat().st_size > 0
        (tmp_path / "three").unlink()
    (tmp_path / "round").symlink_to("round")
    ctl.fails(1, "OUTPUT", "hash", "x", "-o", str(tmp_path / "round"))
    (tmp_path / "nowhere").symlink_to("none/file")
    ctl.fails(1, "OUTPUT", "hash", "x", "-o", str(tmp_path / "nowhere"))
    (tmp_path / "long").symlink_to("x" * 300)
    ctl.fails(1, "OUTPUT", "hash", "x", "-o", str(tmp_path / "long"))
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["long", "nowhere", "one", "round", "sub"]


def test_terminal(ctl):
    """Compressed bytes do not go to a terminal unless they are asked for."""
    try:
        main, side = pty.openpty()
    except OSError:
        pytest.skip("there are no pseudo-terminals here")
    command = [BUILD / "tools" / "moroctl", "compress"]
    for extra, code in (([], 2), (["--force"], 0)):
        done = subprocess.run(
            command + extra, env=ctl.env, input=b"x", stdout=side,
            stderr=subprocess.PIPE, timeout=DEADLINE,
        )
        assert done.returncode == code, done.stderr
    os.close(side)
    os.close(main)


# ---- Help ----


def test_help():
    """Every command has help with an example, in 80 columns; no server asked."""
    ctl = Moroctl("/nonexistent")
    text = ctl.ok("--help").decode()
    commands = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +", text, re.M)
    table = (ROOT / "tools" / "moroctl-commands.c").read_text()
    assert len(commands) == table.count('.name = "')
    for name in commands:
        one = ctl.ok(*name.split(), "--help").decode()
        assert f"usage: moroctl {name}" in one
        assert f"example: moroctl {name}" in one
        text += one
    assert ctl.ok("--help", "hash") == ctl.ok("hash", "-h")
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert re.match(rb"moroctl \d+\.\d+\.\d+\n\Z", ctl.ok("--version"))


def test_secrets_hidden(ctl, tmp_path):
    """A key in a file or the environment is not among the arguments."""
    path = tmp_path / "key"
    path.write_text(KEY)
    with ctl.start("encrypt", "--key-file", str(path)) as p:
        with open(f"/proc/{p.pid}/cmdline", "rb") as f:
            assert KEY.encode() not in f.read()
        out, err = p.communicate(b"x", timeout=DEADLINE)
    assert p.returncode == 0 and out


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind(morod, tmp_path, sig):
    """Whatever ends moroctl in mid-way, there is no half a file beside the whole one."""
    (tmp_path / "in").write_bytes(os.urandom(1 << 20) * 64)
    (tmp_path / "out").write_bytes(b"old")
    with morod() as d:
        process = subprocess.Popen(
            [BUILD / "tools" / "moroctl", "--socket", d.socket, "compress", "--level", "19",
             "-i", tmp_path / "in", "-o", tmp_path / "out"],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            # a shell's background job ignores SIGINT, and so would moroctl
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        d.wait(lambda s: s["activeTasks"] == 1)
        process.send_signal(sig)
        process.wait(DEADLINE)
        d.wait(lambda s: s["activeTasks"] == 0 and s["workers"] == 1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]
    assert (tmp_path / "out").read_bytes() == b"old"


def test_file_of_proc(morod):
    """A file that says it is empty and is not is read."""
    with morod() as d:
        done = subprocess.run(
            [BUILD / "tools" / "moroctl", "--socket", d.socket, "hash", "-i", "/proc/version"],
            capture_output=True, text=True, timeout=DEADLINE,
        )
        with open("/proc/version", "rb") as f:
            assert done.stdout.strip() == hashlib.sha256(f.read()).hexdigest(), done.stderr


@pytest.mark.parametrize("redirect, code", [("<&-", 2), (">&-", 1), ("2>&-", 0)])
def test_closed_standard_descriptors(morod, redirect, code):
    """No socket takes their place: what cannot be read or written fails."""
    with morod() as d:
        words = "hash" if redirect == "<&-" else "hash x"
        done = subprocess.run(
            ["/bin/sh", "-c", f'"$0" --socket "$1" {words} {redirect}', BUILD / "tools" / "moroctl", d.socket],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DEADLINE,
        )
        assert done.returncode == code


def test_output_to_dev_stdout(morod, tmp_path):
    """It goes where standard output is, between what others write there."""
    with morod() as d:
        subprocess.run(
            ["/bin/sh", "-c",
             '{ echo header; "$0" --socket "$1" hash x -o /dev/stdout; echo footer; } >"$2"',
             BUILD / "tools" / "moroctl", d.socket, tmp_path / "out"], check=True, timeout=DEADLINE,
        )
        lines = (tmp_path / "out").read_text().split("\n")
        assert lines[0] == "header" and "footer" in (tmp_path / "out").read_text()
        assert len(lines[1].replace("footer", "")) == 64
