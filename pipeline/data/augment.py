"""Random changes to a training patch; what moves pixels moves those of image and mask alike."""

from typing import Protocol

import numpy as np


class Options(Protocol):
    """What `augment` reads; the config section `augment` has these keys, each off at its zero."""

    flip: bool
    quarter_turns: bool
    crop: float
    brightness: float
    contrast: float


def augment(image: np.ndarray, mask: np.ndarray, options: Options, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Change an image, float32 (S, S, C) in 0..1, and its mask (S, S) or (S, S, 1) of any type at random; new arrays of the same shapes.

    flip: left-right and up-down, each in half of the cases; quarter_turns: 0 to 3 of them; crop: a square that lacks up to `crop` of the
    side, scaled back; brightness: a shift by up to `brightness`, the same for all bands; contrast: each band stretched about its own mean
    by up to 1 +- `contrast`. Values are clipped to 0..1, and pixels that are 0 in all bands, the margin of a scene, stay 0.
    """
    if options.flip:
        if rng.random() < 0.5:
            image, mask = image[:, ::-1], mask[:, ::-1]
        if rng.random() < 0.5:
            image, mask = image[::-1], mask[::-1]
    if options.quarter_turns:
        turns = int(rng.integers(4))
        image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    if options.crop:
        image, mask = _crop(image, mask, options.crop, rng)
    if options.brightness or options.contrast:
        image = _tone(image, options.brightness, options.contrast, rng)
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)


def _crop(image: np.ndarray, mask: np.ndarray, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cut a square of random side and place, and scale it back as `reader` scales: bilinearly, and the mask by nearest neighbour."""
    import cv2

    side = image.shape[0]
    inner = max(side - int(rng.random() * share * side), 1)
    top, left = (int(value) for value in rng.integers(side - inner + 1, size=2))
    window = np.s_[top : top + inner, left : left + inner]
    scaled = cv2.resize(np.ascontiguousarray(image[window]), (side, side), interpolation=cv2.INTER_LINEAR).reshape(image.shape)
    index = (2 * np.arange(side) + 1) * inner // (2 * side)
    return scaled, mask[window][index[:, None], index]


def _tone(image: np.ndarray, brightness: float, contrast: float, rng: np.random.Generator) -> np.ndarray:
    """Shift and stretch the values."""
    shift, stretch = (np.float32(limit * rng.uniform(-1, 1)) for limit in (brightness, contrast))
    seen = image.any(axis=2, keepdims=True)
    mean = image.mean(axis=(0, 1), where=seen, keepdims=True) if seen.any() else np.float32(0)
    return np.where(seen, np.clip((image - mean) * (1 + stretch) + mean + shift, 0, 1), np.float32(0)).astype(np.float32, copy=False)
