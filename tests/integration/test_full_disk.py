"""A disk that fills up: a clear message, exit code 4, and nothing half-written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 20 MiB: the demo data fits, a checkpoint does not."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no right to mount a small tmpfs: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def pipeline(arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments], cwd=cwd, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def test_training_on_a_full_disk_and_going_on_when_there_is_space(small_disk):
    settings = ["--set", "train.epochs=2 model.filters=16 data.size=32 data.workers=1"]
    done = pipeline(["train", *settings], small_disk)
    assert done.returncode == 4 and "no space left" in done.stderr and "Traceback" not in done.stderr, done.stderr
    (run,) = (small_disk / "runs").iterdir()
    assert not list(run.rglob("*.partial*")) and not (run / "train" / "checkpoints" / "last.npz").exists()
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    done = pipeline(["train", "--run", run.name], small_disk)
    assert done.returncode == 0, done.stderr
    assert len((run / "train" / "history.csv").read_text().splitlines()) == 3 and (run / "model.h5").is_file()


def test_demo_data_on_a_full_disk_leaves_nothing(small_disk):
    (small_disk / "ballast").write_bytes(b"\0" * (12 << 20))
    done = pipeline(["data", "demo", "demo"], small_disk)
    assert done.returncode == 4 and "no space left" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]
