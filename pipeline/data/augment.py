"""Random changes to a training patch; what moves pixels moves those of image and mask alike.

What is done to a patch is drawn first (`draw`), so that it depends on the random numbers alone, and is then applied where the pixels are
on their way anyway: `move` before they become floats, `crop` and `tone` in place.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Options(Protocol):
    """What `draw` reads; the config section `augment` has these keys, each off at its zero."""

    flip: bool
    quarter_turns: bool
    crop: float
    brightness: float
    contrast: float


@dataclass(frozen=True)
class Change:
    """What happens to one patch: swap rows and columns, then reverse rows, then columns; cut a square; change the tone."""

    transpose: bool = False
    reverse_rows: bool = False
    reverse_columns: bool = False
    window: tuple[int, int, int] | None = None  # top, left, side
    tone: tuple[np.float32, np.float32] | None = None  # shift, and stretch about the mean

    @property
    def moves(self) -> bool:
        """Whether `move` does anything."""
        return self.transpose or self.reverse_rows or self.reverse_columns


NONE = Change()


def draw(options: Options, side: int, rng: np.random.Generator) -> Change:
    """What to do to a patch of `side`.

    flip: left-right and up-down, each in half of the cases; quarter_turns: 0 to 3 of them; crop: a square that lacks up to `crop` of the
    side, scaled back; brightness: a shift by up to `brightness`, the same for all bands; contrast: each band stretched about its own mean
    by up to 1 +- `contrast`.
    """
    columns, rows = (rng.random() < 0.5, rng.random() < 0.5) if options.flip else (False, False)
    turns = int(rng.integers(4)) if options.quarter_turns else 0
    if turns % 2:  # a quarter turn against the clock: swap rows and columns, then reverse the rows; the flips before it change places
        rows, columns = columns, rows
    rows, columns = rows ^ (turns in (1, 2)), columns ^ (turns in (2, 3))
    window = _window(options.crop, side, rng) if options.crop else None
    tone = None
    if options.brightness or options.contrast:
        shift, stretch = (np.float32(limit * rng.uniform(-1, 1)) for limit in (options.brightness, options.contrast))
        tone = shift, stretch
    return Change(bool(turns % 2), bool(rows), bool(columns), window, tone)


def _window(share: float, side: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """A square of random side and place."""
    inner = max(side - int(rng.random() * share * side), 1)
    top, left = (int(value) for value in rng.integers(side - inner + 1, size=2))
    return top, left, inner


def move(array: np.ndarray, change: Change, out: np.ndarray) -> np.ndarray:
    """Flip and turn (S, S) or (S, S, C) into `out`, of the same shape and type and elsewhere in memory."""
    import cv2

    array, flat = (one if one.shape[-1] > 1 or one.ndim == 2 else one[..., 0] for one in (array, out))  # OpenCV has no axis for one band
    if change.transpose:
        array = cv2.transpose(array, flat)
    if change.reverse_rows or change.reverse_columns:
        cv2.flip(array, -1 if change.reverse_rows and change.reverse_columns else 0 if change.reverse_rows else 1, flat)
    elif not change.transpose:
        np.copyto(flat, array)
    return out


def crop(image: np.ndarray, mask: np.ndarray, change: Change) -> None:
    """Scale the drawn window of image (S, S, C) and mask (S, S, 1) back to the whole, in place and as `reader` scales: bilinearly, and the
    mask by nearest neighbour.
    """
    import cv2

    if change.window is None:
        return
    top, left, inner = change.window
    side = image.shape[0]
    window = np.s_[top : top + inner, left : left + inner]
    image[:] = cv2.resize(np.ascontiguousarray(image[window]), (side, side), interpolation=cv2.INTER_LINEAR).reshape(image.shape)
    index = (2 * np.arange(side) + 1) * inner // (2 * side)
    mask[:] = mask[window][index[:, None], index]


def tone(image: np.ndarray, change: Change) -> None:
    """Shift and stretch the values of a C-contiguous image, float32 (S, S, C) in 0..1, in place.

    Values are clipped to 0..1; pixels that are 0 in all bands, the margin of a scene, stay 0 and do not count for the mean.
    """
    import cv2

    if change.tone is None:
        return
    side, _, bands = image.shape
    margin = image[..., 0] == 0
    for band in range(1, bands):
        if not margin.any():
            break
        margin &= image[..., band] == 0
    empty = np.count_nonzero(margin)
    if empty == margin.size:
        return
    shift, stretch = change.tone
    rows = image.reshape(side, side * bands)  # one band's constant beside the next: the inner loop is a whole row, not one pixel
    mean = np.array(cv2.sumElems(image)[:bands]) / (margin.size - empty)
    np.multiply(rows, 1 + stretch, out=rows)
    np.add(rows, np.tile((shift - stretch * mean).astype(np.float32), side), out=rows)
    cv2.threshold(rows, 1, 0, cv2.THRESH_TRUNC, rows)
    cv2.threshold(rows, 0, 0, cv2.THRESH_TOZERO, rows)
    if empty:
        cv2.copyTo(np.zeros_like(image), margin.view(np.uint8), image if bands > 1 else image[..., 0])
