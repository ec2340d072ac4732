"""One training step of `improved` with quantization-aware training: as edgeseg trains it, and annotated as the thesis did.

    python -m benchmarks.step

Each is a process of its own, since TensorFlow chooses its kernels when it is imported; the steps are taken in turn, so that a busy moment
of the machine meets all of them. `thesis` is TFMOT on annotated convolutions with TensorFlow's own settings; `thesis_onednn` the same with
the kernels that edgeseg asks for; `float_onednn` the network without any fake quantization, below which no quantization-aware step can get.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NETWORK, BATCH, SIZE, BANDS, ROUNDS = "improved", 8, 192, 4, 7
CASES = {  # name: (annotation, edgeseg's own gradient, oneDNN)
    "edgeseg": ("full", True, True),
    "thesis": ("annotate-conv", False, False),
    "thesis_onednn": ("annotate-conv", False, True),
    "float_onednn": ("none", False, True),
}
AIM = 0.8


def run() -> dict:
    """Median seconds a step of each case, and the ratios of the medians; `held` is edgeseg / thesis against the aim."""
    workers = {name: _start(name) for name in CASES}
    try:
        for worker in workers.values():
            _step(worker)  # traces and warms up
        rounds = [{name: _step(worker) for name, worker in workers.items()} for _ in range(ROUNDS)]
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()
    seconds = {name: statistics.median(each[name] for each in rounds) for name in CASES}
    ratio = seconds["edgeseg"] / seconds["thesis"]
    return {
        "network": f"{NETWORK}, batches of {BATCH} x {SIZE} x {SIZE} x {BANDS}",
        "rounds": ROUNDS,
        **{f"{name}_seconds": round(value, 3) for name, value in seconds.items()},
        "edgeseg_of_thesis": round(ratio, 3),
        "edgeseg_of_thesis_rounds": [round(each["edgeseg"] / each["thesis"], 2) for each in rounds],
        "edgeseg_of_thesis_onednn": round(seconds["edgeseg"] / seconds["thesis_onednn"], 3),
        "edgeseg_of_float_onednn": round(seconds["edgeseg"] / seconds["float_onednn"], 3),
        "aim": AIM,
        "held": ratio <= AIM,
    }


def _start(name: str) -> subprocess.Popen:
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if CASES[name][2]:
        environment["TF_ENABLE_ONEDNN_OPTS"] = "1"
    command = [sys.executable, "-m", "benchmarks.step", name]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _step(worker: subprocess.Popen) -> float:
    worker.stdin.write("step\n")
    worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError(f"{' '.join(worker.args)} ended")
    return float(line)


def serve(name: str) -> None:
    """Take one training step for each line of standard input, and print its seconds."""
    import numpy as np
    import tensorflow as tf

    from pipeline.config import ModelConfig
    from pipeline.models import build
    from pipeline.models.losses import loss
    from pipeline.models.qat import quantization_aware
    from pipeline.models.ranges import Ranges
    from pipeline.models.straight_through import cheapen
    from pipeline.tasks.cloud import metric
    from pipeline.train.distribute import strategy
    from pipeline.train.step import Stepper

    annotation, ours, _ = CASES[name]
    model = quantization_aware(build(ModelConfig(name=NETWORK), SIZE, BANDS), annotation)
    if ours:
        cheapen(model)
    ranges = Ranges(model)
    stepper = Stepper(strategy("none"), model, tf.keras.optimizers.Adam(1e-3), loss("bce-dice"), metric())
    rng = np.random.default_rng(0)
    images = rng.random((BATCH, SIZE, SIZE, BANDS), np.float32)
    masks = (images[..., :1] > 0.5).astype(np.float32)
    for _ in sys.stdin:
        started = time.perf_counter()
        stepper.train(images, masks, BATCH)
        if ours:
            ranges.tie()
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1]) if len(sys.argv) > 1 else print(json.dumps(run(), indent=2))
