"""Runs a batch-1 TF Lite file on all processors, and compares the two interpreters that can."""

import os
import queue
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, UsageError
from .quantization import dequantize, quantize
from .runners import Engine, as_probabilities, check_images, check_shapes

_IDENTIFIER = b"TFL3"  # bytes 4..8 of every TF Lite flatbuffer
_EDGETPU = b"edgetpu-custom-op"
_TYPES = (np.float32, np.int8, np.uint8)


class TFLiteRunner:
    """A `.tflite` file; see `Runner`. Several images run at once, each on its own single-threaded interpreter.

    One interpreter with several threads is as fast inside the network, but quantizing, copying and dequantizing around it would then
    run on one processor only (7.2 against 6.7 ms a patch, `early` int8 at 192 pixels on two processors).
    """

    def __init__(self, path: Path, engine: Engine = "litert", threads: int | None = None):
        """Open `path` on `threads` interpreters (None: one per processor that this process may use)."""
        self.path, self.engine = path, engine
        content = _read(path)
        workers = threads or processors()
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        first = _interpreter(path, content, engine)
        self._input, self._output = _single(path, first)
        batch = int(self._input["shape"][0])
        if batch != 1:
            raise UsageError(f"{path}: takes batches of {batch}; convert the network with batch 1, as `python -m pipeline quantize` does")
        self.size, self.bands, self.classes = check_shapes(
            path, tuple(map(int, self._input["shape"])), tuple(map(int, self._output["shape"]))
        )
        for tensor in (self._input, self._output):
            if tensor["dtype"] not in _TYPES:
                raise UsageError(f"{path}: tensor {tensor['name']} is {np.dtype(tensor['dtype']).name}; float32, int8 and uint8 can be run")
            if tensor["dtype"] != np.float32 and not tensor["quantization"][0] > 0:
                raise DataError(f"{path}: tensor {tensor['name']} is {np.dtype(tensor['dtype']).name} without a scale; convert it again")
        self._free.put(first)
        for _ in range(workers - 1):
            self._free.put(_interpreter(path, content, engine))
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="tflite")

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Probabilities of `images`, as `Runner` says."""
        return as_probabilities(self.path, self._all(images, self._real, np.float32))

    def stored(self, images: np.ndarray) -> np.ndarray:
        """The output tensor itself, (N, size, size, classes) in the file's own type, for comparing interpreters step by step."""
        return self._all(images, lambda output: output, self._output["dtype"])

    @property
    def step(self) -> float:
        """What one step of a quantized output is worth; 0 where the output is float32."""
        return float(self._output["quantization"][0])

    def _all(self, images: np.ndarray, convert: Any, dtype: Any) -> np.ndarray:
        check_images(self.path, self, images)
        outputs = np.empty((len(images), self.size, self.size, self.classes), dtype)

        def one(index: int) -> None:
            outputs[index] = convert(self._invoke(images[index]))

        for _ in self._pool.map(one, range(len(images))):
            pass  # a worker's exception is raised here
        return outputs

    def _invoke(self, image: np.ndarray) -> np.ndarray:
        dtype, (scale, zero_point) = self._input["dtype"], self._input["quantization"]
        tensor = image if dtype == np.float32 else quantize(image, scale, zero_point, dtype)
        interpreter = self._free.get()
        try:
            interpreter.set_tensor(self._input["index"], tensor[np.newaxis])
            interpreter.invoke()
            return interpreter.get_tensor(self._output["index"])[0]
        finally:
            self._free.put(interpreter)

    def _real(self, output: np.ndarray) -> np.ndarray:
        return output if output.dtype == np.float32 else dequantize(output, *self._output["quantization"])


def cross_check(path: Path, images: np.ndarray) -> dict[str, float | int | str]:
    """How far LiteRT and TensorFlow's interpreter are apart on `images` (float32 (N, size, size, bands) in 0..1; at least one).

    Returns `images`, `unit` ("steps" of a quantized output, else "probability"), `largest` (the largest difference in that unit),
    `differing` (share of output values that differ at all) and `values` (how many were compared).
    """
    if not len(images):
        raise UsageError(f"{path}: a cross-check needs at least one image")
    one, other = (TFLiteRunner(path, engine).stored(images) for engine in ("litert", "tf"))
    quantized = one.dtype != np.float32
    apart = np.abs(one.astype(np.int32) - other.astype(np.int32)) if quantized else np.abs(one - other)
    return {
        "images": len(images),
        "unit": "steps" if quantized else "probability",
        "largest": int(apart.max()) if quantized else float(apart.max()),
        "differing": float(np.count_nonzero(apart) / apart.size),
        "values": int(apart.size),
    }


def processors() -> int:
    """Processors that this process may use (a container or taskset may allow fewer than the machine has)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as why:
        raise DataError(f"{path}: cannot be read: {why.strerror}") from None
    if content[4:8] != _IDENTIFIER:
        raise DataError(f"{path}: not a TF Lite file (no TFL3 at byte 4); `python -m pipeline quantize` makes one")
    if _EDGETPU in content:
        raise UsageError(f"{path}: compiled for the Edge TPU, runs only there; give the file that it was compiled from")
    return content


def _interpreter(path: Path, content: bytes, engine: Engine) -> Any:
    if engine == "tf":
        import tensorflow as tf

        make = tf.lite.Interpreter
    else:
        from ai_edge_litert.interpreter import Interpreter as make
    try:
        interpreter = make(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    except ValueError as why:
        raise DataError(f"{path}: damaged TF Lite file: {why}; make it again with `python -m pipeline quantize`") from None
    except RuntimeError as why:
        raise UsageError(f"{path}: the {engine} interpreter cannot run it: {str(why).splitlines()[0]}") from None
    return interpreter


def _single(path: Path, interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        raise UsageError(f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; a segmentation network has one of each")
    return inputs[0], outputs[0]
