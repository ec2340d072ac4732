"""Patches as the arrays a network takes: bands as float32 in 0..1, masks as 0 and 1, at any side.

Images are resized bilinearly with half-pixel centres and without antialiasing, masks by nearest neighbour: the rules of
`tf.image.resize(method="bilinear" | "nearest")`, followed in exact arithmetic. TensorFlow itself computes the sample positions in float32,
which moves them by up to 1e-5 pixels where source side / side is not a binary fraction.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import DataError
from . import scratch, tiff
from .bands import BANDS
from .layout import CloudDataset
from .names import PatchName

FULL_SCALE = 65535  # of the uint16 bands
UNIT = np.float32(1 / FULL_SCALE)
_FILE, _MASK = (partial(scratch.take, name) for name in ("file", "mask"))  # working memory


def read_image(dataset: CloudDataset, part: str, patch: PatchName, bands: Sequence[str] = BANDS, size: int | None = None) -> np.ndarray:
    """The bands of a patch of `part` ("train" or "test") as float32 (size, size, bands) in 0..1; `size` None keeps the patch's own side.

    Raises DataError, with the file's name, for a missing or damaged band, one that is not square, or bands of different sizes.
    """
    return scale_image(read_bands([dataset.band_path(part, band, patch) for band in bands], passing=True), size)


def read_stored(dataset: CloudDataset, part: str, patch: PatchName, bands: Sequence[str] = BANDS) -> np.ndarray:
    """The bands of a patch as stored, uint16 (side, side, bands), never turned into floats. Raises DataError as `read_image` does."""
    return np.stack(read_bands([dataset.band_path(part, band, patch) for band in bands]), axis=-1)


def read_mask(dataset: CloudDataset, patch: PatchName, size: int | None = None) -> np.ndarray:
    """The mask of a training patch as uint8 {0, 1} (size, size); cloud is where the file is > 0. Raises DataError as `read_image` does."""
    return read_mask_file(dataset.mask_path(patch), size)


def read_mask_file(path: Path | str, size: int | None = None) -> np.ndarray:
    """The same from the mask's file."""
    return scale_mask(_square(path, tiff.read(path, np.uint8, _FILE, _MASK)), size)


def patch_side(dataset: CloudDataset, part: str) -> int:
    """The side, in pixels, of the first patch of `part`; that all are alike is what `data check` finds out."""
    path = dataset.band_path(part, BANDS[0], dataset.listed(part)[0])
    return _square(path, tiff.read(path, np.uint16)).shape[0]


def read_bands(paths: Sequence[Path | str], passing: bool = False) -> list[np.ndarray]:
    """Read single-band files as uint16 (side, side) arrays of one side; DataError with the file's name otherwise.

    `passing`: the arrays are working memory, which this thread's next call with `passing` fills again.
    """
    takes = [partial(scratch.take, band) if passing else np.empty for band in BANDS[: len(paths)]]
    images = [_square(path, tiff.read(path, np.uint16, _FILE, take)) for path, take in zip(paths, takes, strict=True)]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            first = f"{Path(paths[0]).name} is {images[0].shape[0]}"
            raise DataError(f"{path}: is {image.shape[0]} pixels wide while {first}; the bands of a patch have one size")
    return images


def scale_image(images: Sequence[np.ndarray], size: int | None = None, out: np.ndarray | None = None) -> np.ndarray:
    """Stack 1 to 4 uint16 bands (side, side) to float32 (size, size, bands) in 0..1, into `out` where it is given (C-contiguous)."""
    size = size or images[0].shape[0]
    if out is None:
        out = np.empty((size, size, len(images)), np.float32)
    if images[0].shape[0] == size:
        return np.multiply(_merged(images), UNIT, out=out)
    return np.multiply(_resized(images, size, out), UNIT, out=out)


def stored_image(images: Sequence[np.ndarray], size: int, out: np.ndarray) -> None:
    """The same as the nearest uint16, full scale 65535, into `out` (size, size, bands): at the patch's own side the pixels themselves."""
    if images[0].shape[0] == size:
        out[:] = _merged(images)
        return
    resized = _resized(images, size, scratch.array("resized", (size, size, len(images)), np.float32))
    np.copyto(out, np.rint(resized, out=resized), casting="unsafe")  # between the pixels around it, so never out of range


def _merged(images: Sequence[np.ndarray]) -> np.ndarray:
    """Bands (side, side) as one uint16 array (side, side, bands) in working memory."""
    import cv2

    merged = scratch.array("merged", (*images[0].shape, len(images)), np.uint16)
    cv2.merge(list(images), _flat(merged))
    return merged


def _resized(images: Sequence[np.ndarray], size: int, out: np.ndarray) -> np.ndarray:
    """Bands resized into `out` (size, size, bands), float32, in units of the bands."""
    import cv2

    if len(images) == 2:  # OpenCV resizes 2 channels by another path, whose sample positions are rounded as TensorFlow's are
        for band, image in enumerate(images):
            out[..., band] = _resized([image], size, scratch.array("one", (size, size, 1), np.float32))[..., 0]
        return out
    # Merging first and resizing all bands at once is faster than band by band. The resize works on float32: on uint16 it would round.
    # At exactly half the side OpenCV takes the mean of 2 x 2 pixels, which is what bilinear means there.
    merged = _merged(images)
    pixels = scratch.array("pixels", merged.shape, np.float32)
    np.copyto(pixels, merged)
    cv2.resize(_flat(pixels), (size, size), dst=_flat(out), interpolation=cv2.INTER_LINEAR)
    return out


def _flat(image: np.ndarray) -> np.ndarray:
    """As OpenCV has it: no axis for a single band."""
    return image if image.shape[2] > 1 else image[..., 0]


def scale_mask(mask: np.ndarray, size: int | None = None) -> np.ndarray:
    """A mask of any integer type (side, side) as uint8 {0, 1} (size, size): pixel i is taken from floor((i + 0.5) * side / size)."""
    side = mask.shape[0]
    size = size or side
    if side == 2 * size:
        if mask.dtype == np.uint8 and sys.byteorder == "little":  # the right one of two pixels is the high byte: a third of the time
            return (mask[1::2].view(np.uint16) > 0xFF).view(np.uint8)
        mask = mask[1::2, 1::2]
    elif side != size:
        index = (2 * np.arange(size) + 1) * side // (2 * size)
        mask = mask[index[:, None], index]
    return (mask > 0).view(np.uint8)


def _square(path: Path, image: np.ndarray) -> np.ndarray:
    if image.shape[0] != image.shape[1]:
        raise DataError(f"{path}: is {image.shape[0]} x {image.shape[1]} pixels; a patch is square")
    return image
