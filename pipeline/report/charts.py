"""Charts: the precision-recall curve as a PNG beside the run's other files, and the same curve and the training as SVG for the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .. import files
from .svg import Line, Mark, Panel, draw

PLOT = {"figure.figsize": (6, 4.5), "figure.dpi": 120, "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
COLOUR, ACCENT = "#0072b2", "#d55e00"  # blue and vermilion of Okabe and Ito: told apart with any common colour blindness


class Curve(Protocol):
    """Precision, recall and F1 in 0..1 of rising thresholds; each array (n,)."""

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray


class Threshold(Protocol):
    """The chosen threshold and what it does on the pixels it was chosen on, all in 0..1."""

    value: float
    f1: float
    precision: float
    recall: float


def precision_recall(path: Path, curve: Curve, chosen: Threshold) -> None:
    """Write the curve with the chosen threshold marked as a PNG to `path`, completely or not at all."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # without pyplot: no display is looked for, no global state is kept
    from matplotlib.figure import Figure

    with rc_context(PLOT):
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
        axes.grid(alpha=0.25)
        axes.plot(curve.recall, curve.precision, color=COLOUR)
        axes.plot([chosen.recall], [chosen.precision], "o", color=ACCENT)
        left, below = chosen.recall > 0.5, chosen.precision > 0.3  # the label goes where there is room
        axes.annotate(
            f"threshold {chosen.value:.3f}\nF1 {chosen.f1:.3f}",
            (chosen.recall, chosen.precision),
            (-12 if left else 12, -12 if below else 12),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top" if below else "bottom",
        )
        with files.complete_file(path) as partial:
            figure.savefig(partial, format="png")


def precision_recall_svg(points: Sequence[tuple[float, float]], chosen: Mapping[str, float]) -> str:
    """The curve as inline SVG from (recall, precision) pairs; `chosen` has value, f1, precision and recall."""
    text = f"threshold {chosen['value']:.3f}: F1 {chosen['f1']:.3f}"
    return draw(
        Panel(
            "Precision-recall curve on validation data",
            "recall",
            "precision",
            (Line("precision", "first", tuple(points)),),
            (0.0, 1.0),
            (0.0, 1.0),
            (Mark(chosen["recall"], chosen["precision"], text),),
        )
    )


def curves(rows: Sequence[Mapping[str, Any]]) -> str:
    """Loss, metric and learning rate over the epochs of history.csv (values may be text) as three inline SVGs, one after the other.

    The best epoch (lowest validation loss of the last phase, whose weights were kept) and every change of phase are marked.
    The metric is the column that stands beside a `val_` column and is not the loss. Empty without rows.
    """
    if not rows:
        return ""
    metric = next((key for key in rows[0] if f"val_{key}" in rows[0] and key != "loss"), None)
    last = [row for row in rows if row["phase"] == rows[-1]["phase"]]
    best = min(last, key=lambda row: float(row["val_loss"]))
    changes = tuple(
        (float(row["epoch"]) - 0.5, str(row["phase"]))
        for before, row in zip(rows, rows[1:], strict=False)
        if row["phase"] != before["phase"]
    )
    panels = []
    for name in ("loss", metric):
        if name:
            sides = ((name, "second", "training"), (f"val_{name}", "first", "validation"))
            lines = tuple(Line(label, tone, _points(rows, key)) for key, tone, label in sides)
            share = name == metric and all(0 <= y <= 1 for line in lines for _, y in line.points)  # a score is read against its full range
            panels.append(
                Panel(
                    f"{name} by epoch",
                    "epoch",
                    name,
                    lines,
                    _epochs(rows),
                    (0.0, 1.0) if share else None,
                    (Mark(float(best["epoch"]), float(best[f"val_{name}"]), f"best: epoch {best['epoch']}"),),
                    changes,
                )
            )
    rate = Line("learning rate", "first", _points(rows, "learning_rate"))
    panels.append(Panel("learning rate by epoch", "epoch", "learning rate", (rate,), _epochs(rows), None, (), changes, logarithmic=True))
    return "".join(draw(panel) for panel in panels)


def _epochs(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    first, last = float(rows[0]["epoch"]), float(rows[-1]["epoch"])
    return (first, last) if last > first else (first - 0.5, last + 0.5)


def _points(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[tuple[float, float], ...]:
    return tuple((float(row["epoch"]), float(row[key])) for row in rows)
