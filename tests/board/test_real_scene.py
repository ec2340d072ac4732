"""Two real scenes there and back: packed, run by the board's program on this machine, taken back and scored."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.shared, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
SMALL = "train.epochs=12 model.filters=8 data.size=128 quantize.batches=16"


def pipeline(cwd, *arguments):
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    return done


def test_there_and_back(native, shared, tmp_path, measured):
    """What the board's program makes differs from this machine's LiteRT only where a probability is near the threshold."""
    data = shared / "data" / "l8biome38"
    pipeline(tmp_path, "demo", "--config", ROOT / "configs" / "l8biome.toml", "--data", data, "--set", SMALL)
    (run,) = (tmp_path / "runs").iterdir()
    packed = json.loads(pipeline(tmp_path, "board", "pack", "--out", "packed", "--json").stdout)
    threshold = json.loads((run / "threshold.json").read_text())["value"]
    for scene in packed["scenes"]:
        back = tmp_path / "back" / scene["id"]
        back.mkdir(parents=True)
        how = ["--threshold", repr(threshold), "--crop", "{}x{}".format(*scene["crop"])]
        done = native.run("inference", "--model", run / "tflite" / "int8.tflite", "--scene", tmp_path / scene["folder"], "--out",
                          back / "results", "--json", back / "report.json", "--stitch", back / "mask.png", *how)  # fmt: skip
        assert done.returncode == 0, done.stderr
        taken = json.loads(pipeline(tmp_path, "board", "take", "--scene", scene["id"], "--from", back, "--json").stdout)
        differing, pixels = taken["int8"]["differing"], taken["int8"]["pixels"]
        measured(f"{scene['id']}: {differing} of {pixels} pixels ({differing / pixels:.3%}) differ from the host's int8 mask")
        assert differing <= 0.01 * pixels
    section = json.loads((run / "evaluation" / "summary.json").read_text())["board"]
    jaccard = {name: table["validation"]["macro"]["jaccard"] for name, table in section["variants"].items()}
    measured(f"macro Jaccard: {jaccard}")
    assert len(section["scenes"]) == 2 and abs(jaccard["board"] - jaccard["int8"]) < 0.01
    assert "On the board" in (run / "report.html").read_text()
