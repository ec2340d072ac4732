"""One step on one device, on all GPUs of a machine, or on several machines: the same code through tf.distribute."""

import contextlib
import signal
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ..errors import UsageError
from .cluster import leads

Strategy = tf.distribute.Strategy


def strategy(name: str) -> Strategy:
    """`none`, `mirrored` (all GPUs of this machine) or `multi-worker` (machines listed in the environment variable TF_CONFIG)."""
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi-worker":
        leads(name)  # says what is wrong with TF_CONFIG
        # a worker that waits for others waits inside TensorFlow, where a handler of Python's would never run
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def shares(chosen: Strategy, batch: list[np.ndarray]) -> list[tf.Tensor]:
    """Give every replica its slice of each array. Every worker holds the whole batch, since the reader is deterministic."""
    replicas = chosen.num_replicas_in_sync
    if replicas == 1 and chosen.cluster_resolver is None:
        return [tf.constant(array) for array in batch]
    each = len(batch[0]) // replicas

    def share(array: np.ndarray) -> tf.Tensor:
        def slice_of(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
            first = context.replica_id_in_sync_group * each
            return tf.constant(array[first : first + each])

        return chosen.experimental_distribute_values_from_function(slice_of)

    return [share(array) for array in batch]


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Build and run layers in `float16` or `bfloat16` with float32 variables; `none` is float32 throughout.

    Raises UsageError for `bfloat16` where TensorFlow has no convolutions for it: processors without AVX-512.
    """
    if policy == "bfloat16":
        _try_bfloat16()
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("float32" if policy == "none" else f"mixed_{policy}")
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


def _try_bfloat16() -> None:
    """Train one tiny convolution: no list of processors says as surely which of TensorFlow's kernels are there."""
    layer = tf.keras.layers.Conv2D(4, 3, activation="relu", dtype="mixed_bfloat16")
    layer.build((1, 8, 8, 4))

    @tf.function
    def gradient() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.cast(layer(tf.zeros((1, 8, 8, 4))), tf.float32))
        return tape.gradient(total, layer.trainable_variables)

    try:
        gradient()
    except tf.errors.OpError:
        raise UsageError(
            "train.mixed_precision='bfloat16': TensorFlow cannot train convolutions in bfloat16 on this processor (it takes AVX-512, or a "
            "GPU); use 'none'"
        ) from None
