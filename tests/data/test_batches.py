"""From arrays to batches, in an order that follows from seed and epoch alone."""

import gc
import weakref

import numpy as np

from cifake.data import batches


def order_of(epochs: range, seed: int = 1, rows: int = 150) -> list[list[int]]:
    data = batches.shuffled(*batches.in_memory(np.arange(rows), np.arange(rows)), range(rows), seed, epochs)
    assert data.cardinality() == len(epochs) * 3
    return [list(inputs.numpy()) for inputs, _ in data]


def test_what_makes_batches_goes_when_they_go():
    def make(step):
        return np.full((4, 2), step, np.uint8), np.arange(4)

    data, there = batches.made(make, 3), weakref.ref(make)
    del make
    assert [int(inputs[0, 0]) for inputs, _ in data] == [0, 1, 2]
    del data
    gc.collect()
    assert there() is None  # with the arrays that it knows: 3 MB for a training of experiment 3


def test_each_epoch_has_every_row_once_in_an_order_of_its_own():
    order = order_of(range(2))
    assert [len(batch) for batch in order] == [64, 64, 22] * 2
    epochs = [np.concatenate(order[:3]).tolist(), np.concatenate(order[3:]).tolist()]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(150))
    assert epochs[0] != epochs[1]
    assert order != order_of(range(2), seed=2)


def test_an_epochs_order_follows_from_seed_and_number_alone():
    assert order_of(range(5))[9:] == order_of(range(3, 5))


def test_the_rows_for_validation_are_left_out():
    inputs, numbers = batches.in_memory(np.arange(150), np.arange(150))
    seen = [rows.numpy() for rows, _ in batches.shuffled(inputs, numbers, range(30, 150), 1, range(1))]
    assert sorted(np.concatenate(seen)) == list(range(30, 150))
    seen = [rows.numpy() for rows, _ in batches.in_order(inputs, numbers, range(30), 20)]
    assert np.concatenate(seen).tolist() == list(range(30))


def test_labels_stay_with_their_images():
    inputs, numbers = np.arange(150), np.arange(150) % 7
    for batch, labels in batches.shuffled(*batches.in_memory(inputs, numbers), range(150), 1, range(1)):
        assert np.array_equal(batch.numpy() % 7, labels.numpy())
    ordered = list(batches.in_order(*batches.in_memory(inputs, numbers), range(150), 40))
    assert np.array_equal(np.concatenate([batch.numpy() for batch, _ in ordered]), inputs)
