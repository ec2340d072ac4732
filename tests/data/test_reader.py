import numpy as np
import pytest

from pipeline.data import layout, reader, tiff
from pipeline.data.bands import BANDS
from pipeline.data.names import PatchName
from pipeline.errors import DataError

PATCH = PatchName(1, 1, 1, "scene")


def bands(side, number=4, seed=1):
    return list(np.random.default_rng(seed).integers(0, 65536, (number, side, side)).astype(np.uint16))


def bilinear(image, size):
    """Half-pixel centres, no antialiasing, in float64."""
    side = image.shape[0]
    at = (np.arange(size) + 0.5) * side / size - 0.5
    low = np.floor(at).astype(int)
    weight = at - low
    first, second = low.clip(0, side - 1), (low + 1).clip(0, side - 1)
    rows = image[first] * (1 - weight)[:, None] + image[second] * weight[:, None]
    return rows[:, first] * (1 - weight) + rows[:, second] * weight


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "38-Cloud_training"
    for band in (*BANDS, "gt"):
        (folder / f"train_{band}").mkdir(parents=True)
    for band, pixels in zip(BANDS, bands(32), strict=True):
        tiff.write(folder / f"train_{band}" / PATCH.file(band), pixels)
    tiff.write(folder / "train_gt" / PATCH.file("gt"), np.random.default_rng(2).choice([0, 1, 255], (32, 32)).astype(np.uint8))
    return layout.open_dataset(tmp_path)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize(("side", "size"), [(64, None), (64, 64), (64, 32), (64, 16), (64, 48), (64, 128), (61, 40), (32, 33), (96, 1)])
def test_images_are_resized_bilinearly_from_half_pixel_centres(number, side, size):
    images = bands(side, number)
    made = reader.scale_image(images, size)
    expected = np.stack([bilinear(image / 65535, size or side) for image in images], axis=-1)
    assert made.dtype == np.float32 and made.shape == expected.shape
    np.testing.assert_allclose(made, expected, atol=1e-6, rtol=0)


def test_halving_does_not_round_and_full_scale_is_one():
    image = np.array([[0, 1], [0, 0]], np.uint16)
    assert reader.scale_image([image], 1)[0, 0, 0] == pytest.approx(0.25 / 65535)
    assert reader.scale_image([np.full((4, 4), 65535, np.uint16)] * 4, 2).max() == 1
    assert reader.scale_image([np.full((4, 4), 65535, np.uint16)] * 4).max() == 1


@pytest.mark.parametrize(("side", "size"), [(64, None), (64, 32), (64, 48), (64, 128), (61, 40), (7, 3)])
def test_masks_take_the_nearest_pixel(side, size):
    mask = np.random.default_rng(1).choice([0, 1, 255], (side, side)).astype(np.uint8)
    made = reader.scale_mask(mask, size)
    index = np.floor((np.arange(size or side) + 0.5) * side / (size or side)).astype(int)
    np.testing.assert_array_equal(made, mask[index][:, index] > 0)
    assert made.dtype == np.uint8


def test_patches_are_read_by_name_in_the_order_asked_for(data):
    pixels = dict(zip(BANDS, bands(32), strict=True))
    made = reader.read_image(data, "train", PATCH, ("nir", "red"))
    np.testing.assert_allclose(made, np.stack([pixels["nir"], pixels["red"]], axis=-1) / 65535, atol=1e-7)
    assert reader.read_image(data, "train", PATCH, size=16).shape == (16, 16, 4)
    assert set(np.unique(reader.read_mask(data, PATCH, 16))) == {0, 1}
    assert reader.patch_side(data, "train") == 32


def test_bands_of_two_sizes_and_oblong_bands_are_refused(data):
    path = data.band_path("train", "blue", PATCH)
    for shape, why in (((16, 16), "16 pixels wide while red_patch_1_1_by_1_scene.TIF is 32"), ((32, 16), "32 x 16 pixels")):
        tiff.write(path, np.zeros(shape, np.uint16))
        with pytest.raises(DataError, match=why) as error:
            reader.read_image(data, "train", PATCH)
        assert path.name in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("side", "size", "tolerance"),
    [
        (384, 192, 1e-6),
        (384, 256, 1e-6),
        (384, 96, 1e-6),
        (256, 128, 1e-6),
        (384, 384, 1e-6),
        (192, 384, 1e-6),
        (256, 192, 5e-5),
        (384, 100, 5e-5),
        (250, 192, 5e-5),  # TensorFlow's own sample positions are float32 here
    ],
)
def test_tensorflow_resizes_alike(side, size, tolerance):
    tf = pytest.importorskip("tensorflow")
    images = bands(side)
    theirs = tf.image.resize(np.stack(images, axis=-1).astype(np.float32) / 65535, (size, size)).numpy()
    np.testing.assert_allclose(reader.scale_image(images, size), theirs, atol=tolerance, rtol=0)
    mask = (images[0] > 30000).astype(np.uint8)
    theirs = tf.image.resize(mask[..., None], (size, size), method="nearest").numpy()[..., 0]
    np.testing.assert_array_equal(reader.scale_mask(mask, size), theirs)


@pytest.mark.shared
def test_the_published_sample_reads_whole(shared):
    folder = shared / "data/38cloud-sample"
    stem = "patch_192_10_by_12_LC08_L1TP_002053_20160520_20170324_01_T1.TIF"
    image = reader.scale_image(reader.read_bands([folder / f"{band}_{stem}" for band in BANDS]))
    mask = reader.scale_mask(tiff.read(folder / f"gt_{stem}", np.uint8))
    assert image.shape == (384, 384, 4) and 0 <= image.min() < image.max() <= 1
    assert mask.sum() == 45333
