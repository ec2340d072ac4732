"""The stage `predict`: stitched masks of whole test scenes from every variant, and what was counted on the way."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from ..scene.tflite_runner import processors
from . import cloud

REFERENCE = "float32"


def predict(run: Run, config: Config, variants: Sequence[str], only: Sequence[str] = ()) -> None:
    """Make masks, probabilities and pictures of every test scene with each variant, and pixel counts where the scene has a mask.

    Without one the scene is not unpadded: its prediction covers the whole grid of patches. A scene whose record fits the model, threshold
    and data at hand is not made again, so that a run that was interrupted goes on. `only`: the scenes of these ids, not all.
    """
    files.remove_partials(run.scenes)
    stage = Stage(run, config, variants)
    for scene in track([scene for scene in test_scenes(config) if not only or scene.id in only], "scenes"):
        for line in stage.predict(scene):
            say(line)


class Stage:
    """What all scenes of one prediction share: the variants' files, each opened once, and what a record must say to be up to date."""

    def __init__(self, run: Run, config: Config, variants: Sequence[str], threads: int | None = None):
        """`threads`: processors that a scene may use, None for all. UsageError for an unknown variant or one that is missing or old."""
        unknown = [variant for variant in variants if variant not in VARIANTS]
        if unknown:
            raise UsageError(f"variant {', '.join(unknown)}: there are {', '.join(VARIANTS)}")
        self.run, self.variants, self.threads = run, variants, threads or processors()
        self._models = {variant: sha256(run.need_variant(variant)) for variant in variants}
        self._runners: dict[str, Runner] = {}
        self._thresholds = read_thresholds(run, config)

    def complete(self, scene: cloud.Scene) -> bool:
        """Whether nothing of the scene needs to be made."""
        data = scene.fingerprint()
        return _has_colour(self.run, scene, data) and all(self._done(variant, scene, data) for variant in self.variants)

    def predict(self, scene: cloud.Scene) -> Iterator[str]:
        """Make what is missing of the scene; a line for people as each variant is done. Its record comes after all that it speaks of."""
        data = scene.fingerprint()
        done = {variant: self._done(variant, scene, data) for variant in self.variants}
        coloured = _has_colour(self.run, scene, data)
        truth = None if coloured and all(done.values()) else scene.truth()
        if not coloured:
            _colour(self.run, scene, truth, data)
        for variant in self.variants:
            if done[variant]:
                yield f"{variant} {scene.id}: already there"
            else:
                key = self._key(variant, data)
                yield _predict(self.run, variant, self._runner(variant), scene, truth, self._thresholds, key, self.threads)

    def _done(self, variant: str, scene: cloud.Scene, data: str) -> bool:
        """Whether all that `variant` makes of the scene is there, of the model, thresholds and data (its fingerprint) at hand."""
        key = read_record(self.run, variant, scene.id).get("key")
        return key == self._key(variant, data) and all(path.exists() for path in picture_paths(self.run, variant, scene))

    def _key(self, variant: str, data: str) -> dict[str, Any]:
        return {"model": self._models[variant], "data": data, "thresholds": self._thresholds}

    def _runner(self, variant: str) -> Runner:
        if variant not in self._runners:
            self._runners[variant] = open_runner(self.run.variant(variant), threads=self.threads)
        return self._runners[variant]


def test_scenes(config: Config) -> list[cloud.Scene]:
    """The dataset's test scenes; DataError where it has none."""
    scenes = cloud.Cloud(config).scenes()
    if not scenes:
        raise DataError(f"{config.data.root or cloud.DEMO_ROOT}: has no test scenes (38-Cloud_test); nothing to predict")
    return scenes


def check_scenes(config: Config) -> None:
    """Raise DataError now for test scenes that could not be predicted and scored later."""
    for scene in test_scenes(config):
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


def _has_colour(run: Run, scene: cloud.Scene, data: str) -> bool:
    path, record = _colour_paths(run, scene)
    return path.exists() and record.exists() and files.read_json(record) == {"data": data}


def _colour_paths(run: Run, scene: cloud.Scene) -> tuple[Path, Path]:
    return run.scenes / "colour" / f"{scene.id}.png", run.scenes / "colour" / f"{scene.id}.json"


def _colour(run: Run, scene: cloud.Scene, truth: np.ndarray | None, data: str) -> None:
    """The scene in true colour, shrunk, for overlays and the report."""
    path, record = _colour_paths(run, scene)
    patches = (scene.colour(row, col) for row, col in scene.positions())
    small = images.thumbnail(Grid(scene.rows, scene.cols), scene.side, patches, mask_shape(scene, truth))
    images.write_png(path, images.composite(small))
    files.write_json(record, {"data": data})


def mask_shape(scene: cloud.Scene, truth: np.ndarray | None) -> tuple[int, int]:
    """(h, w) of the scene's prediction."""
    return (scene.rows * scene.side, scene.cols * scene.side) if truth is None else truth.shape


def _predict(
    run: Run,
    variant: str,
    runner: Runner,
    scene: cloud.Scene,
    truth: np.ndarray | None,
    thresholds: dict[str, float],
    key: dict[str, Any],
    threads: int,
) -> str:
    """One scene with one variant; returns what to tell people of it."""
    shape = mask_shape(scene, truth)
    mask, probability = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    scorer, timed = SceneScorer(scene.id, thresholds, cloud.POSITIVE), _Timed(runner)
    for band in predict_scene(timed, Grid(scene.rows, scene.cols), scene.load, scene.side, shape):
        if truth is not None:
            scorer.add(truth[band.rows], band.values)
        mask[band.rows] = band.values[..., 0] >= np.float32(thresholds["validation"])
        probability[band.rows] = images.probability_image(band.values[..., 0])
    _write(run, scene, truth, mask, probability, picture_paths(run, variant, scene), threads)
    record = {"key": key, "scene": scene.id, "height": shape[0], "width": shape[1], "patches": timed.patches}
    record["milliseconds_per_patch"] = round(1000 * timed.seconds / timed.patches, 3)
    if truth is not None:
        result = scorer.result()
        record |= {"thresholds": result.thresholds, "confusions": {kind: counts.tolist() for kind, counts in result.confusions.items()}}
    files.write_json(run.scenes / variant / f"{scene.id}.json", record)
    return f"{variant} {scene.id}: {timed.patches} patches, {record['milliseconds_per_patch']:.1f} ms each"


def _write(
    run: Run, scene: cloud.Scene, truth: np.ndarray | None, mask: np.ndarray, probability: np.ndarray, paths: Sequence[Path], threads: int
) -> None:
    """All pictures, several at once: encoding them takes seconds, and the network has nothing to do then."""
    png, tiff, probabilities, *compared = paths
    image = images.mask_image(mask)
    with ThreadPoolExecutor(threads, thread_name_prefix="pictures") as pool:
        written = [
            pool.submit(images.write_png, probabilities, probability),
            pool.submit(images.write_png, png, image),
            pool.submit(images.write_tiff, tiff, image),
        ]
        if truth is not None:
            written.append(pool.submit(write_comparison, run, scene, truth, mask, *compared))
        for each in written:
            each.result()


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
    """A runner that adds up the time it takes; reading and stitching are not in it, but go on beside it on the same processors."""

    def __init__(self, runner: Runner):
        self.runner, self.size, self.bands, self.classes = runner, runner.size, runner.bands, runner.classes
        self.seconds, self.patches = 0.0, 0

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        result = self.runner(batch)
        self.seconds += time.perf_counter() - started
        self.patches += len(batch)
        return result
