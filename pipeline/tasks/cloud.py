"""The task `cloud`: binary cloud masks on Landsat 8 patches in the 38-Cloud layout.

A task knows its dataset, its classes and its score; the stages know none of that. A further task is a further module with the same names.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..config import AugmentConfig, Config
from ..data import demo, tiff
from ..data.bands import parse_bands
from ..data.batches import Batches
from ..data.cache import Key
from ..data.cache_build import provide
from ..data.grids import SceneGrid
from ..data.layout import CloudDataset, open_dataset
from ..data.names import PatchName
from ..data.processes import files_source
from ..data.reader import patch_side, read_image, read_stored
from ..data.sources import Source
from ..data.split import split
from ..errors import DataError
from ..models import check_size
from ..progress import say

if TYPE_CHECKING:
    from ..train.step import Metric

CLASSES = 1  # one sigmoid: the probability of cloud
POSITIVE = 1
DEMO_ROOT = Path("data/demo")
CACHE_ROOT = Path("data/cache")
TRUE_COLOUR = ("red", "green", "blue")


@dataclass(frozen=True)
class Scene:
    """A test scene: `load(row, col)` gives a patch as the network sees it, `stored(row, col)` the same bands as uint16 at its own size,
    `colour(row, col)` its red, green and blue.
    """

    id: str
    rows: int
    cols: int
    side: int  # of a patch, in pixels
    load: Callable[[int, int], np.ndarray]
    stored: Callable[[int, int], np.ndarray]
    colour: Callable[[int, int], np.ndarray]
    truth: Callable[[], np.ndarray | None]  # (h, w) labels 0 and 1; None where the scene has no mask
    mask: Path  # where the mask lies, or would lie
    files: tuple[Path, ...]  # the bands' files

    def need_truth(self) -> np.ndarray:
        """The mask; DataError where there is none."""
        truth = self.truth()
        if truth is None:
            raise DataError(f"{self.mask}: the mask of scene {self.id} is missing; without it the scene is predicted but not scored")
        return truth

    def fingerprint(self) -> str:
        """A digest of the files' names, sizes and times: another one means other data, which must be predicted again."""
        digest, folders = hashlib.sha256(), {}
        for path in (*self.files, *([self.mask] if self.mask.exists() else [])):
            about = os.lstat(path)
            if stat.S_ISLNK(about.st_mode):
                about, real = path.stat(), path.resolve()
            else:  # its folder alone can be a link: resolved once, not for each of thousands of files
                folder = folders.get(path.parent) or folders.setdefault(path.parent, path.parent.resolve())
                real = folder / path.name
            digest.update(f"{real} {about.st_size} {about.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def positions(self) -> Iterator[tuple[int, int]]:
        """(row, col) from (1, 1), row-major."""
        return ((row, col) for row in range(1, self.rows + 1) for col in range(1, self.cols + 1))


class Cloud:
    """The dataset of one configuration, split and ready to read."""

    def __init__(self, config: Config):
        self.config = config
        self.bands = parse_bands(config.data.bands)

    @cached_property
    def dataset(self) -> CloudDataset:
        """The folder that the config names, or the demo data, which is made where it is missing."""
        if self.config.data.root:
            return open_dataset(Path(self.config.data.root))
        if not DEMO_ROOT.exists():
            say(f"no dataset given: making demo data in {DEMO_ROOT}")
        return demo.make(DEMO_ROOT)

    @cached_property
    def listed(self) -> list[PatchName]:
        """All patches to train and validate on."""
        return self.dataset.training_patches(self.config.data.nonempty)

    @cached_property
    def patches(self) -> tuple[list[PatchName], list[PatchName]]:
        """Training and validation patches."""
        return split(self.listed, self.config.data.split, self.config.data.validation, self.config.seed)

    @cached_property
    def source(self) -> Source:
        """Where their pixels come from: a cache of all of them, which is the same for every split and seed, or their files."""
        data = self.config.data
        cached = provide(CACHE_ROOT, Key(self.dataset, tuple(self.listed), self.bands, data.size), data.workers) if data.cache else None
        return cached or files_source(self.dataset, self.bands, data.size, data.workers, len(self.listed))

    def training(self) -> Batches:
        """Shuffled and augmented."""
        return self._batches(self.patches[0], self.config.augment)

    def validation(self) -> Batches:
        """In order, as they are."""
        return self._batches(self.patches[1], None)

    def _batches(self, patches: list[PatchName], options: AugmentConfig | None) -> Batches:
        return Batches(self.source, patches, self.config.train.batch, self.config.seed, options, self.config.data.workers)

    def representative(self, count: int) -> list[np.ndarray]:
        """`count` training patches (S, S, C), spread evenly over the training split; fewer where there are fewer."""
        training = self.patches[0]
        chosen = np.linspace(0, len(training) - 1, min(count, len(training))).round().astype(int)
        return [read_image(self.dataset, "train", training[i], self.bands, self.config.data.size) for i in chosen]

    def scenes(self) -> list[Scene]:
        """The test scenes, by id; empty where the dataset has no test part."""
        if self.dataset.test is None:
            return []
        side = patch_side(self.dataset, "test")
        return [self._scene(grid, side) for grid in self.dataset.test_scenes()]

    def _scene(self, grid: SceneGrid, side: int) -> Scene:
        def patch(row: int, col: int) -> PatchName:
            return grid.patches[(row - 1) * grid.cols + col - 1]

        def load(row: int, col: int) -> np.ndarray:
            return read_image(self.dataset, "test", patch(row, col), self.bands, self.config.data.size)

        def stored(row: int, col: int) -> np.ndarray:
            return read_stored(self.dataset, "test", patch(row, col), self.bands)

        def colour(row: int, col: int) -> np.ndarray:
            return read_image(self.dataset, "test", patch(row, col), TRUE_COLOUR)

        mask = self.dataset.scene_mask_path(grid.scene)

        def truth() -> np.ndarray | None:
            return (tiff.read(mask, np.uint8) > 0).astype(np.uint8) if mask.exists() else None

        bands = [*dict.fromkeys((*self.bands, *TRUE_COLOUR))]
        sources = [self.dataset.band_path("test", band, each) for each in grid.patches for band in bands]
        return Scene(grid.scene, grid.rows, grid.cols, side, load, stored, colour, truth, mask, tuple(sources))

    def check(self) -> None:
        """Raise UsageError or DataError for what would stop a training, before anything is made for it."""
        check_size(self.config.model.name, self.config.data.size)
        self.describe()

    def describe(self) -> dict[str, object]:
        """What a report says about the data."""
        training, validation = self.patches
        return {
            "dataset": self.dataset.name,
            "demo": self.dataset.demo,
            "root": str(self.dataset.root),
            "bands": list(self.bands),
            "patch_side": patch_side(self.dataset, "train"),
            "split": self.config.data.split,
            "training_patches": len(training),
            "validation_patches": len(validation),
            "training_scenes": sorted({patch.scene for patch in training}),
            "validation_scenes": sorted({patch.scene for patch in validation}),
        }


def metric() -> "Metric":
    """Jaccard index of cloud at 0.5, counted over all pixels."""
    import tensorflow as tf

    from ..train.step import Metric

    def counts(truth: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
        found = tf.cast(p >= 0.5, tf.float32)
        overlap = tf.reduce_sum(truth * found, (1, 2, 3))
        either = tf.reduce_sum(tf.maximum(truth, found), (1, 2, 3))
        return tf.stack([overlap, either], axis=-1)

    return Metric("jaccard", counts, lambda total: float(total[0] / total[1]) if total[1] else 1.0)
