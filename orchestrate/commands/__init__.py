"""The Invoke tasks, a module for each room of the house, and what they share: answers to errors, starting stages, Make's variables."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from invoke import Exit

from .. import ROOT, engine
from ..errors import FrontDoorError
from ..stage import Stage

RUNS = ROOT / "runs"


def variable(name: str, default: str = "") -> str:
    """What the Makefile's variable `name` was given (Make hands it down as EDGESEG_<name>); `default` where it is empty."""
    return os.environ.get(f"EDGESEG_{name}", "") or default


CONFIG, DATA, RUN, SET, ARCHIVE, DATASET, TARGET = map(variable, ("CONFIG", "DATA", "RUN", "SET", "ARCHIVE", "DATASET", "TARGET"))
ENGINE = variable("ENGINE", "auto")


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """Known errors of `orchestrate` as one line and their exit code; Ctrl-C as its own."""
    try:
        yield
    except KeyboardInterrupt:
        print("edgeseg: interrupted", file=sys.stderr)
        raise Exit(code=130) from None
    except FrontDoorError as error:
        print(f"edgeseg: {error}", file=sys.stderr)
        raise Exit(code=error.exit_code) from None


def start(chosen: "str | engine.Engine", stage: Stage) -> None:
    """Run `stage` in an engine, or in the one that the name means; leave with its exit code unless it is 0."""
    with answered():
        code = (engine.choose(chosen) if isinstance(chosen, str) else chosen).run(stage)
    if code:
        raise Exit(code=code)


def options(**values: str) -> tuple[str, ...]:
    """`--name value` for each value that is not empty."""
    return tuple(part for name, value in values.items() if value for part in (f"--{name}", value))


def path(value: str) -> str:
    """A path from the command line, where stages find it too: they start in the checkout, the caller may stand elsewhere."""
    return value if not value or Path.cwd() == ROOT else os.path.abspath(value)


def run_folder(value: str) -> str:
    """RUN: a path, or a name below runs/ that stays as it is."""
    return path(value) if Path(value).is_dir() else value


def paths(*values: str) -> tuple[Path, ...]:
    """Those of `values` that are not empty."""
    return tuple(Path(value) for value in values if value)
