"""Which of the host's folders a stage sees in its container: each at its own path, so that a path means the same inside and outside."""

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

from .errors import MissingTool


@dataclass(frozen=True)
class Mount:
    """`source` of the host at `target` in the container."""

    source: Path
    target: Path
    writable: bool = False

    def option(self) -> str:
        """The value of `--mount`, which is a line of CSV: so commas, colons and quotes in a path are no trouble."""
        fields = ["type=bind", f"source={self.source}", f"target={self.target}"] + ([] if self.writable else ["readonly"])
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(fields)
        return line.getvalue()


def plan(root: Path, reads: "tuple[Path, ...]", writes: "tuple[Path, ...]") -> "list[Mount]":
    """The checkout `root` read-only, `writes` writable (made here, by the caller's own user), `reads` read-only; relative ones from `root`.

    What is not there is left out of the reads: the stage says so in its own words. Raises MissingTool where a folder cannot be made.
    """
    found = {root: Mount(root, root)}
    for path in (*git_folders(root), *(root / path for path in reads)):
        for mount in _both_names(root, path, False):
            if not _visible(mount.target, found):
                found[mount.target] = mount
    for path in writes:
        for mount in _both_names(root, _made(root / path), True):
            found[mount.target] = mount
    return [found[target] for target in sorted(found, key=lambda target: len(target.parts))]


def _both_names(root: Path, path: Path, writable: bool) -> "list[Mount]":
    """A path that exists, under its real name and, where links lead to it, under the name that was given."""
    path = Path(os.path.abspath(path))
    if not path.exists():
        return []
    real = path.resolve()
    names = [real]
    if real != path and root not in path.parents:  # links inside the checkout come with it
        names.append(path)
    linked = [] if writable or not path.is_dir() else [child.resolve() for child in path.iterdir() if child.is_symlink() and child.exists()]
    return [Mount(real, name, writable) for name in names] + [Mount(child, child) for child in linked if real not in child.parents]


def _visible(path: Path, found: "dict[Path, Mount]") -> bool:
    return any(target == path or target in path.parents for target in found)


def _made(path: Path) -> Path:
    """`path` as a folder: made before the engine sees it, which would make it as root."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise MissingTool(f"{path}: the stage writes here, but the folder cannot be made ({why.strerror})") from None
    if not os.access(path, os.W_OK):
        raise MissingTool(f"{path}: the stage writes here, but you may not; `ls -ld` shows whose it is")
    return path


def git_folders(root: Path) -> "list[Path]":
    """Where git keeps what belongs to `root` outside of it: of a worktree its repository, of a borrowing clone the lender's objects."""
    own = root / ".git"
    found = []
    if own.is_file():
        first = own.read_text(encoding="utf-8").strip()
        own = (root / first[len("gitdir:") :].strip()).resolve() if first.startswith("gitdir:") else own
        common = own / "commondir"
        own = (own / common.read_text(encoding="utf-8").strip()).resolve() if common.is_file() else own
        found.append(own)
    lenders = own / "objects" / "info" / "alternates"
    if lenders.is_file():
        found += [own / "objects" / line for line in lenders.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [path for path in found if path.exists()]
