"""Tiny TF Lite models written with the schema library, for what no converter would make: one as if compiled, one with two inputs, ..."""

from dataclasses import dataclass
from pathlib import Path

import flatbuffers
import tflite

TYPES = {"int8": tflite.TensorType.INT8, "uint8": tflite.TensorType.UINT8, "float32": tflite.TensorType.FLOAT32}


@dataclass(frozen=True)
class Tensor:
    """One tensor of the model's interface."""

    shape: tuple[int, ...]
    scale: float = 1 / 255
    zero_point: int = -128
    dtype: str = "int8"


def write(path: Path, inputs: list[Tensor], outputs: list[Tensor], compiled: bool = True, runtime: int = 13) -> Path:
    """A model of one operator, the Edge TPU's where `compiled` (with a package that asks for `runtime`), else RESHAPE, which copies."""
    b = flatbuffers.Builder(1024)
    package = _package(runtime)
    options = b.CreateByteVector(package) if compiled else None
    custom = b.CreateString("edgetpu-custom-op") if compiled else None
    tflite.OperatorCodeStart(b)
    builtin = tflite.BuiltinOperator.CUSTOM if compiled else tflite.BuiltinOperator.RESHAPE
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, builtin)
    tflite.OperatorCodeAddBuiltinCode(b, builtin)
    tflite.OperatorCodeAddVersion(b, 1)
    if compiled:
        tflite.OperatorCodeAddCustomCode(b, custom)
    code = tflite.OperatorCodeEnd(b)
    tensors = [_tensor(b, one, index) for index, one in enumerate(inputs + outputs)]
    ins, outs = list(range(len(inputs))), list(range(len(inputs), len(tensors)))
    in_vector, out_vector = _ints(b, ins), _ints(b, outs)
    new_shape = _ints(b, list(outputs[0].shape))
    if not compiled:
        tflite.ReshapeOptionsStart(b)
        tflite.ReshapeOptionsAddNewShape(b, new_shape)
        reshape = tflite.ReshapeOptionsEnd(b)
    op_in, op_out = _ints(b, ins if compiled else ins[:1]), _ints(b, outs)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, 0)
    tflite.OperatorAddInputs(b, op_in)
    tflite.OperatorAddOutputs(b, op_out)
    if compiled:
        tflite.OperatorAddCustomOptions(b, options)
    else:
        tflite.OperatorAddBuiltinOptionsType(b, tflite.BuiltinOptions.ReshapeOptions)
        tflite.OperatorAddBuiltinOptions(b, reshape)
    operators = _offsets(b, [tflite.OperatorEnd(b)])
    tensor_vector = _offsets(b, tensors)
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, tensor_vector)
    tflite.SubGraphAddInputs(b, in_vector)
    tflite.SubGraphAddOutputs(b, out_vector)
    tflite.SubGraphAddOperators(b, operators)
    graphs = _offsets(b, [tflite.SubGraphEnd(b)])
    codes = _offsets(b, [code])
    tflite.BufferStart(b)
    buffers = _offsets(b, [tflite.BufferEnd(b)])
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, codes)
    tflite.ModelAddSubgraphs(b, graphs)
    tflite.ModelAddBuffers(b, buffers)
    b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
    path.write_bytes(bytes(b.Output()))
    return path


def _package(runtime: int) -> bytes:
    """What the Edge TPU's operator carries, as far as a reader looks: a table whose first field is the runtime it needs."""
    b = flatbuffers.Builder(64)
    b.StartObject(1)
    b.PrependInt32Slot(0, runtime, 0)
    b.Finish(b.EndObject(), file_identifier=b"DWN1")
    return bytes(b.Output())


def _tensor(b: flatbuffers.Builder, tensor: Tensor, index: int) -> int:
    name, shape = b.CreateString(f"tensor{index}"), _ints(b, list(tensor.shape))
    quantization = None
    if tensor.dtype != "float32":
        b.StartVector(4, 1, 4)
        b.PrependFloat32(tensor.scale)
        scale = b.EndVector()
        b.StartVector(8, 1, 8)
        b.PrependInt64(tensor.zero_point)
        zero = b.EndVector()
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale)
        tflite.QuantizationParametersAddZeroPoint(b, zero)
        quantization = tflite.QuantizationParametersEnd(b)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, TYPES[tensor.dtype])
    tflite.TensorAddBuffer(b, 0)
    tflite.TensorAddName(b, name)
    if quantization is not None:
        tflite.TensorAddQuantization(b, quantization)
    return tflite.TensorEnd(b)


def _ints(b: flatbuffers.Builder, values: list[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependInt32(value)
    return b.EndVector()


def _offsets(b: flatbuffers.Builder, values: list[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependUOffsetTRelative(value)
    return b.EndVector()
