"""docker/docker-bake.hcl, the one graph of images, read the way `docker buildx bake` reads it, as far as the file goes."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .. import ROOT
from ..errors import MissingTool, WrongUsage

FILE = "docker/docker-bake.hcl"
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_INSIDE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


@dataclass(frozen=True)
class Text:
    """A value of the file: a string, with ${NAME} where a variable's value goes."""

    pattern: str

    def variables(self) -> list[str]:
        """The names in it."""
        return _INSIDE.findall(self.pattern)

    def value(self, lookup: Callable[[str], str]) -> str:
        """The string, with `lookup(name)` for each variable."""
        return _INSIDE.sub(lambda match: lookup(match[1]), self.pattern)


@dataclass(frozen=True)
class Target:
    """One image: what it is built from. `contexts` names the images whose own image it starts from, by the name its Dockerfile knows."""

    name: str
    dockerfile: str
    target: str
    platforms: tuple[str, ...]
    args: dict[str, Text] = field(default_factory=dict)
    labels: dict[str, Text] = field(default_factory=dict)
    contexts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """The images by name, in the order of the file; groups of them; and the variables with their defaults."""

    targets: dict[str, Target]
    groups: dict[str, tuple[str, ...]]
    variables: dict[str, str]

    def target(self, name: str) -> Target:
        """The image `name`; WrongUsage, with the names there are, for another one."""
        if name not in self.targets:
            raise WrongUsage(f"image {name}: no such image; there are {', '.join(self.targets)}")
        return self.targets[name]

    def group(self, name: str) -> list[str]:
        """The images of group `name`, groups within it included."""
        return [image for member in self.groups[name] for image in (self.group(member) if member in self.groups else [member])]


def read(root: Path = ROOT) -> Graph:
    """The graph of the checkout `root`. Raises MissingTool without python-hcl2, WrongUsage for what this reader does not understand."""
    try:
        import hcl2
    except ImportError:
        raise MissingTool(f"{FILE} cannot be read: python-hcl2 is missing from {_python()}; `make setup` installs it") from None
    path = root / FILE
    try:
        with open(path, encoding="utf-8") as file:
            parsed = hcl2.load(file)
    except OSError as error:
        raise MissingTool(f"{path}: {error.strerror}") from None
    except Exception as error:  # the parser's own errors have no base class of their own
        raise WrongUsage(f"{path}: {str(error).splitlines()[0]}") from None
    blocks = {kind: _named(parsed.get(kind, [])) for kind in ("variable", "group", "target")}
    return Graph(
        {name: _target(name, blocks["target"]) for name in blocks["target"] if not name.startswith("_")},
        {name: tuple(_literal(member) for member in body["targets"]) for name, body in blocks["group"].items()},
        {name: _literal(body.get("default", '""')) for name, body in blocks["variable"].items()},
    )


def _python() -> str:
    import sys

    return sys.executable


def _named(blocks: list[dict]) -> dict[str, dict]:
    """{name: attributes} of the parser's list of {'"name"': attributes}."""
    return {name.strip('"'): body for block in blocks for name, body in block.items()}


def _target(name: str, blocks: dict[str, dict]) -> Target:
    """The target `name` with what it inherits: maps are merged, other attributes replaced, as bake does it."""
    merged: dict = {}
    for parent in _lineage(name, blocks):
        for key, value in blocks[parent].items():
            merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    return Target(
        name,
        _literal(merged["dockerfile"]),
        _literal(merged.get("target", '""')),
        tuple(_literal(platform) for platform in merged.get("platforms", [])),
        {key.strip('"'): _text(value) for key, value in merged.get("args", {}).items() if key != "__is_block__"},
        {key.strip('"'): _text(value) for key, value in merged.get("labels", {}).items() if key != "__is_block__"},
        {key.strip('"'): _literal(value).removeprefix("target:") for key, value in merged.get("contexts", {}).items()},
    )


def _lineage(name: str, blocks: dict[str, dict]) -> list[str]:
    """What `name` inherits from, furthest first, and itself."""
    parents = [_literal(parent) for parent in blocks[name].get("inherits", [])]
    return [each for parent in parents for each in _lineage(parent, blocks)] + [name]


def _text(value: str) -> Text:
    """A quoted string, or the bare name of a variable."""
    if isinstance(value, str):
        if value.startswith('"') and value.endswith('"'):
            return Text(value[1:-1])
        if _VARIABLE.fullmatch(value):
            return Text(f"${{{value}}}")
    raise WrongUsage(f"{FILE}: {value!r} is more than this reader knows: a string, or a variable's name")


def _literal(value: str) -> str:
    """A quoted string without variables."""
    text = _text(value)
    if text.variables():
        raise WrongUsage(f"{FILE}: {value} may not hold a variable here")
    return text.pattern
