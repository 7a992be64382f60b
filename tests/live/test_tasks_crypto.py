"""crypto:* against Python's own hashlib, and the worker's memory afterwards."""

import base64
import hashlib
import hmac
import os
import re
import secrets

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from harness import TaskError, wait_until
from memory import memory_has

ALGORITHMS = ["sha256", "sha384", "sha512", "sha224", "sha512-256", "sha3-256",
              "sha3-512", "blake2b", "blake2s", "sha1", "md5"]
BLAKE2 = {"blake2b": hashlib.blake2b, "blake2s": hashlib.blake2s}
INPUTS = [b"", b"abc", bytes(range(256)), os.urandom(100_000)]


def refusal(c, task, data):
    """The error's map, when the data is refused."""
    with pytest.raises(TaskError) as caught:
        c.call(task, data)
    return caught.value.error


def test_hashes_are_those_of_hashlib(morod):
    """Every algorithm in every encoding is what another library says."""
    with morod() as d, d.client() as c:
        for name in ALGORITHMS:
            for data in INPUTS:
                want = hashlib.new(name.replace("-", "_"), data).digest()
                base = {"input": data, "algorithm": name}
                assert c.call("crypto:hash", base) == want.hex()
                assert c.call("crypto:hash", {**base, "encoding": "bin"}) == want
                text = c.call("crypto:hash", {**base, "encoding": "base64"})
                assert base64.b64decode(text, validate=True) == want


def test_hashes_with_keys_are_those_of_hmac(morod):
    """Every algorithm with a key of every length there is: HMAC, or BLAKE2's own."""
    with morod() as d, d.client() as c:
        for name in ALGORITHMS:
            for n in (1, 20, 32, 64, 65, 200, 4096):
                key = os.urandom(n)
                if name in BLAKE2 and n > BLAKE2[name].MAX_KEY_SIZE:
                    continue
                for data in INPUTS:
                    if name in BLAKE2:
                        want = BLAKE2[name](data, key=key).hexdigest()
                    else:
                        want = hmac.new(key, data, name.replace("-", "_")).hexdigest()
                    given = {"input": data, "algorithm": name, "key": key}
                    assert c.call("crypto:hash", given) == want, (name, n)


def test_random_bytes_in_each_encoding(morod):
    """As many as asked for, spelled so that another library reads them; never twice."""
    seen = set()
    read = {"hex": bytes.fromhex, "bin": bytes,
            "base64": lambda text: base64.b64decode(text, validate=True),
            "base64url": lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))}
    with morod(workers=3) as d, d.client() as c:
        for encoding, decode in read.items():
            for n in (16, 17, 18, 1000, 1 << 20):
                got = decode(c.call("crypto:random", {"length": n, "encoding": encoding}))
                assert len(got) == n
                seen.add(got[:16])
        # workers are forks of one master, which had made a key before
        for call in [c.submit("crypto:random", {"length": 16}) for _ in range(100)]:
            seen.add(call.result())
        for call in [c.submit("crypto:keygen", {"type": "ec"}) for _ in range(100)]:
            seen.add(call.result()["privateKey"])
    assert len(seen) == 220


def test_generated_keys_work_elsewhere(morod):
    """A pair signs and verifies in another library; a secret opens what it closed."""
    curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
    with morod() as d, d.client() as c:
        for curve, kind in curves.items():
            made = c.call("crypto:keygen", {"type": "ec", "curve": curve})
            key = serialization.load_pem_private_key(made["privateKey"].encode(), None)
            public = serialization.load_pem_public_key(made["publicKey"].encode())
            assert isinstance(key.curve, kind)
            public.verify(key.sign(b"x", ec.ECDSA(hashes.SHA256())), b"x",
                          ec.ECDSA(hashes.SHA256()))
        for bits in (2048, 3072):
            made = c.call("crypto:keygen", {"type": "rsa", "bits": bits})
            key = serialization.load_pem_private_key(made["privateKey"].encode(), None)
            public = serialization.load_pem_public_key(made["publicKey"].encode())
            assert isinstance(key, rsa.RSAPrivateKey) and key.key_size == bits
            assert public.public_numbers().e == 65537
            public.verify(key.sign(b"x", padding.PKCS1v15(), hashes.SHA256()), b"x",
                          padding.PKCS1v15(), hashes.SHA256())
        secret = c.call("crypto:keygen", {})
        sealed = c.call("crypto:encrypt", {"data": "x", "key": secret})
        raw = bytes.fromhex(secret)
        assert c.call("crypto:decrypt", {"data": sealed, "key": raw}) == "x"


def test_key_generation_is_cancelled_softly(morod):
    """The search for primes stops when it is told to: no worker is lost."""
    with morod(workers=1) as d, d.client() as c:
        (pid,) = d.worker_pids()
        cancelled = 0
        # a short search may be over before: then it has its result
        while cancelled < 3:
            call = c.submit("crypto:keygen", {"type": "rsa", "bits": 4096})
            wait_until(lambda: c.stats()["activeTasks"] == 1 or call.answer)
            c.request("cancel", {"msgid": call.msgid})
            error, result = call.wait()
            if error is not None:
                assert error["code"] == "CANCELLED"
                cancelled += 1
            assert c.call("debug:echo", 1) == 1
        assert d.worker_pids() == [pid]


def test_hash_of_the_guide(morod):
    """`data` is `input`, text is its bytes, sha256 in hex is the default."""
    want = hashlib.sha256("grüß".encode()).hexdigest()
    with morod() as d, d.client() as c:
        assert c.call("crypto:hash", {"input": "grüß"}) == want
        assert c.call("crypto:hash", {"data": "grüß"}, priority="high") == want
        assert c.call("crypto:hash", {"data": "grüß".encode()}) == want


def test_hash_of_megabytes(morod):
    """A large input is hashed whole."""
    data = os.urandom(20 << 20)
    with morod() as d, d.client() as c:
        got = c.call("crypto:hash", {"input": data})
    assert got == hashlib.sha256(data).hexdigest()


def test_encrypted_data_comes_back_as_it_went_in(morod):
    """A string stays a string, bytes stay bytes, with each spelling of a key."""
    raw = secrets.token_bytes(32)
    keys = [raw, raw.hex(), "a secret that is long enough"]
    with morod() as d, d.client() as c:
        for key in keys:
            for data in ["", "grüß", b"", b"\xff\x00", os.urandom(1 << 20)]:
                text = c.call("crypto:encrypt", {"data": data, "key": key})
                assert re.fullmatch(r"moro1[sb]\.[A-Za-z0-9_-]+", text)
                back = c.call("crypto:decrypt", {"data": text, "key": key})
                assert back == data and type(back) is type(data)


def test_raw_and_hex_are_one_key(morod):
    """32 bytes and the 64 digits that spell them open the same envelope."""
    raw = secrets.token_bytes(32)
    with morod() as d, d.client() as c:
        text = c.call("crypto:encrypt", {"data": "x", "key": raw})
        for key in (raw.hex(), raw.hex().upper()):
            assert c.call("crypto:decrypt", {"data": text, "key": key}) == "x"


def test_nothing_but_the_key_opens_it(morod):
    """A wrong key, another aad, a changed letter: an error, never plaintext."""
    key = "a secret that is long enough"
    with morod() as d, d.client() as c:
        text = c.call("crypto:encrypt", {"data": "hello", "key": key, "aad": "7"})
        good = {"data": text, "key": key, "aad": "7"}
        assert c.call("crypto:decrypt", good) == "hello"
        changed = [{**good, "key": key + "!"}, {**good, "aad": "8"}]
        changed.append({"data": text, "key": key})
        for i in range(len(text)):
            other = "A" if text[i] != "A" else "B"
            changed.append({**good, "data": text[:i] + other + text[i + 1 :]})
            changed.append({**good, "data": text[:i]})
        for data in changed:
            error = refusal(c, "crypto:decrypt", data)
            assert error["code"] == "WORKER_ERROR"
            assert error["reason"] == "failed"
            assert "hello" not in error["message"]


def test_refusals_name_the_field(morod):
    """Missing, mistyped, unknown or given twice: the field is named."""
    cases = [
        ("crypto:hash", {}, "input"),
        ("crypto:hash", {"input": 1}, "input"),
        ("crypto:hash", {"input": "a", "data": "a"}, "input"),
        ("crypto:hash", {"input": "a", "algoritm": "md5"}, "algoritm"),
        ("crypto:hash", {"input": "a", "algorithm": "crc32"}, "algorithm"),
        ("crypto:hash", "abc", "data"),
        ("crypto:hash", None, "data"),
        ("crypto:encrypt", {"data": "a"}, "key"),
        ("crypto:encrypt", {"data": "a", "key": "short"}, "key"),
        ("crypto:encrypt", {"data": "a", "key": bytes(31)}, "key"),
        ("crypto:decrypt", {"data": "a", "key": b"short"}, "key"),
    ]
    with morod() as d, d.client() as c:
        for task, data, field in cases:
            error = refusal(c, task, data)
            assert error["code"] == "INVALID_ARGUMENT", error
            assert error["field"] == field
            assert field in error["message"]
            assert error["retryable"] is False


def test_secrets_are_wiped_from_the_worker(morod):
    """After its answer, a worker holds no key, no secret and no plaintext."""
    mark = secrets.token_hex(24)  # 48 characters: more than a block's head
    token = None
    with morod(workers=1) as d, d.client() as c:
        (pid,) = d.worker_pids()
        if not os.access(f"/proc/{pid}/mem", os.R_OK):
            pytest.skip("may not look at another process's memory")
        # the way of looking is good: plain data does stay
        c.call("debug:echo", "see" + mark[::-1])
        assert memory_has(pid, mark[::-1].encode())
        for data in (mark, mark.encode(), mark * 50):
            sealed = c.call("crypto:encrypt", {"data": data, "key": mark})
            c.call("crypto:decrypt", {"data": sealed, "key": mark})
            c.call("crypto:hash", {"input": data})
            for name in ALGORITHMS:
                c.call("crypto:hash", {"input": data, "algorithm": name})
                c.call("crypto:hash", {"input": "x", "algorithm": name, "key": mark[:32]})
        for task, data in (
            ("crypto:decrypt", {"data": sealed, "key": mark + "?"}),
            ("crypto:encrypt", {"data": "x", "key": mark, "no": 1}),
        ):
            refusal(c, task, data)
        token = c.call("jwt:sign", {"payload": {"a": 1}, "secret": mark})
        c.call("jwt:verify", {"token": token, "secret": mark})
        c.call("jwt:verify", {"token": token, "secret": mark + "?"})
        assert c.call("debug:echo", 1) == 1
        assert d.worker_pids() == [pid]
        assert not memory_has(pid, mark.encode())
        assert not memory_has(pid, mark[:32].encode())


def test_made_keys_are_wiped_from_the_worker(morod):
    """What was random or a private key a moment ago is nowhere in the worker."""
    with morod(workers=1) as d, d.client() as c:
        (pid,) = d.worker_pids()
        if not os.access(f"/proc/{pid}/mem", os.R_OK):
            pytest.skip("may not look at another process's memory")
        marks = []
        for given in ({"type": "ec"}, {"type": "rsa", "bits": 2048}):
            pem = c.call("crypto:keygen", given)["privateKey"]
            key = serialization.load_pem_private_key(pem.encode(), None)
            marks.append(pem.splitlines()[2].encode())
            numbers = key.private_numbers()
            if given["type"] == "ec":
                parts = [numbers.private_value.to_bytes(32, "big")]
            else:
                parts = [numbers.p.to_bytes(128, "big"), numbers.d.to_bytes(256, "big")]
            for part in parts:
                # also as OpenSSL's numbers are: words, least first
                marks += [part[-32:], part[::-1][:32]]
        key = c.call("crypto:keygen", {"encoding": "bin"})
        text = c.call("crypto:random", {"length": 100_000, "encoding": "base64"})
        marks += [key, text[500:540].encode(), base64.b64decode(text)[600:632]]
        assert c.call("debug:echo", 1) == 1
        assert d.worker_pids() == [pid]
        assert [i for i, mark in enumerate(marks) if memory_has(pid, mark)] == []
