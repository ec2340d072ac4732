"""The few things about run folders and packed scenes that are said in docs/architecture.md and needed here."""

from __future__ import annotations

from pathlib import Path

from ..errors import WrongUsage
from .errors import BadName


def find(root: Path, name: str) -> Path:
    """The run folder called `name` (a path, or a name below `root`); "": the newest, by its config. WrongUsage if there is none."""
    if name:
        for folder in (Path(name), root / name):
            if (folder / "config.toml").is_file():
                return folder.absolute()
        raise WrongUsage(f"--run {name}: not a run folder (it has no config.toml)")
    configs = sorted(root.glob("[!.]*/config.toml"), key=lambda path: (path.stat().st_mtime_ns, path.parent.name))
    if not configs:
        raise WrongUsage(f"no run below {root} yet: `make train` (or `make demo`) makes one")
    return configs[-1].parent


def predicted(run: Path) -> list[str]:
    """The test scenes whose int8 masks are in the run folder: those that the board's can be compared with."""
    return sorted(path.stem for path in (run / "scenes" / "int8").glob("[!.]*.json"))


def packed(folder: Path) -> list[Path]:
    """The packed scenes in `folder`."""
    return sorted(path.parent for path in folder.glob("[!.]*/scene.json"))


def absolute(path: str) -> str:
    """`path`, if it is absolute."""
    if not path.startswith("/"):
        raise BadName(f"--card {path}: must be the whole path where the card is mounted on the board, such as /media/card/scenes")
    return path
