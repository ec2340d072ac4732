"""A packed scene read back is what was written, whatever its size, bands and type; anything that is not one is refused by name."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.board import scene_folder
from pipeline.board.scene_folder import PackedScene
from pipeline.errors import DataError

NAMES = ("red", "green", "blue", "nir", "swir")


def scene(rows=2, columns=3, side=4, bands=2, dtype="uint16", **more):
    return PackedScene("LC08_X", rows, columns, side, NAMES[:bands], dtype, 1.0, **more)


def patches(packed, seed=0):
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 256, (packed.patches, *packed.shape[:2], packed.shape[2] * np.dtype(packed.dtype).itemsize), dtype=np.uint8)
    if packed.dtype == "float32":
        made = rng.random((packed.patches, *packed.shape), dtype=np.float32)
    return made.view(packed.dtype).reshape(packed.patches, *packed.shape)


@settings(max_examples=60)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(1, 5),
    st.sampled_from(["uint16", "float32", "int8", "uint8"]),
    st.integers(0, 2**31),
)
def test_what_is_read_is_what_was_written(rows, columns, side, bands, dtype, seed):
    packed = scene(rows, columns, side, bands, dtype, crop=(side, side))
    values = patches(packed, seed)
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        scene_folder.write(folder, packed, values)
        assert scene_folder.read(folder) == packed
        scene_folder.check(folder, packed)
        assert scene_folder.holds(folder, packed, values)
        for position, value in enumerate(values):
            found = scene_folder.read_patch(folder, packed, position)
            assert found.dtype == value.dtype and np.array_equal(found, value)
        last = folder / packed.file(packed.patches - 1)
        last.write_bytes(last.read_bytes()[:-1] + bytes([last.read_bytes()[-1] ^ 1]))
        assert not scene_folder.holds(folder, packed, values)


@pytest.mark.parametrize("count", [5, 7])
def test_too_few_and_too_many_patches(tmp_path, count):
    with pytest.raises(DataError, match="patch_6_2_by_3_LC08_X.bin|more than its 6"):
        scene_folder.write(tmp_path, scene(), np.zeros((count, 4, 4, 2), np.uint16))
    assert not (tmp_path / "scene.json").exists()


@pytest.mark.parametrize(("shape", "dtype"), [((4, 5, 2), np.uint16), ((4, 4, 3), np.uint16), ((4, 4, 2), np.float32), ((4, 4), np.uint16)])
def test_a_patch_of_another_form_is_named(tmp_path, shape, dtype):
    values = [np.zeros((4, 4, 2), np.uint16), np.zeros(shape, dtype)]
    with pytest.raises(DataError, match="patch_2_1_by_2_LC08_X.bin: is"):
        scene_folder.write(tmp_path, scene(), values)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "a b"},
        {"id": ".hidden"},
        {"id": "../up"},
        {"id": "x" * 181},
        {"id": 7},
        {"rows": 0},
        {"rows": 10_001},
        {"columns": True},
        {"columns": 2.0},
        {"patch_size": 8193},
        {"bands": 0},
        {"bands": []},
        {"bands": 257},
        {"bands": None},
        {"dtype": "int32"},
        {"scale": 0},
        {"scale": -1.0},
        {"scale": "1"},
        {"rows": 9_999, "columns": 9_999},
        {"patch_size": 8192, "bands": 200},
        {"crop": 5},
        {"source_patch_size": 0},
    ],
)
def test_a_scene_json_that_the_board_would_refuse(tmp_path, change):
    scene_folder.write(tmp_path, scene(), patches(scene()))
    path = tmp_path / "scene.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match="scene.json: "):
        scene_folder.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[", "[]", "null", "{}", "[" * 100_000, '{"id": "x"}', "\xff"])
def test_a_damaged_scene_json(tmp_path, text):
    (tmp_path / "scene.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match="scene.json: "):
        scene_folder.read(tmp_path)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda d: (d / "patch_2_1_by_2_LC08_X.bin").unlink(), r"patch_2_1_by_2_LC08_X.bin: is missing$"),
        (lambda d: [path.unlink() for path in d.glob("patch*")], r"patch_1_1_by_1_LC08_X.bin: is missing \(and 5 more\)"),
        (lambda d: (d / "patch_2_1_by_2_LC08_X.bin").write_bytes(b"12"), "2 bytes where 64 belong"),
        (lambda d: (d / "patch_7_1_by_2_LC08_X.bin").write_bytes(bytes(64)), "is no patch of scene LC08_X"),
        (lambda d: (d / "holiday.jpg").write_bytes(b""), "holiday.jpg: is no patch"),
    ],
)
def test_a_folder_that_is_not_whole(tmp_path, harm, says):
    packed = scene()
    scene_folder.write(tmp_path, packed, patches(packed))
    (tmp_path / ".hidden").touch()
    scene_folder.check(tmp_path, packed)
    harm(tmp_path)
    with pytest.raises(DataError, match=says):
        scene_folder.check(tmp_path, packed)
    assert not scene_folder.holds(tmp_path, packed, patches(packed))


def test_only_a_packed_scene_may_be_replaced(tmp_path):
    assert scene_folder.is_packed(tmp_path, "LC08_X")  # empty
    scene_folder.write(tmp_path, scene(), patches(scene()))
    assert scene_folder.is_packed(tmp_path, "LC08_X") and not scene_folder.is_packed(tmp_path, "LC08_Y")
    (tmp_path / "patch_1_1_by_1_LC08_X.bin").write_bytes(b"cut short")
    assert scene_folder.is_packed(tmp_path, "LC08_X")
    (tmp_path / ".origin.json").touch()  # results of `inference`
    assert not scene_folder.is_packed(tmp_path, "LC08_X")
    (tmp_path / ".origin.json").unlink()
    (tmp_path / "notes.txt").touch()
    assert not scene_folder.is_packed(tmp_path, "LC08_X")
