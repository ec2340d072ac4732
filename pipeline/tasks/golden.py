"""The stage `board golden`: one real patch that every deployment is tried with, and what a bundle has to know of the run."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..board import scene_folder
from ..board.placing import placed_folder
from ..board.scene_folder import PackedScene
from ..config import Config
from ..data.names import PatchName
from ..data.reader import FULL_SCALE, read_image, read_mask, read_stored
from ..edgetpu.compiler import COMPILED, RESULT
from ..edgetpu.model import Tensor, read_model
from ..edgetpu.package import inspect
from ..errors import UsageError
from ..progress import say
from ..run import Run, sha256
from ..scene.quantization import quantize
from . import cloud

MADE = {"scene", "input.bin", "about.json"}
_BALANCED = 0.25  # a patch whose share of positive pixels is this near to a half is taken without looking further
_LOOKED_AT = 64  # masks that are read at most in search of it


def golden(run: Run, config: Config, out: Path) -> dict[str, Any]:
    """Write `out`/scene/ (a packed scene of one patch), `out`/input.bin (the same as int8.tflite's input tensor) and `out`/about.json.

    The patch is one of the validation split whose mask holds both classes, as evenly as can be; without training data it is from the
    middle of a test scene. Returns what about.json holds: the patch, the run, its threshold, its int8 model and the compiled one.
    """
    if out.exists() and not (out.is_dir() and {path.name for path in out.iterdir()} <= MADE):
        raise UsageError(f"{out}: is there and holds other things than a golden input; give another --out")
    model, task = run.need_variant("int8"), cloud.Cloud(config)
    threshold = files.read_json(run.need(run.threshold, "train"))["value"]
    main = read_model(model).main
    tensor = main.tensors[main.inputs[0]]
    patch, part = _choose(task)
    stored, image = _pixels(task, part, patch, config.data.size)
    name = patch.stem.removeprefix("patch_")
    packed = PackedScene(f"golden_{name}", 1, 1, len(stored), task.bands, "uint16", 1 / FULL_SCALE)
    about = {
        "patch": {"name": name, "part": part, "dataset": task.dataset.name, "demo": task.dataset.demo},
        "run": {"name": run.folder.resolve().name, "folder": str(run.folder.resolve())},
        "threshold": threshold,
        "model": {"file": str(model.resolve()), "sha256": sha256(model)},
        "compiled": _compiled(run, model),
    }
    with placed_folder(out) as partial:
        (partial / "scene").mkdir()
        scene_folder.write(partial / "scene", packed, [stored])
        files.write_bytes(partial / "input.bin", _input(model, tensor, image))
        files.write_json(partial / "about.json", about)
    say(f"golden input: patch {name} of {task.dataset.name}")
    return about


def _choose(task: cloud.Cloud) -> tuple[PatchName, str]:
    """The patch and the part of the dataset that it belongs to."""
    if not task.dataset.train:
        grid = task.dataset.test_scenes()[0]
        return grid.patches[len(grid.patches) // 2], "test"
    validation = task.patches[1]
    best, chosen = 1.0, validation[0]
    for index in np.linspace(0, len(validation) - 1, min(_LOOKED_AT, len(validation))).round().astype(int):
        away = abs(float(read_mask(task.dataset, validation[index]).mean()) - 0.5)
        if away < best:
            best, chosen = away, validation[index]
        if away <= _BALANCED:
            break
    return chosen, "train"


def _pixels(task: cloud.Cloud, part: str, patch: PatchName, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(uint16 patch, what the network sees of it), of which the board makes the same in every bit.

    Halving a patch is exact on every machine; for other sizes the last bit may differ (docs/programs.md), so such a patch is brought to the
    network's size here, and the board has nothing to resize.
    """
    stored = read_stored(task.dataset, part, patch, task.bands)
    image = read_image(task.dataset, part, patch, task.bands, size)
    if len(stored) not in (size, 2 * size):
        stored = np.rint(image * np.float32(FULL_SCALE)).astype(np.uint16)
        image = stored * np.float32(1 / FULL_SCALE)
    return stored, image


def _input(model: Path, tensor: Tensor, image: np.ndarray) -> bytes:
    if tensor.shape != (1, *image.shape) or tensor.type not in ("INT8", "UINT8") or tensor.scale is None or tensor.zero_point is None:
        raise UsageError(f"{model}: takes {tensor.type} {tensor.shape}, which is not what the run's config says; quantize the run again")
    return quantize(image, tensor.scale, tensor.zero_point, tensor.type.lower()).tobytes()


def _compiled(run: Run, model: Path) -> dict[str, Any]:
    """The compiled twin of `model`: `file`, `sha256`, `compiler`, `min_runtime`; or only `why` there is none that belongs to it."""
    path, result = run.folder / "edgetpu" / COMPILED, run.folder / "edgetpu" / RESULT
    if not path.is_file():
        return {"why": "it has not been compiled: `python -m pipeline compile` does that where edgetpu_compiler is"}
    try:
        record = files.read_json(result)
        fits = record["outcome"] == "compiled" and record["input"]["sha256"] == sha256(model)
    except (OSError, KeyError, TypeError, json.JSONDecodeError):
        fits = False
    if not fits:
        return {"why": f"{run.folder.name}/edgetpu/{COMPILED} was made from another int8.tflite: compile the run again"}
    packages = inspect(path).packages
    return {
        "file": str(path.resolve()),
        "sha256": sha256(path),
        "compiler": record["compiler"],
        "min_runtime": max((package.min_runtime for package in packages), default=0),
    }
