"""Counts of what was predicted against what is true; everything else is computed from them."""

import numpy as np

from ..errors import DataError

_BLOCK = 1 << 20  # pixels counted at once, so that intermediate arrays stay in the processor's cache


def confusion(truth: np.ndarray, prediction: np.ndarray, classes: int = 2) -> np.ndarray:
    """int64 (K, K) counts of two label arrays of one shape: row = true class, column = predicted class. Sums of counts pool pixels.

    Labels are booleans or integers in 0 .. classes - 1; anything else, and shapes that differ, is a DataError.
    """
    if truth.shape != prediction.shape:
        raise DataError(f"a truth of {truth.shape} pixels and a prediction of {prediction.shape} cannot be compared")
    for what, labels in (("truth", truth), ("prediction", prediction)):
        _check(what, labels, classes)
    truth, prediction = truth.reshape(-1), prediction.reshape(-1)
    if classes == 2:  # two logical counts are ten times as fast as indices
        truth, prediction = truth.astype(bool, copy=False), prediction.astype(bool, copy=False)
        both, true, predicted = (np.count_nonzero(x) for x in (truth & prediction, truth, prediction))
        return np.array([[truth.size - true - predicted + both, predicted - both], [true - both, both]], np.int64)
    counts = np.zeros(classes * classes, np.int64)
    for first in range(0, truth.size, _BLOCK):
        pairs = truth[first : first + _BLOCK].astype(np.intp) * classes + prediction[first : first + _BLOCK]
        counts += np.bincount(pairs, minlength=classes * classes)
    return counts.reshape(classes, classes)


def labels(probabilities: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """uint8 (...) labels from probabilities (..., K): for K = 1 whether p >= `threshold` in float32, else the most probable class."""
    if probabilities.shape[-1] == 1:
        return (probabilities[..., 0] >= np.float32(threshold)).astype(np.uint8)
    if probabilities.shape[-1] > 256:
        raise DataError(f"{probabilities.shape[-1]} classes: labels are uint8, so at most 256")
    return probabilities.argmax(axis=-1).astype(np.uint8)


def positive_probability(probabilities: np.ndarray, positive: int = 1) -> np.ndarray:
    """The probability (...) of class `positive` from (..., K); K = 1 holds that of class 1 alone."""
    if probabilities.shape[-1] == 1 and positive == 1:
        return probabilities[..., 0]
    if probabilities.shape[-1] == 1 and positive == 0:
        return 1 - probabilities[..., 0]
    if not 0 <= positive < probabilities.shape[-1]:
        raise DataError(f"no class {positive} among {probabilities.shape[-1]}")
    return probabilities[..., positive]


def _check(what: str, values: np.ndarray, classes: int) -> None:
    if values.dtype == bool or not values.size:
        return
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{what}: labels are integers, not {values.dtype}")
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= classes:
        raise DataError(f"{what}: holds labels {low} to {high}; with {classes} classes they run from 0 to {classes - 1}")
