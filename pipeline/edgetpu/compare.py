"""The check's prediction beside what the compiler did, operator by operator."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from .check import Report, check
from .model import Model, Operator
from .package import Compiled, Package, inspect
from .predict import MAPS, MAY, Verdict

SUFFIX = "_edgetpu.tflite"


@dataclass(frozen=True)
class Comparison:
    """One model, predicted and compiled; `sides` holds `TPU` or `CPU` for each operator of the main subgraph."""

    report: Report
    compiled: Compiled
    sides: tuple[str, ...]

    @property
    def rows(self) -> tuple[tuple[Verdict, str], ...]:
        """(verdict, real side) of each operator of the main subgraph."""
        return tuple(zip(self.report.verdicts, self.sides, strict=False))

    @property
    def right(self) -> int:
        """Operators whose expected side is the real one (`may not map` counts on its expected side)."""
        return sum(verdict.expected == side for verdict, side in self.rows)

    @property
    def unsure(self) -> int:
        """Operators that were only said to `may not map`."""
        return sum(verdict.verdict == MAY for verdict, _ in self.rows)

    @property
    def false_maps(self) -> int:
        """Operators said to map that stayed on the CPU: there must be none."""
        return sum(verdict.verdict == MAPS and side == "CPU" for verdict, side in self.rows)

    @property
    def parameters(self) -> int:
        """Bytes of parameters in the packages, cached and streamed."""
        return sum(package.on_chip + package.streamed for package in self.compiled.packages)

    @property
    def parameter_error(self) -> float | None:
        """Predicted over real bytes, less one; None where nothing is stored."""
        return self.report.memory.package / self.parameters - 1 if self.parameters else None

    def json(self) -> dict[str, Any]:
        """Everything, for `--json`."""
        return {
            "model": self.report.model.path.name,
            "compiled": self.compiled.model.path.name,
            "operators": len(self.sides),
            "right": self.right,
            "unsure": self.unsure,
            "said_to_map_but_on_cpu": self.false_maps,
            "on_tpu": self.sides.count("TPU"),
            "parameters": {
                "predicted": self.report.memory.package,
                "real": self.parameters,
                "error": self.parameter_error,
                "rule_holds": self.report.memory.holds,
                "why": self.report.memory.why,
            },
            "off_chip": {"predicted": list(self.report.memory.off_chip), "real": sum(p.streamed for p in self.compiled.packages)},
            "documented_runtime": self.report.runtime,
            "packages": [package_json(package) for package in self.compiled.packages],
            "wrong": [
                {
                    "index": verdict.operator.index,
                    "name": verdict.operator.name,
                    "verdict": verdict.verdict,
                    "status": verdict.status,
                    "real": side,
                }
                for verdict, side in self.rows
                if verdict.expected != side
            ],
        }


def package_json(package: Package) -> dict[str, Any]:
    """A package as JSON."""
    return {
        "operator": package.operator,
        "min_runtime": package.min_runtime,
        "compiler": package.compiler,
        "identifier": package.identifier,
        "size": package.size,
        "on_chip": package.on_chip,
        "streamed": package.streamed,
        "scratch": package.scratch,
        "narrow_per_tile": package.narrow_per_tile,
        "executables": [vars(one) for one in package.executables],
    }


def compare(model: Path, compiled: Path) -> Comparison:
    """Check `model` and lay it beside the file the compiler made from it; DataError where they do not belong together."""
    report, made = check(model), inspect(compiled)
    return Comparison(report, made, sides(report.model, made))


def sides(model: Model, compiled: Compiled) -> tuple[str, ...]:
    """Where each operator of `model` went: an operator is on the CPU where the compiled file still has it, by its outputs' names.

    Where the compiler renamed a tensor, the shapes decide, from the end of the graph: what stays is what comes last.
    """
    left = Counter(_key(compiled.model, operator, names=True) for operator in compiled.on_cpu)
    found: dict[int, str] = {}
    for operator in model.main.operators:
        key = _key(model, operator, names=True)
        if left[key] > 0:
            left[key] -= 1
            found[operator.index] = "CPU"
    unmatched = Counter()
    for operator in reversed(compiled.on_cpu):
        key = _key(compiled.model, operator, names=True)
        if left[key] > 0:
            left[key] -= 1
            unmatched[_key(compiled.model, operator, names=False)] += 1
    for operator in reversed(model.main.operators):
        key = _key(model, operator, names=False)
        if operator.index not in found and unmatched[key] > 0:
            unmatched[key] -= 1
            found[operator.index] = "CPU"
    if +unmatched:
        name = next(iter(+unmatched))[0]
        raise DataError(f"{compiled.model.path}: its {name} is none of {model.path}'s operators; give the model it was compiled from")
    return tuple(found.get(operator.index, "TPU") for operator in model.main.operators)


def _key(model: Model, operator: Operator, names: bool) -> tuple:
    tensors = [model.main.tensors[index] for index in operator.outputs]
    return operator.name, tuple(tensor.name if names else tensor.shape for tensor in tensors)


def compare_folder(folder: Path) -> list[Comparison]:
    """Every `X.tflite` of `folder` that has an `X_edgetpu.tflite` beside it; DataError where there is none."""
    pairs = [(path.with_name(path.name.removesuffix(SUFFIX) + ".tflite"), path) for path in sorted(Path(folder).glob(f"*{SUFFIX}"))]
    pairs = [(model, compiled) for model, compiled in pairs if model.is_file()]
    if not pairs:
        raise DataError(f"{folder}: no pair in it (X.tflite beside X{SUFFIX})")
    return [compare(model, compiled) for model, compiled in pairs]
