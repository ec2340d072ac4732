"""What came back from the board: a folder with mask.png, report.json and the results' scene.json, held against what was sent.

The results' own patches, where they came along, lie beside their scene.json: in the folder itself or in `results` below it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from . import scene_folder
from .scene_folder import ABOUT, PackedScene

MASK, REPORT, RESULTS = "mask.png", "report.json", "results"
_MOST_JSON = 64 << 20  # a report of a million patches
_STAGES = ("read", "prepare", "wait", "invoke", "write")


@dataclass(frozen=True)
class Returned:
    """`mask` is the path of the PNG; `results_folder` holds the patches of `results` if `patches` is true."""

    mask: Path
    report: dict[str, Any]
    results: PackedScene
    results_folder: Path
    patches: bool

    @property
    def median(self) -> dict[str, float]:
        """Milliseconds a patch spent in each stage: the median over the patches without the first."""
        return {stage: float(self.report["milliseconds"][stage]["median"]) for stage in _STAGES}

    def probabilities(self) -> Iterator[np.ndarray]:
        """The results of every patch, row by row, as float32 (S, S, classes) in 0..1."""
        scene = self.results
        for position in range(scene.patches):
            stored = scene_folder.read_patch(self.results_folder, scene, position)
            yield np.clip((stored.astype(np.float32) - np.float32(scene.zero_point)) * np.float32(scene.scale), 0, 1)


def read(folder: Path, sent: PackedScene) -> Returned:
    """What is in `folder`, checked as far as it can be without reading an image: DataError unless it is all of `sent`, run to its end."""
    mask, report_path = folder / MASK, folder / REPORT
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; it should hold {MASK}, {REPORT} and the results' {ABOUT}")
    results_folder = folder / RESULTS if (folder / RESULTS).is_dir() else folder
    results, report = scene_folder.read(results_folder), _report(report_path)
    if not mask.is_file():
        raise DataError(f"{mask}: is missing; `stitch` (or `inference --stitch`) makes it on the board")
    for path, found in ((report_path, report["scene"]), (results_folder / ABOUT, results.id)):
        if found != sent.id:
            raise DataError(f"{path}: is of scene {found}, not of {sent.id}")
    if report["status"] != "complete":
        raise DataError(f"{report_path}: the run on the board is {report['status']}; the same command with --resume ends it")
    if results.dtype == "uint16":
        raise DataError(f"{results_folder / ABOUT}: is of the scene that was sent, not of its results")
    was = (results.rows, results.columns, results.source_patch_size)
    if was != (sent.rows, sent.columns, sent.patch_size) or report["patches"] != sent.patches:
        raise DataError(
            f"{results_folder / ABOUT}: {was[0]} x {was[1]} patches of {was[2]} pixels; the scene has {sent.rows} x {sent.columns} of "
            f"{sent.patch_size}: it was packed from other data"
        )
    patches = any(results_folder.glob("patch_*.bin"))
    if patches:
        _no_gaps(results_folder, results)
    return Returned(mask, report, results, results_folder, patches)


def _report(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_JSON:
            raise DataError(f"{path}: too large for a report")
        report = json.loads(path.read_text(encoding="utf-8"))
        for key, kind in (("scene", str), ("status", str), ("patches", int), ("model", str), ("model_crc32", str), ("device", str)):
            if not isinstance(report[key], kind):
                raise TypeError(f"{key!r} is {report[key]!r}")
        if report["status"] == "complete":
            for stage in _STAGES:
                if not float(report["milliseconds"][stage]["median"]) >= 0:
                    raise ValueError(f"{stage!r} took no time")
    except FileNotFoundError:
        raise DataError(f"{path}: is missing; `inference --json` writes it on the board") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as why:
        raise DataError(f"{path}: is no report of `inference` ({type(why).__name__}: {why})") from None
    return report


def _no_gaps(folder: Path, results: PackedScene) -> None:
    """Every patch of the results, of the right size; other files may lie beside them here."""
    for position in range(results.patches):
        path = folder / results.file(position)
        size = path.stat().st_size if path.is_file() else None
        if size != results.patch_bytes:
            what = "is missing" if size is None else f"{size} bytes where {results.patch_bytes} belong"
            raise DataError(f"{path}: {what}; fetch the results again, or without their patches")
