"""`board pack`: what lies in the folder is what lies in the TIFFs, the board's programs take it, and nothing is ever half there."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from board_dataset import CROP, GRID, ONE, OTHER, SIDE, SIZE, make

from pipeline.board import scene_folder
from pipeline.data import tiff
from pipeline.data.bands import parse_bands
from pipeline.errors import DataError, MissingToolError, UsageError
from pipeline.tasks.packing import pack

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments):
    return [sys.executable, "-m", "pipeline", "board", *map(str, arguments)]


def board(*arguments, **more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command(*arguments), capture_output=True, text=True, env=environment, **more)


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("bands", ["rgbn", "n", "br", "ngb"])
def test_packed_patches_are_those_of_the_tiffs(tmp_path, bands, dtype):
    names = parse_bands(bands)
    place = make(tmp_path, names)
    result = pack(place.config(), (), dtype, tmp_path / "out")
    assert [one["id"] for one in result["scenes"]] == [ONE, OTHER] and result["bands"] == list(names)
    for one in result["scenes"]:
        rows, columns = GRID[one["id"]]
        packed = scene_folder.read(Path(one["folder"]))
        assert (packed.rows, packed.columns, packed.patch_size, packed.bands) == (rows, columns, SIDE, names)
        assert packed.crop == CROP[one["id"]] == tuple(one["crop"])
        scene_folder.check(Path(one["folder"]), packed)
        for position in range(packed.patches):
            stored = place.stored(one["id"], position // columns + 1, position % columns + 1, names)
            found = scene_folder.read_patch(Path(one["folder"]), packed, position)
            want = stored if dtype == "uint16" else stored * np.float32(1 / 65535)
            np.testing.assert_array_equal(found, want)
            assert found.dtype == dtype


@pytest.mark.parametrize(("bands", "side"), [("rgbn", 32), ("n", 16), ("rg", 40)])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_the_boards_program_takes_every_packed_scene(native, tmp_path, bands, side, dtype):
    place = make(tmp_path, parse_bands(bands), side)
    for one in pack(place.config(), (), dtype, tmp_path / "out")["scenes"]:
        out = tmp_path / f"results-{one['id']}"
        done = native.run("inference", "--model", place.run.variant("int8"), "--scene", one["folder"], "--out", out)
        assert done.returncode == 0, done.stderr
        results = scene_folder.read(out)
        assert (results.id, results.source_patch_size, results.patch_size, results.channels) == (one["id"], side, SIZE, len(bands))
        scene_folder.check(out, results)


def test_a_scene_without_a_mask_is_packed_whole(place, tmp_path):
    place.mask(ONE).unlink()
    (one,) = pack(place.config(), [ONE], "uint16", tmp_path / "out")["scenes"]
    assert one["crop"] == [2 * SIDE, 3 * SIDE]
    assert scene_folder.read(Path(one["folder"])).crop is None


def test_the_same_is_kept_and_another_is_replaced(place, tmp_path):
    out = tmp_path / "out"
    assert [one["done"] for one in pack(place.config(), (), "uint16", out)["scenes"]] == ["packed", "packed"]
    first, when = content(out), {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert [one["done"] for one in pack(place.config(), (), "uint16", out)["scenes"]] == ["kept", "kept"]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == when
    (out / ONE / f"patch_3_1_by_3_{ONE}.bin").write_bytes(b"damaged")
    assert [one["done"] for one in pack(place.config(), (), "uint16", out)["scenes"]] == ["replaced", "kept"]
    assert content(out) == first
    assert [one["done"] for one in pack(place.config(), (ONE,), "float32", out)["scenes"]] == ["replaced"]
    assert sorted(path.name for path in out.iterdir()) == [ONE, OTHER]  # nothing hidden is left over


@pytest.mark.parametrize("harm", [lambda d: (d / "notes.txt").touch(), lambda d: (d / ".origin.json").touch(), None])
def test_what_is_no_packed_scene_is_not_replaced(place, tmp_path, harm):
    folder = tmp_path / "out" / ONE
    if harm is None:
        folder.parent.mkdir()
        folder.touch()
    else:
        folder.mkdir(parents=True)
        harm(folder)
    before = content(tmp_path / "out")
    with pytest.raises(UsageError, match="holds other things"):
        pack(place.config(), (), "uint16", tmp_path / "out")
    assert content(tmp_path / "out") == before


def test_an_unknown_scene_lists_those_there(place, tmp_path):
    done = board("pack", "--run", place.run.folder, "--scene", "LC08_NOT", "--out", tmp_path / "out")
    assert done.returncode == 2 and "LC08_NOT" in done.stderr and ONE in done.stderr and OTHER in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_patch_is_named_and_nothing_is_left(place, tmp_path):
    lost = place.data / "38-Cloud_test" / "test_nir" / f"nir_patch_2_1_by_2_{OTHER}.TIF"
    lost.unlink()
    with pytest.raises(DataError, match=lost.name):
        pack(place.config(), (), "uint16", tmp_path / "out")
    lost.write_bytes(b"II*\0 not a picture")
    with pytest.raises(DataError, match=lost.name):
        pack(place.config(), (), "uint16", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [ONE]


def test_a_patch_of_another_size_is_named(place, tmp_path):
    for path in (place.data / "38-Cloud_test" / "test_nir").glob(f"*_2_1_by_2_{ONE}.TIF"):
        tiff.write(path, np.zeros((SIDE + 2, SIDE + 2), np.uint16))
    with pytest.raises(DataError, match=f"patch_2_1_by_2_{ONE}.bin"):
        pack(place.config(), (ONE,), "uint16", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_no_test_part(place, tmp_path):
    shutil.rmtree(place.data / "38-Cloud_test")
    with pytest.raises(DataError, match="nothing to pack"):
        pack(place.config(), (), "uint16", tmp_path / "out")


def test_json_alone_on_stdout_and_words_on_stderr(place, tmp_path):
    done = board("pack", "--run", place.run.folder, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0 and ONE in done.stderr
    assert json.loads(done.stdout)["scenes"][0]["done"] == "packed"
    assert board("pack", "--run", place.run.folder, "--out", tmp_path / "out", "--dtype", "int8").returncode == 2


def test_a_file_in_the_place_of_out(place, tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(UsageError, match="in the way"):
        pack(place.config(), (), "uint16", tmp_path / "out")


@pytest.mark.slow
def test_killed_at_any_moment_leaves_whole_scenes_and_the_next_one_ends_it(tmp_path):
    """A process that packs large scenes over and over, killed thirty times; a scene is never seen without all its files."""
    place, out = make(tmp_path, parse_bands("rgbn"), 512), tmp_path / "out"
    script = (
        "import itertools, sys; from pathlib import Path; from pipeline.run import find; from pipeline.tasks.packing import pack\n"
        "config = find(Path('runs'), sys.argv[1]).config(); print('ready', flush=True)\n"
        "for dtype in itertools.cycle(('uint16', 'float32')): pack(config, (), dtype, Path(sys.argv[2]))\n"
    )
    rng, environment = np.random.default_rng(0), {**os.environ, "PYTHONPATH": str(ROOT)}
    whole = 0
    for _ in range(30):
        arguments = [sys.executable, "-c", script, str(place.run.folder), str(out)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
        for folder in out.glob("[!.]*"):
            scene_folder.check(folder, scene_folder.read(folder))
            whole += 1
    assert whole
    pack(place.config(), (), "uint16", out)
    assert sorted(path.name for path in out.iterdir()) == [ONE, OTHER]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no right to mount a small tmpfs: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_no_room_is_said_before_anything_is_written(tmp_path, small_disk):
    place = make(tmp_path, parse_bands("rgbn"), 256)
    with pytest.raises(MissingToolError, match=r"2 scene\(s\) need 4\.0 MiB and 1\.0 MiB are free.*--scene"):
        pack(place.config(), (), "uint16", small_disk)
    assert not list(small_disk.iterdir())
    done = board("pack", "--run", place.run.folder, "--out", small_disk)
    assert done.returncode == 4 and "make room" in done.stderr


def test_a_disk_that_fills_up_meanwhile(tmp_path, small_disk, monkeypatch):
    place = make(tmp_path, parse_bands("rgbn"), 128)
    monkeypatch.setattr("pipeline.tasks.packing._need_room", lambda *_: (small_disk / "ballast").write_bytes(bytes(300 << 10)))
    with pytest.raises(OSError, match="No space"):
        pack(place.config(), (), "uint16", small_disk)
    assert sorted(path.name for path in small_disk.iterdir()) == ["ballast"]
    (small_disk / "ballast").unlink()
    monkeypatch.undo()
    assert [one["done"] for one in pack(place.config(), (OTHER,), "uint16", small_disk)["scenes"]] == ["packed"]
