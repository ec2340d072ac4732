"""The smoke test's own steps, with a stand-in engine that makes what stages would make: what it says, what it keeps, how it ends."""

import json
import os

import pytest

from orchestrate import golden, smoke
from orchestrate.errors import MissingTool

PROGRAM = """#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
        --json) echo '{"milliseconds": {"invoke": {"median": 7.4}}}' >"$2" ;;
        --out) case $0 in *inference) mkdir "$2" ;; *) echo "$@" >"$2" ;; esac ;;
    esac
    shift
done
"""


class StandIn:
    """An engine that runs no stage but leaves behind what one would; `codes`: with what a stage ends, by its name."""

    name = "local"

    def __init__(self, root, differing=2):
        self.root, self.differing, self.codes, self.asked = root, differing, {}, []

    def prepare(self):
        return 0

    def run(self, stage):
        name = stage.arguments[0] if stage.arguments[0] not in ("board", "edgetpu") else stage.arguments[1]
        self.asked.append((name, stage))
        os.write(2, f"edgeseg: {name} speaks\n".encode())  # as a child process would
        run = self.root / "runs" / "20260101T000000Z-smoke"
        if name == "train":
            run.mkdir(parents=True)
            (run / "threshold.json").write_text('{"value": 0.25}')
        elif name == "pack":
            for scene, rows in (("LARGE", 9), ("SMALL", 2)):
                folder = stage.writes[1] / "scenes" / scene
                folder.mkdir(parents=True)
                (folder / "scene.json").write_text(json.dumps({"rows": rows, "columns": 3, "crop": [20, 30]}))
        elif name == "take":
            for variant in ("board", "int8"):
                (run / "scenes" / variant).mkdir(parents=True)
                about = {"int8": {"differing": self.differing, "pixels": 600}, "confusions": {"validation": [[10, 5], [5, 10]]}}
                (run / "scenes" / variant / "SMALL.json").write_text(json.dumps(about))
        return self.codes.get(name, 4 if name == "compile" else 0)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    out = tmp_path / "out" / "mendel"
    out.mkdir(parents=True)
    for name in ("inference", "stitch"):
        (out / name).write_text(PROGRAM)
        (out / name).chmod(0o755)
    monkeypatch.setattr(smoke.device_build, "build", lambda target: out)
    monkeypatch.setattr(golden, "maker", lambda target, programs, native: golden.Maker("these programs, as they are", programs))
    return StandIn(tmp_path)


def test_every_step_has_its_line_and_the_run_is_removed(engine, capfd):
    smoke.smoke(engine, engine.root)
    lines = capfd.readouterr().err.splitlines()
    steps = [line.split()[1] for line in lines if line.startswith("edgeseg: ") and line.endswith(" s")]
    assert steps == ["train", "quantize", "check", "compile", "build", "run", "score"] and len(lines) <= 15
    assert "LEFT OUT: compile speaks" in "\n".join(lines) and "6 patches, 7 ms each" in "\n".join(lines)
    assert lines[-1].startswith("edgeseg: smoke test passed") and "Jaccard 0.5000" in "\n".join(lines)
    assert not list((engine.root / "runs").iterdir()) and not list((engine.root / ".cache").iterdir())


def test_stages_are_asked_for_no_more_than_they_need(engine):
    smoke.smoke(engine, engine.root)
    assert {name: stage.image for name, stage in engine.asked if name != "compile"} == dict.fromkeys(
        ("train", "quantize", "check", "pack", "take"), "trainer"
    )
    assert dict(engine.asked)["compile"].image == "compiler" and not any(stage.network for _, stage in engine.asked)


@pytest.mark.parametrize("name", ["check", "quantize"])
def test_a_gate_is_exit_code_5_and_the_run_is_kept(engine, capfd, name):
    engine.codes[name] = 5
    with pytest.raises(smoke.GateFailed, match=f"^{name} speaks$") as failed:
        smoke.smoke(engine, engine.root)
    assert failed.value.exit_code == 5
    text = capfd.readouterr().err
    assert "... FAILED" in text and ".cache/smoke.log; the run is kept: runs/.smoke-20260101T000000Z" in text
    assert [path.name for path in (engine.root / "runs").iterdir()] == [".smoke-20260101T000000Z"]  # hidden: never the newest run
    assert [path.name for path in (engine.root / ".cache").iterdir()] == ["smoke.log"]


def test_another_mask_than_the_pipelines_is_a_gate(engine):
    engine.differing = 60
    with pytest.raises(smoke.GateFailed, match=r"10\.000 % of pixels differ"):
        smoke.smoke(engine, engine.root)


def test_a_stage_that_fails_hands_on_its_code(engine):
    engine.codes["take"] = 3
    with pytest.raises(smoke.StageFailed, match="take speaks") as failed:
        smoke.smoke(engine, engine.root)
    assert failed.value.exit_code == 3


def test_an_image_that_cannot_be_had_leaves_out_the_compiler_only(engine, capfd, monkeypatch):
    run = engine.run

    def without_compiler(stage):
        if stage.image == "compiler":
            raise MissingTool("image compiler could not be built: Google's repository cannot be reached")
        return run(stage)

    monkeypatch.setattr(engine, "run", without_compiler)
    smoke.smoke(engine, engine.root)
    assert "LEFT OUT: image compiler could not be built: Google's repository cannot be reached" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["train", "quantize"])
def test_ctrl_c_in_a_stage_ends_it_all_and_leaves_no_run(engine, name):
    engine.codes[name] = 130
    older = engine.root / "runs" / "20250101T000000Z-smoke"
    older.mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt):
        smoke.smoke(engine, engine.root)
    assert list((engine.root / "runs").iterdir()) == [older]
    assert not list((engine.root / ".cache").glob("smoke-*"))
