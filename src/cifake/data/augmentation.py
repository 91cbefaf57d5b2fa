"""Classic augmentation for 32x32 images: a random shift and a random horizontal flip of each image, in whole pixels."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from cifake import protocol

CHUNK = 1_000  # images that copies() augments at once


def augment(images: np.ndarray, random: np.random.Generator, flip: bool = True, rotation: float = 0) -> np.ndarray:
    """Images moved by up to protocol.SHIFT pixels in each direction and, half of them, flipped; uint8 [n, 32, 32, 3] both.

    The mirror image fills the gap at the border. No pixel is interpolated, unless images are turned by up to `rotation` degrees first.
    """
    if rotation:
        images = _turned(images, random.uniform(-rotation, rotation, len(images)))
    number, height, width, _ = images.shape
    border = (protocol.SHIFT, protocol.SHIFT)
    padded = np.pad(images, ((0, 0), border, border, (0, 0)), mode="reflect")
    down, right = random.integers(0, 2 * protocol.SHIFT + 1, (2, number))
    windows = sliding_window_view(padded, (height, width), axis=(1, 2))  # [n, places down, places right, 3, 32, 32]
    moved = np.moveaxis(windows[np.arange(number), down, right], 1, -1)
    is_flipped = random.random(number) < 0.5  # drawn in any case, so that the shifts are the same without flips
    if flip:
        moved[is_flipped] = moved[is_flipped, :, ::-1]
    return np.ascontiguousarray(moved)


def _turned(images: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Each image turned about its middle, bilinear; the mirror image fills the corners."""
    gap = images.shape[1] // 4  # pixels: enough for 45 degrees
    padded = np.pad(images, ((0, 0), (gap, gap), (gap, gap), (0, 0)), mode="reflect")
    turned = [Image.fromarray(image).rotate(angle, Image.Resampling.BILINEAR) for image, angle in zip(padded, degrees, strict=True)]
    return np.stack(turned)[:, gap:-gap, gap:-gap]


def copies(images: np.ndarray, first: int, number: int, flip: bool = True) -> np.ndarray:
    """The augmented copies with a number, uint8 [n, 32, 32, 3]; the images are the rows from `first` on, which starts a chunk."""
    chunks = range(0, len(images), CHUNK)
    parts = [augment(images[start : start + CHUNK], np.random.default_rng([number, first + start]), flip) for start in chunks]
    return np.concatenate(parts)
