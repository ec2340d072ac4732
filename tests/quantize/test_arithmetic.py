"""The arithmetic of the thesis's section 3.4.3, with its own numbers, and the laws behind it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.quantize import arithmetic

INPUT_SCALE = 0.003921568859368563
WEIGHT_SCALE = 0.004285482689738274


def test_input_scale_and_zero_point():
    scale, zero_point = arithmetic.affine(0.0, 1.0)
    assert scale == pytest.approx(0.003921568627450980, rel=1e-12)
    assert zero_point == -128


def test_kernel_scale():
    assert arithmetic.symmetric(0.544256329536438) == pytest.approx(0.004285482909735732, rel=1e-12)


def test_first_weight_and_its_errors():
    restored = float(arithmetic.dequantize(8, WEIGHT_SCALE))
    assert restored == pytest.approx(0.034283861517906192)
    error = arithmetic.error(0.032761260867118835, restored, WEIGHT_SCALE)
    assert error.absolute == pytest.approx(0.001522600650787357, rel=1e-9)
    assert error.relative == pytest.approx(0.04647, abs=5e-5)
    assert error.steps == pytest.approx(0.355, abs=5e-4)


def test_bias_scale_and_value():
    scale = arithmetic.bias_scale(INPUT_SCALE, WEIGHT_SCALE)
    assert scale == pytest.approx(0.0000168058154634406445, rel=1e-7)
    # the thesis's text gives 0.198325433475474713 for 11801 steps of the file's float32 scale
    assert arithmetic.dequantize(11801, 0.000016805815903353505) == pytest.approx(0.198325433475474713, rel=1e-8)


def test_fused_batch_norm_there_and_back():
    gamma, beta, mean, variance = 1.110548973083496, -0.11593257635831833, 0.17263321578502655, 0.00221889466047287
    read_multiplier = arithmetic.dequantize(55, 0.10698594152927399, -128)
    read_offset = arithmetic.dequantize(-113, 0.0339626707136631, -10)
    assert read_multiplier == pytest.approx(19.5784273) and read_offset == pytest.approx(-3.4981550)
    found_gamma, found_beta = arithmetic.batch_norm_parameters(read_multiplier, read_offset, mean, variance, 0.001)
    assert found_gamma == pytest.approx(1.1107880, abs=1e-6) and found_beta == pytest.approx(-0.1182682, abs=1e-6)
    multiplier, offset = arithmetic.fused_batch_norm(gamma, beta, mean, variance, 0.001)
    assert abs(multiplier - read_multiplier) < 0.10698594152927399 / 2 and abs(offset - read_offset) < 0.0339626707136631 / 2


def test_relu_output():
    scale, zero_point = arithmetic.affine(-3.696099329375535e-11, 18.816810607910156)
    assert scale == pytest.approx(0.073791414148812224, rel=1e-9) and zero_point == -128


@given(st.floats(-1e3, 0), st.floats(1e-3, 1e3), st.floats(0, 1))
def test_a_value_in_range_loses_at_most_half_a_step(low, high, where):
    scale, zero_point = arithmetic.affine(low, high)
    value = low + where * (high - low)
    q = np.clip(np.rint(value / scale) + zero_point, *arithmetic.INT8)
    # the zero point is rounded too, so that a value at the very end may lose up to one step
    assert arithmetic.error(value, float(arithmetic.dequantize(q, scale, zero_point)), scale).steps <= 1 + 1e-6


def test_snr_has_no_value_without_noise():
    assert arithmetic.snr_db(1.0, 0.0) is None
    assert arithmetic.snr_db(100.0, 1.0) == pytest.approx(20.0)
