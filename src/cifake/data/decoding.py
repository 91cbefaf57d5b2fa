"""From the bytes of image files to one array of pixels, once, all by Pillow: an image's pixels follow from its own bytes."""

import io
import re
import warnings
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from PIL import Image, ImageOps

from cifake import protocol
from cifake.data import metadata
from cifake.system import progress
from cifake.system.errors import StudyError
from cifake.system.options import with_folders

JPEG = b"\xff\xd8\xff"  # how every JPEG begins
# Its markers (ITU-T T.81, table B.1): 0xff and one of these bytes. In a scan's data, only restart markers (0xd0 to 0xd7) may stand.
MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
RESTART = re.compile(rb"\xff([\xd0-\xd7])")
END, SCAN, RESTART_INTERVAL = 0xD9, 0xDA, 0xDD
NOTES = {*range(0xE0, 0xF0), 0xFE}  # Exif and the like, comments
BETWEEN_SCANS = NOTES | {0xC4, 0xCC, 0xDB, RESTART_INTERVAL, SCAN}  # and tables
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
WHOLE_BLOCK = (1 << 64) - 1  # a bit for each coefficient
AHEAD = b"\xaa" * 8  # as far as libjpeg looks ahead, in bits that make no short blocks


def decode(contents: Sequence[bytes], names: Sequence[str], label: str) -> tuple[np.ndarray, int]:
    """The bytes of image files -> uint8 [n, 32, 32, 3] RGB, and how many were converted to that size and colour mode.

    Raises StudyError that lists those which cannot be decoded. `label` is for the progress bar.
    """
    pixels = np.empty((len(contents), *protocol.IMAGE_SHAPE), np.uint8)
    converted, faults = 0, []
    with progress.bar(len(contents), f"{label}: decoding", "images") as bar:
        for row, content in enumerate(contents):
            try:
                pixels[row], was_converted = decode_image(content)
                converted += was_converted
            except ValueError as problem:
                faults.append(f"{names[row]}: {problem}")
            bar.update()
    if faults:
        raise StudyError(
            f"{len(faults):,} image(s) cannot be decoded; copy them again from the data set, or move them away and run "
            f"{with_folders('env/bin/python src/create_metadata.py')}:{metadata.listed(faults)}"
        )
    return pixels, converted


def decode_image(content: bytes, formats: Sequence[str] | None = ("JPEG", "PNG"), cut: bool = False) -> tuple[np.ndarray, bool]:
    """A picture of any size and colour mode -> uint8 [32, 32, 3] RGB, and whether size or colour mode had to be converted.

    Pictures are turned upright as their Exif or XMP says, put on white where they are transparent, and `scaled`. `formats` are Pillow's
    names, None for all that it reads. Raises ValueError that says in a few words why an image cannot be decoded.
    """
    try:
        return _decoded(content, formats, cut)
    except Image.UnidentifiedImageError:
        fault = "empty" if not content else f"not a {' or '.join(formats)} image" if formats else "not an image"
    except Image.DecompressionBombError:
        fault = f"too large: more than {2 * Image.MAX_IMAGE_PIXELS // 1_000_000} million pixels"
    except MemoryError:
        fault = "too large for the memory of this machine"
    except Exception as problem:  # Pillow raises many kinds on damaged bytes
        is_cut = isinstance(problem, IndexError) or "truncated" in str(problem).casefold()
        fault = "truncated" if is_cut else f"damaged ({problem})"
    raise ValueError(fault)


def scaled(picture: Image.Image, cut: bool = False) -> Image.Image:
    """A picture in the study's size, antialiased: all of it, or with `cut` the square in its middle."""
    if cut:
        side = min(picture.size)
        left, top = ((length - side) // 2 for length in picture.size)
        picture = picture.crop((left, top, left + side, top + side))
    size = protocol.IMAGE_SHAPE[1::-1]
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _decoded(content: bytes, formats: Sequence[str] | None, cut: bool) -> tuple[np.ndarray, bool]:
    """The same; raises what Pillow does."""
    whole = _checked(content) if content.startswith(JPEG) else content
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(whole), formats=formats) as image:
        image.load()
        if image.format == "PNG" and image.mode in ("1", "L", "I;16", "RGB") and (content[24] == 16 or "transparency" in image.info):
            colours = _from_samples(content, image)
        elif image.has_transparency_data:
            colours = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
        elif image.mode.startswith(("I", "F")):  # Pillow would cut off all levels above 255
            raise ValueError(f"a {image.format} of more than 8 bits; save it as PNG")
        else:
            colours = image.convert("RGB")
        colours = scaled(colours, cut)
        colours.info = image.info
        with suppress(Exception):  # damaged Exif, for which Pillow has many kinds; the pixels are whole
            colours = ImageOps.exif_transpose(colours)
        return np.asarray(colours), (image.mode, image.size) != ("RGB", protocol.IMAGE_SHAPE[1::-1])


def _from_samples(content: bytes, image: Image.Image) -> Image.Image:
    """An RGB image from a PNG without alpha: samples x 255 / (2^bits - 1), rounded down, and white where they are its transparent colour.

    Pillow would compare that colour, which has the file's bits, with samples that it has scaled to 8 bits.
    """
    bits = content[24]
    samples = np.asarray(image.convert("L") if image.mode == "1" else image).astype(np.int32)
    if bits < 8:
        samples //= 255 // (2**bits - 1)
    elif (bits, image.mode) == (16, "RGB"):  # Pillow has kept the high bytes; read as if the low ones came last, it keeps those
        with Image.open(io.BytesIO(content), formats=("PNG",)) as low:
            low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]
            samples = 256 * samples + np.asarray(low)
    pixels = (samples * 255 // (2**bits - 1)).astype(np.uint8).reshape(*samples.shape[:2], -1)
    if "transparency" in image.info:
        is_clear = samples.reshape(pixels.shape) == image.info["transparency"]
        pixels[is_clear.all(-1)] = 255
    return Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy())


def _checked(content: bytes) -> bytes:
    """A JPEG as Pillow gets it. Raises IndexError if it ends too early, ValueError if there is a marker where none may be.

    libjpeg draws what it has and says nothing of what is missing, so the scans have to hold all bits of all coefficients. Of a JPEG
    with one scan, Pillow gets the data without the end marker: then it notices itself if rows are missing.
    """
    place, scans, is_progressive, has_restarts = 2, 0, False, False
    missing = {}  # component -> coefficients whose last bits no scan has held yet
    while True:
        found = MARKER.search(content, place)
        if found is None:
            raise IndexError
        marker, start = found[1][0], found.end()
        if scans and (found.start() > place or marker not in (BETWEEN_SCANS if missing else NOTES) | {END}):
            raise ValueError("a stray marker")
        if marker == END:
            break
        place = start + int.from_bytes(content[start : start + 2])
        segment = content[start + 2 : place]
        if len(content) < max(place, start + 2):
            raise IndexError
        if marker in FRAMES:
            is_progressive = marker in PROGRESSIVE
            missing = dict.fromkeys(segment[6::3], WHOLE_BLOCK)
        elif marker == RESTART_INTERVAL:
            has_restarts = segment != b"\0\0"
        elif marker == SCAN:
            scans += 1
            first, last, bit = segment[-3:] if is_progressive else (0, 63, 0)
            held = (2 << last) - (1 << first) if bit & 15 == 0 else 0
            of_scan = segment[1:-3:2]
            missing = {one: rest for one, bits in missing.items() if (rest := bits & ~held if one in of_scan else bits)}
            end = MARKER.search(content, place)
            if end is None:
                raise IndexError
            restarts = b"".join(RESTART.findall(content, place, end.start()))
            if restarts != (bytes(0xD0 + number % 8 for number in range(len(restarts))) if has_restarts else b""):
                raise ValueError("a stray marker")
            place = end.start()
    if missing or not scans:
        raise IndexError
    return content if is_progressive or scans > 1 else content[:place] + AHEAD
