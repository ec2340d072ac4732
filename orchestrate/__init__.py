"""Where a stage runs. Knows nothing of the pipeline's inside: it starts `python -m pipeline ...` and passes on what it answers."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
