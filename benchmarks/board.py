"""What the board's programs cost beside the model: `python -m benchmarks.board`, or `run()` for a collection of benchmarks."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
INVOKE_MS = 20  # what the stand-in for the Edge TPU takes; MobileNet v2 takes 18.6 ms on the Dev Board Mini
SCENE = (23, 23, 384, 192, 4)  # rows, columns, side of a patch, side of the model, bands: the largest scene of 38-Cloud


def run() -> dict:
    """Both measurements of this module, as {"inference": {...}, "stitch": {...}}; each holds its ratio and its aim."""
    from orchestrate import device_build

    folder = device_build.build("native")
    tests = device_build.compile_programs("native", ["fake_edgetpu", "plain_stitch"])
    with tempfile.TemporaryDirectory() as work:
        return {"inference": outside_invoke(folder, tests, Path(work)), "stitch": stitching(folder, tests, Path(work))}


def outside_invoke(folder: Path, tests: Path, work: Path) -> dict:
    """Time a patch takes beyond its Invoke, pipelined, and what reading, preparing and writing it take by themselves, in milliseconds."""
    sys.path.insert(0, str(ROOT / "tests" / "cpp"))
    from board_models import Tensor, write
    from board_scenes import write_scene

    _, _, side, size, bands = SCENE
    rows, columns = 8, 12
    patches = np.random.default_rng(0).integers(0, 65536, (rows, columns, side, side, bands), dtype=np.uint16)
    scene = write_scene(work / "scene", patches)
    model = write(work / "m.tflite", [Tensor((1, size, size, bands))], [Tensor((1, size, size, 1))])
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tests / "fake"), "FAKE_EDGETPU": f"slow={INVOKE_MS}"}
    command = [folder / "inference", "--model", model, "--scene", scene, "--out", work / "out", "--json", "-"]
    report = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    count = report["run"]
    times = report["milliseconds"]
    wait = (times["wait"]["total"] - times["wait"]["first"]) / (count - 1)  # the first one is the filling of the pipeline
    alone = sum(times[stage]["total"] for stage in ("read", "prepare", "write")) / count
    return {
        "patches": count,
        "invoke_ms": times["invoke"]["total"] / count,
        "outside_invoke_ms": wait,
        "outside_invoke_median_ms": times["wait"]["median"],
        "one_after_the_other_ms": alone,
        "start_and_end_ms": report["wall_ms"] - times["invoke"]["total"] - wait * (count - 1),
        "share": wait / INVOKE_MS,
        "aim": 0.02,
        "held": wait / INVOKE_MS <= 0.02,
    }


def stitching(folder: Path, tests: Path, work: Path) -> dict:
    """`stitch` against a stitcher that holds the scene as float32: time and peak memory of each (best of three), and the ratios."""
    from board_scenes import patch_file

    rows, columns, side, size, _ = SCENE
    results = work / "results"
    results.mkdir()
    about = {
        "id": "BIG",
        "rows": rows,
        "columns": columns,
        "patch_size": size,
        "source_patch_size": side,
        "bands": 1,
        "dtype": "int8",
        "scale": 1 / 256,
        "zero_point": -128,
    }
    (results / "scene.json").write_text(json.dumps(about))
    for position in range(rows * columns):
        _cloudy(size, position).tofile(results / patch_file(position, columns, "BIG"))
    ours, plain = [], []
    for _ in range(3):  # in turn, so that a busy moment of the machine meets both
        ours.append(_measure([folder / "stitch", "--in", results, "--out", work / "a.png", "--threshold", "0.41"]))
        plain.append(_measure([tests / "tests" / "plain_stitch", results, work / "b.png", "0.41"]))
    if (work / "a.png").read_bytes() != (work / "b.png").read_bytes():
        raise AssertionError("the two stitchers do not agree")
    (seconds, peak), (plain_seconds, plain_peak) = ([min(column) for column in zip(*both, strict=True)] for both in (ours, plain))
    return {
        "patches": rows * columns,
        "seconds": seconds,
        "plain_seconds": plain_seconds,
        "peak_mb": peak,
        "plain_peak_mb": plain_peak,
        "memory_ratio": peak / plain_peak,
        "time_ratio": seconds / plain_seconds,
        "aim": {"memory_ratio": 0.1, "time_ratio": 1.0},
        "held": peak / plain_peak <= 0.1 and seconds < plain_seconds,
    }


def _cloudy(side: int, seed: int) -> np.ndarray:
    """int8 probabilities with soft round blobs: a mask of noise would measure the PNG's worst case, a flat one its best."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    field = sum(np.exp(-((x - rng.uniform(0, side)) ** 2 + (y - rng.uniform(0, side)) ** 2) / rng.uniform(100, 3000)) for _ in range(6))
    return np.clip(field * 255 - 128 + rng.normal(0, 4, field.shape), -128, 127).astype(np.int8)


def _measure(command: list) -> tuple[float, float]:
    """(seconds, peak resident megabytes) of a process. The peak is read while it runs: wait4's would count this Python's own pages."""
    begin, peak = time.perf_counter(), 0
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
    name = Path(command[0]).name[:15]
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            continue
        if status.split()[1] == name and "VmHWM" in status:  # not before exec
            peak = max(peak, int(status.split("VmHWM:")[1].split()[0]))
        time.sleep(0.002)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - begin, peak / 1024


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
