"""Named keys: whose files, in which versions, by what they are chosen, and who has them."""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import threading

import pytest

from dialling import POOL, dial, served
from harness import BUILD, DEADLINE, TaskError, wait_until
from memory import memory_has

MARK = "a secret of the server's that nobody else may have"
def put(path, text, mode=0o600):
    tmp = path.with_name(path.name + ".new")
    tmp.write_text(text) if isinstance(text, str) else tmp.write_bytes(text)
    tmp.chmod(mode)
    tmp.rename(path)
    return path


def head(token):
    h = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(h + "=" * (-len(h) % 4)))


K = {"name": "session"}


def conf_of(tmp_path, *olds, extra="", more=""):
    c = tmp_path / "m.conf"
    c.write_text(more + f"\n[key session]\nfile = {tmp_path}/k\n" +
                 "".join(f"old = {o}\n" for o in olds) + extra)
    return c


def refusal(c, task, data):
    return c.submit(task, data).error()


def check(config, *more, env=None):
    return subprocess.run([BUILD / "server" / "morod", "--check-config", "--config", config, *more],
                          capture_output=True, text=True, timeout=DEADLINE,
                          env={**os.environ, **(env or {})})


def test_only_workers_have_it(morod, tmp_path):
    """Master and dispatcher never have a byte of it, nor does any answer or line."""
    put(tmp_path / "k", MARK)
    with morod(config=conf_of(tmp_path), workers=2) as d, d.client() as c:
        token = c.call("jwt:sign", {"payload": {"a": 1}, "secret": K})
        assert c.call("jwt:verify", {"token": token, "secret": K})["valid"]
        assert memory_has(d.worker_pids()[0], MARK.encode()), "nothing is found at all"
        for pid in (d.process.pid, d.dispatcher_pid()):
            assert not memory_has(pid, MARK.encode())
        assert "keys" in c.request("hello", {})["features"]
        listed = c.request("keys")
        assert [k["name"] for k in listed] == ["session"] and len(listed[0]["versions"]) == 1
        assert MARK not in repr(listed) + d.log() + repr(c.request("types"))


def test_every_old_form_opens(morod, tmp_path):
    old = put(tmp_path / "k1", "the first secret of the session")
    put(tmp_path / "k", "the first secret of the session")
    with morod(config=conf_of(tmp_path), workers=1) as d, d.client() as c:
        made = []
        for alg in ("xchacha20-poly1305", "aes-256-gcm"):
            for enc in ("text", "bin"):
                for data in ("text", b"bytes", "x" * 300000, b""):
                    for key in (K, "the first secret of the session"):
                        made.append((data, c.call("crypto:encrypt", {"data": data, "key": key, "algorithm": alg, "encoding": enc, "aad": "x"})))
        toks = [c.call("jwt:sign", {"payload": {"i": 1}, "secret": s}) for s in (K, "the first secret of the session")]
        put(tmp_path / "k0", "an older one, not of these ones")
        put(tmp_path / "k", "the second secret of the session")
        conf_of(tmp_path, tmp_path / "k0", tmp_path / "k1")
        c.request("reload")
        for data, env in made:
            assert c.call("crypto:decrypt", {"data": env, "key": K, "aad": "x"}) == data
            with pytest.raises(TaskError):
                c.call("crypto:decrypt", {"data": env, "key": K, "aad": "y"})
            # by the secret itself, too
            assert c.call("crypto:decrypt", {"data": env, "key": "the first secret of the session", "aad": "x"}) == data
        for t in toks:
            assert c.call("jwt:verify", {"token": t, "secret": K})["valid"]
        # the id is authenticated: another's id
        env = c.call("crypto:encrypt", {"data": b"z", "key": K, "encoding": "bin"})
        bad = bytearray(env); bad[8] ^= 1
        with pytest.raises(TaskError):
            c.call("crypto:decrypt", {"data": bytes(bad), "key": "the second secret of the session"})
        conf_of(tmp_path)
        c.request("reload")
        for data, env in made[:4]:
            with pytest.raises(TaskError):
                c.call("crypto:decrypt", {"data": env, "key": K, "aad": "x"})
        for t in toks:
            assert not c.call("jwt:verify", {"token": t, "secret": K})["valid"]


def test_after_the_answer_none_is_of_the_old(morod, tmp_path):
    """What is asked for after a reload is made with the new version, however busy the workers are."""
    put(tmp_path / "k", "secret number 0 of the session")
    with morod(config=conf_of(tmp_path), workers=3) as d, d.client() as c:
        stop = threading.Event()

        def load():
            with d.client() as c2:
                while not stop.is_set():
                    block = [c2.submit("debug:sleep", {"ms": 5}) for _ in range(20)]
                    [b.result() for b in block]
        th = [threading.Thread(target=load) for _ in range(2)]
        [t.start() for t in th]
        try:
            olds = []
            for i in range(1, 6):
                o = put(tmp_path / f"o{i}", f"secret number {i-1} of the session")
                olds.insert(0, o)
                put(tmp_path / "k", f"secret number {i} of the session")
                conf_of(tmp_path, *olds)
                c.request("reload")
                now = c.request("keys")[0]["versions"][0]
                kids = {head(x.result())["kid"] for x in [c.submit("jwt:sign", {"payload": {}, "secret": K}) for _ in range(300)]}
                assert all(k.endswith(now) for k in kids) and len(kids) == 1, (i, kids, now)
        finally:
            stop.set()
            [t.join() for t in th]


@pytest.mark.parametrize("recycle", [0, 50])
def test_rotation_under_load(morod, tmp_path, recycle):
    """Eight new versions in a row: nothing fails, and what the first of them made is good to the last."""
    put(tmp_path / "k", "secret number 0 of the session")
    bad, n = [], [0] * 4
    more = f"[morod]\nrecycle-tasks = {recycle}\n" if recycle else ""
    c0 = conf_of(tmp_path, more=more)
    with morod(config=c0, workers=2) as d, d.client() as c:
        stop = threading.Event()
        tokens = []

        def load(me):
            with d.client() as c2:
                while not stop.is_set():
                    try:
                        t = c2.call("jwt:sign", {"payload": {"n": n[me]}, "secret": K})
                        tokens.append(t)
                        e = c2.call("crypto:encrypt", {"data": "d", "key": K})
                        v = [c2.submit("jwt:verify", {"token": x, "secret": K}) for x in tokens[-20:]]
                        for x in v:
                            r = x.result()
                            if not r["valid"]:
                                bad.append(r)
                        if c2.call("crypto:decrypt", {"data": e, "key": K}) != "d":
                            bad.append("decrypt")
                        n[me] += 1
                    except TaskError as err:
                        bad.append(err)
        th = [threading.Thread(target=load, args=(i,)) for i in range(4)]
        [t.start() for t in th]
        olds = []
        try:
            for i in range(1, 9):
                olds.insert(0, put(tmp_path / f"o{i}", f"secret number {i-1} of the session"))
                put(tmp_path / "k", f"secret number {i} of the session")
                conf_of(tmp_path, *olds, more=more)
                d.process.send_signal(signal.SIGHUP)
                wait_until(lambda: d.log().count("was read again") == i)
                k = len(tokens)
                wait_until(lambda: len(tokens) > k + 30)
        finally:
            stop.set()
            [t.join() for t in th]
        assert bad == [] and all(n)
        all_ = [c.submit("jwt:verify", {"token": t, "secret": K}) for t in tokens[:2000]]
        assert all(x.result()["valid"] for x in all_)


def test_kid_is_the_version(morod, tmp_path):
    """A token says which version it is of; the caller's own kid stays, and still verifies."""
    put(tmp_path / "k", MARK)
    with morod(config=conf_of(tmp_path), workers=1) as d, d.client() as c:
        version = c.request("keys")[0]["versions"][0]
        sign = {"payload": {"a": 1}, "secret": K}
        assert head(c.call("jwt:sign", sign))["kid"] == version
        for more in ({"keyid": "mine"}, {"header": {"kid": "mine"}}):
            token = c.call("jwt:sign", {**sign, "options": more})
            assert head(token)["kid"] == "mine"
            assert c.call("jwt:verify", {"token": token, "secret": K})["valid"]
        assert "kid" not in head(c.call("jwt:sign", {"payload": {}, "secret": MARK}))


def forge(secret, header):
    def part(x):
        return base64.urlsafe_b64encode(json.dumps(x).encode()).rstrip(b"=")
    text = part(header) + b"." + part({"a": 1})
    seal = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(seal).rstrip(b"=")).decode()


def test_kid_opens_nothing(morod, tmp_path):
    """kid only chooses among the versions of the key that the task names."""
    put(tmp_path / "k", MARK)
    put(tmp_path / "other", "a secret of another key, for other things")
    config = conf_of(tmp_path, extra=f"[key other]\nfile = {tmp_path}/other\n")
    with morod(config=config, workers=1) as d, d.client() as c:
        ids = {k["name"]: k["versions"][0] for k in c.request("keys")}
        forged = forge("a secret of another key, for other things",
                       {"alg": "HS256", "kid": ids["other"]})
        assert c.call("jwt:verify", {"token": forged, "secret": {"name": "other"}})["valid"]
        assert c.call("jwt:verify", {"token": forged, "secret": K})["error"] == "invalid signature"
        # what is of the key with another's name is good, but not where kid is one of its own
        assert c.call("jwt:verify", {"token": forge(MARK, {"alg": "HS256", "kid": "x"}),
                                     "secret": K})["valid"]
        assert not c.call("jwt:verify", {"token": forge("x" * 32, {"alg": "HS256",
                                         "kid": ids["session"]}), "secret": K})["valid"]
        assert c.call("jwt:verify", {"token": forge(MARK, {"alg": "none"}),
                                     "secret": K})["error"] == "invalid algorithm"


def test_pairs_of_keys(morod, tmp_path):
    """A private key signs and verifies; the public half of it has the same id."""
    with morod(workers=1) as d, d.client() as c:
        pair = c.call("crypto:keygen", {"type": "ec"})
        old = c.call("crypto:keygen", {"type": "rsa"})
    put(tmp_path / "k", pair["privateKey"])
    put(tmp_path / "old", old["privateKey"])
    put(tmp_path / "pub", pair["publicKey"])
    config = conf_of(tmp_path, tmp_path / "old",
                     extra=f"[key public]\nfile = {tmp_path}/pub\n")
    with morod(config=config, workers=1) as d, d.client() as c:
        ids = {k["name"]: k["versions"] for k in c.request("keys")}
        assert ids["public"] == ids["session"][:1]
        token = c.call("jwt:sign", {"payload": {"a": 1}, "secret": K})
        assert head(token)["alg"] == "ES256"
        older = c.call("jwt:sign", {"payload": {}, "secret": {**K, "version": ids["session"][1]}})
        assert head(older)["alg"] == "RS256" and head(older)["kid"] == ids["session"][1]
        for t, key in ((token, K), (token, {"name": "public"}), (older, K)):
            assert c.call("jwt:verify", {"token": t, "secret": key})["valid"]
        # a public key is no shared secret, named or not
        confused = forge(pair["publicKey"].rstrip("\n"), {"alg": "HS256"})
        for key in (K, {"name": "public"}):
            assert c.call("jwt:verify", {"token": confused, "secret": key})["valid"] is False
        error = refusal(c, "jwt:sign", {"payload": {}, "secret": {"name": "public"}})
        assert error["code"] == "INVALID_ARGUMENT" and "private key" in error["message"]
        # a version that the caller names, and no other
        pinned = {**K, "version": ids["session"][0]}
        assert not c.call("jwt:verify", {"token": older, "secret": pinned})["valid"]


@pytest.mark.parametrize("value, words", [
    ({"name": "nosuch"}, "which this server does not have"),
    ({"name": "session" * 20}, "which this server does not have"),
    ({}, "it has no name"),
    ({"name": 7}, "both are strings"),
    ({"name": "session", "more": 1}, "it has another field"),
    ({"name": "session", "version": "00"}, "names a version"),
    ({"name": "session", "version": "0" * 16}, "names a version"),
])
def test_wrong_names(morod, tmp_path, value, words):
    put(tmp_path / "k", MARK)
    with morod(config=conf_of(tmp_path), workers=1) as d, d.client() as c:
        error = refusal(c, "jwt:sign", {"payload": {}, "secret": value})
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "secret")
        assert words in error["message"] and len(error["message"]) < 399
        assert c.call("jwt:sign", {"payload": {}, "secret": K})


def test_types(morod, tmp_path):
    """A key is for the types that its section names; for hashes only if it names that."""
    put(tmp_path / "k", MARK)
    with morod(config=conf_of(tmp_path), workers=1) as d, d.client() as c:
        error = refusal(c, "crypto:hash", {"input": "x", "key": K})
        assert "not for crypto:hash" in error["message"]
        assert c.call("crypto:encrypt", {"data": "x", "key": K}).startswith("moro1ns.")
    config = conf_of(tmp_path, extra="types = crypto:hash, jwt:sign\n")
    with morod(config=config, workers=1) as d, d.client() as c:
        assert c.request("keys")[0]["types"] == ["crypto:hash", "jwt:sign"]
        wanted = hmac.new(MARK.encode(), b"x", hashlib.sha256).hexdigest()
        assert c.call("crypto:hash", {"input": "x", "key": K}) == wanted
        assert "not for jwt:verify" in refusal(c, "jwt:verify",
                                               {"token": "a.b.c", "secret": K})["message"]
    done = check(conf_of(tmp_path, extra="types = data:compress\n"))
    assert done.returncode == 2 and "data:compress is none" in done.stderr


def test_other_types_at_once(morod, tmp_path):
    """From the answer on no worker uses a key for what its section has ceased to name."""
    put(tmp_path / "k", MARK)
    sign = {"payload": {}, "secret": K}
    with morod(config=conf_of(tmp_path, extra="types = jwt:sign, jwt:verify\n"), workers=3) as d:
        with d.client() as c:
            assert c.call("jwt:sign", sign)
            conf_of(tmp_path, extra="types = jwt:verify\n")
            c.request("reload")
            errors = [call.error() for call in [c.submit("jwt:sign", sign) for _ in range(50)]]
            assert all("not for jwt:sign" in e["message"] for e in errors)


def test_who_dials_in_has_none(morod, tmp_path):
    """Other keys are no reason for a worker to go that never had any."""
    put(tmp_path / "k", MARK)
    with served(morod, tmp_path, conf_of(tmp_path, more=POOL).read_text()) as (d, c):
        w = dial(d)
        put(tmp_path / "k", MARK + "!")
        own = d.stats()["pools"][0]["workers"][0]["pid"]
        c.request("reload")
        d.wait(lambda s: s["workers"] == 2 and s["pools"][0]["workers"][0]["pid"] not in (0, own))
        call = c.submit("t:echo", 5)
        assert w.do() == 5 and call.result() == 5
        assert c.stats()["pools"][1]["recycled"] == 0


def test_nothing_of_its_length_is_told(morod, tmp_path):
    put(tmp_path / "k", "short")
    with morod(config=conf_of(tmp_path), workers=1) as d, d.client() as c:
        error = refusal(c, "crypto:encrypt", {"data": "x", "key": K})
        assert 'the key "session" is not' in error["message"] and "5 bytes" not in error["message"]
        error = refusal(c, "crypto:encrypt", {"data": "x", "key": K, "kdf": "argon2id"})
        assert (error["field"], "passphrase" in error["message"]) == ("kdf", True)


@pytest.mark.parametrize("form, text, value", [
    ("text", b"0123456789abcdef\n", "0123456789abcdef"),
    ("text", b"0123456789abcdef\r\n", "0123456789abcdef"),
    ("text", b"0123456789abcdef\n\n", "0123456789abcdef\n"),
    ("binary", b"\0" * 31 + b"\n", b"\0" * 31 + b"\n"),
    ("hex", b"00" * 32 + b"\n", b"\0" * 32),
    ("base64", base64.b64encode(b"k" * 32) + b"\n", b"k" * 32),
    ("base64", base64.b64encode(b"k" * 32).rstrip(b"="), b"k" * 32),
])
def test_formats(morod, tmp_path, form, text, value):
    put(tmp_path / "k", text)
    with morod(config=conf_of(tmp_path, extra=f"format = {form}\n"), workers=1) as d, \
            d.client() as c:
        sealed = c.call("crypto:encrypt", {"data": "x", "key": K})
        assert c.call("crypto:decrypt", {"data": sealed, "key": value}) == "x"


@pytest.mark.parametrize("make, words", [
    (lambda p: p.chmod(0o644), "has mode 0644, which lets others at it; 0600 or 0400"),
    (lambda p: p.chmod(0o440), "has mode 0440"),
    (lambda p: p.unlink(), "No such file"),
    (lambda p: p.write_bytes(b""), "is empty"),
    (lambda p: p.write_bytes(b"\n"), "is empty"),
    (lambda p: p.write_bytes(b"a\0b"), "format = binary"),
    (lambda p: p.write_bytes(b"x" * 16385), "more than 16384 bytes"),
    (lambda p: (p.unlink(), p.mkdir()), "no regular file"),
    (lambda p: (p.unlink(), os.mkfifo(p, 0o600)), "no regular file"),
    (lambda p: p.write_text("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"),
     "PEM that no token's key is"),
])
def test_bad_files(tmp_path, make, words):
    """morod does not start with them, and says what is wrong and nothing of the secret."""
    make(put(tmp_path / "k", MARK))
    done = check(conf_of(tmp_path))
    assert done.returncode == 2 and words in done.stderr, done.stderr
    assert f"{tmp_path}/m.conf:" in done.stderr and f"{tmp_path}/k" in done.stderr
    assert MARK not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_whose_file(tmp_path):
    os.chown(put(tmp_path / "k", MARK), 1234, 0)
    done = check(conf_of(tmp_path))
    assert done.returncode == 2 and "belongs to uid 1234" in done.stderr
    os.chown(tmp_path / "k", 65534, 0)
    assert check(conf_of(tmp_path)).returncode == 2
    assert check(conf_of(tmp_path), "--user=65534").returncode == 0  # its own


def test_bad_sections(tmp_path):
    put(tmp_path / "k", MARK)
    put(tmp_path / "k", "00" * 32 + " and more")
    assert "no hex digits" in check(conf_of(tmp_path, extra="format = hex\n")).stderr
    put(tmp_path / "k", MARK)
    for extra, words in (("format = hex\n", "no hex digits"), ("format = base64\n", "no base64"),
                         (f"old = {tmp_path}/k\n", "holds the same as another"),
                         ("versions = 0011223344556677\n", "not 0011223344556677")):
        done = check(conf_of(tmp_path, extra=extra))
        assert done.returncode == 2 and words in done.stderr, (extra, done.stderr)
    (tmp_path / "m.conf").write_text("[key session]\n")
    assert "needs a file" in check(tmp_path / "m.conf").stderr


def test_credentials(morod, tmp_path):
    """A name without a slash is a systemd credential; root's may have an access list."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    put(folder / "session.key", MARK, 0o440 if os.geteuid() == 0 else 0o400)
    (tmp_path / "m.conf").write_text("[key session]\nfile = session.key\n")
    env = {"CREDENTIALS_DIRECTORY": str(folder)}
    with morod(config=tmp_path / "m.conf", workers=1, env=env) as d, d.client() as c:
        token = c.call("jwt:sign", {"payload": {}, "secret": K})
        assert c.call("jwt:verify", {"token": token, "secret": MARK})["valid"]
    (folder / "session.key").chmod(0o444)
    assert "0444" in check(tmp_path / "m.conf", env=env).stderr
    assert "systemd credential" in check(tmp_path / "m.conf",
                                         env={"CREDENTIALS_DIRECTORY": ""}).stderr


def test_bad_reload(morod, tmp_path):
    """A reload with a bad file changes nothing, and says which."""
    put(tmp_path / "k", MARK)
    with morod(config=conf_of(tmp_path), workers=1) as d, d.client() as c:
        before = c.request("keys"), d.worker_pids()
        conf_of(tmp_path, tmp_path / "nosuch")
        with pytest.raises(TaskError) as e:
            c.request("reload")
        assert "nosuch: No such file" in e.value.error["message"]
        assert (c.request("keys"), d.worker_pids()) == before
        assert c.call("jwt:sign", {"payload": {}, "secret": K})


def test_moroctl(morod, tmp_path):
    put(tmp_path / "k", MARK)
    with morod(config=conf_of(tmp_path, extra="types = jwt:sign, jwt:verify, crypto:hash\n"),
               workers=1) as d:
        def ctl(*args):
            return subprocess.run([BUILD / "tools" / "moroctl", "--socket", d.socket, *args],
                                  capture_output=True, text=True, timeout=DEADLINE)
        version = ctl("keys").stdout.split()[1].rstrip(",")
        assert ctl("keys").stdout == f"session: {version}, for jwt:sign jwt:verify crypto:hash\n"
        token = ctl("sign", "--named", "session", '{"a": 1}').stdout.strip()
        assert head(token)["kid"] == version
        assert ctl("verify", "--named", "session", token).returncode == 0
        wanted = hmac.new(MARK.encode(), b"x", hashlib.sha256).hexdigest()
        assert ctl("hash", "--named", "session", "x").stdout.strip() == wanted
        both = ctl("sign", "--named", "session", "--secret", "x", "{}")
        assert both.returncode == 2 and "--named is instead of --secret" in both.stderr
    with morod(workers=1) as d:
        done = subprocess.run([BUILD / "tools" / "moroctl", "--socket", d.socket, "keys"],
                              capture_output=True, text=True, timeout=DEADLINE)
        assert done.stdout == "no named keys\n"
