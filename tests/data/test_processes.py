"""Decoding by other processes: the same pixels and errors, and no process that outlives its starter."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cached_data import PATCHES, contents, make_data, same

from pipeline.config import AugmentConfig
from pipeline.data import cache, processes
from pipeline.data.augment import NONE
from pipeline.data.bands import BANDS
from pipeline.data.cache import Key
from pipeline.data.cache_build import provide
from pipeline.data.processes import DecodedFiles
from pipeline.data.sources import Files
from pipeline.errors import DataError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path / "data")


@pytest.mark.parametrize("bands", [("nir",), BANDS[:3], BANDS])
def test_they_read_what_threads_read(bands, data):
    found = DecodedFiles(data, bands, 20, 2)
    same(Key(data, PATCHES, bands, 20), found)
    same(Key(data, PATCHES, bands, 20), found, AugmentConfig(crop=0.2, brightness=0.1))
    found.close()


def test_a_damaged_file_is_named_and_the_next_patch_read(data):
    path = data.band_path("train", "nir", PATCHES[6])
    path.write_bytes(path.read_bytes()[:100])
    found, files = DecodedFiles(data, BANDS, 16, 1), Files(data, BANDS, 16)
    images, masks = np.empty((2, 16, 16, 4), np.float32), np.empty((2, 16, 16, 1), np.float32)
    with pytest.raises(DataError, match=path.name):
        found.read(PATCHES[6], NONE, images[0], masks[0])
    for source, image, mask in zip((found, files), images, masks, strict=True):
        source.read(PATCHES[5], NONE, image, mask)
    np.testing.assert_array_equal(*images)
    np.testing.assert_array_equal(*masks)
    found.close()


def test_a_process_that_dies_is_told(data):
    found = DecodedFiles(data, BANDS, 16, 1)
    (decoder,) = found._decoders._all
    decoder._process.kill()
    with pytest.raises(RuntimeError, match="-9"):
        found.read(PATCHES[0], NONE, np.empty((16, 16, 4), np.float32), np.empty((16, 16, 1), np.float32))
    found.close()


def test_a_cache_is_the_same_whoever_builds_it(data, tmp_path, monkeypatch):
    key = Key(data, PATCHES, BANDS, 20)
    provide(tmp_path / "threads", key, 2)
    monkeypatch.setattr(processes, "ENOUGH", 1)
    provide(tmp_path / "processes", key, 2)
    for file in (cache.IMAGES, cache.MASKS):
        one, other = (root / contents(root)[0] / file for root in (tmp_path / "threads", tmp_path / "processes"))
        assert one.read_bytes() == other.read_bytes()


def test_they_end_with_a_starter_that_is_killed(data):
    code = (
        "import sys, time; from pipeline.data import layout, processes\n"
        "made = processes.Decoders(layout.open_dataset(sys.argv[1]), ['red'], 16, 2, 'f4')\n"
        "print(*[each._process.pid for each in made._all], flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(data.root)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in starter.stdout.readline().split()]
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    for _ in range(200):
        if not any(_runs(pid) for pid in pids):
            return
        time.sleep(0.05)
    raise AssertionError(f"{pids} still run")


def _runs(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
