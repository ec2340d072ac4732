"""The data folders that a stage will look for without being told: named in a config, in SET, or by the run that it goes on with.

A container sees only what it is shown, so the front door has to know them. All it knows of a config is `root` in its table `data`.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .errors import MissingTool

_SET = re.compile(r"(?:^|\s)data\.root=(?:\"([^\"]*)\"|'([^']*)'|(\S+))")


def find(runs: Path, config: str = "", changes: str = "", run: str = "", newest: bool = False) -> "tuple[Path, ...]":
    """Those that `config` (a TOML file), `changes` (as SET has them) and run folder `run` (a path, or a name below `runs`) name.

    `newest`: without `run` the stage takes the newest run, and so those of all of them. Files that cannot be read name none: the stage
    itself complains of them. Raises MissingTool where no TOML reader is there.
    """
    files = [Path(config)] if config else []
    if run:
        files += [folder / "config.toml" for folder in (Path(run), runs / run)]
    elif newest and runs.is_dir():
        files += sorted(runs.glob("[!.]*/config.toml"))
    named = [*_roots(files), *("".join(groups) for groups in _SET.findall(changes))]
    return tuple(dict.fromkeys(Path(name) for name in named if name))


def _roots(files: "Iterable[Path]") -> "list[str]":
    found = []
    for file in files:
        try:
            data: Any = _toml().loads(file.read_text(encoding="utf-8")).get("data", {})
        except (OSError, ValueError):
            continue
        root = data.get("root") if isinstance(data, dict) else None
        found += [root] if isinstance(root, str) else []
    return found


def _toml() -> Any:
    """Python's own TOML reader (3.11), or the package that it was made from."""
    try:
        import tomllib as toml
    except ImportError:
        try:
            import tomli as toml
        except ImportError:
            raise MissingTool(f"no TOML reader in {sys.executable}: start the task through make, which has one") from None
    return toml
