"""Affine quantization as TF Lite defines it, real = scale * (stored - zero point), in float32 arithmetic, ties to even."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Quantization:
    """Of one tensor of type int8 or uint8."""

    scale: float  # a float32 value
    zero_point: int
    dtype: str  # "int8" or "uint8"

    def stored(self, real):
        """The nearest stored values of a finite float32 array, saturating."""
        limits = np.iinfo(self.dtype)
        with np.errstate(over="ignore"):  # beyond float32 is beyond the limits as well
            steps = np.rint(real / np.float32(self.scale)) + np.float32(self.zero_point)
        return np.clip(steps, np.float32(limits.min), np.float32(limits.max)).astype(self.dtype)

    def table(self):
        """What each of the 256 bytes of a result stands for, as float32."""
        stored = np.arange(256, dtype=np.uint8).view(self.dtype).astype(np.float32)
        return (stored - np.float32(self.zero_point)) * np.float32(self.scale)
