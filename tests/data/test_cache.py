"""The cache of decoded patches: the same batches as from the files, whole or not there, built by one process at a time."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cached_data import PATCHES, contents, make_data, same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import load
from pipeline.data import cache, cache_build, tiff
from pipeline.data.bands import BANDS
from pipeline.data.cache import Cache, Key
from pipeline.data.cache_build import provide
from pipeline.data.sources import Files
from pipeline.errors import DataError
from pipeline.tasks.cloud import Cloud

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def own_data(tmp_path):
    return make_data(tmp_path / "own")


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(cache_build, "say", lines.append)
    return lines


augmentation = st.builds(
    SimpleNamespace,
    flip=st.booleans(),
    quarter_turns=st.booleans(),
    crop=st.sampled_from([0.0, 0.4]),
    brightness=st.sampled_from([0.0, 0.1]),
    contrast=st.sampled_from([0.0, 0.3]),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    options=st.none() | augmentation,
    bands=st.permutations(BANDS).flatmap(lambda order: st.integers(1, 4).map(lambda number: tuple(order[:number]))),
    size=st.sampled_from([16, 32, 20, 48]),
)
def test_batches_are_those_of_the_files(options, bands, size, data, tmp_path):
    key = Key(data, PATCHES, bands, size)
    found = provide(tmp_path / "cache", key, 2)
    # half of 1/65535, twice that where contrast (up to 1.3) and the mean stretch it, and float32's own rounding
    same(key, found, options, 0.0 if size == 32 else 0.5 / 65535 * (1 if not options or not options.contrast else 2) + 2e-7)


def test_at_the_patches_own_side_the_stored_value_is_the_pixel(data, tmp_path):
    key = Key(data, PATCHES, ("nir", "red"), 32)
    provide(tmp_path, key)
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    images = np.fromfile(folder / cache.IMAGES, np.uint16).reshape(-1, 32, 32, 2)
    for image, patch in zip(images, PATCHES, strict=True):
        np.testing.assert_array_equal(image[..., 0], tiff.read(data.band_path("train", "nir", patch), np.uint16))


def test_one_that_is_there_is_opened_without_a_lock_or_a_word(data, tmp_path, said):
    key = Key(data, PATCHES, BANDS, 16)
    provide(tmp_path, key)
    assert len(said) == 1 and "11 patches" in said[0] and "MB in" in said[0]
    (tmp_path / ".lock").unlink()
    assert isinstance(provide(tmp_path, key), Cache)
    assert len(said) == 1 and not (tmp_path / ".lock").exists()


def test_other_sizes_bands_lists_and_data_are_other_caches(own_data, tmp_path):
    root = tmp_path / "cache"
    key = Key(own_data, PATCHES, BANDS, 16)
    path = own_data.mask_path(PATCHES[3])
    provide(root, key)
    for patches, bands, size in ((PATCHES, BANDS, 8), (PATCHES, BANDS[::-1], 16), (PATCHES[::-1], BANDS, 16)):
        provide(root, Key(own_data, patches, bands, size))
    assert len(contents(root)) == 4
    about = path.stat()
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    provide(root, key)
    assert len(contents(root)) == 5


@pytest.mark.parametrize("damage", ["images", "masks", "index", "json", "digest", "file"])
def test_a_damaged_one_is_built_again(damage, data, tmp_path, said):
    key = Key(data, PATCHES, BANDS, 16)
    provide(tmp_path, key)
    (name,) = contents(tmp_path)
    folder = tmp_path / name
    if damage in ("images", "masks"):
        file = folder / {"images": cache.IMAGES, "masks": cache.MASKS}[damage]
        os.truncate(file, file.stat().st_size - 1)
    elif damage == "index":
        (folder / cache.INDEX).unlink()
    else:
        (folder / cache.INDEX).write_text({"json": "{", "digest": '{"digest": "0"}', "file": "[]"}[damage])
    same(key, provide(tmp_path, key), tolerance=1e-5)
    assert contents(tmp_path) == [name] and "damaged" in said[1] and len(said) == 3


def test_a_patch_that_cannot_be_read_is_named_and_leaves_no_cache(own_data, tmp_path):
    path = own_data.band_path("train", "nir", PATCHES[6])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=path.name):
        provide(tmp_path / "cache", Key(own_data, PATCHES, BANDS, 16), 2)
    path.unlink()
    with pytest.raises(DataError, match=path.name):
        provide(tmp_path / "cache", Key(own_data, PATCHES, BANDS, 16), 2)
    assert contents(tmp_path / "cache") == []


def test_without_room_or_right_the_files_are_read_and_a_line_says_so(data, tmp_path, said, monkeypatch):
    key = Key(data, PATCHES, BANDS, 16)
    (tmp_path / "file").write_text("")
    assert provide(tmp_path / "file" / "cache", key) is None
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(cache_build.shutil, "disk_usage", lambda path: usage(0, 0, cache_build.SPARE + sum(key.lengths.values()) - 1))
    assert provide(tmp_path / "cache", key) is None
    assert contents(tmp_path / "cache") == [] and len(said) == 2 and all("from their files" in line for line in said)


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(data, tmp_path, said, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_build.os, "pwrite", full)
    assert provide(tmp_path, Key(data, PATCHES, BANDS, 16)) is None
    assert contents(tmp_path) == [] and "No space left" in said[0] and len(said) == 1


def test_a_short_write_goes_on(data, tmp_path, monkeypatch):
    whole = os.pwrite
    monkeypatch.setattr(cache_build.os, "pwrite", lambda file, part, offset: whole(file, part[:1000], offset))
    key = Key(data, PATCHES, BANDS, 32)
    same(key, provide(tmp_path, key))


def test_who_finds_another_building_waits_and_takes_what_it_made(data, tmp_path, said):
    key = Key(data, PATCHES, BANDS, 16)
    with open(tmp_path / ".lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        got = []
        thread = threading.Thread(target=lambda: got.append(provide(tmp_path, key)))
        thread.start()
        while not said:
            time.sleep(0.01)
        assert "waiting" in said[0] and not got
        elsewhere = tmp_path / "elsewhere"
        provide(elsewhere, key)
        (made,) = contents(elsewhere)
        os.rename(elsewhere / made, tmp_path / made)
        fcntl.flock(other, fcntl.LOCK_UN)
        thread.join(10)
    assert isinstance(got[0], Cache) and sum("patches in" in line for line in said) == 1


@pytest.mark.parametrize(("setting", "kind"), [("", Cache), ("data.cache=false", Files)])
def test_trainings_with_any_seed_share_one_cache(setting, kind, own_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = []
    for seed in (1, 2):
        task = Cloud(load(None, f"seed={seed} data.root=own data.size=16 data.split=patch data.nonempty=false {setting}"))
        made += [task.training(), task.validation()]
        assert isinstance(made[-1].source, kind) and made[-1].source is made[-2].source
    assert made[0].patches != made[2].patches
    assert len(contents(tmp_path / "data" / "cache")) == (kind is Cache)


BUILDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from pipeline.data import cache_build, layout
from pipeline.data.bands import BANDS
from cached_data import PATCHES
from pipeline.data.cache import Key
write = cache_build._write
def slow(*rest):
    write(*rest)
    print("written", flush=True)
    time.sleep(0.3)
cache_build._write = slow
cache_build.provide(Path({root!r}), Key(layout.open_dataset({data!r}), PATCHES, BANDS, 16), 1)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_builder_that_is_stopped_leaves_nothing_that_is_taken_for_a_cache(how, data, tmp_path):
    code = BUILDER.format(tests=str(Path(__file__).parent), root=str(tmp_path), data=str(data.root))
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "written\n"
    process.send_signal(how)
    assert process.wait(20) != 0
    if how == signal.SIGINT:
        assert contents(tmp_path) == [] and process.stderr.read().endswith("KeyboardInterrupt\n")
    else:
        assert [name.endswith(".partial") for name in contents(tmp_path)] == [True]
    process.stdout.close(), process.stderr.close()
    key = Key(data, PATCHES, BANDS, 16)
    same(key, provide(tmp_path, key), tolerance=1e-5)
    (name,) = contents(tmp_path)
    assert not name.startswith(".")
