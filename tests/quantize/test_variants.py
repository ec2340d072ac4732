"""Conversion on small trained networks, and the checks of the files that come out."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from pipeline.errors import DataError, EdgesegError, UsageError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("variant", ["float32", "dynamic", "float16", "int8"])
def test_every_variant_runs_and_is_near_the_float_network(trained, converted, variant):
    from pipeline.scene.runners import open_runner

    network = trained("early", "full")
    path = converted("early", "full", variant)
    expected = np.concatenate([network.plain(image[None], training=False).numpy() for image in network.images])
    found = open_runner(path)(network.images)
    assert found.shape == expected.shape and found.min() >= 0 and found.max() <= 1
    off = float(np.abs(found - expected).mean())
    assert off < {"float32": 1e-5, "float16": 2e-3, "dynamic": 0.02, "int8": 0.03}[variant], off


def test_sizes_fall_from_variant_to_variant(converted):
    from pipeline.quantize.verify import facts

    sizes = {variant: facts(converted("early", "full", variant)).bytes for variant in ("float32", "float16", "dynamic", "int8")}
    assert sizes["float32"] > sizes["float16"] > max(sizes["dynamic"], sizes["int8"])
    assert sizes["float32"] == converted("early", "full", "float32").stat().st_size


@pytest.mark.parametrize(
    ("name", "how", "operators", "batch_norm"),
    [("early", "full", 25, 0), ("early", "annotate-conv", 53, 28), ("improved", "full", 32, 0), ("improved", "annotate-conv", 64, 32)],
)
def test_operators_of_trained_networks(converted, name, how, operators, batch_norm):
    from pipeline.edgetpu.model import read_model
    from pipeline.quantize.verify import TRANSPOSE_CONV_VERSION, verify_int8

    path = converted(name, how)
    found = verify_int8(path, how)
    assert (found.operators, found.batch_norm_operators, found.requantize_operators) == (operators, batch_norm, 0)
    assert sum(found.by_name.values()) == operators
    assert 1 <= found.transpose_conv_version <= TRANSPOSE_CONV_VERSION == 3
    graph = read_model(path).main
    assert [graph.tensors[i].type for i in (*graph.inputs, *graph.outputs)] == ["INT8", "INT8"]
    assert [graph.tensors[i].shape for i in (*graph.inputs, *graph.outputs)] == [(1, 32, 32, 4), (1, 32, 32, 1)]
    # the thesis's input: 0..1 in steps of 1/255 from -128
    assert graph.tensors[graph.inputs[0]].scale == pytest.approx(1 / 255, rel=1e-3) and graph.tensors[graph.inputs[0]].zero_point == -128


@pytest.mark.parametrize(("name", "filters"), [("simple", 8), ("cloudnet", 4)])
def test_the_other_networks_fold_too(converted, name, filters):
    from pipeline.quantize.verify import verify_int8

    found = verify_int8(converted(name, "full", filters=filters), "full")
    assert found.batch_norm_operators == found.requantize_operators == 0


def test_without_quantization_aware_training_there_is_still_an_int8_file(converted):
    from pipeline.quantize.verify import verify_int8

    found = verify_int8(converted("simple", "none"), "none")
    assert found.batch_norm_operators == 0


def test_unfolded_batch_norms_are_refused(converted):
    from pipeline.quantize.verify import verify_int8

    with pytest.raises(EdgesegError, match="28 MUL or ADD operators of unfolded batch norms with model.qat='full'"):
        verify_int8(converted("early", "annotate-conv"), "full")


def test_untied_ranges_are_refused(converted):
    from pipeline.quantize.verify import verify_int8

    path = converted("early", "full", tied=False)
    with pytest.raises(EdgesegError, match="QUANTIZE operators: the ranges of a concatenation were not tied"):
        verify_int8(path, "full")


def test_a_float_file_is_no_int8_file(converted):
    from pipeline.quantize.verify import verify_int8

    with pytest.raises(EdgesegError, match="FLOAT32, not INT8"):
        verify_int8(converted("early", "full", "float32"), "full")


def test_a_newer_transpose_conv_is_refused(converted, monkeypatch):
    from pipeline.quantize import verify

    monkeypatch.setattr(verify, "TRANSPOSE_CONV_VERSION", 0)
    with pytest.raises(EdgesegError, match="reads up to 0. A newer TensorFlow"):
        verify.verify_int8(converted("early", "full"), "full")


def test_a_file_that_is_no_tflite_file(tmp_path):
    from pipeline.quantize.verify import facts

    (tmp_path / "x.tflite").write_bytes(b"\x00" * 64)
    with pytest.raises(DataError, match="x.tflite"):
        facts(tmp_path / "x.tflite")


def test_facts_are_plain_values(converted):
    from pipeline.quantize.verify import facts

    assert json.loads(json.dumps(asdict(facts(converted("early", "full")))))["operators"] == 25


def test_conversion_says_nothing(trained, capfd):
    from pipeline.quantize.convert import convert

    network = trained("simple", "full")
    convert(network.twin, "int8", network.images[:2])
    said = capfd.readouterr()
    assert said.out == "" and said.err == ""
    print("still there")
    assert capfd.readouterr().out == "still there\n"


def test_what_cannot_be_converted_is_refused(trained):
    from pipeline.quantize.convert import convert

    network = trained("simple", "full")
    with pytest.raises(UsageError, match="int4.*no variant"):
        convert(network.plain, "int4")
    with pytest.raises(UsageError, match="representative patches"):
        convert(network.twin, "int8", [])
    with pytest.raises(EdgesegError, match="could not convert the network to int8"):
        convert(network.twin, "int8", [network.images[0, :16]])
