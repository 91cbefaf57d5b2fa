"""From the bytes of image files to one array of pixels, once; and from that array to batches by index."""

import io
import mmap
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps
from tqdm import tqdm

from cifake import metadata, protocol
from cifake.devices import without_chatter
from cifake.errors import StudyError

JPEG_SIGNATURE = b"\xff\xd8\xff"
CHUNK = 1_000  # images that are decoded by one call: enough to keep all cores busy, and progress to be seen


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def _decode_chunk(contents: tf.Tensor) -> tf.Tensor:
    """32x32 RGB JPEGs -> uint8 [n, 32, 32, 3], in parallel; tf.errors.OpError where one is anything else."""
    return tf.map_fn(
        # INTEGER_ACCURATE: TensorFlow's default is faster by a hair and differs from Pillow's pixels.
        lambda content: tf.ensure_shape(
            tf.io.decode_jpeg(content, dct_method="INTEGER_ACCURATE"), protocol.IMAGE_SHAPE
        ),
        contents,
        fn_output_signature=tf.TensorSpec(protocol.IMAGE_SHAPE, tf.uint8),
        parallel_iterations=32,
    )


def decode_any(content: bytes) -> np.ndarray:
    """One image of any size and colour mode, JPEG or PNG -> uint8 [32, 32, 3] RGB, upright, antialiased.

    Raises OSError, SyntaxError or ValueError (Pillow's choice) where it is damaged or no image.
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
    """Whole 32x32 RGB JPEGs -> uint8 [n, 32, 32, 3]; None where one of them is anything else."""
    if not all(content.startswith(JPEG_SIGNATURE) for content in contents):
        return None  # the decoder would take PNGs and GIFs too, in its own way
    try:
        with without_chatter():
            return _decode_chunk(list(contents))
    except tf.errors.OpError:
        return None


def decode(contents: Sequence[bytes], names: Sequence[str], label: str) -> tuple[np.ndarray, int]:
    """The bytes of image files -> uint8 [n, 32, 32, 3] RGB, and how many were brought to that size and colour mode.

    Raises StudyError that lists the damaged ones. `label` heads the progress bar.
    """
    pixels = np.empty((len(contents), *protocol.IMAGE_SHAPE), np.uint8)
    converted, faults = 0, []
    for start in tqdm(
        range(0, len(contents), CHUNK), desc=f"{label}: decoding", unit=" thousand images", disable=None, leave=False
    ):
        chunk = slice(start, start + CHUNK)
        decoded = _decode_fast(contents[chunk])
        if decoded is not None:
            pixels[chunk] = decoded
        else:  # Pillow takes them one by one
            for row in range(len(contents))[chunk]:
                try:
                    pixels[row] = decode_any(contents[row])
                    converted += not _is_plain(contents[row])
                except Exception as problem:  # Pillow raises many kinds of exceptions on damaged bytes
                    faults.append(f"{names[row]}: {_reason(contents[row], problem)}")
    if faults:
        raise StudyError(
            f"{len(faults):,} image(s) cannot be decoded; copy them anew from the data set, or move them away and run "
            f"src/create_metadata.py:{metadata.listed(faults)}"
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
        return "no JPEG or PNG image"
    return "truncated" if "truncated" in str(problem).casefold() else f"damaged ({problem})"


def steps_of(rows: int, batch_size: int) -> int:
    """How many batches a number of rows makes; the last may be smaller."""
    return -(-rows // batch_size)


def _as_written(data: tf.data.Dataset) -> tf.data.Dataset:
    """Batches made as the code says: of what TensorFlow 2.21 would do of itself, nothing helps here, and two things harm.

    With autotuning it may wait for seconds as each iterator ends, for a thread that sleeps; its optimisations copy all inputs.
    """
    choice = tf.data.Options()
    choice.autotune.enabled = False
    choice.experimental_optimization.apply_default_optimizations = False
    return data.with_options(choice)


def in_memory(inputs: np.ndarray, numbers: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    """All inputs and class numbers as tensors in the processor's memory, for the batches to be gathered from."""
    with tf.device("CPU:0"):
        return _copied_once(inputs), tf.constant(numbers)


def _copied_once(array: np.ndarray) -> tf.Tensor:
    """A large array as a tensor. tf.constant copies twice, the second time to align, and all three are held for a while."""
    aligned = np.frombuffer(mmap.mmap(-1, array.nbytes), array.dtype).reshape(array.shape)  # begins where a page does
    aligned[:] = array
    return tf.experimental.dlpack.from_dlpack(aligned.__dlpack__())  # the same memory


def _gather(order: tf.data.Dataset, inputs: tf.Tensor, numbers: tf.Tensor) -> tf.data.Dataset:
    """Batches of row numbers -> batches of (input, class number), some of them ahead of their use."""
    return order.map(lambda rows: (tf.gather(inputs, rows), tf.gather(numbers, rows))).prefetch(4)


def training_batches(inputs: tf.Tensor, numbers: tf.Tensor, rows: range, seed: int, epochs: range) -> tf.data.Dataset:
    """The given rows in all batches of the given epochs, one epoch after the other.

    The order in each epoch follows from (seed, epoch) alone, so that a training can begin with any epoch.
    """

    def epoch_of_rows(epoch: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(rows.start, rows.stop), seed=key)
        return tf.data.Dataset.from_tensor_slices(order).batch(protocol.BATCH_SIZE)

    order = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(epoch_of_rows)
    # Keras must know how many batches there are: else it runs extra steps of the optimiser.
    batches = len(epochs) * steps_of(len(rows), protocol.BATCH_SIZE)
    order = order.apply(tf.data.experimental.assert_cardinality(batches))
    return _as_written(_gather(order, inputs, numbers))


def ordered_batches(inputs: tf.Tensor, numbers: tf.Tensor, rows: range, size: int) -> tf.data.Dataset:
    """The given rows in their own order, in batches of (input, class number)."""
    return _as_written(_gather(tf.data.Dataset.range(rows.start, rows.stop).batch(size), inputs, numbers))


def picked_batches(
    inputs: np.ndarray,
    numbers: np.ndarray,
    rows: np.ndarray,
    size: int,
    change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
) -> tf.data.Dataset:
    """The given rows, int64 [n], in the order given, in batches of (input, class number).

    `change` (inputs of a batch, number of the batch from 0) -> inputs is done to each batch, one after the other. The inputs stay a
    NumPy array: as a tensor there would be a second copy of them.
    """

    def pick(batch: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        picked = tf.numpy_function(lambda rows: inputs[rows], [rows], inputs.dtype)
        picked.set_shape([None, *inputs.shape[1:]])
        return (change(picked, batch) if change else picked), tf.gather(numbers, rows)

    return _as_written(tf.data.Dataset.from_tensor_slices(rows).batch(size).enumerate().map(pick).prefetch(4))
