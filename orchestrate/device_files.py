"""What building for the board shares: one builder at a time, whole files and folders, and its two own errors."""

import contextlib
import fcntl
import filecmp
import hashlib
import os
import shutil
import sys
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
def alone(path: Path) -> Iterator[None]:
    """Let one process at a time make what is at `path`; the others wait, and then find it made. The lock goes with its process."""
    lock = path.with_name(f".{path.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"edgeseg: another process is making {path.name}: waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`; rename what the block made there (a file or a folder) to `path` if it ends well, else remove it.

    What was at `path` before is replaced, so a build that is killed leaves the old result or the new one; a folder that holds the very same
    files already is left alone, since somebody may be running them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    remove(partial)
    try:
        yield partial
        if partial.is_dir():
            if _same(partial, path):
                return
            remove(path)  # a folder cannot be renamed over one that is not empty
        os.replace(partial, path)
    finally:
        remove(partial)


def _same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files, byte for byte, and with the same rights."""
    files = [path.relative_to(one) for path in sorted(one.rglob("*"))]
    if not other.is_dir() or files != [path.relative_to(other) for path in sorted(other.rglob("*"))]:
        return False
    return all(
        (one / file).stat().st_mode == (other / file).stat().st_mode
        and ((one / file).is_dir() or filecmp.cmp(one / file, other / file, shallow=False))
        for file in files
    )


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
