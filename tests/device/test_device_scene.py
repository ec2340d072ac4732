"""device.scene on a processor: the same bytes as the C++ program, the same refusals, the same report."""

import json
import os
import subprocess

import numpy as np
import pytest
from board_models import Tensor, write
from board_scenes import patch_file, read_results, write_scene
from test_same_everywhere import network, steps
from test_scene_run import bad_inputs, copier, images

from device import scene


def arguments(model, folder, out, *more) -> list[str]:
    return [str(one) for one in ("--model", model, "--scene", folder, "--out", out, *more)]


@pytest.mark.parametrize(
    ("scale", "zero_point", "dtype"), [(1 / 255, -128, "int8"), (0.0071, 3, "int8"), (1 / 255, 0, "uint8"), (0.00391, 7, "uint8")]
)
def test_every_uint16_is_prepared_as_in_cpp(native, tmp_path, scale, zero_point, dtype):
    folder = write_scene(tmp_path / "scene", np.arange(65536, dtype=np.uint16).reshape(1, 1, 128, 128, 4))
    model = copier(tmp_path / "m.tflite", 128, 4, scale=scale, zero_point=zero_point, dtype=dtype)
    assert scene.main(arguments(model, folder, tmp_path / "python")) == 0
    assert native.run("inference", *arguments(model, folder, tmp_path / "cpp")).returncode == 0
    np.testing.assert_array_equal(read_results(tmp_path / "python"), read_results(tmp_path / "cpp"))


@pytest.mark.parametrize("kind", ["uint16", "float32"])
@pytest.mark.parametrize(("side", "size", "bands"), [(384, 192, 4), (256, 192, 4), (100, 37, 3), (61, 61, 1), (50, 25, 2), (900, 300, 1)])
def test_resizing_is_that_of_cpp_in_every_bit(native, tmp_path, kind, side, size, bands):
    model, folder = copier(tmp_path / "m.tflite", size, bands), write_scene(tmp_path / "scene", images(1, 2, side, bands, kind))
    assert scene.main(arguments(model, folder, tmp_path / "python")) == 0
    assert native.run("inference", *arguments(model, folder, tmp_path / "cpp")).returncode == 0
    np.testing.assert_array_equal(read_results(tmp_path / "python"), read_results(tmp_path / "cpp"))
    ours, theirs = (json.loads((tmp_path / name / "scene.json").read_text()) for name in ("python", "cpp"))
    assert ours == theirs and list(ours) == list(theirs)


def test_a_zero_point_and_other_scales_of_the_scene(native, tmp_path):
    model = copier(tmp_path / "m.tflite", 20, 2)
    folder = write_scene(tmp_path / "scene", images(1, 2, 33, 2), scale=2.9e-5, zero_point=-99, bands=["red", "nir"])
    for kind in ("int8", "float32"):
        assert scene.main(arguments(model, folder, tmp_path / f"python-{kind}", "--dtype", kind)) == 0
        assert native.run("inference", *arguments(model, folder, tmp_path / f"cpp-{kind}", "--dtype", kind)).returncode == 0
        np.testing.assert_array_equal(read_results(tmp_path / f"python-{kind}"), read_results(tmp_path / f"cpp-{kind}"))


def shape(value):
    """The names of a report, without its figures."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value)


def test_report_is_that_of_cpp(native, tmp_path, capsys):
    model, folder = copier(tmp_path / "m.tflite", 16, 1), write_scene(tmp_path / "scene", images(3, 4, 16, 1))
    more = ("--json", "-", "--stitch")
    assert scene.main(arguments(model, folder, tmp_path / "python", *more, tmp_path / "python.raw")) == 0
    ours = json.loads(capsys.readouterr().out)
    theirs = json.loads(native.run("inference", *arguments(model, folder, tmp_path / "cpp", *more, tmp_path / "cpp.raw")).stdout)
    assert ours.pop("runtime") == "ai_edge_litert" and ours["tflite"].startswith("LiteRT ")
    assert shape(ours) == shape(theirs) and list(ours) == list(theirs)
    for key in ("status", "scene", "patches", "run", "resumed", "model", "model_crc32", "device", "threads", "golden"):
        assert ours[key] == theirs[key]
    for stage, figures in ours["milliseconds"].items():
        times = [one[stage] for one in ours["per_patch"]]
        rest = sorted(times[1:])
        assert [figures[name] for name in ("first", "minimum", "median", "maximum")] == [times[0], rest[0], rest[5], rest[-1]]


def test_resume_runs_only_what_is_missing_and_refuses_other_results(native, tmp_path, capsys):
    model, folder = copier(tmp_path / "m.tflite", 16, 1), write_scene(tmp_path / "scene", images(3, 3, 16, 1))
    command = arguments(model, folder, tmp_path / "out")
    assert scene.main(command) == 0
    before = read_results(tmp_path / "out")
    assert scene.main(command) == 2  # results are never written over by accident
    (tmp_path / "out" / patch_file(4, 3)).unlink()
    (tmp_path / "out" / f".{patch_file(5, 3)}.77.partial").write_bytes(b"half")
    capsys.readouterr()
    assert scene.main([*command, "--resume", "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["run"], report["resumed"]) == (1, 8)
    np.testing.assert_array_equal(read_results(tmp_path / "out"), before)
    assert not list((tmp_path / "out").glob(".*partial"))
    other = copier(tmp_path / "other.tflite", 16, 1, scale=0.02)
    assert scene.main(arguments(other, folder, tmp_path / "out", "--resume")) == 3
    assert "another model" in capsys.readouterr().err
    # what the C++ program began, Python does not go on with: their results may be one step apart
    assert native.run("inference", *arguments(model, folder, tmp_path / "cpp")).returncode == 0
    assert scene.main(arguments(model, folder, tmp_path / "cpp", "--resume")) == 3


@pytest.mark.parametrize(("model", "harm", "code", "says"), [pytest.param(*case[1:], id=case[0]) for case in bad_inputs()])
def test_bad_input_as_in_cpp(tmp_path, capfd, model, harm, code, says):
    folder = write_scene(tmp_path / "scene", images(2, 2, 16, 1))
    if harm is not None:
        harm(folder)
    path = model(tmp_path) if model is not None else copier(tmp_path / "m.tflite", 16, 1)
    assert scene.main(arguments(path, folder, tmp_path / "out", "--device", "cpu")) == code
    assert says in capfd.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "is not JSON"),
        ("\xff", "is not JSON"),
        ('{"id": "A", "id": "B", "rows": 1}', '"patch_size" is missing'),
        ('{"id": "../A", "patch_size": 16}', '"id" must be letters'),
        ("[]", "must be a JSON object"),
        ('{"id": "A", "patch_size": 16.0}', '"patch_size" must be a whole number'),
        ('{"id": "A", "patch_size": true}', '"patch_size" must be a whole number'),
        ('{"id": "A", "patch_size": 16, "rows": 20000}', "from 1 to 10000"),
        ('{"id": "A", "patch_size": 8192, "rows": 1, "columns": 1, "bands": 4, "dtype": "uint16", "scale": 1}', "larger than"),
        ('{"id": "A", "patch_size": 16, "rows": 1, "columns": 1, "bands": [], "dtype": "uint16", "scale": 1}', "1 to 256 entries"),
        ('{"id": "A", "patch_size": 16, "rows": 1, "columns": 1, "bands": 1, "dtype": "uint16", "scale": NaN}', "is not JSON"),
        ('{"id": "A", "patch_size": 16, "rows": 1, "columns": 1, "bands": 1, "dtype": "uint16", "scale": 1e31}', "a positive number"),
        ('{"id": "A", "patch_size": 16, "rows": 1, "columns": 1, "bands": 1, "dtype": "int4", "scale": 1}', '"dtype" must be'),
        ('{"id": "A", "patch_size": 9, "rows": 9999, "columns": 9999, "bands": 1, "dtype": "int8", "scale": 1}', "more than 1000000"),
    ],
)
def test_bad_scene_json(native, tmp_path, capsys, text, says):
    folder = write_scene(tmp_path / "scene", images(1, 1, 16, 1))
    (folder / "scene.json").write_bytes(text.encode("latin-1"))
    command = arguments(copier(tmp_path / "m.tflite", 16, 1), folder, tmp_path / "out")
    assert scene.main(command) == 3
    err = capsys.readouterr().err
    assert says in err and "scene.json" in err and len(err.splitlines()) == 1
    assert native.run("inference", *command).returncode == 3


def test_not_a_number_in_a_patch(tmp_path, capsys):
    patches = images(1, 2, 16, 1, "float32")
    patches[0, 1, 3, 4, 0] = np.nan
    folder = write_scene(tmp_path / "scene", patches)
    assert scene.main(arguments(copier(tmp_path / "m.tflite", 16, 1), folder, tmp_path / "out")) == 3
    assert f"{patch_file(1, 2)}: value 52 is not a finite number" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("patch_2*"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "are required"),
        (("--modle", "x"), "required"),
        (("--threads", "0"), "--threads 0: must be a whole number from 1 to 64"),
        (("--dtype", "int4"), "int8 and float32"),
        (("--device", "tpu"), "usb:N"),
        (("--crop", "5"), "height x width"),
        (("--threshold", "2"), "from 0 to 1"),
        (("--threshold", "nan"), "from 0 to 1"),
        (("--out",), "expected one argument"),
        (("--model", "m", "--scene", "s", "--out", "o", "stray"), "unrecognized arguments: stray"),
        (("--model", "m", "--scene", "s", "--out", "o", "--golden", "a"), "two files"),
        (("--model", "m", "--scene", "s", "--out", "o", "--golden", "a,b"), "belong together"),
        (("--model", "m", "--scene", "s", "--out", "o"), "s: no such folder"),
    ],
)
def test_wrong_options(capsys, options, says):
    assert scene.main(list(options)) == 2
    err = capsys.readouterr().err
    assert says in err and len(err.splitlines()) == 1, err


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--json", "scene/r.json"), "write it elsewhere"),
        (("--stitch", "m.jpg"), ".png or .raw"),
        (("--stitch", "m.raw", "--crop", "99x1"), "32 x 32"),
    ],
)
def test_an_output_that_cannot_be_is_known_before_the_first_patch(tmp_path, capsys, monkeypatch, option, says):
    monkeypatch.chdir(tmp_path)
    write_scene(tmp_path / "scene", images(2, 2, 16, 1))
    assert scene.main(arguments(copier(tmp_path / "m.tflite", 16, 1), "scene", "out", *option)) == 2
    assert says in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_whole_run_on_the_pythons_of_boards(board, native, tmp_path):
    """Installed from device/requirements.txt alone, with nothing of the project but device/."""
    model, folder = copier(tmp_path / "m.tflite", 24, 1, scale=1 / 256), write_scene(tmp_path / "scene", images(3, 2, 48, 1))
    more = ("--threshold", "0.41", "--crop", "143x95", "--stitch")
    done = board.run("scene", *arguments(model, folder, tmp_path / "python", *more, tmp_path / "python.png"), "--json", "-")
    assert done.returncode == 0, done.stderr
    assert native.run("inference", *arguments(model, folder, tmp_path / "cpp", *more, tmp_path / "cpp.raw")).returncode == 0
    np.testing.assert_array_equal(read_results(tmp_path / "python"), read_results(tmp_path / "cpp"))
    import cv2

    mask = cv2.imread(str(tmp_path / "python.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, np.fromfile(tmp_path / "cpp.raw", np.uint8).reshape(143, 95))
    assert json.loads(done.stdout)["runtime"] == "tflite_runtime"


def test_without_a_package_that_it_needs(here, board_folder, tmp_path):
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError('No module named numpy', name='numpy')\n")
    environment = here.environment() | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(board_folder)])}
    command = here.command("scene", *arguments("m", "s", "o"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 4 and "numpy is not installed" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_network_is_within_one_step_of_cpp(board, here, native, tmp_path, measured):
    """What differs is the arithmetic of TF Lite's kernels; the masks of the same results do not."""
    model = network(tmp_path / "int8.tflite")
    folder = write_scene(tmp_path / "scene", images(3, 4, 64, 4))
    assert native.run("inference", *arguments(model, folder, tmp_path / "cpp")).returncode == 0
    want = read_results(tmp_path / "cpp")
    for name, python in (("board", board), ("LiteRT", here)):
        done = python.run("scene", *arguments(model, folder, tmp_path / name))
        assert done.returncode == 0, done.stderr
        largest, share = steps(read_results(tmp_path / name), want)
        measured(f"{name}: at most {largest} steps from the C++ program, {share:.2%} of values differ")
        assert largest <= 1


def test_a_compiled_model_wants_its_device(tmp_path, capsys):
    tensor = Tensor((1, 16, 16, 1))
    model, folder = write(tmp_path / "m.tflite", [tensor], [tensor]), write_scene(tmp_path / "scene", images(1, 1, 16, 1))
    assert scene.main(arguments(model, folder, tmp_path / "out")) == 4
    assert "libedgetpu.so.1" in capsys.readouterr().err
