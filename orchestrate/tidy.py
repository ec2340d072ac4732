"""Remove what tools and killed processes leave in the checkout."""

import os
import re
import shutil
from pathlib import Path

CACHES = ("__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis")
_KEPT = (".git", ".venv")
_PARTIAL = re.compile(r"^\..+\.(\d+)\.partial(\..+)?$")  # .<name>.<process id>.partial, as pipeline writes what is not complete yet


def clean(root: Path) -> list[Path]:
    """Remove caches and the partial files of processes that are gone, below `root`; return what was removed.

    Runs, data, downloads that can be resumed, and `.venv` stay.
    """
    removed = []
    for folder, folders, files in os.walk(root):
        gone = [name for name in folders + files if name in CACHES or _left_over(name)]
        for name in gone:
            path = Path(folder) / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            removed.append(path)
        folders[:] = [name for name in folders if name not in gone and name not in _KEPT]
    return removed


def _left_over(name: str) -> bool:
    """Whether `name` is the partial file of a process that no longer runs."""
    match = _PARTIAL.match(name)
    if not match:
        return False
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # another user's process, or no process id at all
        return False
    return False
