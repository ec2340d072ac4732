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
    return (probability * _TOP).astype(np.int32)  # float32 in, and >= 0: the cast is the floor


def _spread(index: np.ndarray) -> np.ndarray:
    """Exchange neighbouring groups of eight counters (one cache line) among each other; done twice it undoes itself.

    Which group goes where follows from the upper bits of the bin, so that the 256 levels of an int8 model, 256 bins apart, do not all
    fall on the few lines of the processor's cache that addresses 2 KiB apart share: they are counted four times as fast.
    """
    return index ^ ((index >> 5) & 0xF8)


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
_PLACES = _spread(np.arange(2 * BINS))  # where each bin's counter is: first those of the negatives, then of the positives


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
        counts = np.zeros(2 * BINS, np.int64)
        for first in range(0, truth.size, _BLOCK):
            block = probability[first : first + _BLOCK]
            lowest, highest = block.min(), block.max()
            if np.isnan(lowest):
                raise DataError("probabilities hold NaN")
            if lowest < 0 or highest > 1:
                block = np.clip(block, 0, 1)
            index = _spread(_bin(block))
            index |= (truth[first : first + _BLOCK] != 0).astype(np.int32) << 16
            counts += np.bincount(index, minlength=2 * BINS)
        counts = counts[_PLACES]
        self.negatives += counts[:BINS]
        self.positives += counts[BINS:]

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self.positives + other.positives, self.negatives + other.negatives)

    def cuts(self) -> tuple[np.ndarray, np.ndarray]:
        """(true positives, false positives), int64 (BINS + 1,), of a prediction that is positive from EDGES[b] on."""
        return tuple(np.append(np.cumsum(side[::-1])[::-1], 0) for side in (self.positives, self.negatives))
