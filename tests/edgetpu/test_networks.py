"""The project's own networks, quantized here, as the check sees them."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.edgetpu.check import check


def quantized(path, how):
    """`early` with few filters, made aware of quantization `how`, as an int8 file."""
    import numpy as np
    import tensorflow as tf

    from pipeline.config import ModelConfig
    from pipeline.models import build
    from pipeline.models.qat import quantization_aware

    tf.keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    network = quantization_aware(build(ModelConfig(name="early", filters=8, qat=how), 32, 4, batch=1), how)
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.random((1, 32, 32, 4), dtype="f4")] for _ in range(2))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())
    return check(path)


@pytest.mark.slow
def test_early_as_annotated_in_the_thesis(tmp_path):
    """Listing 3.1: 53 operators, all mapped; each of the 14 batch norms is left as a MUL and an ADD."""
    report = quantized(tmp_path / "m.tflite", "annotate-conv")
    assert len(report.verdicts) == report.count("maps") == 53 and report.refusal is None
    assert len(report.memory.unfolded_batch_norms) == 14


@pytest.mark.slow
def test_early_with_full(tmp_path):
    report = quantized(tmp_path / "m.tflite", "full")
    assert len(report.verdicts) == report.count("maps") == 25 and report.memory.unfolded_batch_norms == ()
    versions = {(verdict.operator.name, verdict.operator.version) for verdict in report.verdicts}
    assert ("TRANSPOSE_CONV", 3) in versions


def test_no_tensorflow_is_imported():
    code = (
        "import sys; import pipeline.edgetpu.cli, pipeline.edgetpu.show, pipeline.edgetpu.compiler; "
        "from pipeline.edgetpu.check import check; check(sys.argv[1]); "
        "sys.exit(any(name.split('.')[0] in ('tensorflow', 'keras', 'ai_edge_litert') for name in sys.modules))"
    )
    file = Path(__file__).parent / "files" / "transpose_conv_v4.tflite"
    assert subprocess.run([sys.executable, "-c", code, str(file)], cwd=Path(__file__).parents[2], timeout=60).returncode == 0
