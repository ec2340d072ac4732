"""Counts and scores, against scikit-learn and against a loop over pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from pipeline.errors import DataError
from pipeline.evaluate.confusion import confusion, labels, positive_probability
from pipeline.evaluate.scores import SCORES, counts, macro, micro, scores


def loop(truth, prediction):
    """Counts one pixel at a time: tp, fp, fn, tn."""
    found = [0, 0, 0, 0]
    for t, p in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        found[0 if t and p else 1 if p else 2 if t else 3] += 1
    return tuple(found)


@given(st.integers(2, 7), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**31))
def test_counts_equal_scikit_learn(classes, height, width, seed):
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(0, classes, (2, height, width)).astype(np.uint8)
    found = confusion(truth, prediction, classes)
    expected = metrics.confusion_matrix(truth.ravel(), prediction.ravel(), labels=range(classes))
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, expected)
    for positive in range(classes):
        assert counts(found, positive) == loop(truth == positive, prediction == positive)


@settings(max_examples=200)
@given(st.integers(1, 40), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**31))
def test_scores_equal_scikit_learn(pixels, cloud, called, seed):
    rng = np.random.default_rng(seed)
    truth, prediction = rng.random(pixels) < cloud, rng.random(pixels) < called
    found = scores(confusion(truth, prediction))
    tp, fp, fn, tn = loop(truth, prediction)
    absent = float(tp + fp + fn == 0)
    none = 1.0 if absent else 0.0
    assert found == pytest.approx(
        {
            "jaccard": metrics.jaccard_score(truth, prediction, zero_division=none),
            "dice": metrics.f1_score(truth, prediction, zero_division=none),
            "precision": metrics.precision_score(truth, prediction, zero_division=none),
            "recall": metrics.recall_score(truth, prediction, zero_division=none),
            "specificity": metrics.recall_score(~truth, ~prediction, zero_division=1.0) if fp + tn else 1.0,
            "accuracy": metrics.accuracy_score(truth, prediction),
            "fpr": fp / (fp + tn) if fp + tn else 0.0,
        }
    )
    assert tuple(found) == SCORES
    assert all(0 <= value <= 1 for value in found.values())


@pytest.mark.parametrize(
    ("truth", "prediction", "expected"),
    [
        ([0, 0], [0, 0], {"jaccard": 1, "dice": 1, "precision": 1, "recall": 1, "specificity": 1, "accuracy": 1, "fpr": 0}),
        ([1, 1], [1, 1], {"jaccard": 1, "dice": 1, "precision": 1, "recall": 1, "specificity": 1, "accuracy": 1, "fpr": 0}),
        ([0, 0], [0, 1], {"jaccard": 0, "dice": 0, "precision": 0, "recall": 0, "specificity": 0.5, "accuracy": 0.5, "fpr": 0.5}),
        ([1, 0], [0, 0], {"jaccard": 0, "dice": 0, "precision": 0, "recall": 0, "specificity": 1, "accuracy": 0.5, "fpr": 0}),
        ([1, 1], [0, 1], {"jaccard": 0.5, "dice": 2 / 3, "precision": 1, "recall": 0.5, "specificity": 1, "accuracy": 0.5, "fpr": 0}),
    ],
)
def test_what_zero_by_zero_is(truth, prediction, expected):
    assert scores(confusion(np.array(truth), np.array(prediction))) == pytest.approx(expected)


def test_macro_weighs_scenes_and_micro_pixels():
    small = confusion(np.array([1, 1]), np.array([1, 0]))
    large = confusion(np.ones(98, int), np.ones(98, int))
    assert macro([scores(small), scores(large)])["jaccard"] == pytest.approx(0.75)
    assert micro([small, large])["jaccard"] == pytest.approx(0.99)
    for average in (macro, micro):
        with pytest.raises(DataError, match="no scene"):
            average([])


def test_other_labels_are_refused():
    good = np.array([0, 1])
    with pytest.raises(DataError, match="labels 0 to 255"):
        confusion(np.array([0, 255], np.uint8), good)
    with pytest.raises(DataError, match="integers"):
        confusion(good, np.array([0.2, 0.8]))
    with pytest.raises(DataError, match="compared"):
        confusion(good, np.array([0, 1, 1]))
    with pytest.raises(DataError, match="no pixel"):
        scores(confusion(good[:0], good[:0]))


def test_labels_compare_in_float32():
    p = np.array([[0.1], [np.nextafter(np.float32(0.1), np.float32(0))]], np.float32)
    assert labels(p, 0.1).tolist() == [1, 0]
    assert labels(np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]], np.float32)).tolist() == [1, 0]


def test_positive_probability():
    two = np.array([[0.25, 0.75]], np.float32)
    assert positive_probability(two, 1).tolist() == [0.75] and positive_probability(two, 0).tolist() == [0.25]
    assert positive_probability(two[:, 1:], 1).tolist() == [0.75] and positive_probability(two[:, 1:], 0).tolist() == [0.25]
    with pytest.raises(DataError, match="class 2"):
        positive_probability(two, 2)
