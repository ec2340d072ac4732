"""The quantization-aware twin of a float network (TFMOT 0.8).

`full` annotates every layer, so that TFMOT sees whole patterns (convolution, batch norm, ReLU) and the converter folds the batch norm into
the convolution. `annotate-conv` does as the thesis did: it annotates the convolutions alone. The fake quantization that then stands between
convolution and batch norm keeps them apart, and each batch norm stays in the file as a MUL and an ADD (28 operators more for `early`).
"""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
import tensorflow_model_optimization as tfmot

keras_quantization = tfmot.quantization.keras
Layer = tf.keras.layers.Layer
CONVOLUTIONS = (tf.keras.layers.Conv2D, tf.keras.layers.DepthwiseConv2D)  # the second is no subclass of the first


def quantization_aware(model: tf.keras.Model, how: str) -> tf.keras.Model:
    """A twin of `model` with fake quantization (its weights kept); `how` is `none` (the model itself), `annotate-conv` or `full`."""
    if how == "none":
        return model
    if how == "full":
        apart = _outside_patterns(model)
        annotated = _annotate(model, lambda layer: layer.name not in apart)
    else:
        # Conv2DTranspose is a subclass of Conv2D in Keras; the thesis's file (1.90 MiB) matches only without it
        annotated = _annotate(model, lambda layer: type(layer) is tf.keras.layers.Conv2D)
    return keras_quantization.quantize_apply(annotated)


def _annotate(model: tf.keras.Model, wanted: Callable[[Layer], bool]) -> tf.keras.Model:
    def mark(layer: Layer) -> Layer:
        if isinstance(layer, tf.keras.layers.InputLayer) or not wanted(layer):
            return layer
        return keras_quantization.quantize_annotate_layer(layer)

    annotated = tf.keras.models.clone_model(model, clone_function=mark)
    annotated.set_weights(model.get_weights())  # clone_model makes fresh ones
    return annotated


def _outside_patterns(model: tf.keras.Model) -> set[str]:
    """Names of batch norms that do not follow a convolution directly, and of what stands between (Cloud-Net's dropout in the bridge).

    TFMOT has no pattern for them and refuses them; left unannotated they train in float and the converter folds them afterwards.
    """
    apart: set[str] = set()
    for layer in model.layers:
        before = _before(layer)
        if isinstance(layer, tf.keras.layers.BatchNormalization) and not isinstance(before, CONVOLUTIONS):
            apart |= {layer.name, before.name}
            if isinstance(before, tf.keras.layers.Dropout):
                apart.add(_before(before).name)
    return apart


def _before(layer: Layer) -> Layer | None:
    """The one layer that feeds `layer`; None for inputs and for layers with several."""
    inbound = layer.inbound_nodes[0].inbound_layers
    return None if isinstance(inbound, list) else inbound


def load(path: Path) -> tf.keras.Model:
    """Open a saved .h5 model, quantization-aware or not, for inference."""
    with keras_quantization.quantize_scope():
        return tf.keras.models.load_model(path, compile=False)


def strip(trained: tf.keras.Model, plain: tf.keras.Model) -> tf.keras.Model:
    """Give the float network `plain` the weights of its quantization-aware twin `trained`; the fake quantization is left behind."""
    values = _by_layer(trained)
    for key, variable in _by_layer(plain).items():
        variable.assign(values[key])
    return plain


def _by_layer(model: tf.keras.Model) -> dict[tuple[str, str], tf.Variable]:
    """Variables by layer and own name; the scopes between them differ between a fresh network and one that was loaded."""
    return {
        (getattr(layer, "layer", layer).name, variable.name.rsplit("/", 1)[-1]): variable
        for layer in model.layers
        for variable in layer.weights
    }
