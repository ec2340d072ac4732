"""One way to call a network, whatever file holds it: images in, probabilities out."""

from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from ..errors import DataError, UsageError

Engine = Literal["litert", "tf"]
_SLACK = 0.01  # how far rounding and quantization may carry a probability past 0 or 1


class Runner(Protocol):
    """A network ready to run on square images of one size."""

    size: int  # side of the input in pixels
    bands: int  # channels of the input
    classes: int  # channels of the output; 1: the probability of class 1

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Map float32 (N, size, size, bands) in 0..1 to float32 (N, size, size, classes) probabilities."""
        ...


def open_runner(path: Path, engine: Engine = "litert", threads: int | None = None) -> Runner:
    """Open `path`: a Keras `.h5` model, or a `.tflite` file through LiteRT (XNNPACK) or, for cross-checks, TensorFlow's interpreter.

    `threads`: processors that a `.tflite` file may use, None for all (TensorFlow fixes its own once for the whole process). Raises
    UsageError for a file that is absent, of another kind or compiled for the Edge TPU, and DataError for one that is damaged.
    """
    path = Path(path)
    if engine not in ("litert", "tf"):
        raise UsageError(f"engine {engine!r}: there are 'litert' and 'tf'")
    if threads is not None and threads < 1:
        raise UsageError(f"threads {threads}: at least 1")
    if path.suffix not in (".h5", ".tflite"):
        raise UsageError(f"{path}: not a network that can be run: give a .h5 or a .tflite file")
    if not path.is_file():
        raise UsageError(f"{path}: no such file; `python -m pipeline {'train' if path.suffix == '.h5' else 'quantize'}` makes one")
    if path.suffix == ".h5":
        from .keras_runner import KerasRunner

        return KerasRunner(path)
    from .tflite_runner import TFLiteRunner

    return TFLiteRunner(path, engine, threads)


def check_shapes(path: Path, inputs: tuple[int | None, ...], outputs: tuple[int | None, ...]) -> tuple[int, int, int]:
    """(size, bands, classes) of a network with these tensor shapes; UsageError unless it maps square images to as large class maps."""
    square = len(inputs) == 4 and inputs[1] is not None and inputs[1] == inputs[2]
    if not square or inputs[3] is None:
        raise UsageError(f"{path}: its input is {inputs}, not one batch of square images (N, size, size, bands)")
    if len(outputs) != 4 or outputs[1:3] != inputs[1:3] or not outputs[3]:
        raise UsageError(
            f"{path}: its output is {outputs}, not probabilities (N, {inputs[1]}, {inputs[2]}, classes); "
            "give a segmentation network without ARGMAX or resizing at its end"
        )
    return int(inputs[1]), int(inputs[3]), int(outputs[3])


def check_images(path: Path, runner: Runner, images: np.ndarray) -> None:
    """Raise DataError unless `images` are what the network at `path` takes."""
    if images.ndim != 4 or images.dtype != np.float32:
        raise DataError(f"{path}: takes float32 images (N, size, size, bands), not {images.dtype} of shape {images.shape}")
    if images.shape[3] != runner.bands:
        raise DataError(f"{path}: takes {runner.bands} bands, the images have {images.shape[3]}; set data.bands to those it was trained on")
    if images.shape[1:3] != (runner.size, runner.size):
        raise DataError(
            f"{path}: takes images of {runner.size} x {runner.size} pixels, not {images.shape[1]} x {images.shape[2]}; "
            f"read them with size={runner.size}"
        )


def as_probabilities(path: Path, outputs: np.ndarray) -> np.ndarray:
    """`outputs` (float32) clipped to 0..1 in place; DataError where they are not probabilities at all (NaN, logits)."""
    low, high = (float(outputs.min()), float(outputs.max())) if outputs.size else (0.0, 1.0)
    if not (low >= -_SLACK and high <= 1 + _SLACK):  # false for NaN as well
        raise DataError(f"{path}: its outputs run from {low:.4g} to {high:.4g}, not 0 to 1; its head must be a sigmoid or softmax")
    return np.clip(outputs, 0, 1, out=outputs)
