"""`edge`: a U-Net made for the Edge TPU: inverted residuals (MobileNetV2, arXiv 1801.04381) and nothing wide at full resolution.

The thesis's networks spend their time on 192 x 192 x 32 activations (1.2 MB each) over USB 2.0. Here a stride-2 stem takes every 2 x 2 pixels
into one, as a space-to-depth would, and a 2 x 2 transposed convolution gives them back at the very end: only the image and the masks are of
full size. Activations are ReLU6, whose range int8 knows beforehand; upsampling is a 2x RESIZE_BILINEAR, which is seen mapped (docs/edgetpu.md).
"""

import tensorflow as tf

from ..config import ModelConfig
from . import blocks

layers = blocks.layers
WIDTHS = (1, 2, 4, 6)  # times half the filters, from half to a sixteenth of the side: a wider bottleneck costs parameters, not masks
CONTEXT = 5  # kernel at a sixteenth: two of them see 9 x 9 of a 192-pixel patch's 12 x 12 pixels


def network(config: ModelConfig, size: int, bands: int, classes: int, batch: int | None) -> tf.keras.Model:
    """Four levels of `depth` inverted residuals; `filters` is the width at a quarter of the side, half of it that of the stem."""
    image = blocks.image_input(size, bands, batch)
    widths = [_multiple_of_4(config.filters * width / 2) for width in WIDTHS]
    x = _conv(image, widths[0], config, "stem", kernel=3, strides=2)
    x = _separable(x, widths[0], config, "enc1")
    skips = []
    for level, width in enumerate(widths[1:], start=2):
        skips.append(x)
        kernel = CONTEXT if level == len(widths) else 3
        for step in range(config.depth):
            x = _inverted_residual(x, width, config, f"enc{level}_{step + 1}", kernel, strides=2 if step == 0 else 1)
    x = layers.Dropout(config.dropout, name="bottleneck_dropout")(x)
    for level, skip in reversed(list(enumerate(skips, start=1))):
        x = _conv(x, skip.shape[-1], config, f"dec{level}_narrow")  # in front of the resize, where there are four times fewer pixels
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"dec{level}_up")(x)
        x = layers.Concatenate(name=f"dec{level}_join")([skip, x])
        x = _separable(x, skip.shape[-1], config, f"dec{level}")
    return tf.keras.Model(image, _head(x, classes), name="edge")


def _multiple_of_4(width: float) -> int:
    """The Edge TPU pads channels to 4: others would be paid for and not used."""
    return max(4, 4 * round(width / 4))


def _conv(x: tf.Tensor, filters: int, config: ModelConfig, name: str, kernel: int = 1, strides: int = 1, linear: bool = False) -> tf.Tensor:
    """Convolution, batch norm and, unless `linear`, ReLU6."""
    x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=config.bn_momentum, name=f"{name}_bn")(x)
    return x if linear else layers.ReLU(6.0, name=f"{name}_relu")(x)


def _depthwise(x: tf.Tensor, config: ModelConfig, name: str, kernel: int = 3, strides: int = 1) -> tf.Tensor:
    x = layers.DepthwiseConv2D(kernel, strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=config.bn_momentum, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _separable(x: tf.Tensor, filters: int, config: ModelConfig, name: str) -> tf.Tensor:
    """A depthwise 3 x 3 and a 1 x 1 convolution: at large sizes an expansion would be most of the network's work."""
    return _conv(_depthwise(x, config, f"{name}_depthwise"), filters, config, f"{name}_point")


def _inverted_residual(x: tf.Tensor, filters: int, config: ModelConfig, name: str, kernel: int, strides: int) -> tf.Tensor:
    """Expand, depthwise, project without activation; added to its input where the shapes agree."""
    y = _conv(x, config.expansion * x.shape[-1], config, f"{name}_expand")
    y = _depthwise(y, config, f"{name}_depthwise", kernel, strides)
    y = _conv(y, filters, config, f"{name}_project", linear=True)
    return layers.Add(name=f"{name}_add")([x, y]) if strides == 1 and x.shape[-1] == filters else y


def _head(x: tf.Tensor, classes: int) -> tf.Tensor:
    """Half-size features to full-size probabilities: four weights a channel say which of the 2 x 2 pixels is meant. Always float32."""
    activation = "sigmoid" if classes == 1 else "softmax"
    return layers.Conv2DTranspose(classes, 2, strides=2, padding="same", activation=activation, dtype="float32", name="head")(x)
