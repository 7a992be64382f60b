"""password:* against other implementations, and what they do to a worker."""

import hashlib
import os
import re
import secrets
import shutil
import warnings

import argon2
import bcrypt
import pytest

from harness import SANITIZED, TaskError, wait_until
from memory import memory_has
from test_hotpath import Strace

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

CHEAP = {"memory": 8 << 20, "iterations": 1}
PASSWORDS = ["x", "correct horse battery staple", "pässwörd-密码-🔐", "y" * 72]
YESCRYPT_SALT = "V7qMYJaNbVKOeh4PhtqPk/"  # as crypt_gensalt(3) spells one
ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def verify(c, password, text, **cost):
    return c.call("password:verify", {"password": password, "hash": text, **cost})


def crypt64(data):
    """Bytes as scrypt's $7$ strings spell them: three as four, least first."""
    out = ""
    for i in range(0, len(data), 3):
        group = data[i:i + 3]
        value = int.from_bytes(group, "little")
        for _ in range((len(group) * 8 + 5) // 6):
            out += ITOA64[value & 63]
            value >>= 6
    return out


def scrypt7(password, log_n, r, p):
    """A $7$ string by Python's own scrypt, which is OpenSSL's."""
    salt = crypt64(os.urandom(32))
    digest = hashlib.scrypt(password.encode(), salt=salt.encode(), n=1 << log_n, r=r, p=p,
                            dklen=32, maxmem=1 << 30)
    numbers = "".join(ITOA64[n >> shift & 63] for n in (r, p) for shift in range(0, 30, 6))
    return f"$7${ITOA64[log_n]}{numbers}{salt}${crypt64(digest)}"


def test_hashes_are_those_of_argon2(morod):
    """Another library verifies ours, and ours all that it makes: lanes, lengths, kinds."""
    kinds = [
        {"parallelism": 1}, {"parallelism": 4}, {"parallelism": 8, "hash_len": 16},
        {"parallelism": 2, "hash_len": 64, "salt_len": 32},
        {"parallelism": 4, "type": argon2.Type.I},
    ]
    with morod() as d, d.client() as c:
        for password in PASSWORDS:
            text = c.call("password:hash", {"password": password, **CHEAP})
            assert re.fullmatch(r"\$argon2id\$v=19\$m=8192,t=1,p=1\$[\w+/]{22}\$[\w+/]{43}", text)
            assert argon2.PasswordHasher().verify(text, password)
            assert verify(c, password, text, **CHEAP) == {
                "valid": True, "needsRehash": False, "algorithm": "argon2id"}
            assert verify(c, password + "x", text)["valid"] is False
            for options in kinds:
                hasher = argon2.PasswordHasher(time_cost=2, memory_cost=1024, **options)
                text = hasher.hash(password)
                assert verify(c, password, text)["valid"] is True, text
                assert verify(c, password, text)["needsRehash"] is True
                assert verify(c, password.swapcase() + "x", text)["valid"] is False


def test_hashes_of_other_kinds(morod):
    """bcrypt, scrypt, SHA-crypt and yescrypt strings of other programs are taken."""
    made = []
    for password in PASSWORDS:
        made += [
            (password, "bcrypt", bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()),
            (password, "bcrypt",
             bcrypt.hashpw(password.encode(), bcrypt.gensalt(5, b"2a")).decode()),
            (password, "scrypt", scrypt7(password, 10, 8, 1)),
            (password, "scrypt", scrypt7(password, 4, 1, 3)),
            (password, "sha256-crypt",
             crypt.crypt(password, crypt.mksalt(crypt.METHOD_SHA256, rounds=1000))),
            (password, "sha512-crypt", crypt.crypt(password, crypt.mksalt(crypt.METHOD_SHA512))),
            (password, "yescrypt", crypt.crypt(password, "$y$j75$" + YESCRYPT_SALT)),
            (password, "yescrypt", crypt.crypt(password, "$y$j8T$" + "/" + YESCRYPT_SALT[1:])),
        ]
    with morod(workers=2) as d, d.client() as c:
        for password, algorithm, text in made:
            assert verify(c, password, text) == {
                "valid": True, "needsRehash": True, "algorithm": algorithm}, text
            assert verify(c, password.encode(), text.encode())["valid"] is True
            # the first byte: bcrypt does not look at what is behind 72
            assert verify(c, "?" + password[1:], text) == {
                "valid": False, "needsRehash": False, "algorithm": algorithm}


def test_refusals_tell_no_secret(morod):
    """Hashes that are damaged, refused or too costly: an error at once, without their bytes."""
    cases = [
        ("$2b$20$" + "C" * 53, "TOO_LARGE"),
        ("$6$rounds=90000000$saltsalt$" + "C" * 86, "TOO_LARGE"),
        ("$argon2id$v=19$m=2097152,t=1,p=4$c29tZXNhbHQ$" + "C" * 43, "TOO_LARGE"),
        ("$7$zzzzzzzzzzz" + "C" * 43 + "$" + "C" * 43, "TOO_LARGE"),
        ("$1$saltsalt$" + "C" * 22, "INVALID_ARGUMENT"),
        ("C" * 13, "INVALID_ARGUMENT"),
        ("$2b$10$" + "C" * 52, "INVALID_ARGUMENT"),
    ]
    with morod() as d, d.client() as c:
        for text, code in cases:
            with pytest.raises(TaskError) as caught:
                verify(c, "guess-my-password", text)
            error = caught.value.error
            assert error["code"] == code and error["field"] == "hash", error
            assert "CCCC" not in str(error) and "saltsalt" not in str(error)
            assert "guess" not in str(error)


def memory_of(pid, name):
    """A line of /proc/PID/status, in bytes."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(rf"^{name}:\s+(\d+) kB", status.read(), re.M)[1]) << 10


@pytest.mark.skipif(SANITIZED, reason="the sanitizer has an allocator of its own")
def test_memory_is_given_back(morod):
    """256 MiB were used, and a moment later the worker has what it had."""
    with morod(workers=1) as d, d.client() as c:
        (pid,) = d.worker_pids()
        text = c.call("password:hash", {"password": "x", "cost": "moderate"})
        assert memory_of(pid, "VmHWM") > 256 << 20
        assert memory_of(pid, "VmRSS") < 32 << 20
        assert verify(c, "x", text)["valid"] is True
        yescrypt = crypt.crypt("x", "$y$jDT$" + YESCRYPT_SALT)
        assert verify(c, "x", yescrypt)["valid"] is True
        assert memory_of(pid, "VmRSS") < 32 << 20


@pytest.mark.skipif(SANITIZED, reason="the sanitizer has an allocator of its own")
def test_no_memory_is_no_wrong_password(morod):
    """A worker that may not have what a hash takes says so, and lives on."""
    hashes = [
        argon2.PasswordHasher(time_cost=1, memory_cost=192 << 10, parallelism=1).hash("x"),
        scrypt7("x", 17, 12, 1),
        crypt.crypt("x", "$y$jDT$" + YESCRYPT_SALT),
    ]
    with morod(workers=1, worker_memory="128M") as d, d.client() as c:
        pids = d.worker_pids()
        for text in hashes:
            with pytest.raises(TaskError) as caught:
                verify(c, "x", text)
            error = caught.value.error
            assert (error["code"], error["reason"]) == ("WORKER_ERROR", "memory"), text
        with pytest.raises(TaskError) as caught:
            c.call("password:hash", {"password": "x", "cost": "moderate"})
        assert caught.value.reason == "memory"
        text = c.call("password:hash", {"password": "x"})
        assert verify(c, "x", text)["valid"] is True
        assert d.worker_pids() == pids


def test_timeout_ends_a_costly_hash(morod):
    """What takes seconds is stopped in time, and its memory is free again."""
    with morod(workers=1) as d, d.client() as c:
        (pid,) = d.worker_pids()
        with pytest.raises(TaskError) as caught:
            c.call("password:hash", {"password": "x", "cost": "sensitive"}, timeout=200)
        assert caught.value.code == "TIMEOUT"
        d.wait(lambda s: s["workers"] == 1 and s["activeTasks"] == 0)
        wait_until(lambda: d.worker_pids() not in ([], [pid]))
        text = c.call("password:hash", {"password": "x", **CHEAP})
        assert verify(c, "x", text)["valid"] is True


def test_passwords_are_wiped_from_the_worker(morod):
    """After its answer a worker has no password in memory, whatever kind of hash it was."""
    mark = secrets.token_hex(24)
    hashes = [
        bcrypt.hashpw(mark.encode(), bcrypt.gensalt(4)).decode(),
        scrypt7(mark, 10, 8, 1),
        crypt.crypt(mark, crypt.mksalt(crypt.METHOD_SHA256)),
        crypt.crypt(mark, crypt.mksalt(crypt.METHOD_SHA512)),
        crypt.crypt(mark, "$y$j75$" + YESCRYPT_SALT),
        argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=2).hash(mark),
    ]
    with morod(workers=1) as d, d.client() as c:
        (pid,) = d.worker_pids()
        if not os.access(f"/proc/{pid}/mem", os.R_OK):
            pytest.skip("may not look at another process's memory")
        hashes.append(c.call("password:hash", {"password": mark, **CHEAP}))
        for text in hashes:
            assert verify(c, mark, text)["valid"] is True
            assert verify(c, mark + "?", text)["valid"] is False
        for data in ({"password": mark, "hash": "x"}, {"password": mark, "no": 1}):
            with pytest.raises(TaskError):
                c.call("password:verify", data)
        assert c.call("debug:echo", 1) == 1
        assert d.worker_pids() == [pid]
        # 32: half a block of what such hashes work on
        assert not memory_has(pid, mark[:32].encode())
        for text in hashes:
            assert not memory_has(pid, text[-32:].encode())


def test_first_tasks_open_no_file(morod, tmp_path):
    """What a worker needs was there when it was forked: nothing is looked for in the system."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    first = [
        ("password:hash", {"password": "x", **CHEAP}),
        ("password:verify", {"password": "x", "hash": crypt.crypt("x", "$6$abcdefgh")}),
        ("password:verify", {"password": "x", "hash": crypt.crypt("x", "$y$j75$" + YESCRYPT_SALT)}),
        ("password:verify",
         {"password": "x", "hash": bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()}),
        ("password:verify", {"password": "x", "hash": scrypt7("x", 4, 8, 1)}),
        ("crypto:random", {}),
        ("crypto:keygen", {}),
        ("crypto:keygen", {"type": "rsa", "bits": 2048}),
        ("crypto:keygen", {"type": "ec", "curve": "P-521"}),
    ]
    for name in ("sha256", "sha512-256", "sha3-512", "md5", "blake2s", "blake2b"):
        first.append(("crypto:hash", {"input": "x", "algorithm": name, "key": "k"}))
        first.append(("crypto:hash", {"input": "x", "algorithm": name}))
    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        with Strace(pids, tmp_path / "strace", ["-e", "trace=%file,getrandom"]):
            for task, data in first:
                c.call(task, data)
        assert d.worker_pids() == pids
        trace = (tmp_path / "strace").read_text()
        assert "getrandom(" in trace  # it was looked at
        assert [line for line in trace.splitlines() if "getrandom(" not in line] == []


def test_base64_of_scrypt_strings():
    """The helper above spells as libsodium does: its own published string comes out."""
    salt = "TrXs5Zk6s8sWHpQgWDIXTR8kUU3s6Jc3s.DtdS8M2i4"
    digest = hashlib.scrypt(b"Y0!?iQa9M%5ekffW(`", salt=salt.encode(), n=1 << 12, r=8, p=3,
                            dklen=32, maxmem=1 << 28)
    assert crypt64(digest) == "a4ik5hGDN7foMuHOW.cp.CtX01UyCeO0.JAG.AHPpx5"
