"""A run folder as the stages leave it, small and made by hand: nothing is trained."""

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from pipeline.report.source import Benchmark, Colours
from pipeline.run import Run

COLOURS = Colours((1, 158, 115), (230, 159, 1), (240, 240, 240), (230, 159, 2), (3, 114, 178), (40, 40, 40))
BENCHMARK = Benchmark("38-Cloud", 20)
SCORES = ("jaccard", "dice", "precision", "recall", "specificity", "accuracy", "fpr")
VARIANTS = {"float32": 0.0, "dynamic": 0.001, "float16": 0.002, "int8": -0.0123}
CONFIG = """name = "try"
task = "cloud"
seed = 7
[model]
name = "early"
filters = 8
qat = "full"
[train]
epochs = 4
float_epochs = 2
loss = "bce-dice"
[data]
size = 64
"""
LOSSES = (0.5, 0.1, 0.4, 0.3, 0.2, 0.6)  # of validation; two float epochs first
KINDS = {"validation": 0.41, "fixed": 12 / 255, "best-per-scene": None}


def make(root: Path, scenes: tuple[str, ...] = ("scene-a", "scene-b"), demo: bool = False, side: int = 60) -> Run:
    """A complete run folder with `scenes`."""
    run = Run(root / "20250101T000000Z-try")
    (run.folder / "train").mkdir(parents=True)
    run.config_file.write_text(CONFIG, encoding="utf-8")
    data = {
        "dataset": "demo" if demo else "38-Cloud",
        "demo": demo,
        "root": "data/x",
        "bands": ["red", "nir"],
        "training_patches": 5,
        "training_scenes": ["t1", "t2"],
        "validation_scenes": [],
    }
    put(run.folder / "data.json", data)
    put(
        run.environment,
        {
            "edgeseg": "0",
            "packages": {"numpy": "1.26.4"},
            "seed": 7,
            "git_commit": "abc123",
            "git_dirty": False,
            "host": {"machine": "x86_64"},
            "image_digests": "",
            "command": ["python", "-m", "pipeline", "train", "a b"],
        },
    )
    lines = ["epoch,phase,loss,val_loss,jaccard,val_jaccard,learning_rate,seconds"]
    for e, loss in enumerate(LOSSES, 1):
        lines.append(f"{e},{'float' if e < 3 else 'qat'},{1 / e},{loss},{e / 8},{e / 9},{10 ** -(2 + e // 3)},61")
    run.history.write_text("\n".join(lines) + "\n", encoding="utf-8")
    put(run.threshold, {"value": 0.41, "f1": 0.8, "precision": 0.75, "recall": 0.85, "low": 0.4, "high": 0.42, "patches": 3})
    run.pr_curve.write_text("threshold,precision,recall,f1\n0,0.5,1,0.66\n0.41,0.75,0.85,0.8\n1,1,0.1,0.2\n", encoding="utf-8")
    put(run.variants, {"model": "0" * 64, "variants": {name: {"bytes": 1572864, "operators": 25} for name in VARIANTS}})
    put(run.analysis, analysis())
    put(run.check, check())
    put(
        run.summary,
        summary(scenes)
        | {
            "data": data,
            "host": {name: 3.25 for name in VARIANTS},
            "cross_check": {"images": 4, "unit": "steps", "largest": 1, "differing": 0.0125, "values": 65536},
        },
    )
    for number, scene in enumerate(scenes):
        pictures(run, scene, side, number)
    return run


def put(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def summary(scenes: tuple[str, ...]) -> dict:
    def row(shift: float) -> dict:
        return {score: 0.8 + number / 100 + shift for number, score in enumerate(SCORES)}

    tables = {}
    for name, shift in VARIANTS.items():
        tables[name] = {}
        for kind, threshold in KINDS.items():
            tables[name][kind] = {
                "threshold": threshold,
                "optimistic": threshold is None,
                "macro": row(shift),
                "micro": row(shift + 0.05),
                "scenes": {scene: {"threshold": threshold or 0.3, **row(shift)} for scene in scenes},
            }
    return {"reference": "float32", "scenes": list(scenes), "variants": tables, "differences": {}}


def pictures(run: Run, scene: str, side: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ["colour/" + scene] + [f"{variant}/{scene}{which}" for variant in VARIANTS for which in ("_overlay", "_difference")]
    for name in names:
        path = run.scenes / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", rng.integers(0, 256, (side, side // 2, 3), np.uint8))[1].tobytes())
    for variant in VARIANTS:
        put(
            run.scenes / variant / f"{scene}.json",
            {
                "scene": scene,
                "height": side,
                "width": side // 2,
                "patches": 6,
                "confusions": {kind: [[60, 10], [10, 20]] for kind in KINDS},
                "milliseconds_per_patch": 3.25,
            },
        )


def analysis() -> dict:
    activation = {
        "operator": "CONV_2D",
        "scale": 0.04,
        "zero_point": -6,
        "low": -1,
        "high": 2,
        "float_low": -1.1,
        "float_high": 2.2,
        "absolute": 0.01,
        "largest": 0.2,
        "relative": 0.1,
        "steps": 0.31,
        "snr_db": 27.8,
    }
    weights = {
        "layer": "head",
        "channels": 1,
        "scale_low": 0.001,
        "scale_high": 0.002,
        "largest": 0.0004,
        "steps": 0.5,
        "bias_largest": 1e-6,
        "bias_scale_off": 1e-8,
    }
    activations = [activation | {"layer": f"layer{i}"} for i in range(11)] + [activation | {"layer": "q", "snr_db": None}]
    return {"patches": 8, "activations": activations, "weights": [weights], "batch_norms": []}


def check() -> dict:
    memory = {
        "parameters": [1000000, 2000000],
        "capacity": [7000000, 8000000],
        "off_chip": [0, 0],
        "macs": 123456789,
        "holds": True,
        "why": "",
    }
    operators = [{"index": 3, "name": "RESIZE", "verdict": "stays on CPU", "status": "unsupported", "remedy": "use another"}]
    return {
        "model": "int8.tflite",
        "compiler": "16.0",
        "summary": "24 of 25 operators map",
        "operator_count": 25,
        "maps": 24,
        "may_not_map": 0,
        "stays_on_cpu": 1,
        "documented_runtime": 13,
        "refused": None,
        "memory": memory,
        "operators": operators,
    }


def curve() -> SimpleNamespace:
    recall = np.linspace(1, 0.1, 30)
    precision = 1 - recall / 2
    f1 = 2 * recall * precision / (recall + precision)
    return SimpleNamespace(threshold=np.linspace(0, 1, 30), recall=recall, precision=precision, f1=f1)
