"""Read a TFLite flatbuffer into plain dataclasses, without an interpreter and without trusting the file.

The `tflite` package supplies the schema's accessors. They follow whatever offsets the file holds, so every length is bounded here by the
size of the file and every count is paid from one budget: a hostile file costs no more time or memory than an honest one of its size.
"""

import math
import struct
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import DataError

ITEM_BYTES = {
    "FLOAT64": 8,
    "INT64": 8,
    "UINT64": 8,
    "COMPLEX64": 8,
    "COMPLEX128": 16,
    "FLOAT32": 4,
    "INT32": 4,
    "UINT32": 4,
    "FLOAT16": 2,
    "BFLOAT16": 2,
    "INT16": 2,
    "UINT16": 2,
}
_INTEGERS = {"INT8": "b", "UINT8": "B", "INT16": "h", "UINT16": "H", "INT32": "i", "UINT32": "I", "INT64": "q", "UINT64": "Q"}
_MAX_FILE = 2**31  # a flatbuffer's offsets are 32-bit and signed where vtables are found
_MAX_NUMBERS = 512  # bytes of a shape, axis or padding tensor; weights are never turned into Python numbers
_TENSOR_BYTES, _OPERATOR_BYTES = 12, 24  # less than the smallest honest one takes in a file, so a count costs what it must have cost
_MAX_RANK = 16  # TFLite's own kernels end at 8; a bound keeps products of sizes small
_OPTIONS = {  # union member -> the scalar fields that a rule or the memory estimate looks at
    "Conv2DOptions": ("StrideH", "StrideW", "DilationHFactor", "DilationWFactor", "FusedActivationFunction"),
    "DepthwiseConv2DOptions": ("StrideH", "StrideW", "DilationHFactor", "DilationWFactor", "FusedActivationFunction", "DepthMultiplier"),
    "TransposeConvOptions": ("StrideH", "StrideW"),
    "Pool2DOptions": ("StrideH", "StrideW", "FilterHeight", "FilterWidth", "FusedActivationFunction"),
    "ConcatenationOptions": ("Axis", "FusedActivationFunction"),
    "FullyConnectedOptions": ("WeightsFormat", "FusedActivationFunction"),
    "StridedSliceOptions": ("EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "BeginMask", "EndMask"),
    "PackOptions": ("Axis",),
    "ResizeBilinearOptions": ("AlignCorners", "HalfPixelCenters"),
    "ResizeNearestNeighborOptions": ("AlignCorners", "HalfPixelCenters"),
    "UnidirectionalSequenceLSTMOptions": ("TimeMajor",),
}


@dataclass(frozen=True)
class Tensor:
    """One tensor: `constant` is its value's bytes, or None where it is computed when the model runs."""

    index: int
    name: str
    type: str
    shape: tuple[int, ...]
    scale: float | None  # the first one where there is one for each channel
    zero_point: int | None
    scales: int  # 0: not quantized, 1: per tensor, more: per channel
    constant: memoryview | None = field(repr=False, default=None)
    variable: bool = False  # state that lives between runs, such as an LSTM's

    @property
    def elements(self) -> int:
        """Number of elements (1 for a scalar)."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes when dense."""
        return self.elements * ITEM_BYTES.get(self.type, 1)

    def numbers(self) -> tuple[int, ...] | None:
        """The values of a small constant integer tensor; None where it is not one."""
        code = _INTEGERS.get(self.type)
        if self.constant is None or code is None or len(self.constant) > _MAX_NUMBERS:
            return None
        count = len(self.constant) // struct.calcsize(code)
        return struct.unpack_from(f"<{count}{code}", self.constant)


@dataclass(frozen=True)
class Operator:
    """One operator; -1 among the inputs stands for an input that was left out."""

    index: int
    subgraph: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: MappingProxyType
    custom_options: memoryview | None = field(repr=False, default=None)


@dataclass(frozen=True)
class Subgraph:
    """Tensors and operators in execution order."""

    index: int
    name: str
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]

    def tensor(self, index: int) -> Tensor | None:
        """The tensor, or None for an input that was left out."""
        return self.tensors[index] if index >= 0 else None

    @cached_property
    def made_by(self) -> dict[int, int]:
        """Tensor index -> index of the operator that writes it."""
        return {tensor: operator.index for operator in self.operators for tensor in operator.outputs}


@dataclass(frozen=True)
class Model:
    """A TFLite file; `subgraphs[0]` is the one that runs."""

    path: Path
    size: int
    subgraphs: tuple[Subgraph, ...]

    @property
    def main(self) -> Subgraph:
        """The subgraph that runs."""
        return self.subgraphs[0]


def read_model(path: Path) -> Model:
    """Read `path`; DataError where it is missing, no TFLite file, truncated or inconsistent."""
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > _MAX_FILE:
            raise DataError(f"{path}: {size} bytes; a TFLite file ends at 2 GiB")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give a .tflite file") from None
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise DataError(f"{path}: not a TFLite file (the identifier TFL3 is missing); convert the model first")
    try:
        return _Reader(path, data).model()
    except (struct.error, IndexError, TypeError, ValueError, OverflowError, MemoryError, AttributeError, AssertionError) as error:
        raise DataError(f"{path}: damaged or truncated TFLite file ({error}); make or copy it again") from None


class _Reader:
    """One pass over the file; `budget` bounds how many vector elements are ever read."""

    def __init__(self, path: Path, data: bytes):
        import tflite

        self.schema, self.path, self.data = tflite, path, data
        self.view = memoryview(data)
        self.budget = len(data) + 4096
        self.operator_names = _reverse(tflite.BuiltinOperator)
        self.type_names = _reverse(tflite.TensorType)
        self.option_names = _reverse(tflite.BuiltinOptions)

    def model(self) -> Model:
        root = self.schema.Model.GetRootAs(self.data)
        buffers = [self.buffer(root.Buffers(i)) for i in self.count(root.BuffersLength())]
        codes = [self.code(root.OperatorCodes(i)) for i in self.count(root.OperatorCodesLength())]
        subgraphs = tuple(self.subgraph(i, root.Subgraphs(i), buffers, codes) for i in self.count(root.SubgraphsLength()))
        if not subgraphs or not subgraphs[0].operators:
            raise DataError(f"{self.path}: no operator in it; nothing to check")
        return Model(self.path, len(self.data), subgraphs)

    def count(self, length: int, cost: int = 1) -> range:
        """The indices of a vector of `length` elements, paid for."""
        self.budget -= length * cost
        if length < 0 or self.budget < 0:
            raise ValueError(f"a vector of {length} elements in {len(self.data)} bytes")
        return range(length)

    def numbers(self, table: Any, what: str) -> tuple[int, ...]:
        get = getattr(table, what)
        return tuple(int(get(i)) for i in self.count(getattr(table, f"{what}Length")()))

    def text(self, raw: bytes | None) -> str:
        self.count(len(raw or b""))
        return (raw or b"").decode("utf-8", "replace")[:512]

    def buffer(self, table: Any) -> memoryview | None:
        """A slice of the file, never a copy; None where the buffer is empty."""
        if table is None:
            return None
        if table.Offset() > 1:  # large models keep the bytes behind the flatbuffer
            start, length = table.Offset(), table.Size()
        else:
            length = table.DataLength()
            if not length:
                return None
            start = table._tab.Vector(table._tab.Offset(4))
        if start < 0 or start + length > len(self.data):
            raise ValueError(f"a buffer of {length} bytes at {start} reaches beyond the end")
        return self.view[start : start + length]

    def code(self, table: Any) -> tuple[str, int]:
        number = max(table.BuiltinCode(), table.DeprecatedBuiltinCode())
        name = self.operator_names.get(number, f"BUILTIN_{number}")  # newer than the schema at hand: named by its number
        if name == "CUSTOM":
            name = f"CUSTOM:{self.text(table.CustomCode())}"
        return name, table.Version()

    def subgraph(self, index: int, table: Any, buffers: list, codes: list) -> Subgraph:
        tensors = tuple(self.tensor(i, table.Tensors(i), buffers) for i in self.count(table.TensorsLength(), _TENSOR_BYTES))
        operators = tuple(
            self.operator(i, index, table.Operators(i), codes, len(tensors)) for i in self.count(table.OperatorsLength(), _OPERATOR_BYTES)
        )
        ends = [self.known(self.numbers(table, what), len(tensors), 0) for what in ("Inputs", "Outputs")]
        return Subgraph(index, self.text(table.Name()), tensors, *ends, operators)

    def tensor(self, index: int, table: Any, buffers: list) -> Tensor:
        if table.ShapeLength() > _MAX_RANK:
            raise ValueError(f"tensor {index} has {table.ShapeLength()} dimensions")
        shape = self.numbers(table, "Shape")
        kind = self.type_names.get(table.Type(), f"TYPE_{table.Type()}")
        quantization = table.Quantization()
        scales = quantization.ScaleLength() if quantization else 0
        zeros = quantization.ZeroPointLength() if quantization else 0
        if max(scales, zeros) * 4 > len(self.data):
            raise ValueError(f"tensor {index} claims {scales} scales")
        constant = buffers[table.Buffer()] if table.Buffer() else None
        return Tensor(
            index,
            self.text(table.Name()),
            kind,
            shape,
            quantization.Scale(0) if scales else None,
            quantization.ZeroPoint(0) if zeros else None,
            scales,
            constant,
            bool(table.IsVariable()),
        )

    def operator(self, index: int, subgraph: int, table: Any, codes: list, tensors: int) -> Operator:
        name, version = codes[table.OpcodeIndex()]
        inputs = self.known(self.numbers(table, "Inputs"), tensors, -1)
        outputs = self.known(self.numbers(table, "Outputs"), tensors, 0)
        custom = None
        if name.startswith("CUSTOM") and (length := table.CustomOptionsLength()):
            start = table._tab.Vector(table._tab.Offset(14))
            if start + length > len(self.data):
                raise ValueError(f"the custom options of operator {index} reach beyond the end")
            custom = self.view[start : start + length]
        return Operator(index, subgraph, name, version, inputs, outputs, MappingProxyType(self.options(table)), custom)

    def options(self, table: Any) -> dict[str, int]:
        kind = self.option_names.get(table.BuiltinOptionsType(), "")
        union = table.BuiltinOptions()
        if kind not in _OPTIONS or union is None:
            return {}
        options = getattr(self.schema, kind)()
        options.Init(union.Bytes, union.Pos)
        return {what: int(getattr(options, what)()) for what in _OPTIONS[kind]}

    @staticmethod
    def known(indices: tuple[int, ...], count: int, lowest: int) -> tuple[int, ...]:
        if any(not lowest <= index < count for index in indices):
            raise ValueError("an operator names a tensor that is not there")
        return indices


def _reverse(constants: type) -> dict[int, str]:
    return {value: name for name, value in vars(constants).items() if isinstance(value, int)}
