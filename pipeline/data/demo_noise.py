"""Fractal noise: random fields whose amplitude falls with a power of the spatial frequency, as terrain and clouds do."""

import numpy as np


def fractal(
    rng: np.random.Generator, height: int, width: int, slope: float, largest: float = 256.0, stretch: tuple[float, float] = (1.0, 1.0)
) -> np.ndarray:
    """A (height, width) float64 field with zero mean and unit standard deviation, periodic in both directions.

    The amplitude falls as frequency**-slope (1 is rough as rock, 2 smooth as hills) and levels off at wavelengths above `largest`
    pixels, so that a scene holds several structures. `stretch` (rows, columns) above 1 draws them out along that axis.
    """
    fy = np.fft.fftfreq(height)[:, None] * stretch[0]
    fx = np.fft.rfftfreq(width)[None, :] * stretch[1]
    amplitude = (fy * fy + fx * fx + largest**-2.0) ** (-slope / 2.0)
    amplitude[0, 0] = 0.0  # no mean
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((height, width))) * amplitude, s=(height, width))
    return field / field.std()


def ramp(field: np.ndarray, start: float, width: float) -> np.ndarray:
    """0 below `start`, 1 above `start + width`, smooth in between."""
    t = np.clip((field - start) / width, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def top(field: np.ndarray, share: float) -> float:
    """The value above which `share` (0..1) of `field` lies; beyond its maximum where share is 0."""
    return float(np.quantile(field, 1.0 - share)) if share > 0 else float(field.max()) + 1.0
