"""Training a head by the study's protocol: SGD, early stopping, best weights. It can stop after any epoch and continue there.

The experiments call it.
"""

import json
import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cifake import protocol
from cifake.data import batches, metadata
from cifake.system import progress
from cifake.system.errors import StudyError
from cifake.system.files import write_whole
from cifake.system.paths import shown

log = logging.getLogger(__name__)

# At most: Keras runs so many steps before it returns to Python, which halves the time of a small model's epoch.
STEPS_PER_CALL = 32
PARTS = 20  # of a training by steps, each with its loss and accuracy in the record
VALIDATION_BATCH = 500  # images; no weight depends on it
MEASURES = ("loss", "accuracy", "val_loss", "val_accuracy")


class _NotFinite(keras.callbacks.Callback):
    """Ends a training whose loss or weights are not finite, before anything of it is kept."""

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
            "is kept. The images or the weights that VGG16 starts from are the likely cause, or the learning rate if it was raised."
        )


@dataclass
class Training:
    """How far a training has come: all that its next epoch depends on."""

    history: list[dict[str, float]] = field(default_factory=list)  # by epoch: MEASURES, and the seconds that it took
    weights: list[np.ndarray] = field(default_factory=list)  # after the last epoch
    optimiser: list[np.ndarray] = field(default_factory=list)
    best_weights: list[np.ndarray] = field(default_factory=list)  # after the best epoch

    @property
    def best_epoch(self) -> int:
        """The first of those with the highest validation accuracy, from 0."""
        return int(np.argmax([epoch["val_accuracy"] for epoch in self.history]))

    @property
    def seconds(self) -> float:
        """Over all sittings."""
        return sum(epoch["seconds"] for epoch in self.history)

    @property
    def stopped_early(self) -> bool:
        """Whether the last epochs were not better than the best."""
        return bool(self.history) and len(self.history) - 1 - self.best_epoch >= protocol.PATIENCE


ARRAYS = ("weights", "optimiser", "best_weights")  # of a Training


class _Checkpoint(keras.callbacks.Callback):
    """After each epoch: keeps on disk all that the next one depends on, says how far the training is, and stops it early."""

    def __init__(self, training: Training, path: Path):
        super().__init__()
        self.training, self.path = training, path

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        training, done, most = self.training, epoch + 1, self.params["epochs"]
        training.history.append({name: float(logs[name]) for name in MEASURES} | {"seconds": time.monotonic() - self.start})
        training.weights = self.model.get_weights()
        training.optimiser = [variable.numpy() for variable in self.model.optimizer.variables]
        if training.best_epoch == epoch:
            training.best_weights = training.weights
        arrays = {f"{part}_{number}": values for part in ARRAYS for number, values in enumerate(getattr(training, part))}
        write_whole(self.path, lambda draft: np.savez(draft, history=np.array(json.dumps(training.history)), **arrays))
        self.model.stop_training = training.stopped_early
        left = "" if training.stopped_early or done == most else progress.duration(training.seconds / done * (most - done))
        log.info(
            " epoch %2d: loss %.3f, accuracy %.3f; validation %.3f, %.3f%s",
            done,
            *(logs[name] for name in MEASURES),
            left and f"; {left} left",
        )


def _kept(path: Path) -> Training:
    """The training in a checkpoint; a new one if there is no file, or if it is damaged."""
    if not path.exists():
        return Training()
    try:
        with np.load(path, allow_pickle=False) as file:  # verifies the zip format's own checksums
            arrays = {name: file[name] for name in file.files}  # in the order in which they were saved
        parts = {part: [values for name, values in arrays.items() if name.rpartition("_")[0] == part] for part in ARRAYS}
        return Training(json.loads(str(arrays["history"])), **parts)
    except Exception as problem:  # zip, numpy and JSON have many of their own for damaged bytes
        log.info("%s is damaged (%s); this training starts again", shown(path), problem)
        return Training()


def divided(steps: int, most: int) -> int:
    """The largest divisor of a number of steps that is at most `most`: only a divisor adds or drops no step."""
    return max(divisor for divisor in range(1, most + 1) if steps % divisor == 0)


def _compile(model: keras.Model, optimiser: keras.optimizers.Optimizer, steps: int, is_soft: bool = False) -> None:
    """The study's loss; `steps` is the number of batches of an epoch, or of a part of a training; soft labels are probabilities."""
    model.compile(
        optimizer=optimiser,
        # The sparse one is the categorical one, from labels instead of one-hot rows.
        loss="categorical_crossentropy" if is_soft else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=divided(steps, STEPS_PER_CALL),
    )
    model.optimizer.build(model.trainable_variables)


def train(head: keras.Model, inputs: tf.Tensor, labels: tf.Tensor, settings: dict, checkpoint: Path) -> Training:
    """Train a head in place, to the weights of its best epoch, and return its history.

    `inputs` [n, ...] and `labels` [n] (classes from 0) or [n, classes] (probabilities); the first rows are for validation, as
    metadata.validation_rows has it. Of the `settings` of its run it needs `seed` and `epochs_at_most`. The state is kept in `checkpoint`
    after each epoch. If that file is there, the training continues from it, to the same weights and history as a training that was never
    stopped. Raises StudyError if the loss or a weight is not finite.
    """
    validation, epochs = metadata.validation_rows(len(inputs)), settings["epochs_at_most"]
    steps = batches.steps_of(len(inputs) - validation)
    rate = keras.optimizers.schedules.ExponentialDecay(protocol.LEARNING_RATE, protocol.DECAY_STEPS, protocol.DECAY_RATE)
    _compile(head, keras.optimizers.SGD(rate), steps, is_soft=labels.ndim > 1)
    training = _kept(checkpoint)
    if training.history:
        head.set_weights(training.weights)
        for variable, values in zip(head.optimizer.variables, training.optimiser, strict=True):
            variable.assign(values)
        log.info("  continues after epoch %d", len(training.history))
    remaining = range(len(training.history), epochs)
    if remaining and not training.stopped_early:
        head.fit(
            batches.shuffled(inputs, labels, range(validation, len(inputs)), settings["seed"], remaining),
            validation_data=batches.in_order(inputs, labels, range(validation), VALIDATION_BATCH),
            initial_epoch=remaining.start,
            epochs=epochs,
            steps_per_epoch=steps,
            callbacks=[_NotFinite(), _Checkpoint(training, checkpoint)],
            shuffle=False,  # the batches come shuffled
            verbose=0,
        )
    head.set_weights(training.best_weights)
    return training


@dataclass(frozen=True)
class Trainee:
    """A classifier that is compiled for experiment 3's recipe, to be trained again and again."""

    model: keras.Model
    optimiser: list[np.ndarray]  # its state before the first step
    steps: int  # of each training
    interval: int  # steps of a part of a training, of which there are twenty


def compile_by_steps(model: keras.Model, settings: dict, steps: int) -> Trainee:
    """Make a model ready for trainings of a fixed number of steps, a multiple of 20, by experiment 3's recipe."""
    warm_up = min(settings["warm_up"], steps // 6)
    peak = settings["learning_rate"]
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - warm_up, warmup_target=peak, warmup_steps=warm_up)
    decay, interval = settings["weight_decay"] or None, steps // PARTS
    sgd = keras.optimizers.SGD(rate, momentum=settings["momentum"], nesterov=True, weight_decay=decay)
    _compile(model, sgd, interval)
    return Trainee(model, [variable.numpy() for variable in model.optimizer.variables], steps, interval)


def train_by_steps(trainee: Trainee, weights: list[np.ndarray], data: tf.data.Dataset) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    """Train from some weights for as many steps as the trainee is compiled for; gives the last weights, and what happened.

    `data` has a batch for each step. What happened: loss and accuracy of each twentieth of the training. Raises StudyError if the loss
    or a weight is not finite.
    """
    model, steps, interval = trainee.model, trainee.steps, trainee.interval
    model.set_weights(weights)
    for variable, values in zip(model.optimizer.variables, trainee.optimiser, strict=True):
        variable.assign(values)
    with progress.bar(steps, "  training", "steps") as bar:
        history = model.fit(
            data,
            epochs=PARTS,
            steps_per_epoch=interval,
            callbacks=[
                _NotFinite(f"part of {interval} steps"),
                keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: bar.update(interval)),
            ],
            shuffle=False,  # the batches come shuffled
            verbose=0,
        ).history
    return model.get_weights(), {measure: [round(float(value), 4) for value in history[measure]] for measure in MEASURES[:2]}
