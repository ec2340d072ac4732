"""What quantization lost, tensor by tensor: the int8 file laid beside the float network it came from."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..edgetpu.model import Operator, Subgraph, read_model
from ..errors import DataError
from ..progress import track
from . import arithmetic
from .parameters import BatchNorm, Weights, batch_norms, fused_multiplier, weights


@dataclass
class Activation:
    """One operator's output over all patches; ranges in real units, errors against the float network."""

    layer: str
    operator: str
    scale: float
    zero_point: int
    low: float  # range seen, int8
    high: float
    float_low: float  # range seen, float
    float_high: float
    absolute: float  # mean error
    largest: float  # largest error
    relative: float  # root mean square of the error / of the float values
    steps: float  # mean error in units of the scale
    snr_db: float | None


@dataclass(frozen=True)
class Analysis:
    """All tensors of one int8 file, the worst (lowest signal-to-noise ratio) first."""

    patches: int
    activations: list[Activation]
    weights: list[Weights]
    batch_norms: list[BatchNorm]

    def json(self) -> dict[str, Any]:
        """The analysis as plain values."""
        return asdict(self)


def analyze(path: Path, network: tf.keras.Model, images: Iterable[np.ndarray]) -> Analysis:
    """Run `path` (int8) and the float `network` on `images` ((S, S, C), 0..1) and compare every operator's output.

    Raises DataError where an operator of the file comes from no layer of the network: the two do not belong together.
    """
    graph = read_model(path).main
    interpreter = tf.lite.Interpreter(str(path), experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    layers = {operator.index: _layer(path, graph, operator, network) for operator in graph.operators}
    reference = tf.keras.Model(network.input, [_source(network, graph, operator, layers) for operator in graph.operators])
    factors = [fused_multiplier(graph, operator, layers, network) for operator in graph.operators]
    sums = [_Sums() for _ in graph.operators]
    patches = 0
    for image in track(list(images), "comparing int8 with float"):
        _invoke(interpreter, image)
        outputs = reference(image[None], training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        for operator, real, factor, total in zip(graph.operators, outputs, factors, sums, strict=True):
            tensor = graph.tensors[operator.outputs[0]]
            found = arithmetic.dequantize(interpreter.get_tensor(tensor.index).astype(np.float64), tensor.scale, tensor.zero_point)
            total.add(np.asarray(real, np.float64) * factor, found)
        patches += 1
    activations = [
        total.activation(layers[op.index], op.name, graph.tensors[op.outputs[0]]) for op, total in zip(graph.operators, sums, strict=True)
    ]
    activations.sort(key=lambda row: np.inf if row.snr_db is None else row.snr_db)
    return Analysis(patches, activations, weights(graph, interpreter, layers, network), batch_norms(graph, interpreter, layers, network))


def _layer(path: Path, graph: Subgraph, operator: Operator, network: tf.keras.Model) -> str:
    """The layer whose output an operator computes: the converter names a tensor after the last node that went into it."""
    tensor = operator.outputs[0]
    if tensor in graph.outputs:
        return network.layers[-1].name
    names = {layer.name for layer in network.layers}
    for part in graph.tensors[tensor].name.split(";")[0].split("/"):
        if (name := part.removeprefix("quant_")) in names:
            return name
    raise DataError(
        f"{path}: operator {operator.index} ({operator.name}) makes {graph.tensors[tensor].name!r}, which is no layer of this run's network"
    )


def _source(network: tf.keras.Model, graph: Subgraph, operator: Operator, layers: dict[int, str]) -> Any:
    """The Keras tensor to compare an operator's output with (before the factor of `fused_multiplier`)."""
    layer = network.get_layer(layers[operator.index])
    if operator.name == "MUL":  # half a batch norm: what comes before it, scaled
        return layer.input
    if operator.name in ("CONV_2D", "TRANSPOSE_CONV") and layer is network.layers[-1] and operator.outputs[0] not in graph.outputs:
        return _without_activation(layer)
    return layer.output


def _without_activation(layer: tf.keras.layers.Conv2D) -> Any:
    """The head's values before its sigmoid or softmax, which TF Lite computes in an operator of its own."""
    linear = type(layer).from_config(layer.get_config() | {"activation": "linear", "name": f"{layer.name}_linear"})
    output = linear(layer.input)
    linear.set_weights(layer.get_weights())
    return output


def _invoke(interpreter: tf.lite.Interpreter, image: np.ndarray) -> None:
    detail = interpreter.get_input_details()[0]
    scale, zero_point = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    q = np.clip(np.rint(image / np.float32(scale)) + zero_point, limits.min, limits.max)
    interpreter.set_tensor(detail["index"], q[None].astype(detail["dtype"]))
    interpreter.invoke()


class _Sums:
    """What has to be added up over patches for one tensor."""

    def __init__(self) -> None:
        self.count, self.signal, self.noise, self.absolute, self.largest = 0, 0.0, 0.0, 0.0, 0.0
        self.low, self.high, self.float_low, self.float_high = np.inf, -np.inf, np.inf, -np.inf

    def add(self, real: np.ndarray, found: np.ndarray) -> None:
        off = np.abs(found - real)
        self.count += off.size
        self.signal += float(np.sum(real**2))
        self.noise += float(np.sum(off**2))
        self.absolute += float(np.sum(off))
        self.largest = max(self.largest, float(off.max()))
        self.low, self.high = min(self.low, float(found.min())), max(self.high, float(found.max()))
        self.float_low, self.float_high = min(self.float_low, float(real.min())), max(self.float_high, float(real.max()))

    def activation(self, layer: str, operator: str, tensor: Any) -> Activation:
        mean = self.absolute / self.count
        return Activation(
            layer,
            operator,
            tensor.scale,
            tensor.zero_point,
            self.low,
            self.high,
            self.float_low,
            self.float_high,
            mean,
            self.largest,
            float(np.sqrt(self.noise / self.signal)) if self.signal else 0.0,
            mean / tensor.scale,
            arithmetic.snr_db(self.signal, self.noise),
        )
