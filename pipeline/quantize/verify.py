"""What must hold of a converted file, read from the file itself."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..edgetpu.model import Operator, Subgraph, read_model
from ..errors import EdgesegError

TRANSPOSE_CONV_VERSION = 3  # what compiler 16 reads at most (docs/edgetpu.md)


@dataclass(frozen=True)
class Facts:
    """One file: bytes, operators by name, and the MUL and ADD operators that unfolded batch norms left."""

    bytes: int
    operators: int
    by_name: dict[str, int]
    batch_norm_operators: int
    requantize_operators: int  # QUANTIZE between int8 tensors of different scales
    transpose_conv_version: int  # the highest; 0 where there is none


def facts(path: Path) -> Facts:
    """Read `path` (DataError where it is no TF Lite file) and count."""
    model = read_model(path)
    graph = model.main
    names = Counter(operator.name for operator in graph.operators)
    versions = [operator.version for operator in graph.operators if operator.name == "TRANSPOSE_CONV"]
    stray = sum(_from_batch_norm(graph, operator) for operator in graph.operators)
    return Facts(model.size, len(graph.operators), dict(sorted(names.items())), stray, names["QUANTIZE"], max(versions, default=0))


def verify_int8(path: Path, qat: str) -> Facts:
    """Check that an int8 file is int8 through and through, that `full` folded every batch norm, and that compiler 16 can read it.

    Raises EdgesegError: a file that fails here is this project's bug or a foreign TensorFlow's doing, not the user's.
    """
    found, graph = facts(path), read_model(path).main
    for index in (*graph.inputs, *graph.outputs):
        if graph.tensors[index].type != "INT8":
            raise EdgesegError(f"{path}: {graph.tensors[index].name} is {graph.tensors[index].type}, not INT8")
    if qat != "annotate-conv" and found.batch_norm_operators:
        raise EdgesegError(f"{path}: {found.batch_norm_operators} MUL or ADD operators of unfolded batch norms with model.qat='{qat}'")
    if qat == "full" and found.requantize_operators:
        raise EdgesegError(f"{path}: {found.requantize_operators} QUANTIZE operators: the ranges of a concatenation were not tied")
    if found.transpose_conv_version > TRANSPOSE_CONV_VERSION:
        raise EdgesegError(
            f"{path}: TRANSPOSE_CONV version {found.transpose_conv_version}; compiler 16 reads up to {TRANSPOSE_CONV_VERSION}. "
            "A newer TensorFlow than 2.10 wrote it: make the environment again from the lock"
        )
    return found


def _from_batch_norm(graph: Subgraph, operator: Operator) -> bool:
    """A MUL or ADD with a constant operand; an ADD of two computed tensors is a residual connection."""
    return operator.name in ("MUL", "ADD") and any(graph.tensors[i].constant is not None for i in operator.inputs if i >= 0)
