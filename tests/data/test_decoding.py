"""From files to pixels to batches: Pillow's pixels, every fault named, an order that follows from seed and epoch alone."""

import gc
import io
import weakref

import numpy as np
import pytest
from conftest import jpeg
from PIL import Image

from cifake import protocol
from cifake.data import batches, decoding
from cifake.system.errors import StudyError


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_the_fast_decoder_gives_pillows_pixels():
    contents = [jpeg(number, "REAL", seed) for number in range(1, 11) for seed in range(5)]
    pixels, converted = decoding.decode(contents, [""] * 50, "test")
    assert pixels.dtype == np.uint8
    assert converted == 0
    for content, decoded in zip(contents, pixels, strict=True):
        assert np.array_equal(decoded, np.asarray(Image.open(io.BytesIO(content))))


def test_other_images_are_brought_to_32x32_rgb():
    plain = Image.open(io.BytesIO(jpeg(1, "REAL", 0)))
    grey, cmyk = encoded(plain.convert("L")), encoded(plain.convert("CMYK"))
    large = Image.new("RGB", (90, 60), (200, 30, 30))
    pixels, converted = decoding.decode([encoded(plain), grey, cmyk, encoded(large), encoded(large, "PNG")], [""] * 5, "test")
    assert converted == 4
    assert np.array_equal(pixels[1], np.asarray(Image.open(io.BytesIO(grey)).convert("RGB")))
    assert np.array_equal(pixels[2], np.asarray(Image.open(io.BytesIO(cmyk)).convert("RGB")))
    assert np.array_equal(pixels[4], np.full(protocol.IMAGE_SHAPE, (200, 30, 30), np.uint8))


def test_a_picture_is_turned_upright():
    picture = Image.new("RGB", (64, 64))
    picture.paste((255, 255, 255), (0, 0, 64, 32))  # the upper half is white
    exif = Image.Exif()
    exif[0x0112] = 3  # "turned by 180 degrees": upright, the lower half is white
    decoded, _ = decoding.decode_any(encoded(picture, "PNG", exif=exif))
    assert decoded[:12].max() < 50
    assert decoded[-12:].min() > 200


def test_a_transparent_ground_is_white():
    decoded, _ = decoding.decode_any(encoded(Image.new("RGBA", (40, 40), (0, 0, 0, 0)), "PNG"))
    assert decoded.min() == 255


def test_all_faults_are_listed_together():
    good = jpeg(1, "REAL", 0)
    contents = [good, good[: len(good) // 2], b"", good, b"GIF89a" + good]
    with pytest.raises(StudyError) as problem:
        decoding.decode(contents, ["zero", "one", "two", "three", "four"], "test")
    message = str(problem.value)
    assert "3 image(s)" in message
    assert all(words in message for words in ("one: truncated", "two: empty", "four: not a JPEG or PNG"))
    assert "zero" not in message
    assert "three" not in message


def test_damaged_bytes_are_an_image_or_a_named_fault():
    """A few hundred damaged files, alone and among good ones: never another exception, never a wrong count."""
    random = np.random.default_rng(0)
    good = jpeg(3, "FAKE", 1)
    damaged = []
    for _ in range(300):
        content = bytearray(good)
        for place in random.integers(0, len(content), random.integers(1, 6)):
            content[place] = random.integers(256)
        damaged.append(bytes(content[: random.integers(len(content) // 4, len(content) + 1)]))
    refused = []
    for number, content in enumerate(damaged):
        try:
            pixels, _ = decoding.decode([content], [str(number)], "test")
            assert pixels.shape == (1, *protocol.IMAGE_SHAPE)
        except StudyError:
            refused.append(number)
    assert 0 < len(refused) < 300
    with pytest.raises(StudyError, match=f"^{len(refused)} image"):
        decoding.decode([good, *damaged, good], ["", *map(str, range(300)), ""], "test")


def order_of(epochs: range, seed: int = 1, rows: int = 150) -> list[list[int]]:
    data = batches.shuffled(*batches.in_memory(np.arange(rows), np.arange(rows)), range(rows), seed, epochs)
    assert data.cardinality() == len(epochs) * 3
    return [list(inputs.numpy()) for inputs, _ in data]


def test_what_makes_batches_goes_when_they_go():
    def make(step):
        return np.full((4, 2), step, np.uint8), np.arange(4)

    data, there = batches.made(make, 3), weakref.ref(make)
    del make
    assert [int(inputs[0, 0]) for inputs, _ in data] == [0, 1, 2]
    del data
    gc.collect()
    assert there() is None  # with the arrays that it knows: 3 MB for a training of experiment 3


def test_each_epoch_has_every_row_once_in_an_order_of_its_own():
    order = order_of(range(2))
    assert [len(batch) for batch in order] == [64, 64, 22] * 2
    epochs = [np.concatenate(order[:3]).tolist(), np.concatenate(order[3:]).tolist()]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(150))
    assert epochs[0] != epochs[1]
    assert order != order_of(range(2), seed=2)


def test_an_epochs_order_follows_from_seed_and_number_alone():
    assert order_of(range(5))[9:] == order_of(range(3, 5))


def test_the_rows_for_validation_are_left_out():
    inputs, numbers = batches.in_memory(np.arange(150), np.arange(150))
    seen = [rows.numpy() for rows, _ in batches.shuffled(inputs, numbers, range(30, 150), 1, range(1))]
    assert sorted(np.concatenate(seen)) == list(range(30, 150))
    seen = [rows.numpy() for rows, _ in batches.in_order(inputs, numbers, range(30), 20)]
    assert np.concatenate(seen).tolist() == list(range(30))


def test_labels_stay_with_their_images():
    inputs, numbers = np.arange(150), np.arange(150) % 7
    for batch, labels in batches.shuffled(*batches.in_memory(inputs, numbers), range(150), 1, range(1)):
        assert np.array_equal(batch.numpy() % 7, labels.numpy())
    ordered = list(batches.in_order(*batches.in_memory(inputs, numbers), range(150), 40))
    assert np.array_equal(np.concatenate([batch.numpy() for batch, _ in ordered]), inputs)
