"""The networks: the thesis's figures, any size and bands, batch 1, and operations as TF Lite's converter counts them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import ModelConfig, load
from pipeline.errors import UsageError
from pipeline.models import DEPTH, build

ROOT = Path(__file__).resolve().parents[2]
BANDS = {"rgb": 3, "rgbn": 4}


def conv(kernel: int, come: int, go: int, normed: bool = True) -> int:
    """Parameters of one convolution with bias, and of the batch norm behind it."""
    return kernel * kernel * come * go + go + (2 * go if normed else 0)


def early_parameters(bands: int, base: int = 32) -> int:
    total, come = 0, bands
    for level in range(4):
        total, come = total + conv(3, come, base << level) + conv(3, base << level, base << level), base << level
    for level in (2, 1, 0):
        width = base << level
        total += conv(2, 2 * width, width, normed=False) + conv(3, 2 * width, width) + conv(3, width, width)
    return total + conv(1, base, 1, normed=False)


def improved_parameters(bands: int, base: int = 32) -> int:
    total, come = conv(3, bands, base // 2, normed=False), base // 2
    for level in range(4):
        total, come = total + conv(3, come, base << level) + conv(3, base << level, base << level), base << level
    deep = 13 * base
    total += conv(3, come, deep) + conv(3, deep, deep) + conv(1, come, deep)
    come = deep
    for level in (3, 2, 1, 0):
        width = base << level
        total, come = total + conv(2, come, width, normed=False) + conv(3, 2 * width, width), width
    return total + conv(3, base, base) + conv(1, base, 1, normed=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "millions", "count"),
    [
        ("early", 1.93, early_parameters),
        ("improved-1", 5.98, improved_parameters),
        ("improved-2", 5.98, improved_parameters),
        ("improved-3", 5.98, improved_parameters),
        ("improved-4", 5.98, improved_parameters),
    ],
)
def test_parameters_of_the_five_configurations(name, millions, count):
    from pipeline.models.cost import cost

    config = load(ROOT / "configs" / f"{name}.toml")
    bands = BANDS[config.data.bands]
    found = cost(build(config.model, config.data.size, bands)).parameters
    assert found == count(bands)
    assert found == pytest.approx(millions * 1e6, abs=0.005e6)


@pytest.mark.slow
def test_parameters_of_cloudnet():
    from pipeline.models.cost import cost

    config = load(ROOT / "configs" / "cloudnet.toml")
    assert cost(build(config.model, config.data.size, 4)).parameters == pytest.approx(36.4e6, abs=0.1e6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "bands", "classes"),
    [("simple", 10, 1, 1), ("simple", 18, 7, 4), ("early", 24, 3, 1), ("early", 40, 5, 3), ("improved", 48, 4, 1), ("cloudnet", 32, 2, 2)],
)
def test_any_size_and_bands(name, size, bands, classes):
    model = build(ModelConfig(name=name, filters=4), size, bands, classes)
    out = model(np.random.default_rng(0).random((2, size, size, bands), np.float32), training=False).numpy()
    assert out.shape == (2, size, size, classes) and out.dtype == np.float32
    assert out.min() >= 0 and out.max() <= 1
    if classes > 1:
        assert np.allclose(out.sum(-1), 1, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(DEPTH))
def test_batch_norms_come_before_their_relu(name):
    import tensorflow as tf

    model = build(ModelConfig(name=name, filters=4), 64, 4, batch=1)
    assert model.input_shape == (1, 64, 64, 4) and model.output_shape == (1, 64, 64, 1)
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            assert all(isinstance(node.layer, tf.keras.layers.ReLU) for node in layer.outbound_nodes)


@pytest.mark.parametrize(("name", "size", "near"), [("simple", 9, 8), ("early", 50, 48), ("improved", 5, 16), ("cloudnet", 190, 192)])
def test_other_sizes_are_refused_with_one_that_would_do(name, size, near):
    with pytest.raises(UsageError, match=rf"data\.size={size}.* {near}$"):
        build(ModelConfig(name=name), size, 3)


COUNT = """
import json, re, sys, tempfile, os
import numpy as np
import tensorflow as tf
from pipeline.config import ModelConfig
from pipeline.models import build
from pipeline.models.cost import cost
from pipeline.models.qat import quantization_aware

def printed(model, int8):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if int8:
        image = np.random.default_rng(0).random((1, *model.input_shape[1:]), np.float32)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: iter([[image]])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        converter.convert()
        os.dup2(kept, 2)
        log.seek(0)
        text = log.read().decode()
    value, unit = re.findall(r"Estimated count of arithmetic ops: ([0-9.]+) ?([GMk]?)", text)[-1]
    return float(value) * {"G": 1e9, "M": 1e6, "k": 1e3, "": 1}[unit]

rows = []
for name in ("early", "improved", "edge"):
    plain = build(ModelConfig(name=name, filters=8), 32, 4, batch=1)
    for how in ("folded", "full") if name == "edge" else ("folded", "annotate-conv"):
        model = plain if how == "folded" else quantization_aware(plain, how)
        rows.append([name, how, printed(model, how != "folded"), cost(plain, folded=how != "annotate-conv").operations])
print(json.dumps(rows))
"""


@pytest.mark.slow
def test_operations_are_those_that_the_converter_counts():
    # its own process: TensorFlow reads how much it may print only once
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", COUNT], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads(re.findall(r"^\[\[.*$", done.stdout, re.M)[-1])
    assert len(rows) == 6
    for name, how, converter, counted in rows:
        assert counted == pytest.approx(converter, rel=1e-3), (name, how)
