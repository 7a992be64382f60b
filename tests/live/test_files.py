"""Descriptors: data in files go past the dispatcher, and nothing of them stays."""

import errno
import fcntl
import gzip
import hashlib
import hmac
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import zlib

import msgpack
import pytest

from harness import BUILD, Pending, wait_until

TEXT = b"".join(b"%d: a line of text that compresses\n" % i for i in range(40_000))


def range_of(index, length, offset=0, kind=1):
    return msgpack.ExtType(77, struct.pack(">BBQQ", kind, index, offset, length))


@pytest.fixture
def files(tmp_path):
    """Makes files, and closes their descriptors at the end."""
    opened = []

    class Files:
        def make(self, data=b"", flags=os.O_RDWR, name=None):
            path = tmp_path / (name or f"file{len(opened)}")
            path.write_bytes(data)
            return self.open(path, flags)

        def open(self, path, flags):
            opened.append(os.open(path, flags | os.O_CLOEXEC))
            return opened[-1]

        def keep(self, fd):
            opened.append(fd)
            return fd

    yield Files()
    for fd in opened:
        os.close(fd)


def connect(d, feature=True):
    c = d.client(hello=False)
    c.server = c.request("hello", {"features": ["fd"] if feature else []})
    return c


def submit(c, task, data, fds, declared=None, **options):
    """Sends a request together with its descriptors."""
    pending = Pending(c, c.next_id)
    c.next_id += 1
    c.pending[pending.msgid] = pending
    options["fds"] = len(fds) if declared is None else declared
    message = msgpack.packb([0, pending.msgid, task, [data, options]])
    sent = socket.send_fds(c.sock, [message], fds)
    if sent < len(message):
        c.send_bytes(message[sent:])
    return pending


def open_files(pid):
    """The descriptors that a process has of files that are not of its own."""
    names = []
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            names.append(os.readlink(fd))
        except FileNotFoundError:
            pass
    return sorted(n for n in names if "/file" in n or "memfd:x" in n)


def assert_no_leak(d):
    """Neither dispatcher nor workers hold a descriptor that a client sent."""
    pids = [d.dispatcher_pid()] + d.worker_pids()
    wait_until(lambda: not any(open_files(p) for p in pids), "no descriptors left")


def read_all(fd):
    return os.pread(fd, os.fstat(fd).st_size, 0)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha3_256", "md5", "blake2b", "blake2s"])
def test_hash(morod, files, algorithm):
    """A whole file, and a range in the midst of it; the offset stays where it is."""
    fd = files.make(TEXT)
    os.lseek(fd, 77, os.SEEK_SET)
    with morod() as d, connect(d) as c:
        for offset, length in [(0, len(TEXT)), (1000, 700_001), (5, 0), (len(TEXT), 0)]:
            got = submit(
                c, "crypto:hash",
                {"input": range_of(0, length, offset), "algorithm": algorithm.replace("_", "-")},
                [fd],
            ).result()
            wanted = hashlib.new(algorithm, TEXT[offset : offset + length]).hexdigest()
            assert got == wanted
        assert os.lseek(fd, 0, os.SEEK_CUR) == 77
        assert_no_leak(d)


@pytest.mark.parametrize("algorithm", ["sha256", "sha3_512", "blake2b", "blake2s"])
def test_hash_with_a_key(morod, files, algorithm):
    """The same piece by piece with a key, which may come from a file, too."""
    key = os.urandom(32)
    made = {"blake2b": hashlib.blake2b, "blake2s": hashlib.blake2s}.get(algorithm)
    wanted = made(TEXT, key=key).hexdigest() if made else hmac.new(key, TEXT, algorithm).hexdigest()
    fds = [files.make(TEXT), files.make(key)]
    with morod() as d, connect(d) as c:
        for given in (key, range_of(1, len(key))):
            data = {"input": range_of(0, len(TEXT)), "algorithm": algorithm.replace("_", "-")}
            assert submit(c, "crypto:hash", {**data, "key": given}, fds).result() == wanted
        assert_no_leak(d)


def test_one_of_several_descriptors(morod, files):
    """The index says which of the request's descriptors is meant."""
    fds = [files.make(b"%d" % i) for i in range(8)]
    with morod() as d, connect(d) as c:
        for i in range(8):
            got = submit(c, "crypto:hash", {"input": range_of(i, 1)}, fds).result()
            assert got == hashlib.sha256(b"%d" % i).hexdigest()


@pytest.mark.parametrize("form", ["zstd", "gzip", "deflate", "brotli"])
def test_from_file_to_file(morod, files, form):
    """Compressed into a file and back again; what the files held before is gone."""
    source, packed, back = files.make(TEXT), files.make(b"x" * 999), files.make(TEXT * 2)
    with morod() as d, connect(d) as c:
        result = submit(
            c, "data:compress", {"input": range_of(0, len(TEXT)), "format": form},
            [source, packed], resultFd=1,
        ).result()
        size = os.fstat(packed).st_size
        assert result == range_of(1, size) and 0 < size < len(TEXT) // 4
        if form == "gzip":
            assert gzip.decompress(read_all(packed)) == TEXT
        result = submit(
            c, "data:decompress", {"input": range_of(0, size), "format": form},
            [packed, back], resultFd=1,
        ).result()
        assert result == range_of(1, len(TEXT)) and read_all(back) == TEXT
        assert_no_leak(d)


def test_to_file_over_the_frame(morod, files):
    """What goes to a file may be longer than a message, also when it is short enough for one piece."""
    noise = os.urandom(500_000)
    source, packed, back = files.make(noise), files.make(), files.make()
    with morod(max_frame="64K") as d, connect(d) as c:
        submit(
            c, "data:compress", {"input": range_of(0, len(noise))}, [source, packed], resultFd=1
        ).result()
        size = os.fstat(packed).st_size
        for limit in (len(noise), 1_000_000, 2_000_000):
            submit(
                c, "data:decompress", {"input": range_of(0, size), "maxOutput": limit},
                [packed, back], resultFd=1,
            ).result()
            assert read_all(back) == noise
        error = submit(
            c, "data:decompress", {"input": range_of(0, size), "maxOutput": len(noise) - 1},
            [packed, back], resultFd=1,
        ).error()
        assert error["code"] == "TOO_LARGE"
        assert_no_leak(d)


def packed_of(form, data, level=6):
    """What another library makes of plain data."""
    return gzip.compress(data, level) if form == "gzip" else zlib.compress(data, level)


@pytest.mark.parametrize("form", ["gzip", "deflate"])
def test_deflate_over_the_frame(morod, files, form):
    """Files that are longer than a message are read and written piece by piece."""
    source, packed, back = files.make(TEXT), files.make(), files.make()
    with morod(max_frame="64K") as d, connect(d) as c:
        for level in (1, 6, 12):
            submit(
                c, "data:compress",
                {"input": range_of(0, len(TEXT)), "format": form, "level": level},
                [source, packed], resultFd=1,
            ).result()
            theirs = gzip if form == "gzip" else zlib
            assert theirs.decompress(read_all(packed)) == TEXT
        for level in (1, 9):
            bytes_ = packed_of(form, TEXT, level)
            fd = files.make(bytes_)
            data = {"input": range_of(0, len(bytes_)), "maxOutput": len(TEXT)}
            submit(c, "data:decompress", data, [fd, back], resultFd=1).result()
            assert read_all(back) == TEXT
            data["maxOutput"] -= 1
            error = submit(c, "data:decompress", data, [fd, back], resultFd=1).error()
            assert error["code"] == "TOO_LARGE" and error["limit"] == len(TEXT) - 1
            error = submit(c, "data:decompress", data, [fd]).error()
            assert error["code"] == "TOO_LARGE"
        assert_no_leak(d)


def test_a_result_that_cannot_be_written(morod, files):
    """It says why, as a number too: here the file may not grow, as on a full disk."""
    sealed = files.keep(os.memfd_create("sealed", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC))
    fcntl.fcntl(sealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    with morod() as d, connect(d) as c:
        for task, data in (("data:compress", {"input": TEXT}), ("crypto:random", {"length": 100})):
            error = submit(c, task, data, [sealed], resultFd=0).error()
            assert (error["code"], error["reason"]) == ("WORKER_ERROR", "failed")
            assert (error["field"], error["errno"]) == ("resultFd", errno.EPERM)
            assert "cannot be written to the file" in error["message"]
        assert_no_leak(d)


@pytest.mark.parametrize("form", ["gzip", "deflate"])
def test_damaged_deflate_over_the_frame(morod, files, form):
    """The same errors as in memory: cut short, changed, with something behind it."""
    good = packed_of(form, TEXT)
    at = len(good) // 2
    out = files.make()
    with morod(max_frame="64K") as d, connect(d) as c:
        def answer(data):
            return submit(
                c, "data:decompress", {"input": range_of(0, len(data)), "format": form},
                [files.make(data), out], resultFd=1,
            )

        for bad, word in (
            (good[:-1], "cut short"), (good[:at], "cut short"),
            (good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], "damaged"),
            (good[:-1] + bytes([good[-1] ^ 1]), "damaged"),
            (good + b"\0", "after the end"), (good + b"garbage", "after the end"),
            (os.urandom(16) + bytes(100_000), ""), (b"\xff" * 100_000, "not"),
        ):
            error = answer(bad).error()
            assert error["code"] == "WORKER_ERROR" and error["reason"] == "failed"
            assert word in error["message"], (bad[-20:], error)
        if form == "gzip":
            answer(good + good).result()
            assert read_all(out) == TEXT * 2
        else:
            assert "after the end" in answer(good + good).error()["message"]
            raw = zlib.compressobj(9, zlib.DEFLATED, -15)
            answer(raw.compress(TEXT) + raw.flush()).result()
            assert read_all(out) == TEXT


@pytest.mark.parametrize("form", ["gzip", "deflate"])
def test_output_that_outgrows_memory(morod, files, form):
    """Short input, long output: it goes to the file although memory has no room for it."""
    out = files.make()
    plain = b"x" * 300_000
    packed = packed_of(form, plain)
    if form == "gzip":
        packed += gzip.compress(b"")  # its last bytes promise nothing
    with morod(max_frame="64K", workers=1) as d, connect(d) as c:
        submit(
            c, "data:decompress", {"input": packed, "format": form}, [out], resultFd=0
        ).result()
        assert read_all(out) == plain
        noise = os.urandom(65_000)
        submit(c, "data:compress", {"input": noise, "format": form}, [out], resultFd=0).result()
        assert (gzip if form == "gzip" else zlib).decompress(read_all(out)) == noise
    with morod(max_frame="1M", workers=1) as d, connect(d) as c:
        plain = b"x" * 3_000_000
        packed = packed_of(form, plain) + (gzip.compress(b"") if form == "gzip" else b"")
        submit(
            c, "data:decompress", {"input": packed, "format": form}, [out], resultFd=0
        ).result()
        assert read_all(out) == plain


@pytest.mark.parametrize("form", ["zstd", "gzip", "deflate", "brotli"])
def test_output_of_just_the_limit(morod, files, form):
    """Output that fills the last piece, and maxOutput, to the byte is not too large."""
    plain = os.urandom(512 << 10)
    source, packed, back = files.make(plain), files.make(), files.make()
    with morod(max_frame="64K") as d, connect(d) as c:
        submit(
            c, "data:compress", {"input": range_of(0, len(plain)), "format": form},
            [source, packed], resultFd=1,
        ).result()
        size = os.fstat(packed).st_size
        data = {"input": range_of(0, size), "format": form, "maxOutput": len(plain)}
        submit(c, "data:decompress", data, [packed, back], resultFd=1).result()
        assert read_all(back) == plain
        data["maxOutput"] -= 1
        error = submit(c, "data:decompress", data, [packed, back], resultFd=1).error()
        assert error["code"] == "TOO_LARGE" and error["limit"] == len(plain) - 1


@pytest.mark.parametrize("form", ["zstd", "gzip", "deflate", "brotli"])
def test_ratio_into_a_file(morod, files, form):
    """A bomb in a file ends where maxRatio does."""
    source, packed, out = files.make(bytes(8 << 20)), files.make(), files.make()
    with morod(max_frame="64K") as d, connect(d) as c:
        submit(
            c, "data:compress", {"input": range_of(0, 8 << 20), "format": form},
            [source, packed], resultFd=1,
        ).result()
        size = os.fstat(packed).st_size
        data = {"input": range_of(0, size), "format": form, "maxRatio": 10**7}
        submit(c, "data:decompress", data, [packed, out], resultFd=1).result()
        assert os.fstat(out).st_size == 8 << 20
        os.ftruncate(out, 0)
        data["maxRatio"] = 100
        error = submit(c, "data:decompress", data, [packed, out], resultFd=1).error()
        assert error["code"] == "TOO_LARGE" and "maxRatio" in error["message"]
        assert error["limit"] == max(1 << 20, 100 * size)
        assert os.fstat(out).st_size <= error["limit"]


def test_file_to_answer_and_answer_to_file(morod, files):
    """Either end may be in the message instead."""
    source, packed = files.make(TEXT), files.make()
    with morod() as d, connect(d) as c:
        inline = submit(c, "data:compress", {"input": range_of(0, len(TEXT))}, [source])
        assert c.call("data:decompress", {"input": inline.result()}) == TEXT
        submit(c, "data:compress", {"input": TEXT}, [packed], resultFd=0).result()
        assert read_all(packed) == inline.result()
        size = os.fstat(packed).st_size
        assert submit(
            c, "data:decompress", {"input": range_of(0, size)}, [packed]
        ).result() == TEXT


def test_memfd(morod, files):
    """A memfd does as well as a file."""
    fd = files.keep(os.memfd_create("x"))
    os.write(fd, TEXT)
    with morod() as d, connect(d) as c:
        got = submit(c, "crypto:hash", {"input": range_of(0, len(TEXT))}, [fd]).result()
        assert got == hashlib.sha256(TEXT).hexdigest()
        assert_no_leak(d)


@pytest.mark.parametrize("seals", [0, fcntl.F_SEAL_SHRINK])
def test_sealed_memfd(morod, files, seals):
    """One that cannot shrink is read in place, at any offset and over many pieces."""
    data = TEXT * 8
    fd = files.keep(os.memfd_create("x", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
    os.write(fd, data)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    with morod() as d, connect(d) as c:
        for offset, length in [(0, len(data)), (4097, 5_000_001), (3, 1), (4096, 4096)]:
            for algorithm in ("sha256", "blake2b"):
                got = submit(
                    c, "crypto:hash",
                    {"input": range_of(0, length, offset), "algorithm": algorithm}, [fd],
                ).result()
                wanted = hashlib.new(algorithm, data[offset : offset + length])
                assert got == wanted.hexdigest()
        wait_until(lambda: not maps_memfd(d), "an idle worker to forget the file")
        assert d.stats()["crashed"] == 0
        assert_no_leak(d)


def maps_memfd(d):
    maps = [pathlib.Path(f"/proc/{pid}/maps").read_text() for pid in d.worker_pids()]
    return any("memfd:x" in m for m in maps)


def test_sealed_memfd_kept(morod, files):
    """One that is passed again, filled anew, is read anew, though it stays mapped."""
    fds = [
        files.keep(os.memfd_create("x", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
        for _ in range(2)
    ]
    for fd in fds:
        os.ftruncate(fd, 10_000)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    with morod(workers=1) as d, connect(d) as c:
        for n in range(20):
            fd = fds[n // 2 % 2]
            data = bytes([n]) * 10_000
            os.pwrite(fd, data, 0)
            got = submit(c, "crypto:hash", {"input": range_of(0, len(data))}, [fd]).result()
            assert got == hashlib.sha256(data).hexdigest()
            assert maps_memfd(d)
        # other tasks do not keep it mapped
        wait_until(lambda: c.call("debug:echo", 1) == 1 and not maps_memfd(d), "it to be forgotten")
        assert_no_leak(d)


def test_sealed_memfds_kept(morod, files):
    """Many files and large ones: each is read right, whatever had to make room for it."""
    sizes = [(5 << 20) + 1, 3 << 20, 4 << 20, *range(1, 40_000, 2000), 9 << 20]
    contents = [bytes([i]) * size for i, size in enumerate(sizes)]
    fds = []
    for data in contents:
        fd = files.keep(os.memfd_create("x", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
        os.write(fd, data)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        fds.append(fd)
    with morod(workers=1) as d, connect(d) as c:
        for _ in range(3):
            for fd, data in zip(fds, contents):
                got = submit(c, "crypto:hash", {"input": range_of(0, len(data))}, [fd]).result()
                assert got == hashlib.sha256(data).hexdigest()
        assert_no_leak(d)


def test_any_type_takes_files(morod, files):
    """What does not read piece by piece gets the bytes as if they had been sent."""
    key, plain, sealed = files.make(b"k" * 32), files.make(TEXT), files.make()
    with morod() as d, connect(d) as c:
        result = submit(
            c, "crypto:encrypt", {"data": range_of(0, 100), "key": range_of(1, 32)},
            [plain, key, sealed], resultFd=2,
        ).result()
        assert result.code == 77
        envelope = read_all(sealed).decode()
        assert c.call("crypto:decrypt", {"data": envelope, "key": b"k" * 32}) == TEXT[:100]


def test_other_results_stay_in_the_answer(morod, files):
    """A map is no text and no bytes: the file is left alone."""
    fd = files.make(b"as it was")
    with morod() as d, connect(d) as c:
        result = submit(
            c, "jwt:verify", {"token": "x", "secret": "s" * 32}, [fd], resultFd=0
        ).result()
        assert result["valid"] is False and read_all(fd) == b"as it was"


def test_each_request_has_its_own(morod, files):
    """Hundreds in one go, refused ones among them: nobody gets another's file."""
    fds = [files.make(b"number %d" % i) for i in range(30)]
    with morod(workers=2) as d, connect(d) as c:
        calls = []
        for i in range(300):
            fd = fds[i % 30]
            size = os.fstat(fd).st_size
            if i % 7 == 3:
                bad = submit(c, "no:such", {"input": range_of(0, size)}, [fd])
                assert bad.error()["code"] == "UNKNOWN_TASK"
            calls.append((i, submit(c, "crypto:hash", {"input": range_of(0, size)}, [fd])))
            if len(calls) == 25:
                for k, call in calls:
                    wanted = hashlib.sha256(b"number %d" % (k % 30)).hexdigest()
                    assert call.result() == wanted
                calls = []
        assert_no_leak(d)


REFUSED = [
    ({"input": range_of(1, 5)}, "input", "descriptor 1, and the request has 1"),
    ({"input": range_of(0, 11)}, "input", "ends before"),
    ({"input": range_of(0, 1, 10)}, "input", "ends before"),
    ({"input": range_of(0, 1, 1 << 63)}, "input", "no range"),
    ({"input": range_of(0, 5, kind=2)}, "input", "no range"),
    ({"input": msgpack.ExtType(77, b"short")}, "input", "no range"),
    ({"input": msgpack.ExtType(76, b"x" * 18)}, "input", "extension"),
    ({"input": "x", "algorithm": range_of(0, 5)}, "algorithm", "extension"),
]


@pytest.mark.parametrize("data, field, words", REFUSED, ids=[str(i) for i in range(len(REFUSED))])
def test_ranges_are_checked(morod, files, data, field, words):
    """A range that is none, or beyond its file, is refused by its field's name."""
    fd = files.make(b"0123456789")
    with morod() as d, connect(d) as c:
        error = submit(c, "crypto:hash", data, [fd]).error()
        assert error["code"] == "INVALID_ARGUMENT" and error["field"] == field
        assert words in error["message"], error
        assert c.call("debug:echo", 1) == 1
        assert_no_leak(d)


def test_range_without_descriptors(morod):
    """A range in a request that has no `fds` names nothing."""
    with morod() as d, connect(d) as c:
        error = c.submit("crypto:hash", {"input": range_of(0, 5)}).error()
        assert error["code"] == "INVALID_ARGUMENT" and error["field"] == "input"


def test_only_files_are_taken(morod, files, tmp_path):
    """Pipes, sockets, folders, devices and O_PATH are refused; the connection goes on."""
    a, b = socket.socketpair()
    r, w = os.pipe()
    bad = [a.fileno(), r, files.open(tmp_path, os.O_RDONLY),
           files.open("/dev/zero", os.O_RDONLY), files.open("/etc/passwd", os.O_PATH)]
    good = files.make(b"abc")
    with morod() as d, connect(d) as c:
        for fd in bad:
            error = submit(c, "crypto:hash", {"input": range_of(1, 3)}, [good, fd]).error()
            assert error["code"] == "INVALID_ARGUMENT" and error["field"] == "fds"
            assert "descriptor 1" in error["message"]
        assert submit(c, "crypto:hash", {"input": range_of(0, 3)}, [good]).result()
        assert_no_leak(d)
    for fd in (r, w):
        os.close(fd)
    a.close(), b.close()


def test_modes(morod, files, tmp_path):
    """Reading and writing need a descriptor that was opened so; appending does not do."""
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with morod() as d, connect(d) as c:
        error = submit(
            c, "crypto:hash", {"input": range_of(0, 3)}, [files.open(path, os.O_WRONLY)]
        ).error()
        assert error["field"] == "input" and "reading" in error["message"]
        for flags, word in [(os.O_RDONLY, "writing"), (os.O_RDWR | os.O_APPEND, "appending")]:
            error = submit(
                c, "data:compress", {"input": "x"}, [files.open(path, flags)], resultFd=0
            ).error()
            assert error["code"] == "INVALID_ARGUMENT" and error["field"] == "resultFd"
            assert word in error["message"]
        assert path.read_bytes() == b"abc"


@pytest.mark.parametrize(
    "options, option",
    [({"fds": 0}, "fds"), ({"fds": 9}, "fds"), ({"fds": "1"}, "fds"),
     ({"resultFd": 0}, "resultFd"), ({"resultFd": 8}, "resultFd"), ({"resultFd": -1}, "resultFd")],
)
def test_options_are_checked(morod, options, option):
    """Wrong numbers are refused by name; no descriptor is needed for that."""
    with morod() as d, connect(d) as c:
        error = c.start("crypto:hash", {"input": "x"}, options).error()
        assert error["code"] == "INVALID_OPTION" and error["option"] == option
        assert c.call("debug:echo", 1) == 1


def test_result_fd_beyond(morod, files):
    """resultFd names one of the request's own; a refusal gives the descriptors back."""
    fd = files.make()
    with morod() as d, connect(d) as c:
        error = submit(c, "data:compress", {"input": "x"}, [fd], resultFd=1).error()
        assert error["code"] == "INVALID_OPTION" and "below fds (1)" in error["message"]
        assert_no_leak(d)


def test_feature_is_asked_for(morod, files):
    """Without the feature descriptors are refused, and closed."""
    fd = files.make(b"abc")
    with morod() as d, connect(d, feature=False) as c:
        error = submit(c, "crypto:hash", {"input": range_of(0, 3)}, [fd]).error()
        assert error["code"] == "UNSUPPORTED" and '"fd"' in error["message"]
        assert c.call("debug:echo", 1) == 1
        assert_no_leak(d)


def test_too_few(morod, files):
    """Fewer descriptors than the request names: the place is lost, the connection ends."""
    with morod() as d, connect(d) as c:
        call = submit(c, "crypto:hash", {"input": "x"}, [files.make()], declared=2)
        assert call.error()["code"] == "PROTOCOL_ERROR"
        c.read_closed()
        assert_no_leak(d)


def test_too_many(morod, files):
    """Descriptors that no request names would go to the wrong one."""
    with morod() as d, connect(d) as c:
        fds = [files.make(), files.make()]
        call = submit(c, "crypto:hash", {"input": "x"}, fds, declared=1)
        c.read_closed()
        assert c.extra[-1][1] == 0 and c.extra[-1][2]["code"] == "PROTOCOL_ERROR"
        assert call.answer is None or call.answer[0] is None
        assert_no_leak(d)


def test_too_many_in_one_message(morod, files):
    """More than eight at once are not even taken."""
    with morod() as d, connect(d) as c:
        submit(c, "crypto:hash", {"input": "x"}, [files.make()] * 9, declared=8)
        c.read_closed()
        assert c.extra[-1][2]["code"] == "PROTOCOL_ERROR"
        assert_no_leak(d)


def test_too_many_before_their_request(morod, files):
    """More than 32 that came before their request is whole end the connection."""
    fd = files.make(b"abc")
    message = msgpack.packb([0, 50, "crypto:hash", [{"input": range_of(0, 3)}, {"fds": 8}]])
    with morod() as d, connect(d) as c:
        for i in range(4):
            socket.send_fds(c.sock, [message[i:i + 1]], [fd] * 8)
            wait_until(lambda: len(open_files(d.dispatcher_pid())) == 8 * (i + 1), "eight more")
        socket.send_fds(c.sock, [message[4:5]], [fd])
        c.read_closed()
        error = c.extra[-1][2]
        assert error["code"] == "PROTOCOL_ERROR" and "more than 32" in error["message"]
        assert_no_leak(d)


def test_parted_message(morod, files):
    """Descriptors may come with a request's first byte, and the rest later."""
    fd = files.make(b"abc")
    with morod() as d, connect(d) as c:
        pending = c.pending[50] = Pending(c, 50)
        message = msgpack.packb([0, 50, "crypto:hash", [{"input": range_of(0, 3)}, {"fds": 1}]])
        socket.send_fds(c.sock, [message[:1]], [fd])
        d.wait(lambda s: s["clients"] == 2)
        c.send_bytes(message[1:])
        assert pending.result() == hashlib.sha256(b"abc").hexdigest()


def test_descriptors_in_flight_are_limited(morod, files):
    """A connection has 32 at once; the next is QUEUE_FULL, and one that ends makes room."""
    fd = files.make(b"abc")
    data = {"input": range_of(0, 3)}
    with morod(workers=1) as d, connect(d) as c:
        gate = c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        calls = [submit(c, "crypto:hash", data, [fd] * 8) for _ in range(4)]
        error = submit(c, "crypto:hash", data, [fd]).error()
        assert error["code"] == "QUEUE_FULL" and error["reason"] == "fds"
        assert error["limit"] == 32
        os.kill(d.worker_pids()[0], signal.SIGKILL)
        assert gate.error()["reason"] == "crashed"
        for call in calls:
            assert call.result() == hashlib.sha256(b"abc").hexdigest()
        assert submit(c, "crypto:hash", data, [fd]).result()
        assert_no_leak(d)


def test_client_goes_away(morod, files):
    """What a client leaves behind, queued, running or unread, is closed."""
    fd = files.make(TEXT)
    with morod(workers=1) as d:
        c = connect(d)
        c.submit("debug:sleep", {"ms": 60000})
        d.wait(lambda s: s["activeTasks"] == 1)
        for _ in range(3):
            submit(c, "crypto:hash", {"input": range_of(0, 3)}, [fd])
        socket.send_fds(c.sock, [b"\x94"], [fd])
        d.wait(lambda s: s["queueSize"] == 3)
        assert open_files(d.dispatcher_pid())
        c.close()
        d.wait(lambda s: s["queueSize"] == 0 and s["workers"] == 1)
        assert_no_leak(d)


def test_worker_dies(morod, files):
    """File tasks that a dead worker had not begun are done by the next, with their files."""
    fds = [files.make(b"file %d" % i) for i in range(8)]
    with morod(workers=1) as d, connect(d) as c:
        for i in range(8):  # so that they are known to be short, and go in batches
            submit(c, "crypto:hash", {"input": range_of(0, 6)}, [fds[i]]).result()
        pid = d.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        calls = [submit(c, "crypto:hash", {"input": range_of(0, 6)}, [fd]) for fd in fds]
        d.wait(lambda s: s["activeTasks"] + s["queueSize"] == 8, begun=False)
        os.kill(pid, signal.SIGKILL)
        for i, call in enumerate(calls):
            assert call.result() == hashlib.sha256(b"file %d" % i).hexdigest()
        d.wait(lambda s: s["workers"] == 1)
        assert_no_leak(d)


def test_max_file(morod, files):
    """Ranges and results over max-file are TOO_LARGE."""
    fd, out = files.make(TEXT), files.make()
    with morod(max_file="1M") as d, connect(d) as c:
        assert c.server["limits"]["maxFile"] == 1 << 20
        error = submit(c, "crypto:hash", {"input": range_of(0, (1 << 20) + 1)}, [fd]).error()
        assert error["code"] == "TOO_LARGE" and error["field"] == "input"
        packed = c.call("data:compress", {"input": TEXT})
        error = submit(
            c, "data:decompress", {"input": packed}, [out], resultFd=0
        ).error()
        assert error["code"] == "TOO_LARGE"


def test_max_output_into_a_file(morod, files):
    """A bomb in a file ends at maxOutput, whether it goes to a file or an answer."""
    source, out = files.make(), files.make()
    with morod() as d, connect(d) as c:
        packed = c.call("data:compress", {"input": b"\0" * (32 << 20)})
        os.pwrite(source, packed, 0)
        data = {"input": range_of(0, len(packed)), "maxOutput": 1 << 20}
        for fds, options in [([source, out], {"resultFd": 1}), ([source], {})]:
            error = submit(c, "data:decompress", data, fds, **options).error()
            assert error["code"] == "TOO_LARGE" and error["limit"] == 1 << 20
        assert os.fstat(out).st_size <= 1 << 20
        data["maxOutput"] = 32 << 20
        assert submit(c, "data:decompress", data, [source]).result() == b"\0" * (32 << 20)


def test_damaged_zstd_in_a_file(morod, files):
    """Cut short, changed, or with something behind it: the same errors as in a message."""
    with morod() as d, connect(d) as c:
        packed = c.call("data:compress", {"input": TEXT})
        for bad in (packed[:-5], packed[:3000] + b"?" + packed[3001:], packed + b"garbage"):
            error = submit(
                c, "data:decompress", {"input": range_of(0, len(bad)), "format": "zstd"},
                [files.make(bad)],
            ).error()
            assert error["code"] == "WORKER_ERROR" and error["reason"] == "failed"
        both = files.make(packed + packed)
        assert submit(
            c, "data:decompress", {"input": range_of(0, 2 * len(packed))}, [both]
        ).result() == TEXT * 2


# ---- moroctl ----


def moroctl(d, *words, stdin=subprocess.DEVNULL, **kw):
    return subprocess.run(
        [BUILD / "tools" / "moroctl", "--socket", d.socket, *words],
        stdin=stdin, capture_output=True, timeout=60, **kw,
    )


def test_moroctl_larger_than_a_message(morod, tmp_path):
    """moroctl passes files on: they may be larger than any message."""
    (tmp_path / "a").write_bytes(TEXT)
    os.symlink("a.zst", tmp_path / "link")
    (tmp_path / "a.zst").write_bytes(b"old")
    os.chmod(tmp_path / "a.zst", 0o640)
    with morod(max_frame="64K") as d:
        run = lambda *words: moroctl(d, *words, cwd=tmp_path)
        assert run("hash", "-i", "a").stdout.decode().strip() == hashlib.sha256(TEXT).hexdigest()
        assert run("compress", "-i", "a", "-o", "link").returncode == 0
        assert (tmp_path / "link").is_symlink()
        assert os.stat(tmp_path / "a.zst").st_mode & 0o777 == 0o640
        to_stdout = run("compress", "-i", "a")
        assert to_stdout.stdout == (tmp_path / "a.zst").read_bytes()
        (tmp_path / "a.zst").write_bytes(TEXT * 3)  # any file, over 64 KiB
        bad = run("decompress", "-i", "a.zst", "-o", "b")
        assert bad.returncode == 1 and b"WORKER_ERROR" in bad.stderr
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "a.zst", "link"]
        run("compress", "-i", "a.zst", "-o", "c")
        assert run("decompress", "-i", "c", "-o", "d").returncode == 0
        assert (tmp_path / "d").read_bytes() == TEXT * 3


def test_moroctl_json_and_gzip(morod, tmp_path):
    """JSON comes in the answer as always; gzip of a file is one member."""
    (tmp_path / "a").write_bytes(TEXT)
    with morod() as d:
        done = moroctl(d, "--json", "compress", "-i", tmp_path / "a")
        assert done.stdout.startswith(b'{"$bin"')
        done = moroctl(d, "compress", "--format", "gzip", "-i", tmp_path / "a")
        assert gzip.decompress(done.stdout) == TEXT
        done = moroctl(d, "compress", "-i", tmp_path / "a", "-o", "/dev/null")
        assert done.returncode == 0 and done.stdout == b""


STRANGER = """
import msgpack, os, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(msgpack.packb([0, 1, "hello", [{"features": ["fd"]}]]))
u = msgpack.Unpacker()
def answer():
    while True:
        for m in u: return m
        u.feed(s.recv(65536))
print("fd" in answer()[3]["features"])
fd = os.open("/etc/passwd", os.O_RDONLY)
whole = msgpack.ExtType(77, bytes([1, 0]) + bytes(8) + (3).to_bytes(8, "big"))
socket.send_fds(s, [msgpack.packb([0, 2, "crypto:hash", [{"input": whole}, {"fds": 1}]])], [fd])
m = answer()
print(m[2]["code"] if m[2] else "hashed")
s.sendall(msgpack.packb([0, 3, "ping", []]))
print(answer()[3])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
@pytest.mark.parametrize("for_all", [False, True])
def test_strangers(morod, for_all):
    """Other users' descriptors are not even received, unless the server was told so."""
    with morod(files_for_all=for_all, submit="all") as d:
        os.chmod(d.folder.name, 0o755)
        os.chmod(d.socket, 0o666)
        done = subprocess.run(
            ["/usr/bin/python3", "-c", STRANGER, d.socket], user="nobody", cwd="/",
            capture_output=True, text=True, timeout=60,
        )
        wanted = ["True", "hashed"] if for_all else ["False", "PERMISSION_DENIED"]
        assert done.stdout.split("\n")[:3] == wanted + ["pong"], done.stderr
        assert_no_leak(d)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_strangers_and_reload(morod, tmp_path):
    """Who is connected may pass descriptors, or may not, from the reload on."""
    config = tmp_path / "m.conf"
    config.write_text("[morod]\nsubmit = all\nsocket-mode = 0666\n")
    with morod(config=config) as d, d.client() as root:
        os.chmod(d.folder.name, 0o755)
        script = STRANGER.replace("s.connect(sys.argv[1])", "s.connect(sys.argv[1]); sys.stdin.read()")
        with subprocess.Popen(["/usr/bin/python3", "-c", script, d.socket], user="nobody", cwd="/",
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            d.wait(lambda s: s["clients"] == 3)
            config.write_text("[morod]\nsubmit = all\nsocket-mode = 0666\nfiles-for-all = yes\n")
            root.request("reload")
            out, _ = process.communicate(timeout=60)
        assert out.split("\n")[:3] == ["True", "hashed", "pong"]
        assert_no_leak(d)


@pytest.mark.skipif(not shutil.which("prlimit"), reason="prlimit is not installed")
def test_descriptors_of_all_are_limited(morod, files):
    """The server keeps descriptors for its own work, whatever clients pass."""
    fd = files.make(b"abc")
    data = {"input": range_of(0, 3)}
    with morod(workers=1, max_clients=50, wrap=["prlimit", "--nofile=256:256"]) as d:
        with connect(d) as c, connect(d) as other:
            gate = c.submit("debug:sleep", {"ms": 60000})
            d.wait(lambda s: s["activeTasks"] == 1)
            calls = [submit(c, "crypto:hash", data, [fd] * 8) for _ in range(4)]
            d.wait(lambda s: s["queueSize"] == 4)
            for _ in range(3):  # a quarter of what there is: 54
                submit(other, "crypto:hash", data, [fd] * 8)
            other.read_closed()
            error = other.extra[-1][2]
            assert error["code"] == "QUEUE_FULL" and error["reason"] == "fds"
            os.kill(d.worker_pids()[0], signal.SIGKILL)
            assert gate.error()["reason"] == "crashed"
            for call in calls:
                assert call.result() == hashlib.sha256(b"abc").hexdigest()
        assert_no_leak(d)


def test_a_types_own_limit_spares_files(morod, files):
    """The timeout that jwt:sign has by itself strikes what is in memory, and no file."""
    fd = files.make(b"k" * 32)
    with morod() as d, connect(d) as c:
        pid = d.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        filed = submit(c, "jwt:sign", {"payload": {}, "secret": range_of(0, 32)}, [fd])
        error = c.submit("jwt:sign", {"payload": {}, "secret": "k" * 32}).error()
        os.kill(pid, signal.SIGCONT)
        assert (error["code"], error["limit"]) == ("TIMEOUT", 5000)
        assert filed.result().count(".") == 2


def test_a_configured_limit_holds_for_files(morod, files, tmp_path):
    """A timeout of [task TYPE] is for tasks with files, too."""
    path = tmp_path / "morod.conf"
    path.write_text("[task jwt:sign]\ntimeout = 50ms\n")
    fd = files.make(b"k" * 32)
    with morod(config=path) as d, connect(d) as c:
        pid = d.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        filed = submit(c, "jwt:sign", {"payload": {}, "secret": range_of(0, 32)}, [fd])
        assert filed.error()["limit"] == 50
        os.kill(pid, signal.SIGCONT)
