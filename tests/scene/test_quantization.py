"""Affine quantization: its law, and TF Lite's own numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scene.quantization import dequantize, quantize


@given(
    st.sampled_from([np.int8, np.uint8]),
    st.floats(2**-13, 8, width=32),
    st.data(),
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=50),
)
def test_half_a_step_within_the_range(dtype, scale, data, places):
    limits = np.iinfo(dtype)
    zero_point = data.draw(st.integers(limits.min, limits.max))
    low, high = (limits.min - zero_point) * scale, (limits.max - zero_point) * scale
    x = (low + np.array(places) * (high - low)).astype(np.float32)
    q = quantize(x, scale, zero_point, dtype)
    assert q.dtype == dtype
    assert (np.abs(dequantize(q, scale, zero_point) - x) <= scale / 2 + 1e-6 * max(abs(low), abs(high))).all()


@given(st.sampled_from([np.int8, np.uint8]), st.floats(2**-20, 8, width=32), st.integers(0, 127))
def test_every_stored_value_survives(dtype, scale, zero_point):
    q = np.arange(np.iinfo(dtype).min, np.iinfo(dtype).max + 1).astype(dtype)
    np.testing.assert_array_equal(quantize(dequantize(q, scale, zero_point), scale, zero_point, dtype), q)


def test_ties_to_even_and_saturation():
    x = np.array([0.5, 1.5, 2.5, -0.5, 1000, -1000], np.float32)
    assert quantize(x, 1, 0, np.int8).tolist() == [0, 2, 2, 0, 127, -128]
    assert quantize(x, 1, 0, np.uint8).tolist() == [0, 2, 2, 0, 255, 0]
    assert x[0] == 0.5, "the input is left alone"


@pytest.mark.slow
def test_equal_to_tensorflow():
    tf = pytest.importorskip("tensorflow")
    x = np.random.default_rng(1).uniform(-0.1, 1.1, 5000).astype(np.float32)
    ours = dequantize(quantize(x, 1 / 255, -128, np.int8), 1 / 255, -128)
    theirs = tf.quantization.fake_quant_with_min_max_args(x, min=0, max=1, num_bits=8).numpy()
    assert np.abs(ours - theirs).max() <= 1 / 255 + 1e-6  # ties may fall either way
    assert (np.abs(ours - theirs) < 1e-6).mean() > 0.99
