"""The demo's images: scans of handwritten digits as REAL, digits rendered from text faces as FAKE, both in 8x8 grey levels.

create_demo.py writes them in the study's layout. Scans and faces come with the dependencies, so no network is needed.
"""

import io
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from sklearn.datasets import load_digits

from cifake import protocol
from cifake.system.paths import CLASS_LIST

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")  # digit d is class d + 1
GRID = 8  # grey levels in a row and in a column, as in scikit-learn's load_digits
FULL_INK = 16  # the highest grey level; 0 is bare paper

# The scans are ordered by their 13 writers (Alpaydin & Kaynak, 1998). The last fifth, for testing, is therefore by other people than the
# rest (except for the one writer at the cut), and so is the validation share, the first rows. A random split would test handwriting
# that a classifier was trained on.
TEST_IMAGES = 360  # of 1,797

# Matplotlib's text faces. Its other faces draw blanks, symbols or (cmmi10) digits below the line.
FACES = (
    *("DejaVuSans", "DejaVuSansMono", "DejaVuSerif"),
    *(f"DejaVu{family}-{style}" for family in ("Sans", "SansMono") for style in ("Bold", "Oblique", "BoldOblique")),
    *("DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta", "cmr10", "cmb10", "cmss10", "cmtt10"),
)

# How a rendered digit varies, about as much as the scans do; in pixels of the bitmap whose black pixels the grey levels count.
BITMAP = 32  # height and width
HEIGHTS = (24, 32)  # of the digit
SLANTS = (-0.25, 0.25)  # pixels to the right for each pixel up
SHIFTS = (-2, 2)  # to the right, and down
BLURS = (0, 1.5)  # standard deviation of a Gaussian
FINENESS = 4  # a digit is drawn this many times larger, for smooth edges

JPEG_QUALITY = 95  # stronger compression frays the corners of the 4x4 blocks


def handwritten() -> tuple[np.ndarray, list[int]]:
    """scikit-learn's 1,797 scans: grey levels, uint8 [n, 8, 8] from 0 to 16, and the digits that they show."""
    scans = load_digits()
    return scans.images.astype(np.uint8), scans.target.tolist()


def rendered(digits: Sequence[int]) -> np.ndarray:
    """A rendered image of each digit: grey levels, uint8 [n, 8, 8] from 0 to 16. The same digits give the same images."""
    chance = random.Random(protocol.SEED)
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return np.stack([_render(digit, folder / f"{chance.choice(FACES)}.ttf", chance) for digit in digits])


def _render(digit: int, face: Path, chance: random.Random) -> np.ndarray:
    """One rendered digit: grey levels, uint8 [8, 8]."""
    height, slant, right, down, blur = (chance.uniform(*bounds) for bounds in (HEIGHTS, SLANTS, SHIFTS, SHIFTS, BLURS))

    # Digits of one font size differ in height from face to face, so the size is set by the height of the digit itself.
    probe = _font(face, 100).getbbox(str(digit))
    font = _font(face, 100 * height * FINENESS / (probe[3] - probe[1]))
    left, top, width, bottom = font.getbbox(str(digit))
    middle = BITMAP * FINENESS / 2
    canvas = Image.new("L", (BITMAP * FINENESS,) * 2)
    ImageDraw.Draw(canvas).text((middle - (left + width) / 2, middle - (top + bottom) / 2), str(digit), 255, font)

    # Pillow asks where each pixel of the result comes from: for a slant to the right, from further right the lower it is.
    moved = (1, slant, -slant * middle - right * FINENESS, 0, 1, -down * FINENESS)
    canvas = canvas.transform(canvas.size, Image.Transform.AFFINE, moved, Image.Resampling.BICUBIC)
    canvas = canvas.filter(ImageFilter.GaussianBlur(blur * FINENESS))

    # The scans' grey levels count the black pixels in the 4x4 blocks of a 32x32 bitmap: the share of ink, times 16.
    shares = np.asarray(canvas.reduce(canvas.width // GRID), np.float64) / 255
    return np.rint(shares * FULL_INK).astype(np.uint8)


def _font(face: Path, size: float) -> ImageFont.FreeTypeFont:
    """A face in a size, with Pillow's basic layout: the other one depends on what the system has installed."""
    return ImageFont.truetype(face, size, layout_engine=ImageFont.Layout.BASIC)


def jpeg(levels: np.ndarray) -> bytes:
    """Grey levels, uint8 [8, 8], as a 32x32 RGB JPEG: bright ink on black, each level a block of 4x4 pixels."""
    pixels = np.rint(levels * (255 / FULL_INK)).astype(np.uint8)
    image = Image.fromarray(pixels).resize(protocol.IMAGE_SHAPE[1::-1], Image.Resampling.NEAREST)
    content = io.BytesIO()
    image.convert("RGB").save(content, "JPEG", quality=JPEG_QUALITY)
    return content.getvalue()


def file_names(digits: Sequence[int]) -> list[str]:
    """A name for each image by the study's rule: 0000.jpg for the first zero, '0000 (10).jpg' for the first nine, and so on."""
    seen, names = Counter(), []
    for digit in digits:
        names.append(f"{seen[digit]:04d}{f' ({digit + 1})' if digit else ''}.jpg")
        seen[digit] += 1
    return names


def files() -> dict[str, bytes]:
    """The whole data set: file name below the images folder -> content.

    A split has as many rendered images of a digit as handwritten ones, so that the two sources differ in nothing else.
    """
    levels, digits = handwritten()
    cut = len(digits) - TEST_IMAGES
    contents = {CLASS_LIST: "".join(f"{name}\n" for name in CLASSES).encode()}
    for source, images in (("REAL", levels), ("FAKE", rendered(digits))):
        for split, rows in (("train", slice(None, cut)), ("test", slice(cut, None))):
            for name, image in zip(file_names(digits[rows]), images[rows], strict=True):
                contents[f"{split}/{source}/{name}"] = jpeg(image)
    return contents
