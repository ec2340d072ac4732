"""The stage `quantize`: four verified TF Lite variants, the Edge TPU check, and the analysis of what int8 lost."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .. import files
from ..config import Config
from ..edgetpu import check as edgetpu
from ..errors import EdgesegError
from ..models import build
from ..models.qat import load, strip
from ..progress import say, track
from ..quantize.analyze import Analysis
from ..quantize.analyze import analyze as compare
from ..quantize.convert import FLOAT_VARIANTS, convert
from ..quantize.verify import facts, verify_int8
from ..run import VARIANTS, Run, sha256
from ..scene.runners import open_runner
from . import cloud
from .training import network

ANALYZED = 8  # patches; the worst layers are the same from a handful on, and TensorFlow's interpreter is slow


def quantize(run: Run, config: Config) -> dict[str, Any]:
    """Convert model.h5 to every variant, each loaded and run before it counts; what variants.json then holds."""
    trained = load(run.need(run.model, "train"))
    task = cloud.Cloud(config)
    run.variants.unlink(missing_ok=True)  # the variants count again when all of them are made
    images = task.representative(config.quantize.batches)
    twin = network(config, len(task.bands), batch=1)
    twin.set_weights(trained.get_weights())
    plain = _float_twin(config, trained)
    table: dict[str, Any] = {}
    for variant in track(VARIANTS, "converting"):
        path = run.variant(variant)
        content = convert(plain if variant in FLOAT_VARIANTS else twin, variant, images)
        with files.complete_file(path) as partial:
            partial.write_bytes(content)
            found = verify_int8(partial, config.model.qat) if variant == "int8" else facts(partial)
            _run_once(partial, images[0])
        table[variant] = asdict(found) | {"file": f"{run.tflite.name}/{path.name}", "sha256": sha256(path)}
        say(f"{path}: {found.bytes / 2**20:.2f} MiB, {found.operators} operators")
    report = edgetpu.check(run.variant("int8"))
    edgetpu.write(report, run.check)
    say(f"Edge TPU check: {report.summary()}")
    result = {"model": sha256(run.model), "variants": table}
    files.write_json(run.variants, result)
    analyze(run, config)
    return result


def analyze(run: Run, config: Config) -> Analysis:
    """Compare int8.tflite with the float network, tensor by tensor, on patches of the training split; keep analysis.json."""
    path = run.need_variant("int8")
    task = cloud.Cloud(config)
    result = compare(path, _float_twin(config, load(run.need(run.model, "train"))), task.representative(ANALYZED))
    files.write_json(run.analysis, result.json())
    return result


def _float_twin(config: Config, trained: tf.keras.Model) -> tf.keras.Model:
    """The batch-1 float network with the trained weights, without fake quantization."""
    return strip(trained, build(config.model, config.data.size, trained.input_shape[-1], cloud.CLASSES, batch=1))


def _run_once(path: Path, image: np.ndarray) -> None:
    output = open_runner(path)(image[None])
    if not np.isfinite(output).all():
        raise EdgesegError(f"{path.name}: gives values that are not finite on a training patch")
