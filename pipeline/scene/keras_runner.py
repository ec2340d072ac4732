"""Runs a Keras model file."""

from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from ..errors import DataError
from .runners import as_probabilities, check_images, check_shapes

_BATCH = 8  # 1 to 8 were equally fast on two processors; a GPU wants several, and all activations of a batch are held at once


class KerasRunner:
    """A `.h5` model, plain or quantization-aware, run in inference mode; see `Runner`."""

    def __init__(self, path: Path):
        """Load `path` without its training state."""
        self.path = path
        try:
            with tfmot.quantization.keras.quantize_scope():
                self._model = tf.keras.models.load_model(path, compile=False)
        except (OSError, ValueError, KeyError, TypeError) as why:
            raise DataError(f"{path}: not a Keras model that can be read ({str(why).splitlines()[0]}); train it again") from None
        self.size, self.bands, self.classes = check_shapes(path, self._model.input_shape, self._model.output_shape)
        # a model may come with a fixed batch (its batch-1 twin for conversion); all others take what is left over at the end too
        self._batch = self._model.input_shape[0] or _BATCH
        self._fixed = self._model.input_shape[0] is not None
        signature = tf.TensorSpec((self._model.input_shape[0], self.size, self.size, self.bands), tf.float32)
        self._run = tf.function(lambda images: self._model(images, training=False), input_signature=[signature])

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Probabilities of `images`, as `Runner` says."""
        check_images(self.path, self, images)
        outputs = np.empty((len(images), self.size, self.size, self.classes), np.float32)
        for first in range(0, len(images), self._batch):
            part = images[first : first + self._batch]
            count = len(part)
            if self._fixed and count < self._batch:
                part = np.concatenate([part, np.repeat(part[-1:], self._batch - count, axis=0)])
            outputs[first : first + count] = self._run(tf.constant(part)).numpy()[:count]
        return as_probabilities(self.path, outputs)
