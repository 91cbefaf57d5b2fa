"""How many floating-point operations a model takes for one image, counted from the shapes of its layers."""

import math

import keras


def forward(model: keras.Model) -> int:
    """Operations of a forward pass: a multiplication and an addition for each weight, at each place that it is used at.

    Biases, activations and pooling are left out; they are less than a hundredth of it.
    """
    return sum(_by_layer(model))


def trained(model: keras.Model) -> int:
    """Operations of a training step: forward, the gradient by the weights, and that by the inputs, each as many.

    The gradient by the inputs of the first layer, the images, is not needed.
    """
    by_layer = _by_layer(model)
    return 3 * sum(by_layer) - by_layer[0]


def _by_layer(model: keras.Model) -> list[int]:
    """Operations of each layer that multiplies, in order; models within the model are taken apart."""
    counts = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            counts += _by_layer(layer)
        elif isinstance(layer, keras.layers.Conv2D):
            _, height, width, _ = layer.output.shape
            counts.append(2 * height * width * math.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            counts.append(2 * math.prod(layer.kernel.shape))
    return counts
