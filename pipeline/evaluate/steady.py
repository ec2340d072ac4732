"""A threshold that few validation patches can be trusted with: near 0.5 unless they show that another one is better."""

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np

from ..errors import DataError
from .histogram import EDGES, Histogram
from .threshold import Threshold, best_f1, f1_of_cuts, threshold_at

GROUPS = 20  # of validation patches, left out in turn
NEUTRAL = 0.5  # what a network trained on cross-entropy means by "as likely as not"


def choose(groups: Sequence[Histogram]) -> Threshold:
    """The threshold nearest to 0.5 whose F1 on all pixels is not worse than the best by more than one standard error.

    The standard error is that of the difference to the best, by the jackknife: `groups` of patches are left out in turn (Efron and Stein
    1981). This is the one-standard-error rule of Breiman et al. 1984 (section 3.4.3), with 0.5 in the place of the smaller tree. A large
    validation set settles on the best threshold; five patches, of which one has an edge of a cloud, have their best F1 at a threshold that
    means nothing elsewhere. With a single group there is no standard error, and the best is taken.
    Raises DataError where the pixels are all positive or all negative, since any threshold would do as well.
    """
    whole = reduce(add, groups)
    for what, pixels in (("positive", whole.positives), ("negative", whole.negatives)):
        if not pixels.any():
            raise DataError(f"validation data has no {what} pixel: no threshold can be chosen; change data.split or data.validation")
    best = best_f1(whole)
    filled = [group for group in groups if group.positives.any() or group.negatives.any()]
    if len(filled) < 2:
        return best
    tp, fp = whole.cuts()
    at = int(np.searchsorted(EDGES, np.float32(best.value)))
    worse = _behind(tp, fp, at)
    total, squares = np.zeros_like(worse), np.zeros_like(worse)
    for group in filled:
        less_tp, less_fp = group.cuts()
        left = _behind(tp - less_tp, fp - less_fp, at)
        total, squares = total + left, squares + left * left
    count = len(filled)
    variance = np.maximum(squares - total * total / count, 0) * (count - 1) / count
    close = np.flatnonzero((worse <= np.sqrt(variance)) | (worse <= 0))
    cut = int(close[np.abs(EDGES[close] - NEUTRAL).argmin()])
    runs = np.split(close, np.flatnonzero(np.diff(close) > 1) + 1)
    run = next(run for run in runs if run[0] <= cut <= run[-1])
    return threshold_at(whole, cut, (int(run[0]), int(run[-1])))


def _behind(tp: np.ndarray, fp: np.ndarray, at: int) -> np.ndarray:
    """How much lower F1 is at each cut than at cut `at`."""
    f1 = f1_of_cuts(tp, fp)
    return f1[at] - f1
