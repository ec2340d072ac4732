"""The threshold that is taken on validation data, against a slow reading of the same rule with scikit-learn's F1."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from pipeline.errors import DataError
from pipeline.evaluate.histogram import Histogram
from pipeline.evaluate.steady import choose
from pipeline.evaluate.threshold import best_f1

LEVELS = 16


def made(truth, p):
    histogram = Histogram()
    histogram.add(truth, p.astype(np.float32))
    return histogram


def patches(rng, count, pixels=40):
    """Patches whose brightness differs: the best threshold of one is not that of another. Levels k / LEVELS."""
    found = []
    for _ in range(count):
        truth = rng.random(pixels) < rng.random()
        p = rng.normal(np.where(truth, 0.6, 0.4) + rng.normal(0, 0.15), 0.15)
        found.append((truth, np.floor(np.clip(p, 0, 0.999) * LEVELS) / LEVELS))
    found[0][0][:2] = found[1][0][:2] = True, False  # no group holds all positives, nor all negatives
    return found


def naive(parts):
    """The cuts between levels, and which of them are within one standard error of the best."""
    cuts = (np.arange(LEVELS + 1) - 0.5) / LEVELS

    def f1(of):
        truth, p = (np.concatenate(side) for side in zip(*of, strict=True))
        return np.array([f1_score(truth, p >= cut, zero_division=0) for cut in cuts])

    whole = f1(parts)
    best = int(whole.argmax())
    without = np.array([f1(parts[:i] + parts[i + 1 :]) for i in range(len(parts))])
    apart = without[:, [best]] - without
    error = np.sqrt((len(parts) - 1) * apart.var(axis=0))
    return cuts, whole, whole[best] - whole <= error + 1e-12


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.integers(2, 7))
def test_it_is_the_one_nearest_to_one_half_within_a_standard_error(seed, count):
    parts = patches(np.random.default_rng(seed), count)
    cuts, whole, close = naive(parts)
    found = choose([made(*part) for part in parts])
    # every threshold in (k - 1, k] / LEVELS decides as cut k does
    edges = np.clip(np.stack([np.arange(LEVELS + 1) - 1, np.arange(LEVELS + 1)]) / LEVELS, 0, 1)
    distance = np.where((edges[0] <= 0.5) & (edges[1] >= 0.5), 0, np.abs(edges - 0.5).min(axis=0))
    assert abs(abs(found.value - 0.5) - distance[close].min()) < 1e-4
    chosen = int(np.searchsorted(np.arange(LEVELS + 1) / LEVELS, found.value - 1e-6))
    assert close[chosen] and found.f1 == pytest.approx(whole[chosen])
    assert found.low <= found.value <= found.high


def test_many_patches_settle_on_the_best():
    rng = np.random.default_rng(3)
    parts = []
    for _ in range(20):
        truth = rng.random(200_000) < 0.3
        parts.append(made(truth, 1 / (1 + np.exp(-rng.normal(np.where(truth, 3, 1), 1)))))
    best = best_f1(sum(parts[1:], parts[0]))
    found = choose(parts)
    assert best.value > 0.85 and best.value - 0.01 < found.value <= best.value
    assert best.f1 - 1e-4 < found.f1 <= best.f1


def test_few_patches_keep_to_one_half():
    """Three clear patches, one of them bright, one overcast, one mixed: pooled, the best threshold only spares the bright one."""
    rng = np.random.default_rng(5)
    mixed = rng.random(1000) < 0.5
    cover = [np.zeros(1000, bool), np.zeros(1000, bool), np.zeros(1000, bool), np.ones(1000, bool), mixed]
    level = [0.05, 0.05, 0.80, 0.95, np.where(mixed, 0.9, 0.1)]
    parts = [made(truth, np.clip(rng.normal(at, 0.03, 1000), 0, 1)) for truth, at in zip(cover, level, strict=True)]
    assert best_f1(sum(parts[1:], parts[0])).value > 0.8
    assert choose(parts).value == pytest.approx(0.5, abs=1e-4)


def test_one_patch_has_no_standard_error():
    truth, p = np.array([0, 0, 1, 1]), np.array([0.7, 0.8, 0.9, 0.95])
    alone = made(truth, p)
    assert choose([alone]) == choose([alone, Histogram()]) == best_f1(alone)


def test_nothing_to_choose_on():
    with pytest.raises(DataError, match="no positive pixel"):
        choose([made(np.zeros(3, bool), np.array([0, 0.4, 0.6]))] * 2)
    with pytest.raises(DataError, match="no negative pixel"):
        choose([made(np.ones(3, bool), np.ones(3))] * 2)
