"""What building for the board shares: whole files and folders, and its two own errors."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from . import ROOT
from .errors import FrontDoorError

# Where tools, sources and build folders are kept; an image that brings them along sets EDGESEG_CACHE to where it has them.
CACHE = Path(os.environ.get("EDGESEG_CACHE") or ROOT / ".cache")


class WrongArchive(FrontDoorError):
    """A source archive that is damaged or not the one that is pinned."""

    exit_code = 3


class UnfitProgram(FrontDoorError):
    """A program was built that the board could not run."""

    exit_code = 5


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`; rename what the block made there (a file or a folder) to `path` if it ends well, else remove it.

    What was at `path` before is replaced, so a build that is killed leaves the old result or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    remove(partial)
    try:
        yield partial
        if partial.is_dir():
            remove(path)  # a folder cannot be renamed over one that is not empty
        os.replace(partial, path)
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Remove the file, link or folder at `path`, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def digest(path: Path, kind: str = "sha256") -> bytes:
    """The hash of the file at `path`."""
    made = hashlib.new(kind)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            made.update(block)
    return made.digest()
