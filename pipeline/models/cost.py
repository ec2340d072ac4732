"""What a network costs: parameters and arithmetic operations."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Cost:
    """Trainable parameters, and arithmetic operations (a multiply-accumulate counts as two) for one patch."""

    parameters: int
    operations: int


def cost(model: tf.keras.Model, folded: bool = True) -> Cost:
    """Count a float network's trainable parameters and its operations in the way TF Lite's converter counts those of its files.

    A convolution takes 2 operations a multiply-accumulate and 1 a bias, but a transposed one no bias; pooling one for each value of its
    window; an addition one a value; an unfolded batch norm (`folded` False) two a value; a sigmoid or softmax 64 a value; activations that
    are fused nothing.
    """
    operations = sum(_operations(layer, folded) for layer in model.layers)
    return Cost(sum(int(np.prod(weight.shape)) for weight in model.trainable_weights), operations)


def _operations(layer: tf.keras.layers.Layer, folded: bool) -> int:
    keras = tf.keras.layers
    if isinstance(layer, keras.InputLayer):
        return 0
    values = int(np.prod(layer.output_shape[1:]))
    sigmoid = 64 * values if getattr(layer, "activation", None) in (tf.keras.activations.sigmoid, tf.keras.activations.softmax) else 0
    if isinstance(layer, keras.Conv2DTranspose):  # each input pixel meets the whole kernel once
        return 2 * int(np.prod(layer.input_shape[1:3])) * int(np.prod(layer.kernel.shape)) + sigmoid
    if isinstance(layer, keras.DepthwiseConv2D):
        return 2 * int(np.prod(layer.output_shape[1:3])) * int(np.prod(layer.depthwise_kernel.shape)) + values
    if isinstance(layer, keras.Conv2D):
        return 2 * int(np.prod(layer.output_shape[1:3])) * int(np.prod(layer.kernel.shape)) + values + sigmoid
    if isinstance(layer, keras.MaxPooling2D):
        return values * int(np.prod(layer.pool_size))
    if isinstance(layer, keras.Add):
        return values * (len(layer.input_shape) - 1)
    if isinstance(layer, keras.BatchNormalization) and not folded:
        return 2 * values
    return 0
