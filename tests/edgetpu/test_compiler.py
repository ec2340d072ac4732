"""`compile` against a stand-in that replays real consoles."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.edgetpu import compiler, tool
from pipeline.edgetpu.cli import app
from pipeline.errors import DataError, MissingToolError, UsageError

from . import builder

FAKE = [sys.executable, str(Path(__file__).with_name("fake_compiler.py"))]


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Compile a one-level U-Net in a run folder while the stand-in plays a scene; returns (result or error, folder)."""

    def _play(scene, model=None, on_cpu=(), command=FAKE, **options):
        run = tmp_path / "run"
        (run / "tflite").mkdir(parents=True, exist_ok=True)
        (run / "tflite" / "int8.tflite").write_bytes(model or builder.unet_step())
        (tmp_path / "compiled.tflite").write_bytes(builder.compiled(on_cpu=on_cpu, on_chip=320, streamed=64, runtime=14))
        monkeypatch.setenv("FAKE_COMPILER_PLAY", scene)
        monkeypatch.setenv("FAKE_COMPILER_MODEL", str(tmp_path / "compiled.tflite"))
        monkeypatch.setenv("FAKE_COMPILER_PID", str(tmp_path / "pid"))
        try:
            return compiler.compile_run(run, command=command, **options), run
        except (DataError, MissingToolError) as error:
            return error, run

    return _play


def saved(run):
    return json.loads((run / "edgetpu" / "compile.json").read_text())


def test_success(play):
    result, run = play("success")
    assert result == saved(run) and result["outcome"] == "compiled"
    assert {path.name for path in (run / "edgetpu").iterdir()} == {"int8_edgetpu.tflite", "compile.log", "compile.json"}
    assert result["compiler"] == "16.0.384591198" and len(result["input"]["sha256"]) == 64
    console = result["console"]
    assert (console["on_chip_used"], console["on_chip_remaining"], console["off_chip_bytes"]) == ("1.90MiB", "3.82MiB", 47104)
    assert (console["operations"], console["subgraphs"], len(console["rows"]), len(result["log"]["rows"])) == (5, 1, 5, 5)
    assert result["compared"]["right"] == 5 and result["compared"]["packages"][0]["min_runtime"] == 14
    assert result["compared"]["parameters"]["real"] == 384
    assert json.loads((run / "check.json").read_text())["maps"] == 5
    assert "Compilation succeeded!" in (run / "edgetpu" / "compile.log").read_text()


def test_partial_mapping_lies_beside_the_prediction(play):
    result, _ = play("partial", on_cpu=[("LOGISTIC", "t9")])
    assert result["console"]["partial"] and (result["console"]["on_tpu"], result["console"]["on_cpu"]) == (4, 1)
    assert result["compared"]["right"] == 4 and result["compared"]["said_to_map_but_on_cpu"] == 1
    assert result["compared"]["wrong"][0]["name"] == "LOGISTIC"


def test_large_activations_are_tried_once_more(play):
    result, _ = play("large")
    assert result["outcome"] == "compiled"
    assert [" ".join(attempt["arguments"]) for attempt in result["attempts"]] == ["-s -t 180 int8.tflite", "-s -d -t 180 int8.tflite"]


def test_large_activations_to_the_end(play):
    error, run = play("always large")
    assert isinstance(error, DataError) and error.exit_code == 3
    assert "due to large activation tensors in model" in str(error) and "smaller input" in str(error) and "operator" in str(error)
    assert len(saved(run)["attempts"]) == 2 and saved(run)["outcome"] == "failed"


def test_refused_version_names_operator_and_rule(play):
    error, run = play("version 4", model=builder.unet_step(version=4))
    assert "Didn't find op for builtin opcode 'TRANSPOSE_CONV' version '4'" in str(error)
    assert "operator 2 TRANSPOSE_CONV version 4" in str(error) and "TensorFlow 2.10" in str(error)
    assert saved(run)["failure"]["operator"]["name"] == "TRANSPOSE_CONV" and saved(run)["failure"]["words"]
    assert json.loads((run / "check.json").read_text())["refused"]["version"] == 4


def test_failure_without_a_reason(play):
    error, run = play("silent failure")
    assert isinstance(error, DataError) and "No rule explains this" in str(error)
    assert saved(run)["failure"]["words"] == ["Compilation failed!"]


def test_timeout_kills_the_whole_group(play, tmp_path):
    begin = time.monotonic()
    error, run = play("timeout", limit=1, grace=0.5)
    assert isinstance(error, DataError) and "stopped after" in str(error) and time.monotonic() - begin < 10
    child = int((tmp_path / "pid").read_text())
    for _ in range(50):
        state = Path(f"/proc/{child}/stat").read_text().split(")")[1].split()[0] if Path(f"/proc/{child}").exists() else "gone"
        if state in ("gone", "Z"):
            break
        time.sleep(0.1)
    assert state in ("gone", "Z")
    assert saved(run)["outcome"] == "timeout" and saved(run)["attempts"][0]["exit"] is None


def test_crash(play):
    error, run = play("crash")
    assert isinstance(error, DataError) and "signal 11" in str(error) and saved(run)["outcome"] == "crashed"


@pytest.mark.parametrize(("scene", "outcome"), [("garbage", "garbage"), ("claims", "garbage"), ("damaged", "damaged")])
def test_what_is_no_compiler(play, scene, outcome):
    error, run = play(scene)
    assert saved(run)["outcome"] == outcome and not (run / "edgetpu" / "int8_edgetpu.tflite").exists()
    assert error.exit_code == (4 if outcome == "garbage" else 3)


def test_an_old_result_does_not_survive_a_failure(play):
    _, run = play("success")
    assert (run / "edgetpu" / "int8_edgetpu.tflite").is_file()
    play("silent failure")
    assert not (run / "edgetpu" / "int8_edgetpu.tflite").exists() and saved(run)["outcome"] == "failed"


def test_without_a_compiler(play, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(tool.VARIABLE, raising=False)
    error, run = play("success", command=None)
    assert error.exit_code == 4 and "Debian package edgetpu-compiler" in str(error) and "compiler image" in str(error)
    assert (run / "tflite" / "int8.tflite").is_file() and json.loads((run / "check.json").read_text())["maps"] == 5


def test_found_on_path_and_through_the_variable(play, tmp_path, monkeypatch):
    script = tmp_path / "bin" / tool.NAME
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {FAKE[0]} {FAKE[1]} "$@"\n')
    script.chmod(0o755)
    monkeypatch.delenv(tool.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    assert play("success", command=None)[0]["command"] == [str(script)]
    monkeypatch.setenv(tool.VARIABLE, f'sh -c \'test -f {{folder}}/int8.tflite && exec "$0" "$@"\' {FAKE[0]} {FAKE[1]}')
    assert play("success", command=None)[0]["outcome"] == "compiled"
    monkeypatch.setenv(tool.VARIABLE, str(tmp_path / "nothing"))
    assert play("success", command=None)[0].exit_code == 4


def test_without_int8_and_with_a_float_model(tmp_path):
    with pytest.raises(UsageError, match="quantize"):
        compiler.compile_run(tmp_path)
    path = tmp_path / "float.tflite"
    path.write_bytes(builder.model([builder.T(type="FLOAT32"), builder.T(type="FLOAT32")], [builder.Op("RELU", [0], [1])]))
    with pytest.raises(DataError, match="quantize it to int8"):
        compiler.compile_model(path, tmp_path / "out", tmp_path / "check.json", command=FAKE)


def test_command(tmp_path, monkeypatch):
    (tmp_path / "int8.tflite").write_bytes(builder.unet_step())
    (tmp_path / "compiled.tflite").write_bytes(builder.compiled())
    monkeypatch.setenv("FAKE_COMPILER_PLAY", "success")
    monkeypatch.setenv("FAKE_COMPILER_MODEL", str(tmp_path / "compiled.tflite"))
    monkeypatch.setenv(tool.VARIABLE, " ".join(FAKE))
    result = CliRunner().invoke(app, ["compile", str(tmp_path / "int8.tflite"), "--json"])
    assert result.exit_code == 0 and json.loads(result.stdout)["outcome"] == "compiled"
    assert CliRunner().invoke(app, ["compile", str(tmp_path / "int8.tflite")]).exit_code == 0
    assert {path.name for path in (tmp_path / "edgetpu").iterdir()} == {"int8_edgetpu.tflite", "compile.log", "compile.json", "check.json"}
