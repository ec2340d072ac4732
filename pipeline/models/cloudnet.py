"""`cloudnet`: Cloud-Net (Mohajerani and Saeedi 2019, arXiv 1901.10077, figure 2), the full-size baseline for the small networks.

Three things set it apart from a U-Net: every encoder block adds a shortcut that carries its input beside a 1x1 projection of it; every skip
connection is joined by the features of all finer levels, pooled to its size and repeated to its width; every decoder block adds its skip
connection and its upsampled input to what it computed.
"""

import tensorflow as tf

from ..config import ModelConfig
from . import blocks

layers = blocks.layers
LEVELS = 5


def network(config: ModelConfig, size: int, bands: int, classes: int, batch: int | None) -> tf.keras.Model:
    """Five levels of 32 to 512 filters and a bridge of 1024 with the default `filters`; about 36 million parameters."""
    image = blocks.image_input(size, bands, batch)
    base, momentum = config.filters, config.bn_momentum
    x = layers.Conv2D(base // 2, 3, padding="same", activation="relu", name="stem")(image)
    skips = []
    for level in range(LEVELS):
        x = _encode(x, base << level, momentum, f"enc{level + 1}", deep=level == LEVELS - 1)
        skips.append(x)
        x = blocks.halve(x, f"enc{level + 1}")
    x = _encode(x, base << LEVELS, momentum, "bridge", dropout=config.dropout)
    for level in reversed(range(LEVELS)):
        x = _decode(x, skips[: level + 1], base << level, momentum, f"dec{level + 1}")
    return tf.keras.Model(image, blocks.head(x, classes), name="cloudnet")


def _encode(x: tf.Tensor, filters: int, momentum: float, name: str, deep: bool = False, dropout: float = 0.0) -> tf.Tensor:
    """Two 3x3 convolutions (three and a second shortcut where `deep`) plus [x, 1x1 projection of x], which has `filters` channels."""
    first = blocks.conv_bn_relu(x, filters, momentum, f"{name}_1")
    second = blocks.conv_bn_relu(first, filters, momentum, f"{name}_2", dropout=dropout)
    projected = blocks.conv_bn_relu(x, filters // 2, momentum, f"{name}_project", kernel=1)
    branches = [second, layers.Concatenate(name=f"{name}_shortcut")([x, projected])]
    if deep:
        branches[0] = blocks.conv_bn_relu(second, filters, momentum, f"{name}_3")
        branches.append(blocks.conv_bn_relu(second, filters, momentum, f"{name}_project2", kernel=1))
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")(branches))


def _decode(x: tf.Tensor, finer: list[tf.Tensor], filters: int, momentum: float, name: str) -> tf.Tensor:
    """Upsample, join with the enriched skip connection `finer[-1]`, convolve (three times at the deepest level), add the residuals."""
    up = layers.Conv2DTranspose(filters, 2, strides=2, padding="same", name=f"{name}_up")(x)
    skip = finer[-1]
    x = layers.Concatenate(name=f"{name}_join")([up, _enrich(finer, name)])
    for step in range(3 if len(finer) == LEVELS else 2):
        x = blocks.conv_bn_relu(x, filters, momentum, f"{name}_{step + 1}")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, skip, up]))


def _enrich(finer: list[tf.Tensor], name: str) -> tf.Tensor:
    """Add to the skip connection every finer level's features, repeated along the channels to its width and pooled to its size."""
    *higher, skip = finer
    if not higher:
        return skip
    pooled = []
    for level, features in enumerate(higher):
        factor = 2 ** (len(higher) - level)
        wide = layers.Concatenate(name=f"{name}_repeat{level + 1}")([features] * factor)
        pooled.append(layers.MaxPooling2D(factor, name=f"{name}_pool{level + 1}")(wide))
    return layers.ReLU(name=f"{name}_skip_relu")(layers.Add(name=f"{name}_skip_add")([*pooled, skip]))
