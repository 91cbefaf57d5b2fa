"""Training a head by the study's protocol: SGD, early stopping, best weights. It can stop after any epoch and continue there.

The experiments call it.
"""

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cifake import protocol
from cifake.data import batches
from cifake.models import checkpoints
from cifake.models.checkpoints import Training
from cifake.system import progress, signals
from cifake.system.errors import StudyError

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


class _EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras' early stopping, able to continue; Keras' own forgets everything when it begins.

    After each epoch it keeps on disk all that the next one depends on, then says how far the training is.
    """

    def __init__(self, training: Training, path: Path, key: str, name: str, epochs: int):
        super().__init__(monitor="val_accuracy", mode="max", patience=protocol.PATIENCE, restore_best_weights=True)
        self.training, self.path, self.key, self.name, self.epochs = training, path, key, name, epochs

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if self.training.history:
            self.best, self.best_epoch = self.training.best, self.training.best_epoch
            self.wait, self.best_weights = self.training.wait, self.training.best_weights

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        training, done = self.training, epoch + 1
        training.history.append({name: float(logs[name]) for name in MEASURES})
        training.best, training.best_epoch, training.wait = float(self.best), self.best_epoch, self.wait
        training.stopped_early = bool(self.model.stop_training)
        training.seconds += time.monotonic() - self.start
        training.weights, training.best_weights = self.model.get_weights(), self.best_weights
        training.optimiser = [variable.numpy() for variable in self.model.optimizer.variables]
        checkpoints.save(self.path, self.key, training)
        signals.when_stopped(f"Stopped after epoch {done} of {self.name}; the same command continues there.")
        is_last, left = training.stopped_early or done == self.epochs, training.seconds / done * (self.epochs - done)
        log.info(
            " epoch %2d: loss %.3f, accuracy %.3f; validation %.3f, %.3f%s",
            done,
            *(logs[name] for name in MEASURES),
            "" if is_last else f"; {progress.duration(left)} left",
        )


def divided(steps: int, most: int) -> int:
    """The largest divisor of a number of steps that is at most `most`: only a divisor adds or drops no step."""
    return max(divisor for divisor in range(1, most + 1) if steps % divisor == 0)


def _compile(model: keras.Model, optimiser: keras.optimizers.Optimizer, steps: int) -> None:
    """The study's loss; `steps` is the number of batches of an epoch, or of a part of a training."""
    model.compile(
        optimizer=optimiser,
        loss="sparse_categorical_crossentropy",  # the categorical one, from class numbers instead of one-hot rows
        metrics=["accuracy"],
        steps_per_execution=divided(steps, STEPS_PER_CALL),
    )
    model.optimizer.build(model.trainable_variables)


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
    """Train a head in place, to the weights of its best epoch, and return its history.

    `inputs` [n, ...] and `numbers` [n] (classes from 0); the first `validation` rows are for validation. The state is kept in
    `checkpoint` after each epoch. If that file holds one of the same `key`, the training continues from it, to the same
    weights and history as a training that was never stopped. Raises StudyError if the loss or a weight is not finite.
    """
    steps = batches.steps_of(len(inputs) - validation)
    rate = keras.optimizers.schedules.ExponentialDecay(protocol.LEARNING_RATE, protocol.DECAY_STEPS, protocol.DECAY_RATE)
    _compile(head, keras.optimizers.SGD(rate), steps)
    training = checkpoints.load(checkpoint, key) or Training()
    if training.history:
        head.set_weights(training.weights)
        for variable, values in zip(head.optimizer.variables, training.optimiser, strict=True):
            variable.assign(values)
        log.info("%s: continues after epoch %d", name, len(training.history))
    remaining = range(len(training.history), epochs)
    if training.stopped_early or not remaining:
        head.set_weights(training.best_weights)
        return training
    head.fit(
        batches.shuffled(inputs, numbers, range(validation, len(inputs)), seed, remaining),
        validation_data=batches.in_order(inputs, numbers, range(validation), VALIDATION_BATCH),
        initial_epoch=remaining.start,
        epochs=epochs,
        steps_per_epoch=steps,
        callbacks=[_NotFinite(), _EarlyStopping(training, checkpoint, key, name, epochs)],
        shuffle=False,  # the batches come shuffled
        verbose=0,
    )
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
