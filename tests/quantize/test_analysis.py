"""The analysis of int8 files, held against figures computed another way."""

import json
import math

import numpy as np
import pytest

from pipeline.errors import DataError

pytestmark = pytest.mark.slow
PAIRS = [
    ("early", "full"),
    ("early", "annotate-conv"),
    ("improved", "full"),
    ("improved", "annotate-conv"),
    ("simple", "none"),
    ("edge", "full"),
]


def of(trained, converted, name, how, filters=8):
    from pipeline.quantize.analyze import analyze

    network = trained(name, how, filters=filters)
    return network, analyze(converted(name, how, filters=filters), network.plain, network.images[:2])


@pytest.mark.parametrize(("name", "how"), PAIRS)
def test_every_operator_once_and_the_worst_first(trained, converted, name, how):
    from pipeline.quantize.verify import facts

    _, found = of(trained, converted, name, how)
    operators = facts(converted(name, how)).by_name
    assert {kind: sum(row.operator == kind for row in found.activations) for kind in operators} == operators
    ratios = [math.inf if row.snr_db is None else row.snr_db for row in found.activations]
    assert ratios == sorted(ratios) and found.patches == 2
    # wrongly paired tensors would be noise as strong as the signal
    assert ratios[0] > 5, found.activations[0]
    for row in found.activations:
        assert row.scale > 0 and -128 <= row.zero_point <= 127 and 0 <= row.absolute <= row.largest
        assert row.steps == pytest.approx(row.absolute / row.scale)
        lowest, highest = (-128 - row.zero_point) * row.scale, (127 - row.zero_point) * row.scale
        assert lowest - 1e-6 <= row.low <= row.high <= highest + 1e-6
    text = json.dumps(found.json(), allow_nan=False)
    assert json.loads(text)["patches"] == 2


def test_cloudnet_can_be_analyzed(trained, converted):
    _, found = of(trained, converted, "cloudnet", "full", filters=4)
    json.dumps(found.json(), allow_nan=False)
    assert next(row for row in found.activations if row.operator == "LOGISTIC").snr_db > 5


@pytest.mark.parametrize(("name", "how"), [("early", "full"), ("early", "annotate-conv")])
def test_the_output_s_figures_computed_by_another_interpreter(trained, converted, name, how):
    from pipeline.scene.runners import open_runner

    network, found = of(trained, converted, name, how)
    (row,) = [row for row in found.activations if row.operator == "LOGISTIC"]
    int8 = open_runner(converted(name, how), engine="tf")(network.images[:2]).astype(np.float64)
    real = np.concatenate([network.plain(image[None], training=False).numpy() for image in network.images[:2]]).astype(np.float64)
    noise = int8 - real
    assert row.layer == "head" and row.scale == pytest.approx(1 / 256)
    assert row.snr_db == pytest.approx(10 * math.log10((real**2).sum() / (noise**2).sum()), rel=1e-4)
    assert row.absolute == pytest.approx(np.abs(noise).mean(), rel=1e-4) and row.largest == pytest.approx(np.abs(noise).max(), rel=1e-4)
    assert row.relative == pytest.approx(np.sqrt((noise**2).mean() / (real**2).mean()), rel=1e-4)
    assert (row.low, row.high) == pytest.approx((int8.min(), int8.max()))
    assert (row.float_low, row.float_high) == pytest.approx((real.min(), real.max()))


@pytest.mark.parametrize(("name", "how"), PAIRS)
def test_weights_lose_half_a_step_and_biases_carry_the_product_of_scales(trained, converted, name, how):
    network, found = of(trained, converted, name, how)
    convolutions = [layer for layer in network.plain.layers if "Conv2D" in type(layer).__name__]
    assert {row.layer for row in found.weights} == {layer.name for layer in convolutions}
    assert len(found.weights) == len(convolutions)
    assert [row.steps for row in found.weights] == sorted((row.steps for row in found.weights), reverse=True)
    for row in found.weights:
        assert row.steps <= 0.52, row
        assert row.largest <= 0.52 * row.scale_high
        assert row.bias_scale_off < 1e-5
        assert 0 < row.scale_low <= row.scale_high


def test_batch_norms_come_back_from_their_mul_and_add(trained, converted):
    network, found = of(trained, converted, "early", "annotate-conv")
    assert len(found.batch_norms) == 14
    assert {row.layer for row in found.batch_norms} == {layer.name for layer in network.plain.layers if layer.name.endswith("_bn")}
    for row in found.batch_norms:
        assert row.multiplier_steps <= 0.52 and row.offset_steps <= 0.52, row
        gamma, beta, mean, variance = (value.astype(np.float64) for value in network.plain.get_layer(row.layer).get_weights())
        deviation = np.sqrt(variance + 1e-3)
        # half a step of the multiplier, carried back to gamma; beta takes the offset's half step and the multiplier's times the mean
        assert row.gamma <= 0.52 * row.multiplier_scale * deviation.max()
        assert row.beta <= 0.52 * (row.offset_scale + row.multiplier_scale * np.abs(mean).max())
    assert not of(trained, converted, "early", "full")[1].batch_norms


def test_a_tensor_without_noise_has_no_ratio():
    from pipeline.quantize.analyze import _Sums

    sums = _Sums()
    sums.add(np.array([0.5, -0.25]), np.array([0.5, -0.25]))
    tensor = type("Tensor", (), {"scale": 0.25, "zero_point": 0})
    row = sums.activation("layer", "CONV_2D", tensor)
    assert row.snr_db is None and row.absolute == row.largest == row.relative == 0


def test_a_file_of_another_network_is_refused(trained, converted):
    from pipeline.quantize.analyze import analyze

    with pytest.raises(DataError, match="is no layer of this run's network"):
        analyze(converted("improved", "full"), trained("early", "full").plain, trained("early", "full").images[:1])
