"""The contract of a saved model: raw uint8 images in, probabilities out, for anybody who has Keras and nothing else."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from cifake import protocol
from cifake.models import architectures, features
from cifake.system.errors import StudyError
from cifake.system.paths import Folders

RANDOM = "random"
PIXELS = np.random.default_rng(0).integers(0, 256, (50, *protocol.IMAGE_SHAPE), dtype=np.uint8)


def build(architecture: str, classes: int = 10) -> tuple[architectures.Classifier, keras.Model]:
    keras.utils.set_random_seed(1)
    backbone = architectures.backbone(architecture, RANDOM)
    head = architectures.head(architecture, backbone and backbone.output_shape[1:], classes)
    classifier = architectures.Classifier(backbone, head)
    return classifier, classifier.whole(architecture)


def test_a_saved_model_needs_nothing_but_keras(tmp_path):
    expected = {}
    for architecture in architectures.ARCHITECTURES:
        _, model = build(architecture)
        expected[architecture] = model.predict(PIXELS, verbose=0)
        assert expected[architecture].dtype == np.float32
        assert np.allclose(expected[architecture].sum(1), 1, atol=1e-5)
        model.save(tmp_path / f"{architecture}.keras")
    np.save(tmp_path / "pixels.npy", PIXELS)
    code = (
        "import sys, keras, numpy as np\n"
        "for name in sys.argv[1:]:\n"
        "    model = keras.models.load_model(f'{name}.keras')\n"
        "    np.save(name, model.predict(np.load('pixels.npy'), verbose=0))\n"
    )
    subprocess.run([sys.executable, "-c", code, *expected], check=True, capture_output=True, cwd=tmp_path)
    for architecture, probabilities in expected.items():
        assert np.allclose(np.load(tmp_path / f"{architecture}.npy"), probabilities, atol=1e-6)


@pytest.mark.parametrize("architecture", architectures.ARCHITECTURES)
def test_a_loaded_model_comes_apart_and_scores_as_the_whole(architecture, tmp_path):
    _, model = build(architecture, classes=7)
    model.save(tmp_path / "model.keras")
    loaded = architectures.load(tmp_path / "model.keras")
    assert (loaded.backbone is None) == (architectures.ARCHITECTURES[architecture].backbone is None)
    in_parts = features.probabilities(loaded, PIXELS, "fingerprint", Folders(output=tmp_path), "test")
    assert in_parts.shape == (50, 7)
    assert np.allclose(in_parts, model.predict(PIXELS, verbose=0), atol=1e-6)


def test_only_the_head_is_trained():
    trained = {name: build(name)[1] for name in architectures.ARCHITECTURES}
    sizes = {name: sum(int(np.prod(weights.shape)) for weights in model.trainable_weights) for name, model in trained.items()}
    # By hand: inputs x units + biases, layer by layer.
    assert sizes["NN"] == 1024 * 128 + 128 + 128 * 10 + 10
    assert sizes["LeNet"] == (27 * 32 + 32) + (800 * 50 + 50) + (3200 * 128 + 128) + 128 * 10 + 10
    assert sizes["VGG16"] == 512 * 128 + 128 + 128 * 10 + 10


def test_nn_sees_grey_that_is_not_rounded():
    backbone = architectures.backbone("NN", RANDOM)
    grey = backbone.predict(PIXELS, verbose=0).reshape(50, 32, 32)
    expected = PIXELS.astype(float) @ [0.2989, 0.587, 0.114] / 255
    assert np.allclose(grey, expected, atol=1e-4)
    assert not np.allclose(grey * 255, np.round(grey * 255), atol=1e-2)


def test_vgg16_sees_what_keras_prepares():
    backbone = architectures.backbone("VGG16", RANDOM)
    network = backbone.get_layer("vgg16")
    prepared = keras.applications.vgg16.preprocess_input(PIXELS[:5].astype(np.float32))
    assert np.allclose(backbone.predict(PIXELS[:5], verbose=0), network.predict(prepared, verbose=0), rtol=1e-4, atol=1e-5)


def test_weights_of_something_else_are_refused(tmp_path):
    path = tmp_path / "other.weights.h5"
    build("LeNet")[1].save_weights(path)
    with pytest.raises(StudyError, match="does not hold VGG16's weights"):
        architectures.backbone("VGG16", str(path))


def test_a_model_with_code_in_it_is_refused(tmp_path):
    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2)(inputs)).save(tmp_path / "code.keras")
    with pytest.raises(StudyError, match="holds code, which is not run"):
        architectures.load(tmp_path / "code.keras")


def test_a_damaged_model_is_named(tmp_path):
    path = tmp_path / "model.keras"
    build("NN")[1].save(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(StudyError, match=r"model\.keras is not loaded: it is damaged"):
        architectures.load(path)


def test_features_are_kept_and_mended(tmp_path, monkeypatch):
    backbone, folders, computed = architectures.backbone("VGG16", RANDOM), Folders(output=tmp_path), []
    compute = features.compute
    monkeypatch.setattr(features, "compute", lambda *words: computed.append(len(words[1])) or compute(*words))

    def found(fingerprint: str = "a fingerprint") -> np.ndarray:
        return features.of_images(backbone, PIXELS, fingerprint, folders, "test")

    fresh = found()
    (path,) = folders.unfinished.glob("features_*.npz")
    content = path.read_bytes()
    assert np.array_equal(found(), fresh)
    assert computed == [50]
    for damaged in (content[:-2000] + bytes(100) + content[-1900:], content[:5000], b""):
        path.write_bytes(damaged)
        assert np.array_equal(found(), fresh)
    np.savez(path, features=np.full_like(fresh, np.inf))
    assert np.array_equal(found(), fresh)
    assert computed == [50] * 5
    found("another fingerprint")
    assert computed == [50] * 6
