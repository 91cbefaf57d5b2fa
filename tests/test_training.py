"""Training by the protocol, and that a cut one comes to the same bytes as one that was never cut."""

import numpy as np
import pytest
from conftest import REPOSITORY

from cifake import architectures, devices, images, protocol, training
from cifake.errors import StudyError

ROWS, VALIDATION = 320, 64  # 256 rows for training: 4 steps an epoch


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes that overlap, so that validation accuracy goes up and down."""
    random = np.random.default_rng(0)
    numbers = np.arange(ROWS) % 3
    return random.normal(numbers[:, None] * 0.5, 1, (ROWS, 16)).astype(np.float32), numbers


def train(data, checkpoint, epochs=10, seed=1, key="key"):
    devices.seed(seed)
    head = architectures.head("NN", (16,), 3)
    options = {
        "validation": VALIDATION,
        "epochs": epochs,
        "seed": seed,
        "name": "FAKE NN",
        "checkpoint": checkpoint,
        "key": key,
    }
    trained = training.train(head, *images.in_memory(*data), **options)
    return head, trained


def test_the_optimiser_is_the_protocols():
    head = architectures.head("NN", (16,), 3)
    training.compile_head(head, 4)
    assert type(head.optimizer).__name__ == "SGD"
    assert head.optimizer.momentum == 0
    for step, rate in ((0, 0.01), (10_000, 0.009), (25_000, 0.01 * 0.9**2.5)):
        head.optimizer.iterations.assign(step)
        assert float(head.optimizer.learning_rate) == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize("steps", [1, 4, 7, 18, 625, 641, 157])
def test_the_steps_per_call_divide_an_epoch(steps):
    assert steps % training.steps_per_call(steps) == 0
    assert training.steps_per_call(625) == 25


def test_an_epoch_takes_just_its_steps(data, tmp_path):
    head, trained = train(data, tmp_path / "c.npz", epochs=2)
    assert int(head.optimizer.iterations) == 2 * images.steps_of(ROWS - VALIDATION, protocol.BATCH_SIZE) == 8
    assert len(trained.history) == 2


def test_early_stopping_keeps_the_best_weights(data, tmp_path):
    head, trained = train(data, tmp_path / "c.npz", epochs=40)
    accuracies = [epoch["val_accuracy"] for epoch in trained.history]
    best = int(np.argmax(accuracies))  # the first of equal ones
    assert trained.stopped_early
    assert trained.best_epoch == best == len(accuracies) - 1 - protocol.PATIENCE
    predicted = head.predict(data[0][:VALIDATION], verbose=0).argmax(1)
    assert np.mean(predicted == data[1][:VALIDATION]) == pytest.approx(max(accuracies))


@pytest.mark.parametrize("cut_after", [1, 2, 3, 5, 7])
def test_a_cut_training_goes_on_to_the_same_bytes(data, tmp_path, cut_after):
    whole_head, whole = train(data, tmp_path / "whole.npz")
    assert len(whole.history) > 3
    path = tmp_path / "cut.npz"
    if cut_after < len(whole.history):
        train(data, path, epochs=cut_after)
    head, trained = train(data, path)
    assert trained.history == whole.history
    assert (trained.best, trained.best_epoch, trained.stopped_early) == (
        whole.best,
        whole.best_epoch,
        whole.stopped_early,
    )
    for ours, theirs in zip(head.get_weights(), whole_head.get_weights(), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_a_finished_training_is_not_trained_again(data, tmp_path):
    head, trained = train(data, tmp_path / "c.npz")
    again, kept = train(data, tmp_path / "c.npz")
    assert kept.history == trained.history
    for ours, theirs in zip(again.get_weights(), head.get_weights(), strict=True):
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("damage", ["truncated", "flipped", "other key"])
def test_a_checkpoint_that_is_damaged_or_anothers_is_not_used(data, tmp_path, damage, caplog):
    path = tmp_path / "c.npz"
    _, whole = train(data, path)
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 3] ^= 0xFF
        path.write_bytes(content)
    caplog.set_level("INFO")
    _, again = train(data, path, key="other" if damage == "other key" else "key")
    assert again.history == whole.history
    assert ("is of other settings" if damage == "other key" else "is damaged") in caplog.text


@pytest.mark.parametrize("place", ["inputs", "hidden bias"])
def test_a_loss_or_weight_that_is_no_number_ends_the_training(data, tmp_path, place):
    inputs = data[0].copy()
    devices.seed(1)
    head = architectures.head("NN", (16,), 3)
    if place == "inputs":
        inputs[VALIDATION + 5] = np.nan
    else:  # a unit that no image reaches: the ReLU hides it
        kernel, bias = head.get_layer("hidden").get_weights()
        head.get_layer("hidden").set_weights([kernel, np.where(np.arange(128) == 3, -np.inf, bias)])
    checkpoint = tmp_path / "c.npz"
    options = {
        "validation": VALIDATION,
        "epochs": 3,
        "seed": 1,
        "name": "FAKE NN",
        "checkpoint": checkpoint,
        "key": "key",
    }
    with pytest.raises(StudyError, match=r"not finite any more in epoch 1, by step 4"):
        training.train(head, *images.in_memory(inputs, data[1]), **options)
    assert not checkpoint.exists()


def test_no_module_reaches_upwards():
    """The order in which the package's files stand on each other, as src/README.md gives it."""
    layers = [
        {"errors", "protocol", "folders", "evaluation", "signals", "arms", "budgets"},
        {"files", "digits", "options", "command", "records"},
        {"metadata", "devices", "architectures", "augmentation"},
        {"duplicates", "images", "features", "runs", "histories", "comparison", "download", "worth"},
        {"training", "tables", "figures"},
        {"testing"},
        {"experiment", "crossing", "grid", "mixing", "report"},
    ]
    level = {module: number for number, members in enumerate(layers) for module in members}
    for path in (REPOSITORY / "src" / "cifake").glob("*.py"):
        if path.stem == "__init__":
            continue
        for other in level:
            text = path.read_text(encoding="utf-8")
            uses = f"from cifake.{other} import" in text or any(
                other in line.replace(",", " ").split()[3:]
                for line in text.splitlines()
                if line.strip().startswith("from cifake import")
            )
            assert not uses or level[other] <= level[path.stem], (path.stem, other)
