"""The board's scores beside those of float32 and int8, on the scenes that the board has run: no others would be comparable."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import files
from ..evaluate.scene_scorer import SceneResult
from ..evaluate.table import summary, write_csv
from ..progress import say
from ..run import Run, sha256
from . import cloud, predicting

NAME = "board"
KIND = "validation"  # a mask is made at one threshold, the run's


def collect(run: Run, scenes: Iterable[cloud.Scene]) -> dict[str, Any] | None:
    """`summary` of float32, int8 and board on the scenes that have a current record of each, with `timing` and `agreement` by scene.

    None where there is no such scene. Writes evaluation/board.csv. A record of another model, threshold or data is left out, and said so.
    """
    names = (predicting.REFERENCE, "int8", NAME)
    results: dict[str, list[SceneResult]] = {name: [] for name in names}
    timing, agreement = {}, {}
    for scene in scenes:
        record = predicting.read_record(run, NAME, scene.id)
        if not record or not _current(run, scene, record):
            continue
        records = {name: predicting.read_record(run, name, scene.id) for name in names}
        if not all("confusions" in each for each in records.values()):
            continue
        for name, each in records.items():
            counts = {KIND: np.array(each["confusions"][KIND])}
            results[name].append(SceneResult(scene.id, {KIND: each["thresholds"][KIND]}, counts))
        timing[scene.id] = record["board"]
        agreement[scene.id] = record["int8"]
    path = run.evaluation / f"{NAME}.csv"
    if not results[NAME]:
        path.unlink(missing_ok=True)
        return None
    write_csv(path, results[NAME])
    host = {name: predicting.host_time(run, name, [result.scene for result in results[name]]) for name in names}
    return summary(results, predicting.REFERENCE) | {"kind": KIND, "milliseconds": host, "timing": timing, "agreement": agreement}


def update(run: Run, scenes: Iterable[cloud.Scene]) -> dict[str, Any] | None:
    """`collect` anew, into summary.json too where the run has been evaluated."""
    section = collect(run, scenes)
    if run.summary.exists():
        whole = files.read_json(run.summary)
        before = whole.pop("board", None)
        if before != section:
            files.write_json(run.summary, whole | ({"board": section} if section else {}))
    return section


def _current(run: Run, scene: cloud.Scene, record: dict[str, Any]) -> bool:
    threshold = files.read_json(run.need(run.threshold, "train"))["value"]
    key = {"model": sha256(run.variant("int8")), "data": scene.fingerprint(), "thresholds": {KIND: threshold}}
    if record["key"] != key:
        say(f"board {scene.id}: made with another model, threshold or data; left out: take it again")
    return record["key"] == key
