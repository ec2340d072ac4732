"""The precision-recall curve from counts in 65,536 bins: memory does not grow with pixels, and sums of histograms pool them.

A prediction is positive where p >= T in float32. Bin b holds the p with floor(p * 65535) = b in float32 arithmetic. EDGES[b] is the
smallest float32 that falls into bin b, so that cutting at EDGES[b] counts exactly the bins from b on: nothing is approximated but the
choice among thresholds inside one bin, 1.5e-5 wide. Outputs of an int8 model (256 levels) fall into bins of their own.
"""

from dataclasses import dataclass, field

import numpy as np

from ..errors import DataError

BINS = 65536
_TOP = np.float32(BINS - 1)
_BLOCK = 1 << 18  # pixels binned at once; larger ones leave the processor's cache


def _bin(probability: np.ndarray) -> np.ndarray:
    return (np.clip(probability, 0, 1) * _TOP).astype(np.int64)  # float32 in, and >= 0: the cast is the floor


def _edges() -> np.ndarray:
    """float32 (BINS + 1,): the smallest probability of each bin, and last one that no prediction reaches."""
    edges = (np.arange(BINS) / (BINS - 1)).astype(np.float32)
    numbers = np.arange(BINS)
    for _ in range(4):  # division and multiplication round apart by at most a few steps of float32
        below = np.nextafter(edges, np.float32(-1))
        edges = np.where((below >= 0) & (_bin(below) >= numbers), below, edges)
        edges = np.where(_bin(edges) < numbers, np.nextafter(edges, np.float32(2)), edges)
    return np.append(edges, np.nextafter(np.float32(1), np.float32(2)))


EDGES = _edges()


@dataclass
class Histogram:
    """How many pixels of each truth have a probability in each bin; int64 (BINS,) each."""

    positives: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    negatives: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, truth: np.ndarray, probability: np.ndarray) -> None:
        """Count pixels: `truth` boolean or {0, 1}, `probability` float32 of the same shape. NaN is a DataError; the rest is clipped."""
        if truth.shape != probability.shape:
            raise DataError(f"a truth of {truth.shape} pixels and probabilities of {probability.shape} cannot be compared")
        truth, probability = truth.reshape(-1), probability.reshape(-1).astype(np.float32, copy=False)
        if probability.size and np.isnan(probability.min()):
            raise DataError("probabilities hold NaN")
        for first in range(0, truth.size, _BLOCK):
            index = _bin(probability[first : first + _BLOCK])
            index += (truth[first : first + _BLOCK] != 0).astype(np.int64) * BINS
            both = np.bincount(index, minlength=2 * BINS)
            self.negatives += both[:BINS]
            self.positives += both[BINS:]

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self.positives + other.positives, self.negatives + other.negatives)

    def cuts(self) -> tuple[np.ndarray, np.ndarray]:
        """(true positives, false positives), int64 (BINS + 1,), of a prediction that is positive from EDGES[b] on."""
        return tuple(np.append(np.cumsum(side[::-1])[::-1], 0) for side in (self.positives, self.negatives))
