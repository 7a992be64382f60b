"""Results that workers make where they are to be: in memfds that cannot shrink."""

import fcntl
import gzip
import mmap
import os
import random
import struct
import threading
import zlib

import pytest

from harness import SANITIZED, wait_until
from test_files import TEXT, assert_no_leak, connect, files, maps_memfd, range_of, submit

SIZE = 2 << 20  # of the files for results
KEY = b"k" * 32

__all__ = ["files"]


@pytest.fixture
def sealed(files):
    """Makes memfds that have some length and keep it."""

    def make(size=SIZE, seals=fcntl.F_SEAL_SHRINK, fill=b""):
        fd = files.keep(os.memfd_create("x", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
        os.truncate(fd, size)
        os.pwrite(fd, fill, 0)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        return fd

    return make


def result_of(fd, got):
    """The bytes that a result stands for."""
    version, index, offset, length = struct.unpack(">BBQQ", got.data)
    assert (got.code, version, index, offset) == (77, 1, 0, 0)
    return os.pread(fd, length, 0)


def decompress(c, fd, packed, **data):
    return submit(c, "data:decompress", {"input": packed, **data}, [fd], resultFd=0)


@pytest.mark.parametrize("form", ["zstd", "gzip", "deflate", "brotli"])
@pytest.mark.parametrize("size", [0, 1, 300, 70_000, len(TEXT)])
def test_compress_and_back(morod, sealed, form, size):
    """The file keeps its length; the range tells how much of it is the result."""
    fd, plain = sealed(), TEXT[:size]
    with morod(workers=1) as d, connect(d) as c:
        got = submit(c, "data:compress", {"input": plain, "format": form}, [fd],
                     resultFd=0).result()
        packed = result_of(fd, got)
        assert c.call("data:decompress", {"input": packed, "format": form}) == plain
        got = decompress(c, fd, packed, format=form).result()
        assert result_of(fd, got) == plain
        assert os.fstat(fd).st_size == SIZE
        wait_until(lambda: c.call("debug:echo", 1) == 1 and not maps_memfd(d), "it to be forgotten")
        assert_no_leak(d)


@pytest.mark.parametrize("algorithm", ["xchacha20-poly1305", "aes-256-gcm"])
@pytest.mark.parametrize("encoding", ["text", "bin"])
def test_encrypt(morod, sealed, algorithm, encoding):
    fds = [sealed(), sealed(len(TEXT), fill=TEXT)]
    with morod(workers=1) as d, connect(d) as c:
        for plain in (TEXT, TEXT[::-1], TEXT[:5]):
            os.pwrite(fds[1], plain, 0)
            got = submit(
                c, "crypto:encrypt",
                {"data": range_of(1, len(plain)), "key": KEY, "algorithm": algorithm,
                 "encoding": encoding},
                fds, resultFd=0,
            ).result()
            envelope = result_of(fds[0], got)
            sent = envelope if encoding == "bin" else envelope.decode()
            assert c.call("crypto:decrypt", {"data": sent, "key": KEY}) == plain


@pytest.mark.parametrize("copies", [True, False])
@pytest.mark.parametrize("encoding", ["text", "bin"])
@pytest.mark.parametrize("size", [1000, 100_000, len(TEXT)])
def test_same_file_for_both(morod, sealed, files, copies, encoding, size):
    """What is read is not written over, be it the same descriptor or another of the file."""
    fd = sealed(fill=TEXT[:size])
    fds = [fd, files.keep(os.dup(fd))] if copies else [fd]
    with morod(workers=1) as d, connect(d) as c:
        got = submit(
            c, "crypto:encrypt",
            {"data": range_of(len(fds) - 1, size), "key": KEY, "encoding": encoding},
            fds, resultFd=0,
        ).result()
        envelope = result_of(fd, got)
        sent = envelope if encoding == "bin" else envelope.decode()
        assert c.call("crypto:decrypt", {"data": sent, "key": KEY}) == TEXT[:size]


def test_place_stays_while_inputs_come(morod, sealed):
    """However many files are mapped after it: it is not unmapped under the task."""
    result, plain = sealed(fill=b"x" * 1000), TEXT[:1000]
    inputs = [sealed(4096, fill=plain) for _ in range(100)]
    with morod(workers=1) as d, connect(d) as c:
        pids = d.worker_pids()
        for fd in inputs:
            got = submit(
                c, "crypto:encrypt", {"data": range_of(1, 1000), "key": KEY, "encoding": "bin"},
                [result, fd], resultFd=0,
            ).result()
            envelope = result_of(result, got)
            assert c.call("crypto:decrypt", {"data": envelope, "key": KEY}) == plain
        assert d.worker_pids() == pids and "killed by" not in d.log()


def test_many_files(morod, sealed):
    """More of them than stay mapped: each result is in its own, beside inputs in place."""
    results = [sealed(3 << 20) for _ in range(20)]
    inputs = [sealed(len(TEXT), fill=TEXT[i:] + TEXT[:i]) for i in range(20)]
    with morod(workers=1) as d, connect(d) as c:
        for _ in range(2):
            for i, (fd, source) in enumerate(zip(results, inputs)):
                got = submit(
                    c, "crypto:encrypt",
                    {"data": range_of(1, len(TEXT)), "key": KEY, "encoding": "bin"},
                    [fd, source], resultFd=0,
                ).result()
                envelope = result_of(fd, got)
                assert c.call("crypto:decrypt", {"data": envelope, "key": KEY}) == TEXT[i:] + TEXT[:i]


def test_file_that_is_too_short(morod, sealed):
    """It grows, as one does that may shrink; one that may not grow is refused."""
    with morod(workers=1) as d, connect(d) as c:
        fd = sealed(1000)
        got = decompress(c, fd, gzip.compress(TEXT)).result()
        assert result_of(fd, got) == TEXT and os.fstat(fd).st_size == len(TEXT)
        fd = sealed(1000, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        error = decompress(c, fd, gzip.compress(TEXT)).error()
        assert "cannot be written" in error["message"]
        assert c.call("debug:echo", 1) == 1


def test_file_that_takes_no_writes(morod, sealed):
    fd = sealed(SIZE, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE)
    with morod(workers=1) as d, connect(d) as c:
        error = decompress(c, fd, gzip.compress(TEXT)).error()
        assert "cannot be written" in error["message"]


def test_more_than_was_said(morod, sealed):
    """The last member of gzip says too little of all: what was made moves on."""
    fd = sealed()
    packed = gzip.compress(TEXT) + gzip.compress(b"x" * 70_000)
    with morod(workers=1) as d, connect(d) as c:
        for _ in range(2):
            got = decompress(c, fd, packed).result()
            assert result_of(fd, got) == TEXT + b"x" * 70_000


def test_limits_hold(morod, sealed):
    """maxOutput counts where the file has more room, and errors are no results."""
    fd = sealed(fill=b"as it was")
    with morod(workers=1) as d, connect(d) as c:
        for packed in (gzip.compress(TEXT), zlib.compress(TEXT)):
            error = decompress(c, fd, packed, maxOutput=len(TEXT) - 1).error()
            assert (error["code"], error["limit"]) == ("TOO_LARGE", len(TEXT) - 1)
            error = decompress(c, fd, packed[:-1]).error()
            assert "damaged or cut short" in error["message"]
            assert result_of(fd, decompress(c, fd, packed).result()) == TEXT


def test_plain_text_is_checked_first(morod, sealed):
    """Of a forged envelope nothing is seen, in the file neither."""
    fd = sealed(fill=b"as it was")
    with morod(workers=1) as d, connect(d) as c:
        for algorithm in ("xchacha20-poly1305", "aes-256-gcm"):
            envelope = bytearray(c.call("crypto:encrypt", {
                "data": TEXT, "key": KEY, "algorithm": algorithm, "encoding": "bin"}))
            envelope[-1] ^= 1
            submit(c, "crypto:decrypt", {"data": bytes(envelope), "key": KEY}, [fd],
                   resultFd=0).error()
            assert os.pread(fd, 9, 0) == b"as it was"


def scribbler(fd, size, stop):
    """A thread that changes a file in memory until it is told to stop."""
    rng = random.Random(1)

    def scribble():
        with mmap.mmap(fd, size) as memory:
            while not stop.is_set():
                at = rng.randrange(size - 64)
                was = memory[at : at + 64]
                memory[at : at + 64] = rng.randbytes(64)
                memory[at : at + 64] = was

    thread = threading.Thread(target=scribble)
    thread.start()
    return thread


@pytest.mark.parametrize("algorithm", ["xchacha20-poly1305", "aes-256-gcm"])
@pytest.mark.parametrize("encoding", ["text", "bin"])
def test_envelope_that_changes_meanwhile(morod, sealed, algorithm, encoding):
    """What is given is what the tag was checked for, or nothing."""
    rounds, stop, refused = (5 if SANITIZED else 40), threading.Event(), 0
    with morod(workers=1) as d, connect(d) as c:
        envelope = c.call("crypto:encrypt", {
            "data": TEXT, "key": KEY, "algorithm": algorithm, "encoding": encoding})
        envelope = envelope.encode() if encoding == "text" else envelope
        fds = [sealed(), sealed(len(envelope), fill=envelope)]
        request = {"data": range_of(1, len(envelope)), "key": KEY}
        got = submit(c, "crypto:decrypt", request, fds, resultFd=0).result()
        assert result_of(fds[0], got) == TEXT
        thread = scribbler(fds[1], len(envelope), stop)
        try:
            for _ in range(rounds):
                error, got = submit(c, "crypto:decrypt", request, fds, resultFd=0).wait()
                refused += error is not None
                assert error is not None or result_of(fds[0], got) == TEXT
        finally:
            stop.set()
            thread.join()
        print(f"{refused} of {rounds} refused")
        os.pwrite(fds[1], envelope, 0)
        got = submit(c, "crypto:decrypt", request, fds, resultFd=0).result()
        assert result_of(fds[0], got) == TEXT
        assert "killed by" not in d.log()  # a task may be run again unseen


def test_caller_that_writes_meanwhile(morod, sealed):
    """Only its own result suffers: no worker dies, and no other task is wrong."""
    rounds = 20 if SANITIZED else 100
    fd, stop = sealed(), threading.Event()
    packed = {form: [] for form in ("zstd", "gzip", "deflate")}
    with morod(workers=1) as d, connect(d) as c, d.client() as other:
        for form in packed:
            packed[form] = c.call("data:compress", {"input": TEXT, "format": form})
        writer = scribbler(fd, SIZE, stop)
        try:
            for _ in range(rounds):
                for form in packed:
                    decompress(c, fd, packed[form]).wait()
                    submit(c, "data:compress", {"input": TEXT, "format": form}, [fd],
                           resultFd=0).wait()
                    assert other.call("data:decompress", {"input": packed[form]}) == TEXT
        finally:
            stop.set()
            writer.join()
        assert "killed by" not in d.log()  # a task may be run again unseen
