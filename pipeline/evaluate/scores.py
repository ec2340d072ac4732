"""Scores of one class from confusion counts, and their two averages over scenes.

Nothing here is ever NaN, so that one scene without cloud does not take the mean of all with it. Where a score is 0/0:

- Jaccard, Dice, precision, recall: 1 if the class is absent from truth and from prediction (they agree), else 0. Precision is thus 0
  where the class exists and none of it was predicted, recall 0 where none exists and some was predicted.
- specificity 1 and false-positive rate 0 where every pixel is of the class: no false alarm was possible.

(The evaluation script published with 38-Cloud divides as it is and yields NaN there.)
"""

from collections.abc import Iterable, Mapping

import numpy as np

from ..errors import DataError

SCORES = ("jaccard", "dice", "precision", "recall", "specificity", "accuracy", "fpr")


def scores(confusion: np.ndarray, positive: int = 1) -> dict[str, float]:
    """The SCORES, each in 0..1, of class `positive` against the rest, from (K, K) counts (row = truth). DataError without a pixel."""
    tp, fp, fn, tn = counts(confusion, positive)
    if tp + fp + fn + tn == 0:
        raise DataError("no pixel to score")
    absent = float(tp + fp + fn == 0)
    specificity = _ratio(tn, tn + fp, 1.0)
    return {
        "jaccard": _ratio(tp, tp + fp + fn, absent),
        "dice": _ratio(2 * tp, 2 * tp + fp + fn, absent),
        "precision": _ratio(tp, tp + fp, absent),
        "recall": _ratio(tp, tp + fn, absent),
        "specificity": specificity,
        "accuracy": (tp + tn) / (tp + fp + fn + tn),
        "fpr": _ratio(fp, tn + fp, 0.0),
    }


def counts(confusion: np.ndarray, positive: int = 1) -> tuple[int, int, int, int]:
    """(true positives, false positives, false negatives, true negatives) of class `positive` against the rest."""
    tp = int(confusion[positive, positive])
    fp = int(confusion[:, positive].sum()) - tp
    fn = int(confusion[positive].sum()) - tp
    return tp, fp, fn, int(confusion.sum()) - tp - fp - fn


def macro(per_scene: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The mean of the scenes' scores: every scene counts alike, whatever its size or cover. DataError without a scene."""
    table = list(per_scene)
    if not table:
        raise DataError("no scene to average over")
    return {score: float(np.mean([row[score] for row in table])) for score in SCORES}


def micro(confusions: Iterable[np.ndarray], positive: int = 1) -> dict[str, float]:
    """The scores of all scenes' pixels pooled: every pixel counts alike. DataError without a scene."""
    pooled = list(confusions)
    if not pooled:
        raise DataError("no scene to average over")
    return scores(np.sum(pooled, axis=0), positive)


def _ratio(part: int, whole: int, undefined: float) -> float:
    return part / whole if whole else undefined
