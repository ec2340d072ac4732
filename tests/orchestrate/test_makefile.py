"""The Makefile: what it refuses, and what arrives at Invoke. A copy of it calls a script that prints what it was given."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ["setup", "demo", "data", "train", "quantize", "bundle", "predict", "evaluate", "report", "models", "models-table", "test",
           "lint", "smoke", "bench", "images", "doctor", "lock", "clean"]  # fmt: skip


@pytest.fixture
def checkout(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "orchestrate").mkdir()
    shutil.copy(ROOT / "orchestrate" / "help.awk", tmp_path / "orchestrate")
    script = 'echo "task=$1"; env | grep "^EDGESEG_" | sort; exit "${FAKE_CODE:-0}"\n'
    (tmp_path / "orchestrate" / "invoke.sh").write_text(script)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "one.toml").touch()
    return tmp_path


def make(folder, *arguments, **environment):
    base = {"PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"}
    return subprocess.run(["make", *arguments], cwd=folder, env=base | environment, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [[], ["help"]])
def test_help_lists_every_target_and_variable(checkout, arguments):
    result = make(checkout, *arguments)
    assert result.returncode == 0
    for name in TARGETS:
        assert re.search(rf"^  make {name} +\w", result.stdout, re.MULTILINE), name
    for name in ["CONFIG", "DATA", "RUN", "SET", "ENGINE", "ARCHIVE", "DATASET"]:
        assert re.search(rf"^  {name} +\w", result.stdout, re.MULTILINE), name


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_is_the_task_of_the_same_name(checkout, target):
    result = make(checkout, target)
    assert result.returncode == 0
    assert result.stdout.startswith(f"task={target}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "CONFG=x"], "unknown variable CONFG; the variables are: CONFIG DATA RUN SET ENGINE"),
        (["train", "config=configs/one.toml"], "unknown variable config"),
        (["train", "ENGINE=doker"], "allowed: auto docker podman local"),
        (["train", "ENGINE=auto local"], "allowed: auto docker podman local"),
        (["train", "CONFIG=configs/two.toml"], "those there are: configs/one.toml"),
        (["data", "DATASET=mnist"], "allowed: 38-cloud 95-cloud"),
        (["evaluate", "CONFIG=configs/one.toml"], "does not take CONFIG; it takes: DATA ENGINE RUN"),
        (["clean", "DATA=x"], "does not take DATA; it takes: no variable"),
    ],
)
def test_wrong_variables_are_refused_before_anything_starts(checkout, arguments, said):
    result = make(checkout, *arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert "task=" not in result.stdout


def test_a_wrong_value_from_the_environment_is_refused_too(checkout):
    assert make(checkout, "train", ENGINE="bad").returncode == 2


def test_a_shell_in_an_image(checkout):
    result = make(checkout, "shell-device-builder", "ENGINE=docker")
    assert (result.returncode, result.stdout.splitlines()[0]) == (0, "task=shell"), result.stderr
    assert make(checkout, "shell-trainer", "RUN=x").returncode == 2


def test_values_arrive_as_they_were_typed(checkout):
    spaced = checkout / "a b" / "it's.toml"
    spaced.parent.mkdir()
    spaced.touch()
    result = make(checkout, "train", f"CONFIG={spaced}", 'DATA=/mnt/my data; "x"', "SET=train.epochs=3 data.bands=rgb", "ENGINE=local")
    assert result.returncode == 0, result.stderr
    assert f"EDGESEG_CONFIG={spaced}\n" in result.stdout
    assert 'EDGESEG_DATA=/mnt/my data; "x"\n' in result.stdout
    assert "EDGESEG_SET=train.epochs=3 data.bands=rgb\n" in result.stdout
    assert "EDGESEG_ENGINE=local\n" in result.stdout


def test_the_stages_exit_code_is_in_the_last_line(checkout):
    result = make(checkout, "train", FAKE_CODE="5")
    assert result.returncode == 2  # make's own for any recipe that failed
    assert re.search(r"train\] Error 5", result.stderr)
