"""Scenes for the board and what Python makes of them, for comparing the C++ programs with."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

SCALE = 1 / 65535  # of uint16 patches, as the dataset's reader has it


def write_scene(folder: Path, patches: np.ndarray, scene: str = "LC08_TEST", **other) -> Path:
    """Write `patches` (rows, columns, side, side, bands) of uint16 or float32 as a scene for the board; `other` goes into scene.json."""
    rows, columns, side, _, bands = patches.shape
    folder.mkdir(parents=True)
    for row in range(rows):
        for column in range(columns):
            patches[row, column].astype(patches.dtype.newbyteorder("<")).tofile(folder / patch_file(row * columns + column, columns, scene))
    about = {"id": scene, "rows": rows, "columns": columns, "patch_size": side, "bands": bands, "dtype": patches.dtype.name,
             "scale": SCALE if patches.dtype == np.uint16 else 1.0}  # fmt: skip
    (folder / "scene.json").write_text(json.dumps(about | other))
    return folder


def patch_file(position: int, columns: int, scene: str = "LC08_TEST") -> str:
    """The file name of the patch at `position` (row-major from 0)."""
    return f"patch_{position + 1}_{position // columns + 1}_by_{position % columns + 1}_{scene}.bin"


def read_results(folder: Path) -> np.ndarray:
    """The results in `folder` as (rows, columns, side, side, classes)."""
    about = json.loads((folder / "scene.json").read_text())
    shape = (about["patch_size"], about["patch_size"], about["bands"])
    count = about["rows"] * about["columns"]
    patches = [np.fromfile(folder / patch_file(i, about["columns"], about["id"]), about["dtype"]).reshape(shape) for i in range(count)]
    return np.stack(patches).reshape(about["rows"], about["columns"], *shape)


def reals(patch: np.ndarray, side: int) -> np.ndarray:
    """A uint16 or float32 patch as float32 at `side`, as the dataset's reader scales it."""
    import cv2

    pixels = patch.astype(np.float32)
    if side != len(patch):
        pixels = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_LINEAR).reshape(side, side, patch.shape[2])
    return pixels * np.float32(SCALE) if patch.dtype == np.uint16 else pixels


def quantized(real: np.ndarray, scale: float, zero_point: int, dtype: type) -> np.ndarray:
    """clip(rint(x / scale) + zero point) in float32."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(real / np.float32(scale)) + np.float32(zero_point), limits.min, limits.max).astype(dtype)


def stitched(results: np.ndarray, real: Callable[[np.ndarray], np.ndarray], size: int, crop: tuple[int, int] | None = None) -> np.ndarray:
    """The whole scene's probabilities (h, w) in memory at once, cropped to the centre."""
    import cv2

    rows, columns = results.shape[:2]
    scene = np.empty((rows * size, columns * size), np.float32)
    for row in range(rows):
        for column in range(columns):
            patch = real(results[row, column])[..., 0]
            if len(patch) != size:
                patch = cv2.resize(patch, (size, size), interpolation=cv2.INTER_LINEAR)
            scene[row * size : (row + 1) * size, column * size : (column + 1) * size] = patch
    height, width = crop or scene.shape
    top, left = (scene.shape[0] - height) // 2, (scene.shape[1] - width) // 2
    return scene[top : top + height, left : left + width]
