"""device.stitch against the C++ program's, pixel for pixel, and its memory."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from board_scenes import patch_file, write_scene
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_board_stitch import image, results

from device import stitch


def both(native, folder, *options) -> tuple[bytes, bytes]:
    """Our pixels, and the C++ program's."""
    options = [str(one) for one in options]
    assert stitch.main(["--in", str(folder / "in"), "--out", str(folder / "python.raw"), *options]) == 0
    done = native.run("stitch", "--in", folder / "in", "--out", folder / "cpp.raw", *options)
    assert done.returncode == 0, done.stderr
    return (folder / "python.raw").read_bytes(), (folder / "cpp.raw").read_bytes()


@pytest.mark.parametrize(
    ("side", "size", "dtype", "scale", "zero_point", "bands"),
    [
        (24, 24, np.int8, 1 / 256, -128, 1),
        (24, 57, np.int8, 1 / 256, -128, 1),
        (24, 48, np.uint8, 1 / 256, 0, 1),
        (33, 20, np.float32, 1.0, 0, 1),
        (40, 20, np.float32, 1.0, 0, 1),
        (24, 100, np.float32, 1.0, 0, 1),
        (24, 48, np.int8, 0.0039, -128, 1),
        (16, 40, np.int8, 1 / 256, -128, 5),
    ],
)
@pytest.mark.parametrize("crop", [None, (1, 1), (31, 47)])
def test_pixels_are_those_of_cpp(native, tmp_path, side, size, dtype, scale, zero_point, bands, crop):
    results(tmp_path / "in", 2, 3, side, 48, dtype, scale, zero_point, bands)
    options = ["--size", size, *(["--crop", f"{crop[0]}x{crop[1]}"] if crop else [])]
    for how in (["--threshold", "0.41"], ["--probabilities"]) if bands == 1 else ([],):
        ours, theirs = both(native, tmp_path, *options, *how)
        assert ours == theirs


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_scene_and_crop(native, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    rows, columns = data.draw(st.integers(1, 4), "rows"), data.draw(st.integers(1, 4), "columns")
    side, size = data.draw(st.integers(1, 40), "side"), data.draw(st.integers(1, 90), "size")
    rng = np.random.default_rng(data.draw(st.integers(0, 99), "seed"))
    patches = rng.integers(-128, 128, (rows, columns, side, side, 1), dtype=np.int8)
    zero_point = data.draw(st.sampled_from([-128, -127]), "zero point")
    write_scene(folder / "in", patches, scale=data.draw(st.sampled_from([1 / 256, 0.0039]), "scale"), zero_point=zero_point)
    crop = f"{data.draw(st.integers(1, rows * size), 'height')}x{data.draw(st.integers(1, columns * size), 'width')}"
    ours, theirs = both(native, folder, "--size", size, "--crop", crop, "--threshold", data.draw(st.floats(0, 1, width=32), "threshold"))
    assert ours == theirs


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda d: (d / patch_file(4, 3)).unlink(), patch_file(4, 3) + ": is missing"),
        (lambda d: os.truncate(d / patch_file(4, 3), 5), patch_file(4, 3) + ": 5 bytes where 256"),
        (lambda d: (d / "scene.json").unlink(), "scene.json: is missing"),
        (lambda d: (d / "mask.png").write_bytes(b""), "mask.png: does not belong"),
        (lambda d: edit(d, scale=1.0), "no probability"),
        (lambda d: edit(d, dtype="uint16"), "images, not results"),
    ],
)
def test_bad_folders(tmp_path, capsys, harm, says):
    results(tmp_path / "in", 2, 3, 16, 32)
    harm(tmp_path / "in")
    assert stitch.main(["--in", str(tmp_path / "in"), "--out", str(tmp_path / "mask.raw")]) == 3
    err = capsys.readouterr().err
    assert says in err and len(err.splitlines()) == 1
    assert not list(tmp_path.glob("*mask*")) and not list(tmp_path.glob(".*"))


def edit(folder, **other):
    about = json.loads((folder / "scene.json").read_text())
    (folder / "scene.json").write_text(json.dumps(about | other))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--out", "m.jpg"], "written as .png or .raw"),
        (["--crop", "65x10"], "the scene has 64 x 96"),
        (["--threshold", "0.5", "--probabilities"], "exclude each other"),
        (["--out", "absent/m.raw"], "No such file"),
        (["--out", "in/m.raw"], "write it elsewhere"),
        (["--in", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_wrong_options(tmp_path, capsys, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    results(tmp_path / "in", 2, 3, 16, 32)
    assert stitch.main(["--in", "in", "--out", "m.raw", *options]) == 2
    assert says in capsys.readouterr().err


def test_a_full_disk(tmp_path, capsys):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    results(tmp_path / "in", 1, 1, 16, 32)
    from device import files

    whole = files.WholeFile(tmp_path / "m.raw")
    os.dup2(os.open("/dev/full", os.O_WRONLY), whole._file.fileno())
    with pytest.raises(files.Error) as full, whole:
        whole.write(bytes(100))
        whole.commit()
    assert full.value.code == 4 and "make room" in str(full.value)
    assert not list(tmp_path.glob("*m.raw*"))


def test_without_pypng_only_png_is_refused(tmp_path, capsys, monkeypatch):
    results(tmp_path / "in", 1, 1, 16, 32)
    monkeypatch.setitem(sys.modules, "png", None)
    assert stitch.main(["--in", str(tmp_path / "in"), "--out", str(tmp_path / "m.png")]) == 4
    assert "pypng is not installed" in capsys.readouterr().err
    assert stitch.main(["--in", str(tmp_path / "in"), "--out", str(tmp_path / "m.raw")]) == 0


_PEAK = """
import sys
from device import stitch
code = stitch.main(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""


def peak_kilobytes(board, folder) -> int:
    command = [board.program, "-c", _PEAK, "--in", folder / "in", "--out", folder / "m.png"]
    done = subprocess.run(command, env=board.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_scene(board, tmp_path):
    results(tmp_path / "in", 2, 8, 96, 192)
    few = peak_kilobytes(board, tmp_path)
    (tmp_path / "large").mkdir()
    results(tmp_path / "large" / "in", 80, 8, 96, 192)  # 23,600 KB of pixels
    assert peak_kilobytes(board, tmp_path / "large") < few + 4000


@pytest.mark.parametrize("how", [("--threshold", "0.41"), ("--probabilities", "--crop", "95x131")])
def test_png_of_the_pythons_of_boards(board, native, tmp_path, how):
    results(tmp_path / "in", 2, 3, 24, 48)
    done = board.run("stitch", "--in", tmp_path / "in", "--out", tmp_path / "m.png", *how)
    assert done.returncode == 0, done.stderr
    assert native.run("stitch", "--in", tmp_path / "in", "--out", tmp_path / "cpp.png", *how).returncode == 0
    height, width = (95, 131) if "--crop" in how else (96, 144)
    np.testing.assert_array_equal(image(tmp_path / "m.png", height, width), image(tmp_path / "cpp.png", height, width))
