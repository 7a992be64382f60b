"""Images that would take too much: what is refused, what is left out, and the peaks of what is
worked on (worker/TASKS.md)."""

import math
import pathlib
import struct
import zlib

import pytest

from harness import SANITIZED, TaskError
from test_tasks_image import (  # noqa: F401
    BLUE, FORMATS, GREEN, Image, MODULE, ORIENTATION, RED, SRGB, YELLOW, c, chunk, claim, corners,
    decode, encode, failure, morod, near, pytestmark, quarters, server, wide_png)

from PIL import ExifTags, PngImagePlugin  # noqa: E402

SIDE_MAX = 65535
EXTRAS_MAX = 8 << 20
MEMORY_MAX = 2 << 30
PngImagePlugin.MAX_TEXT_CHUNK = EXTRAS_MAX  # Pillow has limits of its own


def peak(pid):
    """The most memory that a process has had, in kB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def with_chunks(*chunks):
    """A PNG with chunks behind its header."""
    image = encode(quarters())
    head = 8 + 25  # the signature and IHDR
    return image[:head] + b"".join(chunks) + image[head:]


def test_decompression_bomb(morod):
    """A file of 100 kB that stands for 900 million pixels is refused unread."""
    bomb = claim(30000, 30000, rows=3000)
    assert len(bomb) < 150_000
    with morod(module=MODULE) as d, d.client() as c:
        c.call("image:resize", {"image": encode(quarters()), "width": 8})
        before = peak(d.worker_pids()[0])
        for task, more in (("image:resize", {"width": 100}), ("image:thumbnail", {"size": 100})):
            error = failure(c, task, {"image": bomb, **more})
            assert error.code == "TOO_LARGE" and error.error["limit"] == 100_000_000
            assert "30000 x 30000" in error.message
        assert peak(d.worker_pids()[0]) < before + 16_000


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep memory")
def test_bombs_beside_the_pixels(morod):
    """A profile and a text of 100 MB each, packed, are no part of the image."""
    packed = zlib.compress(bytes(100 << 20), 9)
    for extra in (chunk(b"iCCP", b"x\0\0" + packed), chunk(b"zTXt", b"x\0\0" + packed)):
        with morod(module=MODULE) as d, d.client() as c:
            im = decode(c.call("image:resize", {"image": with_chunks(extra), "width": 40}))
            assert near(corners(im), [RED, GREEN, BLUE, YELLOW])
            assert peak(d.worker_pids()[0]) < 60_000


def long_profile(size, claim=None):
    """sRGB's profile, lengthened; it may claim another size."""
    long = SRGB + b"\1" * (size - len(SRGB))
    return struct.pack(">I", claim or size) + long[4:]


def packed_chunk(kind, text):
    before = {b"zTXt": b"\0", b"iCCP": b"\0", b"iTXt": b"\1\0en\0key\0"}[kind]
    return chunk(kind, b"key\0" + before + zlib.compress(text, 9))


BOMBS = {
    "texts": [packed_chunk(b"zTXt", b"a" * 7_900_000)] * 100,
    "international": [packed_chunk(b"iTXt", b"a" * 7_900_000)] * 100,
    "profile": [packed_chunk(b"iCCP", long_profile(49 << 20))],
    "claim": [packed_chunk(b"iCCP", long_profile(10_000, 49 << 20))],
    "texts before a profile": [packed_chunk(b"zTXt", b"a" * 7_900_000)] * 2
                              + [packed_chunk(b"iCCP", long_profile(8_000_000))],
}


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep memory")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_that_the_library_unpacks(morod, name):
    """Texts and profiles of gigabytes in a file of 800 kB are left out."""
    bomb = with_chunks(*BOMBS[name])
    assert len(bomb) < 1 << 20
    with morod(module=MODULE) as d, d.client() as c:
        info = c.call("image:info", {"image": bomb})
        assert info["bytes"] == len(bomb) and info["hasProfile"] is False
        for more in ({}, {"keepMetadata": True}):
            im = decode(c.call("image:resize", {"image": bomb, "width": 40, **more}))
            assert near(corners(im), [RED, GREEN, BLUE, YELLOW])
        assert peak(d.worker_pids()[0]) < (30_000 if name in ("profile", "claim") else 90_000)


def shared_exif(size=65_000):
    """EXIF whose directories all have an entry for each tag, which share their bytes."""
    pointers = {0x8769: 1, 0x8825: 2, 0xA005: 3}  # to the directory of the camera, ...
    own = {0x0201, 0x0202, ORIENTATION}
    tags = sorted(t for t in ExifTags.TAGS if t < 1 << 16 and t not in own)
    length = 2 + 12 * len(tags) + 4
    at = [8 + i * length for i in range(5)]
    shared = at[4] + length

    def directory(here, following):
        entries = [(t, 4, 1, at[pointers[t]]) if t in pointers and t in here
                   else (t, 2, size - shared, shared) for t in tags]
        return (struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *e) for e in entries)
                + struct.pack("<I", following))

    first = directory({0x8769, 0x8825}, at[4]) + directory({0xA005}, 0)
    return (b"II*\0" + struct.pack("<I", 8) + first + directory((), 0) * 3
            + b"7" * (size - shared))


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep memory")
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["exif", "profile"])
def test_what_is_not_packed(morod, name, kind):
    """Metadata within the limits take what TASKS.md says."""
    size = 7_900_000
    metadata = {"exif": b"Exif\0\0" + shared_exif()} if kind == "exif" else {
        "icc_profile": long_profile(size)}
    image = encode(quarters(), FORMATS[name], **metadata)
    most = (60 << 20) if kind == "exif" else 8 * size
    with morod(module=MODULE) as d, d.client() as c:
        c.call("image:resize", {"image": encode(quarters()), "width": 8})
        before = peak(d.worker_pids()[0])
        c.call("image:resize", {"image": image, "width": 40, "keepMetadata": True})
        assert before + 4_000 < peak(d.worker_pids()[0]) < before + most // 1024


def test_most_texts(c):
    """Up to the limit all are kept, and one byte more is left out."""
    packed = packed_chunk(b"zTXt", b"a" * 1_000_000)
    plain = chunk(b"iTXt", b"plain\0\0\0\0\0not packed")
    rest = EXTRAS_MAX - (len(packed) - 12) - 1_000_000 - (len(plain) - 12)
    for more, kept in ((0, True), (1, False)):
        text = b"big\0" + b"b" * (rest + more - 4)
        image = with_chunks(packed, plain, chunk(b"tEXt", text), chunk(b"tEXt", b"last\0x"))
        # the last is over the limit in any case
        result = decode(c.call("image:resize", {"image": image, "width": 40, "format": "png",
                                                "keepMetadata": True}))
        assert result.text["key"] == "a" * 1_000_000 and result.text["plain"] == "not packed"
        assert ("big" in result.text) == kept and "last" not in result.text


@pytest.mark.parametrize("broken", [
    chunk(b"zTXt", b""), chunk(b"zTXt", b"key"), chunk(b"zTXt", b"key\0"), chunk(b"iTXt", b"k\0"),
    chunk(b"iTXt", b"k\0\1"), chunk(b"iTXt", b"k\0\1\0"), chunk(b"iTXt", b"k\0\1\0en\0"),
    chunk(b"iCCP", b"k\0\0" + zlib.compress(b"")), chunk(b"zTXt", b"key\0\0no zlib at all")])
def test_broken_texts(c, broken):
    """They are no obstacle."""
    data = {"image": with_chunks(broken), "width": 40, "keepMetadata": True}
    assert near(corners(decode(c.call("image:resize", data))), [RED, GREEN, BLUE, YELLOW])


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep memory")
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"sPLT", b"abCd"])
def test_claims_of_chunks(morod, kind):
    """A chunk that claims 2 GiB which are not there: nothing is kept for them."""
    claim = struct.pack(">I", 0x7FFFFFFF) + kind + b"key\0text"
    images = [with_chunks()[:33] + claim, with_chunks(packed_chunk(b"zTXt", b"a")) + claim]
    with morod(module=MODULE) as d, d.client() as c:
        for image in images:
            for task, data in (("image:info", {}), ("image:resize", {"width": 40})):
                try:
                    c.call(task, {"image": image, **data})
                except TaskError as error:
                    assert error.code == "WORKER_ERROR" and error.reason == "failed"
        assert peak(d.worker_pids()[0]) < 40_000


def test_max_pixels(c):
    image = encode(Image.new("L", (100, 100)))
    data = {"image": image, "width": 10}
    assert c.call("image:resize", {**data, "maxPixels": 10_000})
    error = failure(c, "image:resize", {**data, "maxPixels": 9_999})
    assert error.code == "TOO_LARGE" and error.error["limit"] == 9_999
    error = failure(c, "image:resize", {**data, "maxPixels": 268_435_457})
    assert error.code == "INVALID_ARGUMENT" and error.error["field"] == "maxPixels"
    error = failure(c, "image:resize", {"image": claim(16385, 16385), "width": 10,
                                        "maxPixels": 268_435_456})
    assert error.code == "TOO_LARGE"


def test_what_is_decoded_as_a_whole(c):
    """An interlaced image of 72 million pixels of 8 bytes would take 576 MB."""
    image = claim(9000, 8000, depth=16, colour=6, interlaced=1)
    error = failure(c, "image:resize", {"image": image, "width": 10})
    assert error.code == "TOO_LARGE" and error.error["limit"] == 512 << 20
    # not interlaced it is read row by row, and found to be cut short
    image = claim(9000, 8000, depth=16, colour=6)
    error = failure(c, "image:resize", {"image": image, "width": 10})
    assert (error.code, error.reason) == ("WORKER_ERROR", "failed")


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep memory")
@pytest.mark.parametrize("width,height", [(SIDE_MAX + 1, 40), (40, SIDE_MAX + 1), (1_000_000, 40)])
def test_longest_side(morod, width, height):
    """What would take gigabytes, hundreds of rows at once, is refused unread."""
    image = claim(width, height, depth=16, colour=6, rows=height)
    with morod(module=MODULE) as d, d.client() as c:
        error = failure(c, "image:resize", {"image": image, "width": 4000, "height": 40,
                                            "fit": "fill"})
        assert error.code == "TOO_LARGE" and error.error["limit"] == SIDE_MAX
        assert f"{width} x {height}" in error.message and "on a side" in error.message
        assert c.call("image:info", {"image": image})["width"] == width
        assert peak(d.worker_pids()[0]) < 60_000


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep memory")
def test_longest_side_that_is_taken(morod):
    """It costs what TASKS.md says."""
    image = claim(SIDE_MAX, 200, depth=16, colour=6, rows=200)
    with morod(module=MODULE) as d, d.client() as c:
        data = {"image": image, "width": 16383, "height": 50, "fit": "fill", "position": "entropy"}
        assert decode(c.call("image:resize", data)).size == (16383, 50)
        assert peak(d.worker_pids()[0]) < 600 * 1024


def jpeg_claim(progressive):
    """A JPEG that claims 96 million pixels."""
    data = encode(quarters(), "JPEG", progressive=progressive)
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", 1600, 60000) + data[at + 4:]


def test_progressive_jpeg(c):
    """Its coefficients, 576 MB, stay in memory until the last scan was read."""
    error = failure(c, "image:resize", {"image": jpeg_claim(True), "width": 10})
    assert error.code == "TOO_LARGE" and error.error["limit"] == 512 << 20
    error = failure(c, "image:resize", {"image": jpeg_claim(False)[:-2], "width": 10})
    assert (error.code, error.reason) == ("WORKER_ERROR", "failed")


def test_result_sizes(c):
    one = encode(Image.new("L", (1, 1)))
    wide = encode(Image.new("L", (4000, 1)))
    error = failure(c, "image:resize", {"image": one, "width": 8193, "height": 8192})
    assert error.code == "TOO_LARGE" and error.error["limit"] == 67_108_864
    error = failure(c, "image:resize", {"image": wide, "height": 5})
    assert error.code == "TOO_LARGE" and error.error["limit"] == 16_383
    error = failure(c, "image:resize", {"image": wide, "width": 10000, "height": 10000,
                                        "fit": "contain"})
    assert error.code == "TOO_LARGE" and error.error["limit"] == 67_108_864
    for field in ("width", "height"):
        error = failure(c, "image:resize", {"image": one, field: 16_384})
        assert error.code == "INVALID_ARGUMENT" and error.error["field"] == field
    error = failure(c, "image:thumbnail", {"image": one, "size": 4097})
    assert error.code == "INVALID_ARGUMENT" and error.error["field"] == "size"


def test_result_over_the_frame(morod):
    noise = encode(Image.effect_noise((600, 600), 100))
    with morod(module=MODULE, max_frame="1M") as d, d.client() as c:
        error = failure(c, "image:resize", {"image": noise, "width": 2000})
        assert error.code == "TOO_LARGE"
        assert c.call("image:resize", {"image": noise, "width": 20})


def test_words_of_limits(c):
    """Who is over a limit learns by how much, and what it is called."""
    data = {"image": encode(quarters()), "width": 10}
    error = failure(c, "image:resize", {**data, "maxPixels": 5})
    assert error.message == "the image has 80 x 40 pixels, and may have 5 in all (maxPixels)"
    error = failure(c, "image:resize", {**data, "image": jpeg_claim(True)})
    assert error.message == ("the image is a progressive JPEG of 60000 x 1600 pixels, and decoding "
                             "it as a whole takes 576000000 bytes, which is more than 536870912")
    error = failure(c, "image:resize", {**data, "background": "red"})
    assert error.message == 'background takes a colour as #rrggbb or #rrggbbaa, not "red"'


def data_limit(pid):
    """Bytes of data that a process may have now."""
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    soft = limits.split("Max data size")[1].split()[0]
    return math.inf if soft == "unlimited" else int(soft)


def test_memory_of_a_task(morod):
    """Whatever an image does, while it is worked on there are 2 GiB more."""
    with morod(module=MODULE, workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]
        before = data_limit(pid)
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        had = int(status.split("VmData:")[1].split()[0]) * 1024
        data = {"image": wide_png(), "width": 8000, "height": 8000, "fit": "fill", "format": "png"}
        task = c.submit("image:resize", data, id="big", progress=True)
        c.read_until(lambda: any(m[1] == "progress" for m in c.unasked))
        assert MEMORY_MAX <= data_limit(pid) < MEMORY_MAX + had + (256 << 20) < before
        c.request("cancel", {"id": "big"})
        assert task.error()["code"] == "CANCELLED"
        assert data_limit(pid) == before


@pytest.mark.skipif(SANITIZED, reason="sanitizers take all addresses")
@pytest.mark.parametrize("format,memory", [*((name, "40M") for name in FORMATS), ("webp", "200M")])
def test_memory_to_write(morod, format, memory):
    """What a result needs more than there is, is an error that says so."""
    noise = [Image.effect_noise((300, 300), 100) for _ in range(4)]
    data = {"image": encode(Image.merge("RGBA", noise)), "width": 4000, "height": 4000,
            "format": format, "compression": 1}
    with morod(module=MODULE, worker_memory=memory) as d, d.client() as c:
        error = failure(c, "image:resize", data)
        assert (error.code, error.reason) == ("WORKER_ERROR", "memory")


@pytest.mark.skipif(SANITIZED, reason="sanitizers take all addresses")
@pytest.mark.parametrize("format,options", [
    ("JPEG", {"progressive": True, "subsampling": 0}), ("WEBP", {"lossless": True, "method": 0})])
def test_worker_memory(morod, format, options):
    """What needs more than a worker may have is an error; the worker goes on."""
    large = encode(Image.new("RGB", (6000, 5000), RED), format, **options)
    with morod(module=MODULE, worker_memory="100M") as d, d.client() as c:
        pids = d.worker_pids()
        error = failure(c, "image:resize", {"image": large, "width": 5000})
        assert (error.code, error.reason) == ("WORKER_ERROR", "memory")
        assert c.call("image:resize", {"image": encode(quarters()), "width": 8})
        assert d.worker_pids() == pids


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep memory")
def test_memory_does_not_grow(morod):
    """A worker that has done hundreds of images has what it had after some."""
    data = encode(Image.effect_noise((2000, 1500), 60).convert("RGB"), "JPEG")
    with morod(module=MODULE, workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]

        def rounds(n):
            for _ in range(n):
                c.call("image:thumbnail", {"image": data, "size": 150})
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            return sum(int(line.split()[1]) for line in rollup.splitlines()
                       if line.startswith("Private_"))

        first = rounds(60)
        assert rounds(140) < first + 2000
        assert first < 32_000
