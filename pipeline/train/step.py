"""One optimization step and one validation step, compiled, on any number of replicas."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from .distribute import Strategy, shares


@dataclass(frozen=True)
class Metric:
    """A score that is counted patch by patch: `counts(truth, p)` gives (N, n) numbers to add up, `value` makes the score of their sum."""

    name: str
    counts: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    value: Callable[[np.ndarray], float]


class Stepper:
    """Runs `model` over batches: loss per patch from `loss`, counts from `metric`, gradients through `optimizer`."""

    def __init__(self, chosen: Strategy, model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, loss: Callable, metric: Metric):
        self.strategy, self.model, self.optimizer, self.loss, self.metric = chosen, model, optimizer, loss, metric
        self._train, self._validate = tf.function(self._distributed_train), tf.function(self._distributed_validate)

    def train(self, images: np.ndarray, masks: np.ndarray, size: int) -> tuple[float, np.ndarray]:
        """One step on (N, S, S, C) images and (N, S, S, K) masks, filled up to `size` patches; the mean loss and the metric's counts."""
        return self._run(self._train, images, masks, size)

    def validate(self, images: np.ndarray, masks: np.ndarray, size: int) -> tuple[float, np.ndarray]:
        """The same without a gradient, as inference sees the network."""
        return self._run(self._validate, images, masks, size)

    def wait(self) -> None:
        """Return when every worker has come here (at once where there is only one)."""
        if self.strategy.cluster_resolver is not None:
            self._barrier()

    @tf.function
    def _barrier(self) -> tf.Tensor:
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, self.strategy.run(lambda: tf.ones(())), axis=None)

    def _run(self, function: Callable, images: np.ndarray, masks: np.ndarray, size: int) -> tuple[float, np.ndarray]:
        real = len(images)
        # a short batch is filled with its own patches at weight zero: one shape, one compiled step, and no foreign batch statistics
        if real < size:
            fill = np.arange(size) % real
            images, masks = images[fill], masks[fill]
        weights = (np.arange(size) < real).astype(np.float32)
        share = shares(self.strategy, [images, masks, weights])
        value, counts = function(*share, tf.constant(float(real)))
        return float(value), counts.numpy()

    def _distributed_train(self, images: tf.Tensor, masks: tf.Tensor, weights: tf.Tensor, real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._sum(self.strategy.run(self._train_replica, (images, masks, weights, real)))

    def _distributed_validate(
        self, images: tf.Tensor, masks: tf.Tensor, weights: tf.Tensor, real: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return self._sum(self.strategy.run(self._forward, (images, masks, weights, real, False)))

    def _sum(self, parts: tuple) -> tuple:
        return tuple(self.strategy.reduce(tf.distribute.ReduceOp.SUM, part, axis=None) for part in parts)

    def _forward(
        self, images: tf.Tensor, masks: tf.Tensor, weights: tf.Tensor, real: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        p = self.model(images, training=training)
        counts = tf.reduce_sum(self.metric.counts(masks, p) * weights[:, None], axis=0)
        return tf.reduce_sum(self.loss(masks, p) * weights) / real, counts

    def _train_replica(self, images: tf.Tensor, masks: tf.Tensor, weights: tf.Tensor, real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scaled = isinstance(self.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
        with tf.GradientTape() as tape:
            value, counts = self._forward(images, masks, weights, real, True)
            target = self.optimizer.get_scaled_loss(value) if scaled else value
        gradients = tape.gradient(target, self.model.trainable_variables)
        if scaled:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        # the zip of a compiled step knows no `strict`
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables))  # noqa: B905
        return value, counts
