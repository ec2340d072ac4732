"""The stage `predict`: stitched masks of whole test scenes from every variant, and what was counted on the way."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..config import Config
from ..errors import DataError, UsageError
from ..evaluate.scene_scorer import SceneScorer
from ..progress import say, track
from ..run import VARIANTS, Run, sha256
from ..scene import images
from ..scene.predict import predict_scene
from ..scene.runners import Runner, open_runner
from ..scene.stitch import Grid
from . import cloud

REFERENCE = "float32"


def predict(run: Run, config: Config, variants: Sequence[str], only: Sequence[str] = ()) -> None:
    """Make masks, probabilities and pictures of every test scene with each variant, and pixel counts where the scene has a mask.

    Without one the scene is not unpadded: its prediction covers the whole grid of patches. A scene whose record fits the model, threshold
    and data at hand is not made again, so that a run that was interrupted goes on. `only`: the scenes of these ids, not all.
    """
    unknown = [variant for variant in variants if variant not in VARIANTS]
    if unknown:
        raise UsageError(f"variant {', '.join(unknown)}: there are {', '.join(VARIANTS)}")
    keys = {variant: {"model": sha256(run.need_variant(variant))} for variant in variants}
    files.remove_partials(run.scenes)
    thresholds = read_thresholds(run, config)
    for scene in track([scene for scene in _scenes(config) if not only or scene.id in only], "scenes"):
        same_data = {"data": scene.fingerprint(), "thresholds": thresholds}
        _colour(run, scene, same_data["data"])
        for variant in variants:
            key = keys[variant] | same_data
            if read_record(run, variant, scene.id).get("key") == key and all(path.exists() for path in picture_paths(run, variant, scene)):
                say(f"{variant} {scene.id}: already there")
                continue
            _predict(run, variant, scene, thresholds, key)


def _scenes(config: Config) -> list[cloud.Scene]:
    scenes = cloud.Cloud(config).scenes()
    if not scenes:
        raise DataError(f"{config.data.root or cloud.DEMO_ROOT}: has no test scenes (38-Cloud_test); nothing to predict")
    return scenes


def check_scenes(config: Config) -> None:
    """Raise DataError now for test scenes that could not be predicted and scored later."""
    for scene in _scenes(config):
        scene.need_truth()


def read_thresholds(run: Run, config: Config) -> dict[str, float]:
    """The thresholds that masks are scored at, by kind; masks are made at the first."""
    chosen = files.read_json(run.need(run.threshold, "train"))["value"]
    return {"validation": chosen, "fixed": config.evaluate.fixed_threshold}


def read_record(run: Run, variant: str, scene: str) -> dict[str, Any]:
    """What was kept of a scene; empty where there is nothing yet."""
    path = run.scenes / variant / f"{scene}.json"
    return files.read_json(path) if path.exists() else {}


def picture_paths(run: Run, variant: str, scene: cloud.Scene) -> list[Path]:
    """Mask (.png, .tif) and probability, then, where the scene has a mask of its own, two pictures that compare with it."""
    ends = (".png", ".tif", "_probability.png") + (("_difference.png", "_overlay.png") if scene.mask.exists() else ())
    return [run.scenes / variant / f"{scene.id}{end}" for end in ends]


def _colour(run: Run, scene: cloud.Scene, data: str) -> None:
    """The scene in true colour, shrunk, for overlays and the report; made again where the data is another."""
    path, record = run.scenes / "colour" / f"{scene.id}.png", run.scenes / "colour" / f"{scene.id}.json"
    if not path.exists() or not record.exists() or files.read_json(record) != {"data": data}:
        patches = (scene.colour(row, col) for row, col in scene.positions())
        small = images.thumbnail(Grid(scene.rows, scene.cols), scene.side, patches, mask_shape(scene, scene.truth()))
        images.write_png(path, images.composite(small))
        files.write_json(record, {"data": data})


def mask_shape(scene: cloud.Scene, truth: np.ndarray | None) -> tuple[int, int]:
    """(h, w) of the scene's prediction."""
    return (scene.rows * scene.side, scene.cols * scene.side) if truth is None else truth.shape


def _predict(run: Run, variant: str, scene: cloud.Scene, thresholds: dict[str, float], key: dict[str, Any]) -> None:
    """One scene with one variant: everything it makes is there before its record is."""
    truth = scene.truth()
    shape = mask_shape(scene, truth)
    mask, probability = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    scorer, timed = SceneScorer(scene.id, thresholds, cloud.POSITIVE), _Timed(open_runner(run.variant(variant)))
    for band in predict_scene(timed, Grid(scene.rows, scene.cols), scene.load, scene.side, shape):
        if truth is not None:
            scorer.add(truth[band.rows], band.values)
        mask[band.rows] = band.values[..., 0] >= np.float32(thresholds["validation"])
        probability[band.rows] = images.probability_image(band.values[..., 0])
    png, tiff, probabilities, *compared = picture_paths(run, variant, scene)
    images.write_png(png, images.mask_image(mask))
    images.write_tiff(tiff, images.mask_image(mask))
    images.write_png(probabilities, probability)
    record = {"key": key, "scene": scene.id, "height": shape[0], "width": shape[1], "patches": timed.patches}
    record["milliseconds_per_patch"] = round(1000 * timed.seconds / timed.patches, 3)
    if truth is not None:
        write_comparison(run, scene, truth, mask, *compared)
        result = scorer.result()
        record |= {"thresholds": result.thresholds, "confusions": {kind: counts.tolist() for kind, counts in result.confusions.items()}}
    files.write_json(run.scenes / variant / f"{scene.id}.json", record)
    say(f"{variant} {scene.id}: {timed.patches} patches, {record['milliseconds_per_patch']:.1f} ms each")


def write_comparison(run: Run, scene: cloud.Scene, truth: np.ndarray, mask: np.ndarray, difference: Path, overlay: Path) -> None:
    """Pictures of truth and prediction."""
    images.write_png(difference, images.shrink_difference(truth, mask))
    colour = images.read_png(run.scenes / "colour" / f"{scene.id}.png")
    small = [images.shrink(images.mask_image(one)) >= 128 for one in (truth, mask)]
    images.write_png(overlay, images.overlay(colour, *small))


def host_time(run: Run, variant: str, scenes: Sequence[str]) -> float:
    """Milliseconds a patch on the machine that predicted: the median over `scenes`."""
    return float(np.median([read_record(run, variant, scene)["milliseconds_per_patch"] for scene in scenes]))


class _Timed:
    """A runner that adds up the time it takes; reading and stitching are not in it."""

    def __init__(self, runner: Runner):
        self.runner, self.size, self.bands, self.classes = runner, runner.size, runner.bands, runner.classes
        self.seconds, self.patches = 0.0, 0

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        result = self.runner(batch)
        self.seconds += time.perf_counter() - started
        self.patches += len(batch)
        return result
