"""A plan that trains in seconds: narrow networks on 16-pixel noise images whose mask is where the first band is bright."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.config import ModelConfig, TrainConfig

SIZE, BANDS = 16, 3
MODEL = ModelConfig(name="simple", filters=4)


@dataclass
class Synthetic:
    """`patches` images in batches; `inverted` masks make validation worse the better training gets; `spoil` may change or stop a batch."""

    patches: int = 10
    batch: int = 4
    seed: int = 0
    shuffle: bool = True
    inverted: bool = False
    spoil: Callable[[int, int, np.ndarray], None] = lambda epoch, step, masks: None

    def __len__(self) -> int:
        return -(-self.patches // self.batch)

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, np.ndarray, list[str]]]:
        coarse = np.random.default_rng(self.seed).random((self.patches, SIZE // 4, SIZE // 4, BANDS), np.float32)
        images = coarse.repeat(4, 1).repeat(4, 2)
        masks = ((images[..., :1] > 0.5) != self.inverted).astype(np.float32)
        order = np.random.default_rng([self.seed, number]).permutation(self.patches) if self.shuffle else np.arange(self.patches)
        for step, start in enumerate(range(0, self.patches, self.batch)):
            chosen = order[start : start + self.batch]
            truth = masks[chosen]
            self.spoil(number, step, truth)
            yield images[chosen], truth, [f"patch_{i}" for i in chosen]


def options(**changes: object) -> TrainConfig:
    """A TrainConfig with a batch of 4 and no TensorBoard."""
    return TrainConfig(**({"batch": 4, "tensorboard": False, "loss": "bce"} | changes))


def plan(folder: Path, *, epochs: int = 3, float_epochs: int = 0, qat: str = "none", **changes: object):
    """A Plan of one phase, or of two with `float_epochs`; `changes` go into its options."""
    from pipeline.models import build
    from pipeline.models.losses import loss
    from pipeline.models.qat import quantization_aware
    from pipeline.models.ranges import Ranges
    from pipeline.models.straight_through import cheapen
    from pipeline.tasks.cloud import metric
    from pipeline.train.loop import Network, Phase, Plan

    def final(weights: list[np.ndarray] | None) -> Network:
        start = build(MODEL, SIZE, BANDS)
        if weights is not None:
            start.set_weights(weights)
        if qat == "none":
            return Network(start)
        model = quantization_aware(start, qat)
        cheapen(model)  # as the real plan does
        ranges = Ranges(model)
        return Network(model, ranges.tie, ranges.refresh_weights)

    chosen = options(epochs=epochs, float_epochs=float_epochs, **changes)
    phases = [Phase("float", float_epochs, 1e-2, lambda _: Network(build(MODEL, SIZE, BANDS)))] if float_epochs else []
    phases.append(Phase("float" if qat == "none" else "qat", epochs, chosen.learning_rate, final))
    train, validation = Synthetic(), Synthetic(6, seed=1, shuffle=False)
    where = (folder / "checkpoints", folder / "history.csv", folder / "tensorboard")
    return Plan(tuple(phases), train, validation, loss(chosen.loss), metric(), chosen, *where, 42)


def with_data(made, **data: Synthetic):
    """The plan with other `train` or `validation` data."""
    return replace(made, **data)
