"""Pictures of a scene: masks and probabilities to keep, composites and differences to look at.

Colours are Okabe and Ito's (Color Universal Design, 2008), told apart with any common colour blindness.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .. import files
from ..errors import DataError
from .stitch import Grid, bands, unpad

TRUE_POSITIVE = (240, 240, 240)  # found, as bright as cloud itself
FALSE_POSITIVE = (230, 159, 0)  # orange: alarm without a cause
FALSE_NEGATIVE = (0, 114, 178)  # blue: missed
TRUE_NEGATIVE = (40, 40, 40)
TRUTH = (0, 158, 115)  # bluish green outline
PREDICTION = (230, 159, 0)  # orange outline
LIMIT = 900  # longest side in pixels of a picture made for a report


def mask_image(mask: np.ndarray) -> np.ndarray:
    """A binary mask (H, W) as uint8: 255 where it is not 0."""
    image = (mask != 0).view(np.uint8)
    return np.negative(image, out=image)


def probability_image(probability: np.ndarray) -> np.ndarray:
    """Probabilities (H, W) in 0..1 as uint8, round(255 p)."""
    return np.rint(np.clip(probability, 0, 1) * np.float32(255)).astype(np.uint8)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 (H, W) or (H, W, 3) RGB as PNG, completely or not at all."""
    import imagecodecs

    # Runs of equal bytes are what masks are made of. zlib's search for longer matches, and libpng's trial of every filter on every row,
    # took two and a half times as long, and the files were as large or larger.
    strategy, upper = imagecodecs.PNG.STRATEGY.RLE, imagecodecs.PNG.FILTER.UP
    files.write_bytes(path, imagecodecs.png_encode(_uint8(path, image), level=1, strategy=strategy, filter=upper))


def read_png(path: Path) -> np.ndarray:
    """A PNG that `write_png` wrote, uint8 (H, W) or (H, W, 3)."""
    from PIL import Image

    return np.asarray(Image.open(path))


def write_tiff(path: Path, image: np.ndarray) -> None:
    """Write uint8 (H, W) as a zlib-compressed TIFF, completely or not at all."""
    import tifffile

    with files.complete_file(path) as partial:
        tifffile.imwrite(
            partial, _uint8(path, image), photometric="minisblack", compression="zlib", compressionargs={"level": 1}, rowsperstrip=64
        )


def _uint8(path: Path, image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or not image.size:
        raise DataError(f"{path}: an image is uint8 (H, W) or (H, W, 3), not {image.dtype} {image.shape}")
    return np.ascontiguousarray(image)


def shrunk(height: int, width: int, limit: int = LIMIT) -> tuple[int, int]:
    """(height, width) in the same proportions with the longer side at most `limit`."""
    scale = min(1.0, limit / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrink(image: np.ndarray, limit: int = LIMIT) -> np.ndarray:
    """`image` (H, W) or (H, W, C), uint8 or float32, averaged down to at most `limit` pixels a side."""
    return _area(image, shrunk(*image.shape[:2], limit))


def thumbnail(grid: Grid, side: int, patches: Iterable[np.ndarray], shape: tuple[int, int], limit: int = LIMIT) -> np.ndarray:
    """The scene of `patches` (row-major, float32 (S, S, C)) cropped to a mask of `shape` (h, w) and shrunk as `shrink` does its mask.

    `side` is the patches' own side in pixels. Each patch is shrunk as it comes, so a scene of any size fits. Edges are true to one
    pixel of the result.
    """
    height, width = shape
    small_height, small_width = shrunk(height, width, limit)
    cell = max(1, min(side, -(-side * small_height // height)))
    small = (_area(patch, (cell, cell)).reshape(cell, cell, -1) for patch in patches)
    scene = np.concatenate([band.values for band in bands(grid, cell, small)])
    top, left = (round(edge * cell / side) for edge in unpad(grid.rows * side, grid.cols * side, height, width))
    cropped = scene[top : top + max(1, round(height * cell / side)), left : left + max(1, round(width * cell / side))]
    return _area(np.ascontiguousarray(cropped), (small_height, small_width))


def composite(image: np.ndarray, low: float = 2, high: float = 98) -> np.ndarray:
    """float (H, W, 3) red, green, blue as uint8: each band stretched between two percentiles of its nonzero (not fill) pixels."""
    filled = (image != 0).any(axis=2)
    stretched = np.zeros(image.shape, np.float32)
    if filled.any():
        for band in range(3):
            dark, bright = np.percentile(image[..., band][filled], (low, high))
            stretched[..., band] = (image[..., band] - dark) / max(bright - dark, 1e-6)
    stretched[~filled] = 0
    return probability_image(stretched)


def overlay(rgb: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """`rgb` uint8 (H, W, 3) with the outlines of both binary masks (H, W): truth green, prediction orange."""
    picture = rgb.copy()
    for mask, colour in ((truth, TRUTH), (prediction, PREDICTION)):
        picture[_outline(mask)] = colour
    return picture


def shrink_difference(truth: np.ndarray, prediction: np.ndarray, limit: int = LIMIT) -> np.ndarray:
    """uint8 (h, w, 3): where two binary masks (H, W) agree in light and dark, false positives in orange, false negatives in blue.

    Averaged down to at most `limit` pixels a side, in colour, so that thin errors still show. A pixel of the result is the mean of the
    colours under it, computed from how often each occurs: the full-size picture is never made.
    """
    height, width = shrunk(*truth.shape, limit)
    edges = [round(row * truth.shape[0] / height) for row in range(height + 1)]
    shares = np.empty((height, width, 3), np.float32)  # of pixels that are cloud in both, in the truth, in the prediction
    for row, (first, last) in enumerate(zip(edges, edges[1:], strict=False)):
        true, predicted = ((mask[first:last] != 0).view(np.uint8) for mask in (truth, prediction))
        counts = [each.sum(axis=0, dtype=np.uint32) for each in (true & predicted, true, predicted)]
        shares[row] = _area((np.stack(counts, axis=-1) / np.float32(last - first)).astype(np.float32)[np.newaxis], (1, width))
    both, true, predicted = np.moveaxis(shares[..., np.newaxis], 2, 0)
    colours = [np.array(colour, np.float32) for colour in (TRUE_POSITIVE, FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_NEGATIVE)]
    parts = (both, true - both, predicted - both, 1 - true - predicted + both)
    return np.rint(sum(part * colour for part, colour in zip(parts, colours, strict=True))).astype(np.uint8)


def _outline(mask: np.ndarray) -> np.ndarray:
    import cv2

    binary = (mask != 0).astype(np.uint8)
    return cv2.morphologyEx(binary, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) != 0


def _area(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[:2] == size:
        return image
    import cv2

    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
