"""jwt:* against Debian's python3-jwt, in both directions."""

import base64
import functools
import hashlib
import hmac
import json
import shutil
import subprocess
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from harness import SANITIZED, TaskError
from test_hotpath import Strace

SECRET = "a-string-secret-at-least-256-bits-long"
ALGORITHMS = ["HS256", "HS384", "HS512"]
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
PUBLIC_ALGORITHMS = ["RS256", "RS384", "RS512", *CURVES]


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header, payload, secret=SECRET, algorithm=hashlib.sha256):
    """A token of any header and payload with a right signature."""
    text = encode(json.dumps(header).encode()) + "."
    text += encode(json.dumps(payload).encode())
    return text + "." + encode(hmac.digest(secret.encode(), text.encode(), algorithm))


@functools.lru_cache
def key_pair(algorithm, form="PKCS8"):
    """A private and a public key in PEM for an algorithm; RS* share one."""
    if algorithm.startswith("RS"):
        key = rsa_key()
    else:
        key = ec.generate_private_key(CURVES[algorithm])
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat[form],
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


@functools.lru_cache
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


def verdict(c, token, secret=SECRET, **options):
    return c.call("jwt:verify", {"token": token, "secret": secret, "options": options})


def refusal(c, task, data):
    with pytest.raises(TaskError) as caught:
        c.call(task, data)
    assert caught.value.code == "INVALID_ARGUMENT"
    return caught.value.error


def test_others_accept_our_tokens(morod):
    """python3-jwt verifies what jwt:sign makes, with every claim in place."""
    payload = {"user": 7, "roles": ["a", "b"], "f": 1.5, "none": None, "text": "grüß"}
    with morod() as d, d.client() as c:
        for name in ALGORITHMS:
            options = {
                "algorithm": name,
                "expiresIn": "15m",
                "notBefore": 0,
                "issuer": "me",
                "audience": ["x", "y"],
                "subject": "you",
                "jwtid": "id-1",
                "keyid": "k-1",
            }
            token = c.call(
                "jwt:sign",
                {"payload": payload, "secret": SECRET, "options": options},
                priority="high",
            )
            got = jwt.decode(token, SECRET, [name], audience="y", issuer="me")
            assert {k: got[k] for k in payload} == payload
            assert got["exp"] - got["iat"] == 15 * 60 and got["nbf"] == got["iat"]
            assert abs(got["iat"] - time.time()) < 60
            assert (got["sub"], got["jti"]) == ("you", "id-1")
            header = jwt.get_unverified_header(token)
            assert header == {"alg": name, "typ": "JWT", "kid": "k-1"}
            with pytest.raises(jwt.InvalidSignatureError):
                jwt.decode(token, SECRET + "!", [name], audience="y")


def test_we_accept_tokens_of_others(morod):
    """jwt:verify gives the payload of what python3-jwt makes."""
    payload = {"user": 7, "nested": {"list": [1, -2, 2**53 + 1, "grüß", None, True]}}
    payload["exp"] = int(time.time()) + 600
    with morod() as d, d.client() as c:
        for name in ALGORITHMS:
            token = jwt.encode(payload, SECRET, name, headers={"kid": "any"})
            assert verdict(c, token) == {"valid": True, "payload": payload}
            assert verdict(c, token.encode(), SECRET.encode())["valid"] is True
            assert verdict(c, token, algorithms=[name])["valid"] is True
            others = [a for a in ALGORITHMS if a != name]
            assert verdict(c, token, algorithms=others) == {
                "valid": False,
                "error": "invalid algorithm",
            }
            assert verdict(c, token, SECRET + "!") == {
                "valid": False,
                "error": "invalid signature",
            }


def test_others_accept_tokens_of_key_pairs(morod):
    """python3-jwt verifies what a private key in PEM signs, and no other key does."""
    payload = {"user": 7, "roles": ["a", "b"], "text": "grüß"}
    options = {"expiresIn": "15m", "audience": "y", "keyid": "k-1"}
    with morod() as d, d.client() as c:
        for name in PUBLIC_ALGORITHMS:
            for form in ("PKCS8", "TraditionalOpenSSL"):
                private, public = key_pair(name, form)
                data = {
                    "payload": payload,
                    "key": private,
                    "options": {**options, "algorithm": name},
                }
                token = c.call("jwt:sign", data)
                got = jwt.decode(token, public, [name], audience="y")
                assert {k: got[k] for k in payload} == payload
                header = jwt.get_unverified_header(token)
                assert header == {"alg": name, "typ": "JWT", "kid": "k-1"}
                assert verdict(c, token, public)["valid"] is True
            other = key_pair("ES512" if name == "ES256" else "ES256")[1]
            assert verdict(c, token, other)["error"] == "invalid algorithm"


def test_we_accept_tokens_of_key_pairs(morod):
    """jwt:verify gives the payload of what python3-jwt signs with a private key."""
    payload = {"user": 7, "exp": int(time.time()) + 600}
    with morod() as d, d.client() as c:
        for name in PUBLIC_ALGORITHMS:
            private, public = key_pair(name)
            token = jwt.encode(payload, private, name, headers={"kid": "any"})
            assert verdict(c, token, public) == {"valid": True, "payload": payload}
            assert verdict(c, token, public.encode(), algorithms=[name])["valid"]
            head, body, signature = token.split(".")
            changed = encode(json.dumps({**payload, "user": 8}).encode())
            assert verdict(c, f"{head}.{changed}.{signature}", public) == {
                "valid": False,
                "error": "invalid signature",
            }
            # a token under HMAC, with the public key that everybody has
            token = forge({"alg": "HS256", "typ": "JWT"}, payload, public)
            assert verdict(c, token, public)["error"] == "invalid algorithm"
            token = forge({"alg": name, "typ": "JWT"}, payload, public)
            assert verdict(c, token, public)["error"] == "invalid signature"
            data = {"token": token, "secret": public, "options": {"algorithms": ["HS256"]}}
            assert refusal(c, "jwt:verify", data)["field"] == "options.algorithms"


def test_keys_of_the_openssl_command(morod, tmp_path):
    """Keys and certificates as the openssl command writes them are taken."""

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=tmp_path, check=True, capture_output=True)

    def read(name):
        return (tmp_path / name).read_text()

    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "ec.pem")
    openssl("ec", "-in", "ec.pem", "-pubout", "-out", "ec.pub")
    openssl("req", "-x509", "-key", "ec.pem", "-subj", "/CN=me", "-out", "ec.crt")
    openssl("ec", "-in", "ec.pem", "-aes256", "-passout", "pass:x", "-out", "old.pem")
    openssl("pkcs8", "-topk8", "-in", "ec.pem", "-passout", "pass:x", "-out", "new.pem")
    with morod() as d, d.client() as c:
        token = c.call("jwt:sign", {"payload": {"a": 1}, "key": read("ec.pem")})
        assert jwt.decode(token, read("ec.pub"), ["ES256"])["a"] == 1
        assert verdict(c, token, read("ec.pub"))["valid"] is True
        assert verdict(c, token, read("ec.crt"))["valid"] is True
        # nobody is asked for a passphrase: a worker would wait for ever
        for name in ("old.pem", "new.pem"):
            error = refusal(c, "jwt:sign", {"payload": {}, "key": read(name)})
            assert error["field"] == "secret" and "passphrase" in error["message"]


def test_header_and_typ(morod):
    """Header parameters go in at one end, and come out at the other."""
    private, public = key_pair("ES256")
    header = {"typ": "at+jwt", "kid": "k-1", "x5t": "abc"}
    with morod() as d, d.client() as c:
        for sign, check in ((SECRET, SECRET), (private, public)):
            data = {"payload": {"a": 1}, "secret": sign, "options": {"header": header}}
            token = c.call("jwt:sign", data)
            got = jwt.get_unverified_header(token)
            assert {k: got[k] for k in header} == header
            assert verdict(c, token, check)["error"] == "invalid token"
            got = verdict(c, token, check, typ="at+jwt", complete=True)
            assert got["valid"] and {k: got["header"][k] for k in header} == header


def test_raise(morod):
    """With raise a bad token is an error, whose message says why."""
    token = jwt.encode({"exp": 1}, SECRET)
    with morod() as d, d.client() as c:
        data = {"token": token, "secret": SECRET, "options": {"raise": True}}
        with pytest.raises(TaskError) as caught:
            c.call("jwt:verify", data)
        error = caught.value.error
        assert (error["code"], error["reason"]) == ("WORKER_ERROR", "failed")
        assert error["message"] == "jwt expired"


def test_max_age(morod):
    """A token that never expires can still be too old."""
    now = int(time.time())
    old, new = jwt.encode({"iat": now - 100}, SECRET), jwt.encode({"iat": now}, SECRET)
    with morod() as d, d.client() as c:
        assert verdict(c, old, maxAge="2m")["valid"] is True
        assert verdict(c, old, maxAge=50)["error"] == "maxAge exceeded"
        assert verdict(c, new, maxAge=50)["valid"] is True


def test_binary_secret(morod):
    """A secret of bytes that are no text works both ways."""
    secret = bytes(range(256))
    with morod() as d, d.client() as c:
        token = c.call("jwt:sign", {"payload": {"a": 1}, "secret": secret})
        assert jwt.decode(token, secret, ["HS256"])["a"] == 1
        token = jwt.encode({"a": 1}, secret, "HS512")
        assert verdict(c, token, secret) == {"valid": True, "payload": {"a": 1}}


def test_time_is_checked(morod):
    """exp and nbf count, with the tolerance that is asked for."""
    now = int(time.time())
    old = jwt.encode({"exp": now - 30}, SECRET)
    early = jwt.encode({"nbf": now + 30}, SECRET)
    with morod() as d, d.client() as c:
        assert verdict(c, old) == {"valid": False, "error": "jwt expired"}
        assert verdict(c, old, clockTolerance=20)["error"] == "jwt expired"
        assert verdict(c, old, clockTolerance=90)["valid"] is True
        assert verdict(c, old, ignoreExpiration=True)["valid"] is True
        assert verdict(c, early)["error"] == "jwt not active"
        assert verdict(c, early, ignoreExpiration=True)["error"] == "jwt not active"
        assert verdict(c, early, clockTolerance=90)["valid"] is True


def test_a_token_expires_while_we_watch(morod):
    """What is valid now is not when its second has come."""
    with morod() as d, d.client() as c:
        data = {"payload": {}, "secret": SECRET, "options": {"expiresIn": 2}}
        token = c.call("jwt:sign", data)
        assert verdict(c, token)["valid"] is True
        end = time.monotonic() + 10
        while verdict(c, token)["valid"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert verdict(c, token)["error"] == "jwt expired"


def test_claims_are_checked(morod):
    """Issuer, audience and subject must be the expected ones."""
    token = jwt.encode({"iss": "me", "aud": ["x", "y"], "sub": "you"}, SECRET)
    with morod() as d, d.client() as c:
        good = {"issuer": ["we", "me"], "audience": "y", "subject": "you"}
        assert verdict(c, token, **good)["valid"] is True
        for name, bad, text in (
            ("issuer", "he", "jwt issuer invalid. expected: he"),
            ("audience", ["p", "q"], "jwt audience invalid. expected: p or q"),
            ("subject", "me", "jwt subject invalid. expected: me"),
        ):
            got = verdict(c, token, **{**good, name: bad})
            assert got == {"valid": False, "error": text}


def test_forged_tokens(morod):
    """What an attacker can make without the secret is never valid."""
    public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0C\n-----END PUBLIC KEY-----\n"
    good = jwt.encode({"user": 7}, SECRET)
    head, body, signature = good.split(".")
    none = encode(b'{"alg":"none","typ":"JWT"}')
    forged = [
        jwt.encode({"user": 7}, "", "none"),
        f"{none}.{body}.",
        f"{none}.{body}.{signature}",
        f"{none}.{body}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{encode(b'{}')}.{signature}",
        f"{head}.{body}.{signature[:-1]}",
        f"{head}.{body}.{signature[1:]}",
        f"{head}.{body}.{signature}=",
        f"{head}.{body}.{signature}\n",
        f"{good}.{signature}",
        f".{good}",
        "",
        ".",
        "..",
        "a.b.c",
        forge({"alg": "hs256"}, {"user": 7}),
        forge({"alg": "none"}, {"user": 7}),
        forge({"alg": "HS384"}, {"user": 7}),
        forge({"alg": "HS256"}, {"user": 7}, "guess"),
        forge({"alg": "HS256"}, {"user": 7}, algorithm=hashlib.sha512),
        forge({"alg": "HS256", "crit": ["exp"]}, {"user": 7}),
        forge({"alg": "HS256"}, ["user", 7]),
        forge({"alg": "HS256"}, {"exp": "tomorrow"}),
        forge({"typ": "JWT"}, {"user": 7}),
        "x" * 100_000,
    ]
    with morod() as d, d.client() as c:
        assert verdict(c, good)["valid"] is True
        for token in forged:
            got = verdict(c, token)
            assert got["valid"] is False and set(got) == {"valid", "error"}, token
        # the classic: a public key taken for the HMAC secret
        token = forge({"alg": "HS256"}, {"user": 7}, public)
        assert refusal(c, "jwt:verify", {"token": token, "secret": public})["field"] == "secret"
        assert refusal(c, "jwt:sign", {"payload": {}, "secret": public})["field"] == "secret"


def test_empty_secret_never_verifies(morod):
    """With an empty key the library would check nothing at all."""
    token = forge({"alg": "HS256"}, {"user": 7}, "")
    with morod() as d, d.client() as c:
        for secret in ("", b""):
            for task, data in (
                ("jwt:verify", {"token": token, "secret": secret}),
                ("jwt:sign", {"payload": {}, "secret": secret}),
            ):
                assert refusal(c, task, data)["field"] == "secret"


def test_refusals_name_the_field(morod):
    """Options and payloads are refused by their paths."""
    base = {"payload": {}, "secret": SECRET}
    cases = [
        ({"secret": SECRET}, "payload"),
        ({**base, "payload": [1]}, "payload"),
        ({**base, "payload": {"a": [b"bytes"]}}, "payload.a[0]"),
        ({**base, "payload": {"a": float("nan")}}, "payload.a"),
        ({**base, "payload": {"a": 2**64 - 1}}, "payload.a"),
        ({**base, "payload": {1: "a"}}, "payload.(1)"),
        ({**base, "expiresIn": "7d"}, "expiresIn"),
        ({**base, "options": {"expiresin": "7d"}}, "options.expiresin"),
        ({**base, "options": {"expiresIn": "soon"}}, "options.expiresIn"),
        ({**base, "options": {"algorithm": "none"}}, "options.algorithm"),
        ({**base, "options": "HS256"}, "options"),
        (
            {**base, "payload": {"exp": 1}, "options": {"expiresIn": 1}},
            "options.expiresIn",
        ),
    ]
    with morod() as d, d.client() as c:
        for data, field in cases:
            assert refusal(c, "jwt:sign", data)["field"] == field
        data = {"token": "a.b.c", "secret": SECRET, "options": {"algorithms": ["none"]}}
        assert refusal(c, "jwt:verify", data)["field"] == "options.algorithms"


@pytest.mark.skipif(SANITIZED, reason="strace and the sanitizer both trace")
def test_first_tasks_open_nothing(morod, tmp_path):
    """A worker's first token of each algorithm opens no file: the master did."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    out = tmp_path / "strace"
    with morod(workers=1) as d, d.client() as c:
        with Strace(d.worker_pids(), out, ["-e", "trace=%file,%network,memfd_create"]):
            for name in [*ALGORITHMS, *PUBLIC_ALGORITHMS]:
                pair = (SECRET, SECRET) if name in ALGORITHMS else key_pair(name)
                data = {"payload": {}, "key": pair[0], "options": {"algorithm": name}}
                assert verdict(c, c.call("jwt:sign", data), pair[1])["valid"] is True
            # a bad key, and a bad signature, go through other code
            refusal(c, "jwt:sign", {"payload": {}, "key": "-----BEGIN PUBLIC KEY-----"})
            token = forge({"alg": "RS256"}, {})
            assert verdict(c, token, key_pair("RS256")[1])["valid"] is False
        calls = [line for line in out.read_text().splitlines() if "(" in line]
        moved = ("recvmsg", "recvfrom", "sendmsg", "sendto")
        assert calls, "strace saw the worker's messages"
        assert [line for line in calls if not line.split(None, 1)[1].startswith(moved)] == []
