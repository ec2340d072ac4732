"""device.patch: one patch, what comes out of it and what is said about it."""

import json

import numpy as np
import pytest
from board_models import Tensor, write
from board_scenes import patch_file, read_results, write_scene
from test_scene_run import copier, images

from device import patch, scene


@pytest.fixture
def model(tmp_path):
    return copier(tmp_path / "m.tflite", 24, 1, scale=1 / 256)


def run(capsys, *arguments) -> dict:
    code = patch.main([*map(str, arguments), "--json", "-"])
    said = capsys.readouterr()
    assert code == 0, said.err
    return json.loads(said.out)


def test_the_same_as_device_scene(tmp_path, model, capsys):
    folder = write_scene(tmp_path / "scene", images(2, 2, 48, 1))
    for kind in ("int8", "float32"):
        out = tmp_path / f"out-{kind}"
        assert scene.main(["--model", str(model), "--scene", str(folder), "--out", str(out), "--dtype", kind]) == 0
        about = run(capsys, "--model", model, "--patch", folder / patch_file(2, 2), "--out", tmp_path / "one.bin", "--dtype", kind)
        assert (tmp_path / "one.bin").read_bytes() == (out / patch_file(2, 2)).read_bytes()
        results = json.loads((out / "scene.json").read_text())
        assert all(about[key] == results[key] for key in ("dtype", "scale", "zero_point")) and about["shape"] == [24, 24, 1]
        real = read_results(out)[1, 0].astype(np.float32)
        real = np.clip((real - np.float32(results["zero_point"])) * np.float32(results["scale"]), 0, 1)
        found = about["probability"]
        np.testing.assert_allclose([found["minimum"], found["mean"], found["maximum"]], [real.min(), real.mean(), real.max()], atol=1e-6)
        assert about["share_at_or_above"] == round(float((real >= 0.5).mean()), 6)
        assert set(about["milliseconds"]) == {"read", "prepare", "invoke", "write"}


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_npy_in_and_out(tmp_path, model, capsys, kind):
    pixels = images(1, 1, 48, 1, kind)[0, 0]
    np.save(tmp_path / "p.npy", pixels.astype(pixels.dtype.newbyteorder(">")))  # as another machine may have written it
    folder = write_scene(tmp_path / "scene", pixels[np.newaxis, np.newaxis])
    run(capsys, "--model", model, "--patch", tmp_path / "p.npy", "--out", tmp_path / "o.npy")
    run(capsys, "--model", model, "--patch", folder / patch_file(0, 1), "--out", tmp_path / "o.bin")
    result = np.load(tmp_path / "o.npy")
    assert result.shape == (24, 24, 1) and result.dtype == np.int8 and result.tobytes() == (tmp_path / "o.bin").read_bytes()


def test_a_mask_is_the_stitched_one(native, tmp_path, model, capsys):
    folder = write_scene(tmp_path / "scene", images(1, 1, 48, 1))
    for name, how in (("a", ("--threshold", "0.4")), ("b", ("--probabilities",)), ("c", ("--size", "31"))):
        run(capsys, "--model", model, "--patch", folder / patch_file(0, 1), "--out", tmp_path / f"{name}.raw", *how)
        out = ("--model", model, "--scene", folder, "--out", tmp_path / name, "--stitch", tmp_path / f"cpp-{name}.raw")
        assert native.run("inference", *out, *how).returncode == 0
        assert (tmp_path / f"{name}.raw").read_bytes() == (tmp_path / f"cpp-{name}.raw").read_bytes()


def test_png_on_the_pythons_of_boards(board, tmp_path, model):
    import cv2

    folder = write_scene(tmp_path / "scene", images(1, 1, 48, 1))
    for ending in ("png", "raw"):
        done = board.run("patch", "--model", model, "--patch", folder / patch_file(0, 1), "--out", tmp_path / f"m.{ending}")
        assert done.returncode == 0 and "% of pixels at or above 0.5" in done.stderr, done.stderr
    assert cv2.imread(str(tmp_path / "m.png"), cv2.IMREAD_UNCHANGED).tobytes() == (tmp_path / "m.raw").read_bytes()


def test_several_classes(tmp_path, capsys):
    tensor = Tensor((1, 16, 16, 3), scale=1 / 256)
    path, folder = write(tmp_path / "m.tflite", [tensor], [tensor], compiled=False), write_scene(tmp_path / "s", images(1, 1, 16, 3))
    about = run(capsys, "--model", path, "--patch", folder / patch_file(0, 1))
    assert len(about["share_of_classes"]) == 3 and abs(sum(about["share_of_classes"]) - 1) < 1e-5


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--patch", "p.tif"), 2, "p.tif: a patch is a .bin of a scene, or a .npy"),
        (("--patch", "p.npy"), 2, "p.npy: no such patch"),
        (("--patch", "flat.npy"), 3, "flat.npy: is 48 x 48, not one square patch"),
        (("--patch", "bytes.npy"), 3, "bytes.npy: is uint8, not uint16 or float32"),
        (("--patch", "text.npy"), 3, "text.npy: is not an array"),
        (("--patch", "pickle.npy"), 3, "pickle.npy: is not an array"),
        (("--patch", "alone.bin"), 3, "scene.json: is missing"),
        (("--patch", "nan.npy"), 3, "nan.npy: value 7 is not a finite number"),
        (("--patch", "three.npy"), 3, "three.npy: has 3 bands"),
        (("--patch", "good.npy", "--out", "o.jpg"), 2, "o.jpg: a result is written as"),
        (("--patch", "good.npy", "--out", "absent/o.npy"), 2, "absent/o.npy: cannot be written"),
    ],
)
def test_bad_input(tmp_path, model, capsys, monkeypatch, arguments, code, says):
    monkeypatch.chdir(tmp_path)
    good = images(1, 1, 48, 1, "float32")[0, 0]
    bad = good.copy()
    bad[0, 7, 0] = np.nan
    for name, array in (
        ("good", good),
        ("flat", good[..., 0]),
        ("bytes", good.astype(np.uint8)),
        ("nan", bad),
        ("three", good.repeat(3, -1)),
    ):
        np.save(tmp_path / f"{name}.npy", array)
    np.save(tmp_path / "pickle.npy", np.array([None, {}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("not an array")
    (tmp_path / "alone.bin").write_bytes(bytes(10))
    assert patch.main(["--model", str(model), *arguments]) == code
    err = capsys.readouterr().err
    assert says in err and len(err.splitlines()) == 1, err
