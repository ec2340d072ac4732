"""The rules, the cut and the memory figures on models made here."""

from pathlib import Path

import pytest

from pipeline.edgetpu.check import check, hold, parse_gate
from pipeline.edgetpu.limits import LIMITS
from pipeline.edgetpu.rules import load
from pipeline.errors import DataError, GateError, UsageError

from . import builder
from .builder import Op, T, conv, ints


def verdicts(tmp_path, data):
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    return check(path)


def one(tmp_path, name, inputs, output=None, version=1, options=()):
    """The verdict on a single operator whose inputs are `inputs`."""
    tensors = [*inputs, output or T()]
    op = Op(name, list(range(len(inputs))), [len(inputs)], version, options)
    return verdicts(tmp_path, builder.model(tensors, [op])).verdicts[0]


UNSPECIFIED = "Operation is otherwise supported, but not mapped due to some unspecified limitation"
TYPE = "Operation is working on an unsupported data type"
CONSTANT = "Filter, bias, or other param is not constant at compile-time"
RANK = "Tensor has unsupported rank (up to 3 innermost dimensions mapped)"
PRECISION = "Image-interpolation layer won't run precisely enough on Edge TPU"
FUSED = {"FusedActivationFunction": 1}


@pytest.mark.parametrize(
    ("name", "inputs", "output", "options", "status"),
    [
        ("ADD", [T(), T()], T(), (), None),
        ("ADD", [T(type="FLOAT32"), T(type="FLOAT32")], T(type="FLOAT32"), (), TYPE),
        ("ADD", [T(type="INT16"), T(type="INT16")], T(type="INT16"), (), TYPE),
        ("ADD", [T((2, 8, 8, 4)), T((2, 8, 8, 4))], T((2, 8, 8, 4)), (), RANK),
        ("QUANTIZE", [T(type="UINT8")], T(), (), None),
        ("QUANTIZE", [T(type="FLOAT32")], T(), (), UNSPECIFIED),
        ("DEQUANTIZE", [T()], T(type="FLOAT32"), (), TYPE),
        ("ARG_MAX", [T(), ints(3)], T((1, 8, 8), "INT64"), (), TYPE),
        ("LEAKY_RELU", [T()], T(), (), "Operation not supported"),
        ("BUILTIN_301", [T()], T(), (), "Operation not supported"),
        ("CUSTOM:TFLite_Detection_PostProcess", [T()], T(), (), TYPE),
        ("CONV_2D", [T(), *conv()], T(), (), None),
        ("CONV_2D", [T(), *conv(constant=False)], T(), (), CONSTANT),
        ("CONV_2D", [T(), *conv()], T(), ("Conv2DOptions", {"DilationWFactor": 2, "DilationHFactor": 1}), UNSPECIFIED),
        ("CONV_2D", [T(), *conv()], T(), ("Conv2DOptions", {"DilationWFactor": 2, "DilationHFactor": 2}), None),
        ("MAX_POOL_2D", [T()], T(), ("Pool2DOptions", FUSED), UNSPECIFIED),
        ("CONCATENATION", [T(), T()], T((1, 8, 8, 8)), ("ConcatenationOptions", FUSED), UNSPECIFIED),
        ("CONCATENATION", [T(), T(data=bytes(256))], T((1, 8, 8, 8)), (), None),
        ("CONCATENATION", [T(), T(data=b"\x01" * 256)], T((1, 8, 8, 8)), (), UNSPECIFIED),
        ("CONCATENATION", [T(), T(data=b"\x80" * 256, zero=-128)], T((1, 8, 8, 8)), (), None),
        ("CONCATENATION", [T(), T(), T(data=bytes(256))], T((1, 8, 8, 12)), (), UNSPECIFIED),
        ("FULLY_CONNECTED", [T((1, 16)), T((4, 16), data=bytes(64))], T((1, 4)), (), None),
        ("FULLY_CONNECTED", [T((8, 16)), T((4, 16), data=bytes(64))], T((8, 4)), (), UNSPECIFIED),
        (
            "FULLY_CONNECTED",
            [T((1, 16)), T((4, 16), data=bytes(64))],
            T((1, 4)),
            ("FullyConnectedOptions", {"WeightsFormat": 1}),
            UNSPECIFIED,
        ),
        ("MEAN", [T(), ints(1, 2)], T((1, 4)), (), None),
        ("MEAN", [T((1, 8, 8, 3)), ints(1, 2)], T((1, 3)), (), UNSPECIFIED),
        ("MEAN", [T(), ints(-4)], T((8, 8, 4)), (), UNSPECIFIED),
        ("PAD", [T(), ints(0, 0, 1, 1, 1, 1, 0, 0)], T((1, 10, 10, 4)), (), None),
        ("PAD", [T(), ints(1, 0, 0, 0, 0, 0, 0, 0)], T((2, 8, 8, 4)), (), RANK),
        ("STRIDED_SLICE", [T(), ints(0), ints(1), ints(1)], T(), (), None),
        ("STRIDED_SLICE", [T(), ints(0), ints(1), ints(2)], T(), (), "Only Strided-Slice with unitary strides supported"),
        ("RESIZE_BILINEAR", [T(), ints(16, 16)], T((1, 16, 16, 4)), (), None),
        ("RESIZE_BILINEAR", [T((1, 1, 1, 4)), ints(33, 33)], T((1, 33, 33, 4)), (), PRECISION),
        ("RESIZE_NEAREST_NEIGHBOR", [T((1, 512, 512, 4)), ints(1024, 1024)], T((1, 1024, 1024, 4)), (), UNSPECIFIED),
        ("SOFTMAX", [T((1, 1000))], T((1, 1000)), (), None),
        ("SOFTMAX", [T((1, 16001))], T((1, 16001)), (), UNSPECIFIED),
        ("TRANSPOSE", [T((4, 2, 2, 4)), ints(0, 1, 2, 3)], T((4, 2, 2, 4)), (), RANK),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", [T((1, 8, 4)), T((1, 4), "INT16", variable=True)], T((1, 8, 4)), (), None),
    ],
)
def test_certain_verdicts(tmp_path, name, inputs, output, options, status):
    verdict = one(tmp_path, name, inputs, output, options=options)
    assert (verdict.verdict, verdict.status) == (("maps", "Mapped to Edge TPU") if status is None else ("stays on CPU", status))
    assert bool(verdict.remedy) == (status is not None)
    assert verdict.source


@pytest.mark.parametrize(
    ("name", "inputs", "output"),
    [
        ("EXPAND_DIMS", [T((8, 8, 4)), ints(0)], T()),
        ("SUM", [T(), ints(1)], T((1, 8, 4))),
        ("SOFTMAX", [T()], T()),
        ("RESHAPE", [T((1, 512, 512, 1)), ints(1, 262144)], T((1, 262144))),
        ("RESIZE_BILINEAR", [T(), ints(64, 64)], T((1, 64, 64, 4))),
        ("RESIZE_BILINEAR", [T(), ints(20, 20)], T((1, 20, 20, 4))),
        ("CONV_2D", [T((1, 8, 8, 8)), *conv()], T()),
    ],
)
def test_unsure_rows_say_may(tmp_path, name, inputs, output):
    verdict = one(tmp_path, name, inputs, output)
    assert (verdict.verdict, verdict.sure, verdict.expected) == ("may not map", "unsure", "TPU")


def test_every_rule_is_known_sourced_and_used():
    rules = load()
    assert {rule.when for rule in (*rules.limits, *rules.refusals)} == set(LIMITS)
    assert all(rule.source and rule.remedy and rule.status for rule in (*rules.limits, *rules.refusals))
    assert all(row.source and row.sure in ("doc", "log", "unsure") for row in rules.operators.values())


def test_the_cut_takes_what_depends_on_it_and_nothing_else(tmp_path):
    tensors = [T(), T(), T(), T(), T(), T()]
    ops = [Op("LOGISTIC", [0], [1]), Op("LEAKY_RELU", [1], [2]), Op("ADD", [2, 1], [3]), Op("QUANTIZE", [3], [4]), Op("RELU", [1], [5])]
    report = verdicts(tmp_path, builder.model(tensors, ops))
    assert [one.verdict for one in report.verdicts] == ["maps", "stays on CPU", "stays on CPU", "stays on CPU", "maps"]
    assert [one.status for one in report.verdicts[1:4]] == [
        "Operation not supported",
        "More than one subgraph is not supported",
        UNSPECIFIED,
    ]
    assert [one.behind for one in report.verdicts] == [None, None, 1, 1, None]


def test_a_float_front_does_not_cut(tmp_path):
    tensors = [T(type="FLOAT32"), T(), T(), T(type="FLOAT32")]
    ops = [Op("QUANTIZE", [0], [1]), Op("LOGISTIC", [1], [2]), Op("DEQUANTIZE", [2], [3])]
    assert [one.expected for one in verdicts(tmp_path, builder.model(tensors, ops)).verdicts] == ["CPU", "TPU", "CPU"]


def test_only_the_first_set_maps(tmp_path):
    tensors = [T(), T(), T(), T()]
    ops = [Op("LOGISTIC", [0], [1]), Op("ELU", [1], [2]), Op("LOGISTIC", [2], [3])]
    assert [one.expected for one in verdicts(tmp_path, builder.model(tensors, ops)).verdicts] == ["TPU", "CPU", "CPU"]


def test_behind_an_unsure_operator_nothing_is_sure(tmp_path):
    ops = [Op("SUM", [0, 1], [2]), Op("LOGISTIC", [2], [3])]
    report = verdicts(tmp_path, builder.model([T(), ints(1), T((1, 8, 4)), T((1, 8, 4))], ops))
    assert [(one.verdict, one.behind) for one in report.verdicts] == [("may not map", None), ("may not map", 0)]


def test_other_subgraphs_stay(tmp_path):
    extra = ([T(), T()], [Op("RELU", [0], [1])], [0], [1])
    report = verdicts(tmp_path, builder.model([T(), T()], [Op("RELU", [0], [1])], extra_subgraphs=[extra]))
    assert [(one.operator.subgraph, one.expected) for one in report.verdicts] == [(0, "TPU"), (1, "CPU")]


def test_transpose_conv_4_is_refused_with_the_remedy(tmp_path):
    report = verdicts(tmp_path, builder.unet_step(version=4))
    assert report.refusal.operator.name == "TRANSPOSE_CONV"
    assert report.refusal.status == "Didn't find op for builtin opcode 'TRANSPOSE_CONV' version '4'"
    assert "2.10" in report.refusal.remedy and "resize" in report.refusal.remedy
    assert report.count("maps") == 0
    assert verdicts(tmp_path, builder.unet_step(version=3)).count("maps") == 5


def test_transpose_behind_qat_as_in_the_thesis(tmp_path):
    """Listing 3.2: the rank, the filter that is not constant, and what is behind it."""
    report = verdicts(tmp_path, builder.unet_step(filter_constant=False))
    assert [(one.operator.name, one.status) for one in report.verdicts] == [
        ("CONV_2D", "Mapped to Edge TPU"),
        ("MAX_POOL_2D", "Mapped to Edge TPU"),
        ("TRANSPOSE", RANK),
        ("TRANSPOSE_CONV", CONSTANT),
        ("CONCATENATION", "More than one subgraph is not supported"),
        ("LOGISTIC", "More than one subgraph is not supported"),
    ]
    assert "full" in report.verdicts[3].remedy and "resize decoder" in report.verdicts[3].remedy


def test_sizes_known_only_at_run_time_are_refused(tmp_path):
    report = verdicts(tmp_path, builder.model([T(), T((2,), "INT32"), T((1, 256))], [Op("RESHAPE", [0, 1], [2])]))
    assert "static-sized" in report.refusal.status and "batch size 1" in report.refusal.remedy


def test_a_float_model_is_a_clear_answer(tmp_path):
    report = verdicts(tmp_path, builder.model([T(type="FLOAT32"), T(type="FLOAT32")], [Op("RELU", [0], [1])]))
    assert report.floating and "float model" in report.summary() and report.verdicts[0].status == TYPE


def test_a_compiled_file_is_sent_to_inspect(tmp_path):
    with pytest.raises(DataError, match="inspect"):
        verdicts(tmp_path, builder.compiled())


def test_memory_of_a_convolution(tmp_path):
    """By hand: 10 outputs round up to 12 in the package and 64 in the console; 3 inputs to 4; 8 bytes of bias for int8."""
    tensors = [T((1, 16, 16, 3)), *conv(3, 10, 3), T((1, 16, 16, 10))]
    memory = verdicts(tmp_path, builder.model(tensors, [Op("CONV_2D", [0, 1, 2], [3])])).memory
    assert memory.package == 12 * (9 * 4 + 8) and memory.console == 64 * (9 * 4 + 8)
    assert memory.macs == 16 * 16 * 10 * 27 and memory.largest_activation == 2560 and memory.holds
    assert memory.parameters == (528, 2816) and memory.off_chip == (0, 0)


def test_unfolded_batch_norm_is_found(tmp_path):
    channel = T((4,), data=bytes(4))
    tensors = [T(), *conv(), T(), channel, T(), channel, T()]
    ops = [Op("CONV_2D", [0, 1, 2], [3]), Op("MUL", [3, 4], [5]), Op("ADD", [5, 6], [7])]
    assert verdicts(tmp_path, builder.model(tensors, ops)).memory.unfolded_batch_norms == (1,)
    ops[2] = Op("ADD", [5, 3], [7])  # a skip connection, no batch norm
    assert verdicts(tmp_path, builder.model(tensors, ops)).memory.unfolded_batch_norms == ()


def test_gate(tmp_path):
    assert parse_gate("mapped=100%,offchip=0") == {"mapped": 100.0, "offchip": 0.0}
    for wrong in ("mapped=101%", "mapped", "offchip=-1", "speed=1", "mapped=nan", ""):
        with pytest.raises(UsageError):
            parse_gate(wrong)
    good, bad = verdicts(tmp_path, builder.unet_step()), verdicts(tmp_path, builder.unet_step(filter_constant=False))
    hold(good, parse_gate("mapped=100%,offchip=0"))
    with pytest.raises(GateError, match="33.3 %"):
        hold(bad, parse_gate("mapped=100%"))
    hold(bad, parse_gate("mapped=33%"))
    with pytest.raises(GateError, match="refused"):
        hold(verdicts(tmp_path, builder.unet_step(version=4)), parse_gate("offchip=0"))


FILES = Path(__file__).parent / "files"  # real converters' files: see the README there


def test_a_real_transpose_behind_qat():
    report = check(FILES / "transpose_behind_qat.tflite")
    assert [(one.operator.name, one.status) for one in report.verdicts] == [
        ("CONV_2D", "Mapped to Edge TPU"),
        ("MAX_POOL_2D", "Mapped to Edge TPU"),
        ("TRANSPOSE", RANK),
        ("TRANSPOSE_CONV", CONSTANT),
        *((name, "More than one subgraph is not supported") for name in ("CONCATENATION", "CONV_2D", "LOGISTIC")),
    ]
    assert report.refusal is None and "full" in report.verdicts[3].remedy and "resize decoder" in report.verdicts[3].remedy


def test_a_newer_tensorflow_file_is_refused():
    report = check(FILES / "transpose_conv_v4.tflite")
    assert report.refusal.operator.version == 4 and report.count("maps") == 0
    assert "TensorFlow 2.10" in report.refusal.remedy and "resize" in report.refusal.remedy
