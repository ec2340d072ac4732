"""The quantization-aware twin: weights kept, ranges that belong together found, and the way back to float."""

import numpy as np
import pytest

from pipeline.config import ModelConfig

pytestmark = pytest.mark.slow
# joins of the decoder, and for Cloud-Net the shortcuts of the encoder and the repeated skip connections as well
JOINS = {"simple": 1, "early": 3, "improved": 4}


def float_network(name: str, batch: int | None = None, size: int = 32):
    """A narrow network whose weights, batch norm statistics included, are all different from their start."""
    from pipeline.models import build

    model = build(ModelConfig(name=name, filters=4), size, 3, batch=batch)
    rng = np.random.default_rng(5)
    model.set_weights([rng.uniform(0.05, 0.6, weight.shape) * rng.choice([1, 1, -1]) for weight in model.get_weights()])
    for layer in model.layers:
        if layer.name.endswith("_bn"):
            layer.moving_variance.assign(rng.uniform(0.5, 2, layer.moving_variance.shape))
    return model


def images(count: int = 2, size: int = 32) -> np.ndarray:
    return np.random.default_rng(1).random((count, size, size, 3), np.float32)


@pytest.mark.parametrize("how", ["none", "annotate-conv", "full"])
@pytest.mark.parametrize("name", ["simple", "early", "improved"])
def test_strip_gives_back_the_float_network(name, how, tmp_path):
    from pipeline.models import build
    from pipeline.models.qat import load, quantization_aware, strip

    plain = float_network(name)
    expected = plain(images(), training=False).numpy()
    trained = quantization_aware(plain, how)
    again = strip(trained, build(ModelConfig(name=name, filters=4), 32, 3))
    assert np.array_equal(again(images(), training=False).numpy(), expected)

    trained.save(tmp_path / "model.h5", include_optimizer=False)
    loaded = strip(load(tmp_path / "model.h5"), build(ModelConfig(name=name, filters=4), 32, 3, batch=1))
    assert np.allclose(loaded(images()[:1], training=False).numpy(), expected[:1], atol=1e-6)


def test_a_saved_twin_gives_the_same_outputs(tmp_path):
    from pipeline.models.qat import load, quantization_aware

    trained = quantization_aware(float_network("improved"), "full")
    trained(images(), training=True)
    trained.save(tmp_path / "model.h5", include_optimizer=False)
    assert np.array_equal(load(tmp_path / "model.h5")(images(), training=False), trained(images(), training=False))


@pytest.mark.parametrize("name", list(JOINS))
def test_range_groups_of_the_decoder(name):
    from pipeline.models.qat import quantization_aware
    from pipeline.models.ranges import range_groups

    plain = float_network(name)
    twin = quantization_aware(plain, "full")
    groups = range_groups(twin)
    assert len(groups) == JOINS[name]
    assert all(len(group.lows) == len(group.highs) == 3 for group in groups)  # skip, up and the join itself
    assert not range_groups(plain) and not range_groups(quantization_aware(plain, "annotate-conv"))


def test_range_groups_of_cloudnet_share_no_range():
    from pipeline.models.qat import quantization_aware
    from pipeline.models.ranges import range_groups

    twin = quantization_aware(float_network("cloudnet"), "full")
    groups = range_groups(twin)
    owned = [variable.name for group in groups for variable in group.lows]
    assert len(owned) == len(set(owned))
    joins = [layer for layer in twin.layers if type(getattr(layer, "layer", None)).__name__ == "Concatenate"]
    assert len(joins) > 5
    for join in joins:  # every concatenation's own range is in one of the groups
        (low,) = [variable.name for variable in join.weights if variable.name.endswith("output_min:0")]
        assert low in owned


def test_tying_gives_the_union_and_nothing_else_changes():
    from pipeline.models.qat import quantization_aware
    from pipeline.models.ranges import range_groups

    twin = quantization_aware(float_network("early"), "full")
    twin(images(), training=True)
    groups = range_groups(twin)
    owned = {id(variable) for group in groups for variable in (*group.lows, *group.highs)}
    others = {variable.name: variable.numpy() for variable in twin.weights if id(variable) not in owned}
    for group in groups:
        lows, highs = [float(v) for v in group.lows], [float(v) for v in group.highs]
        assert len(set(highs)) > 1  # they learned different ranges
        group.tie()
        assert {float(v) for v in group.lows} == {min(lows)} and {float(v) for v in group.highs} == {max(highs)}
    assert all(np.array_equal(others[v.name], v.numpy()) for v in twin.weights if id(v) not in owned)


@pytest.mark.parametrize("how", ["annotate-conv", "full"])
def test_cloudnet_can_be_trained_quantization_aware(how):
    """Its bridge has a dropout between convolution and batch norm, which TFMOT has no pattern for."""
    from pipeline.models.qat import quantization_aware

    out = quantization_aware(float_network("cloudnet"), how)(images(), training=True)
    assert np.isfinite(out.numpy()).all()
