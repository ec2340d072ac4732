"""A network over a whole scene, in memory bounded by one row of patches."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np

from ..errors import DataError
from .runners import Runner
from .stitch import Band, Grid, bands

Load = Callable[[int, int], np.ndarray]
_BATCH = 16  # patches that are run together: enough to keep every processor busy, few enough to hold four times (see below)


def predict_patches(runner: Runner, grid: Grid, load: Load) -> Iterator[np.ndarray]:
    """Probabilities float32 (S, S, K) of every patch of `grid`, row-major.

    `load(row, col)` returns the patch as float32 (S, S, C) at the runner's size. While the caller works on the patches it was given, the
    next are running and those after them are being read, each in a thread of its own. At most four batches are held: given out, run, to be
    run, being read. A patch that `load` does not find (KeyError, FileNotFoundError) is a DataError that names it.
    """
    positions = grid.positions()
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader, ThreadPoolExecutor(1, thread_name_prefix="run-ahead") as runs:
        read, running = _read(reader, load, positions), None
        try:
            while read or running:
                done, running = running, None
                if read:
                    patches = [future.result() for future in read]
                    read = _read(reader, load, positions)
                    running = runs.submit(_run, runner, patches)
                    del patches
                if done:
                    yield from done.result()
        finally:  # an error, or a caller that wants no more: what was not begun need not be
            for future in (*read, *([running] if running else [])):
                future.cancel()


def predict_scene(runner: Runner, grid: Grid, load: Load, side: int, shape: tuple[int, int] | None = None) -> Iterator[Band]:
    """Probabilities of a scene as bands of finished rows, float32 (n, w, K), from top to bottom.

    `side`: a patch's own side in pixels, to which probabilities are upsampled bilinearly; `shape` (h, w): the mask's, see `bands`.
    """
    return bands(grid, side, predict_patches(runner, grid, load), shape)


def _run(runner: Runner, patches: list[np.ndarray]) -> np.ndarray:
    images = np.stack(patches)
    patches.clear()
    return runner(images)


def _read(reader: ThreadPoolExecutor, load: Load, positions: Iterator[tuple[int, int]]) -> list[Future]:
    return [reader.submit(_load, load, *position) for position in islice(positions, _BATCH)]


def _load(load: Load, row: int, col: int) -> np.ndarray:
    try:
        return load(row, col)
    except (KeyError, FileNotFoundError) as why:
        raise DataError(f"patch row {row}, column {col} is missing ({why}); the scene cannot be stitched without it") from None
