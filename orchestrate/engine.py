"""The engines a stage can run in, and which one `ENGINE` means.

One class per engine. A container engine is one more class with the same `run`, put into `ENGINES` and asked first by `auto`.
"""

import sys
from collections.abc import Callable
from typing import Protocol

from .errors import MissingTool, WrongUsage
from .local import LocalEngine
from .stage import Stage

NAMES = ("auto", "docker", "podman", "local")


class Engine(Protocol):
    """Runs stages. `name` is one of `NAMES` other than `auto`."""

    name: str

    def run(self, stage: Stage) -> int:
        """Run `stage` to its end with this process's own input and output; return its exit code (130: interrupted)."""
        ...


ENGINES: dict[str, Callable[[], Engine]] = {"local": LocalEngine}  # by name; a class may raise MissingTool when its engine does not answer


def choose(name: str) -> Engine:
    """The engine that `name` asks for; `auto` takes the first that is there and says which in one line.

    Raises WrongUsage for a name that is not one of `NAMES`, MissingTool for an engine that cannot be had.
    """
    if name not in NAMES:
        raise WrongUsage(f"ENGINE={name}: no such engine; allowed: {' '.join(NAMES)}")
    if name == "auto":
        engine = LocalEngine()
        print(f"edgeseg: engine: {engine.name} ({engine.description})", file=sys.stderr, flush=True)
        return engine
    if name not in ENGINES:
        raise MissingTool(f"ENGINE={name}: container engines are not built yet; use ENGINE=local")
    return ENGINES[name]()
