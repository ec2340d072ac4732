"""`ensure`: an image that is missing, or made of something else than it is now, is built; else nothing happens, and quickly.

An image's name holds the hash of what it is made of (ingredients.py), and the engine gives the name to a finished image only. So a build
that is killed leaves nothing that could be mistaken for an image, and what BuildKit had finished of it is reused.
"""

import contextlib
import fcntl
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import ROOT
from ..containers import Cli
from ..errors import MissingTool
from . import builder, graph, ingredients


@dataclass(frozen=True)
class Built:
    """An image in the engine: its short name, what to run it by, and the sha256 of its configuration, which names its content."""

    name: str
    reference: str
    digest: str


def ensure(cli: Cli, name: str, platform: "str | None" = None, root: Path = ROOT, again: bool = False) -> Built:
    """Image `name` for `platform` (this machine's by default), built if need be; `again`: built without any cache in any case.

    Says so in one line where it builds, which may take minutes. Raises WrongUsage for a name or platform that is not there, MissingBase for
    a base image that cannot be had, BuildFailed for a step that failed, and what python-hcl2's absence raises.
    """
    read = graph.read(root)
    recipe = ingredients.recipe(read, name, platform, cli, root)
    if not again and (digest := there(cli, recipe.reference)):
        return Built(name, recipe.reference, digest)
    for dependency in recipe.target.contexts.values():
        ensure(cli, dependency, recipe.platform, root)
    with _alone(root, recipe):
        if again or not there(cli, recipe.reference):  # another process may have built it while this one waited
            log = root / ".cache" / "images" / f"{name}-{recipe.platform.rpartition('/')[2]}.log"
            say(f"building image {name} for {recipe.platform}; what it prints is in {log.relative_to(root)}")
            began = time.monotonic()
            builder.run(cli, recipe, root, log, again)
            say(f"image {name} is ready: {recipe.reference} ({time.monotonic() - began:.0f} s)")
    digest = there(cli, recipe.reference)
    if not digest:
        raise MissingTool(f"{cli.name} built image {name} and does not have it: is its builder another engine's (docker buildx ls)?")
    return Built(name, recipe.reference, digest)


def there(cli: Cli, reference: str) -> str:
    """The digest (sha256:...) of the image `reference` in the engine; empty if it has none."""
    try:
        found = cli.capture("image", "inspect", "--format", "{{.Id}}", reference)
    except MissingTool:
        return ""
    return found if found.startswith("sha256:") else f"sha256:{found}"


def say(text: str) -> None:
    """One line for people, on stderr."""
    print(f"edgeseg: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _alone(root: Path, recipe: ingredients.Recipe) -> Iterator[None]:
    """Hold this image's lock in this checkout, so that two stages started at once build it once."""
    file = root / ".cache" / "images" / f".{recipe.target.name}-{recipe.platform.rpartition('/')[2]}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is building image {recipe.target.name}: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
