"""`edgetpu check`: the prediction for a model, as one report that is printed, written as check.json and held against gates."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..errors import DataError, GateError, UsageError
from .memory import Memory, measure
from .model import Model, Tensor, read_model
from .package import is_compiled
from .predict import MAPS, MAY, STAYS, Refusal, Verdict, predict
from .rules import load


@dataclass(frozen=True)
class Report:
    """What the compiler is expected to do with `model`."""

    model: Model
    verdicts: tuple[Verdict, ...]
    refusal: Refusal | None
    memory: Memory
    sha256: str

    def count(self, verdict: str) -> int:
        """How many operators have this verdict."""
        return sum(one.verdict == verdict for one in self.verdicts)

    @property
    def mapped_percent(self) -> float:
        """Operators that surely map, in percent of all."""
        return 100 * self.count(MAPS) / len(self.verdicts)

    @property
    def floating(self) -> bool:
        """Whether no operator can map because the model computes in floating point."""
        kinds = {tensor.type for tensor in self.model.main.tensors}
        return not self.count(MAPS) and not self.count(MAY) and "FLOAT32" in kinds and not kinds & {"INT8", "UINT8"}

    @property
    def runtime(self) -> int | None:
        """Lowest runtime version that Coral's table gives for what is expected to map."""
        return max((one.runtime for one in self.verdicts if one.expected == "TPU" and one.runtime), default=None)

    def summary(self) -> str:
        """One sentence for people."""
        total = len(self.verdicts)
        if self.refusal:
            return f"the compiler will refuse the model: {self.refusal.status} ({self.refusal.outcome})"
        if self.floating:
            return f"a float model: none of its {total} operators maps; quantize it to int8 first"
        text = f"{self.count(MAPS)} of {total} operators map"
        if may := self.count(MAY):
            text += f", {may} may not"
        if stays := self.count(STAYS):
            text += f", {stays} stay on the CPU"
        return text

    def json(self) -> dict[str, Any]:
        """Everything, for `--json` and check.json."""
        return {
            "model": self.model.path.name,
            "sha256": self.sha256,
            "size": self.model.size,
            "compiler": load().compiler["version"],
            "summary": self.summary(),
            "subgraphs": len(self.model.subgraphs),
            "operator_count": len(self.verdicts),
            "maps": self.count(MAPS),
            "may_not_map": self.count(MAY),
            "stays_on_cpu": self.count(STAYS),
            "mapped_percent": round(self.mapped_percent, 2),
            "float": self.floating,
            "documented_runtime": self.runtime,
            "refused": None
            if self.refusal is None
            else {
                "operator": self.refusal.operator.index,
                "name": self.refusal.operator.name,
                "version": self.refusal.operator.version,
                "status": self.refusal.status,
                "outcome": self.refusal.outcome,
                "remedy": self.refusal.remedy,
                "sure": self.refusal.sure,
                "source": self.refusal.source,
            },
            "memory": asdict(self.memory),
            "operators": [self._operator(one) for one in self.verdicts],
        }

    def _operator(self, one: Verdict) -> dict[str, Any]:
        graph = self.model.subgraphs[one.operator.subgraph]
        return {
            "index": one.operator.index,
            "subgraph": one.operator.subgraph,
            "name": one.operator.name,
            "version": one.operator.version,
            "inputs": [_tensor(graph.tensor(index)) for index in one.operator.inputs],
            "outputs": [_tensor(graph.tensor(index)) for index in one.operator.outputs],
            "verdict": one.verdict,
            "expected": one.expected,
            "status": one.status,
            "behind": one.behind,
            "remedy": one.remedy,
            "sure": one.sure,
            "source": one.source,
        }


def _tensor(tensor: Tensor | None) -> dict[str, Any] | None:
    if tensor is None:
        return None
    scale = tensor.scale if tensor.scale is not None and abs(tensor.scale) < float("inf") else None  # JSON has no infinity and no NaN
    return {
        "type": tensor.type,
        "shape": list(tensor.shape),
        "constant": tensor.constant is not None,
        "scale": scale,
        "zero_point": tensor.zero_point,
        "scales": tensor.scales,
    }


def check(path: Path) -> Report:
    """Predict what the compiler does with the TFLite file at `path`; DataError where it is none, damaged, or compiled already."""
    model = read_model(path)
    if is_compiled(model):
        raise DataError(f"{path}: compiled already; `edgetpu inspect` opens it, `edgetpu check` wants the model it was made from")
    verdicts, refusal = predict(model)
    return Report(model, verdicts, refusal, measure(model, verdicts), hashlib.sha256(Path(path).read_bytes()).hexdigest())


def write(report: Report, path: Path) -> None:
    """Write `report` as JSON, complete or not at all."""
    files.write_json(path, report.json())


def parse_gate(text: str) -> dict[str, float]:
    """`mapped=100%,offchip=0` as {"mapped": 100.0, "offchip": 0.0} (percent, bytes); UsageError for anything else."""
    gate = {}
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        try:
            number = float(value.removesuffix("%")) if name == "mapped" else float(value)
        except ValueError:
            number = -1.0
        if name not in ("mapped", "offchip") or not 0 <= number < float("inf") or (name == "mapped" and number > 100):
            raise UsageError(f"--require {text}: {part!r} is no condition; write for example mapped=100%,offchip=0 (percent, bytes)")
        gate[name] = number
    return gate


def hold(report: Report, gate: dict[str, float]) -> None:
    """GateError where a condition does not hold: operators that surely map, and the upper end of the estimate of streamed bytes."""
    failed = []
    if report.mapped_percent < gate.get("mapped", 0):
        failed.append(f"mapped is {report.mapped_percent:.1f} %, not {gate['mapped']:g} %")
    if "offchip" in gate and (report.refusal or report.memory.off_chip[1] > gate["offchip"]):
        seen = "unknown, the model is refused" if report.refusal else f"up to {report.memory.off_chip[1]} bytes"
        failed.append(f"off-chip is {seen}, not {gate['offchip']:g}")
    if failed:
        raise GateError(f"{report.model.path}: {'; '.join(failed)} ({report.summary()})")
