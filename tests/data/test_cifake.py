"""CIFAKE itself, if it is here, in images/ or in the folder that CIFAKE_IMAGES names: it gives the published CSVs."""

import csv
import hashlib
import os
from pathlib import Path

import pytest
from conftest import done
from test_metadata import PUBLISHED

from cifake import protocol
from cifake.data import metadata
from cifake.system.paths import REPOSITORY, Folders

IMAGES = Path(os.environ.get("CIFAKE_IMAGES", REPOSITORY / "images"))


@pytest.mark.skipif(not (IMAGES / "train" / "FAKE").is_dir(), reason="CIFAKE is not here; generated file names are tested all the same")
def test_the_real_cifake_gives_the_published_csvs(start, tmp_path):
    folders = Folders(IMAGES, tmp_path)
    done(start, "create_metadata.py", folders)
    for (source, split), checksum in PUBLISHED.items():
        assert hashlib.sha256(folders.metadata(source, split).read_bytes()).hexdigest() == checksum
        assert metadata.read_split(folders, source, split).fingerprint == protocol.CIFAKE_FINGERPRINTS[source, split]
    with folders.duplicates.open(encoding="utf-8", newline="") as file:
        assert len({row["sha256"] for row in csv.DictReader(file)}) == 920 + 38 + 378
