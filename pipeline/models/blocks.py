"""Layers that several networks share. Names are stable: checkpoints, the analysis and the report refer to them."""

import tensorflow as tf

layers = tf.keras.layers


def image_input(size: int, bands: int, batch: int | None) -> tf.Tensor:
    """The input: (batch, size, size, bands), reflectance in 0..1."""
    return layers.Input((size, size, bands), batch_size=batch, name="image")


def conv_bn_relu(x: tf.Tensor, filters: int, momentum: float, name: str, kernel: int = 3, dropout: float = 0.0) -> tf.Tensor:
    """Convolution, batch norm, ReLU: in this order (arXiv 1502.03167, section 3.2) the converter folds the batch norm away."""
    x = layers.Conv2D(filters, kernel, padding="same", name=f"{name}_conv")(x)
    if dropout:
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    x = layers.BatchNormalization(momentum=momentum, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def double_conv(x: tf.Tensor, filters: int, momentum: float, name: str) -> tf.Tensor:
    """Two 3x3 convolutions, each with batch norm and ReLU."""
    return conv_bn_relu(conv_bn_relu(x, filters, momentum, f"{name}_1"), filters, momentum, f"{name}_2")


def halve(x: tf.Tensor, name: str) -> tf.Tensor:
    """2x2 max pooling."""
    return layers.MaxPooling2D(2, name=f"{name}_pool")(x)


def up_and_join(x: tf.Tensor, skip: tf.Tensor, filters: int, name: str) -> tf.Tensor:
    """2x2 transposed convolution with stride 2, joined with the encoder's features of the same size."""
    x = layers.Conv2DTranspose(filters, 2, strides=2, padding="same", name=f"{name}_up")(x)
    return layers.Concatenate(name=f"{name}_join")([skip, x])


def head(x: tf.Tensor, classes: int) -> tf.Tensor:
    """1x1 convolution to probabilities, always in float32 (mixed precision must not round the loss)."""
    activation = "sigmoid" if classes == 1 else "softmax"
    return layers.Conv2D(classes, 1, activation=activation, dtype="float32", name="head")(x)
