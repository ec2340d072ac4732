import shutil

import numpy as np
import pytest

from pipeline.data import layout, tiff
from pipeline.data.lists import write_list
from pipeline.data.names import PatchName
from pipeline.errors import DataError, UsageError

EXTRA = "95-cloud_training_only_additional_to38-cloud"


def grid(scene, rows=2, cols=3):
    return [PatchName(row * cols + col + 1, row + 1, col + 1, scene) for row in range(rows) for col in range(cols)]


def part(folder, kind, patches, suffix="", empty=()):
    for band in ("red", "green", "blue", "nir", *(["gt"] if kind == "train" else [])):
        (folder / f"{kind}_{band}{suffix}").mkdir(parents=True)
        for patch in patches:
            pixels = np.zeros((8, 8), np.uint8 if band == "gt" else np.uint16)
            pixels[: 3 if patch in empty else 8] = 200
            (folder / f"{kind}_{band}{suffix}" / patch.file(band)).write_bytes(tiff.encode(pixels))


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "data"
    part(root / "38-Cloud_training", "train", grid("A") + grid("B"), empty=grid("A")[:2])
    part(root / "38-Cloud_test", "test", grid("T"))
    write_list(root / "38-Cloud_training/training_patches_38-Cloud.csv", grid("A") + grid("B"))
    write_list(root / "38-Cloud_test/test_patches_38-Cloud.csv", grid("T"))
    (root / "38-Cloud_test/Entire_scene_gts").mkdir()
    return root


@pytest.fixture
def extended(root):
    part(root / EXTRA, "train", grid("C"), "_additional_to38cloud", empty=grid("C")[:1])
    write_list(root / EXTRA / "training_patches_95-cloud_additional_to_38-cloud.csv", grid("C"))
    return root


def test_38_cloud_as_shipped(root):
    data = layout.open_dataset(root)
    assert (data.name, data.demo, data.root) == ("38-Cloud", False, root)
    assert data.training_patches(nonempty=False) == grid("A") + grid("B")
    assert data.test_scenes() == [layout.SceneGrid("T", 2, 3, tuple(grid("T")))]
    patch = grid("A")[0]
    assert data.band_path("train", "nir", patch) == root / "38-Cloud_training/train_nir/nir_patch_1_1_by_1_A.TIF"
    assert data.mask_path(patch) == root / "38-Cloud_training/train_gt/gt_patch_1_1_by_1_A.TIF"
    assert data.scene_mask_path("T") == root / "38-Cloud_test/Entire_scene_gts/edited_corrected_gts_T.TIF"


def test_one_folder_further_up_is_found_too_and_the_demo_says_so(root):
    assert layout.open_dataset(root.parent).root == root
    (root / layout.DEMO_MARKER).write_text("{}")
    data = layout.open_dataset(root)
    assert data.demo and data.name == "demo"


def test_95_cloud_is_both_training_parts(extended):
    data = layout.open_dataset(extended)
    assert data.name == "95-Cloud"
    assert data.training_patches(nonempty=False) == grid("A") + grid("B") + grid("C")
    assert data.mask_path(grid("C")[0]) == extended / EXTRA / "train_gt_additional_to38cloud/gt_patch_1_1_by_1_C.TIF"
    assert data.mask_path(grid("B")[0]).parent.name == "train_gt"


def test_95_cloud_in_two_downloads_beside_each_other(extended, tmp_path):
    (tmp_path / "second").mkdir()
    shutil.move(extended / EXTRA, tmp_path / "second" / EXTRA)
    assert layout.open_dataset(tmp_path).training_patches(nonempty=False) == grid("A") + grid("B") + grid("C")


def test_other_spellings_are_read(root):
    folder = root / "38-cloud_Training"
    (root / "38-Cloud_training").rename(folder)
    (folder / "train_red").rename(folder / "Train_Red")
    (folder / "training_patches_38-Cloud.csv").rename(folder / "Training_Patches_38-cloud.CSV")
    assert len(layout.open_dataset(root).training_patches(nonempty=False)) == 12


def test_the_nonempty_list_is_used_from_the_part_or_beside_it(root):
    for place in (root, root / "38-Cloud_training"):
        path = place / "training_patches_38-cloud_nonempty.csv"
        write_list(path, grid("B"))
        assert layout.open_dataset(root).training_patches() == grid("B")
        path.unlink()


def test_without_a_list_it_is_computed_by_the_authors_rule_and_kept(root):
    assert layout.open_dataset(root).training_patches() == grid("A")[2:] + grid("B")
    kept = root / "38-Cloud_training/training_patches_38-cloud_nonempty.csv"
    assert kept.read_text().splitlines() == ["name", *(patch.stem for patch in grid("A")[2:] + grid("B"))]
    for path in (root / "38-Cloud_training/train_red").iterdir():
        path.write_bytes(b"not read again")
    assert len(layout.open_dataset(root).training_patches()) == 10


def test_95_cloud_has_one_list_for_both_parts(extended):
    write_list(extended / EXTRA / "training_patches_95-cloud_nonempty.csv", grid("B") + grid("C")[1:])
    write_list(extended / "training_patches_38-cloud_nonempty.csv", grid("B"))
    assert layout.open_dataset(extended).training_patches() == grid("B") + grid("C")[1:]
    shutil.rmtree(extended / "38-Cloud_training")  # the addition alone: the list still names 38-Cloud's patches
    assert layout.open_dataset(extended).training_patches() == grid("C")[1:]


def test_95_cloud_without_lists_computes_both(extended):
    assert layout.open_dataset(extended).training_patches() == grid("A")[2:] + grid("B") + grid("C")[1:]
    assert layout.open_dataset(extended).training_patches() == grid("A")[2:] + grid("B") + grid("C")[1:]


def test_a_folder_that_cannot_be_written_is_no_obstacle(root, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pipeline.data.nonempty.write_list", refuse)
    assert len(layout.open_dataset(root).training_patches()) == 10
    assert "Read-only file system" in capsys.readouterr().err


def test_without_a_patch_list_the_files_of_the_red_band_are_the_list(root):
    (root / "38-Cloud_test/test_patches_38-Cloud.csv").unlink()
    assert layout.open_dataset(root).test_scenes()[0].patches == tuple(grid("T"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("name\n", "empty"),
        ("\n\n", "empty"),
        ("name\npatch_1\n", "line 2"),
        ("name\npatch_1_1_by_1_../x\n", "line 2"),
        ("name\npatch_1_1_by_1_A\npatch_1_1_by_1_A\n", "twice"),
        ("name\n\x00\n", "line"),
        ("name\npatch_9_9_by_9_Z\n", "red_patch_9_9_by_9_Z.TIF"),
    ],
)
def test_a_bad_list_is_a_data_error_that_names_it(root, text, why):
    path = root / "38-Cloud_training/training_patches_38-Cloud.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=why) as error:
        layout.open_dataset(root).training_patches(nonempty=False)
    assert path.name in str(error.value)


def test_a_bad_nonempty_list_is_a_data_error_that_names_it(root):
    path = root / "38-Cloud_training/training_patches_38-cloud_nonempty.csv"
    for text in ("name\n", "name\npatch_9_9_by_9_Z\n", "name\n" + "\xff"):
        path.write_text(text, encoding="latin-1")
        with pytest.raises(DataError, match=path.name):
            layout.open_dataset(root).training_patches()


@pytest.mark.parametrize("band", ["red", "nir", "gt"])
def test_a_missing_file_or_folder_is_named(root, band):
    file = root / f"38-Cloud_training/train_{band}" / grid("B")[3].file(band)
    file.unlink()
    with pytest.raises(DataError, match=file.name):
        layout.open_dataset(root).training_patches(nonempty=False)
    shutil.rmtree(file.parent)
    with pytest.raises(DataError, match=f"train_{band}/{band}_patch_1_1_by_1_A.TIF"):
        layout.open_dataset(root).training_patches(nonempty=False)


@pytest.mark.parametrize("gone", range(5))
def test_a_gap_in_a_scene_is_named(root, gone):
    patches = grid("T")
    missing = patches.pop(gone)
    write_list(root / "38-Cloud_test/test_patches_38-Cloud.csv", patches)
    with pytest.raises(DataError, match=rf"{missing.stem} is missing"):
        layout.open_dataset(root).test_scenes()


def test_a_doubled_place_and_a_huge_place_are_refused():
    with pytest.raises(DataError, match="patch_1_1_by_1_T and patch_7_1_by_1_T"):
        layout.grids([*grid("T"), PatchName(7, 1, 1, "T")], "list.csv")
    with pytest.raises(DataError, match="patch_4_1_by_4_T|missing"):
        layout.grids([*grid("T"), PatchName(7, 10**8, 10**8, "T")], "list.csv")


def test_what_is_no_dataset_says_so(root, tmp_path):
    (tmp_path / "other").mkdir()
    for folder in (tmp_path / "none", tmp_path / "other"):
        with pytest.raises(DataError, match=folder.name):
            layout.open_dataset(folder)
    shutil.copytree(root / "38-Cloud_training", root / "38-Cloud_training (copy)")
    with pytest.raises(DataError, match="same part"):
        layout.open_dataset(root)


def test_parts_that_are_absent_or_unknown(root):
    shutil.rmtree(root / "38-Cloud_test")
    data = layout.open_dataset(root)
    with pytest.raises(DataError, match="no test patches"):
        data.test_scenes()
    with pytest.raises(UsageError, match="not 'both'"):
        data.band_path("both", "red", grid("A")[0])


@pytest.mark.shared
def test_the_real_folder_opens(shared):
    data = layout.open_dataset(shared / "data/l8biome38")
    assert data.name == "38-Cloud" and len(data.training_patches()) == 23
    assert [(scene.rows, scene.cols) for scene in data.test_scenes()] == [(2, 2), (1, 4)]
    assert all(data.scene_mask_path(scene.scene).is_file() for scene in data.test_scenes())
