"""The stage `predict` over a test set of 38-Cloud's size (20 scenes, 9201 patches), int8 `early`, in under five minutes on two cores.

    python -m benchmarks.test_set [--json] [--scenes N]

The command is the one that a user gives, and makes everything: masks, probabilities, colour pictures, overlays, differences, counts. The
network has fresh weights, since its speed does not depend on their values; only its head is stretched until its output fills 0 to 1. The
threshold is the median, so that masks are as broken up as can be: PNG and TIFF take longer here than for clouds.

On a processor without int8 dot products (AVX2 alone) the network itself needs more than twice the aim. Where the first scenes show that,
only as many are run as last half the aim, and `seconds` is what the whole set would take at that rate: `projected` is true then.

Beside it, the same stage over a few of the scenes one step after the other (read, run, stitch and score, write; the network still on all
processors), which also tells how the time is shared out among those steps.

The patches are made up: 36 different ones (384 x 384, four bands that PackBits cannot shrink, like real Landsat's), and every file of the
test set is a hard link to one of theirs. So all reading is from the page cache, as in a second run over a real test set that fits into
memory (11 GB). What comes from a disk for the first time is bounded by the disk as well: 11 GB in 300 s are 36 MB/s.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.reader import make_files
from pipeline import files
from pipeline.config import Config
from pipeline.data import tiff
from pipeline.data.bands import BANDS
from pipeline.data.lists import write_list
from pipeline.data.names import PatchName
from pipeline.run import Run, create, sha256

SIDE, POOL = 384, 36
GRIDS = ((20, 23),) * 18 + ((21, 21), (20, 24))  # rows and columns of the scenes: 9201 patches
MARGIN = (217, 302)  # pixels by which a scene's mask is smaller than its patches
AIM, PLAIN_SCENES = 300, 2
ROOT = Path(__file__).resolve().parents[1]


def make_data(root: Path, scenes: int) -> None:
    """The test part in the 38-Cloud layout, with the masks of whole scenes."""
    shutil.rmtree(root / "pool", ignore_errors=True)
    pool = make_files(root / "pool", POOL)
    unique = pool.listed("train")
    truths = [(tiff.read(pool.mask_path(patch), np.uint8) > 0).astype(np.uint8) * np.uint8(255) for patch in unique]
    folder, names, masks = root / "data" / "38-Cloud_test", [], {}
    for each in (*(f"test_{band}" for band in BANDS), "Entire_scene_gts"):
        (folder / each).mkdir(parents=True)
    for number, (rows, cols) in enumerate(GRIDS[:scenes], start=1):
        scene = f"LC08_L1TP_{number:06d}_20000101_20000101_01_T1"
        for index in range(rows * cols):
            name = PatchName(index + 1, index // cols + 1, index % cols + 1, scene)
            names.append(name)
            for band in BANDS:
                os.link(pool.band_path("train", band, unique[index % POOL]), folder / f"test_{band}" / name.file(band))
        mask = folder / "Entire_scene_gts" / f"edited_corrected_gts_{scene}.TIF"
        if (rows, cols) in masks:
            os.link(masks[rows, cols], mask)
            continue
        whole = np.block([[truths[(row * cols + col) % POOL] for col in range(cols)] for row in range(rows)])
        top, left = MARGIN[0] // 2, MARGIN[1] // 2
        tiff.write(mask, whole[top : top + whole.shape[0] - MARGIN[0], left : left + whole.shape[1] - MARGIN[1]])
        masks[rows, cols] = mask
    write_list(folder / "test_patches_38-Cloud.csv", names)


def make_run(root: Path) -> Run:
    """A run folder as `train` and `quantize` leave it for `predict --variant int8`."""
    from pipeline.models import build
    from pipeline.quantize.convert import convert
    from pipeline.scene.runners import open_runner
    from pipeline.tasks import cloud

    config = Config(name="test-set", data={"root": str(root / "data")})
    run = create(root / "runs", config)
    plain = build(config.model, config.data.size, len(BANDS), cloud.CLASSES, batch=1)
    plain.save(run.model)
    scene = cloud.Cloud(config).scenes()[0]
    patches = [scene.load(*position) for position, _ in zip(scene.positions(), range(8), strict=False)]
    logits = np.arctanh(2 * plain.predict(np.stack(patches), batch_size=1, verbose=0) - 1) * 2
    kernel, bias = plain.layers[-1].get_weights()
    stretch = 2 / logits.std()
    plain.layers[-1].set_weights([kernel * stretch, (bias - logits.mean()) * stretch])
    files.write_bytes(run.variant("int8"), convert(plain, "int8", patches))
    files.write_json(run.variants, {"model": sha256(run.model)})
    files.write_json(run.threshold, {"value": float(np.median(open_runner(run.variant("int8"))(np.stack(patches))))})
    return run


def command(run: Run) -> float:
    """Seconds of the command over the scenes that there are, the start of Python included."""
    command = [sys.executable, "-m", "pipeline", "predict", "--run", str(run.folder), "--variant", "int8"]
    began = time.perf_counter()
    subprocess.run(command, check=True, cwd=run.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


class Clock:
    """Seconds spent in each of several functions, without those that they call among them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._within: list[float] = []

    @contextlib.contextmanager
    def measure(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        self._within.append(0.0)
        try:
            yield
        finally:
            took = time.perf_counter() - began
            self.seconds[what] = self.seconds.get(what, 0.0) + took - self._within.pop()
            if self._within:
                self._within[-1] += took

    def wrap(self, what: str, function: Callable) -> Callable:
        def measured(*arguments: Any, **options: Any) -> Any:
            with self.measure(what):
                return function(*arguments, **options)

        return measured


def one_after_the_other(run: Run, scenes: int) -> tuple[float, dict[str, float]]:
    """(seconds, seconds of each step) of the stage over the first `scenes`, in this process, with nothing at the same time as another."""
    from pipeline.data import reader
    from pipeline.scene import images, tflite_runner
    from pipeline.scene import predict as scene_predict
    from pipeline.tasks import cloud, predicting

    clock, config = Clock(), run.config()
    ids = [scene.id for scene in cloud.Cloud(config).scenes()[:scenes]]

    def plain(runner: Any, grid: Any, load: Callable[[int, int], np.ndarray]) -> Iterator[np.ndarray]:
        positions = list(grid.positions())
        for first in range(0, len(positions), 16):
            yield from runner(np.stack([load(*position) for position in positions[first : first + 16]]))

    measured = [
        (cloud, "read_image", "reading"),
        (tflite_runner.TFLiteRunner, "__call__", "inference"),
        (images, "write_png", "writing"),
        (images, "write_tiff", "writing"),
        (predicting, "write_comparison", "writing"),
        (predicting, "_colour", "colour picture"),
        (cloud.Scene, "fingerprint", "fingerprint"),
        (reader.tiff, "read", "reading"),
    ]
    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(scene_predict, "predict_patches", plain))
        for place, name, what in measured:
            patches.enter_context(mock.patch.object(place, name, clock.wrap(what, getattr(place, name))))
        with clock.measure("stitching and scoring"):
            began = time.perf_counter()
            predicting.predict(run, config, ["int8"], ids)
            took = time.perf_counter() - began
    return took, clock.seconds


def instructions() -> str:
    """What the processor has for int8."""
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    return ", ".join(each for each in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm") if each in flags) or "?"


def run(scenes: int = len(GRIDS)) -> dict[str, Any]:
    """Figures of both; `ratio`: patches a second of the command over those of one step after the other."""
    every = sum(rows * cols for rows, cols in GRIDS)
    with tempfile.TemporaryDirectory() as work:
        make_data(Path(work), scenes)
        made = make_run(Path(work))
        few = min(PLAIN_SCENES, scenes)
        plain_patches = sum(rows * cols for rows, cols in GRIDS[:few])
        plain_seconds, shares = one_after_the_other(made, few)
        for left in made.scenes.rglob("*"):
            left.is_dir() or left.unlink()
        if every * plain_seconds / plain_patches > 2 * AIM:
            scenes = min(scenes, max(few, round(AIM / 2 / (plain_seconds / few))))
            shutil.rmtree(Path(work) / "data")
            make_data(Path(work), scenes)
        took = command(made)
        records = [files.read_json(path) for path in (made.scenes / "int8").glob("*.json")]
    patches = sum(record["patches"] for record in records)
    assert patches == sum(rows * cols for rows, cols in GRIDS[:scenes])
    return {
        "instructions": instructions(),
        "patches": patches,
        "measured_seconds": took,
        "seconds": took * every / patches,
        "projected": patches < every,
        "patches_per_second": patches / took,
        "plain_patches_per_second": plain_patches / plain_seconds,
        "ratio": (patches / took) / (plain_patches / plain_seconds),
        "plain_milliseconds_a_patch": {what: 1000 * value / plain_patches for what, value in shares.items()},
        "plain_shares": {what: value / plain_seconds for what, value in shares.items()},
        "milliseconds_of_inference": float(np.median([record["milliseconds_per_patch"] for record in records])),
        "aim": AIM,
        "held": took * every / patches <= AIM,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--scenes", type=int, default=len(GRIDS), choices=range(1, len(GRIDS) + 1), metavar="N", help="only the first N")
    asked = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    figures = run(asked.scenes)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    how = "projected" if figures["projected"] else "measured"
    rate = f"{figures['patches_per_second']:.0f} a second, on {figures['instructions']}"
    print(f"{figures['patches']} patches in {figures['measured_seconds']:.0f} s, {rate}")
    print(f"  all 9201: {figures['seconds']:.0f} s ({how}), the aim is {AIM}")
    print(f"  one step after the other {figures['plain_patches_per_second']:.0f} a second, ratio {figures['ratio']:.2f}")
    for what, value in figures["plain_milliseconds_a_patch"].items():
        print(f"  {what:22} {value:6.2f} ms a patch  {figures['plain_shares'][what]:4.0%}")


if __name__ == "__main__":
    main()
