"""An image's pixels follow from its own bytes alone: the same alone, among CIFAKE's kind of images and among others."""

import io
import random
import warnings

import numpy as np
import pytest
from conftest import jpeg
from PIL import Image

from cifake import protocol
from cifake.data import decoding

PLAIN = [jpeg(number, "REAL", seed) for number in range(1, 11) for seed in range(3)]
GREY = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32) * 64  # 16-bit levels; the first is 0
PICTURE = Image.open(io.BytesIO(PLAIN[0]))
CORNER = Image.new("RGB", (32, 32))  # black, and white in the upper left quarter
CORNER.paste((255, 255, 255), (0, 0, 16, 16))
WHERE = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}  # orientation -> the quarter, upright


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(CORNER, exif=exif)


def with_segment(content: bytes, data: bytes) -> bytes:
    """A JPEG with one more APP1 segment."""
    return content[:2] + b"\xff\xe1" + (len(data) + 2).to_bytes(2, "big") + data + content[2:]


XMP = b'http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
CASES = {
    "plain": PLAIN[0],
    "progressive": encoded(PICTURE, progressive=True),
    "fine colours": encoded(PICTURE, subsampling=0),
    "a comment": encoded(PICTURE, comment=b"x" * 3000),
    "16-bit grey": encoded(Image.fromarray(GREY), "PNG"),
    "grey": encoded(PICTURE.convert("L")),
    "large": encoded(PICTURE.resize((90, 60))),
    "PNG": encoded(PICTURE, "PNG"),
    "palette": encoded(PICTURE.convert("P"), "PNG"),
    "animated PNG": encoded(PICTURE, "PNG", save_all=True, append_images=[CORNER]),
    "XMP orientation": with_segment(encoded(CORNER), XMP),
    "damaged Exif": with_segment(encoded(CORNER), b"Exif\0\0II*\0\xff\xff\xff\xff"),
    "Exif that is not TIFF": with_segment(encoded(CORNER), b"Exif\0\0nonsense"),
    "a frame header of 32x32 in a comment": encoded(PICTURE.resize((64, 64)), comment=decoding.FRAME.search(PLAIN[0])[0]),
    **{f"Exif orientation {orientation}": turned(orientation) for orientation in WHERE},
}


def decoded(*contents: bytes) -> np.ndarray:
    return decoding.decode(contents, [""] * len(contents), "test")[0]


@pytest.mark.parametrize("case", CASES)
def test_neighbours_do_not_matter(case):
    content = CASES[case]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        alone, _ = decoding.decode_any(content)
        others = list(CASES.values())
        random.Random(1).shuffle(others)
        for neighbours in ([], PLAIN, others):
            assert np.array_equal(decoded(*neighbours, content, *neighbours)[len(neighbours)], alone)
    assert not told


@pytest.mark.parametrize("orientation", WHERE)
def test_a_small_jpeg_is_turned_upright(orientation):
    row, column = WHERE[orientation]
    upright = decoded(turned(orientation), *PLAIN)[0].mean(2)
    quarters = upright.reshape(2, 16, 2, 16).mean((1, 3))
    assert quarters.argmax() == 2 * row + column and quarters.max() > 200 and np.sort(quarters.ravel())[2] < 50


def test_xmp_may_say_how_to_turn_it():
    assert np.array_equal(decoded(CASES["XMP orientation"], *PLAIN)[0], decoded(turned(6))[0])


@pytest.mark.parametrize("case", ["damaged Exif", "Exif that is not TIFF"])
def test_damaged_exif_turns_nothing(case):
    assert np.array_equal(decoded(CASES[case])[0], decoded(encoded(CORNER))[0])


def test_16_bit_grey_levels_are_scaled_and_not_clipped():
    expected = np.repeat((GREY // 257)[..., None], 3, axis=2)
    assert np.array_equal(decoded(CASES["16-bit grey"])[0], expected)
    assert expected.shape == protocol.IMAGE_SHAPE
