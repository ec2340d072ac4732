"""The stage `train`: from patches to model.h5 and a threshold."""

import contextlib
import fcntl
from collections.abc import Iterator
from functools import reduce
from operator import add

import numpy as np
import tensorflow as tf

from .. import files
from ..config import Config
from ..errors import UsageError
from ..evaluate.histogram import Histogram
from ..evaluate.steady import GROUPS, choose
from ..evaluate.threshold import curve, thin, write_curve
from ..models import build
from ..models.losses import loss
from ..models.qat import quantization_aware
from ..models.ranges import Ranges
from ..models.straight_through import cheapen
from ..progress import say, track
from ..report.charts import precision_recall
from ..run import Run
from ..train.cluster import leads
from ..train.loop import Network, Phase, Plan, fit
from . import cloud


def train(run: Run, config: Config) -> None:
    """Train what `config` asks for into `run`, going on from its last checkpoint, then choose the threshold.

    Of several workers one does all of this; the others take part in the training steps and write nothing.
    """
    if not leads(config.train.strategy):
        fit(_plan(run, config, cloud.Cloud(config)))
        return
    with _alone(run):
        files.remove_partials(run.folder)
        task = cloud.Cloud(config)
        facts = task.describe()
        files.write_json(run.folder / "data.json", facts)
        say(
            f"{facts['dataset']}: {facts['training_patches']} training and {facts['validation_patches']} validation patches, "
            f"split by {facts['split']}; run folder {run.folder}"
        )
        weights = fit(_plan(run, config, task))
        model = network(config, len(task.bands))
        model.set_weights(weights)
        with files.complete_file(run.model) as partial:
            model.save(partial, include_optimizer=False)
        _threshold(run, task, model)


def _plan(run: Run, config: Config, task: cloud.Cloud) -> Plan:
    return Plan(
        _phases(config, len(task.bands)),
        task.training(),
        task.validation(),
        loss(config.train.loss),
        cloud.metric(),
        config.train,
        run.checkpoints,
        run.history,
        run.tensorboard,
        config.seed,
    )


def network(config: Config, bands: int, batch: int | None = None) -> tf.keras.Model:
    """The network of `config` in the form it was trained in, with fresh weights."""
    return quantization_aware(build(config.model, config.data.size, bands, cloud.CLASSES, batch), config.model.qat)


def _phases(config: Config, bands: int) -> tuple[Phase, ...]:
    """Float first where asked, then the network that is wanted."""

    def fresh() -> tf.keras.Model:
        return build(config.model, config.data.size, bands, cloud.CLASSES)

    def final(weights: list[np.ndarray] | None) -> Network:
        start = fresh()
        if weights is not None:
            start.set_weights(weights)
        if config.model.qat == "none":
            return Network(start)
        model = quantization_aware(start, config.model.qat)
        cheapen(model)
        ranges = Ranges(model)
        return Network(model, ranges.tie, ranges.refresh_weights)

    last = Phase("float" if config.model.qat == "none" else "qat", config.train.epochs, config.train.learning_rate, final)
    if not config.train.float_epochs:
        return (last,)
    return Phase("float", config.train.float_epochs, config.train.float_learning_rate, lambda _: Network(fresh())), last


def _threshold(run: Run, task: cloud.Cloud, model: tf.keras.Model) -> None:
    """Choose the threshold by F1 on the validation patches, at the network's own size; keep the curve."""
    infer = tf.function(lambda images: model(images, training=False))
    batches = task.validation()
    patches, seen = len(batches.patches), 0
    groups = [Histogram() for _ in range(min(GROUPS, patches))]  # of neighbours: what is left out together should be alike
    for images, masks, _ in track(batches.epoch(0), "threshold", total=len(batches)):
        for mask, p in zip(masks[..., 0] > 0.5, infer(images).numpy()[..., 0], strict=True):
            groups[seen * len(groups) // patches].add(mask, p)
            seen += 1
    chosen, full = choose(groups), curve(reduce(add, groups))
    write_curve(run.pr_curve, full)
    precision_recall(run.folder / "pr_curve.png", thin(full), chosen)
    files.write_json(run.threshold, chosen.json() | {"chosen_on": "validation patches", "patches": patches})
    say(
        f"threshold {chosen.value:.4f} on validation patches: F1 {chosen.f1:.4f}, precision {chosen.precision:.4f}, "
        f"recall {chosen.recall:.4f}"
    )


@contextlib.contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Refuse a second training in the same run folder; the lock goes with the process, however it ends."""
    with open(run.folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{run.folder}: another process trains in this run folder; wait for it, or stop it") from None
        yield
