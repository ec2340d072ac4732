"""The stage `report`: one HTML file about a run."""

from pathlib import Path

from ..data.check import PUBLISHED
from ..report.html import write
from ..report.source import Benchmark, Colours
from ..run import Run
from ..scene import images

COLOURS = Colours(images.TRUTH, images.PREDICTION, images.TRUE_POSITIVE, images.FALSE_POSITIVE, images.FALSE_NEGATIVE, images.TRUE_NEGATIVE)
BENCHMARK = Benchmark("38-Cloud", PUBLISHED["38-Cloud"]["test scenes"])


def report(run: Run) -> Path:
    """Write the run's report.html; UsageError where the run has not been evaluated."""
    return write(run, COLOURS, BENCHMARK)
