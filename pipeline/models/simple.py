"""`simple`: one encoder level, the smallest network that is still a U-Net. For smoke tests and first steps on a board."""

import tensorflow as tf

from ..config import ModelConfig
from . import blocks


def network(config: ModelConfig, size: int, bands: int, classes: int, batch: int | None) -> tf.keras.Model:
    """One convolution a level; no batch norm is left out, so quantization is tried on what the larger networks have."""
    image = blocks.image_input(size, bands, batch)
    momentum = config.bn_momentum
    skip = blocks.conv_bn_relu(image, config.filters, momentum, "enc1")
    x = blocks.conv_bn_relu(blocks.halve(skip, "enc1"), 2 * config.filters, momentum, "bottleneck")
    x = blocks.up_and_join(x, skip, config.filters, "dec1")
    x = blocks.conv_bn_relu(x, config.filters, momentum, "dec1")
    return tf.keras.Model(image, blocks.head(x, classes), name="simple")
