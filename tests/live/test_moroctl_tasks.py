"""moroctl's commands for passwords, keys, JSON, computations, events and images."""

import json
import os
import pty
import re
import signal
import socket
import stat

import pytest

from harness import BUILD, DEADLINE, SANITIZED
from test_moroctl import Fake, Moroctl

IMAGE = BUILD / "worker" / "modules" / "image.so"
PASSWORD = "correct horse battery staple"


@pytest.fixture
def ctl(morod):
    with morod(workers=2) as d:
        yield Moroctl(d)


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    return str(path)


def at_terminal(ctl, args, answers):
    """Runs a command at a terminal of its own, and types what it asks for."""
    try:
        pid, master = pty.fork()
    except OSError:
        pytest.skip("there are no pseudo-terminals")
    if pid == 0:
        os.execve(BUILD / "tools" / "moroctl", ["moroctl", *args], ctl.env)
    seen = b""
    for prompt, answer in answers:
        while prompt not in seen:
            seen += os.read(master, 4096)
        os.write(master, answer + b"\n")
        seen = seen[seen.index(prompt) + len(prompt):]
    try:
        while True:
            more = os.read(master, 4096)
            if not more:
                break
            seen += more
    except OSError:
        pass  # the terminal is gone with the command
    os.close(master)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), seen


# ---- Passwords ----


def test_password(ctl, secret):
    """hash and verify, with the password in a file and in the environment."""
    line = ctl.ok("password", "hash", "--password-file", secret).decode()
    assert re.fullmatch(r"\$argon2id\$v=19\$m=65536,t=2,p=1\$\S+\n", line)
    assert ctl.ok("password", "verify", line.strip(), "--password-file", secret) == b"valid\n"
    ctl.env["MORO_PASSWORD"] = PASSWORD
    assert ctl.ok("password", "verify", data=line.encode()) == b"valid\n"
    out = ctl.ok("password", "verify", "--cost", "moderate", data=line.encode())
    assert out == b"valid, and to be hashed anew\n"
    ctl.env["MORO_PASSWORD"] = "another"
    ctl.fails(1, "INVALID", "password", "verify", line.strip())
    code, out, err = ctl("password", "verify", "--json", line.strip())
    assert code == 1 and json.loads(out)["valid"] is False
    small = ctl.ok("password", "hash", "--memory", "8M", "--iterations", "1").decode()
    assert small.startswith("$argon2id$v=19$m=8192,t=1,p=1$")


def test_password_is_asked_for(ctl):
    """At a terminal, without an echo, and twice when it is new."""
    word = PASSWORD.encode()
    code, seen = at_terminal(ctl, ["password", "hash", "--memory", "8M"],
                             [(b"Password: ", word), (b"Once more: ", word)])
    assert code == 0 and b"$argon2id$" in seen and word not in seen
    line = re.search(rb"\$argon2id\S+", seen).group().decode()
    code, seen = at_terminal(ctl, ["password", "verify", line], [(b"Password: ", word)])
    assert code == 0 and b"valid" in seen and word not in seen
    code, seen = at_terminal(ctl, ["password", "hash"],
                             [(b"Password: ", word), (b"Once more: ", b"x")])
    assert code == 2 and b"not the same" in seen


def test_password_from_nowhere(ctl):
    """Without a terminal there must be a file or a variable."""
    with ctl.start("password", "hash", start_new_session=True) as p:
        out, err = p.communicate(timeout=DEADLINE)
    assert p.returncode == 2 and out == b""
    assert b"--password-file" in err and b"$MORO_PASSWORD" in err


def test_password_and_hash_on_one_input(ctl, tmp_path):
    """Both cannot come there: the second would find nothing."""
    for args in ([], ["-"], ["--input", "-"]):
        err = ctl.fails(2, "USAGE", "password", "verify", "--password-file", "-", *args, data=b"x")
        assert "both" in err
    ctl.env["MORO_PASSWORD"] = PASSWORD
    line = ctl.ok("password", "hash", "--memory", "8M", "--iterations", "1")
    word = PASSWORD.encode()
    given = ["--password-file", "-", "--memory", "8M", "--iterations", "1"]
    assert ctl.ok("password", "verify", line.decode().strip(), *given, data=word) == b"valid\n"
    (tmp_path / "hash").write_bytes(line)
    assert ctl.ok("password", "verify", "-i", str(tmp_path / "hash"), *given, data=word) == b"valid\n"


# ---- Keys ----


def test_random(ctl):
    first, second = ctl.ok("random"), ctl.ok("random")
    assert re.fullmatch(rb"[0-9a-f]{64}\n", first) and first != second
    assert len(ctl.ok("random", "5", "--encoding", "bin", "--force")) == 5
    assert len(ctl.ok("random", "3", "--encoding", "base64")) == 5
    ctl.fails(2, "USAGE", "random", "many")
    ctl.fails(6, "INVALID_ARGUMENT", "random", "0")


def test_keygen_for_encrypt(ctl, tmp_path):
    """A key that only its owner may read, and encrypt takes."""
    path = tmp_path / "key"
    assert ctl.ok("keygen", "-o", str(path)) == b""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    envelope = ctl.ok("encrypt", "--key-file", str(path), "secret")
    assert ctl.ok("decrypt", "--key-file", str(path), data=envelope) == b"secret"


def test_keygen_pair(ctl, tmp_path):
    """Private and public key: in two files, or one behind the other."""
    path = tmp_path / "key.pem"
    assert ctl.ok("keygen", "ec", "--curve", "P-384", "--output", str(path)) == b""
    assert path.read_text().startswith("-----BEGIN PRIVATE KEY-----\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (tmp_path / "key.pem.pub").read_text().startswith("-----BEGIN PUBLIC KEY-----\n")
    out = ctl.ok("keygen", "ec").decode()
    assert out.index("PRIVATE KEY") < out.index("PUBLIC KEY")
    assert set(json.loads(ctl.ok("keygen", "ec", "--json"))) == {"privateKey", "publicKey"}
    ctl.fails(6, "INVALID_ARGUMENT", "keygen", "dsa")


def test_keygen_keeps_old_keys(ctl, tmp_path):
    """A key that is there stays; --force replaces it, and what others may read of it."""
    for name in ("key", "key.pub"):
        path = tmp_path / name
        path.write_text("old")
        path.chmod(0o644)
        assert "--force" in ctl.fails(2, "USAGE", "keygen", "ec", "-o", str(tmp_path / "key"))
        assert path.read_text() == "old"
        path.unlink()
    (tmp_path / "key").write_text("old")
    (tmp_path / "key").chmod(0o644)
    ctl.ok("keygen", "-o", str(tmp_path / "key"), "--force")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert len((tmp_path / "key").read_text()) == 65


@pytest.mark.parametrize("kind", [[], ["ec"], ["--json"], ["ec", "--json"]])
def test_keygen_files_are_new_ones(ctl, tmp_path, kind):
    """No key goes through a link, or into a file that others may read."""
    path, other = tmp_path / "key", tmp_path / "other"
    for old in ("nothing", "file", "link", "link to nothing"):
        path.unlink(missing_ok=True)
        other.unlink(missing_ok=True)
        if old == "file":
            path.touch(mode=0o644)
        elif old != "nothing":
            path.symlink_to(other)
        if old == "link":
            other.touch(mode=0o644)
        ctl.ok("keygen", *kind, "-o", str(path), "--force")
        assert path.lstat().st_mode == stat.S_IFREG | 0o600
        assert path.stat().st_size > 64
        assert not other.exists() or other.stat().st_size == 0


def test_encrypt_forms(ctl, tmp_path):
    """Algorithms, passphrases, envelopes as bytes, whatever their last byte is."""
    ctl.env["MORO_KEY"] = "open sesame"
    envelope = ctl.ok("encrypt", "secret", "--kdf", "interactive", "-a", "aes-256-gcm")
    assert ctl.ok("decrypt", data=envelope) == b"secret"
    ctl.fails(1, "WORKER_ERROR", "decrypt", "--key", "open sesamE", data=envelope)
    ctl.fails(6, "INVALID_ARGUMENT", "encrypt", "secret")
    ctl.env["MORO_KEY"] = "00112233445566778899aabbccddeeff" * 2
    ends = set()
    while b"\n" not in ends:  # one in 256 ends so
        raw = ctl.ok("encrypt", "secret", "--encoding", "bin", "--force")
        ends.add(raw[-1:])
        if len(ends) < 3 or raw.endswith(b"\n"):
            assert ctl.ok("decrypt", data=raw) == b"secret"


def test_decrypt_of_the_ancestor(ctl):
    """NIST SP 800-38A F.2.5, first block, with the padding block behind it."""
    key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
    iv, block = "000102030405060708090a0b0c0d0e0f", "f58c4c04d6e5f1ba779eabfb5f7bfbd6"
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    aes = pytest.importorskip("cryptography.hazmat.primitives.ciphers")
    cbc = aes.Cipher(aes.algorithms.AES(bytes.fromhex(key)), aes.modes.CBC(bytes.fromhex(block)))
    padding = cbc.encryptor().update(b"\x10" * 16).hex()
    ctl.env["MORO_KEY"] = key
    both = [f"{iv}:{block}{padding}"], [block + padding, "--iv", iv]
    for args in both:
        assert ctl.ok("decrypt", "-a", "aes-256-cbc", *args) == plain
    ctl.fails(6, "INVALID_ARGUMENT", "encrypt", "-a", "aes-256-cbc", "x")


@pytest.mark.parametrize("kind, algorithm", [(["ec"], "ES256"), (["rsa", "--bits", "2048"], "RS256")])
def test_tokens_with_a_pair(ctl, tmp_path, kind, algorithm):
    """sign takes the private key, verify the public one, and no other."""
    path = tmp_path / "key.pem"
    ctl.ok("keygen", *kind, "-o", str(path))
    token = ctl.ok("sign", '{"user": 7}', "--secret-file", str(path), "--header", '{"kid": "k1"}')
    public = ["--secret-file", f"{path}.pub"]
    assert json.loads(ctl.ok("verify", *public, "--max-age", "1h", data=token))["user"] == 7
    whole = json.loads(ctl.ok("verify", *public, "--json", "--complete", data=token))
    assert whole["header"] == {"alg": algorithm, "typ": "JWT", "kid": "k1"}
    ctl.fails(1, "INVALID", "verify", *public, "--nonce", "x", data=token)
    ctl.fails(1, "INVALID", "verify", *public, "--jwtid", "x", data=token)
    ctl.fails(6, "INVALID_ARGUMENT", "verify", "--secret-file", str(path), data=token)
    ctl.ok("keygen", *kind, "-o", str(path), "--force")
    ctl.fails(1, "INVALID", "verify", *public, data=token)
    for late in (["--expires-in=-10"], ["--expires-in", "-10"]):
        old = ctl.ok("sign", '{"user": 7}', "--secret-file", str(path), *late)
        assert "expired" in ctl.fails(1, "INVALID", "verify", *public, data=old)


def test_tokens_of_another_typ(ctl):
    """Such a token is for those who ask for it alone."""
    ctl.env["MORO_SECRET"] = "a secret of more than thirty-two characters"
    token = ctl.ok("sign", '{"user": 7}', "--header", '{"typ": "at+jwt"}')
    assert json.loads(ctl.ok("verify", "--typ", "at+jwt", data=token))["user"] == 7
    ctl.fails(1, "INVALID", "verify", data=token)
    plain = ctl.ok("sign", '{"user": 7}')
    assert json.loads(ctl.ok("verify", "--typ", "JWT", data=plain))["user"] == 7
    ctl.fails(1, "INVALID", "verify", "--typ", "at+jwt", data=plain)


def test_help_of_encoding(ctl):
    """What the help lists is what the command takes."""
    ctl.env["MORO_KEY"] = "00112233445566778899aabbccddeeff" * 2
    assert b"of encrypt text or bin" in ctl.ok("encrypt", "--help")
    text = ctl.ok("encrypt", "x", "--encoding", "text")
    assert ctl.ok("decrypt", data=text) == b"x"
    assert "text" in ctl.fails(6, "INVALID_ARGUMENT", "encrypt", "x", "--encoding", "hex")


def test_hash_with_a_key(ctl, tmp_path):
    """RFC 4231, test case 2; the variable of encrypt's key does not count."""
    digest = b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\n"
    assert ctl.ok("hash", "what do ya want for nothing?", "--key", "Jefe") == digest
    (tmp_path / "key").write_text("Jefe\n")
    data = b"what do ya want for nothing?"
    assert ctl.ok("hash", "--key-file", str(tmp_path / "key"), data=data) == digest
    ctl.env["MORO_KEY"] = "Jefe"
    assert ctl.ok("hash", data=data) != digest


# ---- JSON, computations, events ----


def test_jq(ctl, tmp_path):
    """An output a line, from standard input or a file."""
    text = b'[{"name": "a b", "n": 1}, {"name": "c", "n": [2]}]'
    assert ctl.ok("jq", ".[]|.name", data=text) == b'"a b"\n"c"\n'
    assert ctl.ok("jq", "-r", ".[]|.name,.n", data=text) == b"a b\n1\nc\n[2]\n"
    assert ctl.ok("jq", "empty", data=text) == b""
    assert json.loads(ctl.ok("jq", ".[]|.name", "--json", data=text)) == ["a b", "c"]
    (tmp_path / "f.json").write_bytes(text)
    assert ctl.ok("jq", ".n", str(tmp_path / "f.json"), "--each") == b"1\n[2]\n"
    assert ctl.ok("jq", "$x + 1", "--args", '{"x": 2}', data=b"null") == b"3\n"
    out = tmp_path / "out"
    assert ctl.ok("jq", ".", "-i", str(tmp_path / "f.json"), "-o", str(out)) == b""
    assert json.loads(out.read_text()) == json.loads(text)


def test_jq_refusals(ctl):
    assert "compile" in ctl.fails(6, "INVALID_ARGUMENT", "jq", ".[", data=b"1")
    assert "Cannot index number" in ctl.fails(1, "WORKER_ERROR", "jq", ".a", data=b"1")
    ctl.fails(6, "INVALID_ARGUMENT", "jq", ".", data=b"{")
    ctl.fails(6, "INVALID_ARGUMENT", "jq", ".", data=b"9007199254740993")
    ctl.fails(2, "USAGE", "jq")


def test_jq_answers():
    """What answers otherwise than morod does is an error, and crashes nothing."""
    cases = [((), b"\xc0", "no text"), (("-r",), b"\xc0", "no array"),
             (("-r",), b"\x91\xcb\x7f\xf8" + b"\0" * 6, "NaN")]
    for options, answer, words in cases:
        with socket.socket(socket.AF_UNIX) as s, Fake(s, answer) as fake:
            err = Moroctl(fake.path).fails(1, "OUTPUT", "jq", ".", *options, data=b"1")
            assert words in err


def test_compute(ctl):
    assert json.loads(ctl.ok("compute", "fibonacci", '{"n": 100}')) == {
        "value": "354224848179261915075", "digits": 21}
    assert json.loads(ctl.ok("compute", "crypto:hash", '{"input": ""}')).startswith("e3b0c442")
    assert "params.n" in ctl.fails(6, "INVALID_ARGUMENT", "compute", "fibonacci", '{"n": -1}')
    assert "Unknown operation" in ctl.fails(6, "INVALID_ARGUMENT", "compute", "complex")
    ctl.fails(2, "USAGE", "compute")
    ctl.fails(2, "USAGE", "compute", "primes", "{")


def test_analytics(ctl):
    """Two batches, merged: the same as all at once."""
    events = [{"type": "ab"[i % 2], "n": i, "timestamp": i * 1000} for i in range(100)]
    how = ["--group-by", "type", "--metrics", "sum:n,p95:n", "--every", "1m"]
    whole = ctl.ok("analytics", *how, data=json.dumps(events).encode())
    assert sum(g["count"] for g in json.loads(whole)["groups"]) == 100
    halves = [ctl.ok("analytics", *how, "--partial", data=json.dumps(half).encode())
              for half in (events[:30], events[30:])]
    merged = ctl.ok("analytics", "--merge", data=b"[" + b",".join(halves) + b"]")
    assert merged == whole
    assert "events[0].n" in ctl.fails(6, "INVALID_ARGUMENT", "analytics", "--metrics", "sum:n",
                                      data=b'[{"n": "x"}]')
    out = ctl.ok("analytics", "--metrics", "sum:n", "--skip-invalid", data=b'[{"n": "x"}]')
    assert json.loads(out)["skipped"]["values"] == 1


# ---- Images ----


@pytest.fixture
def images(morod):
    if not IMAGE.exists():
        pytest.skip("needs libvips")
    # the leak detector dies of threads that libvips leaves
    env = {"ASAN_OPTIONS": "detect_leaks=0"} if SANITIZED else {}
    with morod(workers=1, module=IMAGE, env=env) as d:
        yield Moroctl(d)


def test_image(images, tmp_path):
    """Formats follow the name of the output, unless they are said."""
    pil = pytest.importorskip("PIL.Image")
    ctl, a = images, tmp_path / "a.jpg"
    pil.new("RGB", (400, 300), (200, 10, 10)).save(a)
    info = json.loads(ctl.ok("image", "info", str(a)))
    assert (info["format"], info["width"], info["height"]) == ("jpeg", 400, 300)
    for name, wanted in (("b.webp", "WEBP"), ("b.png", "PNG"), ("b.JPG", "JPEG"), ("b", "JPEG")):
        out = tmp_path / name
        ctl.ok("image", "resize", str(a), "--width", "80", "-o", str(out))
        with pil.open(out) as image:
            assert (image.format, image.size) == (wanted, (80, 60))
    out = tmp_path / "t.png"
    ctl.ok("image", "thumbnail", "-i", str(a), "-o", str(out), "--format", "webp")
    with pil.open(out) as image:
        assert (image.format, image.size) == ("WEBP", (150, 150))
    small = ctl.ok("image", "thumbnail", "--size", "16", data=a.read_bytes())
    assert small.startswith(b"\xff\xd8\xff")
    ctl.fails(6, "INVALID_ARGUMENT", "image", "resize", str(a))
    ctl.fails(6, "TOO_LARGE", "image", "resize", str(a), "--width", "8", "--max-pixels", "1000")
    ctl.fails(1, "WORKER_ERROR", "image", "info", data=b"no image")


@pytest.mark.parametrize("name", ["b.xyz", "b.", "b.png.txt", "b.gif"])
def test_image_to_an_unknown_ending(images, tmp_path, name):
    """It is no image's; the error lists those that are."""
    pil = pytest.importorskip("PIL.Image")
    ctl, a, out = images, tmp_path / "a.jpg", tmp_path / name
    pil.new("RGB", (40, 30)).save(a)
    for command in (["resize", "--width", "8"], ["thumbnail"]):
        err = ctl.fails(2, "USAGE", "image", *command, str(a), "-o", str(out))
        assert all(ending in err for ending in (name, ".jpg", ".jpeg", ".png", ".webp", "--format"))
        assert not out.exists()
    ctl.ok("image", "thumbnail", str(a), "-o", str(out), "--format", "webp")
    with pil.open(out) as image:
        assert image.format == "WEBP"


def test_image_to_a_folder_with_a_dot(images, tmp_path):
    """The folder's name says nothing of the image."""
    pil = pytest.importorskip("PIL.Image")
    a, folder = tmp_path / "a.jpg", tmp_path / "folder.xyz"
    folder.mkdir()
    pil.new("RGB", (40, 30)).save(a)
    images.ok("image", "thumbnail", str(a), "-o", str(folder / "b"))
    with pil.open(folder / "b") as image:
        assert image.format == "JPEG"


def test_image_without_the_module(ctl):
    err = ctl.fails(6, "UNSUPPORTED", "image", "info", data=b"x")
    assert "--module image" in err


def test_first_words(ctl):
    """A first word alone tells what may follow it."""
    err = ctl.fails(2, "USAGE", "image")
    assert "resize, thumbnail, info" in err
    assert "hash, verify" in ctl.fails(2, "USAGE", "password", "forget")
    assert b"usage: moroctl image resize [FILE]" in ctl.ok("image", "resize", "--help")
    assert ctl.ok("password", "--help").count(b"password") >= 2
    ctl.fails(2, "USAGE", "random", "4", "--input", "x")
