"""Small networks that were trained for a few steps, so that every range and every batch norm is its own."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import ModelConfig

SIZE, BANDS = 32, 4


@dataclass(frozen=True)
class Trained:
    """A network, its batch-1 twin to convert, and the batch-1 float network with the same weights."""

    twin: Any
    plain: Any
    images: np.ndarray  # (N, SIZE, SIZE, BANDS)


@functools.cache
def train(name: str, how: str, tied: bool = True, filters: int = 8) -> Trained:
    """A few real steps, ranges kept as training keeps them; without `tied` they are left as TFMOT learned them."""
    import tensorflow as tf

    from pipeline.models import build
    from pipeline.models.losses import loss
    from pipeline.models.qat import quantization_aware, strip
    from pipeline.models.ranges import Ranges
    from pipeline.tasks.cloud import metric
    from pipeline.train.distribute import strategy
    from pipeline.train.step import Stepper

    tf.keras.utils.set_random_seed(7)
    config = ModelConfig(name=name, filters=filters, bn_momentum=0.5)
    model = quantization_aware(build(config, SIZE, BANDS), how)
    ranges = Ranges(model) if tied and how != "none" else None
    coarse = np.random.default_rng(0).random((8, SIZE // 4, SIZE // 4, BANDS), np.float32)
    images = coarse.repeat(4, 1).repeat(4, 2)
    masks = (images[..., :1] > 0.5).astype(np.float32)
    optimizer = tf.keras.optimizers.Adam(1e-2)
    optimizer._create_all_weights(model.trainable_variables)
    stepper = Stepper(strategy("none"), model, optimizer, loss("bce"), metric())
    for step in range(6):
        half = slice(0, 4) if step % 2 else slice(4, 8)
        stepper.train(images[half], masks[half], 4)
        if ranges:
            ranges.tie()
    if ranges:
        ranges.refresh_weights()
    twin = quantization_aware(build(config, SIZE, BANDS, batch=1), how)
    twin.set_weights(model.get_weights())
    return Trained(twin, strip(model, build(config, SIZE, BANDS, batch=1)), images)


@pytest.fixture(scope="session")
def trained():
    """`train`, cached over the session."""
    return train


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """`converted(name, how, variant="int8", tied=True)`: the path of a converted file, cached over the session."""
    folder = tmp_path_factory.mktemp("converted")

    @functools.cache
    def make(name: str, how: str, variant: str = "int8", tied: bool = True, filters: int = 8) -> Path:
        from pipeline.quantize.convert import FLOAT_VARIANTS, convert

        found = train(name, how, tied, filters)
        path = folder / f"{name}-{how}-{variant}-{tied}.tflite"
        path.write_bytes(convert(found.plain if variant in FLOAT_VARIANTS else found.twin, variant, found.images))
        return path

    return make
