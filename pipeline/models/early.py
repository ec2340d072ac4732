"""`early`: the thesis's earlyCloudEdgeQ (chapter 4), a three-level U-Net."""

import tensorflow as tf

from ..config import ModelConfig
from . import blocks

LEVELS = 3


def network(config: ModelConfig, size: int, bands: int, classes: int, batch: int | None) -> tf.keras.Model:
    """Two 3x3 convolutions a level; the filters double on the way down (32 to 256 by default) and halve on the way up."""
    image = x = blocks.image_input(size, bands, batch)
    momentum, skips = config.bn_momentum, []
    for level in range(LEVELS):
        x = blocks.double_conv(x, config.filters << level, momentum, f"enc{level + 1}")
        skips.append(x)
        x = blocks.halve(x, f"enc{level + 1}")
    x = blocks.double_conv(x, config.filters << LEVELS, momentum, "bottleneck")
    for level in reversed(range(LEVELS)):
        x = blocks.up_and_join(x, skips[level], config.filters << level, f"dec{level + 1}")
        x = blocks.double_conv(x, config.filters << level, momentum, f"dec{level + 1}")
    return tf.keras.Model(image, blocks.head(x, classes), name="early")
