"""`edge` before it is trained: it maps, it fits, it keeps to its budget, and quantization-aware training folds it whole."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.config import ModelConfig, load

ROOT = Path(__file__).resolve().parents[2]
SIZES = ("edge-s", "edge-m", "edge-l")
BUDGET = 0.3e9  # operations at 192 x 192 x 4 in the default size


def operations(config: ModelConfig, size: int = 192) -> int:
    from pipeline.models import build
    from pipeline.models.cost import cost

    return cost(build(config, size, 4, batch=1)).operations


def converted(config: ModelConfig, size: int, path: Path) -> Path:
    """The int8 file of fresh weights after one batch of ranges."""
    from pipeline.models import build
    from pipeline.models.qat import quantization_aware
    from pipeline.models.ranges import Ranges
    from pipeline.quantize.convert import convert

    image = np.random.default_rng(3).random((size, size, 4), np.float32)
    twin = quantization_aware(build(config, size, 4, batch=1), "full")
    twin(image[None], training=True)
    ranges = Ranges(twin)
    ranges.tie()
    ranges.refresh_weights()
    path.write_bytes(convert(twin, "int8", [image]))
    return path


def test_the_default_size_is_the_one_that_comes_as_edge_m():
    assert load(ROOT / "configs" / "edge-m.toml").model == ModelConfig(name="edge")


@pytest.mark.slow
def test_the_family_grows_and_the_default_keeps_to_the_budget():
    small, default, large = (operations(load(ROOT / "configs" / f"{name}.toml").model) for name in SIZES)
    assert small < default <= BUDGET < large


@pytest.mark.slow
@pytest.mark.parametrize(("size", "bands", "classes", "filters"), [(32, 4, 1, 4), (48, 3, 5, 10), (64, 7, 2, 16)])
def test_shapes_and_probabilities(size, bands, classes, filters):
    from pipeline.models import build

    model = build(ModelConfig(name="edge", filters=filters, depth=1), size, bands, classes)
    out = model(np.random.default_rng(0).random((2, size, size, bands), np.float32), training=False).numpy()
    assert out.shape == (2, size, size, classes) and out.dtype == np.float32
    assert out.min() >= 0 and out.max() <= 1
    if classes > 1:
        assert np.allclose(out.sum(-1), 1, atol=1e-5)


@pytest.mark.slow
def test_every_width_is_one_that_the_chip_does_not_pad():
    from pipeline.models import build

    for filters in (4, 10, 22, 32):
        channels = {layer.output_shape[-1] for layer in build(ModelConfig(name="edge", filters=filters), 32, 4).layers[1:-1]}
        assert all(count % 4 == 0 for count in channels), (filters, channels)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_network():
    import tensorflow as tf

    from pipeline.models import build

    def outputs() -> np.ndarray:
        tf.keras.utils.set_random_seed(11)
        model = build(ModelConfig(name="edge", filters=8), 32, 4)
        return model(np.full((1, 32, 32, 4), 0.3, np.float32), training=False).numpy()

    assert np.array_equal(outputs(), outputs())


@pytest.mark.slow
@pytest.mark.parametrize("classes", [1, 4])
def test_batch_norms_follow_convolutions_so_that_all_of_them_fold(classes):
    import tensorflow as tf

    from pipeline.models import build

    for layer in build(ModelConfig(name="edge", filters=8), 32, 4, classes).layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            before = layer.inbound_nodes[0].inbound_layers
            assert isinstance(before, (tf.keras.layers.Conv2D, tf.keras.layers.DepthwiseConv2D)) and not before.use_bias


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size", "most"), [*((name, 192, 1 << 20) for name in SIZES), ("edge-m", 384, 3 << 20)])
def test_everything_maps_and_fits(name, size, most, tmp_path):
    from pipeline.edgetpu.check import check, hold
    from pipeline.quantize.verify import verify_int8

    config = load(ROOT / "configs" / f"{name}.toml").model
    path = converted(config, size, tmp_path / "int8.tflite")
    facts = verify_int8(path, "full")  # all int8, no MUL or ADD of a batch norm, no QUANTIZE, TRANSPOSE_CONV 3 at most
    assert facts.by_name["DEPTHWISE_CONV_2D"] == facts.by_name["TRANSPOSE_CONV"] == facts.by_name["MAX_POOL_2D"] == 4
    report = check(path)
    hold(report, {"mapped": 100, "offchip": 0})
    assert report.refusal is None and report.count("maps") == facts.operators
    assert report.memory.largest_activation <= most


@pytest.mark.slow
def test_the_ranges_of_a_join_are_one():
    from pipeline.models import build
    from pipeline.models.qat import quantization_aware
    from pipeline.models.ranges import range_groups

    twin = quantization_aware(build(ModelConfig(name="edge", filters=8), 32, 4), "full")
    twin(np.random.default_rng(2).random((2, 32, 32, 4), np.float32), training=True)
    groups = range_groups(twin)
    assert len(groups) == 4 and all(len(group.lows) == 3 for group in groups)  # each decoder level: skip, what is enlarged, the join
    for group in groups:
        group.tie()
        assert len({float(low) for low in group.lows}) == len({float(high) for high in group.highs}) == 1
