"""The check of a dataset finds everything that is wrong, each with its file."""

import json
import shutil

import numpy as np
import pytest
import tifffile

from pipeline.data import check as room
from pipeline.data import tiff
from pipeline.data.check import check, render
from pipeline.data.names import PatchName
from pipeline.errors import DataError

SIDE, SCENE = 16, "LC08_L1TP_999901_20000101_20000101_01_T1"


@pytest.fixture
def root(tmp_path):
    """Two by two training patches and two by three test patches, all in order."""
    rng = np.random.default_rng(5)
    for part, prefix, rows, cols in (("training", "train", 2, 2), ("test", "test", 2, 3)):
        home = tmp_path / f"38-Cloud_{part}"
        patches = [PatchName(row * cols + col + 1, row + 1, col + 1, SCENE) for row in range(rows) for col in range(cols)]
        for band in ("red", "green", "blue", "nir", *(["gt"] if prefix == "train" else [])):
            (home / f"{prefix}_{band}").mkdir(parents=True)
            for patch in patches:
                mask = (rng.integers(0, 2, (SIDE, SIDE)) * 255).astype(np.uint8)
                image = rng.integers(1, 65536, (SIDE, SIDE), np.uint16)
                tiff.write(home / f"{prefix}_{band}" / patch.file(band), mask if band == "gt" else image)
        (home / f"{part}_patches_38-Cloud.csv").write_text("name\n" + "".join(f"{patch.stem}\n" for patch in patches))
    (home / "Entire_scene_gts").mkdir()
    tiff.write(scene_mask(tmp_path), np.zeros((SIDE * 2 - 3, SIDE * 3 - 5), np.uint8))
    return tmp_path


def scene_mask(root):
    return root / "38-Cloud_test" / "Entire_scene_gts" / f"edited_corrected_gts_{SCENE}.TIF"


def file(root, band, index, part="train"):
    cols = 2 if part == "train" else 3
    patch = PatchName(index, (index - 1) // cols + 1, (index - 1) % cols + 1, SCENE)
    return root / f"38-Cloud_{'training' if part == 'train' else 'test'}" / f"{part}_{band}" / patch.file(band)


def only(root):
    (problem,) = check(root).problems
    return problem


def test_all_in_order(root):
    findings = check(root)
    assert findings.problems == () and findings.as_dict()["ok"] is True
    assert findings.counts == {
        "training patches": 4,
        "training scenes": 1,
        "non-empty training patches": 4,
        "test patches": 6,
        "test scenes": 1,
    }
    assert findings.published["training patches"] == 8400 and not findings.complete
    assert "note: not the whole of 38-Cloud" in render(findings) and "nothing is wrong" in render(findings)


def test_missing_band(root):
    path = file(root, "nir", 3)
    path.unlink()
    assert only(root) == (str(path), "missing, though training_patches_38-Cloud.csv names it")


def test_missing_folder_is_told_once(root):
    shutil.rmtree(file(root, "nir", 1).parent)
    assert only(root) == (str(file(root, "nir", 1).parent), "this folder is missing")


def test_truncated(root):
    path = file(root, "red", 2)
    path.write_bytes(path.read_bytes()[:200])
    found, problem = only(root)
    assert found == str(path) and problem and not problem.startswith("/")


def test_empty_file(root):
    path = file(root, "green", 2, "test")
    path.write_bytes(b"")
    assert only(root)[0] == str(path)


def test_wrong_type(root):
    path = file(root, "blue", 1)
    tiff.write(path, np.ones((SIDE, SIDE), np.uint8))
    found, problem = only(root)
    assert found == str(path) and "uint8" in problem and "uint16" in problem


@pytest.mark.parametrize(("shape", "told"), [((SIDE, SIDE + 1), "not square"), ((SIDE * 2, SIDE * 2), "unlike most, which are 16 x 16")])
def test_sizes(root, shape, told):
    path = file(root, "nir", 4)
    tifffile.imwrite(path, np.ones(shape, np.uint16))
    found, problem = only(root)
    assert found == str(path) and told in problem


def test_mask_values(root):
    path = file(root, "gt", 1)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[0, :3] = 1, 1, 128
    tiff.write(path, mask)
    assert only(root) == (str(path), "3 pixels of this mask are neither 0 nor 255 but 1, 128")


def test_scene_mask_missing(root):
    scene_mask(root).unlink()
    assert only(root) == (str(scene_mask(root)), "the mask of this test scene is missing")


def test_scene_mask_too_large(root):
    tiff.write(scene_mask(root), np.zeros((SIDE * 2, SIDE * 3 + 1), np.uint8))
    assert "larger than its patches together, 32 x 48" in only(root)[1]


def test_scene_mask_of_no_scene(root):
    path = scene_mask(root).with_name("edited_corrected_gts_LC08_other.TIF")
    shutil.copy(scene_mask(root), path)
    assert only(root) == (str(path), "the mask of a scene without patches")


def test_hole(root):
    path = root / "38-Cloud_test" / "test_patches_38-Cloud.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "_2_by_1_" not in line))
    for band in ("red", "green", "blue", "nir"):
        file(root, band, 4, "test").unlink()
    assert only(root) == (str(path), f"{SCENE}: the patch in row 2, column 1 of 2 x 3 is missing")


def test_huge_number_in_a_name_costs_no_time(root):
    path = root / "38-Cloud_test" / "test_patches_38-Cloud.csv"
    path.write_text(path.read_text() + PatchName(7, 999999999, 1, SCENE).stem + "\n")
    problems = dict(check(root).problems)
    assert problems[str(path)] == f"{SCENE}: 2999999990 of 999999999 x 3 patches are missing"


def test_doubled_place(root):
    for band in ("red", "green", "blue", "nir"):
        shutil.copy(file(root, band, 1, "test"), file(root, band, 1, "test").with_name(PatchName(9, 1, 1, SCENE).file(band)))
    path = root / "38-Cloud_test" / "test_patches_38-Cloud.csv"
    path.write_text(path.read_text() + PatchName(9, 1, 1, SCENE).stem + "\n")
    assert "take the same place" in only(root)[1]


def test_rows_and_files_that_do_not_match(root):
    path = root / "38-Cloud_training" / "training_patches_38-Cloud.csv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows[:-1], rows[1], "patch_x", PatchName(9, 5, 5, SCENE).stem]) + "\n")
    problems = check(root).problems
    told = {(one.rsplit("/", 1)[1], problem.split(":")[0]) for one, problem in problems}
    assert (path.name, "line 5") in told and (path.name, "line 6") in told
    assert {one for one, problem in problems if "does not name it" in problem} == {
        str(file(root, band, 4)) for band in ("red", "green", "blue", "nir", "gt")
    }
    assert sum(problem.startswith("missing") for _, problem in problems) == 5


def test_empty_list(root):
    path = root / "38-Cloud_training" / "training_patches_38-Cloud.csv"
    path.write_text("name\n")
    assert (str(path), "this list names no patch") in check(root).problems


def test_strange_file_name(root):
    path = file(root, "red", 1).with_name("red_copy of patch.TIF")
    shutil.copy(file(root, "red", 1), path)
    assert only(root)[0] == str(path)


def test_nonempty_list_with_a_stranger(root):
    path = root / "38-Cloud_training" / "training_patches_38-cloud_nonempty.csv"
    path.write_text(f"name\n{PatchName(1, 1, 1, SCENE).stem}\n{PatchName(8, 4, 2, SCENE).stem}\n")
    findings = check(root)
    assert findings.counts["non-empty training patches"] == 1
    assert findings.problems == ((str(path), f"names {PatchName(8, 4, 2, SCENE).stem}, which is not among the training patches"),)


def test_finds_all_at_once(root):
    file(root, "nir", 3).unlink()
    file(root, "red", 1, "test").write_bytes(b"II*\0")
    tiff.write(file(root, "gt", 2), np.full((SIDE, SIDE), 7, np.uint8))
    scene_mask(root).unlink()
    findings = check(root)
    assert [one for one, _ in findings.problems] == sorted(
        str(path) for path in (file(root, "nir", 3), file(root, "red", 1, "test"), file(root, "gt", 2), scene_mask(root))
    )
    plain = json.loads(json.dumps(findings.as_dict()))
    assert plain["ok"] is False and len(plain["problems"]) == 4
    assert "4 problems" in render(findings) and str(scene_mask(root)) in render(findings)


def test_no_dataset(tmp_path):
    with pytest.raises(DataError):
        check(tmp_path)


def test_published_counts_add_up():
    assert room.PUBLISHED["95-Cloud"]["training scenes"] - room.PUBLISHED["38-Cloud"]["training scenes"] == 57


@pytest.mark.shared
def test_real_chips_are_in_order(shared):
    findings = check(shared / "data" / "l8biome38")
    assert findings.problems == ()
    assert findings.counts == {
        "training patches": 23,
        "training scenes": 1,
        "non-empty training patches": 23,
        "test patches": 8,
        "test scenes": 2,
    }
