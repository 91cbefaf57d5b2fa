"""Training by the protocol, and that a cut one comes to the same bytes as one that was never cut."""

import keras
import numpy as np
import pytest

from cifake import protocol
from cifake.data import batches
from cifake.models import architectures, training
from cifake.models.training import Training
from cifake.system import options
from cifake.system.errors import StudyError

ROWS, VALIDATION = 320, 64  # 256 rows for training: 4 steps an epoch


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes that overlap, so that validation accuracy goes up and down."""
    random = np.random.default_rng(0)
    labels = np.arange(ROWS) % 3
    return random.normal(labels[:, None] * 0.5, 1, (ROWS, 16)).astype(np.float32), labels


def train(data, checkpoint, epochs=10, seed=1):
    keras.utils.set_random_seed(seed)
    head = architectures.head("NN", (16,), 3)
    return head, training.train(head, *batches.in_memory(*data), {"seed": seed, "epochs_at_most": epochs}, checkpoint)


def test_the_optimiser_is_the_protocols(data, tmp_path):
    head, _ = train(data, tmp_path / "c.npz", epochs=1)
    assert type(head.optimizer).__name__ == "SGD"
    assert head.optimizer.momentum == 0
    for step, rate in ((0, 0.01), (10_000, 0.009), (25_000, 0.01 * 0.9**2.5)):
        head.optimizer.iterations.assign(step)
        assert float(head.optimizer.learning_rate) == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize("steps", [1, 4, 7, 18, 625, 641, 157])
def test_the_steps_per_call_divide_an_epoch(steps):
    assert steps % training.divided(steps, training.STEPS_PER_CALL) == 0
    assert training.divided(625, training.STEPS_PER_CALL) == 25


def test_probabilities_as_labels_that_are_sure_teach_what_classes_do(data, tmp_path):
    hard, _ = train(data, tmp_path / "hard.npz", epochs=2)
    soft, trained = train((data[0], np.eye(3, dtype=np.float32)[data[1]]), tmp_path / "soft.npz", epochs=2)
    assert soft.get_weights()[0] == pytest.approx(hard.get_weights()[0], abs=1e-5)
    assert trained.history[-1]["val_accuracy"] > 0.4


def test_an_epoch_takes_just_its_steps(data, tmp_path):
    head, trained = train(data, tmp_path / "c.npz", epochs=2)
    assert int(head.optimizer.iterations) == 2 * batches.steps_of(ROWS - VALIDATION) == 8
    assert len(trained.history) == 2


def test_early_stopping_keeps_the_best_weights(data, tmp_path):
    head, trained = train(data, tmp_path / "c.npz", epochs=40)
    accuracies = [epoch["val_accuracy"] for epoch in trained.history]
    best = int(np.argmax(accuracies))  # the first of equal ones
    assert trained.stopped_early
    assert trained.best_epoch == best == len(accuracies) - 1 - protocol.PATIENCE
    predicted = head.predict(data[0][:VALIDATION], verbose=0).argmax(1)
    assert np.mean(predicted == data[1][:VALIDATION]) == pytest.approx(max(accuracies))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> tuple[list[bytes], Training, bytes]:
    """A training that was never cut: its weights, its history, its last checkpoint."""
    path = tmp_path_factory.mktemp("whole") / "c.npz"
    head, trained = train(data, path)
    assert len(trained.history) > 3
    return weights_of(head), trained, path.read_bytes()


def weights_of(head) -> list[bytes]:
    return [values.tobytes() for values in head.get_weights()]


def measured(trained: Training) -> list[dict[str, float]]:
    """The history without its seconds."""
    return [{name: epoch[name] for name in training.MEASURES} for epoch in trained.history]


@pytest.mark.parametrize("cut_after", [1, 3, 5])
def test_a_cut_training_goes_on_to_the_same_bytes(data, whole, tmp_path, cut_after):
    weights, uncut, _ = whole
    train(data, tmp_path / "cut.npz", epochs=cut_after)
    head, trained = train(data, tmp_path / "cut.npz")
    assert measured(trained) == measured(uncut)
    assert (trained.best_epoch, trained.stopped_early) == (uncut.best_epoch, uncut.stopped_early)
    assert weights_of(head) == weights


def test_it_is_keras_early_stopping(data, whole):
    """The same best weights and the same number of epochs as Keras' own callback gives, which cannot continue."""
    weights, uncut, _ = whole
    keras.utils.set_random_seed(1)
    head, (inputs, labels) = architectures.head("NN", (16,), 3), batches.in_memory(*data)
    training._compile(head, keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.01, 10_000, 0.9)), 4)
    stopping = keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=protocol.PATIENCE, restore_best_weights=True)
    history = head.fit(
        batches.shuffled(inputs, labels, range(VALIDATION, ROWS), 1, range(10)),
        validation_data=batches.in_order(inputs, labels, range(VALIDATION), VALIDATION),
        epochs=10,
        steps_per_epoch=4,
        callbacks=[stopping],
        shuffle=False,
        verbose=0,
    ).history
    assert history["val_accuracy"] == [epoch["val_accuracy"] for epoch in uncut.history]
    assert weights_of(head) == weights


def test_a_finished_training_is_not_trained_again(data, whole, tmp_path, monkeypatch):
    weights, trained, checkpoint = whole
    (tmp_path / "c.npz").write_bytes(checkpoint)
    monkeypatch.delattr(batches, "shuffled")  # no batch, no training
    head, kept = train(data, tmp_path / "c.npz")
    assert kept.history == trained.history
    assert weights_of(head) == weights


def test_a_damaged_checkpoint_is_not_used(data, whole, tmp_path):
    """Whatever has happened to the file: half of it, other bytes, another file."""
    weights, uncut, checkpoint = whole
    path, flipped = tmp_path / "c.npz", bytearray(checkpoint)
    flipped[len(flipped) // 3] ^= 0xFF
    for content in (checkpoint[: len(checkpoint) // 2], bytes(flipped), b"", b"no zip"):
        path.write_bytes(content)
        assert training._kept(path).history == []
    head, again = train(data, path)
    assert measured(again) == measured(uncut)
    assert weights_of(head) == weights


@pytest.mark.parametrize("place", ["inputs", "hidden bias"])
def test_a_loss_or_weight_that_is_no_number_ends_the_training(data, tmp_path, place):
    inputs = data[0].copy()
    keras.utils.set_random_seed(1)
    head = architectures.head("NN", (16,), 3)
    if place == "inputs":
        inputs[VALIDATION + 5] = np.nan
    else:  # a unit that no image reaches: the ReLU hides it
        kernel, bias = head.get_layer("hidden").get_weights()
        head.get_layer("hidden").set_weights([kernel, np.where(np.arange(128) == 3, -np.inf, bias)])
    checkpoint = tmp_path / "c.npz"
    with pytest.raises(StudyError, match=r"not finite any more in epoch 1, by step 4"):
        training.train(head, *batches.in_memory(inputs, data[1]), {"seed": 1, "epochs_at_most": 3}, checkpoint)
    assert not checkpoint.exists()


@pytest.mark.parametrize("precision", options.PRECISIONS)
def test_a_compiled_classifier_trains_again_as_if_it_were_new(data, precision):
    features, labels = data
    settings = {"warm_up": 5, "learning_rate": 0.01, "weight_decay": 0.0, "momentum": 0.9}

    def compiled() -> training.Trainee:
        with architectures.precision(precision):
            return training.compile_by_steps(architectures.head("NN", (16,), 3), settings, 40)

    def train(trainee: training.Trainee) -> list[np.ndarray]:
        return training.train_by_steps(trainee, start, batches.made(lambda _: (features[:64], labels[:64]), 40))[0]

    used, new = compiled(), compiled()
    start = new.model.get_weights()
    train(used)
    assert all(map(np.array_equal, train(used), train(new)))
