"""What an engine has to know of a stage in order to run it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """One `python -m <module> <arguments>`, started in the checkout.

    An engine that runs in place needs only the command. `reads`, `writes` and `network` say what else the stage touches, for an engine
    that shows a stage no more than that: paths it reads, folders it writes to, and whether it goes to the network.
    """

    arguments: tuple[str, ...]
    module: str = "pipeline"
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    network: bool = False
