"""The training loop: epochs of steps and validation, in one or two phases, that can be killed at any moment and goes on where it was."""

import csv
import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from .. import files
from ..config import TrainConfig
from ..errors import DataError, UsageError
from ..progress import bar, say
from . import checkpoint
from .checkpoint import Checkpoint
from .cluster import leads
from .distribute import precision, strategy
from .plateau import Plateau, cosine
from .step import Metric, Stepper


class Batches(Protocol):
    """What the loop reads from: `epoch(n)` yields (images, masks, names) and depends on nothing but `n`."""

    def __len__(self) -> int: ...

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, np.ndarray, list[str]]]:
        """The batches of one epoch."""


@dataclass(frozen=True)
class Network:
    """A network to train, and what it has to put right in its own variables after every step and after every epoch's steps."""

    model: tf.keras.Model
    after_step: Callable[[], None] = lambda: None
    after_epoch: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs with its own network: `float` first where asked, then `qat` (or the only one)."""

    name: str
    epochs: int
    learning_rate: float
    network: Callable[[list[np.ndarray] | None], Network]  # takes the previous phase's best weights


@dataclass(frozen=True)
class Plan:
    """What to train, on what, and where its files go."""

    phases: tuple[Phase, ...]
    train: Batches
    validation: Batches
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    metric: Metric
    options: TrainConfig
    checkpoints: Path
    history: Path
    tensorboard: Path
    seed: int


def fit(plan: Plan) -> list[np.ndarray]:
    """Train through all phases, from `last.npz` where it is there; return the last phase's weights, the best or the last as asked for.

    A phase always starts from the best weights of the one before it.

    Raises DataError naming the batch's patches where the loss is not finite.
    """
    chosen = strategy(plan.options.strategy)
    if plan.options.batch % chosen.num_replicas_in_sync:
        raise UsageError(f"train.batch={plan.options.batch} cannot be shared evenly among {chosen.num_replicas_in_sync} replicas")
    tf.keras.utils.set_random_seed(plan.seed)
    last = plan.checkpoints / "last.npz"
    state = checkpoint.load(last) if last.exists() else None
    best: list[np.ndarray] | None = None
    first = 0
    with precision(plan.options.mixed_precision):
        for phase in plan.phases:
            if state is None or state.meta["phase"] == phase.name:
                first = state.meta["first"] if state else first
                first = _Phase(plan, phase, chosen, first, best).run(state)
                state = None
            best = checkpoint.load(_best_file(plan, phase)).weights
    assert best is not None, "a plan has at least one phase"
    return checkpoint.load(last).weights if plan.options.weights == "last" else best


def _best_file(plan: Plan, phase: Phase) -> Path:
    return plan.checkpoints / ("best.npz" if phase is plan.phases[-1] else f"best-{phase.name}.npz")


class _Phase:
    """One phase under way: network, optimizer, counters and the history so far."""

    def __init__(self, plan: Plan, phase: Phase, chosen: tf.distribute.Strategy, first: int, weights: list[np.ndarray] | None):
        self.plan, self.phase, self.first = plan, phase, first
        self.chief = leads(plan.options.strategy)
        with chosen.scope():
            network = phase.network(weights)
            model = network.model
            optimizer = tf.keras.optimizers.Adam(phase.learning_rate)
            if plan.options.mixed_precision == "float16":  # float16 alone underflows without loss scaling (arXiv 1710.03740)
                optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
            inner = getattr(optimizer, "inner_optimizer", optimizer)
            inner._create_all_weights(model.trainable_variables)  # so that a checkpoint can be put back before the first step
        self.network, self.model, self.optimizer = network, model, optimizer
        self.stepper = Stepper(chosen, model, optimizer, plan.loss, plan.metric)
        self.plateau = Plateau(phase.learning_rate)
        self.history: list[dict[str, Any]] = _read_history(plan.history, first)

    def run(self, state: Checkpoint | None) -> int:
        """Train from `state` (or from the start) to the phase's last epoch or until the plateau's patience is out; the epochs so far."""
        epoch = self.first if state is None else self._restore(state)
        end = self.first + self.phase.epochs
        board = tf.summary.create_file_writer(str(self.plan.tensorboard)) if self.plan.options.tensorboard and self.chief else None
        while epoch < end and not self.plateau.exhausted(self.plan.options.patience):
            row = self._epoch(epoch, end)
            weights = self.model.get_weights()  # on every worker: batch statistics are averaged over all of them when they are read
            if self.chief:
                self._keep(epoch, row, weights, board)
            self.stepper.wait()  # no worker reads the best weights, or starts another epoch, before the chief has written
            epoch += 1
        if epoch < end and self.chief:
            say(f"stopped early after epoch {epoch}: no better validation loss for {self.plan.options.patience} epochs")
        return epoch

    def _epoch(self, epoch: int, end: int) -> dict[str, Any]:
        options, started = self.plan.options, time.monotonic()
        falls = options.schedule == "cosine"
        rate = self.plateau.learning_rate
        if falls:
            rate = cosine(self.phase.learning_rate, options.min_learning_rate, epoch - self.first, self.phase.epochs)
        self.optimizer.learning_rate = rate
        loss, score = self._pass(self.plan.train, self._train, epoch, f"epoch {epoch + 1}/{end}")
        self.network.after_epoch()
        val_loss, val_score = self._pass(self.plan.validation, self.stepper.validate, epoch, "validation")
        name = self.plan.metric.name
        row = {
            "epoch": epoch + 1,
            "phase": self.phase.name,
            "loss": loss,
            "val_loss": val_loss,
            name: score,
            f"val_{name}": val_score,
            "learning_rate": rate,
            "seconds": round(time.monotonic() - started, 3),
        }
        better = self.plateau.update(epoch, val_loss, 0 if falls else options.lr_patience, options.lr_factor, options.min_learning_rate)
        if self.chief:
            say(
                f"epoch {epoch + 1}/{end} {self.phase.name}: loss {loss:.4f}, {name} {score:.4f}; validation loss {val_loss:.4f}, {name} "
                f"{val_score:.4f}; {row['seconds']:.1f} s{'  (best)' if better else ''}"
            )
        return row

    def _train(self, images: np.ndarray, masks: np.ndarray, size: int) -> tuple[float, np.ndarray]:
        result = self.stepper.train(images, masks, size)
        self.network.after_step()
        return result

    def _pass(self, batches: Batches, step: Callable, epoch: int, what: str) -> tuple[float, float]:
        """One pass over `batches`: the mean loss and the metric."""
        total, patches, counts = 0.0, 0, np.zeros(1)
        stream = batches.epoch(epoch)
        with bar() as progress:
            task = progress.add_task(what, total=len(batches))
            for number, (images, masks, names) in enumerate(stream):
                loss, counted = step(images, masks, self.plan.options.batch)
                if not math.isfinite(loss):
                    raise DataError(
                        f"the loss became {loss} in {what}, step {number + 1}, on these patches: {', '.join(names)}. Look at them "
                        "(`python -m pipeline data check`), or lower train.learning_rate; epochs that were complete before are kept"
                    )
                total, patches, counts = total + loss * len(images), patches + len(images), counts + counted
                progress.advance(task)
        return total / patches, self.plan.metric.value(counts)

    def _keep(self, epoch: int, row: dict[str, Any], weights: list[np.ndarray], board: Any) -> None:
        """Write what the epoch made. The best weights go first: a kill in between repeats the epoch and loses nothing."""
        self.history.append(row)
        meta = {
            "phase": self.phase.name,
            "first": self.first,
            "epoch": epoch,
            "plateau": asdict(self.plateau) | {"best": _finite(self.plateau.best)},
        }
        if self.plateau.best_epoch == epoch:
            checkpoint.save(_best_file(self.plan, self.phase), Checkpoint(meta, weights))
        _write_history(self.plan.history, self.history)
        checkpoint.save(self.plan.checkpoints / "last.npz", Checkpoint(meta, weights, [v.numpy() for v in self.optimizer.variables()]))
        if board is not None:
            with board.as_default(step=epoch + 1):
                for key, value in row.items():
                    if isinstance(value, float):
                        tf.summary.scalar(key, value)
            board.flush()

    def _restore(self, state: Checkpoint) -> int:
        """Put the checkpoint back; the number of the next epoch."""
        try:
            self.model.set_weights(state.weights)
            for variable, value in zip(self.optimizer.variables(), state.optimizer, strict=True):
                variable.assign(value)
        except ValueError as why:
            raise DataError(f"{self.plan.checkpoints / 'last.npz'}: does not fit the network of config.toml ({why})") from None
        kept = state.meta["plateau"]
        self.plateau = Plateau(**(kept | {"best": math.inf if kept["best"] is None else kept["best"]}))
        done = int(state.meta["epoch"]) + 1
        self.history = _read_history(self.plan.history, done)
        say(f"going on after epoch {done} ({self.phase.name})")
        return done


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no infinity


def _read_history(path: Path, epochs: int) -> list[dict[str, Any]]:
    """The first `epochs` rows; a row of an epoch that no checkpoint holds is dropped and made again."""
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = [{key: value if key == "phase" else float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return [row | {"epoch": int(row["epoch"])} for row in rows if row["epoch"] <= epochs]


def _write_history(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(path, text.getvalue())
