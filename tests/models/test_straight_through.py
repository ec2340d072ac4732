"""The cheap gradient of fake quantization against TensorFlow's own, one tensor and whole networks."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ModelConfig

pytestmark = pytest.mark.slow


def twins(how: str, name: str = "early"):
    """Two quantization-aware networks with the same weights, the second with the cheap gradient."""
    from pipeline.models import build
    from pipeline.models.qat import quantization_aware
    from pipeline.models.straight_through import cheapen

    plain = build(ModelConfig(name=name, filters=4, dropout=0.0), 32, 3)
    stock, cheap = (quantization_aware(plain, how) for _ in range(2))
    if not cheapen(cheap):
        pytest.skip("only on Linux and x86-64 without a GPU")
    return stock, cheap


@given(low=st.floats(-20, 0), high=st.floats(0.01, 20), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_as_tensorflows_gradient_but_for_the_ends_themselves(low, high, seed):
    import tensorflow as tf

    from pipeline.models.straight_through import _with_gradient

    rng = np.random.default_rng(seed)
    values = tf.constant(rng.uniform(2 * low - 1, 2 * high + 1, (4, 500)), tf.float32)
    upstream = tf.constant(rng.normal(size=(4, 500)), tf.float32)
    ends = tf.quantization.fake_quant_with_min_max_vars([-3e38, 3e38], low, high)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(values)
        stock = tf.quantization.fake_quant_with_min_max_vars(values, low, high)
        cheap = _with_gradient(tf.stop_gradient(stock), values, ends)
    theirs, ours = (tape.gradient(out, values, upstream).numpy() for out in (stock, cheap))
    # a value within rounding of an end may fall on either side
    near = np.min([np.abs(values.numpy() - end) for end in ends.numpy()], axis=0) < 1e-5 * (high - low)
    assert np.array_equal(ours[~near], theirs[~near]) and np.mean(near) < 0.01
    assert np.array_equal(cheap, stock)
    assert 0 < np.count_nonzero(ours) < ours.size  # both sides of the ends were met


@pytest.mark.parametrize("how", ["annotate-conv", "full"])
def test_a_network_learns_the_same(how):
    import tensorflow as tf

    stock, cheap = twins(how)
    rng = np.random.default_rng(1)
    images = rng.random((2, 32, 32, 3), np.float32)
    for _ in range(2):
        gradients = []
        images = images * np.float32(1.5)  # ever more values beyond the ranges, which follow slowly
        for model in (stock, cheap):
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(model(images, training=True) ** 2)
            gradients.append(tape.gradient(value, model.trainable_variables))
        assert any(np.any(gradient) for gradient in gradients[0])
        for one, other in zip(*gradients, strict=True):
            assert np.allclose(one, other, rtol=1e-4, atol=1e-7)
    for one, other in zip(stock.weights, cheap.weights, strict=True):  # ranges and batch statistics among them
        assert np.array_equal(one, other), one.name


def test_a_file_does_not_know_of_it(tmp_path):
    from pipeline.models.qat import load

    stock, cheap = twins("full")
    one, other = (re.sub(r"quantize_layer(_\d+)?", "quantize_layer", model.to_json()) for model in (stock, cheap))  # Keras numbers them
    assert one == other
    cheap.save(tmp_path / "model.h5", include_optimizer=False)
    image = np.random.default_rng(2).random((1, 32, 32, 3), np.float32)
    assert np.array_equal(load(tmp_path / "model.h5")(image, training=False), cheap(image, training=False))
    assert np.array_equal(stock(image, training=False), cheap(image, training=False))


def test_a_gpu_keeps_tensorflows(monkeypatch):
    import tensorflow as tf

    from pipeline.models import build
    from pipeline.models.qat import quantization_aware
    from pipeline.models.straight_through import cheapen

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"] if kind == "GPU" else [])
    model = quantization_aware(build(ModelConfig(name="simple", filters=4), 16, 3), "full")
    before = [id(quantizer) for layer in model.layers for quantizer in getattr(layer, "_output_quantizers", None) or []]
    assert not cheapen(model) and before
    assert [id(quantizer) for layer in model.layers for quantizer in getattr(layer, "_output_quantizers", None) or []] == before
