"""The command line: help with an example everywhere, clear errors with the right exit codes, JSON alone on stdout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = [
    "train",
    "quantize",
    "quantize analyze",
    "predict",
    "evaluate",
    "report",
    "demo",
    "models",
    "models-table",
    "data check",
    "data fetch",
    "data demo",
    "edgetpu check",
    "edgetpu inspect",
    "edgetpu compare",
    "edgetpu compile",
    "board pack",
    "board golden",
    "board take",
]


def pipeline(arguments, cwd, **environment):
    """Run the command line as a user would."""
    command = [sys.executable, "-m", "pipeline", *(arguments.split() if isinstance(arguments, str) else arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT), **environment})


@pytest.fixture(scope="module")
def demo_root(tmp_path_factory):
    """The demo data, made by its own command."""
    root = tmp_path_factory.mktemp("data") / "demo"
    done = pipeline(["data", "demo", str(root)], root.parent)
    assert done.returncode == 0, done.stderr
    return root


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_help_with_an_example(stage, tmp_path):
    done = pipeline(f"{stage} --help", tmp_path)
    assert done.returncode == 0 and f"python -m pipeline {stage.split()[0]}" in done.stdout
    assert "Example" in done.stdout


@pytest.mark.parametrize("group", ["", "data", "edgetpu", "board"])
def test_every_group_has_an_example(group, tmp_path):
    assert "Example: python -m pipeline" in pipeline(f"{group} --help", tmp_path).stdout


def test_help_needs_no_tensorflow(tmp_path):
    code = "import sys, pipeline.cli; assert not {'tensorflow', 'cv2', 'matplotlib'} & set(sys.modules), 'heavy imports'"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("nonsense", 2, "nonsense"),
        ("train --config nowhere.toml", 2, "nowhere.toml: no such config"),
        (["train", "--set", "train.epoch=3"], 2, "did you mean 'epochs'?"),
        ("train --data nowhere", 3, "nowhere"),
        ("train --run nowhere", 2, "not a run folder"),
        ("quantize", 2, "no run below runs yet"),
        ("predict --variant int4", 2, "no run below runs yet"),
        ("data check nowhere", 3, "nowhere"),
        ("data fetch --archive nowhere.zip", 3, "nowhere.zip"),
        ("edgetpu check nowhere.tflite", 3, "nowhere.tflite"),
    ],
)
def test_errors_have_their_exit_code_and_no_traceback(arguments, code, said, tmp_path):
    done = pipeline(arguments, tmp_path)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert done.stdout == ""


def test_size_that_does_not_fit_the_network(demo_root, tmp_path):
    done = pipeline(["train", "--data", str(demo_root), "--set", "data.size=100"], tmp_path)
    assert done.returncode == 2 and "multiple of 8, such as 96" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()  # no empty run folder that would be the newest


def test_one_scene_cannot_be_split_by_scene(demo_root, tmp_path):
    done = pipeline(["train", "--data", str(one_scene(demo_root, tmp_path))], tmp_path)
    assert done.returncode == 2 and "data.split" in done.stderr, done.stderr


def one_scene(demo_root, tmp_path):
    """A copy whose lists name one training scene only."""
    root = tmp_path / "one"
    shutil.copytree(demo_root, root)
    for path in (root / "38-Cloud_training").glob("training_patches*.csv"):
        lines = path.read_text().splitlines()
        path.write_text("\n".join([lines[0]] + [line for line in lines[1:] if line.endswith(lines[1][-40:])]) + "\n")
    return root


def test_data_check_says_everything_that_is_wrong(demo_root, tmp_path):
    clean = pipeline(["data", "check", str(demo_root), "--json"], tmp_path)
    assert clean.returncode == 0 and json.loads(clean.stdout)["problems"] == []
    root = tmp_path / "bad"
    shutil.copytree(demo_root, root)
    bands = sorted((root / "38-Cloud_training" / "train_nir").iterdir())
    bands[0].write_bytes(bands[0].read_bytes()[:500])
    bands[1].unlink()
    done = pipeline(["data", "check", str(root), "--json"], tmp_path)
    assert done.returncode == 3
    problems = json.dumps(json.loads(done.stdout)["problems"])
    assert bands[0].name in problems and bands[1].name in problems


def test_an_empty_list_is_named(demo_root, tmp_path):
    root = tmp_path / "empty"
    shutil.copytree(demo_root, root)
    for path in (root / "38-Cloud_training").glob("training_patches*.csv"):
        path.write_text("name\n")
    done = pipeline(["train", "--data", str(root)], tmp_path)
    assert done.returncode == 3 and "training_patches" in done.stderr, done.stderr
