"""Headers of JPEGs, what file sizes tell, and near-duplicates, on made images."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import zoom

from cifake.data import facts


def photograph(seed: int, side: int = 40) -> np.ndarray:
    """Something with shapes of several sizes, uint8 [side, side, 3]."""
    random = np.random.default_rng(seed)
    layers = [zoom(random.normal(0, 40, (cells, cells, 3)), (side / cells, side / cells, 1), order=1) for cells in (5, 10, 20)]
    return np.clip(128 + sum(layers), 0, 255).astype(np.uint8)


def encoded(pixels: np.ndarray, kind: str = "JPEG", **how) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **how)
    return file.getvalue()


def test_headers_say_quality_and_chroma_sampling_and_do_not_depend_on_the_picture():
    pictures = [photograph(seed, 32) for seed in range(3)]
    usual = [encoded(picture, quality=75) for picture in pictures]
    others = [encoded(pictures[0], quality=90, subsampling=0), encoded(pictures[0], "PNG")]
    first, *rest = facts.headers([*usual, *others])
    assert (first["files"], first["quality"], first["chroma"], first["size"]) == (3, 75, "4:2:0", [32, 32])
    assert [(kind["files"], kind["quality"], kind["chroma"]) for kind in rest] == [(1, 90, "4:4:4"), (1, None, None)]


@pytest.mark.parametrize("whole", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe0\x00"])
def test_files_that_end_early_have_a_header_too(whole):
    assert facts.headers([whole])[0]["quality"] is None


def test_file_sizes_tell_kinds_apart_as_far_as_they_differ():
    def files(*sizes: int) -> list[bytes]:
        return [bytes(size) for size in sizes]

    smaller, larger, apart = files(1, 2, 3, 4), files(3, 4, 5, 6), files(1, 1, 9, 9)
    assert facts.accuracy_by_size((smaller, larger), (smaller, larger)) == {"one_threshold": 0.75, "any_rule": 0.75}
    assert facts.accuracy_by_size((larger, smaller), (larger, smaller))["one_threshold"] == 0.75
    assert facts.accuracy_by_size((files(3, 4), apart), (files(3, 4), apart)) == {"one_threshold": 0.75, "any_rule": 1}
    assert facts.accuracy_by_size((smaller, larger), (smaller, smaller))["one_threshold"] == 0.5  # learnt where they differ


def test_copies_are_found_though_moved_brighter_or_compressed_again():
    wide = [photograph(seed) for seed in range(30)]
    train = np.stack([picture[4:36, 4:36] for picture in wide])
    moved = wide[3][6:38, 3:35]
    brighter = np.clip(train[5] * 0.6 + 70, 0, 255).astype(np.uint8)
    again = np.asarray(Image.open(io.BytesIO(encoded(train[7], quality=60))))
    places, distances = facts.nearest(np.stack([train[9], moved, brighter, again, photograph(99, 32)]), train, "made")
    assert places[:4].tolist() == [9, 3, 5, 7]
    assert distances[0] == 0
    assert (distances[:4] <= facts.COPY).all()
    assert distances[4] > 2 * facts.COPY


def test_pictures_without_shapes_are_copies_of_nothing():
    sky = np.broadcast_to(np.linspace(100, 200, 32)[:, None, None], (32, 32, 3)).astype(np.uint8)
    flat = np.full((32, 32, 3), 7, np.uint8)
    train = np.stack([photograph(1, 32), photograph(2, 32)])
    _, distances = facts.nearest(np.stack([sky, flat]), train, "made")
    assert (distances > facts.COPY).all()
