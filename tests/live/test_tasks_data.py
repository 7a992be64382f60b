"""data:* against the gzip and zstd commands and Python's gzip."""

import gzip
import io
import os
import shutil
import subprocess

import pytest

from harness import TaskError

TEXT = ("The quick brown fox jumps over the lazy dog. " * 120)[:5000]
FORMATS = ["zstd", "gzip"]
COMMANDS = {"zstd": ["zstd", "-q"], "gzip": ["gzip"]}
MAGIC = {"zstd": b"\x28\xb5\x2f\xfd", "gzip": b"\x1f\x8b"}

needs_commands = pytest.mark.skipif(
    not all(shutil.which(n) for n in FORMATS), reason="needs gzip and zstd"
)


def pipe(command, data):
    """What a command makes of its input."""
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def failure(c, task, data):
    with pytest.raises(TaskError) as caught:
        c.call(task, data)
    return caught.value


def samples():
    """Inputs that compress well, badly, and not at all."""
    with open("/proc/self/exe", "rb") as f:
        binary = f.read(3 << 20)
    return [b"", b"x", TEXT.encode(), os.urandom(100_000), bytes(5 << 20), binary]


def test_round_trip_of_repetitive_text(morod):
    """T4: 5000 bytes that repeat get smaller and come back the same."""
    with morod() as d, d.client() as c:
        for name in FORMATS:
            packed = c.call("data:compress", {"input": TEXT, "format": name})
            assert isinstance(packed, bytes) and len(packed) < 5000
            assert packed.startswith(MAGIC[name])
            assert c.call("data:decompress", {"input": packed}) == TEXT.encode()


@needs_commands
def test_default_is_zstd(morod):
    """T5: with no format given, an independent program restores it."""
    with morod() as d, d.client() as c:
        packed = c.call("data:compress", {"input": TEXT})
    assert pipe(["zstd", "-d", "-q"], packed) == TEXT.encode()


def test_text_and_bytes_are_alike(morod):
    """T6: a string, its bytes, and a view of them give equal results."""
    raw = TEXT.encode()
    with morod() as d, d.client() as c:
        for name in FORMATS:
            results = {
                c.call("data:compress", {"input": data, "format": name})
                for data in (TEXT, raw, memoryview(raw), bytearray(raw))
            }
            assert len(results) == 1
            assert c.call("data:compress", {"data": raw, "format": name}) in results


def test_unknown_format(morod):
    """T7: "zip" is refused, with the words that programs look for."""
    with morod() as d, d.client() as c:
        for task in ("data:compress", "data:decompress"):
            error = failure(c, task, {"input": TEXT, "format": "zip"})
            assert "Unknown compression format" in error.message
            assert error.code == "INVALID_ARGUMENT"
            assert error.error["field"] == "format"


@needs_commands
def test_commands_read_ours(morod):
    """gzip -d and zstd -d restore what data:compress made, at every level."""
    with morod() as d, d.client() as c:
        for name, levels in (("zstd", (1, 3, 19)), ("gzip", (1, 6, 9, 12))):
            for data in samples():
                for level in levels:
                    packed = c.call(
                        "data:compress", {"input": data, "format": name, "level": level}
                    )
                    assert pipe(COMMANDS[name] + ["-d"], packed) == data


@needs_commands
def test_we_read_files_of_commands(morod):
    """data:decompress restores what gzip and zstd made, two files in one too."""
    with morod() as d, d.client() as c:
        for name in FORMATS:
            for data in samples():
                for level in ("-1", "-9"):
                    packed = pipe(COMMANDS[name] + [level], data)
                    assert c.call("data:decompress", {"input": packed}) == data
                    twice = {"input": packed + packed, "format": name}
                    assert c.call("data:decompress", twice) == data + data


@needs_commands
def test_streamed_zstd_without_a_size(morod):
    """A frame that does not tell its size is read all the same."""
    data = TEXT.encode() * 1000
    packed = pipe(["zstd", "-q", "--no-check"], data)
    assert packed[4] & 0xE0 == 0  # no size in its head, RFC 8878, 3.1.1.1.1
    with morod() as d, d.client() as c:
        assert c.call("data:decompress", {"input": packed}) == data


def test_gzip_with_a_name_in_its_head(morod):
    """Optional fields of a member are passed over."""
    out = io.BytesIO()
    with gzip.GzipFile("a file's name.txt", "wb", 9, out) as f:
        f.write(TEXT.encode())
    with morod() as d, d.client() as c:
        assert c.call("data:decompress", {"input": out.getvalue()}) == TEXT.encode()


def test_bombs_are_refused(morod):
    """What would grow over maxOutput is refused, and the worker lives on."""
    zeros = bytes(48 << 20)
    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        for name in FORMATS:
            packed = c.call("data:compress", {"input": zeros, "format": name})
            assert len(packed) < len(zeros) // 500
            for limit in (1, 1 << 20, len(zeros) - 1):
                error = failure(
                    c, "data:decompress", {"input": packed, "maxOutput": limit}
                )
                assert error.code == "TOO_LARGE" and error.error["limit"] == limit
            back = c.call("data:decompress", {"input": packed, "maxOutput": len(zeros)})
            assert back == zeros
            # 96 MiB, in two members: over the default of 64
            error = failure(c, "data:decompress", {"input": packed * 2})
            assert error.code == "TOO_LARGE"
            # no name for it but the magic, and a thousand of them
            error = failure(c, "data:decompress", {"input": packed * 100})
            assert error.code == "TOO_LARGE"
        assert d.worker_pids() == pids


def test_damage_is_an_error(morod):
    """Cut short, changed, or with something behind it: never other bytes."""
    with morod() as d, d.client() as c:
        for name in FORMATS:
            packed = c.call("data:compress", {"input": TEXT, "format": name})
            for bad in (
                packed[:-1],
                packed[: len(packed) // 2],
                packed[:3],
                packed + b"\0",
                packed + b"garbage",
                packed[:20] + bytes([packed[20] ^ 1]) + packed[21:],
                packed[:-2] + bytes([packed[-2] ^ 1]) + packed[-1:],
                b"",
                b"no format at all",
            ):
                error = failure(c, "data:decompress", {"input": bad})
                assert error.code == "WORKER_ERROR" and error.reason == "failed"
                assert len(error.message) > 10


def test_refusals_name_the_field(morod):
    """Levels that a format has not, and fields that a type has not."""
    cases = [
        ("data:compress", {}, "input"),
        ("data:compress", {"input": [1]}, "input"),
        ("data:compress", {"input": "a", "level": 0}, "level"),
        ("data:compress", {"input": "a", "level": 20}, "level"),
        ("data:compress", {"input": "a", "level": 13, "format": "gzip"}, "level"),
        ("data:compress", {"input": "a", "level": "3"}, "level"),
        ("data:compress", {"input": "a", "lvl": 3}, "lvl"),
        ("data:decompress", {"input": b"a", "maxOutput": 0}, "maxOutput"),
        ("data:decompress", {"input": b"a", "maxOutput": "1M"}, "maxOutput"),
        ("data:decompress", {"input": b"a", "level": 3}, "level"),
    ]
    with morod() as d, d.client() as c:
        for task, data, field in cases:
            error = failure(c, task, data)
            assert error.code == "INVALID_ARGUMENT"
            assert error.error["field"] == field
            assert field in error.message
