"""Pictures: read back by other libraries, complete or absent."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline.errors import DataError
from pipeline.scene import images
from pipeline.scene.stitch import Grid


@pytest.fixture
def masks():
    rng = np.random.default_rng(3)
    return (rng.random((2, 61, 47)) < 0.4).astype(np.uint8)


def test_masks_read_back(tmp_path, masks):
    images.write_png(tmp_path / "a" / "mask.png", images.mask_image(masks[0]))
    images.write_tiff(tmp_path / "a" / "mask.tif", images.mask_image(masks[0]))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a" / "mask.png")), masks[0] * 255)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a" / "mask.tif"), masks[0] * 255)
    with tifffile.TiffFile(tmp_path / "a" / "mask.tif") as tif:
        assert tif.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["mask.png", "mask.tif"]


def test_colours_keep_their_order(tmp_path):
    red = np.zeros((4, 5, 3), np.uint8)
    red[..., 0] = 200
    images.write_png(tmp_path / "red.png", red)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "red.png")), red)


@pytest.mark.parametrize("wrong", [np.zeros((3, 3), np.float32), np.zeros((3, 3, 2), np.uint8), np.zeros((0, 3), np.uint8)])
def test_other_arrays_are_refused(tmp_path, wrong):
    for write in (images.write_png, images.write_tiff):
        with pytest.raises(DataError, match="x.png"):
            write(tmp_path / "x.png", wrong)
    assert not list(tmp_path.iterdir())


def test_probabilities_are_rounded():
    assert images.probability_image(np.array([[0, 0.1, 0.5, 1, 1.2, -1]], np.float32)).tolist() == [[0, 26, 128, 255, 255, 0]]


def difference(truth, prediction):
    """The full-size picture, pixel by pixel."""
    colours = [images.TRUE_NEGATIVE, images.FALSE_POSITIVE, images.FALSE_NEGATIVE, images.TRUE_POSITIVE]
    return np.array(colours, np.uint8)[(truth != 0).astype(int) * 2 + (prediction != 0)]


def test_difference_shows_the_four_cases(masks):
    np.testing.assert_array_equal(images.shrink_difference(*masks), difference(*masks))


def test_shrinking(masks):
    truth, prediction = masks
    assert images.shrink(truth, 1000).shape == truth.shape
    assert images.shrink(np.kron(truth, np.ones((20, 20), np.uint8)) * 255).shape == (900, 693)
    small = images.shrink_difference(truth, prediction, 30)
    assert small.shape == (30, 23, 3)
    assert np.abs(small.mean((0, 1)) - difference(truth, prediction).mean((0, 1))).max() < 4


@pytest.mark.parametrize("factor", [2, 3, 7])
def test_a_shrunk_difference_is_the_mean_of_the_colours(masks, factor):
    height, width = (side // factor for side in masks[0].shape)
    truth, prediction = (mask[: height * factor, : width * factor] for mask in masks)
    small = images.shrink_difference(truth, prediction, max(height, width))
    blocks = difference(truth, prediction).reshape(height, factor, width, factor, 3).astype(np.float64)
    assert np.abs(small - blocks.mean(axis=(1, 3))).max() <= 0.501  # rounding alone


def test_composite_stretches_what_is_filled():
    rng = np.random.default_rng(4)
    picture = np.zeros((40, 40, 3), np.float32)
    picture[10:] = rng.uniform(0.1, 0.3, (30, 40, 3))
    stretched = images.composite(picture)
    assert not stretched[:10].any()
    assert stretched.max() == 255 and stretched[10:].std() > 60
    assert not images.composite(np.zeros((3, 3, 3), np.float32)).any()


def test_overlay_draws_outlines_only():
    rgb, truth = np.full((30, 30, 3), 7, np.uint8), np.zeros((30, 30), np.uint8)
    truth[5:25, 5:25] = 1
    picture = images.overlay(rgb, truth, np.zeros_like(truth))
    assert (picture[15, 15] == 7).all() and (picture[5, 10] == images.TRUTH).all() and (rgb == 7).all()


@pytest.mark.parametrize("shape", [(230, 190), (256, 192), (97, 61)])
def test_a_thumbnail_lies_on_its_mask(shape):
    side, grid = 64, Grid(4, 3)
    y, x = np.mgrid[: 4 * side, : 3 * side]
    full = np.stack([y, x], -1).astype(np.float32)
    top, left = (256 - shape[0]) // 2, (192 - shape[1]) // 2
    patches = (full[(r - 1) * side : r * side, (c - 1) * side : c * side] for r, c in grid.positions())
    small = images.thumbnail(grid, side, patches, shape, limit=100)
    expected = images.shrink(full[top : top + shape[0], left : left + shape[1]], 100)
    assert small.shape == expected.shape
    pixel = max(shape) / min(100, max(shape))
    assert np.abs(small - expected).max() <= 1.5 * pixel
