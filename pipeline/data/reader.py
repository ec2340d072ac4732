"""Patches as the arrays a network takes: bands as float32 in 0..1, masks as 0 and 1, at any side.

Images are resized bilinearly with half-pixel centres and without antialiasing, masks by nearest neighbour: the rules of
`tf.image.resize(method="bilinear" | "nearest")`, followed in exact arithmetic. TensorFlow itself computes the sample positions in float32,
which moves them by up to 1e-5 pixels where source side / side is not a binary fraction.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError
from . import tiff
from .bands import BANDS
from .layout import CloudDataset
from .names import PatchName

FULL_SCALE = 65535  # of the uint16 bands
_scratch = threading.local()


def read_image(dataset: CloudDataset, part: str, patch: PatchName, bands: Sequence[str] = BANDS, size: int | None = None) -> np.ndarray:
    """The bands of a patch of `part` ("train" or "test") as float32 (size, size, bands) in 0..1; `size` None keeps the patch's own side.

    Raises DataError, with the file's name, for a missing or damaged band, one that is not square, or bands of different sizes.
    """
    return scale_image(read_bands([dataset.band_path(part, band, patch) for band in bands]), size)


def read_stored(dataset: CloudDataset, part: str, patch: PatchName, bands: Sequence[str] = BANDS) -> np.ndarray:
    """The bands of a patch as stored, uint16 (side, side, bands), never turned into floats. Raises DataError as `read_image` does."""
    return np.stack(read_bands([dataset.band_path(part, band, patch) for band in bands]), axis=-1)


def read_mask(dataset: CloudDataset, patch: PatchName, size: int | None = None) -> np.ndarray:
    """The mask of a training patch as uint8 {0, 1} (size, size); cloud is where the file is > 0. Raises DataError as `read_image` does."""
    path = dataset.mask_path(patch)
    return scale_mask(_square(path, tiff.read(path, np.uint8)), size)


def patch_side(dataset: CloudDataset, part: str) -> int:
    """The side, in pixels, of the first patch of `part`; that all are alike is what `data check` finds out."""
    path = dataset.band_path(part, BANDS[0], dataset.listed(part)[0])
    return _square(path, tiff.read(path, np.uint16)).shape[0]


def read_bands(paths: Sequence[Path]) -> list[np.ndarray]:
    """Read single-band files as uint16 (side, side) arrays of one side; DataError with the file's name otherwise."""
    images = [_square(path, tiff.read(path, np.uint16)) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            first = f"{Path(paths[0]).name} is {images[0].shape[0]}"
            raise DataError(f"{path}: is {image.shape[0]} pixels wide while {first}; the bands of a patch have one size")
    return images


def scale_image(images: Sequence[np.ndarray], size: int | None = None, out: np.ndarray | None = None) -> np.ndarray:
    """Stack 1 to 4 uint16 bands (side, side) to float32 (size, size, bands) in 0..1, into `out` where it is given (C-contiguous)."""
    import cv2

    size = size or images[0].shape[0]
    if out is None:
        out = np.empty((size, size, len(images)), np.float32)
    if len(images) == 2:  # OpenCV resizes 2 channels by another path, whose sample positions are rounded as TensorFlow's are
        for band, image in enumerate(images):
            out[..., band] = scale_image([image], size)[..., 0]
        return out
    # Merging first and resizing all bands at once is faster than band by band. The resize works on float32: on uint16 it would round.
    # At exactly half the side OpenCV takes the mean of 2 x 2 pixels, which is what bilinear means there.
    merged, pixels = _buffers((*images[0].shape, len(images)))
    cv2.merge(list(images), merged)
    if images[0].shape[0] == size:
        return np.multiply(merged.reshape(out.shape), np.float32(1 / FULL_SCALE), out=out)
    np.copyto(pixels, merged)
    cv2.resize(pixels, (size, size), dst=out if len(images) > 1 else out[..., 0], interpolation=cv2.INTER_LINEAR)
    return np.multiply(out, np.float32(1 / FULL_SCALE), out=out)


def scale_mask(mask: np.ndarray, size: int | None = None) -> np.ndarray:
    """A mask of any integer type (side, side) as uint8 {0, 1} (size, size): pixel i is taken from floor((i + 0.5) * side / size)."""
    side = mask.shape[0]
    size = size or side
    if side == 2 * size:
        mask = mask[1::2, 1::2]
    elif side != size:
        index = (2 * np.arange(size) + 1) * side // (2 * size)
        mask = mask[index[:, None], index]
    return (mask > 0).view(np.uint8)


def _buffers(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Working memory of this thread: fresh pages for every patch would cost a fifth of the time. OpenCV has no axis for a single band."""
    if getattr(_scratch, "shape", None) != shape:
        inner = shape if shape[2] > 1 else shape[:2]
        _scratch.shape, _scratch.buffers = shape, (np.empty(inner, np.uint16), np.empty(inner, np.float32))
    return _scratch.buffers


def _square(path: Path, image: np.ndarray) -> np.ndarray:
    if image.shape[0] != image.shape[1]:
        raise DataError(f"{path}: is {image.shape[0]} x {image.shape[1]} pixels; a patch is square")
    return image
