"""Train one of the study's classifiers the classic way, as the original study and most tutorials do: the side to compare with.

    python tests/benchmarks/classic.py NN --csv images/metadata/FAKE/train.csv --images images --epochs 3

Keras' legacy ImageDataGenerator reads each file again in each epoch, and VGG16 is run whole. The protocol is the study's. speed.py
starts it, in a process of its own, and takes the time of each epoch from the lines that it prints.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from cifake import protocol
from cifake.models.architectures import ARCHITECTURES
from cifake.system import devices, options


def main() -> None:
    """Train for a number of epochs, with validation, and print a line after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", choices=ARCHITECTURES)
    parser.add_argument("--csv", type=Path, required=True, metavar="FILE", help="the CSV of the training images")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="the folder with train/ and test/")
    parser.add_argument("--epochs", type=int, required=True, metavar="N", help="without early stopping")
    parser.add_argument("--weights", type=options.vgg16_weights, default=options.IMAGENET, metavar="W", help="VGG16's")
    chosen = parser.parse_args()
    devices.prepare()
    import keras

    keras.utils.set_random_seed(protocol.SEED)
    training, validation = flows(chosen.architecture, chosen.csv, chosen.images)
    model = build(chosen.architecture, len(training.class_indices), chosen.weights)
    rate = keras.optimizers.schedules.ExponentialDecay(protocol.LEARNING_RATE, protocol.DECAY_STEPS, protocol.DECAY_RATE)
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="categorical_crossentropy", metrics=["accuracy"])
    tell = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(f"epoch {epoch + 1}: loss {logs['loss']:.3f}", flush=True))
    model.fit(training, validation_data=validation, epochs=chosen.epochs, callbacks=[tell], verbose=0)


def flows(architecture: str, csv: Path, images: Path) -> tuple:
    """Keras' generators of the training and of the validation images: batches of (images, classes one-hot)."""
    import pandas as pd
    from keras.applications.vgg16 import preprocess_input
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    table = pd.read_csv(csv)
    table["filepath"] = [str(images / Path(path).relative_to("images")) for path in table["filepath"]]
    scaling = {"preprocessing_function": preprocess_input} if architecture == "VGG16" else {"rescale": protocol.PIXEL_SCALE}
    generator = ImageDataGenerator(validation_split=protocol.VALIDATION_SHARE, **scaling)

    def flow(subset: str, shuffle: bool) -> object:
        return generator.flow_from_dataframe(
            table,
            x_col="filepath",
            y_col="label",
            target_size=protocol.IMAGE_SHAPE[:2],
            color_mode="grayscale" if architecture == "NN" else "rgb",
            batch_size=protocol.BATCH_SIZE,
            shuffle=shuffle,
            seed=protocol.SEED,
            subset=subset,
        )

    return flow("training", shuffle=True), flow("validation", shuffle=False)


def build(architecture: str, classes: int, weights: str) -> object:
    """The classifier as one model, from prepared images to probabilities."""
    from keras import Sequential, applications, layers

    if architecture == "NN":
        below = [layers.Input((*protocol.IMAGE_SHAPE[:2], 1)), layers.Flatten()]
    elif architecture == "LeNet":
        below = [layers.Input(protocol.IMAGE_SHAPE)]
        for filters, kernel in zip(protocol.LENET_FILTERS, protocol.LENET_KERNELS, strict=True):
            below += [layers.Conv2D(filters, kernel, padding="same", activation="relu"), layers.MaxPooling2D()]
        below.append(layers.Flatten())
    else:
        network = applications.VGG16(
            include_top=False, weights=None if weights == options.RANDOM else weights, input_shape=protocol.IMAGE_SHAPE, pooling="avg"
        )
        network.trainable = False
        below = [network]
    return Sequential([*below, layers.Dense(protocol.HIDDEN_UNITS, activation="relu"), layers.Dense(classes, activation="softmax")])


if __name__ == "__main__":
    main()
