"""The ranges of a quantization-aware network's tensors, kept such that the int8 file can use them as they are."""

import tensorflow as tf

Layer = tf.keras.layers.Layer


class Ranges:
    """Puts right what TFMOT's ranges get wrong in `model`, a `full` or `annotate-conv` network."""

    def __init__(self, model: tf.keras.Model):
        self.groups = range_groups(model)
        self.wrapped = [layer for layer in model.layers if getattr(layer, "_weight_vars", None)]

    @tf.function  # after every step: 0.4 ms instead of 7, and a step of a small network takes 50
    def tie(self) -> None:
        """Make the ranges of each group one again, after a training step has moved them apart."""
        for group in self.groups:
            group.tie()

    def refresh_weights(self) -> None:
        """Take every weight's range from the weight as it is.

        TFMOT takes it at the beginning of a step, before the update: what the last update made larger would be clipped in the file, by
        several steps of 1/127 after a short training at a high rate.
        """
        for layer in self.wrapped:
            for weight, quantizer, variables in layer._weight_vars:
                quantizer(weight, training=True, weights=variables)  # the quantizer's own rule


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
