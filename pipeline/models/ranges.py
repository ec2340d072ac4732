"""The ranges of a quantization-aware network's tensors, kept such that the int8 file can use them as they are.

TFMOT learns a range as a moving average that starts at -6 .. 6 and moves by a thousandth a step, and remembers weight ranges from before
the last update. After a short training the file would clip or waste half its steps (docs/quantization.md has figures); so after every
epoch the ranges are taken from data, as post-training quantization takes them.
"""

import math

import numpy as np
import tensorflow as tf

from .qat import strip

Layer = tf.keras.layers.Layer
# beyond this logit a probability is nearer to 0 or 1 than half a step of 1/256, which is the scale of an int8 LOGISTIC: steps spent there
# would change no output
LOGIT_LIMIT = math.log(511)


class Ranges:
    """The ranges of `model`, a `full` or `annotate-conv` network; `plain` is a float network of the same layers, for measuring."""

    def __init__(self, model: tf.keras.Model, plain: tf.keras.Model):
        self.model, self.plain = model, plain
        self.groups = range_groups(model)
        self.owners = [layer for layer in model.layers if hasattr(layer, "layer") and output_range(layer) is not None]
        self.probe = tf.keras.Model(plain.input, [plain.get_layer(layer.layer.name).output for layer in self.owners])
        self.wrapped = [layer for layer in model.layers if getattr(layer, "_weight_vars", None)]

    def tie(self) -> None:
        """Make the ranges of each group one again, after a training step has moved them apart."""
        for group in self.groups:
            group.tie()

    def calibrate(self, images: np.ndarray) -> None:
        """Take activation ranges from the float network on `images` (N, S, S, C), 0..1, and weight ranges from the weights as they are."""
        for layer in self.wrapped:
            for weight, quantizer, variables in layer._weight_vars:
                quantizer(weight, training=True, weights=variables)  # the quantizer's own rule, with the weights of now
        strip(self.model, self.plain)
        lows, highs = (np.stack(extremes) for extremes in zip(*(self._extremes(image) for image in images), strict=True))
        for layer, low, high in zip(self.owners, lows.min(axis=0), highs.max(axis=0), strict=True):
            minimum, maximum = output_range(layer)
            minimum.assign(min(float(low), 0.0))  # zero must be exact: padding is made of it
            maximum.assign(max(float(high), 1e-6))
        self.tie()

    def _extremes(self, image: np.ndarray) -> tuple[list[float], list[float]]:
        outputs = self.probe(image[None], training=False)
        outputs = [
            _before_sigmoid(self.plain.get_layer(owner.layer.name), output) for owner, output in zip(self.owners, outputs, strict=True)
        ]
        return [float(tf.reduce_min(output)) for output in outputs], [float(tf.reduce_max(output)) for output in outputs]


def _before_sigmoid(layer: Layer, output: tf.Tensor) -> tf.Tensor:
    """What is quantized of a layer: its output, but of a head with a sigmoid the value before it, within LOGIT_LIMIT."""
    if getattr(layer, "activation", None) is not tf.keras.activations.sigmoid:
        return output
    floor = 1 / (1 + math.exp(LOGIT_LIMIT))
    p = tf.clip_by_value(output, floor, 1 - floor)
    return tf.math.log(p / (1 - p))


class RangeGroup:
    """Activation ranges that must be one range in the int8 file: a concatenation's inputs and its output.

    TF Lite's CONCATENATION copies bytes, so all its tensors share one scale. Where training learned different ranges the converter adds a
    QUANTIZE operator for each (`early` would have 28 instead of 25 operators), and rounds where training did not.
    """

    def __init__(self, lows: list[tf.Variable], highs: list[tf.Variable]):
        self.lows, self.highs = lows, highs

    def tie(self) -> None:
        """Set every range to the union of all; they may drift apart again by one moving-average step."""
        low, high = tf.reduce_min(tf.stack(self.lows)), tf.reduce_max(tf.stack(self.highs))
        for variable in self.lows:
            variable.assign(low)
        for variable in self.highs:
            variable.assign(high)


def range_groups(model: tf.keras.Model) -> list[RangeGroup]:
    """The groups of a `full` quantization-aware network; none for other networks."""
    groups: list[set[str]] = []
    for layer in model.layers:
        if isinstance(getattr(layer, "layer", None), tf.keras.layers.Concatenate):
            members = {name for source in [layer, *layer.inbound_nodes[0].inbound_layers] for name in _range_owners(source)}
            groups = [group for group in groups if not group & members] + [members.union(*(group for group in groups if group & members))]
    ranges = [[output_range(model.get_layer(name)) for name in sorted(group)] for group in groups]
    return [RangeGroup([low for low, _ in group], [high for _, high in group]) for group in ranges if len(group) > 1]


def output_range(layer: Layer) -> tuple[tf.Variable, tf.Variable] | None:
    """The variables of a wrapped layer's output range."""
    found = {variable.name.rsplit("/", 1)[-1]: variable for variable in layer.weights}
    for kind in ("output", "post_activation", "pre_activation"):
        if f"{kind}_min:0" in found:
            return found[f"{kind}_min:0"], found[f"{kind}_max:0"]
    return None


def _range_owners(layer: Layer) -> set[str]:
    """The layers whose ranges reach `layer`'s output: itself, or what feeds it where it only moves values (pooling)."""
    if output_range(layer) is not None:
        return {layer.name}
    inbound = layer.inbound_nodes[0].inbound_layers if layer.inbound_nodes else []
    sources = inbound if isinstance(inbound, list) else [inbound]
    return {name for source in sources for name in _range_owners(source)}
