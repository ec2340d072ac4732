"""What an image is made of, as one hash: built again when that changes, and not otherwise."""

import hashlib
import json
import platform as machine
from dataclasses import dataclass
from pathlib import Path

from .. import ROOT
from ..containers import Cli
from ..errors import MissingTool, WrongUsage
from . import bases, dockerfile
from .graph import Graph, Target

PREFIX = "edgeseg"
_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_BASE = "EDGESEG_BASE_"
_NOT_PART = ("EDGESEG_REVISION",)  # a commit that changes nothing in an image makes no new one


@dataclass(frozen=True)
class Recipe:
    """Everything needed to build `target` for `platform`; `reference` is its name in the engine, which holds the hash of all the rest."""

    target: Target
    platform: str
    args: dict[str, str]
    labels: dict[str, str]
    reference: str
    bases: dict[str, str]


def native() -> str:
    """The platform of this machine, as images name it."""
    return f"linux/{_ARCHITECTURES.get(machine.machine(), machine.machine())}"


def platform_of(target: Target, wanted: "str | None") -> str:
    """`wanted` if the image is made for it; without one this machine's platform, or else (emulated) the first the image is made for."""
    if wanted is None:
        return native() if native() in target.platforms else target.platforms[0]
    if wanted not in target.platforms:
        raise WrongUsage(f"image {target.name} is made for {', '.join(target.platforms)}, not for {wanted}")
    return wanted


def recipe(graph: Graph, name: str, platform: "str | None" = None, cli: "Cli | None" = None, root: Path = ROOT) -> Recipe:
    """The recipe of image `name`. With `cli`, a base that the environment replaces counts by its content, not only by its name.

    Raises WrongUsage for a name or platform that is not there, MissingBase for a base without a digest.
    """
    target = graph.target(name)
    platform = platform_of(target, platform)
    used: dict[str, str] = {}

    def lookup(variable: str) -> str:
        if variable.startswith(_BASE):
            base = variable[len(_BASE) :].lower()
            used[base] = bases.reference(base, platform, root)
            return used[base]
        if variable == "EDGESEG_APT_SNAPSHOT":
            return bases.snapshot(root)
        if variable not in graph.variables:
            raise WrongUsage(f"{target.name}: docker-bake.hcl has no variable {variable}")
        return graph.variables[variable]

    args = {key: text.value(lookup) for key, text in target.args.items()}
    for key, dependency in target.contexts.items():
        args[key.upper().replace("-", "_")] = recipe(graph, dependency, platform, cli, root).reference
    labels = {key: text.value(lookup) for key, text in target.labels.items() if not set(text.variables()) & set(_NOT_PART)}
    parts = dockerfile.needed(root / target.dockerfile, target.target)
    made_of = {
        "platform": platform,
        "stage": target.target,
        "text": parts.text,
        "args": args,
        "labels": labels,
        "bases": {base: _content(cli, base, reference, platform) for base, reference in used.items()},
        "files": {path.relative_to(root).as_posix(): _file(path) for path in dockerfile.files(root, parts.sources)},
    }
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return Recipe(target, platform, args, labels, f"{PREFIX}/{name}:{digest[:12]}", used)


def _file(path: Path) -> list:
    """What of a file comes into an image: its bytes, and whether it can be run."""
    return [hashlib.sha256(path.read_bytes()).hexdigest(), bool(path.stat().st_mode & 0o100)]


def _content(cli: "Cli | None", base: str, reference: str, platform: str) -> str:
    """The id of the image `reference` that the environment puts in the place of a pinned one, if the engine has it."""
    if cli is None or not bases.replaced(base, platform):
        return ""
    try:
        return cli.capture("image", "inspect", "--format", "{{.Id}}", reference)
    except MissingTool:  # not there yet: it will be pulled, and its name has to do
        return ""
