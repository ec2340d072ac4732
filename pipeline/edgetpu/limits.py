"""The predicates that `rules.toml` names: each says whether a limit of the Edge TPU applies to an operator.

Each takes the subgraph and the operator, plus the numbers of its rule. Missing inputs and empty shapes never raise: a file may be anything.
"""

from collections.abc import Callable

from .model import Operator, Subgraph, Tensor

Limit = Callable[..., bool]
_LOOKED_AT = 1 << 16  # bytes of a joined constant that are compared with zero: bounds the time a hostile file can ask for


def _activations(graph: Subgraph, operator: Operator) -> list[Tensor]:
    """The computed tensors an operator reads and writes (constants and an LSTM's state are not among them)."""
    tensors = [graph.tensor(index) for index in (*operator.inputs, *operator.outputs)]
    return [tensor for tensor in tensors if tensor is not None and tensor.constant is None and not tensor.variable]


def _input(graph: Subgraph, operator: Operator, position: int) -> Tensor | None:
    return graph.tensor(operator.inputs[position]) if position < len(operator.inputs) else None


def _output(graph: Subgraph, operator: Operator) -> Tensor | None:
    return graph.tensor(operator.outputs[0]) if operator.outputs else None


def _axes(graph: Subgraph, operator: Operator, position: int, of: int) -> tuple[int, ...]:
    """A constant axis list made non-negative; `of` is the position of the input the axes count."""
    axes, data = _input(graph, operator, position), _input(graph, operator, of)
    numbers = axes.numbers() if axes else None
    rank = len(data.shape) if data else 0
    return tuple(axis + rank if axis < 0 else axis for axis in numbers or ())


def float_input(graph: Subgraph, operator: Operator) -> bool:
    """The first input is floating point."""
    tensor = _input(graph, operator, 0)
    return tensor is not None and tensor.type.startswith(("FLOAT", "BFLOAT"))


def data_type(graph: Subgraph, operator: Operator, types: list[str], state: list[str]) -> bool:
    """A computed tensor is of none of `types`, or a constant is floating point; an LSTM may keep state in `state`."""
    for index in (*operator.inputs, *operator.outputs):
        tensor = graph.tensor(index)
        if tensor is None:
            continue
        if tensor.constant is not None:
            if tensor.type.startswith(("FLOAT", "BFLOAT")):
                return True
        elif tensor.type not in types and not (tensor.variable and tensor.type in state):
            return True
    return False


def custom(graph: Subgraph, operator: Operator) -> bool:
    """A custom operator."""
    return operator.name.startswith("CUSTOM")


def rank(graph: Subgraph, operator: Operator, innermost: int) -> bool:
    """A computed tensor is larger than 1 outside its innermost dimensions."""
    return any(size > 1 for tensor in _activations(graph, operator) for size in tensor.shape[:-innermost])


def dynamic_size(graph: Subgraph, operator: Operator) -> bool:
    """A size is only known when the model runs: a negative one, or a size input that another operator computes."""
    if any(size < 0 for tensor in _activations(graph, operator) for size in tensor.shape):
        return True
    sizes = {
        "RESHAPE": (1,),
        "TRANSPOSE_CONV": (0,),
        "RESIZE_BILINEAR": (1,),
        "RESIZE_NEAREST_NEIGHBOR": (1,),
        "TILE": (1,),
        "PAD": (1,),
        "PADV2": (1,),
        "FILL": (0,),
        "BROADCAST_TO": (1,),
        "RANGE": (0, 1, 2),
    }
    for position in sizes.get(operator.name, ()):
        tensor = _input(graph, operator, position)
        if tensor is not None and tensor.constant is None:
            maker = graph.made_by.get(tensor.index)
            if maker is None or graph.operators[maker].name != "SHAPE":  # TF Lite evaluates SHAPE when it prepares the graph
                return True
    return False


def version_above(graph: Subgraph, operator: Operator, highest: int) -> bool:
    """The operator is of a newer version than the compiler reads."""
    return operator.version > highest


def not_constant(graph: Subgraph, operator: Operator, inputs: list[int]) -> bool:
    """One of the inputs that have to be constant is computed."""
    tensors = [_input(graph, operator, position) for position in inputs]
    return any(tensor is not None and tensor.constant is None for tensor in tensors)


def fused_activation(graph: Subgraph, operator: Operator) -> bool:
    """An activation is fused into the operator."""
    return operator.options.get("FusedActivationFunction", 0) != 0


def constant_joined(graph: Subgraph, operator: Operator) -> bool:
    """A constant is joined that is not all zeros (in real values), or with other than one tensor."""
    constants = [t for i in operator.inputs if (t := graph.tensor(i)) is not None and t.constant is not None]
    if not constants:
        return False
    looked_at = constants[0].constant[:_LOOKED_AT].tobytes()
    zero = (constants[0].zero_point or 0) & 0xFF
    return len(operator.inputs) != 2 or looked_at.count(zero) != len(looked_at)


def dilation_differs(graph: Subgraph, operator: Operator) -> bool:
    """Dilation in x is not the one in y."""
    return operator.options.get("DilationHFactor", 1) != operator.options.get("DilationWFactor", 1)


def weights_format(graph: Subgraph, operator: Operator) -> bool:
    """Weights are not in the default format."""
    return operator.options.get("WeightsFormat", 0) != 0


def _large_dimensions(tensor: Tensor | None) -> int:
    return sum(size > 1 for size in tensor.shape) if tensor else 0


def dimensions_above(graph: Subgraph, operator: Operator, count: int) -> bool:
    """The output has more than `count` dimensions larger than 1."""
    return _large_dimensions(_output(graph, operator)) > count


def alpha_dimensions_above(graph: Subgraph, operator: Operator, count: int) -> bool:
    """The second input has more than `count` dimensions larger than 1."""
    return _large_dimensions(_input(graph, operator, 1)) > count


def channels_not_multiple(graph: Subgraph, operator: Operator, of: int) -> bool:
    """The input's innermost dimension is no multiple of `of`."""
    tensor = _input(graph, operator, 0)
    return bool(tensor and tensor.shape and tensor.shape[-1] % of)


def over_batch(graph: Subgraph, operator: Operator) -> bool:
    """The outermost of several dimensions is among the axes reduced."""
    tensor = _input(graph, operator, 0)
    return bool(tensor and len(tensor.shape) > 1 and 0 in _axes(graph, operator, 1, of=0))


def pads_batch(graph: Subgraph, operator: Operator) -> bool:
    """The outermost of four dimensions is padded."""
    tensor, pads = _input(graph, operator, 0), _input(graph, operator, 1)
    numbers = pads.numbers() if pads else None
    return bool(tensor and len(tensor.shape) == 4 and numbers and any(numbers[:2]))


def strided(graph: Subgraph, operator: Operator) -> bool:
    """A stride other than 1, an ellipsis or a new axis."""
    strides = _input(graph, operator, 3)
    numbers = strides.numbers() if strides else None
    masks = operator.options.get("EllipsisMask", 0) or operator.options.get("NewAxisMask", 0)
    return bool(masks) or any(number != 1 for number in numbers or ())


def output_bytes_above(graph: Subgraph, operator: Operator, most: int) -> bool:
    """The output is larger than `most` bytes."""
    tensor = _output(graph, operator)
    return tensor is not None and tensor.nbytes > most


def _sides(graph: Subgraph, operator: Operator) -> list[tuple[int, int]]:
    """(input, output) rows and columns of a resize."""
    before, after = _input(graph, operator, 0), _output(graph, operator)
    if before is None or after is None or min(len(before.shape), len(after.shape)) != 4:
        return []
    return [(max(before.shape[axis], 1), max(after.shape[axis], 1)) for axis in (1, 2)]


def enlarges_above(graph: Subgraph, operator: Operator, factor: float) -> bool:
    """Rows or columns become more than `factor` times as many."""
    return any(after > factor * before for before, after in _sides(graph, operator))


def resizes_unevenly(graph: Subgraph, operator: Operator) -> bool:
    """Rows or columns become fewer, or more by no whole factor (measured between the outer samples where corners are aligned)."""
    for before, after in _sides(graph, operator):
        gap = 1 if operator.options.get("AlignCorners") and before > 1 else 0
        if after < before or (after - gap) % (before - gap):
            return True
    return False


def last_above(graph: Subgraph, operator: Operator, most: int) -> bool:
    """The output's innermost dimension is longer than `most`."""
    tensor = _output(graph, operator)
    return bool(tensor and tensor.shape and tensor.shape[-1] > most)


def grouped(graph: Subgraph, operator: Operator) -> bool:
    """The filter sees fewer channels than the input has."""
    data, weights = _input(graph, operator, 0), _input(graph, operator, 1)
    return bool(data and weights and data.shape and weights.shape and data.shape[-1] != weights.shape[-1])


def along_batch(graph: Subgraph, operator: Operator) -> bool:
    """A split or pack along the outermost dimension."""
    if operator.name == "SPLIT":
        tensor = _input(graph, operator, 1)
        return bool(tensor and len(tensor.shape) > 1 and 0 in _axes(graph, operator, 0, of=1))
    tensor = _output(graph, operator)
    return bool(tensor and operator.options.get("Axis", 0) in (0, -len(tensor.shape)))


def moves_batch(graph: Subgraph, operator: Operator) -> bool:
    """A dimension of size 1 in front does not stay in front (TRANSPOSE), or one behind a larger one is dropped (SQUEEZE)."""
    before, after = _input(graph, operator, 0), _output(graph, operator)
    if before is None or after is None:
        return False
    if operator.name == "TRANSPOSE":
        order = _axes(graph, operator, 1, of=0)
        return len(before.shape) > 3 and bool(order) and order[0] != 0
    return tuple(before.shape[len(before.shape) - len(after.shape) :]) != tuple(after.shape)


LIMITS: dict[str, Limit] = {
    limit.__name__: limit
    for limit in (
        float_input,
        data_type,
        custom,
        rank,
        dynamic_size,
        version_above,
        not_constant,
        fused_activation,
        constant_joined,
        dilation_differs,
        weights_format,
        dimensions_above,
        alpha_dimensions_above,
        channels_not_multiple,
        over_batch,
        pads_batch,
        strided,
        output_bytes_above,
        enlarges_above,
        resizes_unevenly,
        last_above,
        grouped,
        along_batch,
        moves_batch,
    )
}
