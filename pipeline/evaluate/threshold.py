"""Choosing the probability from which a pixel counts as positive, and the precision-recall curve it is chosen on."""

import io
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from .. import files
from ..errors import DataError
from .histogram import EDGES, Histogram

POINTS = 512  # of a curve that is kept: more are not seen in a plot


@dataclass(frozen=True)
class Threshold:
    """A threshold and what it does on the pixels it was chosen on; p >= `value` is positive. As good anywhere in `low` .. `high`."""

    value: float
    f1: float
    precision: float
    recall: float
    low: float
    high: float

    def json(self) -> dict[str, float]:
        """As plain values for a JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class Curve:
    """Precision, recall and F1 (float64, 0..1) of thresholds (float32, rising), each array (n,)."""

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray


def best_f1(histogram: Histogram) -> Threshold:
    """The threshold with the highest F1 on the pixels of `histogram`.

    Many thresholds share the best F1: all between two neighbouring outputs of a 256-level model, nearly the whole range of a sharp one.
    The middle of that plateau is taken, farthest from the outputs on either side that would change the result on unseen data; of
    several plateaus the widest, then the lowest. Without a positive pixel the best is to predict none (F1 1 by the convention of
    `scores`); where that would be meaningless, as for validation data, use `steady.choose`.
    """
    tp, fp = histogram.cuts()
    f1 = _curve(tp, fp).f1
    at_best = np.flatnonzero(f1 == f1.max())
    runs = np.split(at_best, np.flatnonzero(np.diff(at_best) > 1) + 1)
    # a run's thresholds begin above the bin before it; in bins, since EDGES are even to float32 rounding
    run = max(runs, key=len)
    return threshold_at(histogram, int(run[len(run) // 2]), (int(run[0]), int(run[-1])))


def threshold_at(histogram: Histogram, cut: int, run: tuple[int, int]) -> Threshold:
    """The threshold EDGES[`cut`] and what it does on the pixels of `histogram`; as good are those of the bins `run`, first to last."""
    tp, fp = histogram.cuts()
    point = _curve(tp[cut : cut + 1], fp[cut : cut + 1], total=int(tp[0]))
    return Threshold(
        value=float(EDGES[cut]),
        f1=float(point.f1[0]),
        precision=float(point.precision[0]),
        recall=float(point.recall[0]),
        low=float(EDGES[run[0]]),
        high=float(EDGES[run[1]]),
    )


def curve(histogram: Histogram) -> Curve:
    """The precision-recall curve, one point for each occupied bin (its lower edge), thresholds rising. DataError without a positive."""
    if not histogram.positives.any():
        raise DataError("no positive pixel: recall and the precision-recall curve are undefined")
    occupied = np.flatnonzero(histogram.positives + histogram.negatives)
    tp, fp = (side[occupied] for side in histogram.cuts())
    return _curve(tp, fp, int(tp[0]), EDGES[occupied])


def thin(full: Curve, points: int = POINTS) -> Curve:
    """At most `points` of a curve, evenly spaced along its length in the precision-recall plane, with both ends and the best F1."""
    count = len(full.threshold)
    if count <= points:
        return full
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(full.precision), np.diff(full.recall)))])
    even = np.searchsorted(length, np.linspace(0, length[-1], points - 1)).clip(0, count - 1)
    even[-1] = count - 1
    kept = np.unique(np.append(even, int(full.f1.argmax())))
    return Curve(full.threshold[kept], full.precision[kept], full.recall[kept], full.f1[kept])


def write_curve(path: Path, full: Curve) -> None:
    """Write a thinned curve as CSV: threshold, precision, recall, f1."""
    kept, text = thin(full), io.StringIO()
    text.write("threshold,precision,recall,f1\n")
    for row in zip(kept.threshold.tolist(), kept.precision, kept.recall, kept.f1, strict=True):
        text.write(",".join(f"{value:.8g}" for value in row) + "\n")
    files.write_text(path, text.getvalue())


def f1_of_cuts(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """F1 of every cut of `Histogram.cuts` or of sums and differences of such."""
    return _curve(tp, fp).f1


def _curve(tp: np.ndarray, fp: np.ndarray, total: int | None = None, threshold: np.ndarray = EDGES) -> Curve:
    """Precision, recall, F1 of cuts with these counts; `total` positives (None: those of the first cut). 0/0 as in `scores`."""
    total = int(tp[0]) if total is None else total
    predicted = tp + fp
    absent = ((predicted == 0) & (total == 0)).astype(np.float64)
    precision = np.divide(tp, predicted, out=absent.copy(), where=predicted > 0)
    recall = tp / total if total else absent
    f1 = np.divide(2 * tp, predicted + total, out=absent.copy(), where=predicted + total > 0)
    return Curve(threshold, precision, recall, f1)
