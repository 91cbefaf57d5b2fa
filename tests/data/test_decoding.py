"""From files to pixels: the right value for every kind of JPEG and PNG, and every damaged one is named."""

import io
import struct
import zlib

import numpy as np
import pytest
from conftest import jpeg
from PIL import Image

from cifake import protocol
from cifake.data import decoding
from cifake.system.errors import StudyError

PLAIN = jpeg(1, "REAL", 0)
PICTURE = Image.open(io.BytesIO(PLAIN))
CORNER = Image.new("RGB", (32, 32))  # black, and white in the upper left quarter
CORNER.paste((255, 255, 255), (0, 0, 16, 16))
QUARTERS = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}  # orientation -> the white one


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int, image: Image.Image = CORNER, kind: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, kind, exif=exif)


def with_segment(content: bytes, data: bytes) -> bytes:
    """A JPEG with one more APP1 segment."""
    return content[:2] + b"\xff\xe1" + (len(data) + 2).to_bytes(2, "big") + data + content[2:]


def decoded(content: bytes) -> np.ndarray:
    return decoding.decode_image(content)[0].astype(int)


def fault(content: bytes) -> str:
    with pytest.raises(ValueError) as problem:
        decoding.decode_image(content)
    return str(problem.value)


# ------------------------------------------------------------------------------------------------------------------ JPEGs

XMP = b'http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
LARGE = PICTURE.resize((90, 61))
GOOD = {
    "plain": PLAIN,
    "restart markers": encoded(LARGE, restart_marker_blocks=1),
    "progressive": encoded(PICTURE, progressive=True),
    "progressive with restart markers": encoded(LARGE, progressive=True, restart_marker_blocks=3),
    "large": encoded(PICTURE.resize((900, 700)), optimize=True),
    "fine colours": encoded(PICTURE, subsampling=0, quality=100),
    "grey": encoded(PICTURE.convert("L")),
    "progressive grey": encoded(LARGE.convert("L"), progressive=True),
    "CMYK": encoded(LARGE.convert("CMYK")),
    "one pixel": encoded(Image.new("RGB", (1, 1), (9, 99, 199))),
    "a comment with markers in it": encoded(PICTURE, comment=b"\xff\xd9\xff\xda" * 700),
    "more after the end": PLAIN + b"\xff\xd8\xff\xe5 a preview, or whatever a camera adds",
    "several pictures": encoded(PICTURE, "MPO", save_all=True, append_images=[CORNER]),
    "fill bytes": PLAIN[:-2] + b"\xff\xff" + PLAIN[-2:],
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_jpeg_has_pillows_pixels(kind):
    with Image.open(io.BytesIO(GOOD[kind])) as image:
        right = image.convert("RGB").resize((32, 32), Image.Resampling.LANCZOS)
        is_as_in_cifake = (image.mode, image.size) == ("RGB", (32, 32))
    pixels, was_converted = decoding.decode_image(GOOD[kind])
    assert (pixels.dtype, pixels.shape) == (np.uint8, protocol.IMAGE_SHAPE)
    assert np.array_equal(pixels, np.asarray(right))
    assert was_converted is not is_as_in_cifake


@pytest.mark.parametrize("kind", ["plain", "restart markers", "progressive", "grey", "CMYK"])
def test_a_jpeg_that_is_cut_anywhere_is_named(kind):
    content = GOOD[kind]
    for cut in {*range(10, len(content) - 1, max(1, len(content) // 300)), len(content) - 2, len(content) - 1}:
        assert fault(content[:cut]) == "truncated"


def test_an_end_marker_hides_no_missing_rows():
    start = PLAIN.index(b"\xff\xda") + 14
    assert {fault(PLAIN[:cut] + b"\xff\xd9") for cut in range(start, len(PLAIN) - 2) if PLAIN[cut - 1] != 0xFF} == {"truncated"}


@pytest.mark.parametrize("kind", ["progressive", "progressive with restart markers", "progressive grey"])
def test_a_progressive_jpeg_that_lacks_scans_is_named(kind):
    content = GOOD[kind]
    scans = [place for place in range(len(content)) if content.startswith(b"\xff\xda", place)]
    assert len(scans) > 4
    for place in scans[1:]:
        tables = content.rfind(b"\xff\xc4", 0, place)  # of the scan, before it
        assert fault(content[:tables] + b"\xff\xd9") == "truncated"


@pytest.mark.parametrize("code", [0x01, 0xC4, 0xD3, 0xD8, 0xE5])
@pytest.mark.parametrize("kind", ["plain", "progressive", "restart markers"])
def test_a_stray_marker_in_the_data_is_named(kind, code):
    content = GOOD[kind]
    heads = [place for place in range(len(content)) if content.startswith(b"\xff\xda", place)]
    starts = [place + 2 + int.from_bytes(content[place + 2 : place + 4]) for place in heads]
    start, end = max(((place, decoding.MARKER.search(content, place).start()) for place in starts), key=lambda scan: scan[1] - scan[0])
    for place in range(start + 1, end - 3, 7):
        if b"\xff" not in content[place - 1 : place + 3]:
            assert fault(content[:place] + bytes([0xFF, code]) + content[place + 2 :])


@pytest.mark.parametrize(("orientation", "kind"), [*((number, "JPEG") for number in QUARTERS), (6, "PNG")])
def test_a_picture_is_turned_upright(orientation, kind):
    row, column = QUARTERS[orientation]
    for image in (CORNER, CORNER.resize((80, 80))):
        quarters = decoded(turned(orientation, image, kind)).mean(2).reshape(2, 16, 2, 16).mean((1, 3))
        assert quarters.argmax() == 2 * row + column and quarters.max() > 200 and np.sort(quarters.ravel())[2] < 50


def test_xmp_turns_a_picture_and_damaged_exif_does_not():
    plain = encoded(CORNER)
    assert np.array_equal(decoded(with_segment(plain, XMP)), decoded(turned(6)))
    for exif in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense"):
        assert np.array_equal(decoded(with_segment(plain, exif)), decoded(plain))


# ------------------------------------------------------------------------------------------------------------------- PNGs

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # colour types
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}  # bits


def png(samples: np.ndarray, bits: int, kind: int, **chunks: bytes) -> bytes:
    """A PNG of whole samples, int [32, 32, channels], written by hand."""
    lines = samples.reshape(32, -1)
    packed = lines.astype(">u2").view(np.uint8) if bits == 16 else np.packbits(lines[..., None] >> np.arange(bits)[::-1] & 1, axis=None)
    rows = b"".join(b"\0" + row.tobytes() for row in packed.reshape(32, -1))
    header = struct.pack(">IIBBBBB", 32, 32, bits, kind, 0, 0, 0)
    parts = {"IHDR": header, **chunks, "IDAT": zlib.compress(rows), "IEND": b""}
    made = (name.encode() + data for name, data in parts.items())
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in made)


@pytest.mark.parametrize("is_transparent", [False, True])
@pytest.mark.parametrize(("kind", "bits"), [(kind, bits) for kind, depths in DEPTHS.items() for bits in depths])
def test_every_kind_of_png_has_its_levels_and_white_where_it_is_transparent(kind, bits, is_transparent):
    random, most = np.random.default_rng(bits), 2**bits - 1
    samples = random.integers(0, most + 1, (32, 32, CHANNELS[kind]))
    samples[:16, :16] = samples[0, 0]  # the transparent colour
    samples[16:, 16:] = samples[0, 0] ^ (kind != PALETTE)  # differs in the last bit, and is opaque
    levels, opaque, chunks = samples * 255 / most, np.ones((32, 32, 1)), {}
    if kind in (GREY, RGB) and is_transparent:
        chunks["tRNS"] = samples[0, 0].astype(">u2").tobytes()
        opaque = (samples != samples[0, 0]).any(2, keepdims=True)
    elif kind == PALETTE:
        palette, alpha = random.integers(0, 256, (most + 1, 3)), random.integers(0, 256, most + 1)
        chunks = {"PLTE": palette.astype(np.uint8).tobytes()} | ({"tRNS": alpha.astype(np.uint8).tobytes()} if is_transparent else {})
        levels, opaque = palette[samples[..., 0]], (alpha[samples] / 255 if is_transparent else opaque)
    elif kind in (GREY_ALPHA, RGB_ALPHA):
        if not is_transparent:
            samples[..., -1] = most
        levels, opaque = levels[..., :-1], samples[..., -1:] / most
    right = levels * opaque + 255 * (1 - opaque)
    tolerance = 2 if kind in (GREY_ALPHA, RGB_ALPHA) else 1  # Pillow has rounded colour and alpha
    assert np.abs(decoded(png(samples, bits, kind, **chunks)) - right).max() < tolerance


def test_an_opaque_colour_does_not_turn_white():
    samples = np.full((32, 32, 3), (2570, 5140, 7710))
    assert (decoded(png(samples, 16, RGB, tRNS=struct.pack(">3H", 10, 20, 30))) == (10, 20, 30)).all()


def test_conversions_are_counted():
    as_in_cifake = [PLAIN, encoded(PICTURE, "PNG"), encoded(PICTURE, progressive=True)]
    others = [encoded(PICTURE.convert("P"), "PNG"), encoded(PICTURE.convert("L"), "PNG"), encoded(LARGE, "PNG")]
    pixels, converted = decoding.decode(as_in_cifake + others, [""] * 6, "test")
    assert converted == 3
    assert np.array_equal(pixels[1], np.asarray(PICTURE))


# ------------------------------------------------------------------------------------------------------------------ faults


def test_all_faults_are_listed_together():
    whole = encoded(PICTURE, "PNG")
    contents = [PLAIN, PLAIN[:400], b"", PLAIN, b"GIF89a" + PLAIN, *[whole[:-100]] * 10]
    with pytest.raises(StudyError) as problem:
        decoding.decode(contents, [f"image {number}" for number in range(15)], "test")
    first, *lines = str(problem.value).splitlines()
    assert first.startswith("13 image(s)")
    assert lines[:4] == ["  image 1: truncated", "  image 2: empty", "  image 4: not a JPEG or PNG image", "  image 5: truncated"]
    assert (len(lines), lines[-1]) == (11, "  and 3 more")


def test_a_picture_that_is_too_large_is_called_that(monkeypatch):
    huge = png(np.zeros((32, 32, 1), int), 8, GREY).replace(struct.pack(">II", 32, 32), struct.pack(">II", 20_000, 20_000))
    huge = huge[:29] + struct.pack(">I", zlib.crc32(huge[12:29])) + huge[33:]
    assert fault(huge) == "too large: more than 178 million pixels"

    def refuse(*_):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "convert", refuse)
    assert fault(PLAIN) == "too large for the memory of this machine"


def test_damaged_bytes_are_an_image_or_a_named_fault():
    """A few hundred damaged files: never another exception, and no warning of a library."""
    random, refused = np.random.default_rng(0), 0
    for good in (PLAIN, GOOD["progressive"], encoded(PICTURE, "PNG"), png(np.full((32, 32, 3), 7), 16, RGB, tRNS=b"\0\7" * 3)):
        for _ in range(100):
            content = bytearray(good)
            for place in random.integers(0, len(content), random.integers(1, 6)):
                content[place] = random.integers(256)
            try:
                assert decoded(bytes(content)).shape == protocol.IMAGE_SHAPE
            except ValueError:
                refused += 1
    assert 0 < refused < 400
