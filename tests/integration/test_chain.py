"""The whole chain as a user runs it: one command on demo data, small, and every file that a run folder should hold."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.layout import open_dataset
from pipeline.data.tiff import read

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SMALL = "train.epochs=2 model.filters=4 data.size=64 quantize.batches=4"


def pipeline(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments], cwd=cwd, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """An empty folder after `demo` with a small network."""
    folder = tmp_path_factory.mktemp("chain")
    done = pipeline("demo", "--set", SMALL, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return folder


@pytest.fixture(scope="module")
def run(workplace):
    (folder,) = (workplace / "runs").iterdir()
    return folder


def test_everything_is_there(run):
    scenes = ["LC08_L1TP_999101_20000101_20000101_01_T1", "LC08_L1TP_999102_20000101_20000101_01_T1"]
    names = ["config.toml", "environment.json", "data.json", "model.h5", "threshold.json", "pr_curve.csv", "pr_curve.png", "check.json"]
    names += [f"train/{name}" for name in ("history.csv", "checkpoints/last.npz", "checkpoints/best.npz")]
    names += ["tflite/variants.json", "quantize/analysis.json", "evaluation/summary.json", "report.html"]
    for variant in ("float32", "dynamic", "float16", "int8"):
        names += [f"tflite/{variant}.tflite", f"evaluation/{variant}.csv"]
        names += [
            f"scenes/{variant}/{scene}{end}" for scene in scenes for end in (".png", ".tif", ".json", "_overlay.png", "_difference.png")
        ]
    assert [name for name in names if not (run / name).is_file()] == []
    assert not list(run.rglob("*.partial*"))
    assert list((run / "train" / "tensorboard").iterdir())


def test_the_int8_file_is_folded_and_scored(run):
    variants = json.loads((run / "tflite" / "variants.json").read_text())["variants"]
    assert variants["int8"]["operators"] == 25 and variants["int8"]["batch_norm_operators"] == 0
    assert json.loads((run / "check.json").read_text())
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    assert set(summary["variants"]) == {"float32", "dynamic", "float16", "int8"}
    assert summary["data"]["demo"] is True and summary["cross_check"]["images"] == 4


def test_scores_are_those_of_the_masks(workplace, run):
    """The counts that were taken while streaming are those of the PNG and the TIFF against the truth, pixel by pixel."""
    dataset = open_dataset(workplace / "data" / "demo")
    for record in sorted((run / "scenes" / "int8").glob("*.json")):
        found = json.loads(record.read_text())
        truth = read(dataset.scene_mask_path(found["scene"]), np.uint8) > 0
        mask = np.asarray(Image.open(record.with_suffix(".png"))) > 0
        assert (np.asarray(Image.open(record.with_suffix(".tif"))) > 0).tolist() == mask.tolist()
        counts = [[int((~truth & ~mask).sum()), int((~truth & mask).sum())], [int((truth & ~mask).sum()), int((truth & mask).sum())]]
        assert found["confusions"]["validation"] == counts


def test_the_report_says_that_the_data_is_made_up(run):
    page = (run / "report.html").read_text()
    assert "made-up scenes" in page and not re.search(r"(?:src|href)=[\"']https?:", page)


def test_a_second_evaluation_predicts_nothing_again(workplace):
    done = pipeline("evaluate", "--json", cwd=workplace)
    assert done.returncode == 0 and done.stderr.count("already there") == 8
    assert json.loads(done.stdout)["reference"] == "float32"


def test_a_picture_that_is_gone_is_made_again(workplace, run):
    lost = run / "scenes" / "int8" / "LC08_L1TP_999101_20000101_20000101_01_T1_overlay.png"
    before = lost.read_bytes()
    lost.unlink()
    done = pipeline("predict", "--variant", "int8", cwd=workplace)
    assert done.returncode == 0 and done.stderr.count("already there") == 1 and lost.read_bytes() == before


def test_another_model_is_not_scored_with_old_variants(workplace, run):
    model = run / "model.h5"
    kept = model.read_bytes()
    model.write_bytes(kept + b"changed")
    try:
        for stage in (["predict"], ["evaluate"], ["quantize", "analyze"]):
            done = pipeline(*stage, cwd=workplace)
            assert done.returncode == 2 and "another model.h5" in done.stderr, done.stderr
    finally:
        model.write_bytes(kept)


def test_a_scene_without_a_mask_is_predicted_but_not_scored(workplace, run):
    scene = "LC08_L1TP_999102_20000101_20000101_01_T1"
    mask = open_dataset(workplace / "data" / "demo").scene_mask_path(scene)
    kept = mask.with_suffix(".kept")
    mask.rename(kept)
    try:
        done = pipeline("predict", "--variant", "int8", cwd=workplace)
        assert done.returncode == 0, done.stderr
        picture = np.asarray(Image.open(run / "scenes" / "int8" / f"{scene}.png"))
        assert picture.shape == (3 * 128, 5 * 128)  # the whole grid
        done = pipeline("evaluate", cwd=workplace)
        assert done.returncode == 3 and mask.name in done.stderr and "Traceback" not in done.stderr
    finally:
        kept.rename(mask)
    assert pipeline("evaluate", cwd=workplace).returncode == 0
    assert np.asarray(Image.open(run / "scenes" / "int8" / f"{scene}.png")).shape == read(mask, np.uint8).shape


def test_a_finished_training_is_not_trained_again(workplace, run):
    history = (run / "train" / "history.csv").read_text()
    done = pipeline("train", "--run", run.name, cwd=workplace)
    assert done.returncode == 0 and (run / "train" / "history.csv").read_text() == history


def test_analyze_prints_json_alone(workplace):
    done = pipeline("quantize", "analyze", "--json", cwd=workplace)
    assert done.returncode == 0 and json.loads(done.stdout)["patches"] == 8


def test_a_stage_that_is_too_early_names_the_one_it_needs(workplace, run, tmp_path):
    early = workplace / "runs" / "20990101T000000Z-early"
    early.mkdir()
    (early / "config.toml").write_text((run / "config.toml").read_text())
    try:
        for stage, needed in (("quantize", "train"), ("predict", "quantize"), ("evaluate", "quantize"), ("report", "evaluate")):
            done = pipeline(stage, "--run", early.name, cwd=workplace)
            assert done.returncode == 2 and needed in done.stderr and "Traceback" not in done.stderr, done.stderr
    finally:
        (early / "config.toml").unlink()
        early.rmdir()


def test_compile_without_a_compiler_is_exit_4(workplace, run):
    done = pipeline("compile", cwd=workplace)
    assert done.returncode == 4 and "edgetpu_compiler" in done.stderr, done.stderr
    assert (run / "check.json").is_file()
