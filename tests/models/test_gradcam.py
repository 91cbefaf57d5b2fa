"""Grad-CAM: it finds what a classifier has learned, and finds it no more if the weights are random (Adebayo et al., 2018)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cifake.models import architectures, gradcam
from cifake.models.architectures import Architecture, Classifier
from cifake.system.errors import StudyError

PATCH = 10  # pixels


def patched(images: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise, half of it with a bright square somewhere: images uint8 [n, 32, 32, 3], class (1 with a square), and where it is."""
    random = np.random.default_rng(seed)
    pixels, labels = random.integers(60, 120, (images, 32, 32, 3)), random.integers(0, 2, images)
    inside = np.zeros((images, 32, 32), bool)
    for image, (down, right) in enumerate(random.integers(0, 32 - PATCH, (images, 2))):
        inside[image, down : down + PATCH, right : right + PATCH] = labels[image] == 1
    pixels[inside] += 110
    return pixels.astype(np.uint8), labels, inside


@pytest.fixture(scope="module")
def trained() -> keras.Model:
    """A LeNet that tells noise with a square from noise without."""
    keras.utils.set_random_seed(1)
    model = architectures.head("LeNet", (32, 32, 3), 2)
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    images, labels, _ = patched(640, seed=1)
    model.fit(images, labels, batch_size=32, epochs=4, verbose=0)
    images, labels, _ = patched(200, seed=2)
    assert model.evaluate(images, labels, verbose=0)[1] > 0.95, "it has to have learned what Grad-CAM is to find"
    return model


def test_the_heat_lies_where_the_square_is_and_not_if_weights_are_random(trained):
    images, labels, inside = patched(120, seed=3)
    images, inside = images[labels == 1], inside[labels == 1]
    ones = np.ones(len(images), int)

    keras.utils.set_random_seed(2)
    untrained = architectures.head("LeNet", (32, 32, 3), 2)
    heat, random_heat = (gradcam.heat_maps(Classifier(None, model), images, ones) for model in (trained, untrained))
    assert heat.shape == (len(images), 32, 32)
    assert heat.dtype == np.float32
    assert heat.min() >= 0
    assert heat.max() == pytest.approx(1)
    # Twice as hot inside as outside, which a classifier that has learned nothing is not.
    inside_to_outside = [values[inside].mean() / max(values[~inside].mean(), 1e-9) for values in (heat, random_heat)]
    assert inside_to_outside[0] > 2 > inside_to_outside[1], inside_to_outside


def small_network(**inputs) -> keras.Model:
    """A network as keras.applications has them: 32x32, 16x16 and 8x8 maps, then maps without places, and their mean."""
    images = keras.Input(**inputs)
    hidden = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(keras.layers.Rescaling(0.1)(images))
    hidden = keras.layers.SeparableConv2D(6, 3, strides=2, padding="same", activation="relu")(hidden)
    hidden = keras.layers.Conv2D(8, 3, strides=4, padding="same", activation="relu")(keras.layers.BatchNormalization(name="last")(hidden))
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(hidden), name="small")


def nested(_weights: str, _scaling: str) -> keras.Model:
    """A backbone with a network within it, between its own preprocessing and a layer of its own."""
    images = architectures.raw_images()
    pixels = keras.ops.cast(images, "float32")[..., ::-1] - 100.0
    return keras.Model(images, keras.layers.Rescaling(2.0)(small_network(shape=(32, 32, 3))(pixels)), name="backbone")


def flat(_weights: str, _scaling: str) -> keras.Model:
    """A backbone that is the network itself."""
    network = small_network(shape=(32, 32, 3), dtype="uint8")
    network.name = "backbone"
    return network


@pytest.mark.parametrize("make", [architectures.ARCHITECTURES["VGG16"].backbone, nested, flat], ids=["VGG16", "nested", "flat"])
def test_any_pretrained_backbone_has_eight_by_eight_places_and_maps_differ_by_class(make, monkeypatch, tmp_path):
    """One entry in the table is enough: preprocessing and layers are found in the backbone, also in that of a saved model."""
    keras.utils.set_random_seed(1)
    monkeypatch.setitem(architectures.ARCHITECTURES, "Other", Architecture("", e3_seconds=1, backbone=make, is_pretrained=True))
    backbone = architectures.backbone("Other", "random")
    Classifier(backbone, architectures.head("Other", backbone.output_shape[1:], 3)).whole("whole").save(tmp_path / "model.keras")
    classifier = architectures.load(tmp_path / "model.keras")
    images, _, _ = patched(4, seed=4)
    with tf.GradientTape() as tape:
        maps, scores = gradcam._opened(classifier)(images, tape)
    assert maps.shape[1:3] == (8, 8)
    probabilities = classifier.whole("whole").predict_on_batch(images)
    assert keras.ops.softmax(scores).numpy() == pytest.approx(probabilities, abs=1e-4)  # the same forward pass
    first, second = (gradcam.heat_maps(classifier, images, np.full(4, number)) for number in (0, 1))
    assert first.shape == (4, 32, 32)
    assert gradcam.heat_maps(classifier, images[:0], np.zeros(0, int)).shape == (0, 32, 32)  # a classifier without a mistake
    assert not np.allclose(first, second)


def test_nn_has_nothing_to_show():
    backbone = architectures.backbone("NN", "random")
    with pytest.raises(StudyError, match="no convolutions"):
        gradcam.heat_maps(Classifier(backbone, architectures.head("NN", (1024,), 2)), patched(2, seed=5)[0], np.zeros(2, int))
