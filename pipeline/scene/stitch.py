"""Patches back into the scene that they were cut from, one row of patches in memory at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, UsageError


@dataclass(frozen=True)
class Grid:
    """How many patches a scene has; positions count from (1, 1) at the upper left, row by row."""

    rows: int
    cols: int

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1:
            raise UsageError(f"a scene of {self.rows} x {self.cols} patches: both must be at least 1")

    def positions(self) -> Iterator[tuple[int, int]]:
        """All (row, col), row-major."""
        return ((row, col) for row in range(1, self.rows + 1) for col in range(1, self.cols + 1))


@dataclass(frozen=True)
class Band:
    """Finished rows of a scene: `values` (n, width, K) belong at rows `top` .. `top` + n."""

    top: int
    values: np.ndarray

    @property
    def rows(self) -> slice:
        """Where the band belongs in an array of the whole scene."""
        return slice(self.top, self.top + len(self.values))


def unpad(height: int, width: int, mask_height: int, mask_width: int) -> tuple[int, int]:
    """(top, left) of a mask inside the padded scene of `height` x `width` pixels that patches were cut from.

    38-Cloud pads a scene evenly on both sides; an odd pixel goes below and to the right, hence floor((H - h) / 2).
    """
    if mask_height > height or mask_width > width or min(mask_height, mask_width) < 1:
        raise DataError(f"a mask of {mask_height} x {mask_width} pixels does not fit into patches that cover {height} x {width}")
    return (height - mask_height) // 2, (width - mask_width) // 2


def resize(values: np.ndarray, side: int) -> np.ndarray:
    """`values` float32 (S, S, K) brought to (side, side, K) bilinearly, half-pixel centres, as tf.image.resize does without antialias."""
    if values.shape[:2] == (side, side):
        return values
    import cv2

    return cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR).reshape(side, side, values.shape[2])


def bands(grid: Grid, side: int, patches: Iterable[np.ndarray], shape: tuple[int, int] | None = None) -> Iterator[Band]:
    """Stitch `patches` (row-major, each float32 (S, S, K) for any S) as squares of `side` pixels; yield the scene from top to bottom.

    `shape` (h, w) is the mask's: the scene is cropped to it as `unpad` says; None keeps all. Every band is a fresh array and only one
    is held here. Raises DataError where patches run short or there are too many.
    """
    full = (grid.rows * side, grid.cols * side)
    height, width = shape or full
    top, left = unpad(*full, height, width)
    patches = iter(patches)
    for row in range(grid.rows):
        band = None
        for col in range(grid.cols):
            patch = next(patches, None)
            if patch is None:
                raise DataError(f"patch row {row + 1}, column {col + 1} is missing: the scene has {grid.rows} x {grid.cols} patches")
            if band is None:
                band = np.empty((side, full[1], patch.shape[2]), np.float32)
            band[:, col * side : (col + 1) * side] = resize(patch, side)
        first, last = max(row * side, top), min((row + 1) * side, top + height)
        if first < last:
            yield Band(first - top, band[first - row * side : last - row * side, left : left + width])
    if next(patches, None) is not None:
        raise DataError(f"more patches than the {grid.rows} x {grid.cols} of the scene")
