"""`improved`: the thesis's improvedCloudEdgeQ (chapter 4), a four-level U-Net with a residual bottleneck taken from Cloud-Net."""

import tensorflow as tf

from ..config import ModelConfig
from . import blocks

LEVELS = 4
BOTTLENECK = 13  # times the first level's filters: 416 instead of a U-Net's 512, so that the parameters come close to the chip's memory


def network(config: ModelConfig, size: int, bands: int, classes: int, batch: int | None) -> tf.keras.Model:
    """A stem of half a level's filters, four levels, a bottleneck with a projected shortcut, and a thin decoder."""
    image = blocks.image_input(size, bands, batch)
    x = blocks.layers.Conv2D(config.filters // 2, 3, padding="same", activation="relu", name="stem")(image)
    momentum, skips = config.bn_momentum, []
    for level in range(LEVELS):
        x = blocks.double_conv(x, config.filters << level, momentum, f"enc{level + 1}")
        skips.append(x)
        x = blocks.halve(x, f"enc{level + 1}")
    x = _bottleneck(x, BOTTLENECK * config.filters, momentum, config.dropout)
    for level in reversed(range(LEVELS)):
        x = blocks.up_and_join(x, skips[level], config.filters << level, f"dec{level + 1}")
        convolve = blocks.conv_bn_relu if level else blocks.double_conv  # the last level keeps two, for the fine detail
        x = convolve(x, config.filters << level, momentum, f"dec{level + 1}")
    return tf.keras.Model(image, blocks.head(x, classes), name="improved")


def _bottleneck(x: tf.Tensor, filters: int, momentum: float, dropout: float) -> tf.Tensor:
    straight = blocks.double_conv(x, filters, momentum, "bottleneck")
    projected = blocks.conv_bn_relu(x, filters, momentum, "bottleneck_project", kernel=1)
    x = blocks.layers.Add(name="bottleneck_add")([straight, projected])
    x = blocks.layers.ReLU(name="bottleneck_relu")(x)
    return blocks.layers.Dropout(dropout, name="bottleneck_dropout")(x)
