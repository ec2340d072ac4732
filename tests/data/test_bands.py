from itertools import permutations

import pytest

from pipeline.data.bands import BANDS, parse_bands
from pipeline.errors import UsageError


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_letters_and_names_in_any_order_mean_the_same(number):
    for chosen in permutations(BANDS, number):
        assert parse_bands("".join(band[0] for band in chosen)) == parse_bands(chosen) == parse_bands(list(chosen)) == chosen


def test_one_band_may_be_given_by_its_name():
    assert parse_bands("nir") == ("nir",)
    assert parse_bands("RGB") == ("red", "green", "blue")


@pytest.mark.parametrize("spec", ["", "rgbx", "rr", [], ["red", "red"], ["swir"], ["r"], "gt"])
def test_anything_else_is_a_usage_error(spec):
    with pytest.raises(UsageError, match="data.bands"):
        parse_bands(spec)
