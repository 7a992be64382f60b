"""image:* of the module image, against Pillow both ways."""

import base64
import functools
import io
import json
import os
import pathlib
import re
import signal
import struct
import zlib

import pytest

from harness import BUILD, Daemon, TaskError, wait_until
from test_files import connect, files, range_of, read_all, submit  # noqa: F401

Image = pytest.importorskip("PIL.Image", reason="needs python3-pil")
from PIL import ImageCms  # noqa: E402

MODULE = BUILD / "worker" / "modules" / "image.so"
pytestmark = pytest.mark.skipif(not MODULE.exists(), reason="built without the module image")

RED, GREEN, BLUE, YELLOW = (250, 10, 10), (10, 200, 10), (10, 10, 250), (240, 240, 10)
FORMATS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
ORIENTATION = 0x0112  # EXIF's tag
# what libvips 8.14 writes to WebP in any case: resolution and the like
BLAND = {ORIENTATION, 0x011A, 0x011B, 0x0128, 0x0213, 0x8769}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# LeakSanitizer crashes at the exit of a process whose threads are of a library
# that was loaded late; the unit test, which is linked with it, looks for leaks.
ENV = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


@pytest.fixture
def morod():
    return functools.partial(Daemon, env=ENV)


@pytest.fixture(scope="module")
def server():
    """One morod for the tests that leave nothing behind."""
    with Daemon(module=MODULE, workers=1, env=ENV) as d:
        yield d


@pytest.fixture
def c(server):
    with server.client() as client:
        yield client


def quarters(width=80, height=40, mode="RGB"):
    """Red, green / blue, yellow: each corner tells where it came from."""
    im = Image.new("RGB", (width, height))
    boxes = [(0, 0), (1, 0), (0, 1), (1, 1)]
    for (x, y), colour in zip(boxes, (RED, GREEN, BLUE, YELLOW)):
        half = (width // 2, height // 2)
        im.paste(colour, (x * half[0], y * half[1], width if x else half[0],
                          height if y else half[1]))
    return im.convert(mode)


def encode(im, format="PNG", **options):
    out = io.BytesIO()
    im.save(out, format, **options)
    return out.getvalue()


def decode(data):
    im = Image.open(io.BytesIO(data))
    im.load()
    return im


def corners(im, mode="RGB"):
    """The colours a little inside the four corners."""
    im = im.convert(mode)
    x, y = im.width // 8, im.height // 8
    at = [(x, y), (im.width - 1 - x, y), (x, im.height - 1 - y),
          (im.width - 1 - x, im.height - 1 - y)]
    return [im.getpixel(p) for p in at]


def near(got, wanted, tolerance=14):
    if isinstance(wanted, (int, float)):
        return abs(got - wanted) <= tolerance
    return len(got) == len(wanted) and all(map(near, got, wanted, [tolerance] * len(got)))


def failure(c, task, data, **options):
    with pytest.raises(TaskError) as caught:
        c.call(task, data, **options)
    return caught.value


def test_examples(c):
    """What `types` shows works as it stands."""
    described = [t for t in c.request("types") if t["type"].startswith("image:")]
    assert len(described) == 3
    for t in described:
        data = json.loads(t["example"])
        data["image"] = base64.b64decode(data["image"]["$bin"], validate=True)
        assert c.call(t["type"], data)


# ---- formats


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_every_format_to_every_format(c, source, target):
    data = encode(quarters(), FORMATS[source])
    result = c.call("image:resize", {"image": data, "width": 40, "format": target})
    assert isinstance(result, bytes)
    im = decode(result)
    assert im.format == FORMATS[target] and im.size == (40, 20)
    assert near(corners(im), [RED, GREEN, BLUE, YELLOW], 24)


@pytest.mark.parametrize("name", FORMATS)
def test_own_format_is_the_default(c, name):
    data = encode(quarters(), FORMATS[name])
    assert decode(c.call("image:resize", {"image": data, "height": 10})).format == FORMATS[name]
    im = decode(c.call("image:thumbnail", {"image": data, "size": 16}))
    assert im.format == FORMATS[name] and im.size == (16, 16)


def test_guide(c):
    """The guide's calls; image:process is another name for the first."""
    data = encode(quarters(400, 300), "JPEG")
    for name in ("image:resize", "image:process"):
        im = decode(c.call(name, {"image": data, "width": 200, "height": 100}))
        assert im.size == (200, 100)
    heavy = {"operation": "image:resize", "params": {"image": data, "width": 200, "height": 100}}
    assert decode(c.call("heavy:computation", heavy)).size == (200, 100)
    assert decode(c.call("image:thumbnail", {"image": data, "size": 150})).size == (150, 150)


# ---- boxes: (fit, image, box, more) -> size; the sizes are npm sharp's

SIZES = [
    ("cover", (80, 40), (30, 30), {}, (30, 30)),
    ("contain", (80, 40), (30, 30), {}, (30, 30)),
    ("fill", (80, 40), (30, 30), {}, (30, 30)),
    ("inside", (80, 40), (30, 30), {}, (30, 15)),
    ("outside", (80, 40), (30, 30), {}, (60, 30)),
    ("inside", (80, 40), (30, None), {}, (30, 15)),
    ("cover", (80, 40), (None, 30), {}, (60, 30)),
    ("fill", (80, 40), (None, 30), {}, (60, 30)),
    ("inside", (80, 40), (160, 160), {}, (160, 80)),
    ("inside", (80, 40), (160, 160), {"withoutEnlargement": True}, (80, 40)),
    ("cover", (80, 40), (160, 20), {"withoutEnlargement": True}, (80, 20)),
    ("contain", (80, 40), (160, 160), {"withoutEnlargement": True}, (160, 160)),
    ("fill", (80, 40), (160, 20), {"withoutEnlargement": True}, (80, 20)),
    ("inside", (1000, 3), (10, 10), {}, (10, 1)),  # never nothing
    ("inside", (4000, 3000), (101, 101), {}, (101, 76)),
    ("inside", (997, 613), (333, 333), {}, (333, 205)),
    ("cover", (997, 613), (333, 332), {}, (333, 332)),
]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("fit,size,box,more,wanted", SIZES)
def test_sizes(c, format, fit, size, box, more, wanted):
    data = {"image": encode(quarters(*size), FORMATS[format]), "fit": fit, **more}
    data.update({k: v for k, v in zip(("width", "height"), box) if v})
    assert decode(c.call("image:resize", data)).size == wanted


def test_cover_is_the_default_and_keeps_the_middle(c):
    im = quarters(90, 30)
    im.paste((0, 0, 0), (0, 0, 30, 30))  # what is cut off at the left
    im.paste((255, 255, 255), (60, 0, 90, 30))
    data = {"image": encode(im), "width": 30, "height": 30}
    default = c.call("image:resize", data)
    assert default == c.call("image:resize", {**data, "fit": "cover", "position": "center"})
    assert near(corners(decode(default)), [RED, GREEN, BLUE, YELLOW])


@pytest.mark.parametrize(
    "position,wanted", [("left", RED), ("right", GREEN), ("centre", None)]
)
def test_position_of_the_cut(c, position, wanted):
    data = {"image": encode(quarters(120, 20)), "width": 20, "height": 20, "position": position}
    got = corners(decode(c.call("image:resize", data)))
    assert near(got[0], wanted or RED) and near(got[1], wanted or GREEN)


@pytest.mark.parametrize(
    "position,white", [("top", (2, 3)), ("bottom", (0, 1)), ("centre", (0, 1, 2, 3))]
)
def test_position_on_the_canvas(c, position, white):
    data = {"image": encode(quarters(80, 40)), "width": 80, "height": 80,
            "fit": "contain", "position": position}
    got = corners(decode(c.call("image:resize", data)))
    for i, colour in enumerate((RED, GREEN, BLUE, YELLOW)):
        assert near(got[i], (255, 255, 255) if i in white else colour)


@pytest.mark.parametrize("position", ["entropy", "attention"])
def test_what_is_to_be_seen_is_kept(c, position):
    """Something stands at the far right of an empty wide image."""
    im = Image.new("RGB", (400, 40), (128, 128, 128))
    noise = Image.effect_noise((40, 40), 100)
    im.paste(Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180))), (350, 0))
    data = {"image": encode(im), "width": 50, "height": 40, "position": position}
    got = decode(c.call("image:resize", data)).convert("L")
    assert got.size == (50, 40)
    assert len(set(got.crop((10, 0, 40, 40)).getdata())) > 50


# ---- EXIF


def turned(orientation, format):
    """An image that is stored so that it looks like quarters() when shown."""
    undo = [None, None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180,
            Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.TRANSPOSE,
            Image.Transpose.ROTATE_90, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_270]
    im = quarters()
    if undo[orientation] is not None:
        im = im.transpose(undo[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "morod's test"  # the camera's maker
    return encode(im, format, exif=exif)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations(c, orientation, format):
    """All eight are shown upright, and the tag is gone."""
    data = turned(orientation, FORMATS[format])
    im = decode(c.call("image:resize", {"image": data, "width": 40}))
    assert im.size == (40, 20)
    assert near(corners(im), [RED, GREEN, BLUE, YELLOW], 24)
    assert set(im.getexif()) <= (BLAND if format == "webp" else set())

    kept = decode(c.call("image:resize", {"image": data, "width": 40, "keepMetadata": True}))
    assert kept.getexif().get(ORIENTATION, 1) == 1 and kept.getexif()[0x010F]
    assert near(corners(kept), [RED, GREEN, BLUE, YELLOW], 24)

    info = c.call("image:info", {"image": data})
    assert info["orientation"] == orientation
    assert (info["orientedWidth"], info["orientedHeight"]) == (80, 40)
    assert (info["width"], info["height"]) == ((40, 80) if orientation > 4 else (80, 40))


def test_orientation_left_alone(c):
    data = {"image": turned(6, "JPEG"), "width": 20, "orient": False}
    im = decode(c.call("image:resize", data))
    assert im.size == (20, 40) and not im.getexif()
    kept = decode(c.call("image:resize", {**data, "keepMetadata": True}))
    assert kept.size == (20, 40) and kept.getexif()[ORIENTATION] == 6


def test_cover_cuts_what_is_shown(c):
    """The box is of the upright image, also where it is cut."""
    data = {"image": turned(6, "JPEG"), "width": 10, "height": 20, "position": "left"}
    got = corners(decode(c.call("image:resize", data)))
    assert near(got[0], RED, 24) and near(got[1], RED, 24) and near(got[2], BLUE, 24)


# ---- colours


def test_alpha_is_kept(c):
    im = quarters(mode="RGBA")
    im.putalpha(Image.linear_gradient("L").resize(im.size))
    for target in ("png", "webp"):
        data = {"image": encode(im), "width": 40, "format": target, "lossless": True}
        got = decode(c.call("image:resize", data))
        assert got.mode == "RGBA"
        assert near([p[3] for p in corners(got, "RGBA")], [32, 32, 223, 223], 20)


def test_alpha_does_not_bleed(c):
    """The colour of what cannot be seen is no part of the result."""
    im = Image.new("RGBA", (80, 40), (0, 255, 0, 0))
    im.paste((255, 0, 0, 255), (0, 0, 37, 40))
    got = decode(c.call("image:resize", {"image": encode(im), "width": 10}))
    for x in range(10):
        r, g, b, a = got.getpixel((x, 2))
        assert a < 30 or (r > 200 and g < 60), (x, r, g, b, a)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("background", [None, "#204080", "#FF0000"])
def test_jpeg_has_a_background(c, background, mode):
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0)).convert(mode)
    data = {"image": encode(clear), "width": 20, "format": "jpeg"}
    wanted = (255, 255, 255)
    if background:
        data["background"] = background
        wanted = tuple(bytes.fromhex(background[1:]))
    assert near(corners(decode(c.call("image:resize", data)))[0], wanted)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("background", ["#808080", "#204080", "#20408000"])
@pytest.mark.parametrize("format", ["png", "webp"])
def test_background_of_contain(c, mode, background, format):
    """Grey or not, with alpha or not: the canvas has the colour that was asked for."""
    data = {"image": encode(quarters(80, 20, mode)), "width": 40, "height": 40,
            "fit": "contain", "background": background, "format": format, "lossless": True}
    got = decode(c.call("image:resize", data))
    wanted = tuple(bytes.fromhex(background[1:]))
    assert got.size == (40, 40)
    assert near(got.convert("RGBA").getpixel((20, 2))[3], wanted[3] if wanted[3:] else 255, 0)
    if wanted[3:] != (0,):
        assert near(got.convert("RGB").getpixel((20, 2)), wanted[:3], 2)


def test_grey_stays_grey(c):
    im = Image.linear_gradient("L")
    for options in ({}, {"icc_profile": SRGB}):
        got = decode(c.call("image:resize", {"image": encode(im, "JPEG", **options), "width": 64}))
        assert got.mode == "L" and "icc_profile" not in got.info
        assert near([p[0] for p in corners(got)], [32, 32, 223, 223], 8)


def test_palette_bilevel_and_sixteen_bits(c):
    palette = quarters().convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    got = decode(c.call("image:resize", {"image": encode(palette), "width": 40}))
    assert near(corners(got), [RED, GREEN, BLUE, YELLOW], 24)
    bilevel = Image.new("1", (40, 40), 1)
    got = decode(c.call("image:resize", {"image": encode(bilevel), "width": 20}))
    assert near(corners(got)[0], (255, 255, 255), 1)
    deep = Image.new("I;16", (40, 40), 0x4000)
    assert c.call("image:info", {"image": encode(deep)})["depth"] == 16
    got = decode(c.call("image:resize", {"image": encode(deep), "width": 20}))
    assert got.mode == "L" and near(corners(got)[0][0], 0x40, 2)


def test_transparent_palette(c):
    im = Image.new("P", (40, 40), 1)
    im.putpalette([0, 0, 0, 10, 200, 10])
    im.paste(0, (0, 0, 20, 40))
    got = decode(c.call("image:resize", {"image": encode(im, transparency=0), "width": 20}))
    assert got.convert("RGBA").getpixel((2, 2))[3] == 0
    assert near(got.convert("RGBA").getpixel((17, 2)), GREEN + (255,))


def test_cmyk(c):
    """Four inks become three colours."""
    im = quarters(mode="CMYK")
    data = encode(im, "JPEG", quality=95)
    info = c.call("image:info", {"image": data})
    assert (info["channels"], info["space"], info["hasAlpha"]) == (4, "cmyk", False)
    got = decode(c.call("image:resize", {"image": data, "width": 40, "format": "png"}))
    assert got.mode == "RGB"
    for shown, ink in zip(corners(got), (RED, GREEN, BLUE)):  # inks are not lights
        assert max(shown) == shown[ink.index(max(ink))] > 100, (shown, ink)
    assert near(corners(got)[3], (255, 216, 12), 40)


def swapped_profile():
    """An RGB profile whose red is blue, by exchanging its two columns."""
    raw = bytearray(SRGB)
    n = struct.unpack(">I", raw[128:132])[0]
    for i in range(n):
        at = 132 + 12 * i
        tag = bytes(raw[at:at + 4])
        if tag in (b"rXYZ", b"bXYZ"):
            raw[at:at + 4] = b"bXYZ" if tag == b"rXYZ" else b"rXYZ"
    return bytes(raw)


def test_profile_becomes_srgb(c):
    """Pixels are what the profile says they are, and need none afterwards."""
    data = encode(Image.new("RGB", (40, 40), (250, 10, 10)), icc_profile=swapped_profile())
    assert c.call("image:info", {"image": data})["hasProfile"] is True
    got = decode(c.call("image:resize", {"image": data, "width": 20}))
    assert near(corners(got)[0], (10, 10, 250), 20)
    assert "icc_profile" not in got.info
    kept = decode(c.call("image:resize", {"image": data, "width": 20, "keepMetadata": True}))
    assert near(corners(kept)[0], (10, 10, 250), 20)
    name = ImageCms.getProfileDescription(
        ImageCms.ImageCmsProfile(io.BytesIO(kept.info["icc_profile"])))
    assert "sRGB" in name


def test_broken_profile_is_no_obstacle(c):
    data = encode(quarters(), "JPEG", icc_profile=b"no profile at all" * 20)
    got = decode(c.call("image:resize", {"image": data, "width": 40}))
    assert near(corners(got), [RED, GREEN, BLUE, YELLOW], 24)


# ---- options of formats


def test_quality(c):
    im = Image.effect_noise((200, 200), 80).convert("RGB")
    for name in ("jpeg", "webp"):
        sizes = [len(c.call("image:resize", {"image": encode(im), "width": 200, "format": name,
                                             "quality": q})) for q in (10, 50, 95)]
        assert sizes == sorted(set(sizes))
        default = c.call("image:resize", {"image": encode(im), "width": 200, "format": name})
        assert default == c.call("image:resize", {"image": encode(im), "width": 200,
                                                  "format": name, "quality": 80})


def test_lossless_and_compression(c):
    im = quarters()
    exact = c.call("image:resize", {"image": encode(im), "width": 80, "format": "webp",
                                    "lossless": True})
    assert decode(exact).convert("RGB").tobytes() == im.tobytes()
    sizes = [len(c.call("image:resize", {"image": encode(im), "width": 80, "compression": n}))
             for n in (0, 9)]
    assert sizes[0] > 80 * 40 * 3 > sizes[1]


def test_metadata_is_stripped(c):
    """No camera, place or comment leaves with the image, unless it is asked for."""
    exif = Image.Exif()
    exif[0x010F] = "SECRETMAKER"
    for name in ("JPEG", "PNG", "WEBP"):
        data = encode(quarters(), name, exif=exif, icc_profile=SRGB)
        assert b"SECRETMAKER" in data
        assert b"SECRETMAKER" not in c.call("image:resize", {"image": data, "width": 40})
        kept = c.call("image:resize", {"image": data, "width": 40, "keepMetadata": True})
        assert b"SECRETMAKER" in kept
    plain = encode(quarters(), "JPEG")
    commented = plain[:2] + b"\xff\xfe\0\x0fSECRETCOMMENT" + plain[2:]
    assert decode(commented).info["comment"] == b"SECRETCOMMENT"
    assert b"SECRET" not in c.call("image:resize", {"image": commented, "width": 40})


# ---- info


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_info(c, format, mode):
    if (format, mode) in (("jpeg", "RGBA"), ("webp", "L")):
        pytest.skip("the format has no such images")
    im = quarters(81, 43, mode)
    if mode == "RGBA":
        im.putalpha(100)
    data = encode(im, FORMATS[format])
    assert c.call("image:info", {"image": data}) == {
        "format": format, "bytes": len(data), "width": 81, "height": 43, "orientation": 1,
        "orientedWidth": 81, "orientedHeight": 43, "channels": len(mode), "depth": 8,
        "pages": 1, "space": "b-w" if mode == "L" else "srgb", "hasAlpha": mode == "RGBA",
        "hasProfile": False, "progressive": False,
    }


def test_info_of_what_is_built_otherwise(c):
    progressive = encode(quarters(), "JPEG", progressive=True)
    assert c.call("image:info", {"image": progressive})["progressive"] is True
    moving = encode(quarters(), "WEBP", save_all=True,
                    append_images=[quarters().rotate(180), quarters()])
    assert c.call("image:info", {"image": moving})["pages"] == 3
    got = decode(c.call("image:resize", {"image": moving, "width": 40}))
    assert getattr(got, "n_frames", 1) == 1
    assert near(corners(got), [RED, GREEN, BLUE, YELLOW], 24)


def test_info_reads_the_header_alone(c):
    """An image that claims 900 million pixels is told about at once."""
    info = c.call("image:info", {"image": claim(30000, 30000)})
    assert (info["width"], info["height"]) == (30000, 30000)


# ---- damage


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def claim(width, height, depth=8, colour=0, interlaced=0, rows=0):
    """A PNG of a few bytes, with `rows` of the rows that its header claims."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    line = bytes(1 + width * channels * depth // 8)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(line * rows, 9)) + chunk(b"IEND", b""))


@pytest.mark.parametrize("name", FORMATS)
def test_cut_short(c, name):
    """At whatever byte an image ends too early, that is an error and nothing else."""
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    whole = encode(noise, FORMATS[name])
    # the last bytes may be an end mark that no reader needs
    for n in list(range(12, 200, 7)) + [len(whole) // 2, len(whole) - 40]:
        error = failure(c, "image:resize", {"image": whole[:n], "width": 20})
        assert (error.code, error.reason) == ("WORKER_ERROR", "failed"), n
    assert c.call("image:resize", {"image": whole, "width": 20})


def test_changed_bytes(c):
    """Damage is an error or an image, and the worker lives on."""
    pid = c.stats()["pools"][0]["workers"][0]["pid"]
    for name in FORMATS.values():
        whole = bytearray(encode(Image.effect_noise((64, 64), 90).convert("RGB"), name))
        for i in range(12, len(whole), max(1, len(whole) // 60)):
            broken = bytes(whole[:i]) + bytes([whole[i] ^ 0x55]) + bytes(whole[i + 1:])
            error, result = c.submit("image:resize", {"image": broken, "width": 20}).wait()
            if error is not None:
                assert error["code"] in ("WORKER_ERROR", "TOO_LARGE")
                assert error["reason"] if error["code"] == "WORKER_ERROR" else True
                assert error.get("reason") != "crashed"
            else:
                assert decode(result).width == 20
    assert c.stats()["pools"][0]["workers"][0]["pid"] == pid


def test_other_formats_are_refused(c):
    """The library could read these; nothing but the three is let near it."""
    im = quarters()
    others = [encode(im, f) for f in ("GIF", "TIFF", "BMP", "PPM", "JPEG2000", "ICO")]
    others += [b"", b"\xff\xd8", b"RIFF", b"RIFF\x10\0\0\0WAVEfmt ", b"hello",
               b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', b"%PDF-1.4\n"]
    for data in others:
        for task, more in (("image:resize", {"width": 8}), ("image:info", {}),
                           ("image:thumbnail", {"size": 8})):
            error = failure(c, task, {"image": data, **more})
            assert (error.code, error.reason) == ("WORKER_ERROR", "failed")
            assert "no JPEG, PNG or WebP" in error.message


def damaged(at, xor=0x55):
    """A PNG with a wrong byte."""
    whole = encode(Image.effect_noise((64, 64), 90).convert("RGB"))
    return whole[:at] + bytes([whole[at] ^ xor]) + whole[at + 1:]


REASONS = [
    (damaged(29), r"image cannot be read as png: .*CRC.*"),
    (claim(0, 10), r"image cannot be read as png: .*width.*"),
    (encode(quarters())[:20], r"image cannot be read as png: \w.*"),
    (damaged(3000), r"image cannot be decoded, or not be written as png of 20 x 20 pixels: "
                    r".*png.*CRC.*"),
    (encode(quarters(), "JPEG")[:100], r"image cannot be read as jpeg: .*[Pp]remature end.*"),
    (encode(quarters(), "WEBP")[:30], r"image cannot be read as webp: \w.*"),
    (b"GIF89a\0\n\xff-and-more", r"image is no JPEG, PNG or WebP image, but 18 bytes that begin "
                               r'with "GIF89a\?\?\?-an"'),
]


@pytest.mark.parametrize("image,message", REASONS)
def test_reasons(c, image, message):
    """An error says in one line what was wrong, and not what was wrong before."""
    data = {"image": image, "width": 20, "height": 20}
    first = failure(c, "image:resize", data).message
    assert re.fullmatch(message, first) and "error in tile" not in first
    assert failure(c, "image:resize", data).message == first


# ---- bad calls

GOOD = {"image": b"x", "width": 10}
BAD = [
    ("image", {"width": 10}), ("image", {"image": 7, "width": 10}), ("width", {"image": b"x"}),
    ("width", {**GOOD, "width": 0}), ("width", {**GOOD, "width": "10"}),
    ("height", {**GOOD, "height": -1}), ("height", {**GOOD, "height": 1.5}),
    ("fit", {**GOOD, "fit": "crop"}), ("position", {**GOOD, "position": "north"}),
    ("format", {**GOOD, "format": "gif"}), ("format", {**GOOD, "format": "JPEG"}),
    ("quality", {**GOOD, "quality": 0}), ("quality", {**GOOD, "quality": 101}),
    ("compression", {**GOOD, "compression": 10}), ("lossless", {**GOOD, "lossless": 1}),
    ("orient", {**GOOD, "orient": None}), ("keepMetadata", {**GOOD, "keepMetadata": "yes"}),
    ("withoutEnlargement", {**GOOD, "withoutEnlargement": 0}),
    ("maxPixels", {**GOOD, "maxPixels": 0}), ("crop", {**GOOD, "crop": True}),
]


@pytest.mark.parametrize("field,data", BAD)
def test_bad_fields(c, field, data):
    error = failure(c, "image:resize", data)
    assert error.code == "INVALID_ARGUMENT" and error.error["field"] == field


@pytest.mark.parametrize(
    "colour", ["", "#", "#fff", "ffffff", "#fffffg", "#fffffff", "#fffffffff", "red",
               "#ffffff\0", "# fffff", "#+fffff"])
def test_bad_backgrounds(c, colour):
    error = failure(c, "image:resize",
                    {"image": encode(quarters()), "width": 10, "background": colour})
    assert error.code == "INVALID_ARGUMENT" and error.error["field"] == "background"


def test_jpeg_background_is_opaque(c):
    data = {"image": encode(quarters()), "width": 10, "background": "#ffffff80"}
    assert c.call("image:resize", data)
    error = failure(c, "image:resize", {**data, "format": "jpeg"})
    assert error.code == "INVALID_ARGUMENT" and error.error["field"] == "background"


# ---- processes


@functools.lru_cache
def wide_png():
    """An image that takes seconds: 90 million pixels, made row by row."""
    return claim(30000, 3000, colour=2, rows=3000)


def test_cancel_in_the_middle(morod):
    """It stops by itself: the worker is the same afterwards."""
    with morod(module=MODULE, workers=1) as d, d.client() as c:
        pid = d.worker_pids()[0]
        data = {"image": wide_png(), "width": 8000, "height": 8000, "fit": "fill", "format": "png"}
        task = c.submit("image:resize", data, id="big", progress=True)
        c.read_until(lambda: any(m[1] == "progress" for m in c.unasked))
        c.request("cancel", {"id": "big"})
        assert task.error()["code"] == "CANCELLED"
        assert c.call("image:resize", {"image": encode(quarters()), "width": 8})
        assert d.worker_pids() == [pid]
        shares = [m[2][1] for m in c.unasked if m[1] == "progress"]
        assert all(0 <= s["done"] <= s["total"] == 100 for s in shares)


def test_timeout_in_the_middle(morod):
    with morod(module=MODULE, workers=1) as d, d.client() as c:
        data = {"image": wide_png(), "width": 8000, "height": 8000, "fit": "fill", "format": "png"}
        assert c.submit("image:resize", data, timeout=300).error()["code"] == "TIMEOUT"
        assert c.call("image:resize", {"image": encode(quarters()), "width": 8})


def test_workers_that_are_forked_later(morod):
    """The master has started the library and has never used it: its children can."""
    with morod(module=MODULE, workers=2) as d, d.client() as c:
        for _ in range(3):
            calls = [c.submit("image:thumbnail", {"image": encode(quarters()), "size": 9},
                              retry={"max": 3}) for _ in range(8)]
            assert all(decode(call.result()).size == (9, 9) for call in calls)
            pids = d.worker_pids()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: len(set(d.worker_pids()) - set(pids)) == 2, "new workers")
        assert len(os.listdir(f"/proc/{d.process.pid}/task")) == 1


def test_master_is_idle_and_morod_is_light(morod):
    """One thread in the master; without the module no libvips at all."""
    with morod(module=MODULE) as d:
        assert len(os.listdir(f"/proc/{d.process.pid}/task")) == 1
        assert "libvips" in pathlib.Path(f"/proc/{d.process.pid}/maps").read_text()
    with morod() as d:
        assert "libvips" not in pathlib.Path(f"/proc/{d.process.pid}/maps").read_text()


def test_log_stays_quiet(morod):
    """What a hundred odd images make the libraries say is not for the log."""
    whole = encode(quarters(), "JPEG")
    odd = whole[:2] + b"\xff\xfe\0\4ab" + whole[2:-2] + b"junkjunk\xff\xd9"
    broken = encode(quarters(), "JPEG", icc_profile=b"no profile at all" * 20)
    with morod(module=MODULE) as d, d.client() as c:
        for i in range(100):
            c.submit("image:resize", {"image": (odd, broken)[i % 2], "width": 20}).wait()
        assert "WARNING" not in d.log() and "VIPS" not in d.log()


def test_files(morod, files):
    """The image may stand in a file that is passed, and the result go to one."""
    data = encode(quarters(), "JPEG")
    source, out = files.make(b"junk" + data), files.make()
    with morod(module=MODULE) as d, connect(d) as c:
        wanted = {"image": range_of(0, len(data), offset=4), "width": 40}
        submit(c, "image:resize", wanted, [source, out], resultFd=1).result()
        assert read_all(out) == c.call("image:resize", {"image": data, "width": 40})
        info = submit(c, "image:info", {"image": wanted["image"]}, [source]).result()
        assert (info["width"], info["bytes"]) == (80, len(data))
