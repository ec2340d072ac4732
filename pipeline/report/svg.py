"""One line chart as inline SVG: a drawing that needs no script, prints sharply, and takes its colours from the page around it."""

import math
import sys
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 440.0, 270.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 14.0, 30.0, 44.0
DASHES = {"first": "", "second": ' stroke-dasharray="5 4"'}  # told apart without colour, too


@dataclass(frozen=True)
class Line:
    """A named line of (x, y) points; `tone` is `first` (solid, accent) or `second` (dashed, quiet)."""

    name: str
    tone: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Mark:
    """A point with a text beside it."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Panel:
    """A chart. `y` None: the range of the lines; `changes` are vertical lines at x with a text; `logarithmic` is about y (> 0)."""

    title: str
    x_name: str
    y_name: str
    lines: tuple[Line, ...]
    x: tuple[float, float]
    y: tuple[float, float] | None = None
    marks: tuple[Mark, ...] = ()
    changes: tuple[tuple[float, str], ...] = ()
    logarithmic: bool = False


def draw(panel: Panel) -> str:
    """The chart as an <svg> element; its colours are the page's classes `line first`, `line second`, `mark`, `grid`, `change`."""
    axis = _Axis(panel)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(panel.title)}">'
        f"<title>{escape(panel.title)}</title>"
    ]
    parts += _grid(panel, axis)
    for x, text in panel.changes:
        parts.append(
            f'<line class="change" x1="{axis.x(x):.1f}" x2="{axis.x(x):.1f}" y1="{TOP:g}" y2="{HEIGHT - BOTTOM:g}"/>'
            f'<text x="{axis.x(x) + 4:.1f}" y="{TOP + 10:g}">{escape(text)}</text>'
        )
    for line in panel.lines:
        path = " ".join(f"{axis.x(x):.1f},{axis.y(y):.1f}" for x, y in line.points)
        parts.append(f'<polyline class="line {line.tone}"{DASHES[line.tone]} points="{path}"/>')
        if len(line.points) == 1:  # a line of one point is not seen
            x, y = line.points[0]
            parts.append(f'<circle class="dot {line.tone}" cx="{axis.x(x):.1f}" cy="{axis.y(y):.1f}" r="3"/>')
    parts += [_mark(mark, axis) for mark in panel.marks]
    parts += _key(panel)
    return "".join(parts) + "</svg>"


class _Axis:
    """From values to places in the drawing."""

    def __init__(self, panel: Panel):
        values = [y for line in panel.lines for _, y in line.points] or [0.0, 1.0]
        low, high = panel.y or (min(values), max(values))
        if panel.logarithmic:
            low, high = math.log10(low), math.log10(high)
            low, high = (math.floor(low + 1e-9), math.ceil(high - 1e-9))
        elif panel.y is None:
            low = min(low, 0.0)  # a loss is read against zero
            high = high or 1.0
        self.low, self.high = low, high if high - low >= sys.float_info.min else low + 1  # a denormal range has no ticks
        self.left, self.right = panel.x
        self.logarithmic = panel.logarithmic

    def x(self, value: float) -> float:
        return LEFT + (value - self.left) / (self.right - self.left) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = ((math.log10(value) if self.logarithmic else value) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def y_ticks(self) -> list[float]:
        if self.logarithmic:
            factors = (1, 2, 5) if self.high - self.low <= 2 else (1,)
            values = [factor * 10.0**power for power in range(int(self.low), int(self.high) + 1) for factor in factors]
            return [value for value in values if math.log10(value) <= self.high + 1e-9]
        return ticks(self.low, self.high)


def ticks(low: float, high: float, count: int = 5, whole: bool = False) -> list[float]:
    """About `count` round values in `low` .. `high` (high > low): multiples of 1, 2 or 5 times a power of ten, whole where asked."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _grid(panel: Panel, axis: _Axis) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for value in axis.y_ticks():
        parts.append(
            f'<line class="grid" x1="{LEFT:g}" x2="{right:g}" y1="{axis.y(value):.1f}" y2="{axis.y(value):.1f}"/>'
            f'<text class="right" x="{LEFT - 6:g}" y="{axis.y(value) + 4:.1f}">{_number(value)}</text>'
        )
    for value in ticks(*panel.x, whole=panel.x_name == "epoch"):
        parts.append(f'<text class="middle" x="{axis.x(value):.1f}" y="{bottom + 16:g}">{_number(value)}</text>')
    parts.append(
        f'<line class="axis" x1="{LEFT:g}" x2="{right:g}" y1="{bottom:g}" y2="{bottom:g}"/>'
        f'<text class="middle" x="{(LEFT + right) / 2:g}" y="{HEIGHT - 8:g}">{escape(panel.x_name)}</text>'
    )
    return parts


def _mark(mark: Mark, axis: _Axis) -> str:
    x, y = axis.x(mark.x), axis.y(mark.y)
    left = x > (LEFT + WIDTH - RIGHT) / 2  # the text goes where there is room
    below = y < (TOP + HEIGHT - BOTTOM) / 2
    return (
        f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/><text class="{"right " if left else ""}strong" '
        f'x="{x + (-8 if left else 8):.1f}" y="{y + (20 if below else -12):.1f}">{escape(mark.text)}</text>'
    )


def _key(panel: Panel) -> list[str]:
    """The names of the lines above the drawing; a single line is named by its axis."""
    parts = [f'<text class="strong" x="{LEFT:g}" y="14">{escape(panel.y_name)}</text>']
    x = LEFT + 130
    for line in panel.lines if len(panel.lines) > 1 else ():
        parts.append(
            f'<line class="line {line.tone}"{DASHES[line.tone]} x1="{x:g}" x2="{x + 26:g}" y1="10" y2="10"/>'
            f'<text x="{x + 32:g}" y="14">{escape(line.name)}</text>'
        )
        x += 120
    return parts


def _number(value: float) -> str:
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e") if 0 < abs(value) < 0.001 else f"{value:.4g}"
