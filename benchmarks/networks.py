"""`edge` beside `improved`: the work of a patch, the Edge TPU's memory by the check, and one patch's int8 time here, on one processor.

    python -m benchmarks.networks

Weights are fresh, since none of these figures depends on them; masks are compared by `make models-table CONFIG=...`.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

EDGE, OTHER, ROUNDS = "edge-m", "improved-3", 60
LARGE = 384  # the side of 38-Cloud's patches
AIM = {"operations": 0.3e9, "off_chip_bytes": 0, "largest_activation_bytes": 3 * 2**20}


def run() -> dict:
    """Both networks' figures and their ratios; `held`: every operator of `edge` maps, and it keeps to the aims at 192 and at 384."""
    from pipeline.config import load
    from pipeline.scene.runners import open_runner
    from pipeline.tasks.family import config_of
    from pipeline.tasks.structure import int8_file, structure

    configs = {name: config_of(name) for name in (EDGE, OTHER)}
    facts = {name: structure(config) for name, config in configs.items()}
    large = structure(load(Path("configs") / f"{EDGE}.toml", f"data.size={LARGE}"))
    with tempfile.TemporaryDirectory() as folder:
        runners = {}
        for name, config in configs.items():
            path = Path(folder) / f"{name}.tflite"
            path.write_bytes(int8_file(config))
            runners[name] = open_runner(path, threads=1)
        patch = np.random.default_rng(0).random((1, runners[EDGE].size, runners[EDGE].size, runners[EDGE].bands), np.float32)
        turns = [{name: _milliseconds(runner, patch) for name, runner in runners.items()} for _ in range(ROUNDS)]
    times = {name: statistics.median(turn[name] for turn in turns[5:]) for name in configs}  # the first ones warm up
    ours = facts[EDGE]
    fits = all(each["off_chip_bytes"][1] <= AIM["off_chip_bytes"] and each["maps"] == each["operators"] for each in (ours, large))
    return {
        **{f"{name}_{key}": value for name, each in facts.items() for key, value in each.items() if key in SHOWN},
        f"{EDGE}_at_{LARGE}_largest_activation_bytes": large["largest_activation_bytes"],
        f"{EDGE}_at_{LARGE}_off_chip_bytes": large["off_chip_bytes"],
        **{f"{name}_one_processor_ms": round(value, 2) for name, value in times.items()},
        "time_ratio": round(times[EDGE] / times[OTHER], 3),
        "operations_ratio": round(ours["operations"] / facts[OTHER]["operations"], 4),
        "aim": AIM,
        "held": fits
        and ours["operations"] <= AIM["operations"]
        and all(each["largest_activation_bytes"] <= AIM["largest_activation_bytes"] for each in (ours, large)),
    }


SHOWN = ("parameters", "operations", "operators", "maps", "on_chip_bytes", "off_chip_bytes", "largest_activation_bytes")


def _milliseconds(runner, patch: np.ndarray) -> float:
    started = time.perf_counter()
    runner(patch)
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
