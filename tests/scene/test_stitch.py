"""Stitching, against cutting with plain slices, and upsampling, against TensorFlow."""

import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError, UsageError
from pipeline.scene.predict import predict_patches, predict_scene
from pipeline.scene.stitch import Grid, bands, resize, unpad


class Identity:
    """A network that returns its first bands; so what comes out of the scene must be what was cut."""

    def __init__(self, size, bands=4, classes=1):
        self.size, self.bands, self.classes = size, bands, classes

    def __call__(self, images):
        return images[..., : self.classes]


@settings(max_examples=60)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.data(), st.integers(1, 3), st.booleans())
def test_cutting_and_stitching_is_the_identity(rows, cols, side, data, classes, centred):
    height = data.draw(st.integers(1, rows * side))
    width = data.draw(st.integers(1, cols * side))
    scene = np.random.default_rng(0).random((height, width, 4), dtype=np.float32)
    # the padding as MATLAB's floor writes it, independent of unpad
    above, before = int(np.floor((rows * side - height) / 2)), int(np.floor((cols * side - width) / 2))
    padded = np.full((rows * side, cols * side, 4), np.nan, np.float32)
    padded[above : above + height, before : before + width] = scene
    found = list(
        predict_scene(
            Identity(side, classes=classes),
            Grid(rows, cols),
            lambda r, c: padded[(r - 1) * side : r * side, (c - 1) * side : c * side],
            side,
            (height, width),
        )
    )
    assert [band.top for band in found] == np.cumsum([0] + [len(band.values) for band in found[:-1]]).tolist()
    np.testing.assert_array_equal(np.concatenate([band.values for band in found]), scene[..., :classes])
    assert all(band.rows == slice(band.top, band.top + len(band.values)) for band in found)


@pytest.mark.parametrize(("full", "mask", "corner"), [((10, 10), (7, 6), (1, 2)), ((5, 5), (5, 5), (0, 0)), ((9, 8), (4, 7), (2, 0))])
def test_unpad(full, mask, corner):
    assert unpad(*full, *mask) == corner


def test_unpad_refuses_a_larger_mask():
    with pytest.raises(DataError, match="11 x 4"):
        unpad(10, 10, 11, 4)


def test_no_mask_shape_keeps_the_padding():
    whole = np.concatenate([band.values for band in bands(Grid(2, 3), 4, [np.ones((4, 4, 1), np.float32)] * 6)])
    assert whole.shape == (8, 12, 1)


@pytest.mark.parametrize("wrong", [KeyError, FileNotFoundError])
def test_a_missing_patch_is_named(wrong):
    def load(row, col):
        if (row, col) == (2, 3):
            raise wrong("red_patch_9")
        return np.zeros((8, 8, 4), np.float32)

    with pytest.raises(DataError, match="row 2, column 3.*red_patch_9"):
        list(predict_scene(Identity(8), Grid(3, 4), load, 8))


def test_too_few_and_too_many_patches():
    patch = np.zeros((4, 4, 1), np.float32)
    with pytest.raises(DataError, match="row 2, column 1"):
        list(bands(Grid(2, 2), 4, [patch] * 2))
    with pytest.raises(DataError, match="more patches"):
        list(bands(Grid(2, 2), 4, [patch] * 5))
    with pytest.raises(UsageError):
        Grid(0, 3)


def test_patches_come_row_by_row():
    patches = list(predict_patches(Identity(2), Grid(5, 7), lambda r, c: np.full((2, 2, 4), 10 * r + c, np.float32)))
    assert [int(patch[0, 0, 0]) for patch in patches] == [10 * r + c for r in range(1, 6) for c in range(1, 8)]


def test_a_scene_streams_in_bounded_memory():
    grid, side = Grid(23, 23), 64
    row = 23 * side * side * 4  # bytes of one row of float32 probabilities
    batch = 16 * side * side * 4 * 4  # of one batch of four-band images
    list(predict_scene(Identity(side), Grid(1, 2), lambda r, c: np.zeros((side, side, 4), np.float32), side))  # imports, caches
    tracemalloc.start()
    pixels = 0
    for band in predict_scene(Identity(side), grid, lambda r, c: np.ones((side, side, 4), np.float32), side, (1401, 1333)):
        pixels += band.values.size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pixels == 1401 * 1333
    # a band held by the caller, the next in the making; a batch given out and one run (Identity's outputs are views of its input), one that
    # is to be run (as patches and stacked), one being read
    assert peak < 2 * row + 6 * batch
    assert peak < 23 * row


def test_the_next_patches_run_while_the_last_are_worked_on():
    """The runner begins the second batch although nobody has asked for it: the caller is still at the first."""
    begun = [threading.Event() for _ in range(3)]

    class Watched(Identity):
        def __call__(self, images):
            next(event for event in begun if not event.is_set()).set()
            return super().__call__(images)

    stream = predict_patches(Watched(2), Grid(3, 16), lambda r, c: np.zeros((2, 2, 4), np.float32))
    next(stream)
    assert begun[1].wait(10)
    assert not begun[2].wait(0.1)  # but no further: memory is bounded
    assert sum(1 for _ in stream) == 47


def test_an_error_of_the_network_reaches_the_caller_and_ends_the_threads():
    class Broken(Identity):
        def __call__(self, images):
            raise DataError("the model's outputs are not probabilities")

    before = threading.active_count()
    with pytest.raises(DataError, match="not probabilities"):
        list(predict_patches(Broken(2), Grid(5, 16), lambda r, c: np.zeros((2, 2, 4), np.float32)))
    assert threading.active_count() == before


def test_the_grid_is_abandoned_cleanly():
    stream = predict_scene(Identity(4), Grid(50, 50), lambda r, c: np.zeros((4, 4, 4), np.float32), 4)
    next(stream)
    stream.close()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "side", "classes"), [(192, 384, 1), (96, 384, 3), (128, 300, 2), (64, 65, 5), (33, 100, 7)])
def test_upsampling_equals_tensorflow(size, side, classes):
    tf = pytest.importorskip("tensorflow")
    x = np.random.default_rng(2).random((size, size, classes), dtype=np.float32)
    # both compute a source coordinate (up to `size`) in float32, each in its own order: a few of its last bits go into the weights
    atol = 4 * size * np.finfo(np.float32).eps
    np.testing.assert_allclose(resize(x, side), tf.image.resize(x, (side, side), method="bilinear").numpy(), atol=atol, rtol=0)
