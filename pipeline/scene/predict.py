"""A network over a whole scene, in memory bounded by one row of patches."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np

from ..errors import DataError
from .runners import Runner
from .stitch import Band, Grid, bands

Load = Callable[[int, int], np.ndarray]
_BATCH = 16  # patches that are run together: enough to keep every processor busy, few enough to hold twice (one batch is read ahead)


def predict_patches(runner: Runner, grid: Grid, load: Load) -> Iterator[np.ndarray]:
    """Probabilities float32 (S, S, K) of every patch of `grid`, row-major.

    `load(row, col)` returns the patch as float32 (S, S, C) at the runner's size; it is called from another thread, so that reading the
    next patches and running these overlap. A patch that it does not find (KeyError, FileNotFoundError) is a DataError that names it.
    """
    positions = grid.positions()
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        ahead = _read(reader, load, positions)
        while ahead:
            now, ahead = ahead, _read(reader, load, positions)
            try:
                images = np.stack([future.result() for future in now])
            except BaseException:
                for future in ahead:
                    future.cancel()
                raise
            yield from runner(images)


def predict_scene(runner: Runner, grid: Grid, load: Load, side: int, shape: tuple[int, int] | None = None) -> Iterator[Band]:
    """Probabilities of a scene as bands of finished rows, float32 (n, w, K), from top to bottom.

    `side`: a patch's own side in pixels, to which probabilities are upsampled bilinearly; `shape` (h, w): the mask's, see `bands`.
    """
    return bands(grid, side, predict_patches(runner, grid, load), shape)


def _read(reader: ThreadPoolExecutor, load: Load, positions: Iterator[tuple[int, int]]) -> list[Future]:
    return [reader.submit(_load, load, *position) for position in islice(positions, _BATCH)]


def _load(load: Load, row: int, col: int) -> np.ndarray:
    try:
        return load(row, col)
    except (KeyError, FileNotFoundError) as why:
        raise DataError(f"patch row {row}, column {col} is missing ({why}); the scene cannot be stitched without it") from None
