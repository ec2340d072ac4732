"""Memory and work of a model: parameter bytes as the fitted rules give them, activations, multiply-accumulates, batch norms left over.

The rules are in `rules.toml`; they were fitted to compiled models and are documented nowhere, so every figure comes as a range and says
whether the rule claims to hold for this model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .model import Model, Operator, Subgraph, Tensor
from .predict import Verdict
from .rules import load

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
_ELEMENTWISE = (
    "ADD",
    "SUB",
    "MUL",
    "DIV",
    "MAXIMUM",
    "MINIMUM",
    "LOGISTIC",
    "TANH",
    "RELU",
    "RELU6",
    "RELU_N1_TO_1",
    "SOFTMAX",
    "PRELU",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "MEAN",
    "SUM",
    "QUANTIZE",
    "DEQUANTIZE",
    "L2_NORMALIZATION",
    "HARD_SWISH",
    "LEAKY_RELU",
)


@dataclass(frozen=True)
class Memory:
    """Bytes, if not said otherwise. Ranges are (lowest, highest)."""

    constants: int  # of the whole file, as stored
    package: int  # parameters of the mapped operators by the package rule
    console: int  # the same by the rule for the console's "on-chip memory used"
    parameters: tuple[int, int]
    holds: bool  # whether the rules claim to hold for this model
    why: str
    capacity: tuple[int, int]  # parameter memory that the activations leave
    off_chip: tuple[int, int]
    largest_activation: int
    largest_activation_operator: int | None
    largest_working_set: int  # what one operator reads and writes
    activation_memory: int
    macs: int
    operations: int  # two for each multiply-accumulate, one for each output element of other arithmetic
    unfolded_batch_norms: tuple[int, ...]  # the MUL of each


def measure(model: Model, verdicts: Sequence[Verdict]) -> Memory:
    """The figures of `model`; parameters are counted where the verdict expects the Edge TPU."""
    graph, rules = model.main, load().memory
    mapped = [verdict.operator for verdict in verdicts if verdict.operator.subgraph == 0 and verdict.expected == "TPU"]
    package = sum(_parameters(graph, operator, "package") for operator in mapped)
    console = sum(_parameters(graph, operator, "console") for operator in mapped)
    holds, why, other = _claim(graph, mapped, package)
    eight_signed = any(tensor.type == "INT8" for operator in mapped for tensor in [_weights(graph, operator)] if tensor)
    low = min(package, console)
    high = max(console, math.ceil(package * (1 + rules["int8_low"]) if eight_signed else package)) + other
    largest, where, working = _activations(graph, mapped or graph.operators)  # what stays on the CPU takes no memory of the Edge TPU
    capacity = next((lowest, highest) for most, lowest, highest in rules["capacity"] if not most or largest <= most)
    macs = sum(_macs(graph, operator) for operator in graph.operators)
    elements = sum(_elements(graph, operator.outputs) for operator in graph.operators if operator.name in _ELEMENTWISE)
    return Memory(
        sum(len(tensor.constant) for tensor in graph.tensors if tensor.constant is not None),
        package,
        console,
        (low, high),
        holds,
        why,
        capacity,
        (max(0, low - capacity[1]), max(0, high - capacity[0])),
        largest,
        where,
        working,
        load().compiler["activation_bytes"],
        macs,
        2 * macs + elements,
        tuple(_unfolded(graph)),
    )


def _up(value: int, to: int) -> int:
    return -(-value // to) * to


def _outputs(count: int, steps: list[list[int]]) -> int:
    return next(_up(count, multiple) for most, multiple in steps if not most or count <= most)


def _weights(graph: Subgraph, operator: Operator) -> Tensor | None:
    if operator.name not in _CONVOLUTIONS or len(operator.inputs) < 2:
        return None
    weights = graph.tensor(operator.inputs[1])
    rank = 2 if operator.name == "FULLY_CONNECTED" else 4
    return weights if weights is not None and len(weights.shape) == rank else None


def _parameters(graph: Subgraph, operator: Operator, which: str) -> int:
    """Bytes of one operator's parameters by the `package` or `console` rule; TRANSPOSE_CONV is counted as a convolution, unverified."""
    rules = load().memory
    if operator.name == "SOFTMAX":
        return rules["softmax_bytes"]
    weights = _weights(graph, operator)
    if weights is None or weights.constant is None:
        return 0
    rule, bias = rules[which], rules["bias_bytes"].get(weights.type, 8)
    if operator.name == "FULLY_CONNECTED":
        outputs, inputs = weights.shape
        return _outputs(outputs, rule["dense"]) * (_up(inputs, 4) + bias)
    outputs, rows, columns, inputs = weights.shape
    if operator.name == "DEPTHWISE_CONV_2D":
        return _up(inputs, rule["depthwise"]) * (4 * rows * columns + 4)
    return _outputs(outputs, rule["conv"]) * (rows * columns * _up(inputs, 4) + bias)


def _claim(graph: Subgraph, mapped: list[Operator], package: int) -> tuple[bool, str, int]:
    """Whether the rules were fitted to what is mapped here, why (not), and the bytes of constants they say nothing about."""
    rules = load().memory
    others: dict[str, int] = {}
    for operator in mapped:
        if operator.name in rules["operators"]:
            continue
        tensors = [graph.tensor(index) for index in operator.inputs]
        size = sum(len(t.constant) for t in tensors if t is not None and t.constant is not None and t.type in ("INT8", "UINT8"))
        if size:
            others[operator.name] = others.get(operator.name, 0) + size
    total = sum(others.values())
    uncounted = total - others.get("TRANSPOSE_CONV", 0)  # which the rules count, though nothing verifies it
    if not any(operator.name in rules["operators"][:3] for operator in mapped):
        return False, "no mapped layer of the kinds the rules were fitted to", uncounted
    if total > rules["other_share"] * package or "UNIDIRECTIONAL_SEQUENCE_LSTM" in others:
        return False, f"{', '.join(sorted(others))} hold {total} bytes of parameters: not verified for these", uncounted
    return True, "convolutions, dense layers and SOFTMAX only", uncounted


def _activations(graph: Subgraph, operators: Sequence[Operator]) -> tuple[int, int | None, int]:
    """Largest computed tensor, the first of `operators` that touches it, and the largest sum of what one of them reads and writes."""
    largest, where, working = 0, None, 0
    for operator in operators:
        total = 0
        for index in {*operator.inputs, *operator.outputs}:
            tensor = graph.tensor(index)
            if tensor is None or tensor.constant is not None or any(size < 0 for size in tensor.shape):
                continue
            total += tensor.nbytes
            if tensor.nbytes > largest:
                largest, where = tensor.nbytes, operator.index
        working = max(working, total)
    return largest, where, working


def _elements(graph: Subgraph, tensors: Sequence[int]) -> int:
    return sum(max(0, graph.tensors[index].elements) for index in tensors)


def _macs(graph: Subgraph, operator: Operator) -> int:
    """Multiply-accumulates of one run of an operator (an LSTM: of all its steps)."""
    if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        data = graph.tensor(operator.inputs[0]) if operator.inputs else None
        steps = data.shape[0 if operator.options.get("TimeMajor") else 1] if data and len(data.shape) == 3 else 1
        matrices = [graph.tensor(index) for index in operator.inputs[1:9]]
        return steps * sum(tensor.elements for tensor in matrices if tensor is not None and len(tensor.shape) == 2)
    weights = _weights(graph, operator)
    if weights is None or not operator.outputs:
        return 0
    output = max(0, graph.tensors[operator.outputs[0]].elements)
    if operator.name == "FULLY_CONNECTED":
        return output * weights.shape[1]
    _, rows, columns, inputs = weights.shape
    if operator.name == "DEPTHWISE_CONV_2D":
        return output * rows * columns
    if operator.name == "TRANSPOSE_CONV":  # every input element meets every tap of every output channel
        data = graph.tensor(operator.inputs[2]) if len(operator.inputs) > 2 else None
        return max(0, data.elements) * rows * columns * weights.shape[0] if data else 0
    return output * rows * columns * inputs


def _unfolded(graph: Subgraph) -> list[int]:
    """MUL operators that, with the ADD behind them, are a batch norm the converter could not fold into the layer before."""
    found = []
    readers: dict[int, list[Operator]] = {}
    for operator in graph.operators:
        if operator.name == "ADD":
            for index in operator.inputs:
                readers.setdefault(index, []).append(operator)
    for operator in graph.operators:
        if operator.name != "MUL" or not (data := _per_channel(graph, operator)):
            continue
        maker = graph.made_by.get(data.index)
        if maker is None or graph.operators[maker].name not in _CONVOLUTIONS:
            continue
        if any(_per_channel(graph, reader) for reader in readers.get(operator.outputs[0], [])[:1]):
            found.append(operator.index)
    return found


def _per_channel(graph: Subgraph, operator: Operator) -> Tensor | None:
    """The computed operand of a binary operator whose other operand is one constant for each channel."""
    tensors = [graph.tensor(index) for index in operator.inputs]
    if len(tensors) != 2 or None in tensors or len(operator.outputs) != 1:
        return None
    data, factor = tensors if tensors[0].constant is None else tensors[::-1]
    if data.constant is not None or factor.constant is None or not data.shape:
        return None
    return data if factor.elements == data.shape[-1] == (factor.shape[-1] if factor.shape else 0) else None
