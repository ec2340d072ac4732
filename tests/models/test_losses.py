"""Losses against plain numpy, and the laws that hold of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.errors import UsageError

pytestmark = pytest.mark.slow
EASY = settings(max_examples=40)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    return (labels[..., None] == np.arange(classes)).astype(np.float32) if classes > 1 else (labels[..., None] > 0).astype(np.float32)


@st.composite
def cases(draw, classes=(1, 2, 3)):
    """Truth and probabilities (N, H, W, K)."""
    k = draw(st.sampled_from(classes))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    truth = one_hot(draw(hnp.arrays(np.int32, shape, elements=st.integers(0, max(k - 1, 1)))), k)
    p = draw(hnp.arrays(np.float32, (*shape, k), elements=st.floats(0.015625, 0.984375, width=32)))
    return truth, p / p.sum(-1, keepdims=True) if k > 1 else p


def value(name, truth, p):
    from pipeline.models.losses import loss

    return loss(name)(np.asarray(truth, np.float32), np.asarray(p, np.float32)).numpy()


def by_hand(name: str, truth: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The same loss, pixel by pixel in float64."""
    truth, p = truth.astype(np.float64), p.astype(np.float64)
    if name == "bce":
        pixel = -(truth * np.log(p)) - (1 - truth) * np.log(1 - p) if p.shape[-1] == 1 else -(truth * np.log(p)).sum(-1, keepdims=True)
        return np.array([one.mean() for one in pixel])
    if name == "bce-dice":
        return by_hand("bce", truth, p) + 0.5 * by_hand("dice", truth, p)
    patches = []
    for t, q in zip(truth, p, strict=True):
        classes = []
        for k in range(t.shape[-1]):
            a, b = t[..., k], q[..., k]
            if name == "filtered-jaccard" and not a.any():
                a, b = 1 - a, 1 - b
            both = sum(x * y for x, y in zip(a.ravel(), b.ravel(), strict=True))
            whole = a.sum() + b.sum()
            classes.append(1 - (2 * both / whole if name == "dice" else both / (whole - both)))
        patches.append(np.mean(classes))
    return np.array(patches)


@pytest.mark.parametrize("name", ["bce", "dice", "bce-dice", "soft-jaccard", "filtered-jaccard"])
@given(case=cases())
@EASY
def test_equal_to_the_sums_done_by_hand(name, case):
    truth, p = case
    found = value(name, truth, p)
    assert found.shape == (len(truth),)
    assert np.allclose(found, by_hand(name, truth, p), rtol=1e-4, atol=2e-4)  # SMOOTH is in one and not in the other


@pytest.mark.parametrize("name", ["bce", "dice", "bce-dice", "soft-jaccard", "filtered-jaccard"])
@given(case=cases())
@EASY
def test_zero_for_perfection_and_never_below(name, case):
    truth, p = case
    assert np.allclose(value(name, truth, truth), 0, atol=1e-5)
    found = value(name, truth, p)
    assert (found >= -1e-6).all() and np.isfinite(found).all()
    if "bce" not in name:
        assert (found <= 1 + 1e-6).all()
    assert np.isfinite(value(name, truth, 1 - truth)).all()  # dead wrong and certain


@given(case=cases(classes=(1,)))
@EASY
def test_filtered_jaccard_takes_the_side_that_is_there(case):
    truth, p = case
    found = value("filtered-jaccard", truth, p)
    there = truth.any(axis=(1, 2, 3))
    assert np.allclose(found[there], value("soft-jaccard", truth, p)[there], atol=1e-6)
    assert np.allclose(found[~there], value("soft-jaccard", 1 - truth, 1 - p)[~there], atol=1e-6)


def test_filtered_jaccard_has_a_gradient_where_soft_jaccard_has_none():
    import tensorflow as tf

    from pipeline.models.losses import loss

    truth, p = tf.zeros((1, 8, 8, 1)), tf.fill((1, 8, 8, 1), 0.3)
    slopes = {}
    for name in ("soft-jaccard", "filtered-jaccard"):
        with tf.GradientTape() as tape:
            tape.watch(p)
            lost = loss(name)(truth, p)
        slopes[name] = float(tf.reduce_max(tf.abs(tape.gradient(lost, p))))
    assert slopes["soft-jaccard"] < 1e-6 < 1e-3 < slopes["filtered-jaccard"]


def test_an_unknown_loss_is_refused_with_those_there_are():
    from pipeline.models.losses import loss

    with pytest.raises(UsageError, match="bce, dice, bce-dice, soft-jaccard, filtered-jaccard"):
        loss("focal")
