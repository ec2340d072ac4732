import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.names import PatchName, parse
from pipeline.errors import DataError

numbers = st.integers(1, 10**9 - 1)
scenes = st.text("ABCLT0123456789_-", min_size=1, max_size=60)


@given(numbers, numbers, numbers, scenes)
def test_a_name_reads_back_with_and_without_band_and_ending(index, row, col, scene):
    patch = PatchName(index, row, col, scene)
    assert parse(patch.stem) == parse(patch.file("nir")) == parse(patch.file("gt")) == parse("red_" + patch.stem) == patch


def test_the_name_of_the_published_sample():
    patch = parse("red_patch_192_10_by_12_LC08_L1TP_002053_20160520_20170324_01_T1.TIF")
    assert patch == PatchName(192, 10, 12, "LC08_L1TP_002053_20160520_20170324_01_T1")
    assert patch.file("red") == "red_patch_192_10_by_12_LC08_L1TP_002053_20160520_20170324_01_T1.TIF"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "patch",
        "patch_0_1_by_1_s",
        "patch_1_0_by_1_s",
        "patch_1_1_by_0_s",
        "patch_01_1_by_1_s",
        "patch_1_1_by_1_",
        "patch_1_1_by_1",
        "patch_-1_1_by_1_s",
        "patch_1_1_by_1_a/b",
        "patch_1_1_by_1_../../etc",
        "patch_1_1_by_1_a\\b",
        "patch_1_1_by_1_a b",
        "patch_1_1_by_1_a\n",
        "patch_1234567890_1_by_1_s",
        "patch_\u0661_1_by_1_s",
        "patch_1_1_by_1_a\0",
    ],
)
def test_what_is_not_a_patch_name_is_refused(text):
    with pytest.raises(DataError, match="not a patch name"):
        parse(text)


@given(st.text())
def test_any_text_is_a_name_or_a_data_error(text):
    try:
        patch = parse(text)
    except DataError:
        return
    assert parse(patch.stem) == patch
