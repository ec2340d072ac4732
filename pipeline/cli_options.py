"""What the command line's parts share: options that mean the same everywhere, and how a result is printed."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from .config import Config

RUNS = Path("runs")
DataRoot = Annotated[
    str | None, typer.Option("--data", help="A folder in the 38-Cloud layout; default: what the config says, else demo data.")
]
RunName = Annotated[str | None, typer.Option("--run", help="A run folder, or its name below runs/; default: the newest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def example(text: str) -> dict[str, str]:
    """What a command's help ends with."""
    return {"epilog": f"Example: python -m pipeline {text}"}


def print_json(value: Any) -> None:
    """A result for machines, on stdout."""
    print(json.dumps(value, indent=2))


def with_data(config: Config, data: str | None) -> Config:
    """`config` with the dataset's folder as an absolute path, so that a run is repeated from anywhere."""
    root = config.data.root if data is None else data
    return config.model_copy(update={"data": config.data.model_copy(update={"root": root and os.path.abspath(root)})})
