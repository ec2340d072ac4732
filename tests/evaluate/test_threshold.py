"""Histograms and thresholds, against scikit-learn's sorted curve."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_curve

from pipeline.errors import DataError
from pipeline.evaluate.histogram import BINS, EDGES, Histogram
from pipeline.evaluate.threshold import best_f1, curve, thin, write_curve


def made(truth, p):
    histogram = Histogram()
    histogram.add(truth, p)
    return histogram


def sklearn_best(truth, p):
    precision, recall, thresholds = precision_recall_curve(truth, p)
    with np.errstate(invalid="ignore"):
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))[:-1]
    return f1.max(), thresholds[f1 >= f1.max() - 1e-12]


def levels(rng, n, count=256):
    truth = rng.random(n) < 0.3
    p = np.clip(rng.normal(np.where(truth, 0.6, 0.4), 0.2), 0, 1)
    return truth, (np.floor(p * (count - 1)) / count).astype(np.float32)


def test_edges_are_exact():
    bins = np.floor(EDGES[:-1] * np.float32(BINS - 1)).astype(int)
    np.testing.assert_array_equal(bins, np.arange(BINS))
    before = np.nextafter(EDGES[1:-1], np.float32(-1))
    np.testing.assert_array_equal(np.floor(before * np.float32(BINS - 1)).astype(int), np.arange(BINS - 1))
    assert EDGES.dtype == np.float32 and EDGES[-1] > 1


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(2, 3000))
def test_256_levels_are_exact(seed, n):
    truth, p = levels(np.random.default_rng(seed), n)
    truth[0], truth[1] = True, False
    found = best_f1(made(truth, p))
    best, at = sklearn_best(truth, p)
    assert found.f1 == pytest.approx(best, abs=1e-12)
    predicted = p >= np.float32(found.value)
    assert f1_score(truth, predicted) == pytest.approx(best, abs=1e-12)
    # the same decision as one of scikit-learn's best thresholds, unless several bins tie and the middle lies between them
    if len(at) == 1:
        np.testing.assert_array_equal(predicted, p >= at[0])
        assert found.low <= found.value <= found.high <= at[0]


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(2, 3000), st.floats(0.02, 0.98))
def test_the_cut_and_the_f1_of_int8_levels_are_scikit_learns_to_the_last_bit(seed, n, cloud):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < cloud
    truth[0] = True
    stored = np.clip(rng.normal(np.where(truth, 40, -40), 50).round(), -128, 127).astype(np.int8)
    p = (stored.astype(np.float32) + 128) * np.float32(1 / 256)  # as an int8 model's output is turned into probabilities
    _, near = sklearn_best(truth, p)
    candidates = {float(t): f1_score(truth, p >= t) for t in near}  # scikit-learn's own F1 of each of its best cuts, some equal
    found = best_f1(made(truth, p))
    assert found.f1 == max(candidates.values())
    first_level = float(p[p >= np.float32(found.value)].min())  # the lowest level called positive is what tells cuts apart
    assert candidates[first_level] == found.f1


@pytest.mark.parametrize("seed", range(5))
def test_float_probabilities_to_1e_4(seed):
    rng = np.random.default_rng(seed)
    truth = rng.random(200_000) < 0.3
    p = (1 / (1 + np.exp(-rng.normal(np.where(truth, 1, -1), 1.5)))).astype(np.float32)
    histogram = made(truth, p)
    found, (best, at) = best_f1(histogram), sklearn_best(truth, p)
    assert best - 1e-4 <= found.f1 <= best + 1e-12
    assert np.abs(found.value - at).min() <= 1e-4
    predicted = p >= np.float32(found.value)
    assert f1_score(truth, predicted) == pytest.approx(found.f1, abs=1e-12)
    assert found.precision == pytest.approx((predicted & truth).sum() / predicted.sum())
    assert found.recall == pytest.approx((predicted & truth).sum() / truth.sum())


def test_the_curve_equals_scikit_learn_on_256_levels():
    truth, p = levels(np.random.default_rng(9), 50_000)
    found = curve(made(truth, p))
    precision, recall, thresholds = precision_recall_curve(truth, p)
    np.testing.assert_allclose(found.precision, precision[:-1], atol=1e-12)
    np.testing.assert_allclose(found.recall, recall[:-1], atol=1e-12)
    assert np.abs(found.threshold - thresholds).max() < 1 / (BINS - 1)


def test_batches_and_sums_count_alike():
    rng = np.random.default_rng(10)
    truth, p = rng.integers(0, 2, (64, 99)).astype(np.uint8), rng.random((64, 99), dtype=np.float32)
    whole, parts = made(truth, p), Histogram()
    for t, q in zip(truth, p, strict=True):
        parts.add(t, q)
    halves = made(truth[:20], p[:20]) + made(truth[20:], p[20:])
    for other in (parts, halves):
        np.testing.assert_array_equal(whole.positives, other.positives)
        np.testing.assert_array_equal(whole.negatives, other.negatives)
    assert whole.positives.sum() == truth.sum() and whole.negatives.sum() == (truth == 0).sum()


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.sampled_from([1, 1000, 262_144, 262_145]), st.sampled_from(["even", "levels", "ends", "edges"]))
def test_every_pixel_is_counted_in_its_bin(seed, n, kind):
    """Against numpy's own histogram over EDGES: no pixel moves to a neighbour's counter, in blocks of any length."""
    rng = np.random.default_rng(seed)
    values = {"even": rng.random(n, np.float32), "levels": rng.integers(0, 256, n).astype(np.float32) / np.float32(256)}
    values |= {"ends": rng.choice(np.array([-1, 0, 1, 2], np.float32), n), "edges": rng.choice(EDGES, n)}
    p, truth = values[kind], rng.integers(0, 3, n).astype(np.uint8)
    found, clipped = made(truth, p), np.clip(p, 0, 1)
    for counts, those in ((found.positives, clipped[truth != 0]), (found.negatives, clipped[truth == 0])):
        np.testing.assert_array_equal(counts, np.histogram(those, EDGES)[0])


def test_the_middle_of_the_plateau_is_taken():
    truth = np.array([0, 0, 1, 1])
    found = best_f1(made(truth, np.array([0.1, 0.2, 0.8, 0.9], np.float32)))
    assert found.f1 == 1 and found.value == pytest.approx(0.5, abs=1e-4)
    assert (found.low, found.high) == pytest.approx((0.2, 0.8), abs=1e-4)


def test_no_positive_pixel():
    empty = made(np.zeros(3, bool), np.array([0, 0.4, 0.6], np.float32))
    found = best_f1(empty)
    assert found.f1 == 1 and found.value > 0.6
    with pytest.raises(DataError, match="no positive pixel"):
        curve(empty)


def test_what_is_no_probability():
    with pytest.raises(DataError, match="NaN"):
        made(np.ones(2, bool), np.array([0.5, np.nan], np.float32))
    with pytest.raises(DataError, match="compared"):
        made(np.ones(2, bool), np.ones(3, np.float32))
    clipped = made(np.array([1, 0]), np.array([1.5, -0.5], np.float32))
    assert clipped.positives[-1] == 1 and clipped.negatives[0] == 1


def test_a_thinned_curve_keeps_its_ends_and_its_best(tmp_path):
    rng = np.random.default_rng(11)
    truth = rng.random(100_000) < 0.4
    full = curve(made(truth, np.clip(rng.normal(np.where(truth, 0.7, 0.3), 0.2), 0, 1).astype(np.float32)))
    kept = thin(full)
    assert len(full.threshold) > 10_000 and 100 < len(kept.threshold) <= 512
    assert kept.f1.max() == full.f1.max()
    assert (kept.recall[0], kept.recall[-1]) == (full.recall[0], full.recall[-1])
    assert np.abs(np.interp(full.recall, kept.recall[::-1], kept.precision[::-1]) - full.precision)[full.recall > 0.01].max() < 0.01
    write_curve(tmp_path / "pr_curve.csv", full)
    rows = list(csv.DictReader((tmp_path / "pr_curve.csv").read_text().splitlines()))
    assert list(rows[0]) == ["threshold", "precision", "recall", "f1"] and len(rows) == len(kept.threshold)
    assert float(rows[0]["recall"]) == pytest.approx(kept.recall[0])
