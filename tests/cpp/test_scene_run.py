"""inference on a processor, with models that only copy: what goes in and comes out, bit by bit, and every bad input."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from board_models import Tensor, write
from board_scenes import patch_file, quantized, read_results, reals, write_scene

RNG = np.random.default_rng(4)


def images(rows: int, columns: int, side: int, bands: int, dtype: str = "uint16") -> np.ndarray:
    if dtype == "uint16":
        return RNG.integers(0, 65536, (rows, columns, side, side, bands), dtype=np.uint16)
    return RNG.random((rows, columns, side, side, bands), dtype=np.float32)


def copier(path: Path, side: int, bands: int, **other) -> Path:
    tensor = Tensor((1, side, side, bands), **other)
    return write(path, [tensor], [tensor], compiled=False)


@pytest.mark.parametrize(
    ("scale", "zero_point", "dtype"), [(1 / 255, -128, "int8"), (0.0071, 3, "int8"), (1 / 255, 0, "uint8"), (0.00391, 7, "uint8")]
)
@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_preparation_equals_numpy_in_every_bit(native, tmp_path, scale, zero_point, dtype, kind):
    if kind == "uint16":  # all 65,536 values
        patches = np.arange(65536, dtype=np.uint16).reshape(1, 1, 128, 128, 4)
    else:
        patches = (
            np.concatenate([RNG.uniform(-1, 2, 65000), (np.arange(536) - 250) / 2 * np.float32(scale)])
            .astype(np.float32)
            .reshape(1, 1, 128, 128, 4)
        )
    model = copier(tmp_path / "m.tflite", 128, 4, scale=scale, zero_point=zero_point, dtype=dtype)
    scene = write_scene(tmp_path / "scene", patches)
    done = native.run("inference", "--model", model, "--scene", scene, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    want = quantized(reals(patches[0, 0], 128), scale, zero_point, np.dtype(dtype))
    np.testing.assert_array_equal(read_results(tmp_path / "out")[0, 0], want)


@pytest.mark.parametrize("kind", ["uint16", "float32"])
@pytest.mark.parametrize(("side", "size", "bands"), [(384, 192, 4), (256, 192, 4), (100, 37, 3), (61, 61, 1), (50, 25, 2)])
def test_resizing_is_that_of_training(native, tmp_path, kind, side, size, bands):
    patches = images(1, 2, side, bands, kind)
    model = copier(tmp_path / "m.tflite", size, bands)
    scene = write_scene(tmp_path / "scene", patches)
    done = native.run("inference", "--model", model, "--scene", scene, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    got = read_results(tmp_path / "out")[0].astype(int)
    apart = np.abs(got - np.stack([quantized(reals(patch, size), 1 / 255, -128, np.int8) for patch in patches[0]]).astype(int))
    exact = side == size or (kind == "uint16" and side == 2 * size)
    # elsewhere OpenCV's last bit depends on the machine; a value within 1e-7 of a step's edge may then go either way
    assert apart.max() <= (0 if exact else 1)
    assert np.count_nonzero(apart) <= (0 if exact else 1e-4 * apart.size)


def test_float_results_are_the_dequantized_ones(native, tmp_path):
    model = copier(tmp_path / "m.tflite", 16, 1, scale=0.017, zero_point=-5)
    scene = write_scene(tmp_path / "scene", images(2, 2, 16, 1))
    for kind in ("int8", "float32"):
        assert native.run("inference", "--model", model, "--scene", scene, "--out", tmp_path / kind, "--dtype", kind).returncode == 0
    stored = read_results(tmp_path / "int8").astype(np.float32)
    np.testing.assert_array_equal(read_results(tmp_path / "float32"), (stored - np.float32(-5)) * np.float32(0.017))


def test_report_on_stdout_is_whole_json(native, tmp_path):
    model, scene = copier(tmp_path / "m.tflite", 16, 1), write_scene(tmp_path / "scene", images(3, 4, 16, 1))
    done = native.run(
        "inference", "--model", model, "--scene", scene, "--out", tmp_path / "out", "--json", "-", "--stitch", tmp_path / "m.png"
    )
    report = json.loads(done.stdout)
    assert (report["status"], report["run"], report["device"], report["tflite"]) == ("complete", 12, "cpu", "2.9.0")
    assert sorted(one["patch"] for one in report["per_patch"]) == sorted(patch_file(i, 4) for i in range(12))
    for stage in ("read", "prepare", "wait", "invoke", "write"):
        times = [one[stage] for one in report["per_patch"]]
        rest = sorted(times[1:])
        assert report["milliseconds"][stage]["first"] == times[0]
        assert (report["milliseconds"][stage]["minimum"], report["milliseconds"][stage]["maximum"]) == (rest[0], rest[-1])
        assert report["milliseconds"][stage]["median"] == rest[5]
    assert (tmp_path / "m.png").is_file()


def test_resume_runs_only_what_is_missing_and_refuses_another_model(native, tmp_path):
    model, scene = copier(tmp_path / "m.tflite", 16, 1), write_scene(tmp_path / "scene", images(3, 3, 16, 1))
    command = ("inference", "--model", model, "--scene", scene, "--out", tmp_path / "out")
    assert native.run(*command).returncode == 0
    before = read_results(tmp_path / "out")
    assert native.run(*command).returncode == 2  # results are never written over by accident
    (tmp_path / "out" / patch_file(4, 3)).unlink()
    (tmp_path / "out" / f".{patch_file(5, 3)}.77.partial").write_bytes(b"half")
    done = native.run(*command, "--resume", "--json", "-")
    report = json.loads(done.stdout)
    assert (report["run"], report["resumed"]) == (1, 8)
    np.testing.assert_array_equal(read_results(tmp_path / "out"), before)
    assert not list((tmp_path / "out").glob(".*partial"))
    other = copier(tmp_path / "other.tflite", 16, 1, scale=0.02)
    done = native.run("inference", "--model", other, "--scene", scene, "--out", tmp_path / "out", "--resume")
    assert done.returncode == 3 and "another model" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_at_any_moment_then_resumed(native, tmp_path, how):
    """The fake device is slow enough to be hit in the middle."""
    tensor, out = Tensor((1, 16, 16, 1)), tmp_path / "out"
    model, scene = write(tmp_path / "m.tflite", [tensor], [tensor]), write_scene(tmp_path / "scene", images(6, 6, 16, 1))
    command = ["inference", "--model", model, "--scene", scene, "--out", out]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(native.tests / "fake"), "FAKE_EDGETPU": "slow=10"}
    for wait in (0.15, 0.12, 0.2):
        process = subprocess.Popen([native.folder / command[0], *command[1:], "--resume"], env=environment, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        process.send_signal(how)
        assert process.wait(10) in (130, -how, 0)
        for file in out.glob("patch*.bin"):
            assert file.stat().st_size == 256
    assert native.run(*command, "--resume", fake="").returncode == 0
    want = quantized(reals(np.fromfile(scene / patch_file(20, 6), np.uint16).reshape(16, 16, 1), 16), 1 / 255, -128, np.int8)
    np.testing.assert_array_equal(read_results(out)[3, 2], want)


def bad_inputs():
    two = [Tensor((1, 16, 16, 1)), Tensor((1, 16, 16, 1))]
    yield "bands", lambda p: copier(p / "m.tflite", 16, 3), None, 3, "has 1 bands"
    yield "larger", lambda p: copier(p / "m.tflite", 32, 1), None, 3, "smaller than the 32"
    yield "float", lambda p: copier(p / "m.tflite", 16, 1, dtype="float32"), None, 2, "float32, not int8"
    yield "two inputs", lambda p: write(p / "m.tflite", two, two[:1], compiled=False), None, 2, "2 inputs"
    yield (
        "no square",
        lambda p: write(p / "m.tflite", [Tensor((1, 16, 8, 1))], [Tensor((1, 16, 8, 1))], compiled=False),
        None,
        2,
        "1 x 16 x 8 x 1",
    )
    yield "compiled", lambda p: write(p / "m.tflite", two[:1], two[:1]), None, 2, "compiled for the Edge TPU"
    yield "no model", lambda p: p / "absent.tflite", None, 2, "no such model"
    yield (
        "garbage",
        lambda p: (p / "m.tflite").write_bytes(b"\0\0\0\0TFL3" + b"\xff" * 99) and p / "m.tflite",
        None,
        3,
        "cannot read this model",
    )
    yield "text", lambda p: (p / "m.tflite").write_text("not a model") and p / "m.tflite", None, 3, "is not a TF Lite model"
    yield "truncated", None, lambda s: os.truncate(s / patch_file(3, 2), 100), 3, patch_file(3, 2) + ": 100 bytes where 512"
    yield "missing", None, lambda s: (s / patch_file(2, 2)).unlink(), 3, patch_file(2, 2) + ": is missing"
    yield "foreign", None, lambda s: (s / "holiday.jpg").write_text(""), 3, "holiday.jpg: does not belong"
    yield "folder", None, lambda s: (s / "sub.bin").mkdir(), 3, "sub.bin: does not belong"
    yield "another scene", None, lambda s: (s / "patch_1_1_by_1_B.bin").write_bytes(bytes(512)), 3, "of another scene"
    yield "doubled", None, lambda s: (s / "patch_9_1_by_2_LC08_TEST.bin").write_bytes(bytes(512)), 3, "doubled or wrongly numbered"
    yield "outside", None, lambda s: (s / "patch_5_3_by_1_LC08_TEST.bin").write_bytes(bytes(512)), 3, "outside the 2 x 2"
    yield "no json", None, lambda s: (s / "scene.json").unlink(), 3, "scene.json: is missing"
    yield "bad json", None, lambda s: (s / "scene.json").write_text("{"), 3, "is not JSON"
    yield "pipe", None, lambda s: ((s / patch_file(0, 2)).unlink(), os.mkfifo(s / patch_file(0, 2))), 3, patch_file(0, 2) + ": 0 bytes"


@pytest.mark.parametrize(("model", "harm", "code", "says"), [pytest.param(*case[1:], id=case[0]) for case in bad_inputs()])
def test_bad_input_is_named_before_anything_is_written(native, tmp_path, model, harm, code, says):
    scene = write_scene(tmp_path / "scene", images(2, 2, 16, 1))
    if harm is not None:
        harm(scene)
    path = model(tmp_path) if model is not None else copier(tmp_path / "m.tflite", 16, 1)
    done = native.run("inference", "--model", path, "--scene", scene, "--out", tmp_path / "out", "--device", "cpu")
    assert done.returncode == code, done.stderr
    assert says in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_not_a_number_in_a_patch(native, tmp_path):
    patches = images(1, 2, 16, 1, "float32")
    patches[0, 1, 3, 4, 0] = np.nan
    scene = write_scene(tmp_path / "scene", patches)
    done = native.run("inference", "--model", copier(tmp_path / "m.tflite", 16, 1), "--scene", scene, "--out", tmp_path / "out")
    assert done.returncode == 3 and f"{patch_file(1, 2)}: value 52 is not a finite number" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "are needed"),
        (("--modle", "x"), "no such option"),
        (("--threads", "0"), "whole number from 1"),
        (("--dtype", "int4"), "int8 and float32"),
        (("--device", "tpu"), "usb:N"),
        (("stray",), "not an option"),
        (("--golden", "a"), "two files"),
        (("--crop", "5"), "height x width"),
        (("--threshold", "2"), "from 0 to 1"),
        (("--out",), "needs a value"),
    ],
)
def test_wrong_options(native, arguments, says):
    done = native.run("inference", *arguments)
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert "Example" in native.run("inference", "--help").stdout
