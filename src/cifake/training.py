"""Training a head by the study's protocol: SGD, early stopping, best weights; it can be cut after any epoch and goes on."""

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from cifake import command, images, protocol
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import write_whole
from cifake.folders import shown

STEPS_PER_CALL = (
    32  # at most: Keras runs so many steps before it comes back to Python, which halves a small model's epoch
)
VALIDATION_BATCH = 500  # images; no weight depends on it


@dataclass
class Training:
    """How far a training has come: all that its next epoch depends on, beside weights and optimiser."""

    history: list[dict[str, float]] = field(
        default_factory=list
    )  # an epoch each: loss, accuracy, val_loss, val_accuracy
    best: float | None = None  # validation accuracy
    best_epoch: int = 0  # from 0
    wait: int = 0  # epochs since the best
    stopped_early: bool = False
    seconds: float = 0.0  # over all sittings


@dataclass
class Kept:
    """A checkpoint in memory."""

    training: Training
    weights: list[np.ndarray]
    optimiser: list[np.ndarray]
    best_weights: list[np.ndarray]


class _EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras' early stopping, which can begin in the midst of a training; Keras' own forgets all when it begins."""

    def __init__(self, kept: Kept | None):
        super().__init__(monitor="val_accuracy", mode="max", patience=protocol.PATIENCE, restore_best_weights=True)
        self.kept = kept

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if self.kept:
            self.best, self.best_epoch = self.kept.training.best, self.kept.training.best_epoch
            self.wait, self.best_weights = self.kept.training.wait, self.kept.best_weights


class _NotFinite(keras.callbacks.Callback):
    """Ends a training whose loss or weights are no numbers any more, before anything of it is kept."""

    def __init__(self, part: str = "epoch"):
        super().__init__()
        self.part = part  # of the training, as the message counts it

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # Behind a ReLU, weights can be NaN while the loss is still a number.
        if math.isfinite(logs["loss"]) and all(np.isfinite(weights).all() for weights in self.model.get_weights()):
            return
        raise StudyError(
            f"The loss or a weight is not finite any more in {self.part} {self.epoch + 1}, by step {batch + 1}; nothing of this training "
            "is kept. The images or the weights that VGG16 starts from are the likely cause, or the learning rate where it was raised."
        )


class _Checkpoint(keras.callbacks.Callback):
    """After each epoch, keeps on disk all that the next one depends on; comes after early stopping."""

    def __init__(self, path: Path, key: str, training: Training, stopping: _EarlyStopping):
        super().__init__()
        self.path, self.key, self.training, self.stopping = path, key, training, stopping

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        training, stopping = self.training, self.stopping
        training.history.append({name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")})
        training.best, training.best_epoch, training.wait = float(stopping.best), stopping.best_epoch, stopping.wait
        training.stopped_early = bool(self.model.stop_training)
        training.seconds += time.monotonic() - self.start
        optimiser = [variable.numpy() for variable in self.model.optimizer.variables]
        save(self.path, self.key, Kept(training, self.model.get_weights(), optimiser, stopping.best_weights))


class _Progress(keras.callbacks.Callback):
    """A bar with a time estimate in a terminal, a line an epoch everywhere; comes after the checkpoint."""

    def __init__(self, name: str, training: Training, epochs: int, steps: int):
        super().__init__()
        self.name, self.training, self.epochs, self.steps = name, training, epochs, steps

    def on_train_begin(self, logs=None):
        done = len(self.training.history)
        self.bar = tqdm(
            desc=f"{self.name}: at most {self.epochs} epochs",
            total=self.epochs * self.steps,
            initial=done * self.steps,
            unit=" steps",
            disable=None,
            leave=False,
        )
        self.start, self.first = time.monotonic(), done

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update((len(self.training.history) * self.steps + batch + 1) - self.bar.n)

    def on_epoch_end(self, epoch, logs=None):
        last, done = self.training.history[-1], epoch + 1
        left = (time.monotonic() - self.start) / (done - self.first) * (self.epochs - done)
        waiting = "" if self.training.best_epoch == epoch else f", best so far in epoch {self.training.best_epoch + 1}"
        command.when_stopped(f"Stopped after epoch {done} of {self.name}; bash run.sh goes on from there.")
        log.info(
            "%s: epoch %d: loss %.3f, accuracy %.3f, validation loss %.3f, accuracy %.3f%s%s",
            self.name,
            done,
            last["loss"],
            last["accuracy"],
            last["val_loss"],
            last["val_accuracy"],
            waiting,
            f"; at most {command.spoken(left)} left" if done < self.epochs and not self.training.stopped_early else "",
        )

    def on_train_end(self, logs=None):
        self.bar.close()


def save(path: Path, key: str, kept: Kept) -> None:
    """Write a checkpoint whole. `key` names what it belongs to: settings and data."""
    arrays = {"state": np.array(json.dumps({"key": key, **asdict(kept.training)}))}
    for part in ("weights", "optimiser", "best_weights"):
        arrays |= {f"{part}_{number}": values for number, values in enumerate(getattr(kept, part))}
    write_whole(path, lambda draft: np.savez(draft, **arrays))


def load(path: Path, key: str) -> Kept | None:
    """A checkpoint, or None where there is none that is whole and belongs to `key`."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:  # the zip format's own checksums are verified as it is read
            arrays = {name: file[name] for name in file.files}
        state = json.loads(str(arrays.pop("state")))
        belongs_to = state.pop("key")
        # np.savez keeps the order in which the arrays were given
        parts = {
            part: [values for name, values in arrays.items() if name.rpartition("_")[0] == part]
            for part in ("weights", "optimiser", "best_weights")
        }
        kept = Kept(Training(**state), **parts)
    except Exception as problem:  # zip, numpy and JSON have many of their own for damaged bytes
        log.info("%s is damaged (%s); this training begins anew", shown(path), problem)
        return None
    if belongs_to != key:
        log.info("%s is of other settings or images; this training begins anew", shown(path))
        return None
    return kept


def steps_per_call(steps: int) -> int:
    """The largest divisor of an epoch's steps that is no more than STEPS_PER_CALL: only then no step is added or lost."""
    return max(divisor for divisor in range(1, STEPS_PER_CALL + 1) if steps % divisor == 0)


def compile_head(head: keras.Model, steps: int) -> None:
    """The study's optimiser and loss; `steps` is an epoch's number of batches."""
    rate = keras.optimizers.schedules.ExponentialDecay(
        protocol.LEARNING_RATE, protocol.DECAY_STEPS, protocol.DECAY_RATE
    )
    head.compile(
        optimizer=keras.optimizers.SGD(rate),
        loss="sparse_categorical_crossentropy",  # the categorical one, from class numbers instead of one-hot rows
        metrics=["accuracy"],
        steps_per_execution=steps_per_call(steps),
    )
    head.optimizer.build(head.trainable_variables)


def train(
    head: keras.Model,
    inputs: tf.Tensor,
    numbers: tf.Tensor,
    *,
    validation: int,
    epochs: int,
    seed: int,
    name: str,
    checkpoint: Path,
    key: str,
) -> Training:
    """Train a head in place, to its best epoch's weights, and give its history.

    `inputs` [n, ...] and `numbers` [n] (classes from 0); the first `validation` rows are for validation. After each epoch the
    state is kept in `checkpoint`; where that file holds one of the same `key`, the training goes on from it, and comes to the
    same weights and history as one that was never cut. Raises StudyError where the loss or a weight is not finite.
    """
    steps = images.steps_of(len(inputs) - validation, protocol.BATCH_SIZE)
    compile_head(head, steps)
    kept = load(checkpoint, key)
    training = kept.training if kept else Training()
    if kept:
        head.set_weights(kept.weights)
        for variable, values in zip(head.optimizer.variables, kept.optimiser, strict=True):
            variable.assign(values)
        log.info("%s: goes on after epoch %d", name, len(training.history))
    remaining = range(len(training.history), epochs)
    if training.stopped_early or not remaining:
        head.set_weights(kept.best_weights)
        return training
    stopping = _EarlyStopping(kept)
    with logging_redirect_tqdm():
        head.fit(
            images.training_batches(inputs, numbers, range(validation, len(inputs)), seed, remaining),
            validation_data=images.ordered_batches(inputs, numbers, range(validation), VALIDATION_BATCH),
            initial_epoch=remaining.start,
            epochs=epochs,
            steps_per_epoch=steps,
            callbacks=[
                _NotFinite(),
                stopping,
                _Checkpoint(checkpoint, key, training, stopping),
                _Progress(name, training, epochs, steps),
            ],
            shuffle=False,  # the batches come shuffled
            verbose=0,
        )
    return training


def train_by_steps(
    model: keras.Model, batches: tf.data.Dataset, validation: tf.data.Dataset, *, steps: int, interval: int, name: str
) -> tuple[dict[str, list[float]], int]:
    """Train a model in place for so many steps, whatever comes, and give it the weights of its best validation, the first of equals.

    `batches` has as many batches as there are steps; after each `interval` of them, which divides the steps, the model is validated.
    Gives loss, accuracy, val_loss and val_accuracy by interval, and the number of the best, from 0. Raises StudyError where the
    loss or a weight is not finite.
    """
    compile_head(model, interval)
    intervals = steps // interval
    best = keras.callbacks.EarlyStopping(
        monitor="val_accuracy", mode="max", patience=intervals, restore_best_weights=True
    )
    with logging_redirect_tqdm(), tqdm(desc=name, total=steps, unit=" steps", disable=None, leave=False) as bar:
        progress = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: bar.update(interval))
        history = model.fit(
            batches,
            validation_data=validation,
            epochs=intervals,
            steps_per_epoch=interval,
            callbacks=[_NotFinite(f"part of {interval} steps"), best, progress],
            shuffle=False,  # the batches come shuffled
            verbose=0,
        ).history
    columns = ("loss", "accuracy", "val_loss", "val_accuracy")
    return {column: [float(value) for value in history[column]] for column in columns}, best.best_epoch
