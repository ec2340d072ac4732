"""Patches of results back into the scene, one row of patches in memory at a time."""

import os
from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np

from .errors import Error, Exit
from .files import outside, read_exactly
from .images import check_ending, write_image
from .patches import find_patches, require_all
from .quantize import Quantization
from .resize import Bilinear
from .spec import DTYPES, read_scene

_MOST_SIZE = 16_384
_MOST_BAND = 1 << 30  # bytes of one row of patches
_SLACK = 0.01  # how far rounding may carry a probability past 0 or 1


@dataclass(frozen=True)
class How:
    """What a mask shows, and how much of the scene."""

    threshold: float = 0.5  # a pixel is 255 where its probability is at least this, else 0
    probabilities: bool = False  # round(255 p) instead of a mask
    crop: Optional[Tuple[int, int]] = None  # height, width; the centre, an odd pixel more stays below and to the right
    size: Optional[int] = None  # pixels of a patch's side in the mask; None: of the image that the results were made from


class Painter:
    """One patch of results (as SceneSpec `spec` has it) to `size` x `size` pixels of the mask."""

    def __init__(self, spec, how, size):
        self._spec, self._how, self._table = spec, how, None
        self._resize = None if size == spec.side else Bilinear(spec.side, size, spec.bands)
        if spec.dtype != "float32":
            self._table = Quantization(spec.scale, spec.zero_point, spec.dtype).table()

    def reals(self, data, name):
        """The probabilities (side, side, classes) of a patch's bytes, from 0 to 1; Error(DATA) naming `name` where they are none."""
        stored = np.frombuffer(data, DTYPES["float32"] if self._table is None else np.uint8)
        reals = stored if self._table is None else self._table[stored]
        fits = (reals >= np.float32(-_SLACK)) & (reals <= np.float32(1) + np.float32(_SLACK))
        if not fits.all():
            what = f"holds {reals[int(np.argmin(fits))]:g}, which is no probability; the model must end in a sigmoid or softmax"
            raise Error(Exit.DATA, f"{name}: {what}")
        return np.clip(reals, np.float32(0), np.float32(1)).reshape(self._spec.shape)

    def __call__(self, reals, to):
        """Paint probabilities into `to`, an array (size, size) of uint8."""
        if self._resize is None:
            to[:] = self._paint(reals)
            return
        for start, block in self._resize(lambda rows: reals[rows]):
            to[start : start + len(block)] = self._paint(block)

    def _paint(self, values):
        if self._spec.bands > 1:
            return values.argmax(-1)
        if self._how.probabilities:
            return np.rint(values[..., 0] * np.float32(255))
        return (values[..., 0] >= np.float32(self._how.threshold)) * np.uint8(255)


def check_mask(spec, out, how):
    """Error for an image `out` or a `how` that cannot be made of results with this SceneSpec. Returns (size, height, width, top, left)."""
    if how.probabilities and spec.bands > 1:
        raise Error(Exit.USAGE, f"--probabilities: the results have {spec.bands} classes; only one can be a grey image")
    size = how.size or spec.source_side
    height, width = spec.rows * size, spec.columns * size
    if size > _MOST_SIZE:
        raise Error(Exit.USAGE, f"--size {size}: at most {_MOST_SIZE}")
    if width * size > _MOST_BAND:
        raise Error(Exit.USAGE, f"{spec.id}: one row of patches would take {width * size} bytes")
    crop = how.crop or (height, width)
    if crop[0] > height or crop[1] > width:
        raise Error(Exit.USAGE, f"--crop {crop[0]}x{crop[1]}: the scene has {height} x {width} pixels")
    check_ending(out)
    return size, crop[0], crop[1], (height - crop[0]) // 2, (width - crop[1]) // 2


def stitch(folder, out, how, progress, interrupted):
    """Write the results in `folder` as the image `out` (.png or .raw); returns its (height, width).

    With more than one class the mask holds the number of the most probable one. `progress(rows, of)` is told, `interrupted()` asked.
    Raises Error(DATA) naming a patch that is missing, doubled or short, Error(USAGE) for options that do not fit, Error(INTERRUPTED).
    """
    spec = read_scene(folder)
    if spec.dtype == "uint16":
        raise Error(Exit.DATA, f"{folder}: holds a scene's images, not results; run device.scene on it first")
    require_all(folder, spec, find_patches(folder, spec))
    outside(out, "--out", folder)
    size, height, width, top, left = check_mask(spec, out, how)

    def rows():
        paint, data = Painter(spec, how, size), bytearray(spec.patch_bytes)
        band = np.empty((size, spec.columns * size), np.uint8)
        for row in range(spec.rows):
            first, last = max(row * size, top), min((row + 1) * size, top + height)
            if first >= last:
                continue  # the crop leaves nothing of this row of patches
            for column in range(spec.columns):
                if interrupted():
                    raise Error(Exit.INTERRUPTED, f"interrupted; {out} was not written")
                path = os.path.join(folder, spec.file(row * spec.columns + column))
                read_exactly(path, data)
                paint(paint.reals(data, path), band[:, column * size : (column + 1) * size])
            for y in range(first - row * size, last - row * size):
                yield band[y, left : left + width].tobytes()
            progress(row + 1, spec.rows)

    write_image(out, height, width, rows())
    return height, width
