"""Colour and texture of images: their statistics, and images brought to the statistics of others. Experiment 4 calls it."""

from collections.abc import Callable, Iterator

import numpy as np

from cifake import protocol
from cifake.data import decoding, importing

CHUNK = 1_000  # images whose spectra are in memory at once
GREY = np.array([0.299, 0.587, 0.114])  # luminance from red, green and blue (ITU-R BT.601)
FREQUENCIES = protocol.IMAGE_SHAPE[0] // 2 + 1  # 0 to 16 cycles per image width


def _radius(columns: int) -> np.ndarray:
    """The spatial frequency, rounded to whole cycles, of each place of a 2D spectrum with that many columns; at most the highest."""
    side = protocol.IMAGE_SHAPE[0]
    down, right = np.fft.fftfreq(side, 1 / side), np.fft.fftfreq(side, 1 / side)[:columns]
    return np.minimum(np.rint(np.hypot(down[:, None], right)).astype(int), FREQUENCIES - 1)


def colours(images: np.ndarray) -> np.ndarray:
    """Mean (row 0) and standard deviation (row 1) of red, green and blue over all pixels, float64 [2, 3], from 0 to 255."""
    levels = np.arange(256)
    found = []
    for channel in range(images.shape[-1]):
        counts = sum(np.bincount(chunk[..., channel].ravel(), minlength=256) for chunk in _chunks(images))
        mean = np.average(levels, weights=counts)
        found.append((mean, np.sqrt(np.average((levels - mean) ** 2, weights=counts))))
    return np.array(found).T


def power(images: np.ndarray) -> np.ndarray:
    """Mean power of the images' luminance by spatial frequency, float64 [17]: 0 to 16 cycles per image width.

    The corners of the spectrum, beyond 16 cycles, count as 16.
    """
    radius, total = _radius(protocol.IMAGE_SHAPE[1]), 0
    for chunk in _chunks(images):
        total = total + (np.abs(np.fft.fft2(chunk @ GREY)) ** 2).sum(axis=0)
    mean = total / (len(images) * radius.size)
    return np.bincount(radius.ravel(), weights=mean.ravel()) / np.bincount(radius.ravel())


def with_colours_of(others: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Images whose channels are shifted and scaled to the means and deviations of others; uint8 [n, 32, 32, 3] all."""
    (mean, deviation), (wanted_mean, wanted_deviation) = colours(images), colours(others)
    return _by_chunks(images, lambda chunk: (chunk - mean) * (wanted_deviation / deviation) + wanted_mean)


def with_spectrum_of(others: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Images that are filtered, so that their mean power by spatial frequency is that of others; the mean colour stays."""
    gain = np.sqrt(power(others) / power(images))
    gain[0] = 1
    shape, axes = protocol.IMAGE_SHAPE[:2], (1, 2)
    filtering = gain[_radius(protocol.IMAGE_SHAPE[1] // 2 + 1)][..., None]
    return _by_chunks(images, lambda chunk: np.fft.irfft2(np.fft.rfft2(chunk, axes=axes) * filtering, shape, axes))


def saved_again(images: np.ndarray) -> np.ndarray:
    """What is left of images after they were saved as JPEG with CIFAKE's settings."""
    return np.stack([decoding.decode_image(importing.encode(image))[0] for image in images])


def _by_chunks(images: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What becomes of images, rounded to whole levels from 0 to 255."""
    return np.concatenate([np.clip(np.rint(change(chunk)), 0, 255).astype(np.uint8) for chunk in _chunks(images)])


def _chunks(images: np.ndarray) -> Iterator[np.ndarray]:
    return (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))
