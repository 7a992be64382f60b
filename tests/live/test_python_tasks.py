"""The Python helpers of the task types, and files that are passed as descriptors."""

import gzip
import hashlib
import hmac
import inspect
import io
import os

import pytest

import moro
from harness import BUILD, wait_until
from moro import control, methods, tasks

pytestmark = pytest.mark.release

TEXT = b"".join(b"%d: a line of text that compresses\n" % i for i in range(20_000))


@pytest.fixture
def served(morod):
    with morod(workers=2) as d, moro.Client(d.socket) as c:
        c.daemon = d
        yield c


@pytest.fixture
def images(morod):
    module = BUILD / "worker" / "modules" / "image.so"
    if not module.exists():
        pytest.skip("built without images")
    with morod(module=module) as d, moro.Client(d.socket) as c:
        yield c


# ---- Helpers


def test_both_clients_have_the_same_names():
    described = {
        name for module in (tasks, control) for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_"
    } - {"camel", "fields"}
    for kind in (methods.Methods, methods.AsyncMethods):
        assert {name for name in vars(kind) if name[0] != "_"} == described
    waiting = {name for name in dir(moro.Client) if name[0] != "_"} - {"poll"}  # asyncio reads by itself
    assert waiting == {name for name in dir(moro.AsyncClient) if name[0] != "_"}
    assert "digest" in moro.Client.hash.__doc__


def test_helpers_know_every_field(served, images):
    """A field that a server has can be given: `types` and the signatures say the same."""
    helpers = {
        "crypto:hash": [tasks.hash], "crypto:encrypt": [tasks.encrypt], "crypto:decrypt": [tasks.decrypt],
        "crypto:random": [tasks.random], "crypto:keygen": [tasks.generate_key],
        "password:hash": [tasks.hash_password], "password:verify": [tasks.verify_password],
        "jwt:sign": [tasks.sign_jwt], "jwt:verify": [tasks.verify_jwt], "data:compress": [tasks.compress],
        "data:decompress": [tasks.decompress], "json:transform": [tasks.transform_json, tasks.transform_text],
        "heavy:computation": [tasks.compute], "analytics:process": [tasks.analytics],
        "image:resize": [tasks.resize_image], "image:thumbnail": [tasks.thumbnail_image],
        "image:info": [tasks.image_info],
    }
    said = {t["type"]: t for t in images.types()}
    names = {name for name in said if not name.startswith("debug:")}
    assert names == set(helpers)
    for name, functions in helpers.items():
        wanted = set()
        for field in said[name]["fields"]:
            inner = field.get("fields") if name.startswith("jwt:") and field["name"] == "options" else None
            wanted |= {one["name"] for one in inner or [field]}
        given = {tasks.camel(p) for f in functions for p in inspect.signature(f).parameters} - {"options"}
        assert given == wanted, name


def test_crypto(served):
    assert served.hash("abc") == hashlib.sha256(b"abc").hexdigest()
    assert served.hash(b"abc", "md5", encoding="bin") == hashlib.md5(b"abc").digest()
    assert served.hash("abc", key=b"k", priority="high") == hmac.digest(b"k", b"abc", "sha256").hex()
    key = served.generate_key()
    for data in ("grüß", b"\x00\xff"):
        assert served.decrypt(served.encrypt(data, key, aad="a"), key, aad=b"a") == data
    with pytest.raises(moro.WorkerError) as e:
        served.decrypt(served.encrypt("x", key), "another long secret")
    assert e.value.reason == "failed"
    assert len(served.random()) == 32 and len(served.random(4, encoding="hex")) == 8
    assert set(served.generate_key("ec", curve="P-384")) == {"privateKey", "publicKey"}


def test_passwords(served):
    stored = served.hash_password("correct horse", memory=8 << 20, iterations=1)
    assert served.verify_password("correct horse", stored)["valid"] is True
    assert served.verify_password("wrong", stored, cost="interactive")["valid"] is False


def test_jwt(served):
    token = served.sign_jwt({"user": 7}, "secret", expires_in="7d", issuer="me", audience=["a", "b"])
    answer = served.verify_jwt(token, "secret", issuer="me", audience="a")
    assert answer["valid"] and answer["payload"]["user"] == 7 and "exp" in answer["payload"]
    assert served.verify_jwt(token, "other")["error"] == "invalid signature"
    with pytest.raises(moro.WorkerError, match="invalid signature"):
        served.verify_jwt(token, "other", raise_=True)
    assert served.verify_jwt(served.sign_jwt({}, "s", no_timestamp=True), "s", complete=True)["payload"] == {}


def test_data(served):
    assert gzip.decompress(served.compress(TEXT, "gzip", level=9)) == TEXT
    assert served.decompress(served.compress(TEXT)) == TEXT
    with pytest.raises(moro.TooLarge) as e:
        served.decompress(served.compress(TEXT), max_output=1000)
    assert e.value.limit == 1000
    assert served.transform_json([{"n": 1}, {"n": 5}], "select(.n > $min) | .n", each=True, args={"min": 2}) == [5]
    assert served.transform_json(None, ". == null") is True
    assert served.transform_text('{"a": [1, 2]}', ".a | add", format="json") == "3"


def test_computing(served):
    assert served.compute("primes", {"to": 10, "list": True})
    assert served.compute("crypto:hash", {"input": "abc"}) == hashlib.sha256(b"abc").hexdigest()
    events = [{"type": "a", "timestamp": 1}, {"type": "b", "timestamp": 2}, {"type": "a", "timestamp": 3}]
    assert served.analytics(events, group_by="type")
    parts = [served.analytics(events, group_by="type", partial=True) for _ in range(2)]
    assert served.analytics(merge=parts)


def test_images(images):
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108020000009077" "53de0000000c4944415408d763f8cfc0000003010100"
        "18dd8db00000000049454e44ae426082"
    )
    assert images.image_info(png)["format"] == "png"
    big = images.resize_image(png, 8, 4, fit="fill", format="png")
    assert images.image_info(big)["width"] == 8
    assert images.image_info(images.thumbnail_image(png, 3, format="jpeg"))["format"] == "jpeg"


def test_calls_may_be_sent_later(served):
    made = [tasks.hash("a"), tasks.hash("b", timeout=5)]
    assert "a" not in repr(made[0]).replace("crypto:hash", "").replace("Call", "")
    sent = [served.submit(call, priority="low") for call in made]
    assert [task.result() for task in sent] == [hashlib.sha256(x).hexdigest() for x in (b"a", b"b")]


# ---- Files


def test_files(served, tmp_path):
    """Files of all kinds of openness go in and out, and their positions stay."""
    (tmp_path / "in").write_bytes(TEXT)
    with open(tmp_path / "in", "rb") as f, open(tmp_path / "out", "w+b") as out, open(tmp_path / "back", "wb") as back:
        f.seek(5)
        assert served.hash_file(f) == hashlib.sha256(TEXT).hexdigest() == served.hash_file(f.fileno())
        part = moro.File(f, 10, 20)
        assert served.hash(part, "md5") == hashlib.md5(TEXT[10:30]).hexdigest()
        assert served.hash(moro.File(f, 10)) == hashlib.sha256(TEXT[10:]).hexdigest()
        where = served.compress_file(f, out, "gzip")
        assert isinstance(where, moro.Range) and where.offset == 0 and where.length == os.fstat(out.fileno()).st_size
        assert gzip.decompress(out.read()) == TEXT
        assert served.decompress_file(out, back).length == len(TEXT)
        assert f.tell() == 5
    assert (tmp_path / "back").read_bytes() == TEXT


def test_result_into_a_file_of_any_task(served, tmp_path):
    with open(tmp_path / "out", "w+b") as out:
        where = served.encrypt(TEXT, b"k" * 32, encoding="bin", result_file=out)
        assert where.length > len(TEXT)
        assert served.decrypt(moro.File(out), b"k" * 32) == TEXT
        assert served.call("debug:echo", 5, result_file=out) == 5


def test_what_python_buffers_is_written_first(served, tmp_path):
    with open(tmp_path / "in", "wb+") as f:
        f.write(b"abc")
        assert served.hash_file(f) == hashlib.sha256(b"abc").hexdigest()


def test_a_file_may_be_closed_once_sent(served, tmp_path):
    served.pause()
    (tmp_path / "in").write_bytes(TEXT)
    with open(tmp_path / "in", "rb") as f:
        task = served.submit(tasks.hash_file(f))
    served.resume()
    assert task.result() == hashlib.sha256(TEXT).hexdigest()


def test_many_files_among_other_tasks(served, tmp_path):
    """Descriptors arrive with the request that they belong to."""
    wanted, sent = [], []
    for i in range(20):
        data = os.urandom(1000 + i)
        (tmp_path / f"{i}").write_bytes(data)
        with open(tmp_path / f"{i}", "rb") as f:
            sent.append(served.submit("debug:echo", b"x" * 50_000))
            sent.append(served.submit(tasks.hash_file(f)))
        wanted += [b"x" * 50_000, hashlib.sha256(data).hexdigest()]
    assert [task.result() for task in sent] == wanted


def test_wrong_files(served, tmp_path):
    descriptors = lambda: len(os.listdir("/proc/self/fd"))
    before = descriptors()
    for wrong in ("path", io.BytesIO(b"x"), -1, None):
        with pytest.raises(moro.InvalidArgument, match="open file") as e:
            served.hash(moro.File(wrong))
        assert e.value.field == "File"
    with pytest.raises(moro.InvalidArgument, match="result_file"):
        served.hash("x", result_file="path")
    with pytest.raises(moro.InvalidArgument):
        served.hash(moro.File(9999))
    with pytest.raises(moro.InvalidArgument):
        served.hash("x", result_file=9999)
    with pytest.raises(moro.InvalidArgument, match="offset"):
        moro.File(0, -1)
    with pytest.raises(moro.InvalidArgument, match="length"):
        moro.File(0, 0, 1.5)
    reader, writer = os.pipe()
    with pytest.raises(moro.InvalidArgument) as e:
        served.hash(moro.File(reader))
    assert e.value.field == "fds"
    os.close(reader)
    os.close(writer)
    files = [open(tmp_path / str(i), "wb+") for i in range(9)]
    with pytest.raises(moro.InvalidArgument, match="at most 8"):
        served.call("debug:echo", [moro.File(f) for f in files])
    for f in files:
        f.close()
    assert served.ping() == "pong"
    wait_until(lambda: descriptors() == before, "as many descriptors as before")
