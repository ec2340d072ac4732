"""What an engine has to know of a stage in order to run it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """One `python -m <module> <arguments>`, started in the checkout.

    An engine that runs in place needs only the command. The rest is for an engine that shows a stage no more than that: paths it reads,
    folders it writes to, whether it goes to the network, and the image that it runs in (a folder of docker/).
    """

    arguments: tuple[str, ...]
    module: str = "pipeline"
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    network: bool = False
    image: str = "trainer"
