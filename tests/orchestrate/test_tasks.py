"""tasks.py: the command each task starts, with a pipeline that only tells what it was given."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAKE = "import json, os, sys\nprint(json.dumps(sys.argv[1:]))\nsys.exit(int(os.environ.get('FAKE_CODE', '0')))\n"


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copy(ROOT / "tasks.py", folder)
    shutil.copytree(ROOT / "orchestrate", folder / "orchestrate", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pipeline").mkdir()
    (folder / "pipeline" / "__main__.py").write_text(FAKE)
    locks = [folder / "docker" / "trainer" / name for name in ("requirements.txt", "dev.txt")]
    locks[0].parent.mkdir(parents=True)
    for lock in locks:
        lock.touch()
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "edgeseg.stamp").write_text(hashlib.sha256(b"").hexdigest() + "\n")
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return folder


def invoke(folder, *arguments, cwd=None, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EDGESEG_")}
    command = [sys.executable, "-m", "invoke", "--search-root", str(folder), *arguments]
    settings = clean | {"EDGESEG_ENGINE": "local"} | environment
    return subprocess.run(command, cwd=cwd or folder, env=settings, capture_output=True, text=True)


def started(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_options_and_environment_become_the_stages_arguments(checkout):
    environment = {"EDGESEG_CONFIG": "configs/one.toml", "EDGESEG_SET": "train.epochs=3 data.bands=rgb"}
    arguments = started(invoke(checkout, "train", "--data", "my data", **environment))
    assert arguments == ["train", "--config", "configs/one.toml", "--data", "my data", "--set", "train.epochs=3 data.bands=rgb"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["demo"], ["demo"]),
        (["data"], ["data", "fetch", "--root", "data/38-cloud"]),
        (["data", "--archive", "a.zip", "--dataset", "95-cloud"],
         ["data", "fetch", "--root", "data/95-cloud", "--archive", "a.zip", "--dataset", "95-cloud"]),
        (["quantize", "--run", "one"], ["quantize", "--run", "one"]),
        (["predict", "--run", "one", "--data", "d"], ["predict", "--run", "one", "--data", "d"]),
        (["evaluate"], ["evaluate"]),
        (["report", "--run", "one"], ["report", "--run", "one"]),
        (["models"], ["models"]),
        (["models-table"], ["models-table"]),
    ],
)  # fmt: skip
def test_each_stage(checkout, typed, expected):
    assert started(invoke(checkout, *typed)) == expected


def test_paths_hold_from_another_folder(checkout):
    (checkout / "sub").mkdir()
    arguments = started(invoke(checkout, "predict", "--data", "d", "--run", "name", cwd=checkout / "sub"))
    assert arguments == ["predict", "--run", "name", "--data", str(checkout / "sub" / "d")]


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5])
def test_the_exit_code_is_the_stages(checkout, code):
    result = invoke(checkout, "demo", FAKE_CODE=str(code))
    assert result.returncode == code
    assert "Traceback" not in result.stderr


@pytest.fixture
def no_engine(tmp_path):
    """A PATH with what the tasks use, and no container engine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "cat", "cut", "sha256sum", "shasum", "awk", "git"):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize(("name", "code", "said"), [("docker", 4, "ENGINE=local"), ("bad", 2, "allowed: auto docker podman local")])
def test_engines_that_cannot_be_had(checkout, no_engine, name, code, said):
    result = invoke(checkout, "train", "--engine", name, PATH=no_engine)
    assert result.returncode == code
    assert said in result.stderr and len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_auto_says_what_it_took(checkout, no_engine):
    assert "engine: local" in invoke(checkout, "models", "--engine", "auto", PATH=no_engine).stderr


def test_a_compiler_of_this_machine_goes_before_the_image(checkout, no_engine):
    result = invoke(checkout, "compile", "--engine", "auto", PATH=no_engine, EDGESEG_COMPILER="mine {folder}")
    assert started(result) == ["compile"] and "engine: local, which has the compiler (mine {folder})" in result.stderr


def test_a_container_is_not_shown_the_whole_machine(checkout):
    result = invoke(checkout, "data", "--data", "/38-cloud", "--engine", "docker")
    assert result.returncode == 2 and "one deeper" in result.stderr and len(result.stderr.splitlines()) == 1


def test_benchmarks_are_for_the_host(checkout):
    result = invoke(checkout, "bench", "--engine", "docker")
    assert result.returncode == 2 and "ENGINE=local" in result.stderr


def test_the_tasks_are_the_makefiles_targets(checkout):
    listed = json.loads(invoke(checkout, "--list", "--list-format=json").stdout)
    targets = {line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line and "## " in line}
    own = {"fuzz-device", "bases-refresh", "shell"}  # for developers; shell is Make's shell-IMAGE
    board = {"deploy", "rollback", "releases", "status", "scene-push", "run-scene", "fetch"}  # take options that Make has no variable for
    assert {each["name"] for each in listed["tasks"]} == (targets | own | board) - {"shell-%"}
    assert [each["name"] for each in listed["collections"]] == ["board"]
    assert all(each["help"] for each in listed["tasks"])
