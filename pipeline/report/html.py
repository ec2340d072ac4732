"""The report: one HTML file that needs no network, no script and no other file."""

from pathlib import Path

from .. import __version__, files
from ..run import Run
from .asked import asked, banner, data, environment
from .board import board
from .markup import Html, join, tag
from .quantization import edgetpu, quantization
from .results import headline, variants
from .scenes import scenes
from .source import Benchmark, Colours, Source, read
from .style import CSS
from .training import threshold, training

CONTENTS = (
    ("results", "Result"),
    ("asked", "What was asked"),
    ("data", "Data"),
    ("training", "Training"),
    ("threshold", "Threshold"),
    ("variants", "Variants"),
    ("board", "On the board"),
    ("scenes", "Scenes"),
    ("quantization", "Quantization"),
    ("edgetpu", "Edge TPU check"),
    ("environment", "Environment"),
)
# a second wall beside escaping: even if markup slipped in, the page may load and run nothing
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write(run: Run, colours: Colours, benchmark: Benchmark) -> Path:
    """Write `run.report` from what the run folder holds; its path.

    `colours` are those of the scenes' pictures, `benchmark` the published test set that a reader may take the figures for. Parts that are
    missing are replaced by a line that names their stage; without an evaluation UsageError, DataError where a file is damaged.
    """
    source = read(run)
    files.write_text(run.report, page(source, colours, benchmark))
    return run.report


def page(source: Source, colours: Colours, benchmark: Benchmark) -> str:
    """The whole page as text."""
    title = source.run.folder.resolve().name
    head = join(
        [
            Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
            tag("title", f"{title} – edgeseg"),
            tag("style", Html(CSS)),
        ]
    )
    contents = [(anchor, text) for anchor, text in CONTENTS if anchor != "board" or source.board]
    body = join(
        [
            tag("header", tag("h1", title), tag("p", f"Report of a run of edgeseg {__version__}", class_="quiet")),
            banner(source, benchmark),
            tag("nav", *(tag("a", text, href=f"#{anchor}") for anchor, text in contents), aria_label="Contents"),
            tag(
                "main",
                headline(source),
                asked(source),
                data(source),
                training(source),
                threshold(source),
                variants(source),
                board(source),
                scenes(source, colours),
                quantization(source),
                edgetpu(source),
                environment(source),
            ),
        ]
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>{body}</body>\n</html>\n'
