from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.augment import augment

OFF = {"flip": False, "quarter_turns": False, "crop": 0.0, "brightness": 0.0, "contrast": 0.0}


def options(**changes):
    return SimpleNamespace(**{**OFF, **changes})


def patch(seed=0, side=24, bands=3):
    image = np.random.default_rng(seed).random((side, side, bands), np.float32)
    return image, (image[..., :1] > 0.5).astype(np.float32)


@given(st.integers(0, 10**6))
def test_geometry_moves_image_and_mask_alike(seed):
    image, mask = patch()
    new_image, new_mask = augment(image, mask, options(flip=True, quarter_turns=True), np.random.default_rng(seed))
    np.testing.assert_array_equal(new_mask, (new_image[..., :1] > 0.5).astype(np.float32))
    np.testing.assert_array_equal(np.sort(new_image, axis=None), np.sort(image, axis=None))


def test_flips_and_turns_reach_all_eight_positions():
    image, mask = patch()
    made = {augment(image, mask, options(flip=True, quarter_turns=True), np.random.default_rng(seed))[0].tobytes() for seed in range(200)}
    assert len(made) == 8


@given(st.integers(0, 10**6), st.floats(0.05, 0.9))
def test_a_crop_shows_the_same_window_of_image_and_mask(seed, share):
    ramp = np.stack(np.meshgrid(np.arange(32), np.arange(32)), axis=-1).astype(np.float32) / 32
    image, mask = augment(ramp, ramp[..., :1] * 32, options(crop=share), np.random.default_rng(seed))
    assert image.shape == ramp.shape and mask.shape == (32, 32, 1)
    assert abs(image[..., 0] * 32 - mask[..., 0]).max() <= 1  # bilinear and nearest differ by half a pixel, and by the clamped rim
    assert mask.max() - mask.min() >= (1 - share) * 32 - 2


@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 0.99))
def test_tones_stay_in_range_and_leave_mask_and_margin_alone(seed, brightness, contrast):
    image, mask = patch()
    image[:5] = 0
    new_image, new_mask = augment(image, mask, options(brightness=brightness, contrast=contrast), np.random.default_rng(seed))
    assert new_image.dtype == np.float32 and new_image.min() >= 0 and new_image.max() <= 1
    assert not new_image[:5].any()
    np.testing.assert_array_equal(new_mask, mask)


def test_brightness_shifts_all_bands_and_contrast_keeps_the_mean():
    image = patch()[0] * 0.2 + 0.4
    brighter = augment(image, image, options(brightness=0.1), np.random.default_rng(3))[0] - image
    assert np.ptp(brighter) < 1e-6 and 0 < abs(brighter).max() <= 0.1
    stretched = augment(image, image, options(contrast=0.5), np.random.default_rng(3))[0]
    np.testing.assert_allclose(stretched.mean((0, 1)), image.mean((0, 1)), atol=1e-5)
    assert stretched.std() != pytest.approx(image.std(), rel=1e-3)


def test_nothing_asked_for_changes_nothing_and_an_empty_patch_stays_empty():
    image, mask = patch()
    same = augment(image, mask, options(), np.random.default_rng(0))
    np.testing.assert_array_equal(same[0], image)
    np.testing.assert_array_equal(same[1], mask)
    empty = np.zeros_like(image)
    everything = options(flip=True, quarter_turns=True, crop=0.5, brightness=0.5, contrast=0.5)
    assert not augment(empty, mask, everything, np.random.default_rng(0))[0].any()
