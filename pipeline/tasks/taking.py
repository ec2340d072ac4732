"""The stage `board take`: a mask that the board made, checked, kept in the run folder, scored, and held against the host's."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..board import returned
from ..board.returned import Returned
from ..config import Config
from ..edgetpu.compiler import COMPILED
from ..errors import DataError, UsageError
from ..evaluate.confusion import confusion
from ..progress import say
from ..run import Run, sha256
from ..scene import images, stitch
from . import board_results, cloud, predicting
from .packing import packed_scene

_EDGE = 1e-6  # nearer to the threshold than this, the last bit of an upsampled probability depends on the machine (docs/programs.md)


def take(run: Run, config: Config, scene_id: str, folder: Path) -> dict[str, Any]:
    """Take what the board made of a test scene, from `folder`, into scenes/board/ of the run, and score it; the record that is kept.

    Again with the same folder changes nothing. DataError where it is not this scene's, not made by the run's model, or not complete.
    """
    scenes = {scene.id: scene for scene in cloud.Cloud(config).scenes()}
    if scene_id not in scenes:
        raise UsageError(f"scene {scene_id}: not among the test scenes, which are {', '.join(scenes) or 'none'}")
    scene, model = scenes[scene_id], run.need_variant("int8")
    found = returned.read(folder, packed_scene(config, scene, "uint16"))
    ran = _model(run, model, folder, found)
    threshold = predicting.read_thresholds(run, config)["validation"]
    truth = scene.truth()
    shape = predicting.mask_shape(scene, truth)
    mask = _mask(found, shape)
    if found.patches:
        _same_as_results(found, mask, threshold, scene)
    predicting.predict(run, config, (predicting.REFERENCE, "int8"), (scene_id,))
    host = images.read_png(run.scenes / "int8" / f"{scene_id}.png") > 0
    record: dict[str, Any] = {
        "key": {"model": sha256(model), "data": scene.fingerprint(), "thresholds": {"validation": threshold}},
        "scene": scene_id,
        "height": shape[0],
        "width": shape[1],
        "patches": found.results.patches,
        "milliseconds_per_patch": found.median["invoke"],
        "board": _board(found, ran),
        "int8": {"differing": int(np.count_nonzero(host != mask)), "pixels": int(mask.size)},
    }
    if truth is not None:
        record |= {"thresholds": {"validation": threshold}, "confusions": {"validation": confusion(truth > 0, mask).tolist()}}
    _keep(run, scene, mask, truth, record)
    section = board_results.update(run, scenes.values())
    differing, pixels = record["int8"]["differing"], record["int8"]["pixels"]
    say(f"board {scene_id}: {differing} of {pixels} pixels ({100 * differing / pixels:.3f} %) differ from the host's int8 mask")
    return record | {"summary": section}


def _model(run: Run, model: Path, folder: Path, found: Returned) -> Path:
    """The run's file that the board ran, told by the checksum in the report."""
    candidates = [path for path in (model, run.folder / "edgetpu" / COMPILED) if path.is_file()]
    for path in candidates:
        if f"{zlib.crc32(path.read_bytes()):08x}" == found.report["model_crc32"]:
            return path
    raise DataError(
        f"{folder / returned.REPORT}: made with another model ({found.report['model']}, CRC-32 {found.report['model_crc32']}) than "
        f"{' or '.join(str(path) for path in candidates)}: bundle and deploy this run, or name the run it was made with"
    )


def _mask(found: Returned, shape: tuple[int, int]) -> np.ndarray:
    """Booleans (h, w)."""
    try:
        mask = images.read_png(found.mask)
    except (OSError, ValueError, SyntaxError) as why:
        raise DataError(f"{found.mask}: cannot be read ({why}); fetch it again") from None
    if mask.ndim != 2 or mask.shape != shape:
        raise DataError(
            f"{found.mask}: has {' x '.join(map(str, mask.shape))} pixels, the scene's mask {shape[0]} x {shape[1]}: "
            f"stitch it with --crop {shape[0]}x{shape[1]}"
        )
    if not ((mask == 0) | (mask == 255)).all():
        raise DataError(f"{found.mask}: holds other values than 0 and 255; stitch it with --threshold and without --probabilities")
    return mask > 0


def _same_as_results(found: Returned, mask: np.ndarray, threshold: float, scene: cloud.Scene) -> None:
    """DataError unless the mask is what the results are at the run's threshold."""
    grid, side, wrong = stitch.Grid(scene.rows, scene.cols), scene.side, 0
    for band in stitch.bands(grid, side, found.probabilities(), mask.shape):
        apart = band.values[..., 0] - np.float32(threshold)
        wrong += int(np.count_nonzero(((apart >= 0) != mask[band.rows]) & (np.abs(apart) > _EDGE)))
    if wrong:
        raise DataError(
            f"{found.mask}: {wrong} pixels are not what the results beside it are at the run's threshold: "
            f"stitch them with --threshold {threshold!r}"
        )


def _board(found: Returned, ran: Path) -> dict[str, Any]:
    report = found.report
    about = {key: report.get(key) for key in ("device", "threads", "tflite", "libedgetpu", "wall_ms")}
    return about | {"model": ran.name, "model_sha256": sha256(ran), "median_ms": found.median}


def _keep(run: Run, scene: cloud.Scene, mask: np.ndarray, truth: np.ndarray | None, record: dict[str, Any]) -> None:
    """The mask as the variants have theirs; the record last."""
    path = run.scenes / board_results.NAME / f"{scene.id}.json"
    png, tiff, _, *compared = predicting.picture_paths(run, board_results.NAME, scene)
    if path.exists() and files.read_json(path) == record and all(one.exists() for one in (png, tiff, *compared)):
        say(f"board {scene.id}: already there")
        return
    images.write_png(png, images.mask_image(mask))
    images.write_tiff(tiff, images.mask_image(mask))
    if truth is not None:
        predicting.write_comparison(run, scene, truth, mask, *compared)
    files.write_json(path, record)
