"""A model that runs: the interpreter and, for the Edge TPU, its delegate, which end in the right order however the program ends."""

import gc
import traceback
import weakref
from dataclasses import dataclass

import numpy as np

from .edgetpu import EdgeTpu
from .errors import Error, Exit
from .quantize import Quantization
from .runtime import Runtime, check_pair


@dataclass(frozen=True)
class ModelSpec:
    """What a segmentation model takes and gives: square images of int8 or uint8, batch 1."""

    side: int
    bands: int
    out_side: int
    classes: int
    input: Quantization
    output: Quantization

    @property
    def input_shape(self):
        """Height, width, bands."""
        return (self.side, self.side, self.bands)

    @property
    def output_shape(self):
        """Height, width, classes."""
        return (self.out_side, self.out_side, self.classes)


class Engine:
    """The ModelFile `model` on `device`, with `threads` of TF Lite on the processor; close it, or use it in a `with`.

    The delegate must outlive the interpreter, whose end tells the delegate's kernels to let go of the device. Python ends both when
    nothing refers to them any more, and a traceback does: so every failure is turned into an Error outside of its `except`.
    Raises Error(USAGE), Error(DATA), Error(MISSING).
    """

    def __init__(self, model, device, threads):
        if device.kind == "cpu" and model.compiled:
            what = "is compiled for the Edge TPU and cannot run on the processor; give int8.tflite, or --device usb:0"
            raise Error(Exit.USAGE, f"{model.path}: {what}")
        if device.kind != "cpu" and not model.compiled:
            raise Error(Exit.USAGE, f"{model.path}: is not compiled for the Edge TPU; give int8_edgetpu.tflite, or --device cpu")
        self._device, self._interpreter, self._delegate = device, None, None
        runtime = Runtime()
        self.tflite, self.edgetpu = runtime.label, ""
        if device.kind != "cpu":
            tpu = EdgeTpu()
            self.edgetpu = tpu.version
            check_pair(tpu, runtime, model)
            tpu.require(device)
            self._delegate = runtime.delegate(device)
        self.runtime, self.notes = runtime.name, runtime.notes
        try:
            self._interpreter = self._open(runtime, model, threads)
            self.spec = self._read_spec(model.path)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise

    def _open(self, runtime, model, threads):
        interpreter, failure = None, None
        try:
            interpreter = runtime.interpreter(model.data, threads, self._delegate)
        except (ValueError, RuntimeError) as why:
            traceback.clear_frames(why.__traceback__)
            failure = _line(why)
        if failure is not None and self._delegate is None:
            raise Error(Exit.DATA, f"{model.path}: TF Lite {runtime.label} cannot read this model ({failure})")
        if failure is None:
            try:
                interpreter.allocate_tensors()
                return interpreter
            except (ValueError, RuntimeError) as why:
                traceback.clear_frames(why.__traceback__)
                failure = _line(why)
        del interpreter
        what, code = ("the Edge TPU refused it", Exit.MISSING) if self._delegate is not None else ("TF Lite cannot run it", Exit.DATA)
        raise Error(code, f"{model.path}: {what} ({failure}; TF Lite {runtime.label})")

    def _read_spec(self, path):
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            counts = f"has {len(inputs)} inputs and {len(outputs)} outputs"
            raise Error(Exit.USAGE, f"{path}: {counts}; a segmentation model has one of each")
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        (side, bands, taken), (out_side, classes, given) = (_tensor(path, "input", inputs[0]), _tensor(path, "output", outputs[0]))
        return ModelSpec(side, bands, out_side, classes, taken, given)

    def invoke(self, pixels):
        """The output (spec.output_shape) for an input array of spec.input_shape. Error(MISSING) where the device fails."""
        try:
            self._interpreter.set_tensor(self._input, pixels[np.newaxis])
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output)[0]
        except (ValueError, RuntimeError) as why:
            traceback.clear_frames(why.__traceback__)
            failure = _line(why)
        who = "TF Lite" if self._device.kind == "cpu" else f"the Edge TPU {self._device}"
        raise Error(Exit.MISSING, f"{who} failed ({failure})")

    def close(self):
        """End the interpreter, then the delegate; does nothing the second time."""
        interpreter, self._interpreter = self._interpreter, None
        gone = weakref.ref(interpreter) if interpreter is not None else lambda: None
        del interpreter
        if gone() is not None:
            gc.collect()
        if gone() is None:
            self._delegate = None
        # else something of this process still holds the interpreter: it keeps its delegate too, rather than lose it and crash

    def __enter__(self):
        return self

    def __exit__(self, kind, error, where):
        while error is not None:  # the frames of what was raised may hold the interpreter
            traceback.clear_frames(error.__traceback__)
            error = error.__cause__ or error.__context__
        self.close()


def _line(why):
    return " ".join(str(why).split()) or "no reason given"


def _tensor(path, which, details):
    """(side, channels, Quantization) of an interpreter's tensor details."""
    dtype = np.dtype(details["dtype"]).name
    if dtype not in ("int8", "uint8"):
        remedy = "give the quantized model (int8.tflite or its compiled twin)"
        raise Error(Exit.USAGE, f"{path}: its {which} is {dtype}, not int8 or uint8; {remedy}")
    shape = [int(size) for size in details["shape"]]
    if len(shape) != 4 or shape[0] != 1 or shape[1] != shape[2] or min(shape) < 1:
        text = " x ".join(map(str, shape))
        raise Error(Exit.USAGE, f"{path}: its {which} is {text}, not one square image (1 x side x side x channels)")
    scale, zero_point = details["quantization"]
    if not scale > 0:
        raise Error(Exit.DATA, f"{path}: its {which} has no scale; convert it again")
    return shape[1], shape[3], Quantization(float(np.float32(scale)), int(zero_point), dtype)
