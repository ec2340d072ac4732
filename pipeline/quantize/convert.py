"""The four TF Lite variants of a network."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from ..errors import EdgesegError, UsageError

FLOAT_VARIANTS = ("float32", "dynamic", "float16")


def convert(model: tf.keras.Model, variant: str, representative: Iterable[np.ndarray] = ()) -> bytes:
    """Convert a batch-1 network to the TF Lite file of `variant`.

    `float32` as trained; `dynamic` with int8 weights, float activations; `float16` with float16 weights; `int8` with everything int8, input
    and output included, the ranges of what has no fake quantization taken from `representative` (arrays (S, S, C), 0..1).
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if variant != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif variant == "int8":
        images = [np.asarray(image, np.float32)[None] for image in representative]
        if not images:
            raise UsageError("int8 needs representative patches, and the training split has none: see quantize.batches and data.root")
        converter.representative_dataset = lambda: ([image] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    elif variant not in FLOAT_VARIANTS:
        raise UsageError(f"{variant!r} is no variant: there are {', '.join(FLOAT_VARIANTS)} and int8")
    with _quiet() as said:
        try:
            return converter.convert()
        except Exception as why:  # the converter raises many kinds; its own words say more than their names
            raise EdgesegError(f"TensorFlow could not convert the network to {variant}: {why}\n{said()}") from why


@contextlib.contextmanager
def _quiet() -> Iterator[Callable[[], str]]:
    """Keep the converter's C++ chatter off the terminal (and off stdout, which belongs to --json); yields a function that returns it."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    with tempfile.TemporaryFile() as log:

        def said() -> str:
            log.seek(0)
            return log.read().decode("utf-8", "replace")

        try:
            for number in kept:
                os.dup2(log.fileno(), number)
            yield said
        finally:
            sys.stdout.flush()
            for number, original in kept.items():
                os.dup2(original, number)
                os.close(original)
