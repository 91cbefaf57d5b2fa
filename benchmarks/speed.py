"""Time the study's steps, beside the classic way: Keras' ImageDataGenerator, which reads every file in every epoch, and VGG16 run in full.

    env/bin/python benchmarks/speed.py                          some 15 minutes on two cores
    env/bin/python benchmarks/speed.py --sample 1200 --models NN LeNet

Needs CIFAKE and VGG16's weights. Prints a table; docs/speed.md quotes it. Nothing else should run on the machine meanwhile.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from cifake import protocol
from cifake.models.architectures import ARCHITECTURES
from cifake.system.paths import REPOSITORY, Folders

SOURCE = "FAKE"  # that is trained on; REAL images are as many and as large
EPOCHS = 3  # the first, in which TensorFlow compiles, does not count
TEST_SHARE = 1 / 6  # of the images, as in CIFAKE


def run(*words: object) -> tuple[float, float]:
    """Run a Python script; gives its seconds, and those of an epoch by the lines that it prints when one ends."""
    ends, lines, start = [], [], time.perf_counter()
    with subprocess.Popen([sys.executable, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            lines.append(line)
            if match := re.search(r"\bepoch +(\d+): loss", line):
                ends.append((time.perf_counter(), int(match[1])))
    if process.returncode:
        sys.exit("".join([*lines[-20:], f"{words[0]} ended with exit code {process.returncode}."]))
    epoch = (ends[-1][0] - ends[0][0]) / (ends[-1][1] - ends[0][1]) if len(ends) > 1 else 0.0
    return time.perf_counter() - start, epoch


def sample(images: Path, number: int, folder: Path) -> Folders:
    """A study of so many images of each source, training and test together: links to their files, and their CSVs."""
    whole, part = Folders(images), Folders(folder / "images", folder / "output")
    test = round(number * TEST_SHARE)
    for source in protocol.SOURCES:
        for split, share in (("train", number - test), ("test", test)):
            part.split(source, split).mkdir(parents=True)
            for path in sorted(whole.split(source, split).iterdir())[:share]:
                (part.split(source, split) / path.name).symlink_to(path.resolve())
    if whole.class_list.exists():
        part.class_list.symlink_to(whole.class_list.resolve())
    run(REPOSITORY / "src" / "create_metadata.py", "--images", part.images, "--output", part.output)
    return part


def measure(folders: Folders, architecture: str, chosen: argparse.Namespace) -> list[str]:
    """The cells of a classifier's row."""
    words = ["--images", folders.images, "--output", folders.output, "--weights", chosen.weights]
    classic = run(__file__, *words, "--classic", architecture)[1] if chosen.compare else None
    words += ["-data", SOURCE, "-epochs", EPOCHS, "--precision", chosen.precision]
    whole, epoch = run(REPOSITORY / "src" / f"classify_{architecture}.py", *words)
    record = json.loads(folders.classifier("E1", SOURCE, architecture)["record"].read_text(encoding="utf-8"))
    seconds = record["seconds"]
    cells = [seconds["reading"] + seconds["decoding"], seconds["features"], epoch, seconds["testing"], whole]
    faster = f"{classic:.1f} s, {classic / epoch:.1f} times" if classic else ""
    return [*(f"{cell:.1f} s" if cell > 1 else f"{cell:.2f} s" for cell in cells), f"{record['memory_peak_megabytes']:,} MB", faster]


def train_classically(architecture: str, folders: Folders, weights: str) -> None:
    """Train the same network by the same protocol, as the original study and most tutorials do; print a line after each epoch."""
    import keras  # here, because it takes seconds, and the main program needs none of it
    import pandas as pd
    from keras import layers
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    keras.utils.set_random_seed(protocol.SEED)
    scaling = {"rescale": protocol.PIXEL_SCALE}
    if ARCHITECTURES[architecture].is_pretrained:
        scaling = {"preprocessing_function": keras.applications.vgg16.preprocess_input}
    table = pd.read_csv(folders.metadata(SOURCE, "train"))
    table["filepath"] = [str(folders.images / Path(path).relative_to("images")) for path in table["filepath"]]
    training, validation = (
        ImageDataGenerator(validation_split=protocol.VALIDATION_SHARE, **scaling).flow_from_dataframe(
            table,
            x_col="filepath",
            y_col="label",
            target_size=protocol.IMAGE_SHAPE[:2],
            color_mode="grayscale" if architecture == "NN" else "rgb",
            batch_size=protocol.BATCH_SIZE,
            shuffle=subset == "training",
            subset=subset,
        )
        for subset in ("training", "validation")
    )
    if architecture == "NN":
        below = [layers.Input((*protocol.IMAGE_SHAPE[:2], 1)), layers.Flatten()]
    elif architecture == "LeNet":
        below = [layers.Input(protocol.IMAGE_SHAPE)]
        for filters, kernel in zip(protocol.LENET_FILTERS, protocol.LENET_KERNELS, strict=True):
            below += [layers.Conv2D(filters, kernel, padding="same", activation="relu"), layers.MaxPooling2D()]
        below.append(layers.Flatten())
    else:
        weights = None if weights == "random" else weights
        below = [keras.applications.VGG16(include_top=False, weights=weights, input_shape=protocol.IMAGE_SHAPE, pooling="avg")]
        below[0].trainable = False
    top = [layers.Dense(protocol.HIDDEN_UNITS, activation="relu"), layers.Dense(len(training.class_indices), activation="softmax")]
    model = keras.Sequential([*below, *top])
    rate = keras.optimizers.schedules.ExponentialDecay(protocol.LEARNING_RATE, protocol.DECAY_STEPS, protocol.DECAY_RATE)
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="categorical_crossentropy", metrics=["accuracy"])
    tell = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(f"epoch {epoch + 1}: loss {logs['loss']:.3f}", flush=True))
    model.fit(training, validation_data=validation, epochs=2, callbacks=[tell], verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--images", type=Path, default=REPOSITORY / "images", metavar="DIR", help="folder of train/ and test/")
    add("--weights", default=os.environ.get("VGG16_WEIGHTS") or "imagenet", metavar="W", help="VGG16's: imagenet, random or a file")
    add("--sample", type=int, default=12_000, metavar="N", help="images of each source, training and test (default: %(default)s)")
    add("--models", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES), metavar="NAME", help="of NN, LeNet and VGG16")
    add("--precision", default="float32", metavar="P", help="of the study's training (default: %(default)s)")
    add("--no-compare", dest="compare", action="store_false", help="leave the classic way out, which takes most of the time")
    add("--classic", choices=ARCHITECTURES, help=argparse.SUPPRESS)
    add("--output", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    chosen.images = chosen.images.expanduser().resolve()
    if chosen.classic:
        train_classically(chosen.classic, Folders(chosen.images, chosen.output), chosen.weights)
        return
    if not Folders(chosen.images).split(SOURCE, "train").is_dir():
        parser.error(f"there are no images in {chosen.images}; name their folder with --images")
    about = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {chosen.sample:,} images of {SOURCE}, {EPOCHS} epochs"
    print(f"{about}, {chosen.precision}\n")
    print("| | read, decode | features | an epoch | testing | the whole script | peak memory | a classic epoch |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        folders = sample(chosen.images, chosen.sample, Path(folder))
        for architecture in chosen.models:
            print(f"| {architecture} | {' | '.join(measure(folders, architecture, chosen))} |", flush=True)


if __name__ == "__main__":
    main()
