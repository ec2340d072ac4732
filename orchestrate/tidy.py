"""Remove what tools and killed processes leave in the checkout."""

import os
import re
import shutil
import time
from pathlib import Path

_FORGOTTEN = 24 * 3600.0  # seconds without a change after which a partial file is nobody's
CACHES = ("__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis")
_KEPT = (".git", ".venv")
_PARTIAL = re.compile(r"^\..+\.(\d+)\.partial(\..+)?$")  # .<name>.<process id>.partial, as pipeline writes what is not complete yet


def clean(root: Path) -> list[Path]:
    """Remove caches and the partial files of processes that are gone, below `root`; return what was removed.

    Runs, data, downloads that can be resumed, and `.venv` stay.
    """
    removed = []
    for folder, folders, files in os.walk(root):
        gone = [name for name in folders + files if name in CACHES or _left_over(Path(folder) / name)]
        for name in gone:
            path = Path(folder) / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            removed.append(path)
        folders[:] = [name for name in folders if name not in gone and name not in _KEPT]
    return removed


def _left_over(path: Path) -> bool:
    """Whether `path` is the partial file of a process that no longer runs, or an old one of a container, whose process ids are not ours."""
    match = _PARTIAL.match(path.name)
    if not match:
        return False
    if time.time() - path.lstat().st_mtime > _FORGOTTEN:
        return True
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # another user's process, or no process id at all
        return False
    return False
