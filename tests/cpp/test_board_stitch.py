"""stitch against a scene put together in memory with numpy and OpenCV, and every bad input."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from board_scenes import patch_file, stitched, write_scene

RNG = np.random.default_rng(7)


def results(folder, rows, columns, side, source, dtype=np.int8, scale=1 / 256, zero_point=-128, bands=1):
    shape = (rows, columns, side, side, bands)
    patches = (
        RNG.random(shape, np.float32)
        if dtype == np.float32
        else RNG.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, shape).astype(dtype)
    )
    write_scene(folder, patches, source_patch_size=source, scale=scale, zero_point=zero_point)
    return patches


def dequantized(scale, zero_point):
    return lambda patch: np.clip((patch.astype(np.float32) - np.float32(zero_point)) * np.float32(scale), 0, 1)


def image(path, height, width):
    import cv2

    if path.suffix == ".raw":
        return np.fromfile(path, np.uint8).reshape(height, width)
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found.shape == (height, width) and found.dtype == np.uint8
    return found


@pytest.mark.parametrize("ending", [".png", ".raw"])
@pytest.mark.parametrize("crop", [None, (191, 130), (192, 256), (1, 1), (65, 255), (7, 256)])
def test_masks_and_odd_crops(native, tmp_path, crop, ending):
    patches = results(tmp_path / "in", 3, 4, 32, 64)
    options = ["--crop", f"{crop[0]}x{crop[1]}"] if crop else []
    for how in (["--threshold", "0.41"], ["--probabilities"]):
        done = native.run("stitch", "--in", tmp_path / "in", "--out", tmp_path / f"mask{ending}", *how, *options)
        assert done.returncode == 0, done.stderr
        scene = stitched(patches, dequantized(1 / 256, -128), 64, crop)
        want = (scene >= np.float32(0.41)) * 255 if how[0] == "--threshold" else np.rint(scene * np.float32(255))
        np.testing.assert_array_equal(image(tmp_path / f"mask{ending}", *scene.shape), want)


@pytest.mark.parametrize(
    ("side", "size", "dtype", "scale", "zero_point"),
    [
        (24, 24, np.int8, 1 / 256, -128),
        (24, 57, np.int8, 1 / 256, -128),
        (24, 48, np.uint8, 1 / 256, 0),
        (33, 20, np.float32, 1.0, 0),
        (24, 48, np.int8, 0.0039, -128),
        (24, 100, np.float32, 1.0, 0),
    ],
)
def test_sizes_and_types(native, tmp_path, side, size, dtype, scale, zero_point):
    patches = results(tmp_path / "in", 2, 3, side, 48, dtype, scale, zero_point)
    real = dequantized(scale, zero_point) if dtype != np.float32 else lambda patch: patch
    done = native.run("stitch", "--in", tmp_path / "in", "--out", tmp_path / "mask.raw", "--size", str(size), "--threshold", "0.5")
    assert done.returncode == 0, done.stderr
    scene = stitched(patches, real, size)
    got = image(tmp_path / "mask.raw", *scene.shape)
    certain = np.abs(scene - np.float32(0.5)) > 1e-6  # nearer, OpenCV's last bit depends on the machine
    np.testing.assert_array_equal(got[certain], ((scene >= np.float32(0.5)) * 255)[certain])
    assert certain.mean() > 0.98


def test_several_classes_give_the_most_probable(native, tmp_path):
    patches = results(tmp_path / "in", 2, 2, 16, 16, bands=5)
    assert native.run("stitch", "--in", tmp_path / "in", "--out", tmp_path / "m.raw").returncode == 0
    want = patches.argmax(-1).transpose(0, 2, 1, 3).reshape(32, 32)
    np.testing.assert_array_equal(image(tmp_path / "m.raw", 32, 32), want)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda d: (d / patch_file(4, 3)).unlink(), patch_file(4, 3) + ": is missing"),
        (lambda d: os.truncate(d / patch_file(4, 3), 5), patch_file(4, 3) + ": 5 bytes where 256"),
        (lambda d: (d / "patch_4_1_by_2_LC08_TEST.bin").write_bytes(bytes(256)), "patch_4_1_by_2_LC08_TEST.bin: row 1, column 2 is"),
        (lambda d: (d / "scene.json").unlink(), "scene.json: is missing"),
        (lambda d: (d / "mask.png").write_bytes(b""), "mask.png: does not belong"),
        (
            lambda d: (d / "scene.json").write_text((d / "scene.json").read_text().replace('"scale": 0.00390625', '"scale": 1.0')),
            "no probability",
        ),
        (lambda d: (d / "scene.json").write_text((d / "scene.json").read_text().replace("int8", "uint16")), "images, not results"),
    ],
)
def test_bad_folders(native, tmp_path, harm, says):
    results(tmp_path / "in", 2, 3, 16, 32)
    harm(tmp_path / "in")
    done = native.run("stitch", "--in", tmp_path / "in", "--out", tmp_path / "mask.png")
    assert done.returncode == 3 and says in done.stderr, done.stderr
    assert not (tmp_path / "mask.png").exists() and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--out", "m.jpg"], "written as .png or .raw"),
        (["--crop", "65x10"], "the scene has 64 x 96"),
        (["--threshold", "x"], "a number from 0 to 1"),
        (["--threshold", "0.5", "--probabilities"], "exclude each other"),
        (["--out", "absent/m.png"], "No such file"),
        (["--out", "in/m.png"], "write the mask elsewhere"),
    ],
)
def test_wrong_options(native, tmp_path, options, says):
    results(tmp_path / "in", 2, 3, 16, 32)
    done = native.run("stitch", "--in", "in", "--out", "m.png", *options, cwd=tmp_path)
    assert done.returncode == 2 and says in done.stderr, done.stderr


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True, check=False).returncode != 0
    ):
        pytest.skip("a small tmpfs needs root and the right to mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_full_disk_leaves_whole_files_and_goes_on(native, tmp_path, small_disk):
    from board_models import Tensor, write

    tensor = Tensor((1, 64, 64, 1))
    model = write(tmp_path / "m.tflite", [tensor], [tensor], compiled=False)
    patches = RNG.integers(0, 65536, (5, 8, 64, 64, 1), dtype=np.uint16)
    command = [
        "inference",
        "--model",
        model,
        "--scene",
        write_scene(tmp_path / "scene", patches),
        "--out",
        small_disk / "out",
        "--json",
        tmp_path / "r.json",
    ]
    done = native.run(*command)
    assert done.returncode == 4 and "No space left" in done.stderr and "--resume" in done.stderr
    whole = list((small_disk / "out").glob("patch*.bin"))
    assert 0 < len(whole) < 40 and all(file.stat().st_size == 4096 for file in whole)
    assert not list((small_disk / "out").glob(".*partial"))
    assert json.loads((tmp_path / "r.json").read_text())["status"] == "failed"
    subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
    assert native.run(*command, "--resume").returncode == 0
    subprocess.run(["mount", "-o", "remount,size=256k", small_disk], check=True)
    (small_disk / "fill").write_bytes(bytes(60 * 1024))
    done = native.run("stitch", "--in", small_disk / "out", "--out", small_disk / "mask.raw")
    assert done.returncode == 4 and "No space left" in done.stderr
    assert not list(small_disk.glob("*mask*"))


def test_read_only_output(native, tmp_path):
    results(tmp_path / "in", 1, 1, 16, 16)
    folder = tmp_path / "locked"
    folder.mkdir()
    if os.geteuid() == 0:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", folder], capture_output=True, check=False).returncode != 0:
            pytest.skip("root writes everywhere, and a read-only mount is not allowed here")
    else:
        folder.chmod(0o500)
    try:
        done = native.run("stitch", "--in", tmp_path / "in", "--out", folder / "m.png")
        assert done.returncode == 2 and "cannot be written" in done.stderr
    finally:
        subprocess.run(["umount", folder], check=False, capture_output=True)


def peak_kilobytes(command) -> int:
    """The largest resident size of a process, read while it runs: wait4's would count the pages of the Python that started it."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            continue
        if "VmHWM" in status and Path(command[0]).name.startswith(status.split()[1]):  # not before exec
            peak = max(peak, int(status.split("VmHWM:")[1].split()[0]))
    assert process.returncode == 0
    return peak


@pytest.mark.skipif("EDGESEG_SANITIZE" in os.environ, reason="AddressSanitizer keeps what was freed")
def test_memory_does_not_grow_with_the_scene(native, tmp_path):
    results(tmp_path / "in", 80, 8, 96, 192)
    peak = peak_kilobytes([native.folder / "stitch", "--in", tmp_path / "in", "--out", tmp_path / "m.png"])
    assert 0 < peak < 9000  # the scene has 23,600 KB of pixels, four times as much as float32
