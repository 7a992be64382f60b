"""data:* against the zstd, gzip and brotli commands and Python's zlib and gzip."""

import gzip
import io
import os
import shutil
import subprocess
import zlib

import pytest

from harness import SANITIZED, TaskError

TEXT = ("The quick brown fox jumps over the lazy dog. " * 120)[:5000]
FORMATS = ["zstd", "gzip", "deflate", "brotli"]
BY_MAGIC = FORMATS[:-1]  # brotli's first bytes tell nothing
COMMANDS = {"zstd": ["zstd", "-q"], "gzip": ["gzip"], "brotli": ["brotli"]}
MAGIC = {"zstd": b"\x28\xb5\x2f\xfd", "gzip": b"\x1f\x8b", "deflate": b"\x78"}

needs_commands = pytest.mark.skipif(
    not all(shutil.which(n) for n in COMMANDS), reason="needs gzip, zstd and brotli"
)


def pipe(command, data):
    """What a command makes of its input."""
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def unpack(name, data):
    """What an independent program makes of compressed data."""
    if name == "deflate":
        return zlib.decompress(data)
    return pipe(COMMANDS[name] + ["-dc"], data)


def packed_by(name, level, data):
    """What an independent program makes of plain data."""
    if name == "deflate":
        return zlib.compress(data, level)
    if name == "brotli":
        return pipe(["brotli", "-c", "-q", str(level)], data)
    return pipe(COMMANDS[name] + [f"-{level}", "-c"], data)


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
            data = {"input": packed, "format": name}
            assert c.call("data:decompress", data) == TEXT.encode()
            if name in BY_MAGIC:
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
    """zstd, gzip, brotli and zlib restore what data:compress made."""
    levels = {"zstd": (1, 3, 19), "gzip": (1, 6, 9, 12), "deflate": (1, 6, 12),
              "brotli": (0, 1, 5, 9)}
    with morod() as d, d.client() as c:
        for name in FORMATS:
            for data in samples():
                for level in levels[name]:
                    packed = c.call(
                        "data:compress", {"input": data, "format": name, "level": level}
                    )
                    assert unpack(name, packed) == data
        packed = c.call("data:compress", {"input": TEXT, "format": "brotli", "level": 11})
        assert unpack("brotli", packed) == TEXT.encode()


@needs_commands
def test_we_read_files_of_commands(morod):
    """data:decompress restores what others made, two files in one too where that may be."""
    with morod() as d, d.client() as c:
        for name in FORMATS:
            for data in samples():
                for level in (1, 9):
                    packed = packed_by(name, level, data)
                    whole = {"input": packed, "format": name, "maxRatio": 10**7}
                    assert c.call("data:decompress", whole) == data
                    if name in ("zstd", "gzip"):
                        twice = {"input": packed + packed}
                        assert c.call("data:decompress", twice) == data + data


@needs_commands
def test_every_level_of_the_commands(morod):
    """gzip -1 to -9, zstd -1 to -19, brotli -q 0 to 11, zlib 0 to 9."""
    with open("/proc/self/exe", "rb") as f:
        data = TEXT.encode() + f.read(60_000)
    levels = {"zstd": range(1, 20), "gzip": range(1, 10), "deflate": range(10),
              "brotli": range(12)}
    with morod() as d, d.client() as c:
        for name in FORMATS:
            for level in levels[name]:
                packed = packed_by(name, level, data)
                assert c.call("data:decompress", {"input": packed, "format": name}) == data


@needs_commands
def test_long_windows_of_zstd(morod):
    """zstd --long=27 is read; --long=28, which zstd -d refuses as well, is TOO_LARGE."""
    data = os.urandom(300_000) * 3
    with morod() as d, d.client() as c:
        packed = pipe(["zstd", "-q", "-19", "--long=27", "-c"], data)
        assert len(packed) < 400_000
        assert c.call("data:decompress", {"input": packed}) == data
        error = failure(
            c, "data:decompress", {"input": pipe(["zstd", "-q", "--long=28", "-c"], data)}
        )
        assert error.code == "TOO_LARGE" and error.error["limit"] == 1 << 27


@needs_commands
def test_large_window_of_brotli(morod):
    """brotli --large_window is not what RFC 7932 describes: TOO_LARGE."""
    with morod() as d, d.client() as c:
        for bits, fits in ((24, True), (30, False)):
            option = f"--lgwin={bits}" if fits else f"--large_window={bits}"
            packed = pipe(["brotli", "-c", "-q", "5", option], os.urandom(20 << 20))
            data = {"input": packed, "format": "brotli"}
            if fits:
                assert len(c.call("data:decompress", data)) == 20 << 20
            else:
                error = failure(c, "data:decompress", data)
                assert error.code == "TOO_LARGE" and error.error["limit"] == 1 << 24


@pytest.mark.skipif(not shutil.which("pzstd"), reason="needs pzstd")
def test_frames_of_pzstd(morod):
    """Many frames with skippable ones between them, as pzstd writes."""
    data = os.urandom(1 << 20) + bytes(9 << 20) + TEXT.encode() * 1000
    packed = pipe(["pzstd", "-q", "-1", "-p", "4", "-c"], data)
    assert packed.count(b"\x50\x2a\x4d\x18") > 1  # RFC 8878, 3.1.2
    with morod() as d, d.client() as c:
        assert c.call("data:decompress", {"input": packed}) == data


@needs_commands
def test_dictionary_of_zstd_train(morod, tmp_path):
    """One that zstd --train made, in both directions, and what a wrong one gives."""
    for name, line in (("dict", "user %d asks for page %d"), ("other", "%d and %d: no")):
        samples_of = tmp_path / f"{name}.d"
        samples_of.mkdir()
        for i in range(2000):
            (samples_of / f"{i}").write_text(line % (i * 7919, i))
        pipe(["zstd", "-q", "--train", "--maxdict=4096", "-r", str(samples_of),
              "-o", str(tmp_path / name)], b"")
    trained = (tmp_path / "dict").read_bytes()
    other = (tmp_path / "other").read_bytes()
    data = b"user 123456 asks for page 77"
    command = ["zstd", "-q", "-D", str(tmp_path / "dict")]
    with morod(workers=1) as d, d.client() as c:
        packed = c.call("data:compress", {"input": data, "dictionary": trained})
        assert len(packed) < len(c.call("data:compress", {"input": data}))
        assert pipe(command + ["-dc"], packed) == data
        theirs = pipe(command + ["-19", "-c"], data)
        for one in (packed, theirs):
            given = {"input": one, "dictionary": trained}
            assert c.call("data:decompress", given) == data
            for wrong in ({"input": one}, {"input": one, "dictionary": other}):
                error = failure(c, "data:decompress", wrong)
                assert error.code == "WORKER_ERROR" and error.reason == "failed"
                assert "dictionary" in error.message
        assert c.call("data:decompress", {"input": pipe(["zstd", "-q", "-c"], data)}) == data


def test_raw_deflate(morod):
    """Named deflate may be the data alone, as some servers send it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = packer.compress(TEXT.encode()) + packer.flush()
    with morod() as d, d.client() as c:
        assert c.call("data:decompress", {"input": raw, "format": "deflate"}) == TEXT.encode()
        error = failure(c, "data:decompress", {"input": raw})
        assert "Unknown compression format" in error.message


def test_zeros_behind_brotli_ratio(morod):
    """Brotli's bombs are a million to one: refused by default, given when asked for."""
    zeros = bytes(48 << 20)
    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        packed = c.call("data:compress", {"input": zeros, "format": "brotli"})
        assert len(packed) < 200
        data = {"input": packed, "format": "brotli"}
        error = failure(c, "data:decompress", data)
        assert error.code == "TOO_LARGE" and "maxRatio" in error.message
        data["maxRatio"] = 10**7
        assert c.call("data:decompress", data) == zeros
        data["maxOutput"] = len(zeros) - 1
        assert failure(c, "data:decompress", data).error["limit"] == len(zeros) - 1
        assert d.worker_pids() == pids


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
        for name in BY_MAGIC:
            packed = c.call("data:compress", {"input": zeros, "format": name})
            assert len(packed) < len(zeros) // 500
            for limit in (1, 1 << 20, len(zeros) - 1):
                error = failure(
                    c, "data:decompress", {"input": packed, "maxOutput": limit}
                )
                assert error.code == "TOO_LARGE" and error.error["limit"] == limit
            back = c.call("data:decompress", {"input": packed, "maxOutput": len(zeros)})
            assert back == zeros
            if name == "deflate":
                continue  # has no members
            # 96 MiB, in two members: over the default of 64
            error = failure(c, "data:decompress", {"input": packed * 2})
            assert error.code == "TOO_LARGE"
            # no name for it but the magic, and a thousand of them
            error = failure(c, "data:decompress", {"input": packed * 100})
            assert error.code == "TOO_LARGE"
        assert d.worker_pids() == pids


@pytest.mark.skipif(SANITIZED, reason="the sanitizer has an allocator of its own")
def test_memory_is_given_back(morod):
    """What the highest levels and large windows take is not kept for the next call."""

    def resident(pid):
        with open(f"/proc/{pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    data = os.urandom(1 << 19) * 2
    with morod(workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]
        c.call("data:compress", {"input": data})
        before = resident(pid)
        for name, level in (("zstd", 19), ("gzip", 12), ("deflate", 12), ("brotli", 11)):
            packed = c.call(
                "data:compress", {"input": data, "format": name, "level": level}
            )
            assert c.call("data:decompress", {"input": packed, "format": name}) == data
        # without a bound 17.7 MB for zstd's and 9 MB for gzip's would stay
        assert resident(pid) < before + (8 << 20)
        assert d.worker_pids() == [pid]


def test_damage_is_an_error(morod):
    """Cut short, changed, or with something behind it: never other bytes."""
    with morod() as d, d.client() as c:
        for name in FORMATS:
            packed = c.call("data:compress", {"input": TEXT, "format": name})
            bad = [
                packed[:-1],
                packed[: len(packed) // 2],
                packed[:3],
                packed + b"\0",
                packed + b"garbage",
                b"",
                b"no format at all",
            ]
            if name in BY_MAGIC:  # brotli has no checksum
                bad += [
                    packed[:20] + bytes([packed[20] ^ 1]) + packed[21:],
                    packed[:-2] + bytes([packed[-2] ^ 1]) + packed[-1:],
                ]
            for data in bad:
                for told in ({"format": name}, {}):
                    error = failure(c, "data:decompress", {"input": data, **told})
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
        ("data:compress", {"input": "a", "level": 0, "format": "deflate"}, "level"),
        ("data:compress", {"input": "a", "level": 12, "format": "brotli"}, "level"),
        ("data:compress", {"input": "a", "checksum": True, "format": "gzip"}, "checksum"),
        ("data:compress", {"input": "a", "dictionary": "x" * 9, "format": "brotli"}, "dictionary"),
        ("data:compress", {"input": "a", "dictionary": "x" * 7}, "dictionary"),
        ("data:compress", {"input": "a", "dictionary": bytes((1 << 20) + 1)}, "dictionary"),
        ("data:decompress", {"input": MAGIC["gzip"], "dictionary": "x" * 9}, "dictionary"),
        ("data:decompress", {"input": b"a", "maxRatio": 0}, "maxRatio"),
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
