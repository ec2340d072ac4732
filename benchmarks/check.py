"""The Edge TPU check: seconds of work on a 6-million-parameter model, and of imports beside those an interpreter would need."""

import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = "import pipeline.edgetpu.cli, pipeline.edgetpu.show, pipeline.edgetpu.compiler, tflite, flatbuffers.flexbuffers"


def model(parameters: int) -> bytes:
    """A chain of 3x3 convolutions, 256 wide at 32 x 32, with at least this many weights."""
    spec = importlib.util.spec_from_file_location("builder", ROOT / "tests" / "edgetpu" / "builder.py")
    builder = importlib.util.module_from_spec(spec)
    sys.modules["builder"] = builder
    spec.loader.exec_module(builder)
    tensors, ops = [builder.T((1, 32, 32, 256))], []
    while sum(len(t.data or b"") for t in tensors) < parameters:
        at = len(tensors)
        tensors += [*builder.conv(256, 256, 3), builder.T((1, 32, 32, 256))]
        ops.append(builder.Op("CONV_2D", [at - 1, at, at + 1], [at + 2], 3))
    return builder.model(tensors, ops)


def seconds_of(code: str) -> float:
    """Seconds a fresh interpreter takes for `code`, less those of an empty one; the best of three."""

    def best(text: str) -> float:
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True, capture_output=True)
            times.append(time.perf_counter() - begin)
        return min(times)

    return max(1e-3, best(code) - best("pass"))


def run() -> dict:
    """Seconds and ratios; `held`: a second of work and a second of imports at the most."""
    from pipeline.edgetpu.check import check

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model(6_000_000))
        size = path.stat().st_size
        check(path)  # the first call imports the schema
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            report = check(path)
            times.append(time.perf_counter() - begin)
    ours, theirs = seconds_of(IMPORTS), seconds_of("import tensorflow")
    print(f"  check of {size / 1e6:.1f} MB, {len(report.verdicts)} operators: {min(times):.4f} s of work")
    print(f"  imports: {ours:.2f} s, TensorFlow alone {theirs:.2f} s: {theirs / ours:.1f} times as long")
    return {
        "model_bytes": size,
        "operators": len(report.verdicts),
        "check_seconds": round(min(times), 4),
        "import_seconds": round(ours, 3),
        "tensorflow_import_seconds": round(theirs, 3),
        "import_ratio": round(theirs / ours, 1),
        "aim": {"check_seconds": 1, "import_seconds": 1},
        "held": min(times) < 1 and ours < 1,
    }


if __name__ == "__main__":
    sys.exit(0 if run()["held"] else 1)
