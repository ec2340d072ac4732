"""From a patch as it lies on the card to the model's input tensor."""

import numpy as np

from .errors import Error, Exit
from .resize import Bilinear
from .spec import DTYPES


class Preparer:
    """For patches of `scene`, the side in pixels of the model's input (at most the patch's) and its Quantization."""

    def __init__(self, scene, side, quantization):
        self._scene, self._side, self._quantization = scene, side, quantization
        self._resize = None if side == scene.side else Bilinear(scene.side, side, scene.bands)
        self._table = None
        if scene.dtype == "uint16" and self._resize is None:  # the model's input for every uint16
            self._table = self._stored(np.arange(65536).astype(np.float32) - np.float32(scene.zero_point))

    def _stored(self, values):
        with np.errstate(over="ignore"):
            return self._quantization.stored(values * np.float32(self._scene.scale))

    def __call__(self, data, name):
        """The input (side, side, bands) of one patch, `data` being its file's bytes; Error(DATA) where a float is not finite."""
        patch = np.frombuffer(data, DTYPES[self._scene.dtype]).reshape(self._scene.shape)
        if self._scene.dtype == "float32" and not np.isfinite(patch).all():
            raise Error(Exit.DATA, f"{name}: value {int(np.argmin(np.isfinite(patch)))} is not a finite number")
        if self._table is not None:
            return self._table[patch]
        if self._resize is None:
            return self._stored(patch)
        # Stored values are resized before they are scaled, as in training: halving uint16 is then exact.
        made = np.empty((self._side, self._side, self._scene.bands), self._quantization.dtype)
        zero = np.float32(self._scene.zero_point if self._scene.dtype == "uint16" else 0)
        for start, block in self._resize(lambda rows: patch[rows].astype(np.float32) - zero):
            made[start : start + len(block)] = self._stored(block)
        return made
