"""What the scores look like: a CSV per variant, a summary of all variants, a table for people."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from .. import files
from ..errors import DataError
from .scene_scorer import BEST, SceneResult
from .scores import SCORES, counts, macro, micro, scores

COLUMNS = ("kind", "scene", "threshold", "tp", "fp", "fn", "tn", *SCORES)
AVERAGES = ("macro", "micro")


def evaluate(results: Sequence[SceneResult]) -> dict[str, Any]:
    """One variant's scores by threshold kind: `threshold` (None where each scene has its own), `optimistic`, `macro`, `micro`, `scenes`.

    `optimistic` marks the kind that was chosen on the very scenes it is scored on. DataError without a scene.
    """
    if not results:
        raise DataError("no scene was scored")
    table: dict[str, Any] = {}
    for kind in results[0].thresholds:
        per_scene = {result.scene: scores(result.confusions[kind]) for result in results}
        table[kind] = {
            "threshold": None if kind == BEST else results[0].thresholds[kind],
            "optimistic": kind == BEST,
            "macro": macro(per_scene.values()),
            "micro": micro(result.confusions[kind] for result in results),
            "scenes": {result.scene: {"threshold": result.thresholds[kind], **per_scene[result.scene]} for result in results},
        }
    return table


def write_csv(path: Path, results: Sequence[SceneResult]) -> None:
    """Write one variant's table: for each threshold kind a row per scene, then `macro` and `micro`; counts are pixels.

    `macro` has no counts; neither average has a threshold where each scene has its own.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for kind, values in evaluate(results).items():
        for result in results:
            writer.writerow({"kind": kind, "scene": result.scene, **_counts(result.confusions[kind]), **values["scenes"][result.scene]})
        shared = {"kind": kind, "threshold": values["threshold"]}
        writer.writerow({**shared, "scene": "macro", **values["macro"]})
        pooled = sum(result.confusions[kind] for result in results)
        writer.writerow({**shared, "scene": "micro", **_counts(pooled), **values["micro"]})
    files.write_text(path, text.getvalue())


def summary(variants: Mapping[str, Sequence[SceneResult]], reference: str) -> dict[str, Any]:
    """All variants' `evaluate` tables, and how far each is from `reference` (variant - reference), ready for JSON.

    DataError where variants were not scored on the same scenes.
    """
    if reference not in variants:
        raise DataError(f"variant {reference} was not scored, so nothing can be compared with it")
    scenes = {name: [result.scene for result in results] for name, results in variants.items()}
    for name, those in scenes.items():
        if those != scenes[reference]:
            raise DataError(f"variant {name} was scored on scenes {those}, {reference} on {scenes[reference]}: evaluate both again")
    tables = {name: evaluate(results) for name, results in variants.items()}
    differences = {
        name: {
            kind: {average: _minus(values[average], tables[reference][kind][average]) for average in AVERAGES}
            for kind, values in table.items()
        }
        for name, table in tables.items()
        if name != reference
    }
    return {"reference": reference, "scenes": scenes[reference], "variants": tables, "differences": differences}


def render(whole: Mapping[str, Any], one: str, other: str) -> Group:
    """Two variants of a `summary` side by side for a terminal: all scores (percent) with differences, then Jaccard of every scene."""
    tables = [whole["variants"][one], whole["variants"][other]]
    averages = Table(title=f"Scores in percent: {one}, {other} and {other} - {one}")
    averages.add_column("threshold", overflow="fold")  # a terminal of 80 columns should cut nothing
    averages.add_column("score", no_wrap=True)
    for average in AVERAGES:
        for column in (f"{average} {one}", other, "diff"):
            averages.add_column(column, justify="right")
    scenes = Table(title="Jaccard of every scene in percent")
    for column in ("threshold", "scene"):
        scenes.add_column(column, overflow="fold")  # scenes differ at the end of their ids
    for column in (one, other, "diff"):
        scenes.add_column(column, justify="right")
    for kind, values in tables[0].items():
        for row, score in enumerate(SCORES):
            cells = [cell for average in AVERAGES for cell in _cells([table[kind][average][score] for table in tables])]
            averages.add_row(_title(kind, values) if row == 0 else "", score, *cells, end_section=row == len(SCORES) - 1)
        names = list(values["scenes"])
        for row, scene in enumerate(names):
            cells = _cells([table[kind]["scenes"][scene]["jaccard"] for table in tables])
            scenes.add_row(_title(kind, values) if row == 0 else "", scene, *cells, end_section=row == len(names) - 1)
    return Group(averages, scenes)


def _title(kind: str, values: Mapping[str, Any]) -> str:
    if values["optimistic"]:
        return f"{kind} (optimistic)"
    return f"{kind} {values['threshold']:.4f}"


def _cells(pair: Sequence[float]) -> list[str]:
    return [f"{100 * pair[0]:.2f}", f"{100 * pair[1]:.2f}", f"{100 * (pair[1] - pair[0]):+.2f}"]


def _minus(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {score: one[score] - other[score] for score in SCORES}


def _counts(confusion: Any) -> dict[str, int]:
    return dict(zip(("tp", "fp", "fn", "tn"), counts(confusion), strict=True))
