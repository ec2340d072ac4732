"""`edge`: a U-Net made for the Edge TPU: few channels where the image is large, a separable decoder.

The thesis's networks spend their time on 192 x 192 x 32 activations, 1.2 MB each. Here the full size has 8 channels, the width grows as the
side falls, and the way up is depthwise and 1 x 1 convolutions. A full-size level measured better than a stride-2 stem, plain convolutions
no worse than inverted residuals, transposed convolutions better than resizing (docs/models.md). Activations are ReLU6, whose range int8
knows beforehand.
"""

import tensorflow as tf

from ..config import ModelConfig
from . import blocks

layers = blocks.layers
WIDTHS = (1, 2, 4, 8)  # times a quarter of the filters, from the full side to an eighth
BOTTLENECK = 12  # a sixteenth of the side: less than twice the level above, which would be a fifth of all operations
SHALLOW = 2  # levels with a single convolution: the full and the half side


def network(config: ModelConfig, size: int, bands: int, classes: int, batch: int | None) -> tf.keras.Model:
    """Four levels and a bottleneck; `filters` is the width at a quarter of the side, `depth` the convolutions a level from there down."""
    image = x = blocks.image_input(size, bands, batch)
    skips = []
    for level, width in enumerate(WIDTHS):
        x = _convolutions(x, _width(config, width), 1 if level < SHALLOW else config.depth, config, f"enc{level + 1}")
        skips.append(x)
        x = blocks.halve(x, f"enc{level + 1}")
    x = _convolutions(x, _width(config, BOTTLENECK), max(1, config.depth - 1), config, "bottleneck")
    x = layers.Dropout(config.dropout, name="bottleneck_dropout")(x)
    for level, skip in reversed(list(enumerate(skips, start=1))):
        width = skip.shape[-1]
        x = blocks.up_and_join(x, skip, width, f"dec{level}")
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"dec{level}_depthwise_conv")(x)
        x = _normed(x, config, f"dec{level}_depthwise")
        x = _convolution(x, width, 1, config, f"dec{level}_point")
    return tf.keras.Model(image, blocks.head(x, classes), name="edge")


def _width(config: ModelConfig, quarters: int) -> int:
    """A multiple of 4: the Edge TPU pads channels to that, and others would be paid for and not used."""
    return max(4, 4 * round(config.filters * quarters / 16))


def _convolutions(x: tf.Tensor, filters: int, count: int, config: ModelConfig, name: str) -> tf.Tensor:
    for step in range(count):
        x = _convolution(x, filters, 3, config, f"{name}_{step + 1}")
    return x


def _convolution(x: tf.Tensor, filters: int, kernel: int, config: ModelConfig, name: str) -> tf.Tensor:
    return _normed(layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=f"{name}_conv")(x), config, name)


def _normed(x: tf.Tensor, config: ModelConfig, name: str) -> tf.Tensor:
    """Batch norm and ReLU6, which the converter folds into the convolution before them."""
    x = layers.BatchNormalization(momentum=config.bn_momentum, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)
