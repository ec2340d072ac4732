"""The constants of an int8 file beside the float ones: weights, biases, and the multiplier and offset of unfolded batch norms."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ..edgetpu.model import Operator, Subgraph
from . import arithmetic

CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"}


@dataclass(frozen=True)
class Weights:
    """One convolution's kernel and bias; a folded batch norm is folded into the float side too."""

    layer: str
    channels: int
    scale_low: float  # smallest and largest scale of a channel
    scale_high: float
    largest: float  # largest weight error, absolute
    steps: float  # largest weight error in units of its channel's scale; up to 0.5 is rounding alone
    bias_largest: float  # largest bias error, absolute
    bias_scale_off: float  # largest relative distance of a bias scale from input scale x weight scale


@dataclass(frozen=True)
class BatchNorm:
    """An unfolded batch norm, read back from its MUL and ADD; errors are the largest over the channels."""

    layer: str
    multiplier_scale: float
    multiplier_steps: float
    offset_scale: float
    offset_steps: float
    gamma: float  # absolute error of gamma and beta as recovered from the file
    beta: float


def weights(graph: Subgraph, interpreter: Any, layers: dict[int, str], network: tf.keras.Model) -> list[Weights]:
    """Compare every convolution of the file; the worst first."""
    details = {detail["index"]: detail["quantization_parameters"] for detail in interpreter.get_tensor_details()}
    rows = [
        _weights(graph, operator, details, interpreter, layers, network) for operator in graph.operators if operator.name in CONVOLUTIONS
    ]
    return sorted(rows, key=lambda row: -row.steps)


def _weights(
    graph: Subgraph, operator: Operator, details: dict, interpreter: Any, layers: dict[int, str], network: tf.keras.Model
) -> Weights:
    transposed = operator.name == "TRANSPOSE_CONV"  # its inputs are (output shape, kernel, image, bias)
    image, kernel, bias = (operator.inputs[i] for i in ((2, 1, 3) if transposed else (0, 1, 2)))
    layer, folded = _convolution(network, layers[operator.index])
    real, found = _kernel(layer), interpreter.get_tensor(kernel)
    if operator.name == "DEPTHWISE_CONV_2D":
        found = np.moveaxis(found, 3, 0)  # the file has (1, kh, kw, out)
    multiplier, offset = _fold(folded, len(real))
    real = real * multiplier[:, None, None, None]
    real_bias = (layer.bias.numpy() if layer.use_bias else 0) * multiplier + offset
    scale = details[kernel]["scales"].astype(np.float64)
    off = np.abs(found * scale.reshape(-1, 1, 1, 1) - real)
    bias_scale = details[bias]["scales"].astype(np.float64)
    expected = arithmetic.bias_scale(float(graph.tensors[image].scale), scale)
    return Weights(
        layer.name,
        len(real),
        float(scale.min()),
        float(scale.max()),
        float(off.max()),
        float((off / scale.reshape(-1, 1, 1, 1)).max()),
        float(np.abs(interpreter.get_tensor(bias) * bias_scale - real_bias).max()),
        float(np.abs(bias_scale / expected - 1).max()),
    )


def _kernel(layer: Any) -> np.ndarray:
    """A convolution's kernel with its output channels in front; the other axes as the file has them."""
    if isinstance(layer, tf.keras.layers.DepthwiseConv2D):  # (kh, kw, in, 1)
        return np.transpose(layer.depthwise_kernel.numpy(), (2, 3, 0, 1))
    transposed = isinstance(layer, tf.keras.layers.Conv2DTranspose)  # (kh, kw, out, in), else (kh, kw, in, out)
    return np.transpose(layer.kernel.numpy(), (2, 0, 1, 3) if transposed else (3, 0, 1, 2))


def _convolution(network: tf.keras.Model, name: str) -> tuple[Any, Any]:
    """The convolution that ends in layer `name`, and the batch norm that was folded into it, if any."""
    layer, folded = network.get_layer(name), None
    while not isinstance(layer, (tf.keras.layers.Conv2D, tf.keras.layers.DepthwiseConv2D)):
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            folded = layer
        layer = layer.inbound_nodes[0].inbound_layers
    return layer, folded


def _fold(batch_norm: Any, channels: int) -> tuple[np.ndarray, np.ndarray]:
    if batch_norm is None:
        return np.ones(channels), np.zeros(channels)
    gamma, beta, mean, variance = (value.astype(np.float64) for value in batch_norm.get_weights())
    return arithmetic.fused_batch_norm(gamma, beta, mean, variance, batch_norm.epsilon)


def fused_multiplier(graph: Subgraph, operator: Operator, layers: dict[int, str], network: tf.keras.Model) -> np.ndarray:
    """What a layer's input must be multiplied with to be a MUL's output; 1 for every other operator."""
    if operator.name != "MUL":
        return np.ones(1)
    layer = network.get_layer(layers[operator.index])
    return _fold(layer, layer.gamma.shape[0])[0]


def batch_norms(graph: Subgraph, interpreter: Any, layers: dict[int, str], network: tf.keras.Model) -> list[BatchNorm]:
    """Read back every batch norm that was left as MUL and ADD; the worst first."""
    rows = []
    for operator in graph.operators:
        if operator.name == "MUL":
            adds = [later for later in graph.operators if later.name == "ADD" and operator.outputs[0] in later.inputs]
            if adds:
                rows.append(_batch_norm(graph, operator, adds[0], interpreter, network.get_layer(layers[operator.index])))
    return sorted(rows, key=lambda row: -max(row.multiplier_steps, row.offset_steps))


def _batch_norm(graph: Subgraph, multiply: Operator, add: Operator, interpreter: Any, layer: Any) -> BatchNorm:
    read_multiplier, multiplier_scale = _constant(graph, multiply, interpreter)
    read_offset, offset_scale = _constant(graph, add, interpreter)
    gamma, beta, mean, variance = (value.astype(np.float64) for value in layer.get_weights())
    multiplier, offset = arithmetic.fused_batch_norm(gamma, beta, mean, variance, layer.epsilon)
    found_gamma, found_beta = arithmetic.batch_norm_parameters(read_multiplier, read_offset, mean, variance, layer.epsilon)
    return BatchNorm(
        layer.name,
        multiplier_scale,
        float(np.abs(read_multiplier - multiplier).max() / multiplier_scale),
        offset_scale,
        float(np.abs(read_offset - offset).max() / offset_scale),
        float(np.abs(found_gamma - gamma).max()),
        float(np.abs(found_beta - beta).max()),
    )


def _constant(graph: Subgraph, operator: Operator, interpreter: Any) -> tuple[np.ndarray, float]:
    """The constant operand of a MUL or an ADD in real units, one value a channel, and its scale."""
    tensor = next(graph.tensors[i] for i in operator.inputs if graph.tensors[i].constant is not None)
    return arithmetic.dequantize(interpreter.get_tensor(tensor.index).reshape(-1), tensor.scale, tensor.zero_point), tensor.scale
