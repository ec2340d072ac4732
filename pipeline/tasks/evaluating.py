"""The stage `evaluate`: the scores of every variant, and of the board where it has run the scenes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import files
from ..config import Config
from ..evaluate.scene_scorer import SceneResult
from ..evaluate.table import summary, write_csv
from ..run import VARIANTS, Run
from ..scene.tflite_runner import cross_check
from . import board_results, cloud
from .predicting import REFERENCE, check_scenes, host_time, predict, read_record


def evaluate(run: Run, config: Config) -> dict[str, Any]:
    """Score what `predict` made: a CSV a variant and summary.json; predicts first what is missing or out of date."""
    variants = VARIANTS
    check_scenes(config)
    predict(run, config, variants)
    task = cloud.Cloud(config)
    scenes = task.scenes()
    results = {variant: [_result(read_record(run, variant, scene.id)) for scene in scenes] for variant in variants}
    for variant, rows in results.items():
        write_csv(run.evaluation / f"{variant}.csv", rows)
    whole = summary(results, REFERENCE) | {"data": task.describe()}
    whole["host"] = {variant: host_time(run, variant, [scene.id for scene in scenes]) for variant in variants}
    count = config.evaluate.cross_check
    if count:
        whole["cross_check"] = cross_check(run.variant("int8"), np.stack(_first_patches(scenes, count)))
    if board := board_results.collect(run, scenes):
        whole["board"] = board
    files.write_json(run.summary, whole)
    return whole


def _result(record: dict[str, Any]) -> SceneResult:
    return SceneResult(record["scene"], record["thresholds"], {kind: np.array(counts) for kind, counts in record["confusions"].items()})


def _first_patches(scenes: Sequence[cloud.Scene], count: int) -> list[np.ndarray]:
    """`count` patches from the middle of the first scene: its rim is empty."""
    positions = list(scenes[0].positions())
    middle = max(0, (len(positions) - count) // 2)
    return [scenes[0].load(row, col) for row, col in positions[middle : middle + count]]
