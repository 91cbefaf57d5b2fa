"""Colours and spectra of images, and images brought to those of others."""

import numpy as np
import pytest

from cifake.data import appearance

SIDE = 32


def noise(mean: float, deviation: float, images: int = 40, seed: int = 1) -> np.ndarray:
    """Images of independent grey noise, uint8 [n, 32, 32, 3]."""
    grey = np.random.default_rng(seed).normal(mean, deviation, (images, SIDE, SIDE, 1))
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8).repeat(3, axis=3)


def test_colours_are_means_and_deviations_over_all_pixels():
    images = np.random.default_rng(1).integers(0, 256, (1_050, SIDE, SIDE, 3), np.uint8)  # more than a chunk
    found = appearance.colours(images)
    assert found == pytest.approx(np.array([images.mean((0, 1, 2)), images.std((0, 1, 2))]))


@pytest.mark.parametrize("cycles", [1, 5, 16])
def test_a_wave_has_its_power_at_its_own_frequency(cycles):
    wave = 128 + 100 * np.cos(2 * np.pi * cycles * np.arange(SIDE) / SIDE)
    image = np.broadcast_to(np.rint(wave)[:, None, None], (SIDE, SIDE, 3)).astype(np.uint8)[None]
    power = appearance.power(image)
    assert power.shape == (17,)
    assert power[1:].argmax() + 1 == cycles
    assert power[1:].sum() == pytest.approx(power[cycles], rel=1e-2)


def test_white_noise_has_the_same_power_at_all_frequencies_and_that_is_its_variance():
    power = appearance.power(noise(128, 20, images=200))
    assert power[1:] == pytest.approx(400, rel=0.1)


def test_colours_become_those_of_others():
    images = np.random.default_rng(2).normal((90, 120, 150), (10, 20, 30), (50, SIDE, SIDE, 3)).astype(np.uint8)
    others = np.random.default_rng(3).normal((140, 100, 120), (25, 15, 20), (50, SIDE, SIDE, 3)).astype(np.uint8)
    changed = appearance.with_colours_of(others, images)
    assert (changed.dtype, changed.shape) == (np.uint8, images.shape)
    assert appearance.colours(changed) == pytest.approx(appearance.colours(others), abs=0.5)


def test_the_spectrum_becomes_that_of_others_and_the_mean_colour_stays():
    images, others = noise(128, 10, images=100), noise(100, 20, images=100, seed=2)
    others = (others.astype(int) + np.roll(others, 1, axis=1)).astype(np.float64) / 2  # smoother
    others = np.rint(others).astype(np.uint8)
    changed = appearance.with_spectrum_of(others, images)
    assert appearance.power(changed)[1:] == pytest.approx(appearance.power(others)[1:], rel=0.05)
    assert appearance.colours(changed)[0] == pytest.approx(appearance.colours(images)[0], abs=0.5)
