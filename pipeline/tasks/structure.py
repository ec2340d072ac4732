"""What a network is before anything is trained: its parameters, its work, its place in the Edge TPU's memory, its time on this machine."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config
from ..data.bands import parse_bands

RUNS = 30  # of which the median counts; a few more go before, while caches and clocks settle
WARM_UP = 5


def structure(config: Config) -> dict[str, Any]:
    """Facts of the int8 file that `config`'s network with fresh weights becomes; none of them depends on what the weights are.

    Operations are counted as in `cost.py`, bytes are the Edge TPU check's, `milliseconds` the median time of one patch here, on all
    processors. Raises EdgesegError where the file is not what `verify_int8` wants.
    """
    from ..edgetpu.check import check
    from ..models import build
    from ..models.cost import cost
    from ..quantize.verify import verify_int8
    from . import cloud

    size, bands = config.data.size, len(parse_bands(config.data.bands))
    found = cost(build(config.model, size, bands, cloud.CLASSES, batch=1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.tflite"
        path.write_bytes(int8_file(config))
        facts, report = verify_int8(path, config.model.qat), check(path)
        milliseconds = _milliseconds(path, _ramp(size, bands))
    return {
        "model": config.model.name,
        "size": size,
        "bands": bands,
        "parameters": found.parameters,
        "operations": found.operations,
        "operators": facts.operators,
        "maps": report.count("maps"),
        "on_chip_bytes": report.memory.parameters,
        "off_chip_bytes": report.memory.off_chip,
        "largest_activation_bytes": report.memory.largest_activation,
        "working_set_bytes": report.memory.largest_working_set,
        "milliseconds": milliseconds,
    }


def int8_file(config: Config) -> bytes:
    """The int8 file of `config`'s network with fresh weights."""
    from ..models import build
    from ..models.qat import quantization_aware
    from ..quantize.convert import convert
    from . import cloud

    size, bands = config.data.size, len(parse_bands(config.data.bands))
    plain = build(config.model, size, bands, cloud.CLASSES, batch=1)
    return convert(quantization_aware(plain, config.model.qat), "int8", [_ramp(size, bands)])


def _ramp(size: int, bands: int) -> np.ndarray:
    """An image (S, S, C) that holds every value from 0 to 1."""
    return np.linspace(0, 1, size * size * bands, dtype=np.float32).reshape(size, size, bands)


def _milliseconds(path: Path, image: np.ndarray) -> float:
    """Median time of one patch."""
    from ..scene.runners import open_runner

    runner, times = open_runner(path), []
    for _ in range(WARM_UP + RUNS):
        started = time.perf_counter()
        runner(image[None])
        times.append(time.perf_counter() - started)
    return round(1000 * statistics.median(times[WARM_UP:]), 3)
