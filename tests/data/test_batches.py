import threading
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.data import layout, reader, tiff
from pipeline.data.bands import BANDS
from pipeline.data.batches import AHEAD, Batches
from pipeline.data.names import PatchName
from pipeline.data.sources import Files
from pipeline.errors import DataError

ALL = SimpleNamespace(flip=True, quarter_turns=True, crop=0.3, brightness=0.1, contrast=0.2)
PATCHES = [PatchName(index, 1, index, "scene") for index in range(1, 12)]


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(1)
    folder = tmp_path / "38-Cloud_training"
    for band in (*BANDS, "gt"):
        (folder / f"train_{band}").mkdir(parents=True)
        for patch in PATCHES:
            pixels = rng.integers(0, 256 if band == "gt" else 65536, (32, 32)).astype(np.uint8 if band == "gt" else np.uint16)
            (folder / f"train_{band}" / patch.file(band)).write_bytes(tiff.encode(pixels))
    return layout.open_dataset(tmp_path)


def whole(batches, epoch):
    images, masks, names = zip(*batches.epoch(epoch), strict=True)
    return np.concatenate(images), np.concatenate(masks), sum(names, [])


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_without_options_patches_come_as_the_reader_reads_them(data):
    batches = Batches(Files(data, ("nir", "green"), 16), PATCHES, 4)
    made = list(batches.epoch(0))
    assert len(batches) == len(made) == 3
    assert [(images.shape, masks.shape) for images, masks, _ in made] == [((n, 16, 16, 2), (n, 16, 16, 1)) for n in (4, 4, 3)]
    images, masks, names = whole(batches, 5)
    assert names == [patch.stem for patch in PATCHES] and images.dtype == masks.dtype == np.float32
    for image, mask, patch in zip(images, masks, PATCHES, strict=True):
        np.testing.assert_array_equal(image, reader.read_image(data, "train", patch, ("nir", "green"), 16))
        np.testing.assert_array_equal(mask[..., 0], reader.read_mask(data, patch, 16))


def test_order_and_changes_depend_on_seed_epoch_and_item_alone(data):
    images, masks, names = whole(Batches(Files(data, BANDS, 32), PATCHES, 4, seed=7, options=ALL, workers=1), 2)
    for batch, workers in ((4, 3), (1, 2), (11, 5), (50, 1)):
        other = whole(Batches(Files(data, BANDS, 32), PATCHES, batch, seed=7, options=ALL, workers=workers), 2)
        np.testing.assert_array_equal(images, other[0])
        np.testing.assert_array_equal(masks, other[1])
        assert names == other[2]
    assert sorted(names) == sorted(patch.stem for patch in PATCHES)


def test_another_seed_or_epoch_is_another_order_and_other_changes(data):
    def first(seed, epoch):
        images, _, names = whole(Batches(Files(data, BANDS, 32), PATCHES, 4, seed=seed, options=ALL), epoch)
        return tuple(names), images[names.index(PATCHES[0].stem)].tobytes()

    made = [first(1, 0), first(1, 1), first(2, 0)]
    assert len({names for names, _ in made}) == len({image for _, image in made}) == 3


def test_the_order_is_the_same_on_any_machine(data):
    assert Batches(Files(data, BANDS, 32), PATCHES, 4, seed=42, options=ALL).order(3) == [3, 8, 7, 4, 2, 5, 6, 1, 9, 10, 0]


def test_closing_the_iterator_stops_the_threads(data):
    epoch = Batches(Files(data, BANDS, 16), PATCHES, 1, workers=3).epoch(0)
    next(epoch)
    assert threads()
    epoch.close()
    assert not threads()
    whole(Batches(Files(data, BANDS, 16), PATCHES, 1, workers=3), 0)
    assert not threads()


def test_no_more_than_a_few_batches_are_read_ahead(data, monkeypatch):
    started = []
    submit = Batches._submit
    monkeypatch.setattr(Batches, "_submit", lambda self, *rest: started.append(1) or submit(self, *rest))
    for taken, _ in enumerate(Batches(Files(data, BANDS, 16), PATCHES, 1).epoch(0), start=1):
        assert len(started) <= taken + AHEAD


def test_a_damaged_file_reaches_the_caller_by_name(data):
    path = data.band_path("train", "nir", PATCHES[6])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=path.name):
        whole(Batches(Files(data, BANDS, 16), PATCHES, 2), 0)
    assert not threads()


def test_a_bug_in_a_worker_reaches_the_caller_with_the_patch(data):
    broken = SimpleNamespace(flip=False, quarter_turns=False, crop="a lot", brightness=0, contrast=0)
    with pytest.raises(RuntimeError, match=r"patch_\d+_1_by_\d+_scene: "):
        whole(Batches(Files(data, BANDS, 16), PATCHES, 2, options=broken), 0)


def test_no_patches_make_no_batches(data):
    batches = Batches(Files(data, BANDS, 16), [], 2)
    assert len(batches) == 0 and list(batches.epoch(0)) == []
