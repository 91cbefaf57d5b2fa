"""Augmentation moves and mirrors whole images by whole pixels, and the same random numbers give the same images."""

import numpy as np

from cifake import protocol
from cifake.data import augmentation

PIXELS = np.random.default_rng(0).integers(0, 256, (50, *protocol.IMAGE_SHAPE)).astype(np.uint8)
MOVES = range(-protocol.SHIFT, protocol.SHIFT + 1)


def augment(images: np.ndarray, seed: int, flip: bool = True) -> np.ndarray:
    return augmentation.augment(images, np.random.default_rng(seed), flip)


def test_augmentation_follows_from_its_random_numbers():
    first, again, other = augment(PIXELS, 7), augment(PIXELS, 7), augment(PIXELS, 8)
    assert first.dtype == np.uint8
    assert first.shape == PIXELS.shape
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({image.tobytes() for image in augment(np.repeat(PIXELS[:1], 50, 0), 1)}) > 30  # of 162 that are possible


def test_an_image_is_moved_by_whole_pixels_and_flipped_from_left_to_right():
    """The inner part of each image is found again, unchanged, at one of 81 places; of half of the images, in a mirror."""
    inner = slice(protocol.SHIFT, -protocol.SHIFT)
    flipped, places = 0, set()
    for before, after in zip(PIXELS, augment(PIXELS, 1), strict=True):
        found = [
            (down, right, mirrored)
            for mirrored in (False, True)
            for down in MOVES
            for right in MOVES
            if np.array_equal(np.roll(before[:, ::-1] if mirrored else before, (down, right), (0, 1))[inner, inner], after[inner, inner])
        ]
        assert len(found) == 1
        places.add(found[0][:2])
        flipped += found[0][2]
    assert 10 < flipped < 40
    assert {max(abs(down), abs(right)) for down, right in places} <= set(range(protocol.SHIFT + 1))
    assert len(places) > 20


def test_without_flips_the_shifts_are_the_same():
    even = augment(PIXELS, 3, flip=False)
    both = augment(PIXELS, 3)
    mirrored = [not np.array_equal(one, other) for one, other in zip(even, both, strict=True)]
    assert 10 < sum(mirrored) < 40
    assert all(np.array_equal(one[:, ::-1], other) for one, other, is_mirrored in zip(even, both, mirrored, strict=True) if is_mirrored)


def test_rotation_turns_about_the_middle_and_leaves_no_corner_black():
    bright = np.full((40, *protocol.IMAGE_SHAPE), 200, np.uint8)
    bright[:, 16, 4:28] = 0  # a line through the middle
    turned = augmentation._turned(bright, np.linspace(-15, 15, 40))
    assert (turned[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 200).all()
    heights = [np.ptp(np.nonzero(image[:, 6:26, 0] < 100)[0]) for image in turned]
    assert heights[0] in (4, 5, 6)  # 20 columns at 15 degrees
    assert min(heights) <= 1
    once, again = (augmentation.augment(PIXELS, np.random.default_rng(2), True, 15) for _ in range(2))
    assert np.array_equal(once, again)


def test_an_even_image_stays_as_it_is():
    even = np.full((20, *protocol.IMAGE_SHAPE), 77, np.uint8)
    assert np.array_equal(augment(even, 1), even)  # no black borders


def test_copies_are_told_apart_by_number_and_begin_anywhere(monkeypatch):
    copies = augmentation.copies(PIXELS, 0, 1)
    assert np.array_equal(copies, augmentation.copies(PIXELS, 0, 1))
    assert not np.array_equal(copies, augmentation.copies(PIXELS, 0, 2))
    monkeypatch.setattr(augmentation, "CHUNK", 20)
    whole = augmentation.copies(PIXELS, 0, 1)
    assert np.array_equal(whole[20:], augmentation.copies(PIXELS[20:], 20, 1))
