"""Training patches decoded once: a folder with all images and all masks of a dataset at one size, which are mapped into memory.

    images.u16  (patches, size, size, bands) uint16: the bands resized as `reader` does and rounded to the nearest value
    masks.u8    (patches, size, size) uint8: 0 and 1
    index.json  what the two are made of, and how long they are; written last

Its name ends in a digest of everything that its pixels depend on, the files' sizes and times among it: changed data is another cache.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import files
from ..errors import DataError
from . import scratch
from .augment import Change, move
from .bands import MASK
from .layout import CloudDataset
from .names import PatchName
from .reader import UNIT
from .sources import fill_mask

VERSION = 1  # raise it whenever a pixel changes
IMAGES, MASKS, INDEX = "images.u16", "masks.u8", "index.json"


@dataclass(frozen=True)
class Key:
    """What a cache is made of: these training patches in this order, these bands, this side in pixels."""

    dataset: CloudDataset
    patches: tuple[PatchName, ...]
    bands: tuple[str, ...]
    size: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image."""
        return self.size, self.size, len(self.bands)

    @property
    def lengths(self) -> dict[str, int]:
        """Bytes of the two files."""
        pixels = len(self.patches) * self.size**2
        return {IMAGES: 2 * len(self.bands) * pixels, MASKS: pixels}

    def digest(self) -> str:
        """Hex sha256 of the version, the key, and size and time of every file; DataError for one that is missing."""
        digest = hashlib.sha256(json.dumps([VERSION, self.size, self.bands, str(self.dataset.root.resolve())]).encode())
        for patch in self.patches:
            digest.update(f"\n{patch.stem}".encode())
            for kind in (*self.bands, MASK):
                path = self.dataset.mask_path(patch) if kind == MASK else self.dataset.band_path("train", kind, patch)
                try:
                    about = os.stat(path)
                except OSError as why:
                    raise DataError(f"{path}: {why.strerror}") from None
                digest.update(f" {about.st_size} {about.st_mtime_ns}".encode())
        return digest.hexdigest()

    def name(self, digest: str) -> str:
        """The folder's name: what a person wants to know, then half of the digest."""
        letters = "".join(band[0] for band in self.bands)
        return f"{self.dataset.name.lower()}-{self.size}-{letters}-{digest[:32]}"


class Cache:
    """An open cache, as a source: values are those of the files within half of 1/65535, and exactly those where nothing was resized."""

    def __init__(self, folder: Path, key: Key) -> None:
        number = len(key.patches)
        self.shape = key.shape
        # as plain arrays: every slice of a memmap object would be one, at ten times the cost
        self._images = np.memmap(folder / IMAGES, np.uint16, "r", shape=(number, *key.shape)).view(np.ndarray)
        self._masks = np.memmap(folder / MASKS, np.uint8, "r", shape=(number, *key.shape[:2])).view(np.ndarray)
        self._rows = {patch: row for row, patch in enumerate(key.patches)}

    def read(self, patch: PatchName, change: Change, image: np.ndarray, mask: np.ndarray) -> None:
        """See `sources.Source`; here nothing can be missing."""
        row = self._rows[patch]
        stored = self._images[row]
        if change.moves:
            stored = move(stored, change, scratch.array("moved", self.shape, np.uint16))
        np.multiply(stored, UNIT, out=image)
        fill_mask(self._masks[row], change, mask)


def find(folder: Path, key: Key, digest: str) -> Cache | None:
    """The cache in `folder`; None where there is none, or one that is not whole: without its index, of another length, or of other data."""
    try:
        index = files.read_json(folder / INDEX)
        whole = index["digest"] == digest and {name: (folder / name).stat().st_size for name in (IMAGES, MASKS)} == key.lengths
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    return Cache(folder, key) if whole else None


def index(key: Key, digest: str) -> dict[str, object]:
    """What index.json holds."""
    return {
        "version": VERSION,
        "digest": digest,
        "dataset": str(key.dataset.root),
        "size": key.size,
        "bands": list(key.bands),
        "patches": len(key.patches),
        "bytes": key.lengths,
    }
