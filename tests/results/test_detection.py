"""REAL or FAKE by the spectrum of 8x8 blocks."""

import numpy as np
import pytest

from cifake import protocol
from cifake.results import detection


def test_a_wave_stands_out_at_its_own_coefficient():
    wave = np.cos(np.pi * (np.arange(32) % 8 + 0.5) * 3 / 8)  # the third along a row, of each block
    image = np.broadcast_to(np.rint(128 + 80 * wave)[None, :, None], (32, 32, 3)).astype(np.uint8)
    found = detection.spectra(image[None]).reshape(3, 8, 8)
    luma = found[0].copy()
    luma[0, 0] = -np.inf  # the mean brightness
    assert np.unravel_index(luma.argmax(), luma.shape) == (0, 3)
    assert found[1:].max() < 0 < luma.max()  # grey has no chroma


def test_more_images_than_a_chunk_are_in_order():
    images = np.random.default_rng(1).integers(0, 256, (detection.CHUNK + 5, 32, 32, 3), np.uint8)
    assert detection.spectra(images)[-5:] == pytest.approx(detection.spectra(images[-5:]), abs=1e-5)


def test_smoothed_images_are_told_from_others_and_equal_ones_are_not():
    def images(number: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, (number, 32, 32, 3), np.uint8)

    sizes = {"train": 60, "test": 40}
    sharp = {
        (source, split): images(sizes[split], 10 * a + b) for a, source in enumerate(protocol.SOURCES) for b, split in enumerate(sizes)
    }
    smooth = {
        part: ((pixels + np.roll(pixels, 1, 2).astype(int)) // 2).astype(np.uint8) if part[0] == "FAKE" else pixels
        for part, pixels in sharp.items()
    }
    alike, apart = detection.measure(sharp), detection.measure(smooth)
    assert (apart["training_images"], apart["test_images"]) == (120, 80)
    for name in apart["classifiers"]:
        assert apart["classifiers"][name]["accuracy"] > 0.95
        assert alike["classifiers"][name]["accuracy"] == pytest.approx(0.5, abs=0.25)
