"""What images there are and how they stand here, for `invoke images --list`; and building many of them."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import ROOT
from ..containers import Cli
from ..errors import FrontDoorError, WrongUsage
from . import build, builder, graph, ingredients


@dataclass(frozen=True)
class Standing:
    """How an image stands: `state` is there, missing, or the reason why it cannot be built; `bytes` is its size, 0 where it is missing."""

    name: str
    platform: str
    reference: str
    state: str
    digest: str = ""
    bytes: int = 0


def standings(cli: "Cli | None", root: Path = ROOT) -> "list[Standing]":
    """Every image on every platform of the graph, without building anything. Without an engine: what would be built."""
    read, found = graph.read(root), []
    for target in read.targets.values():
        for platform in target.platforms:
            try:
                recipe = ingredients.recipe(read, target.name, platform, cli, root)
            except FrontDoorError as error:
                found.append(Standing(target.name, platform, "", str(error)))
                continue
            digest = build.there(cli, recipe.reference) if cli else ""
            size = int(cli.capture("image", "inspect", "--format", "{{.Size}}", recipe.reference)) if cli and digest else 0
            found.append(Standing(target.name, platform, recipe.reference, "there" if digest else "missing", digest, size))
    return found


def show(found: "list[Standing]", as_json: bool) -> None:
    """Print the standings: a line each for people on stderr, JSON on stdout where asked."""
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return
    for each in found:
        size = f"{each.bytes / 1e6:7.0f} MB" if each.bytes else " " * 10
        print(f"{each.name:16} {each.platform:12} {size}  {each.reference or '-':36} {each.state}", file=sys.stderr)


def names(wanted: str, platform: "str | None", root: Path = ROOT) -> "list[str]":
    """The images that `wanted` means: one, a group of the graph, or where empty all of the default group that are made for `platform`."""
    read = graph.read(root)
    if wanted and wanted not in read.groups:
        return [read.target(wanted).name]
    chosen = read.group(wanted or "default")
    fitting = [name for name in chosen if platform is None or platform in read.target(name).platforms]
    if not fitting:
        raise WrongUsage(
            f"no image is made for {platform}; there are {', '.join(sorted({p for t in read.targets.values() for p in t.platforms}))}"
        )
    return fitting


def build_all(cli: Cli, wanted: "list[str]", platform: "str | None", again: bool = False, root: Path = ROOT) -> "list[str]":
    """Build the images `wanted` one after the other; return the names of those that could not be, each with its reason said."""
    failed = []
    for name in wanted:
        try:
            built = build.ensure(cli, name, platform, root, again)
            build.say(f"image {name}: {built.reference} {built.digest}")
        except FrontDoorError as error:
            build.say(str(error))
            failed.append(name)
    return failed


def commands(cli: Cli, wanted: "list[str]", platform: "str | None", root: Path = ROOT) -> "list[list[str]]":
    """The command line that would build each of the images `wanted`; secrets are named, and their files are not made."""
    read = graph.read(root)
    return [builder.command(cli, ingredients.recipe(read, name, platform, cli, root), root, {}) for name in wanted]
