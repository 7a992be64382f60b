"""crypto:encrypt and crypto:decrypt against an independent implementation of worker/TASKS.md."""

import base64
import itertools
import os
import pathlib
import re
import secrets
import shutil
import struct
import subprocess
import time

import pytest
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from harness import SANITIZED, TaskError
from memory import memory_has
from test_files import connect, files, range_of, submit  # noqa: F401 (files is a fixture)
from test_hotpath import Strace
from test_tasks_crypto import refusal

KDF = {"memory": 8 << 20, "iterations": 1}
MIB = 1 << 20


# XChaCha20-Poly1305 by draft-irtf-cfrg-xchacha-03, from the published steps alone.


def hchacha20(key, nonce16):
    """Section 2.2."""
    x = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce16))

    def quarter(a, b, c, d):
        for to, add, turn, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[to] = (x[to] + x[add]) & 0xFFFFFFFF
            x[turn] ^= x[to]
            x[turn] = (x[turn] << by | x[turn] >> (32 - by)) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *x[:4], *x[12:])


class XChaCha20Poly1305:
    def __init__(self, key):
        self.key = key

    def parts(self, nonce):
        return ChaCha20Poly1305(hchacha20(self.key, nonce[:16])), bytes(4) + nonce[16:]

    def encrypt(self, nonce, data, aad):
        cipher, iv = self.parts(nonce)
        return cipher.encrypt(iv, data, aad)

    def decrypt(self, nonce, data, aad):
        cipher, iv = self.parts(nonce)
        return cipher.decrypt(iv, data, aad)


# The envelope, from worker/TASKS.md alone.

CIPHERS = {"xchacha20-poly1305": ("", XChaCha20Poly1305, 24), "aes-256-gcm": ("g", AESGCM, 12)}


def derive(passphrase, numbers_salt):
    iterations, kib = struct.unpack(">II", numbers_salt[:8])
    both = hash_secret_raw(passphrase, numbers_salt[8:24], iterations, kib, 1, 64, Type.ID, 19)
    return both[:32], both[32:]


def seal(data, key, algorithm="xchacha20-poly1305", kdf=None, plain=False, aad=b""):
    letter, cipher, nonce_len = CIPHERS[algorithm]
    is_str = isinstance(data, str)
    head = f"moro1{letter}{'k' if kdf else ''}{'s' if is_str else 'b'}{':' if plain else '.'}"
    block = b""
    if kdf:
        block = struct.pack(">II", *kdf) + os.urandom(16)
        key, check = derive(key, block)
        block += check
    nonce = os.urandom(nonce_len)
    data = data.encode() if is_str else data
    body = block + nonce + cipher(key).encrypt(nonce, data, head.encode() + block + aad)
    if plain:
        return head.encode() + body
    return head + base64.urlsafe_b64encode(body).decode().rstrip("=")


def unseal(envelope, key, aad=b""):
    raw = envelope if isinstance(envelope, bytes) else envelope.encode()
    match = re.match(rb"moro1(g?)(k?)([sb])([.:])", raw)
    body = raw[match.end():]
    if match[4] == b".":
        assert isinstance(envelope, str) and re.fullmatch(rb"[A-Za-z0-9_-]*", body)
        body = base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))
    else:
        assert isinstance(envelope, bytes)
    block = body[:56] if match[2] else b""
    if block:
        key, check = derive(key, block)
        assert check == block[24:]
    _, cipher, n = CIPHERS["aes-256-gcm" if match[1] else "xchacha20-poly1305"]
    rest = body[len(block):]
    data = cipher(key).decrypt(rest[:n], rest[n:], match[0] + block + aad)
    return data.decode() if match[3] == b"s" else data


SUNSCREEN = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
             b"the future, sunscreen would be it.")


def test_the_independent_implementation_is_right():
    """RFC 8439, 2.8.2, for the cipher below; the draft's 2.2.1 and A.3.1 for the extension."""
    key, aad = bytes(range(0x80, 0xA0)), bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    sealed = ChaCha20Poly1305(key).encrypt(
        bytes.fromhex("070000004041424344454647"), SUNSCREEN, aad)
    assert sealed[:16].hex() == "d31a8d34648e60db7b86afbc53ef7ec2"
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    assert hchacha20(bytes(range(32)), nonce).hex() == (
        "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc")
    sealed = XChaCha20Poly1305(key).encrypt(bytes(range(0x40, 0x58)), SUNSCREEN, aad)
    assert sealed[:16].hex() == "bd6d179d3e83d43b9576579493c0e939"
    assert sealed[-16:].hex() == "c0875924c1c7987947deafd8780acf49"


DATA = ["", "grüß", b"", b"\xff\x00", os.urandom(200_001), "x" * 98304]
FORMS = list(itertools.product(CIPHERS, [None, (1, 8192)], [False, True]))


@pytest.mark.parametrize("algorithm,kdf,plain", FORMS)
def test_both_ways(morod, algorithm, kdf, plain):
    """The other side opens what morod makes, and morod what it makes, in every form."""
    key = secrets.token_bytes(32)
    given = {"key": key, "algorithm": algorithm, "encoding": "bin" if plain else "text"}
    if kdf:
        given["kdf"] = {"iterations": kdf[0], "memory": kdf[1] << 10}
    with morod() as d, d.client() as c:
        for data, aad in itertools.product(DATA, [b"", b"user 7"]):
            more = {"aad": aad} if aad else {}
            made = c.call("crypto:encrypt", {"data": data, **given, **more})
            back = unseal(made, key, aad)
            assert back == data and type(back) is type(data)
            with pytest.raises((InvalidTag, AssertionError)):
                unseal(made, key[:-1] + bytes([key[-1] ^ 1]), aad)
            other = seal(data, key, algorithm, kdf, plain, aad)
            assert type(other) is type(made) and len(other) == len(made)
            back = c.call("crypto:decrypt", {"data": other, "key": key, **more})
            assert back == data and type(back) is type(data)


def test_large_data(morod):
    """As much as a frame takes; one byte more has an envelope that no answer can hold."""
    data = os.urandom(40 * MIB)
    key = secrets.token_bytes(32)
    with morod() as d, d.client() as c:
        for given in ({}, {"algorithm": "aes-256-gcm"}, {"encoding": "bin"}):
            made = c.call("crypto:encrypt", {"data": data, "key": key, **given})
            assert unseal(made, key) == data
            assert c.call("crypto:decrypt", {"data": made, "key": key}) == data
        error = refusal(c, "crypto:encrypt", {"data": bytes(49 * MIB), "key": key})
        assert error["code"] == "TOO_LARGE" and error["limit"] <= 64 * MIB
        data = bytes(49 * MIB)
        made = c.call("crypto:encrypt", {"data": data, "key": key, "encoding": "bin"})
        assert unseal(made, key) == data


def test_files(morod, files):
    """Data may be a range of a file, and the envelope may go into one, and back."""
    data = os.urandom(3 * MIB + 7)
    key = secrets.token_bytes(32)
    with morod() as d, connect(d) as c:
        for given in ({}, {"encoding": "bin", "algorithm": "aes-256-gcm"}):
            source, sealed, back = files.make(b"##" + data), files.make(), files.make()
            given = {"key": key, **given}
            submit(c, "crypto:encrypt", {"data": range_of(0, len(data), 2), **given},
                   [source, sealed], resultFd=1).result()
            made = os.pread(sealed, 8 * MIB, 0)
            plain = "encoding" in given
            assert unseal(made if plain else made.decode(), key) == data
            submit(c, "crypto:decrypt", {"data": range_of(0, len(made)), "key": key},
                   [sealed, back], resultFd=1).result()
            assert os.pread(back, 8 * MIB, 0) == data
        # nothing of what was not authentic gets into the file
        broken = files.make(made[:-1] + bytes([made[-1] ^ 1]))
        error = submit(c, "crypto:decrypt", {"data": range_of(0, len(made)), "key": key},
                       [broken, out := files.make()], resultFd=1).error()
        assert error["code"] == "WORKER_ERROR"
        assert os.pread(out, 10, 0) == b""


# The ancestor: Node's crypto.createCipheriv("aes-256-cbc", key, iv), in hex.


def ancestor(data, key, iv=None):
    own = iv or os.urandom(16)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key.encode()), modes.CBC(own)).encryptor()
    padded = padder.update(data) + padder.finalize()
    sealed = (encryptor.update(padded) + encryptor.finalize()).hex()
    return sealed if iv else f"{own.hex()}:{sealed}"


def test_what_the_ancestor_wrote(morod):
    """Its own IV before a colon, or a given one and bare hex: all lengths, text and bytes."""
    key, iv = secrets.token_hex(16), os.urandom(16)
    call = {"key": key, "algorithm": "aes-256-cbc"}
    with morod() as d, d.client() as c:
        for n in list(range(34)) + [65536, 3 * MIB + 5]:
            text, noise = "ß" * n, b"\xff" + os.urandom(n)
            assert c.call("crypto:decrypt", {"data": ancestor(text.encode(), key), **call}) == text
            assert c.call("crypto:decrypt", {"data": ancestor(noise, key), **call}) == noise
            bare = {"data": ancestor(text.encode(), key, iv), **call}
            for given in (iv, iv.hex(), iv.hex().upper()):
                assert c.call("crypto:decrypt", {**bare, "iv": given}) == text
            assert refusal(c, "crypto:decrypt", bare)["field"] == "iv"


def test_what_openssl_enc_wrote(morod):
    """The command-line tool writes the same."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    key, iv = os.urandom(32), os.urandom(16)
    data = "a letter from before\n" * 1000
    sealed = subprocess.run(
        ["openssl", "enc", "-aes-256-cbc", "-K", key.hex(), "-iv", iv.hex()],
        input=data.encode(), capture_output=True, check=True).stdout
    with morod() as d, d.client() as c:
        for given in (key, key.hex()):
            assert data == c.call("crypto:decrypt", {
                "data": f"{iv.hex()}:{sealed.hex()}", "key": given,
                "algorithm": "aes-256-cbc"})


def test_the_ancestors_form_gives_no_hint(morod):
    """A wrong key and changed data differ in nothing but luck with the padding."""
    key = secrets.token_hex(16)
    sealed = ancestor(b"hello hello hello hello", key)
    call = {"data": sealed, "key": key, "algorithm": "aes-256-cbc"}
    seen = set()
    with morod() as d, d.client() as c:
        for i in range(64):
            wrong = {**call, "key": secrets.token_hex(16)}
            changed = {**call, "data": sealed[:-32] + os.urandom(16).hex()}
            for data in (wrong, changed):
                try:
                    assert c.call("crypto:decrypt", data) != "hello hello hello hello"
                except TaskError as e:
                    seen.add(tuple(sorted((k, str(v)) for k, v in e.error.items())))
    assert len(seen) == 1, seen


def status_kib(pid, name):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1])


def test_an_envelope_cannot_ask_for_more_than_allowed(morod):
    """Whoever writes an envelope decides what it asks for; the limit holds before the work."""
    key = b"a passphrase"
    head = b"moro1kb:"

    def asking(iterations, kib):
        return head + struct.pack(">II", iterations, kib) + bytes(48 + 24 + 16)

    with morod(workers=1) as d, d.client() as c:
        (pid,) = d.worker_pids()
        c.call("debug:echo", 1)
        before = status_kib(pid, "VmHWM")
        for iterations, kib in ((4, 1 << 20), (1, (256 << 10) + 1), (4, 256 << 10),
                                (2**32 - 1, 2**32 - 1), (2**32 - 1, 8192)):
            error = refusal(c, "crypto:decrypt", {"data": asking(iterations, kib), "key": key})
            assert error["code"] == "TOO_LARGE" and error["limit"] == 256 * MIB, error
        assert status_kib(pid, "VmHWM") - before < 4096
        # who knows its cost may allow it
        error = refusal(c, "crypto:decrypt", {
            "data": asking(5, 256 << 10), "key": key, "kdf": {"memory": 256 * MIB, "iterations": 4}})
        assert error["code"] == "TOO_LARGE"


def test_memory_of_a_passphrase_is_given_back(morod):
    """64 MiB are used, and gone afterwards."""
    with morod(workers=1) as d, d.client() as c:
        (pid,) = d.worker_pids()
        made = c.call("crypto:encrypt", {"data": "x", "key": "a passphrase", "kdf": "argon2id"})
        assert c.call("crypto:decrypt", {"data": made, "key": "a passphrase"}) == "x"
        assert status_kib(pid, "VmHWM") > 60 * 1024
        assert status_kib(pid, "VmRSS") < 30 * 1024


@pytest.mark.skipif(SANITIZED, reason="the sanitizer has an allocator of its own")
def test_too_little_memory_for_a_passphrase(morod):
    """It costs the task a clear answer, and the worker nothing."""
    with morod(workers=1, worker_memory="72M") as d, d.client() as c:
        pids = d.worker_pids()
        for task, data in (
            ("crypto:encrypt", {"data": "x", "kdf": {"cost": "moderate"}}),
            ("crypto:decrypt", {"data": b"moro1kb:" + struct.pack(">II", 1, 256 << 10) + bytes(88)}),
        ):
            error = refusal(c, task, {**data, "key": "a passphrase"})
            assert (error["code"], error["reason"]) == ("WORKER_ERROR", "memory")
        made = c.call("crypto:encrypt", {"data": "x", "key": "a passphrase", "kdf": KDF})
        assert c.call("crypto:decrypt", {"data": made, "key": "a passphrase"}) == "x"
        assert d.worker_pids() == pids


def test_secrets_of_every_form_are_wiped(morod):
    """No passphrase, no derived key, no plaintext stays, after success or failure."""
    mark = secrets.token_hex(16)  # a key of the ancestor, too: 32 characters
    text = secrets.token_hex(24)
    gone = [mark.encode(), text.encode()]
    with morod(workers=1) as d, d.client() as c:
        (pid,) = d.worker_pids()
        if not os.access(f"/proc/{pid}/mem", os.R_OK):
            pytest.skip("may not look at another process's memory")
        c.call("debug:echo", "see" + text[::-1])
        assert memory_has(pid, text[::-1].encode())
        for given, n in itertools.product(
                itertools.product(CIPHERS, [None, KDF], ["text", "bin"]), [1, 4000]):
            call = {"key": mark, "algorithm": given[0], "encoding": given[2]}
            if given[1]:
                call["kdf"] = given[1]
            made = c.call("crypto:encrypt", {"data": text * n, **call})
            assert c.call("crypto:decrypt", {"data": made, "key": mark}) == text * n
            raw = made if given[2] == "bin" else base64.urlsafe_b64decode(
                made.split(".")[1] + "==")
            cut = made[:-1]
            refusal(c, "crypto:decrypt", {"data": cut, "key": mark})
            refusal(c, "crypto:decrypt", {"data": made, "key": mark[::-1]})
            if given[1]:
                raw = raw.split(b":", 1)[1] if given[2] == "bin" else raw
                key, _ = derive(mark.encode(), raw[:56])
                gone.append(key)
                if given[0] != "aes-256-gcm":
                    gone.append(hchacha20(key, raw[56:72]))
        old = {"data": ancestor(text.encode() * 100, mark), "algorithm": "aes-256-cbc"}
        assert c.call("crypto:decrypt", {**old, "key": mark}) == text * 100
        refusal(c, "crypto:decrypt", {**old, "key": mark, "data": old["data"][:-2]})
        refusal(c, "crypto:decrypt", {**old, "key": mark + "?"})
        assert c.call("debug:echo", 1) == 1
        assert d.worker_pids() == [pid]
        assert [i for i, what in enumerate(gone) if memory_has(pid, what)] == []


def test_workers_open_nothing(morod, tmp_path):
    """Ciphers were fetched before the fork: no file is opened, of the first call neither."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    key = secrets.token_hex(16)
    with morod(workers=1) as d, d.client() as c:
        with Strace(d.worker_pids(), tmp_path / "strace", ["-e", "trace=%file,%network"]):
            for algorithm in CIPHERS:
                made = c.call("crypto:encrypt", {"data": "x", "key": key, "algorithm": algorithm})
                assert c.call("crypto:decrypt", {"data": made, "key": key}) == "x"
            made = c.call("crypto:encrypt", {"data": "x", "key": key, "kdf": KDF})
            assert c.call("crypto:decrypt", {"data": made, "key": key}) == "x"
            old = {"data": ancestor(b"x", key), "algorithm": "aes-256-cbc", "key": key}
            assert c.call("crypto:decrypt", old) == "x"
        calls = [line for line in (tmp_path / "strace").read_text().splitlines()
                 if re.search(r"\b(open|openat|stat|access|readlink|socket|connect)\w*\(", line)]
    assert calls == []


def test_a_timeout_stops_a_derivation(morod):
    """Argon2 asks nobody: the worker is replaced, and the next task finds one."""
    with morod(workers=1) as d, d.client() as c:
        begun = time.monotonic()
        with pytest.raises(TaskError) as caught:
            c.call("crypto:encrypt", {"data": "x", "key": "a passphrase",
                                      "kdf": {"cost": "sensitive"}}, timeout=100)
        assert caught.value.error["code"] == "TIMEOUT"
        assert time.monotonic() - begun < 3
        made = c.call("crypto:encrypt", {"data": "x", "key": "a passphrase", "kdf": KDF})
        assert unseal(made, b"a passphrase") == "x"
