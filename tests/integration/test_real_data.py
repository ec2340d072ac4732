"""The chain on real Landsat 8 pixels: 23 training chips, two test scenes. It shows that the chain works, not what 38-Cloud would give."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.shared, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]


def test_early_in_four_bands_on_real_chips(shared, tmp_path, measured):
    """Macro Jaccard of at least 0.80, and int8 at most 0.02 from float; everything cloud would score (0.394 + 0.806) / 2."""
    data = shared / "data" / "l8biome38"
    command = [sys.executable, "-m", "pipeline", "demo", "--config", str(ROOT / "configs" / "l8biome.toml"), "--data", str(data)]
    command += ["--set", "data.size=128"]  # of 192, which scores the same here and takes 25 minutes of one core
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    variants = json.loads((run / "evaluation" / "summary.json").read_text())["variants"]
    assert set(variants) == {"float32", "dynamic", "float16", "int8"}
    jaccard = {name: table["validation"]["macro"]["jaccard"] for name, table in variants.items()}
    measured(f"macro Jaccard: {jaccard}")
    assert len(variants["int8"]["validation"]["scenes"]) == 2
    assert min(jaccard["float32"], jaccard["int8"]) >= 0.80
    assert abs(jaccard["float32"] - jaccard["int8"]) <= 0.02
    assert "38-Cloud results" in (run / "report.html").read_text()
