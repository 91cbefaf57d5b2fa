"""Facts about the image files themselves: how they are encoded, and which test images are near-duplicates of training images.

check_data.py calls it; docs/data.md says what is found in CIFAKE.
"""

import hashlib
import io
import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, JpegImagePlugin
from scipy.ndimage import gaussian_filter
from sklearn.neighbors import NearestNeighbors

from cifake.data import metadata
from cifake.data.appearance import GREY
from cifake.system import progress

JPEG, SCAN = b"\xff\xd8\xff", 0xDA  # how every JPEG begins; the marker of the header's last segment (ITU-T T.81, table B.1)
CHROMA = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}  # as Pillow numbers them

# Near-duplicates. A pair with a distance of at most COPY counts; it was chosen by looking at the sheet of pairs.
SIDE = 8  # pixels of the small images by which candidates are found
CANDIDATES = 5  # training images for each test image
BLUR = 2  # standard deviation in pixels: what is blurrier than that (skies, white grounds) makes no copy
SHIFT = 3  # pixels by which a copy may be moved, in each direction
COPY = 0.25
BANDS = (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)  # of distances, on the sheet
SHOWN = 10  # pairs of a band


# ------------------------------------------------------------------------------------------------------------------- the files


def header(content: bytes) -> bytes:
    """The bytes of a JPEG up to its first scan's data: sizes, chroma sampling and all tables. Of other files, how they begin."""
    if not content.startswith(JPEG):
        return content[:8]
    place = 2
    while content[place : place + 1] == b"\xff":
        is_last = content[place + 1 : place + 2] == bytes([SCAN])
        place += 2 + int.from_bytes(content[place + 2 : place + 4])
        if is_last:
            break
    return content[:place]


def layout(header: bytes) -> dict:
    """What a header says: size in pixels, chroma sampling, and the quality (from 1 to 100) that has its quantisation tables, or None."""
    try:
        with Image.open(io.BytesIO(header), formats=("JPEG",)) as image:
            chroma = CHROMA.get(JpegImagePlugin.get_sampling(image), "another")
            return {"size": list(image.size), "mode": image.mode, "chroma": chroma, "quality": _quality(image.quantization)}
    except Image.UnidentifiedImageError:
        return dict.fromkeys(("size", "mode", "chroma", "quality"))


def _quality(tables: dict[int, list[int]]) -> int | None:
    """The quality for which libjpeg makes these quantisation tables."""
    for quality in range(1, 101):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
        if Image.open(file).quantization == tables:
            return quality
    return None


def headers(contents: Sequence[bytes]) -> list[dict]:
    """The distinct headers of some files, the most frequent first: how many files have each, its SHA-256, and what it says."""
    counts = Counter(map(header, contents))
    return [{"files": files, "sha256": hashlib.sha256(head).hexdigest(), **layout(head)} for head, files in counts.most_common()]


def accuracy_by_size(train: Sequence[Sequence[bytes]], test: Sequence[Sequence[bytes]]) -> dict[str, float]:
    """How well the size of a file alone tells two kinds of files apart, which are given one after the other.

    Two rules are made from the training files: "files larger than so many bytes are of one kind", and the more frequent kind at each
    size. Their accuracies are those on the test files, if both kinds are equally frequent.
    """
    longest = max(len(content) for kinds in (train, test) for kind in kinds for content in kind)

    def shares(kind: Sequence[bytes]) -> np.ndarray:
        return np.bincount([len(content) for content in kind], minlength=longest + 1) / len(kind)

    first, second = map(shares, train)
    gain = np.cumsum(first - second)
    threshold = np.abs(gain).argmax()
    is_first = (np.arange(longest + 1) <= threshold) == (gain[threshold] > 0)
    rules = {"one_threshold": is_first, "any_rule": first > second}
    first, second = map(shares, test)
    return {name: float((first[rule].sum() + second[~rule].sum()) / 2) for name, rule in rules.items()}


# ------------------------------------------------------------------------------------------------------------- near-duplicates


def nearest(test: np.ndarray, train: np.ndarray, label: str) -> tuple[np.ndarray, np.ndarray]:
    """The training image most like each test image, int [n], and its distance, float [n] from 0 (the same) to 2; both rounded.

    `test` uint8 [n, 32, 32, 3], `train` uint8 [k, 32, 32, 3]; `label` is for the progress bar. Candidates are nearest at 8x8 pixels,
    whatever their brightness and contrast. Among them decides the distance at full size: 1 minus the correlation of the luminances
    without what is blurry, where one of the images may be moved by some pixels.
    """
    search = NearestNeighbors(n_neighbors=min(CANDIDATES, len(train)), algorithm="brute").fit(_small(train))
    candidates = search.kneighbors(_small(test), return_distance=False)
    sharp, others = _sharp(test), _sharp(train)
    distances = np.empty(candidates.shape, np.float32)
    with progress.bar(candidates.size, f"{label}: near-duplicates", "pairs") as bar:
        for column in range(candidates.shape[1]):
            distances[:, column] = 1 - _correlation(sharp, others[candidates[:, column]])
            bar.update(len(test))
    best = np.arange(len(test)), distances.argmin(1)
    return candidates[best], np.abs(distances[best].round(3))


def _small(images: np.ndarray) -> np.ndarray:
    """Images at 8x8 pixels as vectors of mean 0 and length 1."""
    block = images.shape[1] // SIDE
    return _standardised(images.reshape(len(images), SIDE, block, SIDE, block, 3).mean((2, 4), dtype=np.float32))


def _sharp(images: np.ndarray) -> np.ndarray:
    """The luminance without what is blurry, float32 [n, 32, 32]."""
    grey = images.astype(np.float32) @ GREY.astype(np.float32)
    return grey - gaussian_filter(grey, (0, BLUR, BLUR))


def _standardised(images: np.ndarray) -> np.ndarray:
    """Images as vectors of mean 0 and length 1; those of one value alone as zeros."""
    vectors = images.reshape(len(images), -1)
    vectors = vectors - vectors.mean(1, keepdims=True)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-3)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The highest correlation of the middle of each first image with as large a part of the second one; float32 [n, side, side] both."""
    side = first.shape[1] - 2 * SHIFT
    middle = _standardised(first[:, SHIFT:-SHIFT, SHIFT:-SHIFT])
    found = np.full(len(first), -1, np.float32)
    for down, right in itertools.product(range(2 * SHIFT + 1), repeat=2):
        part = _standardised(second[:, down : down + side, right : right + side])
        found = np.maximum(found, np.einsum("ij,ij->i", middle, part))
    return found


def pairs(test: metadata.Split, train: metadata.Split, places: np.ndarray, distances: np.ndarray) -> pd.DataFrame:
    """The near-duplicates, the nearest first, a row each; `places` and `distances` as nearest() gives them."""
    close = [place for place in np.argsort(distances, kind="stable") if distances[place] <= COPY]
    copies = [train.rows[places[place]] for place in close]
    table = {
        "source": test.source,
        "test_image": [test.rows[place].filepath for place in close],
        "test_label": [test.rows[place].label for place in close],
        "training_image": [row.filepath for row in copies],
        "training_label": [row.label for row in copies],
        "distance": [f"{distances[place]:.3f}" for place in close],
    }
    return pd.DataFrame(table)


def sheet(shown: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Image.Image:
    """Pairs at several distances to look at, test image above training image, a seeded draw.

    `shown`: source -> test images, the nearest training image of each, uint8 [n, 32, 32, 3], and distances [n].
    """
    cell, left, line = 68, 150, 142  # pixels
    bands = list(itertools.pairwise(BANDS))
    page = Image.new("RGB", (left + SHOWN * cell, line * len(bands) * len(shown)), "white")
    draw, top = ImageDraw.Draw(page), 0
    for source, (test, train, distances) in shown.items():
        for low, high in bands:
            members = np.flatnonzero((distances > low) & (distances <= high))
            draw.text((6, top + 50), f"{source}\n{low} < distance <= {high}\n{len(members):,} pairs", "black")
            chosen = np.sort(np.random.default_rng(len(members)).permutation(members)[:SHOWN])
            for place, member in enumerate(chosen):
                for image, down in ((test[member], 4), (train[member], 70)):
                    page.paste(Image.fromarray(image).resize((64, 64), Image.Resampling.NEAREST), (left + place * cell, top + down))
            top += line
    return page
