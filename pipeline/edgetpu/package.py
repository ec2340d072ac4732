"""Open a compiled file: the custom operator's flexbuffer and the DWN1 package in it (libedgetpu's executable/executable.fbs)."""

import struct
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from .model import Model, Operator, read_model

OPERATOR = "CUSTOM:edgetpu-custom-op"
_KEY = "4"  # of the flexbuffer map: the package
_PACKAGE = {"min_runtime_version": 0, "serialized_multi_executable": 1, "compiler_version": 4, "model_identifier": 7}
_EXECUTABLE = {
    "scratch_size_bytes": 4,
    "instruction_bitstreams": 5,
    "parameters": 6,
    "chip": 10,
    "estimated_cycles": 11,
    "used_narrow_memory_bytes_per_tile": 12,
    "type": 13,
    "parameter_caching_token": 14,
    "estimated_cycles_64bit": 16,
}
_TYPES = {0: "STAND_ALONE", 1: "PARAMETER_CACHING", 2: "EXECUTION_ONLY"}
_MANY = 64  # executables in one package: one or two are normal


@dataclass(frozen=True)
class Executable:
    """One program for the Edge TPU; sizes in bytes."""

    type: str
    parameters: int
    scratch: int
    narrow_per_tile: int
    bitstreams: int
    cycles: int
    chip: str


@dataclass(frozen=True)
class Package:
    """What one `edgetpu-custom-op` carries."""

    operator: int
    min_runtime: int
    compiler: str
    identifier: str
    size: int
    executables: tuple[Executable, ...]

    def _of(self, kind: str) -> list[Executable]:
        return [one for one in self.executables if one.type == kind]

    @property
    def on_chip(self) -> int:
        """Bytes of parameters cached on the chip."""
        return sum(one.parameters for one in self._of("PARAMETER_CACHING"))

    @property
    def streamed(self) -> int:
        """Bytes of parameters that stream from off the chip at every run."""
        return sum(one.parameters for one in self.executables if one.type != "PARAMETER_CACHING")

    @property
    def scratch(self) -> int:
        """Bytes of host memory for activations that do not fit."""
        return max((one.scratch for one in self.executables), default=0)

    @property
    def narrow_per_tile(self) -> int:
        """Highest use of a tile's activation memory, in bytes."""
        return max((one.narrow_per_tile for one in self.executables), default=0)


@dataclass(frozen=True)
class Compiled:
    """A compiled model: its packages and the operators that were left on the CPU."""

    model: Model
    packages: tuple[Package, ...]
    on_cpu: tuple[Operator, ...]


def is_compiled(model: Model) -> bool:
    """Whether a compiler has put its custom operator into the model."""
    return any(operator.name == OPERATOR for operator in model.main.operators)


def inspect(path: Path) -> Compiled:
    """Open a compiled file; DataError where it is not compiled or its package is damaged."""
    model = read_model(path)
    if not is_compiled(model):
        raise DataError(f"{path}: not a compiled model (no edgetpu-custom-op); `check` shows what the compiler would do with it")
    compiled = [operator for operator in model.main.operators if operator.name == OPERATOR]
    if sum(len(operator.custom_options or b"") for operator in compiled) > model.size:  # an honest file shares no package
        raise DataError(f"{path}: its packages together are larger than the file; compile the model again")
    on_cpu = tuple(operator for operator in model.main.operators if operator.name != OPERATOR)
    return Compiled(model, tuple(_package(path, operator) for operator in compiled), on_cpu)


def _package(path: Path, operator: Operator) -> Package:
    from flatbuffers import flexbuffers

    try:
        blob = memoryview(flexbuffers.GetRoot(bytes(operator.custom_options or b"")).AsMap[_KEY].AsStringBytes)
        if blob[4:8] != b"DWN1":
            raise ValueError("the identifier DWN1 is missing")
        root = _Fields.root(blob)
        multi = _Fields.root(root.slice(_PACKAGE["serialized_multi_executable"]))
        executables = tuple(_executable(_Fields.root(one)) for one in multi.slices(0))
        return Package(
            operator.index,
            root.number(_PACKAGE["min_runtime_version"], "<i"),
            root.text(_PACKAGE["compiler_version"]),
            root.text(_PACKAGE["model_identifier"]),
            len(blob),
            executables,
        )
    except (struct.error, IndexError, KeyError, TypeError, ValueError, OverflowError, MemoryError, AttributeError, AssertionError) as error:
        raise DataError(f"{path}: the package of operator {operator.index} is damaged ({error}); compile the model again") from None


def _executable(fields: "_Fields") -> Executable:
    at = _EXECUTABLE
    kind = fields.number(at["type"], "<h")
    cycles = fields.number(at["estimated_cycles_64bit"], "<q") or fields.number(at["estimated_cycles"], "<i")
    return Executable(
        _TYPES.get(kind, f"TYPE_{kind}"),
        len(fields.slice(at["parameters"])),
        fields.number(at["scratch_size_bytes"], "<i"),
        fields.number(at["used_narrow_memory_bytes_per_tile"], "<i"),
        fields.length(at["instruction_bitstreams"], 4),
        cycles,
        fields.text(at["chip"]),
    )


class _Fields:
    """A flatbuffer table by field number; the package's schema has no generated classes in Python. Nothing is copied."""

    def __init__(self, view: memoryview, position: int):
        from flatbuffers import table

        self.view, self.table = view, table.Table(view, position)

    @classmethod
    def root(cls, view: memoryview) -> "_Fields":
        return cls(view, struct.unpack_from("<I", view)[0])

    def _at(self, field: int) -> int:
        return self.table.Offset(4 + 2 * field)

    def number(self, field: int, code: str) -> int:
        at = self._at(field)
        return struct.unpack_from(code, self.view, self.table.Pos + at)[0] if at else 0

    def length(self, field: int, item: int) -> int:
        """Number of elements of a vector whose items take `item` bytes."""
        at = self._at(field)
        count = self.table.VectorLen(at) if at else 0
        if count and self.table.Vector(at) + count * item > len(self.view):
            raise ValueError(f"field {field} reaches beyond the end")
        return count

    def slice(self, field: int) -> memoryview:
        """A vector of bytes."""
        length = self.length(field, 1)
        start = self.table.Vector(self._at(field)) if length else 0
        return self.view[start : start + length]

    def text(self, field: int) -> str:
        return bytes(self.slice(field)[:256]).decode("utf-8", "replace")

    def slices(self, field: int) -> list[memoryview]:
        """A vector of strings."""
        count = self.length(field, 4)
        if count > _MANY:
            raise ValueError(f"{count} executables")
        start, found = self.table.Vector(self._at(field)) if count else 0, []
        for index in range(count):
            at = self.table.Indirect(start + 4 * index)
            length = struct.unpack_from("<I", self.view, at)[0]
            if at + 4 + length > len(self.view):
                raise ValueError(f"executable {index} reaches beyond the end")
            found.append(self.view[at + 4 : at + 4 + length])
        return found
