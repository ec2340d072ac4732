"""Stages through containers from a clean clone, by an unprivileged caller: the same bytes as without, and no file of anybody else."""

import importlib.util
import json
import shutil

import pytest
from container_place import SMALL, local

from orchestrate.device_files import digest

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@pytest.fixture(scope="module")
def run(place):
    """The run folder of `make demo`, small."""
    place.make("demo", "ENGINE=docker", f"SET={SMALL}")
    return place.runs()[-1]


def test_demo_goes_the_whole_way(run):
    assert (run / "report.html").is_file() and set(json.loads((run / "evaluation" / "summary.json").read_text())["variants"]) >= {"int8"}
    assert "edgeseg/trainer" in (run / "environment.json").read_text()  # with the image's digest


def test_quantize_gives_the_same_bytes_as_without_a_container(place, run, tmp_path):
    place.make("quantize", "ENGINE=docker", f"RUN={run}")
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("this Python has no TensorFlow to compare with")
    twin = tmp_path / "runs" / run.name
    shutil.copytree(run, twin)
    shutil.rmtree(twin / "tflite")
    local(tmp_path, "quantize", "--run", str(twin), "--data", str(place.folder / "data" / "demo"))
    for name in ("float32", "dynamic", "float16", "int8"):
        assert (twin / "tflite" / f"{name}.tflite").read_bytes() == (run / "tflite" / f"{name}.tflite").read_bytes(), name


def test_build_device_gives_the_same_bytes_as_without_a_container(place, tmp_path):
    place.make("build-device", "ENGINE=docker")
    from orchestrate import device_build
    from orchestrate.errors import MissingTool

    try:
        here = device_build.build("mendel", out=tmp_path)
    except MissingTool as why:
        pytest.skip(f"nothing to compare with: {why}")
    there = place.folder / "out" / "mendel"
    names = sorted(path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file())
    assert {name: digest(here / name).hex() for name in names} == {name: digest(there / name).hex() for name in names}


def test_smoke(place):
    before = place.runs()
    done = place.make("smoke", "ENGINE=docker")
    print(done.stderr)
    for step in ("train", "quantize", "check", "compile", "build", "run", "score"):
        assert f"edgeseg: {step} " in done.stderr
    assert "smoke test passed" in done.stderr and place.runs() == before


def test_everything_belongs_to_the_caller_and_nothing_is_left_over(place, run):
    assert place.not_the_callers() == [] and place.containers() == ""
    assert not [path for path in place.folder.rglob("*partial*") if ".cache" not in path.parts]
