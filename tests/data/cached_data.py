"""Small training sets, caches of them and comparisons, for the tests of where patches come from."""

import numpy as np

from pipeline.data import layout, tiff
from pipeline.data.bands import BANDS
from pipeline.data.batches import Batches
from pipeline.data.names import PatchName
from pipeline.data.sources import Files

PATCHES = tuple(PatchName(index, 1, index, "scene") for index in range(1, 12))


def make_data(root, patches=PATCHES, side=32):
    rng = np.random.default_rng(1)
    folder = root / "38-Cloud_training"
    for band in (*BANDS, "gt"):
        (folder / f"train_{band}").mkdir(parents=True)
        for patch in patches:
            pixels = rng.integers(0, 256 if band == "gt" else 65536, (side, side)).astype(np.uint8 if band == "gt" else np.uint16)
            pixels[: side // 4] = 0  # a margin
            (folder / f"train_{band}" / patch.file(band)).write_bytes(tiff.encode(pixels))
    return layout.open_dataset(root)


def contents(root):
    return sorted(path.name for path in root.iterdir() if path.name != ".lock") if root.exists() else []


def same(key, found, options=None, tolerance=0.0):
    """Compare an epoch from the cache with the same epoch from the files."""
    sources = found, Files(key.dataset, key.bands, key.size)
    epochs = [Batches(source, key.patches[1:9], 3, seed=5, options=options, workers=2).epoch(1) for source in sources]
    for (images, masks, names), (other, other_masks, other_names) in zip(*epochs, strict=True):
        assert names == other_names and images.dtype == masks.dtype == np.float32
        np.testing.assert_array_equal(masks, other_masks)
        if tolerance:
            np.testing.assert_allclose(images, other, rtol=0, atol=tolerance)
        else:
            np.testing.assert_array_equal(images, other)
