"""`board take`: what a real program made is scored like a variant; what is not this scene's, model's or threshold's is refused."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from board_dataset import CROP, ONE, OTHER, THRESHOLD, make

from pipeline.data import tiff
from pipeline.errors import DataError, UsageError
from pipeline.evaluate.confusion import confusion
from pipeline.scene import images
from pipeline.tasks.evaluating import evaluate
from pipeline.tasks.packing import pack
from pipeline.tasks.taking import take

ROOT = Path(__file__).resolve().parents[2]


def on_the_board(native, place, scene, out, crop=None, threshold=THRESHOLD, model=None):
    """Packs, runs and stitches `scene` with the board's program; the folder that comes back."""
    (one,) = pack(place.config(), [scene], "uint16", out / "packed")["scenes"]
    back = out / "back" / scene
    shutil.rmtree(back, ignore_errors=True)
    back.mkdir(parents=True)
    crop = crop or one["crop"]
    done = native.run("inference", "--model", model or place.run.variant("int8"), "--scene", one["folder"], "--out", back / "results",
                      "--json", back / "report.json", "--stitch", back / "mask.png", "--threshold", repr(threshold),
                      "--crop", f"{crop[0]}x{crop[1]}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return back


@pytest.fixture(scope="module")
def made(native, tmp_path_factory):
    """A place and what came back of its first scene; copied for each test."""
    folder = tmp_path_factory.mktemp("made")
    place = make(folder)
    return place, on_the_board(native, place, ONE, folder)


@pytest.fixture
def fresh(made, tmp_path):
    place, back = made
    copied = type(place)(place.data, type(place.run)(Path(shutil.copytree(place.run.folder, tmp_path / "run"))))
    return copied, Path(shutil.copytree(back, tmp_path / "back"))


def files_of(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("kept", ["results below", "flat", "no patches"])
def test_a_mask_is_kept_scored_and_compared(fresh, kept):
    place, back = fresh
    if kept != "results below":
        for path in (back / "results").iterdir():
            if path.name == "scene.json" or kept == "flat":
                path.rename(back / path.name)
        shutil.rmtree(back / "results")
    record = take(place.run, place.config(), ONE, back)
    mask = images.read_png(back / "mask.png") > 0
    truth = tiff.read(place.mask(ONE), np.uint8) > 0
    folder = place.run.scenes / "board"
    assert ((images.read_png(folder / f"{ONE}.png") > 0) == mask).all() and ((tiff.read(folder / f"{ONE}.tif", np.uint8) > 0) == mask).all()
    assert record["confusions"]["validation"] == confusion(truth, mask).tolist()
    assert record["int8"] == {"differing": 0, "pixels": truth.size}  # the network only copies
    report = json.loads((back / "report.json").read_text())
    assert record["milliseconds_per_patch"] == report["milliseconds"]["invoke"]["median"]
    assert record["board"]["tflite"] == "2.9.0" and record["board"]["model"] == "int8.tflite" and record["board"]["device"] == "cpu"
    rows = list(csv.DictReader((place.run.evaluation / "board.csv").open()))
    assert [(row["kind"], row["scene"]) for row in rows] == [("validation", scene) for scene in (ONE, "macro", "micro")]
    section = record["summary"]
    assert list(section["variants"]) == ["float32", "int8", "board"] and section["scenes"] == [ONE]
    assert section["variants"]["board"] == section["variants"]["int8"]
    assert not place.run.summary.exists()  # that is made by `evaluate`


def test_again_changes_nothing(fresh):
    place, back = fresh
    take(place.run, place.config(), ONE, back)
    before = {path: (path.stat().st_mtime_ns, data) for path, data in files_of(place.run.scenes).items()}
    csv_before = (place.run.evaluation / "board.csv").read_bytes()
    take(place.run, place.config(), ONE, back)
    assert {path: (path.stat().st_mtime_ns, data) for path, data in files_of(place.run.scenes).items()} == before
    assert (place.run.evaluation / "board.csv").read_bytes() == csv_before


def test_evaluate_and_report_show_the_board_on_its_scenes(fresh):
    place, back = fresh
    take(place.run, place.config(), ONE, back)
    config = place.config()
    whole = evaluate(place.run, config.model_copy(update={"evaluate": config.evaluate.model_copy(update={"cross_check": 0})}))
    assert whole["scenes"] == [ONE, OTHER] and whole["board"]["scenes"] == [ONE]
    assert set(whole["variants"]) == {"float32", "dynamic", "float16", "int8"}
    again = take(place.run, config, ONE, back)
    assert json.loads(place.run.summary.read_text())["board"] == again["summary"] == whole["board"]
    from pipeline.tasks.reporting import report

    page = report(place.run).read_text()
    assert 'id="board"' in page and 'href="#board"' in page and "TF Lite 2.9.0" in page


def test_a_record_of_another_threshold_no_longer_counts(fresh, capfd):
    place, back = fresh
    take(place.run, place.config(), ONE, back)
    edit(place.run.threshold, value=0.5)
    with pytest.raises(DataError, match="--threshold 0.5"):
        take(place.run, place.config(), ONE, back)
    from pipeline.tasks import board_results, cloud

    assert board_results.collect(place.run, cloud.Cloud(place.config()).scenes()) is None
    assert "take it again" in capfd.readouterr().err and not (place.run.evaluation / "board.csv").exists()


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda b: shutil.rmtree(b), "no such folder"),
        (lambda b: (b / "mask.png").unlink(), "mask.png: is missing"),
        (lambda b: (b / "mask.png").write_bytes((b / "mask.png").read_bytes()[:60]), "mask.png: cannot be read"),
        (lambda b: images.write_png(b / "mask.png", np.zeros((61, 89), np.uint8)), "--crop 61x90"),
        (lambda b: images.write_png(b / "mask.png", np.zeros((61, 90, 3), np.uint8)), "--crop 61x90"),
        (lambda b: images.write_png(b / "mask.png", np.full(CROP[ONE], 254, np.uint8)), "other values than 0 and 255"),
        (lambda b: images.write_png(b / "mask.png", np.zeros(CROP[ONE], np.uint8)), "not what the results beside it are"),
        (lambda b: (b / "report.json").unlink(), "report.json: is missing"),
        (lambda b: (b / "report.json").write_text("{"), "is no report"),
        (lambda b: (b / "report.json").write_text("{}"), "is no report"),
        (lambda b: edit(b / "report.json", scene=OTHER), f"is of scene {OTHER}, not of {ONE}"),
        (lambda b: edit(b / "report.json", status="interrupted"), "is interrupted; the same command with --resume"),
        (lambda b: edit(b / "report.json", model_crc32="00000000"), "another model .*CRC-32 00000000"),
        (lambda b: edit(b / "report.json", milliseconds={}), "is no report"),
        (lambda b: (b / "results" / "scene.json").unlink(), "scene.json: is missing"),
        (lambda b: edit(b / "results" / "scene.json", id=OTHER), f"is of scene {OTHER}"),
        (lambda b: edit(b / "results" / "scene.json", rows=1), "packed from other data"),
        (lambda b: edit(b / "results" / "scene.json", source_patch_size=64), "packed from other data"),
        (lambda b: edit(b / "results" / "scene.json", dtype="uint16"), "scene that was sent, not of its results"),
        (lambda b: (b / "results" / f"patch_2_1_by_2_{ONE}.bin").unlink(), "patch_2_1_by_2_.*is missing"),
        (lambda b: (b / "results" / f"patch_2_1_by_2_{ONE}.bin").write_bytes(b""), "0 bytes where 256 belong"),
    ],
)
def test_what_did_not_come_back_whole_is_refused(fresh, harm, says):
    place, back = fresh
    harm(back)
    with pytest.raises(DataError, match=says):
        take(place.run, place.config(), ONE, back)
    assert not (place.run.scenes / "board").exists()


def test_another_model_and_an_unknown_scene(native, made, fresh, tmp_path):
    from board_models import Tensor, write

    place, back = fresh
    tensor = Tensor((1, 16, 16, 1), scale=1 / 255)
    other = write(tmp_path / "other.tflite", [tensor], [tensor], compiled=False)
    back = on_the_board(native, place, ONE, tmp_path / "o", model=other)
    with pytest.raises(DataError, match="other.tflite"):
        take(place.run, place.config(), ONE, back)
    with pytest.raises(UsageError, match=f"LC08_NOT.*{ONE}, {OTHER}"):
        take(place.run, place.config(), "LC08_NOT", back)


def test_a_scene_without_a_mask_is_compared_but_not_scored(native, made, tmp_path):
    place = make(tmp_path / "own")
    place.mask(ONE).unlink()
    back = on_the_board(native, place, ONE, tmp_path)
    record = take(place.run, place.config(), ONE, back)
    assert (record["height"], record["width"]) == (64, 96) and "confusions" not in record and record["summary"] is None
    assert record["int8"]["differing"] == 0 and not (place.run.evaluation / "board.csv").exists()


def test_the_command(fresh):
    place, back = fresh
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pipeline", "board", "take", "--run", str(place.run.folder), "--scene", ONE, "--from", str(back)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scene"] == ONE and f"0 of {61 * 90} pixels" in done.stderr
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and done.stdout == "" and "On the board" in done.stderr and "already there" in done.stderr, done.stderr
