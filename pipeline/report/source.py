"""What a report is made from: the parts of a run folder, read once, each None where it is not there."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import tomli

from .. import files
from ..errors import DataError
from ..run import Run

RGB = tuple[int, int, int]


class Colours(NamedTuple):
    """What the colours of overlays and difference pictures are, for the legends; 0..255 each."""

    truth: RGB
    prediction: RGB
    true_positive: RGB
    false_positive: RGB
    false_negative: RGB
    true_negative: RGB


class Benchmark(NamedTuple):
    """The published test set: anything smaller is not compared with published results without a word."""

    name: str
    test_scenes: int


@dataclass(frozen=True)
class Source:
    """A run folder's contents."""

    run: Run
    config_text: str
    config: dict[str, Any]
    summary: dict[str, Any]
    environment: dict[str, Any] | None
    data: dict[str, Any] | None
    history: list[dict[str, str]] | None
    threshold: dict[str, Any] | None
    curve: list[tuple[float, float]] | None  # (recall, precision)
    variants: dict[str, Any] | None
    analysis: dict[str, Any] | None
    check: dict[str, Any] | None

    @property
    def kind(self) -> str:
        """The threshold kind that counts: the first that was not chosen on the scenes it is scored on."""
        table = self.summary["variants"][self.summary["reference"]]
        return next(kind for kind, values in table.items() if not values["optimistic"])

    @property
    def compared(self) -> tuple[str, ...]:
        """The variants that are laid side by side: the reference and int8 (or the reference alone)."""
        both = (self.summary["reference"], "int8")
        return tuple(name for name in dict.fromkeys(both) if name in self.summary["variants"])

    @property
    def board(self) -> dict[str, Any] | None:
        """The scores of what came back from the board; None where nothing has."""
        return self.summary.get("board")

    def record(self, variant: str, scene: str) -> dict[str, Any] | None:
        """What `predict` kept of a scene."""
        return _read(self.run.scenes / variant / f"{scene}.json", files.read_json)


def read(run: Run) -> Source:
    """Read `run`; UsageError without its config or evaluation, DataError where a file is damaged."""
    text = _read(run.need(run.config_file, "train"), lambda path: path.read_text(encoding="utf-8"))
    summary = _read(run.need(run.summary, "evaluate"), files.read_json)
    return Source(
        run,
        text,
        _read(run.config_file, lambda path: tomli.loads(path.read_text(encoding="utf-8"))),
        summary,
        _read(run.environment, files.read_json),
        _read(run.folder / "data.json", files.read_json),
        _read(run.history, _rows),
        _read(run.threshold, files.read_json),
        _read(run.pr_curve, _curve),
        _read(run.variants, files.read_json),
        _read(run.analysis, files.read_json),
        _read(run.check, files.read_json),
    )


def _read(path: Path, reader: Callable[[Path], Any]) -> Any:
    try:
        return reader(path)
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError, tomli.TOMLDecodeError, csv.Error, KeyError, ValueError) as why:
        raise DataError(f"{path}: damaged ({why}); make it again with the stage that wrote it") from None


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _curve(path: Path) -> list[tuple[float, float]]:
    return [(float(row["recall"]), float(row["precision"])) for row in _rows(path)]
