"""A dataset of a few scenes whose patches are hard links to a handful of files, a run on it, and a Dask cluster of real processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "board"))
import board_dataset

from pipeline.data import tiff
from pipeline.data.bands import BANDS
from pipeline.data.lists import write_list
from pipeline.data.names import PatchName

ROOT = Path(__file__).resolve().parents[2]
SIDE, GRID = 128, (9, 12)
SCENES = [f"LC08_L1TP_99920{number}" for number in range(4)]


def make(folder: Path) -> board_dataset.Place:
    """Four scenes of a second's work each on one thread; the network copies (16 x 16), nothing is trained."""
    rng, test = np.random.default_rng(5), folder / "data" / "38-Cloud_test"
    for each in (*(f"test_{band}" for band in BANDS), "Entire_scene_gts"):
        (test / each).mkdir(parents=True)
    files = [folder / f"{number}.TIF" for number in range(8)]
    for file in files:
        tiff.write(file, np.kron(rng.integers(0, 65536, (16, 16), dtype=np.uint16), np.ones((SIDE // 16, SIDE // 16), np.uint16)))
    names = []
    for number, scene in enumerate(SCENES):
        for index in range(GRID[0] * GRID[1]):
            names.append(PatchName(index + 1, index // GRID[1] + 1, index % GRID[1] + 1, scene))
            for shift, band in enumerate(BANDS):
                os.link(files[(index + number + shift) % len(files)], test / f"test_{band}" / names[-1].file(band))
        mask = (rng.random((GRID[0] * SIDE - 11, GRID[1] * SIDE - 20)) < 0.5).astype(np.uint8) * np.uint8(255)
        tiff.write(test / "Entire_scene_gts" / f"edited_corrected_gts_{scene}.TIF", mask)
    write_list(test / "test_patches_38-Cloud.csv", names)
    return board_dataset.Place(folder / "data", board_dataset._run(folder, folder / "data", ("nir",)))


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **more}


class Cluster:
    """A scheduler and workers, each a process of its own as a user starts it, on 127.0.0.1."""

    def __init__(self, folder: Path):
        self.folder, self.address = folder, ""
        self.elsewhere: Path | None = None  # a folder that workers started from now on see empty
        self.processes: dict[str, subprocess.Popen] = {}

    def start(self, workers: int) -> None:
        where = self.folder / "scheduler.json"
        self._process("scheduler", "dask_scheduler", "--port", "0", "--scheduler-file", str(where))
        while not where.exists() or not where.read_text().strip().endswith("}"):
            time.sleep(0.05)
        self.address = json.loads(where.read_text())["address"]
        for number in range(workers):
            self.worker(f"w{number}")

    def worker(self, name: str, **variables: str) -> None:
        options = ("--nthreads", "1", "--no-nanny", "--name", name, "--local-directory", str(self.folder / name), "--memory-limit", "0")
        self._process(name, "dask_worker", self.address, *options, **variables)

    def _process(self, name: str, module: str, *arguments: str, **variables: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--host", "127.0.0.1", "--no-dashboard", *arguments]
        if self.elsewhere:
            hide = 'mount -t tmpfs none "$0" && exec "$@"'
            command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", hide, str(self.elsewhere), *command]
        with open(self.folder / f"{name}.log", "wb") as log:
            self.processes[name] = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=environment(**variables))

    def wait_for(self, workers: int) -> None:
        with self.client() as client:
            client.wait_for_workers(workers, timeout=240)

    @contextlib.contextmanager
    def client(self) -> Iterator:
        from distributed import Client

        with Client(self.address, set_as_default=False, timeout=240) as client:
            yield client

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGKILL)
        for process in self.processes.values():
            process.wait()
