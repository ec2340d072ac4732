"""docker/bases.toml, the pins of the base images: read, replaced by the environment, refreshed from the registries."""

import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from .. import ROOT
from ..errors import FrontDoorError, MissingTool, WrongUsage

FILE = "docker/bases.toml"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class MissingBase(MissingTool):
    """A base image that has no digest yet, or that cannot be had."""


@dataclass(frozen=True)
class Base:
    """One pinned base image: where it comes from, its digest (empty: not known yet), and why it is this one."""

    name: str
    reference: str
    digest: str
    reason: str


def load(path: Path) -> dict:
    """The TOML file at `path`; MissingTool where neither Python's own reader (3.11) nor tomli is there, WrongUsage for a broken file."""
    try:
        import tomllib as toml
    except ImportError:
        try:
            import tomli as toml
        except ImportError:
            raise MissingTool(f"{path.name} cannot be read: tomli is missing from {sys.executable}; `make setup` installs it") from None
    try:
        return toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUsage(f"{path}: {error}") from None


def read(root: Path = ROOT) -> dict[str, Base]:
    """The pinned bases of the checkout `root`, by name."""
    path, found = root / FILE, {}
    for name, entry in load(path).items():
        if name == "apt":
            continue
        try:
            base = Base(name, entry["reference"], entry["digest"], entry["reason"])
        except (KeyError, TypeError):
            raise WrongUsage(f"{path}: [{name}] needs reference, digest and reason") from None
        if base.digest and not _DIGEST.fullmatch(base.digest):
            raise WrongUsage(f"{path}: [{name}] digest {base.digest!r} is not sha256: and 64 digits")
        found[name] = base
    return found


def snapshot(root: Path = ROOT) -> str:
    """The state of Debian (a timestamp of snapshot.debian.org) that packages are taken from."""
    return load(root / FILE)["apt"]["snapshot"]


def variable(name: str) -> str:
    """The environment variable that replaces base `name`."""
    return f"EDGESEG_BASE_{name.upper()}"


def replaced(name: str, platform: str) -> str:
    """What the environment says instead of base `name` for `platform`; empty where it says nothing.

    A local image is of one platform, so `EDGESEG_BASE_<NAME>_<ARCH>` is asked first.
    """
    key = variable(name)
    architecture = platform.rpartition("/")[2].upper()
    return os.environ.get(f"{key}_{architecture}", "") or os.environ.get(key, "")


def reference(name: str, platform: str, root: Path = ROOT) -> str:
    """What to build from for base `name`: the environment's image, else the pinned one by digest. MissingBase where it has no digest."""
    if instead := replaced(name, platform):
        return instead
    bases = read(root)
    if name not in bases:
        raise WrongUsage(f"{FILE} has no [{name}]; it has {', '.join(bases)}")
    base = bases[name]
    if not base.digest:
        raise MissingBase(
            f"the base image {base.reference} has no digest in {FILE} yet: `invoke bases-refresh --name {name}` asks its registry, "
            f"or set {variable(name)} to an image you have"
        )
    return f"{base.reference}@{base.digest}"


def main() -> int:
    """Print the bases as shell assignments, for `docker buildx bake`, which knows no TOML."""
    try:
        for name, base in read().items():
            if base.digest or replaced(name, ""):
                print(f"export {variable(name)}={shlex.quote(reference(name, ''))}")
        print(f"export EDGESEG_APT_SNAPSHOT={snapshot()}")
    except FrontDoorError as error:
        print(f"edgeseg: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
