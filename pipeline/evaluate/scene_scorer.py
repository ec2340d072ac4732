"""Scores of one scene, collected while its rows stream past."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from .confusion import confusion, positive_probability
from .histogram import EDGES, Histogram
from .threshold import best_f1

BEST = "best-per-scene"  # knows the truth of the scene it is scored on: an upper bound, not a result


@dataclass(frozen=True)
class SceneResult:
    """One scene scored with several thresholds.

    `thresholds` and `confusions` (2 x 2 counts, positive against the rest) go by threshold kind, `BEST` among them.
    """

    scene: str
    thresholds: dict[str, float]
    confusions: dict[str, np.ndarray]


class SceneScorer:
    """Counts one scene at fixed thresholds and, from a histogram, at the best of all."""

    def __init__(self, scene: str, thresholds: Mapping[str, float], positive: int = 1):
        """`thresholds`: in 0..1 by kind, such as {"validation": 0.41, "fixed": 12 / 255}; `positive`: the class that is scored."""
        if BEST in thresholds:
            raise ValueError(f"{BEST} is found, not given")
        self.scene, self.positive = scene, positive
        self._thresholds = dict(thresholds)
        self._confusions = {kind: np.zeros((2, 2), np.int64) for kind in thresholds}
        self.histogram = Histogram()

    def add(self, truth: np.ndarray, probabilities: np.ndarray) -> None:
        """Count rows of the scene: `truth` integer labels (n, w), `probabilities` float32 (n, w, K)."""
        if probabilities.shape[:-1] != truth.shape:
            raise DataError(f"scene {self.scene}: rows of {truth.shape} in the mask, {probabilities.shape[:-1]} in the prediction")
        true, probability = truth == self.positive, positive_probability(probabilities, self.positive)
        for kind, threshold in self._thresholds.items():
            self._confusions[kind] += confusion(true, probability >= np.float32(threshold))
        self.histogram.add(true, probability)

    def result(self) -> SceneResult:
        """The counts so far; the best threshold's come from the histogram and are exact, since it is a bin's edge."""
        best = best_f1(self.histogram).value
        tp, fp = self.histogram.cuts()
        cut = int(np.searchsorted(EDGES, np.float32(best)))
        counts = np.array([[fp[0] - fp[cut], fp[cut]], [tp[0] - tp[cut], tp[cut]]], np.int64)
        return SceneResult(self.scene, {**self._thresholds, BEST: best}, {**self._confusions, BEST: counts})
