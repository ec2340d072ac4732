"""The compiled package opened, and predictions against what the compiler did."""

import json

import pytest
from typer.testing import CliRunner

from pipeline.edgetpu.cli import app
from pipeline.edgetpu.compare import compare, compare_folder
from pipeline.edgetpu.package import inspect
from pipeline.errors import DataError

from . import builder


def test_package_of_a_compiled_file(tmp_path):
    (tmp_path / "m_edgetpu.tflite").write_bytes(builder.compiled(on_chip=320, streamed=64, runtime=14, scratch=7, narrow=99))
    (package,) = inspect(tmp_path / "m_edgetpu.tflite").packages
    assert (package.on_chip, package.streamed, package.min_runtime, package.scratch, package.narrow_per_tile) == (320, 64, 14, 7, 99)
    assert package.compiler == "cl/1" and package.executables[0].chip == "beagle"


def test_pair_made_here(tmp_path):
    (tmp_path / "m.tflite").write_bytes(builder.unet_step())
    (tmp_path / "m_edgetpu.tflite").write_bytes(builder.compiled(on_cpu=[("LOGISTIC", "t9")]))
    (result,) = compare_folder(tmp_path)
    assert result.sides == ("TPU",) * 4 + ("CPU",) and (result.right, result.false_maps) == (4, 1)


def test_files_that_do_not_belong_together(tmp_path):
    (tmp_path / "m.tflite").write_bytes(builder.unet_step())
    (tmp_path / "m_edgetpu.tflite").write_bytes(builder.compiled(on_cpu=[("TANH", "x")]))
    with pytest.raises(DataError, match="TANH is none of"):
        compare(tmp_path / "m.tflite", tmp_path / "m_edgetpu.tflite")
    with pytest.raises(DataError, match="no pair"):
        compare_folder(tmp_path / "empty")


def test_commands(tmp_path):
    model, compiled = tmp_path / "m.tflite", tmp_path / "m_edgetpu.tflite"
    model.write_bytes(builder.unet_step(filter_constant=False))
    compiled.write_bytes(builder.compiled())

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    report = json.loads(run("check", model, "--json").stdout)
    assert report["operator_count"] == 6 and report["operators"][2]["inputs"][0]["shape"] == [4, 2, 2, 4]
    assert json.loads(run("inspect", compiled, "--json").stdout)["packages"][0]["min_runtime"] == 13
    model.write_bytes(builder.unet_step())
    assert json.loads(run("compare", model, compiled, "--json").stdout)["right"] == 5
    assert json.loads(run("table", tmp_path, "--json").stdout)[0]["operators"] == 5
    for arguments in (("check", model), ("inspect", compiled), ("compare", model, compiled), ("table", tmp_path)):
        result = run(*arguments)
        assert result.exit_code == 0 and result.stdout == ""
    assert run("check", model, "--require", "mapped=100%,offchip=0").exit_code == 0
    model.write_bytes(builder.unet_step(version=4))
    failed = run("check", model, "--require", "mapped=100%", "--json")
    assert failed.exception.exit_code == 5 and json.loads(failed.stdout)["refused"]["name"] == "TRANSPOSE_CONV"
    assert run("check", model, "--require", "fast").exception.exit_code == 2
    assert run("check", compiled).exception.exit_code == 3


@pytest.mark.shared
def test_eight_real_pairs(shared):
    """No operator said to map stayed on the CPU, 98 % right, parameters within 10 % where the rule claims to hold."""
    truth = {entry["uncompiled"].rpartition("/")[2]: entry for entry in json.loads((shared / "edgetpu" / "ground_truth.json").read_text())}
    results = compare_folder(shared / "edgetpu" / "pairs")
    assert len(results) == len(truth) == 8
    right = total = 0
    for result in results:
        entry = truth[result.report.model.path.name]
        real = [operator["where"] for operator in entry["per_op"]]
        assert list(result.sides) == real
        assert [verdict.operator.name for verdict in result.report.verdicts] == [operator["op"] for operator in entry["per_op"]]
        assert result.false_maps == 0
        right, total = right + result.right, total + len(real)
        (package,) = result.compiled.packages
        assert (package.on_chip, package.streamed, package.scratch, package.narrow_per_tile) == (
            entry["on_chip_payload_bytes"],
            entry["off_chip_stream_bytes"],
            entry["scratch_bytes"],
            entry["narrow_per_tile"],
        )
        assert [package.min_runtime, package.compiler] == entry["min_runtime_and_compiler"][0]
        if result.report.memory.holds:
            assert abs(result.parameter_error) < 0.10
            low, high = result.report.memory.parameters
            assert 0.999 * low <= result.parameters <= high
        if "UNIDIRECTIONAL_SEQUENCE_LSTM" not in entry["op_hist"]:  # whose steps the published figure leaves out
            assert result.report.memory.macs == entry["macs"]
    assert right / total >= 0.98
    assert sum(result.report.memory.holds for result in results) >= 6
