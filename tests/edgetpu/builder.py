"""Small TFLite files and compiled packages made from nothing, for tests."""

from dataclasses import dataclass, field

import flatbuffers
import tflite
from flatbuffers import flexbuffers

CODES = {name: value for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}


@dataclass
class T:
    shape: tuple = (1, 8, 8, 4)
    type: str = "INT8"
    data: bytes | None = None
    scale: float = 0.5
    zero: int = 0
    name: str = ""
    variable: bool = False


@dataclass
class Op:
    name: str
    inputs: list
    outputs: list
    version: int = 1
    options: tuple = ()  # (union member, {setter: value})
    custom: bytes = b""
    more: dict = field(default_factory=dict)


def ints(*values):
    return T((len(values),), "INT32", b"".join(value.to_bytes(4, "little", signed=True) for value in values))


def model(tensors, ops, inputs=(0,), outputs=None, extra_subgraphs=()):
    """Bytes of a TFLite file with one main subgraph (and more where asked)."""
    b = flatbuffers.Builder(1 << 14)
    graphs = [(tensors, ops, inputs, outputs if outputs is not None else ops[-1].outputs), *extra_subgraphs]
    data = [b""] + [t.data for g in graphs for t in g[0] if t.data is not None]
    buffers = []
    for blob in data:
        at = b.CreateByteVector(blob) if blob else None
        tflite.BufferStart(b)
        if at:
            tflite.BufferAddData(b, at)
        buffers.append(tflite.BufferEnd(b))
    used = sorted({(op.name, op.version) for g in graphs for op in g[1]})
    codes = []
    for name, version in used:
        custom = b.CreateString(name.partition(":")[2]) if name.startswith("CUSTOM") else None
        number = CODES["CUSTOM"] if custom else CODES[name] if name in CODES else int(name.rpartition("_")[2])
        tflite.OperatorCodeStart(b)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
        tflite.OperatorCodeAddBuiltinCode(b, number)
        tflite.OperatorCodeAddVersion(b, version)
        if custom:
            tflite.OperatorCodeAddCustomCode(b, custom)
        codes.append(tflite.OperatorCodeEnd(b))
    next_buffer, subgraphs = iter(range(1, len(data))), []
    for g_tensors, g_ops, g_in, g_out in graphs:
        made = [_tensor(b, t, i, next_buffer) for i, t in enumerate(g_tensors)]
        made_ops = [_operator(b, op, used) for op in g_ops]
        parts = _offsets(b, made), _int32(b, g_in), _int32(b, g_out), _offsets(b, made_ops)
        tflite.SubGraphStart(b)
        for add, part in zip(
            (tflite.SubGraphAddTensors, tflite.SubGraphAddInputs, tflite.SubGraphAddOutputs, tflite.SubGraphAddOperators),
            parts,
            strict=True,
        ):
            add(b, part)
        subgraphs.append(tflite.SubGraphEnd(b))
    parts = _offsets(b, codes), _offsets(b, subgraphs), _offsets(b, buffers)
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, parts[0])
    tflite.ModelAddSubgraphs(b, parts[1])
    tflite.ModelAddBuffers(b, parts[2])
    b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
    return bytes(b.Output())


def _tensor(b, t, index, next_buffer):
    name = b.CreateString(t.name or f"t{index}")
    shape = _int32(b, t.shape)
    quantization = None
    if t.type in ("INT8", "UINT8"):
        b.StartVector(4, 1, 4)
        b.PrependFloat32(t.scale)
        scale = b.EndVector()
        b.StartVector(8, 1, 8)
        b.PrependInt64(t.zero)
        zero = b.EndVector()
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale)
        tflite.QuantizationParametersAddZeroPoint(b, zero)
        quantization = tflite.QuantizationParametersEnd(b)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, getattr(tflite.TensorType, t.type))
    tflite.TensorAddBuffer(b, next(next_buffer) if t.data is not None else 0)
    tflite.TensorAddName(b, name)
    tflite.TensorAddIsVariable(b, t.variable)
    if quantization:
        tflite.TensorAddQuantization(b, quantization)
    return tflite.TensorEnd(b)


def _operator(b, op, used):
    inputs, outputs = _int32(b, op.inputs), _int32(b, op.outputs)
    custom = b.CreateByteVector(op.custom) if op.custom else None
    options = None
    if op.options:
        kind, values = op.options
        getattr(tflite, f"{kind}Start")(b)
        for setter, value in values.items():
            getattr(tflite, f"{kind}Add{setter}")(b, value)
        options = getattr(tflite, f"{kind}End")(b)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, used.index((op.name, op.version)))
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if options:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, op.options[0]))
        tflite.OperatorAddBuiltinOptions(b, options)
    if custom:
        tflite.OperatorAddCustomOptions(b, custom)
    return tflite.OperatorEnd(b)


def _offsets(b, offsets):
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _int32(b, values):
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependInt32(value)
    return b.EndVector()


def conv(inputs=4, outputs=4, side=1, constant=True):
    """Tensors (weights, bias) of a convolution."""
    size = outputs * side * side * inputs
    return [T((outputs, side, side, inputs), data=bytes(size) if constant else None), T((outputs,), "INT32", bytes(4 * outputs))]


def unet_step(version=3, filter_constant=True):
    """CONV, MAX_POOL, TRANSPOSE_CONV, CONCATENATION, LOGISTIC: a U-Net of one level."""
    tensors = [
        T((1, 8, 8, 4)),
        *conv(),
        T((1, 8, 8, 4)),
        T((1, 4, 4, 4)),
        ints(1, 8, 8, 4),
        conv(side=2)[0],
        T((1, 8, 8, 4)),
        T((1, 8, 8, 8)),
        T((1, 8, 8, 8)),
    ]
    ops = [
        Op("CONV_2D", [0, 1, 2], [3], 3),
        Op("MAX_POOL_2D", [3], [4], 2),
        Op("TRANSPOSE_CONV", [5, 6, 4], [7], version),
        Op("CONCATENATION", [3, 7], [8], 2),
        Op("LOGISTIC", [8], [9], 2),
    ]
    if not filter_constant:  # as another TFMOT writes it: the filter comes out of a TRANSPOSE
        tensors += [T((4, 2, 2, 4)), ints(0, 1, 2, 3)]
        ops.insert(2, Op("TRANSPOSE", [6, 11], [10], 2))
        ops[3] = Op("TRANSPOSE_CONV", [5, 10, 4], [7], version)
    return model(tensors, ops)


def package(on_chip=64, streamed=0, runtime=13, scratch=0, narrow=128):
    """The flexbuffer of an `edgetpu-custom-op`."""
    executables = [_executable(1, on_chip, 0, 0), _executable(2, streamed, scratch, narrow)]
    b = flatbuffers.Builder(1024)
    strings = [b.CreateString(one) for one in executables]
    vector = _offsets(b, strings)
    b.StartObject(1)
    b.PrependUOffsetTRelativeSlot(0, vector, 0)
    b.Finish(b.EndObject())
    multi = bytes(b.Output())
    b = flatbuffers.Builder(1024)
    blob, version = b.CreateByteVector(multi), b.CreateString("cl/1")
    b.StartObject(8)
    b.PrependInt32Slot(0, runtime, 0)
    b.PrependUOffsetTRelativeSlot(1, blob, 0)
    b.PrependUOffsetTRelativeSlot(4, version, 0)
    b.Finish(b.EndObject(), file_identifier=b"DWN1")
    f = flexbuffers.Builder()
    with f.Map():
        f.Key("1")
        f.Int(1)
        f.Key("4")
        f._WriteBlob(bytes(b.Output()), True, flexbuffers.Type.STRING)
    return bytes(f.Finish())


def _executable(kind, parameters, scratch, narrow):
    b = flatbuffers.Builder(1024)
    blob, chip = b.CreateByteVector(bytes(parameters)), b.CreateString("beagle")
    b.StartObject(17)
    b.PrependInt32Slot(4, scratch, 0)
    b.PrependUOffsetTRelativeSlot(6, blob, 0)
    b.PrependUOffsetTRelativeSlot(10, chip, 0)
    b.PrependInt32Slot(12, narrow, 0)
    b.PrependInt16Slot(13, kind, 0)
    b.Finish(b.EndObject())
    return bytes(b.Output())


def compiled(shape=(1, 8, 8, 8), on_cpu=(), **facts):
    """A compiled file; `on_cpu` are operators left behind, each on one more tensor of the same shape named `t<index>`."""
    tensors = [T((1, 8, 8, 4)), T(shape, name="t9")]
    ops = [Op("CUSTOM:edgetpu-custom-op", [0], [1], custom=package(**facts))]
    for name, output in on_cpu:
        tensors.append(T(shape, name=output))
        ops.append(Op(name, [len(tensors) - 2], [len(tensors) - 1]))
    return model(tensors, ops)
