"""Training input from the cache: patches a second, and what share of a training step's speed it leaves.

    python -m benchmarks.input [--json]

Patches are the reader's benchmark's, 384 x 384 pixels, cached at 192 x 192 x 4. Epochs are fed to a real training step through the same
loop as in training, in turns with the same step on one batch that is held in memory. The page cache holds all files.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.config import AugmentConfig, load
from pipeline.data.bands import BANDS
from pipeline.data.batches import Batches
from pipeline.data.cache import Key
from pipeline.data.cache_build import provide

from .reader import BATCH, SIZE, make_files, seconds

PATCHES, ROUNDS, STEPS, LONG = 256, 7, 4, 30.0  # LONG: seconds after which a network's rounds end, three at least
AIM = {"patches_per_second": 2000.0, "share_of_step": 0.9}
AUGMENTATION = {
    "as they are": None,
    "flips and quarter turns": AugmentConfig(),
    "and brightness and contrast": AugmentConfig(brightness=0.02, contrast=0.1),
}


def epochs(batches: Batches) -> Callable[[], None]:
    """Read an epoch, another one each time."""
    numbers = iter(range(10**6))

    def epoch() -> None:
        for images, _, _ in batches.epoch(next(numbers)):
            assert images.shape[1:] == (SIZE, SIZE, len(BANDS))

    return epoch


def training_step(network: str) -> Callable[..., Any]:
    """One step of `network` with its default config, in quantization-aware training."""
    import tensorflow as tf

    from pipeline.models.losses import loss
    from pipeline.tasks import cloud
    from pipeline.tasks.training import network as build
    from pipeline.train.distribute import strategy
    from pipeline.train.step import Stepper

    tf.config.set_visible_devices([], "GPU")
    config = load(None, f"model.name={network} data.size={SIZE} train.batch={BATCH}")
    stepper = Stepper(strategy("none"), build(config, len(BANDS)), tf.keras.optimizers.Adam(1e-4), loss(config.train.loss), cloud.metric())
    return stepper.train


def fed(step: Callable[..., Any], batches: Batches) -> dict[str, float]:
    """Milliseconds a step, fed from the cache and from memory (medians of interleaved rounds), and their ratio."""
    held = next(batches.epoch(0))
    step(held[0], held[1], BATCH)  # compiles
    times: dict[str, list[float]] = {"cache": [], "memory": []}
    began = time.perf_counter()
    while len(times["memory"]) < 3 or time.perf_counter() - began < LONG:
        stream = batches.epoch(len(times["memory"]))
        for source in ("cache", "memory"):
            start = time.perf_counter()
            for _ in range(STEPS):
                images, masks, _ = next(stream) if source == "cache" else held
                step(images, masks, BATCH)
            times[source].append((time.perf_counter() - start) / STEPS * 1e3)
            if source == "cache":
                stream.close()  # so that nobody reads ahead while the other is measured
    cached, memory = (statistics.median(times[source]) for source in ("cache", "memory"))
    return {"rounds": len(times["memory"]), "cache_ms": cached, "memory_ms": memory, "share": memory / cached}


def run(networks: tuple[str, ...] = ("edge", "early")) -> dict[str, Any]:
    """Build a cache, read it, train from it; the aims and whether they held."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_files(Path(folder) / "data", PATCHES)
        patches = dataset.listed("train")
        key = Key(dataset, tuple(patches), BANDS, SIZE)
        start = time.perf_counter()
        source = provide(Path(folder) / "cache", key)
        build_seconds = time.perf_counter() - start
        if source is None:
            raise AssertionError("there is no room for the cache of this benchmark")
        reading = {name: Batches(source, patches, BATCH, options=options) for name, options in AUGMENTATION.items()}
        works = {name: epochs(batches) for name, batches in reading.items()}
        turns = [{name: seconds(work) for name, work in works.items()} for _ in range(ROUNDS)]
        rates = {name: PATCHES / statistics.median(turn[name] for turn in turns[1:]) for name in works}
        steps = {name: fed(training_step(name), reading["flips and quarter turns"]) for name in networks}
    rate, share = rates["flips and quarter turns"], steps[networks[0]]["share"]  # of the quickest step, the hardest to keep up with
    return {
        "patches": PATCHES,
        "processors": os.cpu_count(),
        "megabytes": sum(key.lengths.values()) / 1e6,
        "build_seconds": build_seconds,
        "patches_per_second": rates,
        "steps": steps,
        "aim": AIM,
        "held": rate >= AIM["patches_per_second"] and share >= AIM["share_of_step"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    as_json = parser.parse_args().json
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    figures = run()
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{PATCHES} patches, {figures['megabytes']:.0f} MB, built in {figures['build_seconds']:.2f} s")
    for name, rate in figures["patches_per_second"].items():
        print(f"  {name:30} {rate:8.0f} patches/s")
    for name, step in figures["steps"].items():
        print(f"  {name:8} {step['cache_ms']:8.1f} ms a step of {BATCH}, {step['memory_ms']:8.1f} from memory: {step['share']:.2f}")
    print(f"aim: {figures['aim']}: {'held' if figures['held'] else 'missed'}")


if __name__ == "__main__":
    main()
