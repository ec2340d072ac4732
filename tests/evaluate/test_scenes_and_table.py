"""Scenes scored while they stream, and the tables made of them."""

import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import jaccard_score

from pipeline import files
from pipeline.errors import DataError
from pipeline.evaluate.scene_scorer import BEST, SceneScorer
from pipeline.evaluate.table import evaluate, render, summary, write_csv

THRESHOLDS = {"validation": 0.41, "fixed": 12 / 255}


def scene(seed, name="a", noise=0.25, classes=1):
    rng = np.random.default_rng(seed)
    truth = (rng.random((83, 57)) < rng.uniform(0.2, 0.7)).astype(np.uint8)
    p = np.clip(rng.normal(np.where(truth, 0.7, 0.3), noise), 0, 1).astype(np.float32)[..., None]
    probabilities = p if classes == 1 else np.concatenate([1 - p, p], axis=2)
    scorer = SceneScorer(name, THRESHOLDS)
    for first in range(0, 83, 13):
        scorer.add(truth[first : first + 13], probabilities[first : first + 13])
    return truth, p[..., 0], scorer.result()


@pytest.mark.parametrize("classes", [1, 2])
def test_streamed_scores_equal_scikit_learn(classes):
    truth, p, result = scene(1, classes=classes)
    table = evaluate([result])
    for kind, threshold in THRESHOLDS.items():
        expected = jaccard_score(truth.ravel(), p.ravel() >= np.float32(threshold))
        assert table[kind]["macro"]["jaccard"] == table[kind]["micro"]["jaccard"] == pytest.approx(expected)
        assert not table[kind]["optimistic"] and table[kind]["threshold"] == threshold
    best = result.thresholds[BEST]
    assert table[BEST]["optimistic"] and table[BEST]["threshold"] is None
    assert table[BEST]["micro"]["jaccard"] == pytest.approx(jaccard_score(truth.ravel(), p.ravel() >= np.float32(best)))
    assert all(table[BEST]["micro"]["jaccard"] >= table[kind]["micro"]["jaccard"] for kind in THRESHOLDS)


def test_a_scene_without_cloud():
    scorer = SceneScorer("clear", THRESHOLDS)
    scorer.add(np.zeros((4, 4), np.uint8), np.full((4, 4, 1), 0.2, np.float32))
    table = evaluate([scorer.result()])
    assert (table["validation"]["macro"]["jaccard"], table["fixed"]["macro"]["jaccard"], table[BEST]["macro"]["jaccard"]) == (1, 0, 1)


def test_rows_that_do_not_fit():
    with pytest.raises(DataError, match="scene odd"):
        SceneScorer("odd", THRESHOLDS).add(np.zeros((3, 4), np.uint8), np.zeros((4, 4, 1), np.float32))


def test_csv(tmp_path):
    results = [scene(2, "a")[2], scene(3, "b")[2]]
    write_csv(tmp_path / "float32.csv", results)
    rows = list(csv.DictReader((tmp_path / "float32.csv").read_text().splitlines()))
    assert [(row["kind"], row["scene"]) for row in rows] == [
        (kind, name) for kind in ("validation", "fixed", BEST) for name in ("a", "b", "macro", "micro")
    ]
    a, b, macro, micro = rows[:4]
    assert float(macro["jaccard"]) == pytest.approx((float(a["jaccard"]) + float(b["jaccard"])) / 2)
    assert int(micro["tp"]) == int(a["tp"]) + int(b["tp"]) and macro["tp"] == ""
    assert sum(int(a[count]) for count in ("tp", "fp", "fn", "tn")) == 83 * 57
    assert float(a["threshold"]) == 0.41 and rows[-1]["threshold"] == "" and float(rows[-3]["threshold"]) > 0
    again = sum(int(micro[count]) for count in ("tp", "fp", "fn"))
    assert float(micro["jaccard"]) == pytest.approx(int(micro["tp"]) / again)


def test_summary_and_table(tmp_path):
    variants = {name: [scene(4, "a", noise)[2], scene(5, "b", noise)[2]] for name, noise in (("float32", 0.2), ("int8", 0.4))}
    whole = summary(variants, "float32")
    files.write_json(tmp_path / "summary.json", whole)
    assert json.loads((tmp_path / "summary.json").read_text()) == whole
    change = whole["differences"]["int8"]["validation"]["macro"]["jaccard"]
    pair = [whole["variants"][name]["validation"]["macro"]["jaccard"] for name in ("float32", "int8")]
    assert change == pytest.approx(pair[1] - pair[0]) and change < 0 and list(whole["differences"]) == ["int8"]
    out = io.StringIO()
    Console(file=out, width=140).print(render(whole, "float32", "int8"))
    shown = out.getvalue()
    assert f"{100 * change:+.2f}" in shown and "best-per-scene (optimistic)" in shown and "macro float32" in shown and "0.0471" in shown
    with pytest.raises(DataError, match="not scored"):
        summary(variants, "float16")
    with pytest.raises(DataError, match="int8 was scored on"):
        summary({"float32": variants["float32"], "int8": variants["int8"][:1]}, "float32")
    with pytest.raises(DataError, match="no scene"):
        evaluate([])
