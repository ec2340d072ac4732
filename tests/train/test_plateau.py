"""Early stopping and rate reduction as laws over any course of the validation loss."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.train.plateau import Plateau, cosine

losses = st.lists(st.floats(0, 10, allow_nan=False), min_size=1, max_size=60)
patience = st.integers(0, 6)
rates = st.floats(1e-8, 1.0)


def follow(course, wait, lr_wait, start, factor, lowest):
    """Rates and the number of epochs until training stops."""
    plateau, seen = Plateau(start), []
    for epoch, loss in enumerate(course):
        if plateau.exhausted(wait):
            break
        plateau.update(epoch, loss, lr_wait, factor, lowest)
        seen.append(plateau.learning_rate)
    return plateau, seen


@given(losses, patience, rates, st.floats(0.05, 0.95), rates)
def test_the_rate_never_rises_nor_falls_below_its_floor(course, lr_wait, start, factor, lowest):
    _, seen = follow(course, 0, lr_wait, start, factor, lowest)
    assert all(later <= earlier for earlier, later in zip([start, *seen], seen, strict=False))
    assert all(rate >= min(start, lowest) for rate in seen)
    if not lr_wait:
        assert set(seen) <= {start}


@given(losses, st.integers(1, 6))
def test_it_stops_exactly_when_patience_is_out(course, wait):
    plateau, seen = follow(course, wait, 0, 1e-3, 0.5, 1e-6)
    best = min(range(len(seen)), key=lambda epoch: (course[epoch], epoch))
    assert plateau.best_epoch == best and plateau.best == course[best]
    if len(seen) < len(course):
        assert len(seen) == best + 1 + wait
    else:
        assert len(seen) - 1 - best <= wait


@given(losses)
def test_without_patience_it_never_stops(course):
    assert len(follow(course, 0, 3, 1e-3, 0.5, 1e-6)[1]) == len(course)


@given(losses, st.integers(1, 5))
def test_the_rate_falls_once_for_every_full_wait(course, lr_wait):
    _, seen = follow(course, 0, lr_wait, 1.0, 0.5, 1e-30)
    waited, expected, best = 0, 1.0, float("inf")
    for loss, rate in zip(course, seen, strict=True):
        waited, best = (0, loss) if loss < best else (waited + 1, best)
        if waited and waited % lr_wait == 0:
            expected /= 2
        assert rate == expected


@given(losses, st.integers(0, 59))
def test_a_checkpoint_in_between_changes_nothing(course, cut):
    whole, _ = follow(course, 0, 2, 1e-3, 0.5, 1e-6)
    plateau = Plateau(1e-3)
    for epoch, loss in enumerate(course):
        if epoch == cut and epoch:
            plateau = Plateau(**json.loads(json.dumps(asdict(plateau))))
        plateau.update(epoch, loss, 2, 0.5, 1e-6)
    assert plateau == whole


@given(rates, rates, st.integers(1, 200))
def test_a_cosine_falls_from_the_highest_rate_and_stays_above_the_lowest(highest, lowest, epochs):
    seen = [cosine(highest, lowest, epoch, epochs) for epoch in range(epochs)]
    assert seen[0] == pytest.approx(highest)
    assert all(later <= earlier for earlier, later in zip(seen, seen[1:], strict=False))
    assert all(min(lowest, highest) <= rate * (1 + 1e-12) for rate in seen)
    # the same distance above the middle before half time as below it afterwards
    assert all(seen[epoch] + seen[epochs - epoch] == pytest.approx(highest + min(lowest, highest)) for epoch in range(1, epochs))
