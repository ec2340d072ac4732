"""A small dataset in the 38-Cloud layout and a run folder whose networks only copy: nothing is trained."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config import Config, dump
from pipeline.data import tiff
from pipeline.data.bands import BANDS
from pipeline.data.lists import write_list
from pipeline.data.names import PatchName
from pipeline.run import Run, sha256

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cpp"))  # the board_*.py of the C++ tests
from board_models import Tensor, write

ONE, OTHER = "LC08_L1TP_999101_A", "LC08_L1TP_999102_B"
SIDE, SIZE = 32, 16
GRID, CROP = {ONE: (2, 3), OTHER: (1, 2)}, {ONE: (61, 90), OTHER: (32, 63)}
THRESHOLD = 0.4375


@dataclass(frozen=True)
class Place:
    """`data`: the dataset's folder; `run`: the run folder, which knows it."""

    data: Path
    run: Run

    def config(self) -> Config:
        return self.run.config()

    def stored(self, scene: str, row: int, col: int, bands=("nir",)) -> np.ndarray:
        columns = GRID[scene][1]
        name = PatchName((row - 1) * columns + col, row, col, scene)
        folder = self.data / "38-Cloud_test"
        return np.stack([tiff.read(folder / f"test_{band}" / name.file(band), np.uint16) for band in bands], -1)

    def mask(self, scene: str) -> Path:
        return self.data / "38-Cloud_test" / "Entire_scene_gts" / f"edited_corrected_gts_{scene}.TIF"


def make(folder: Path, bands: tuple[str, ...] = ("nir",), side: int = SIDE, training: bool = True) -> Place:
    """A dataset of two test scenes (and eight training patches), and a run on it."""
    data, rng = folder / "data", np.random.default_rng(3)
    tests = [PatchName((r * c[1]) + k + 1, r + 1, k + 1, s) for s, c in GRID.items() for r in range(c[0]) for k in range(c[1])]
    _part(data / "38-Cloud_test", "test", tests, side, rng)
    (data / "38-Cloud_test" / "Entire_scene_gts").mkdir()
    for scene, (height, width) in CROP.items():
        shape = (height * side // SIDE, width * side // SIDE)
        where = data / "38-Cloud_test" / "Entire_scene_gts" / f"edited_corrected_gts_{scene}.TIF"
        tiff.write(where, (rng.random(shape) < 0.5).astype(np.uint8) * np.uint8(255))
    if training:
        trains = [PatchName(i + 1, i // 2 + 1, i % 2 + 1, scene) for scene in ("LC08_T1", "LC08_T2") for i in range(4)]
        _part(data / "38-Cloud_training", "train", trains, side, rng)
    return Place(data, _run(folder, data, bands))


def _part(folder: Path, kind: str, patches: list[PatchName], side: int, rng: np.random.Generator) -> None:
    for band in (*BANDS, *(["gt"] if kind == "train" else [])):
        (folder / f"{kind}_{band}").mkdir(parents=True)
        for number, patch in enumerate(patches):
            pixels = rng.integers(0, 65536, (side, side), dtype=np.uint16)
            if band == "gt":  # none, some, all
                pixels = np.uint8(255) * (rng.random((side, side)) < (0, 0.5, 1)[number % 3]).astype(np.uint8)
            tiff.write(folder / f"{kind}_{band}" / patch.file(band), pixels)
    write_list(folder / f"{'training' if kind == 'train' else 'test'}_patches_38-Cloud.csv", patches)


def _run(folder: Path, data: Path, bands: tuple[str, ...]) -> Run:
    run = Run(folder / "runs" / "20250101T000000Z-try")
    run.tflite.mkdir(parents=True)
    config = Config.model_validate({"name": "try", "data": {"root": str(data), "bands": bands, "size": SIZE, "nonempty": False}})
    run.config_file.write_text(dump(config))
    run.model.write_bytes(b"weights")
    run.threshold.write_text(json.dumps({"value": THRESHOLD, "f1": 0.8, "precision": 0.8, "recall": 0.8}))
    shape = (1, SIZE, SIZE, len(bands))
    for variant in ("float32", "dynamic", "float16", "int8"):
        tensor = Tensor(shape, scale=1 / 256) if variant == "int8" else Tensor(shape, dtype="float32")
        write(run.variant(variant), [tensor], [tensor], compiled=False)
    facts = {v: {"bytes": 1, "operators": 1, "sha256": sha256(run.variant(v))} for v in ("float32", "int8")}
    run.variants.write_text(json.dumps({"model": sha256(run.model), "variants": facts}))
    return run
