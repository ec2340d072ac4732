"""Bilinear resizing of square float32 images with half-pixel centres and without antialiasing: cpp/src/resize.h, step by step."""

import numpy as np

_BLOCK = 1 << 19  # values of an input line times lines that are worked on at once; some 10 MB with all that is derived from them


def _lerp(first, second, part):
    """One rounding, on every processor: the difference in float32, its product with a float32 is exact in double."""
    return ((second - first).astype(np.float64) * part + first).astype(np.float32)


class Bilinear:
    """From `side` x `side` to `to` x `to` pixels of `channels` values. Halving exactly takes the mean of each 2 x 2."""

    def __init__(self, side, to, channels):
        self._to, self._channels, self._halves = to, channels, side == 2 * to
        step = float(side) / float(to)
        centre = (np.arange(to) + 0.5) * step - 0.5
        below = np.floor(centre)
        self._first, self._second = (np.clip(at, 0, side - 1).astype(np.intp) for at in (below, below + 1))
        self._part = (centre - below).astype(np.float32).astype(np.float64)
        self._lines = max(1, _BLOCK // (max(side, to) * channels))

    def __call__(self, rows):
        """Yield (first output row, block of output rows as (n, to, channels)).

        `rows(which)` gives the input rows at the positions `which` as float32 (len(which), side, channels).
        """
        for start in range(0, self._to, self._lines):
            y = np.arange(start, min(start + self._lines, self._to))
            yield start, self._halved(rows, y) if self._halves else self._blended(rows, y)

    def _halved(self, rows, y):
        above, below = (pixels[:, 0::2] + pixels[:, 1::2] for pixels in (rows(2 * y), rows(2 * y + 1)))
        return (above + below) * np.float32(0.25)

    def _blended(self, rows, y):
        wanted, where = np.unique(np.concatenate([self._first[y], self._second[y]]), return_inverse=True)
        pixels = rows(wanted)
        across = _lerp(pixels[:, self._first], pixels[:, self._second], self._part[:, np.newaxis])
        where = where.reshape(2, len(y))
        return _lerp(across[where[0]], across[where[1]], self._part[y][:, np.newaxis, np.newaxis])
