"""Where training patches come from: their own files, or (`cache.py`) a cache of them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from . import reader, scratch
from .augment import Change, move
from .layout import CloudDataset
from .names import PatchName


class Source(Protocol):
    """Reads training patches of one size and some bands, from several threads at once."""

    shape: tuple[int, int, int]  # of an image: size, size, bands

    def read(self, patch: PatchName, change: Change, image: np.ndarray, mask: np.ndarray) -> None:
        """Fill image, float32 (size, size, bands) in 0..1, and mask, float32 {0, 1} (size, size, 1), flipped and turned by `change`.

        Raises DataError with the name of a file that cannot be read.
        """


class Files:
    """The dataset's own files, decoded and resized at every reading."""

    def __init__(self, dataset: CloudDataset, bands: Sequence[str], size: int) -> None:
        self.dataset, self.bands, self.shape = dataset, tuple(bands), (size, size, len(bands))

    def read(self, patch: PatchName, change: Change, image: np.ndarray, mask: np.ndarray) -> None:
        """See Source."""
        size = self.shape[0]
        bands = reader.read_bands([self.dataset.band_path("train", band, patch) for band in self.bands], passing=True)
        if change.moves:
            move(reader.scale_image(bands, size, scratch.array("still", self.shape, np.float32)), change, image)
        else:
            reader.scale_image(bands, size, image)
        fill_mask(reader.read_mask(self.dataset, patch, size), change, mask)


def fill_mask(stored: np.ndarray, change: Change, mask: np.ndarray) -> None:
    """Put a mask, uint8 {0, 1} (size, size), flipped and turned, into one of float32 (size, size, 1)."""
    if change.moves:
        stored = move(stored, change, scratch.array("moved mask", stored.shape, np.uint8))
    mask[..., 0] = stored
