"""Affine quantization as TF Lite defines it: real = scale * (stored - zero point)."""

import numpy as np


def quantize(x: np.ndarray, scale: float, zero_point: int, dtype: np.dtype | type) -> np.ndarray:
    """The nearest stored value of the integer type `dtype` for each real value of `x`, same shape.

    Ties round to even; what lies outside the type's range saturates. Within the range, `dequantize` brings `x` back to half a step
    (`scale / 2`, up to float32 rounding). `scale` must be positive.
    """
    limits = np.iinfo(dtype)
    steps = x.astype(np.float32) / np.float32(scale)  # a copy, so the next lines may work in place
    np.rint(steps, out=steps)
    steps += np.float32(zero_point)
    np.clip(steps, limits.min, limits.max, out=steps)
    return steps.astype(dtype)


def dequantize(q: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """The real values (float32, same shape) that the stored integers `q` stand for."""
    return (q.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
