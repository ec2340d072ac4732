from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.augment import crop, draw, move, tone

OFF = {"flip": False, "quarter_turns": False, "crop": 0.0, "brightness": 0.0, "contrast": 0.0}


def augment(image, mask, options, rng):
    """All of it, as Batches does it, in new arrays."""
    change = draw(options, len(image), rng)
    image, mask = (move(array, change, np.empty_like(array)) for array in (image, mask))
    crop(image, mask, change)
    tone(image, change)
    return image, mask


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


def plainly(image, mask, options, rng):
    """The same, one numpy operation after the other."""
    if options.flip:
        if rng.random() < 0.5:
            image, mask = image[:, ::-1], mask[:, ::-1]
        if rng.random() < 0.5:
            image, mask = image[::-1], mask[::-1]
    if options.quarter_turns:
        turns = int(rng.integers(4))
        image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    if options.brightness or options.contrast:
        shift, stretch = (limit * rng.uniform(-1, 1) for limit in (options.brightness, options.contrast))
        image = image.astype(np.float64)
        seen = image.any(axis=2, keepdims=True)
        mean = image.mean(axis=(0, 1), where=seen, keepdims=True) if seen.any() else 0
        image = np.where(seen, np.clip((image - mean) * (1 + stretch) + mean + shift, 0, 1), 0)
    return image, mask


@given(st.integers(0, 10**6), st.integers(1, 4), st.booleans(), st.booleans(), st.sampled_from([0, 0.3]), st.sampled_from([0, 0.5]))
def test_every_change_is_what_numpy_makes_of_it(seed, bands, flip, turns, brightness, contrast):
    image, mask = patch(seed, bands=bands)
    image[:, :7] = 0
    image[9:11, :, 0] = 0  # dark in one band only, unless there is no other
    asked = options(flip=flip, quarter_turns=turns, brightness=brightness, contrast=contrast)
    made = augment(image, mask, asked, np.random.default_rng(seed))
    expected = plainly(image, mask, asked, np.random.default_rng(seed))
    np.testing.assert_allclose(made[0], expected[0], rtol=0, atol=3e-7 if brightness or contrast else 0)
    np.testing.assert_array_equal(made[1], expected[1])
