"""The stage `quantize`: four verified TF Lite variants, the Edge TPU check, and the analysis of what int8 lost."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .. import files
from ..edgetpu import check as edgetpu
from ..errors import EdgesegError
from ..models import build
from ..models.qat import load, strip
from ..progress import say
from ..quantize.analyze import Analysis
from ..quantize.analyze import analyze as compare
from ..quantize.convert import FLOAT_VARIANTS, convert
from ..quantize.verify import facts, verify_int8
from ..run import VARIANTS, Run, sha256
from ..scene.runners import open_runner
from . import cloud
from .training import network

ANALYZED = 8  # patches; the worst layers are the same from a handful on, and TensorFlow's interpreter is slow


def quantize(run: Run) -> None:
    """Convert model.h5 to every variant; each is loaded and run before it counts."""
    config = run.config()
    trained = load(run.need(run.model, "train"))
    task = cloud.Cloud(config)
    images = task.representative(config.quantize.batches)
    twin = network(config, len(task.bands), batch=1)
    twin.set_weights(trained.get_weights())
    plain = _float_twin(run, trained)
    table: dict[str, Any] = {}
    for variant in VARIANTS:
        path = run.variant(variant)
        content = convert(plain if variant in FLOAT_VARIANTS else twin, variant, images)
        with files.complete_file(path) as partial:
            partial.write_bytes(content)
            found = verify_int8(partial, config.model.qat) if variant == "int8" else facts(partial)
            _run_once(partial, images[0])
        table[variant] = asdict(found) | {"file": f"{run.tflite.name}/{path.name}", "sha256": sha256(path)}
        say(f"{path}: {found.bytes / 2**20:.2f} MiB, {found.operators} operators")
    files.write_json(run.variants, table)
    report = edgetpu.check(run.variant("int8"))
    edgetpu.write(report, run.check)
    analyze(run)


def analyze(run: Run) -> Analysis:
    """Compare int8.tflite with the float network, tensor by tensor, on patches of the training split; keep analysis.json."""
    config = run.config()
    path = run.need(run.variant("int8"), "quantize")
    task = cloud.Cloud(config)
    result = compare(path, _float_twin(run, load(run.need(run.model, "train"))), task.representative(ANALYZED))
    files.write_json(run.analysis, result.json())
    return result


def _float_twin(run: Run, trained: tf.keras.Model) -> tf.keras.Model:
    """The batch-1 float network with the trained weights, without fake quantization."""
    config = run.config()
    return strip(trained, build(config.model, config.data.size, trained.input_shape[-1], cloud.CLASSES, batch=1))


def _run_once(path: Path, image: np.ndarray) -> None:
    output = open_runner(path)(image[None])
    if not np.isfinite(output).all():
        raise EdgesegError(f"{path.name}: gives values that are not finite on a training patch")
