"""From the bytes of image files to one array of pixels, once."""

import io
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from cifake import protocol
from cifake.data import metadata
from cifake.system import progress
from cifake.system.devices import without_chatter
from cifake.system.errors import StudyError

JPEG_SIGNATURE = b"\xff\xd8\xff"
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


def decode_any(content: bytes) -> np.ndarray:
    """One image of any size and colour mode, JPEG or PNG -> uint8 [32, 32, 3] RGB, upright, antialiased.

    Raises OSError, SyntaxError or ValueError (Pillow's choice) if it is damaged or not an image.
    """
    height, width, _ = protocol.IMAGE_SHAPE
    with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("LA", "PA", "RGBA") or "transparency" in upright.info:
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
        colours = upright.convert("RGB")
        if colours.size != (width, height):
            colours = colours.resize((width, height), Image.Resampling.LANCZOS)
        return np.asarray(colours)


def _decode_fast(contents: Sequence[bytes]) -> tf.Tensor | None:
    """Whole 32x32 RGB JPEGs -> uint8 [n, 32, 32, 3]; None if one of them is anything else."""
    if not all(content.startswith(JPEG_SIGNATURE) for content in contents):
        return None  # the decoder would take PNGs and GIFs too, in its own way
    try:
        with without_chatter():
            return _decode_chunk(list(contents))
    except tf.errors.OpError:
        return None


def decode(contents: Sequence[bytes], names: Sequence[str], label: str) -> tuple[np.ndarray, int]:
    """The bytes of image files -> uint8 [n, 32, 32, 3] RGB, and how many were converted to that size and colour mode.

    Raises StudyError that lists the damaged ones. `label` is for the progress bar.
    """
    pixels = np.empty((len(contents), *protocol.IMAGE_SHAPE), np.uint8)
    converted, faults = 0, []
    with progress.bar(total=len(contents), desc=f"{label}: decoding", unit=" images") as bar:
        for start in range(0, len(contents), CHUNK):
            chunk = range(len(contents))[start : start + CHUNK]
            decoded = _decode_fast(contents[chunk.start : chunk.stop])
            if decoded is not None:
                pixels[chunk.start : chunk.stop] = decoded
            else:  # Pillow takes them one by one
                for row in chunk:
                    try:
                        pixels[row] = decode_any(contents[row])
                        converted += not _is_plain(contents[row])
                    except Exception as problem:  # Pillow raises many kinds of exceptions on damaged bytes
                        faults.append(f"{names[row]}: {_reason(contents[row], problem)}")
            bar.update(len(chunk))
    if faults:
        raise StudyError(
            f"{len(faults):,} image(s) cannot be decoded; copy them again from the data set, or move them away and run "
            f"env/bin/python src/create_metadata.py:{metadata.listed(faults)}"
        )
    return pixels, converted


def _is_plain(content: bytes) -> bool:
    """Whether an image is what CIFAKE consists of: a JPEG, 32x32, RGB."""
    with Image.open(io.BytesIO(content)) as image:
        return (image.format, image.mode, image.size) == ("JPEG", "RGB", protocol.IMAGE_SHAPE[1::-1])


def _reason(content: bytes, problem: Exception) -> str:
    """What is wrong with a file, in words."""
    if not content:
        return "empty"
    if isinstance(problem, Image.UnidentifiedImageError):
        return "not a JPEG or PNG image"
    return "truncated" if "truncated" in str(problem).casefold() else f"damaged ({problem})"
