import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.names import PatchName
from pipeline.data.split import split
from pipeline.errors import UsageError


def some(scenes, each=4):
    return [PatchName(index, 1, index, f"scene{scene}") for scene in range(scenes) for index in range(1, each + 1)]


@given(st.integers(2, 30), st.floats(0.01, 0.99), st.integers(0, 2**31 - 1), st.sampled_from(["scene", "patch"]))
def test_both_sides_hold_something_and_together_everything(scenes, fraction, seed, how):
    patches = some(scenes)
    train, validation = split(patches, how, fraction, seed)
    assert train and validation
    assert sorted(train + validation) == sorted(patches)
    assert train == [patch for patch in patches if patch in set(train)]
    if how == "scene":
        assert not {patch.scene for patch in train} & {patch.scene for patch in validation}
        assert len({patch.scene for patch in validation}) == min(max(round(fraction * scenes), 1), scenes - 1)


def test_the_order_of_the_list_does_not_matter_and_the_seed_does():
    patches = some(20)
    shuffled = random.Random(1).sample(patches, len(patches))
    assert sorted(split(patches, "scene", 0.2, 7)[1]) == sorted(split(shuffled, "scene", 0.2, 7)[1])
    assert len({tuple(split(patches, "scene", 0.2, seed)[1]) for seed in range(10)}) > 5


def test_the_split_is_the_same_on_any_machine():
    assert sorted({patch.scene for patch in split(some(10), "scene", 0.3, 42)[1]}) == ["scene0", "scene3", "scene9"]


def test_one_scene_cannot_be_split_by_scene():
    with pytest.raises(UsageError, match="data.split=patch"):
        split(some(1), "scene", 0.2, 1)
    assert len(split(some(1), "patch", 0.25, 1)[1]) == 1


@pytest.mark.parametrize(
    ("patches", "how", "fraction"),
    [(some(3), "row", 0.2), (some(3), "scene", 0.0), (some(3), "scene", 1.0), ([], "scene", 0.2), (some(1, 1), "patch", 0.5)],
)
def test_what_cannot_be_split_is_a_usage_error(patches, how, fraction):
    with pytest.raises(UsageError):
        split(patches, how, fraction, 1)
