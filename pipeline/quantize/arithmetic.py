"""The arithmetic of 8-bit quantization, one function a rule (TF Lite's quantization specification; the thesis's sections 2.5 and 3.4.3)."""

from dataclasses import dataclass

import numpy as np

INT8 = (-128, 127)
SYMMETRIC = 127  # weights use -127..127, so that zero is exact and the range symmetric


@dataclass(frozen=True)
class Error:
    """What quantization did to one value."""

    absolute: float
    relative: float  # of the real value; infinite for zero
    steps: float  # in units of the scale; at most 0.5 where nothing was clipped


def affine(low: float, high: float) -> tuple[float, int]:
    """Scale and zero point of an activation tensor that was seen between `low` and `high` (the range is widened to hold zero)."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (INT8[1] - INT8[0])
    return scale, round(INT8[0] - low / scale) if scale else 0


def symmetric(largest: float) -> float:
    """Scale of a weight channel whose largest magnitude is `largest`."""
    return 2 * largest / (2 * SYMMETRIC)


def bias_scale(input_scale: float, weight_scale: np.ndarray) -> np.ndarray:
    """Scale of a bias: a product of input and weight carries the product of their scales, and the bias is added to it."""
    return input_scale * weight_scale


def dequantize(q: np.ndarray, scale: np.ndarray, zero_point: np.ndarray = 0) -> np.ndarray:
    """The real value that an integer stands for."""
    return (np.asarray(q, np.float64) - zero_point) * scale


def error(real: float, restored: float, scale: float) -> Error:
    """Compare a real value with what is left of it."""
    absolute = abs(restored - real)
    return Error(absolute, absolute / abs(real) if real else np.inf, absolute / scale)


def fused_batch_norm(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """Multiplier and offset per channel that a batch norm becomes: y = multiplier * x + offset (arXiv 1502.03167, algorithm 2)."""
    multiplier = gamma / np.sqrt(variance + epsilon)
    return multiplier, beta - multiplier * mean


def batch_norm_parameters(
    multiplier: np.ndarray, offset: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """The way back: gamma and beta from a multiplier and an offset, as read from a quantized file."""
    return multiplier * np.sqrt(variance + epsilon), offset + multiplier * mean


def snr_db(signal: float, noise: float) -> float | None:
    """Signal-to-noise ratio in decibels from two sums of squares; None where there is no noise or no signal."""
    return 10 * float(np.log10(signal / noise)) if signal > 0 and noise > 0 else None
