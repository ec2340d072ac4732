"""A bundle's folder: what its manifest.json says, held against every file that is there."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .device_files import digest
from .errors import FrontDoorError, WrongUsage

MANIFEST = "manifest.json"
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
_KEYS = {"id", "target", "accelerator", "model", "run", "threshold", "golden", "versions", "needs", "files"}


class BrokenBundle(FrontDoorError):
    """A bundle that is not what its manifest says."""

    exit_code = 3


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every file has been checked; `manifest` is what manifest.json holds (orchestrate/bundle.py)."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def id(self) -> str:
        """<run>-<target>-<8 hex of what is in it>."""
        return self.manifest["id"]

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """{"bin/inference": {"sha256", "bytes", "executable"}, ...}: all but manifest.json."""
        return self.manifest["files"]

    @property
    def model(self) -> Path:
        """The .tflite file that runs on the board."""
        return self.folder / self.manifest["model"]["file"]

    @property
    def bytes(self) -> int:
        """Of all files, manifest.json too."""
        return sum(facts["bytes"] for facts in self.files.values()) + (self.folder / MANIFEST).stat().st_size


def entries(folder: Path) -> dict[str, dict[str, Any]]:
    """sha256, size and whether it is a program, of every file below `folder` but manifest.json, by its POSIX path."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: {"sha256": digest(path).hex(), "bytes": path.stat().st_size, "executable": name.startswith("bin/")}
        for name, path in found.items()
        if name != MANIFEST
    }


def identity(content: dict[str, Any]) -> str:
    """8 hex digits that tell one content from another: of the manifest without its id."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def load(folder: Path) -> Bundle:
    """The bundle in `folder`, every file held against its hash; BrokenBundle names the first that is missing, changed or foreign."""
    path = folder / MANIFEST
    if not path.is_file():
        raise BrokenBundle(f"{path}: is not there, so {folder.name} is no bundle: `invoke bundle` makes one")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as why:
        raise BrokenBundle(f"{path}: cannot be read ({why}): `invoke bundle` makes it again") from None
    if not isinstance(manifest, dict) or not manifest.keys() >= _KEYS or not isinstance(manifest["files"], dict):
        raise BrokenBundle(f"{path}: is no bundle's manifest: `invoke bundle` makes it again")
    content = {key: value for key, value in manifest.items() if key != "id"}
    if not _ID.fullmatch(str(manifest["id"])) or not manifest["id"].endswith(f"-{identity(content)}"):
        raise BrokenBundle(f"{path}: was changed after it was made (its id does not fit): `invoke bundle` makes it again")
    for name, facts in manifest["files"].items():
        _check(folder, name, facts)
    _no_others(folder, manifest["files"])
    return Bundle(folder, manifest)


def find(root: Path, name: str) -> Path:
    """The folder of the bundle called `name` (its id below `root`, or a path); "": the newest below `root`; WrongUsage if there is none."""
    there = sorted((path.parent for path in root.glob(f"*/{MANIFEST}")), key=lambda path: ((path / MANIFEST).stat().st_mtime_ns, path.name))
    shown = [path for path in there if not path.name.startswith(".")]
    if not name:
        if not shown:
            raise WrongUsage(f"no bundle below {root} yet: `invoke bundle --run RUN` makes one")
        return shown[-1]
    for folder in (root / name, Path(name)):
        if (folder / MANIFEST).is_file():
            return folder
    raise WrongUsage(f"bundle {name}: not there; those below {root} are: {', '.join(path.name for path in shown) or 'none'}")


def _check(folder: Path, name: str, facts: Any) -> None:
    """One file of the manifest: inside the folder, a plain file, of the right size and hash."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\\" in name or PurePosixPath(*parts).as_posix() != name or {"..", "."} & set(parts):
        raise BrokenBundle(f"{folder / MANIFEST}: names {name!r}, which is no file inside the bundle")
    path = folder / name
    if any(step.is_symlink() for step in (path, *(folder.joinpath(*parts[:depth]) for depth in range(1, len(parts))))):
        raise BrokenBundle(f"{path}: is a link where the bundle has a file: `invoke bundle` makes it again")
    if not path.is_file():
        raise BrokenBundle(f"{path}: is missing: `invoke bundle` makes it again")
    if not isinstance(facts, dict) or path.stat().st_size != facts.get("bytes") or digest(path).hex() != facts.get("sha256"):
        raise BrokenBundle(f"{path}: was changed since the bundle was made: `invoke bundle` makes it again")


def _no_others(folder: Path, listed: dict[str, Any]) -> None:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name != MANIFEST and name not in listed and (path.is_symlink() or not path.is_dir()):
            raise BrokenBundle(f"{path}: does not belong to the bundle; move it away")
