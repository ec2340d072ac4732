"""`board golden`: a real patch with both classes, and the input tensor that the board's program makes of it, in every bit."""

import json
import shutil

import numpy as np
import pytest
from board_dataset import SIZE, make

from pipeline.board import scene_folder
from pipeline.data import layout, reader
from pipeline.data.bands import parse_bands
from pipeline.data.names import parse
from pipeline.errors import UsageError
from pipeline.run import sha256
from pipeline.tasks.golden import golden


@pytest.mark.parametrize(("bands", "side"), [("n", SIZE), ("rgbn", 2 * SIZE), ("rgb", 23), ("rn", 50)])
def test_the_program_makes_the_same_input_tensor(native, tmp_path, bands, side):
    """The network copies, so its output is its input; `--golden` compares as the board will."""
    place, out = make(tmp_path, parse_bands(bands), side), tmp_path / "golden"
    about = golden(place.run, place.config(), out)
    model, found = place.run.variant("int8"), (out / "input.bin").read_bytes()
    assert len(found) == SIZE * SIZE * len(bands)
    done = native.run("inference", "--model", model, "--scene", out / "scene", "--out", tmp_path / "results",
                      "--golden", f"{out / 'input.bin'},{out / 'input.bin'}", "--golden-every", "1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (made,) = (tmp_path / "results").glob("*.bin")
    assert made.read_bytes() == found
    assert about["model"]["sha256"] == sha256(model) and "why" in about["compiled"]
    assert json.loads((out / "about.json").read_text()) == about


def test_the_patch_is_real_and_has_both_classes(place, tmp_path):
    about = golden(place.run, place.config(), tmp_path / "golden")
    dataset, patch = layout.open_dataset(place.data), parse("patch_" + about["patch"]["name"])
    assert 0.3 < reader.read_mask(dataset, patch).mean() < 0.7
    packed = scene_folder.read(tmp_path / "golden" / "scene")
    scene_folder.check(tmp_path / "golden" / "scene", packed)
    assert (packed.rows, packed.columns) == (1, 1) and packed.id == f"golden_{about['patch']['name']}"
    stored = scene_folder.read_patch(tmp_path / "golden" / "scene", packed, 0)
    np.testing.assert_array_equal(stored, reader.read_stored(dataset, "train", patch, ("nir",)))


def test_without_training_data_a_test_scene_gives_it(tmp_path):
    place = make(tmp_path, training=False)
    assert golden(place.run, place.config(), tmp_path / "golden")["patch"]["part"] == "test"


def test_the_same_again_is_the_same_and_nothing_else_is_replaced(place, tmp_path):
    out = tmp_path / "golden"
    golden(place.run, place.config(), out)
    first = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    golden(place.run, place.config(), out)
    assert {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()} == first
    (out / "notes.txt").touch()
    with pytest.raises(UsageError, match="holds other things"):
        golden(place.run, place.config(), out)


def test_a_compiled_model_counts_only_if_it_was_made_from_this_one(place, tmp_path):
    from board_models import Tensor, write

    folder = place.run.folder / "edgetpu"
    folder.mkdir()
    tensor = Tensor((1, SIZE, SIZE, 1), scale=1 / 256)
    write(folder / "int8_edgetpu.tflite", [tensor], [tensor])
    for record in (None, {"outcome": "failed"}, {"outcome": "compiled", "input": {"sha256": "0" * 64}}):
        if record:
            (folder / "compile.json").write_text(json.dumps(record))
        compiled = golden(place.run, place.config(), tmp_path / "golden")["compiled"]
        assert compiled["why"].endswith("edgetpu/int8_edgetpu.tflite was made from another int8.tflite: compile the run again")


def test_stages_that_come_first_are_named(place, tmp_path):
    place.run.threshold.unlink()
    with pytest.raises(UsageError, match="train"):
        golden(place.run, place.config(), tmp_path / "golden")
    shutil.rmtree(place.run.tflite)
    with pytest.raises(UsageError, match="quantize"):
        golden(place.run, place.config(), tmp_path / "golden")
