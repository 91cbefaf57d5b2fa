"""From the bytes of image files to one array of pixels, once. TensorFlow takes images like CIFAKE's, Pillow all others: an image's
pixels follow from its own bytes alone, because both give the same pixels where TensorFlow takes an image.
"""

import io
import re
import struct
import warnings
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from cifake import protocol
from cifake.data import metadata
from cifake.system import progress
from cifake.system.errors import StudyError

JPEG = b"\xff\xd8\xff"  # how every JPEG begins
# How the header of a baseline or progressive frame of 32x32 pixels in three colours begins.
FRAME = re.compile(rb"\xff[\xc0-\xc2]\x00\x11\x08" + re.escape(struct.pack(">HHB", *protocol.IMAGE_SHAPE)))
APP1 = b"\xff\xe1"  # marks Exif and XMP, which may say that an image lies on its side
CHUNK = 1_000  # images decoded by one call: enough to keep all cores busy, and to show progress


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def _decode_chunk(contents: tf.Tensor) -> tf.Tensor:
    """32x32 RGB JPEGs -> uint8 [n, 32, 32, 3], in parallel; tf.errors.OpError if one is anything else."""
    return tf.map_fn(
        # INTEGER_ACCURATE: TensorFlow's default is a hair faster and differs from Pillow's pixels.
        lambda content: tf.ensure_shape(tf.io.decode_jpeg(content, dct_method="INTEGER_ACCURATE"), protocol.IMAGE_SHAPE),
        contents,
        fn_output_signature=tf.TensorSpec(protocol.IMAGE_SHAPE, tf.uint8),
        parallel_iterations=32,
    )


def _looks_plain(content: bytes) -> bool:
    """Whether a file seems to be like CIFAKE's: a 32x32 RGB JPEG, with nothing in it that may say how to turn it."""
    return content.startswith(JPEG) and APP1 not in content and FRAME.search(content) is not None


def decode_any(content: bytes) -> tuple[np.ndarray, bool]:
    """One image of any size and colour mode, JPEG or PNG -> uint8 [32, 32, 3] RGB, upright, antialiased, and whether size or colour
    mode had to be converted.

    Raises OSError, SyntaxError or ValueError (Pillow's choice) if it is damaged or not an image.
    """
    height, width, _ = protocol.IMAGE_SHAPE
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
        image.load()
        upright = image
        with suppress(Exception):  # damaged Exif, for which Pillow has many kinds; the pixels are whole
            upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):
            upright = Image.fromarray((np.asarray(upright) // 257).astype(np.uint8))  # 16 bits; convert would clip all above 255
        if upright.has_transparency_data:
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
        colours = upright.convert("RGB")
        if colours.size != (width, height):
            colours = colours.resize((width, height), Image.Resampling.LANCZOS)
        return np.asarray(colours), (image.format, image.mode, image.size) != ("JPEG", "RGB", (width, height))


def decode(contents: Sequence[bytes], names: Sequence[str], label: str) -> tuple[np.ndarray, int]:
    """The bytes of image files -> uint8 [n, 32, 32, 3] RGB, and how many were converted to that size and colour mode.

    Raises StudyError that lists the damaged ones. `label` is for the progress bar.
    """
    pixels = np.empty((len(contents), *protocol.IMAGE_SHAPE), np.uint8)
    converted, faults = 0, []
    with progress.bar(len(contents), f"{label}: decoding", "images") as bar:
        for start in range(0, len(contents), CHUNK):
            chunk, decoded = contents[start : start + CHUNK], None
            if all(map(_looks_plain, chunk)):
                with suppress(tf.errors.OpError):  # one of them is damaged
                    decoded = _decode_chunk(tf.constant(chunk, tf.string))
            if decoded is not None:
                pixels[start : start + len(chunk)] = decoded
            else:
                for row, content in enumerate(chunk, start):
                    try:
                        pixels[row], was_converted = decode_any(content)
                        converted += was_converted
                    except Exception as problem:  # Pillow raises many kinds of exceptions on damaged bytes
                        faults.append(f"{names[row]}: {_reason(content, problem)}")
            bar.update(len(chunk))
    if faults:
        raise StudyError(
            f"{len(faults):,} image(s) cannot be decoded; copy them again from the data set, or move them away and run "
            f"env/bin/python src/create_metadata.py:{metadata.listed(faults)}"
        )
    return pixels, converted


def _reason(content: bytes, problem: Exception) -> str:
    """What is wrong with a file, in words."""
    if not content:
        return "empty"
    if isinstance(problem, Image.UnidentifiedImageError):
        return "not a JPEG or PNG image"
    return "truncated" if "truncated" in str(problem).casefold() else f"damaged ({problem})"
