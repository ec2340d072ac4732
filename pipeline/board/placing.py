"""Putting a finished folder in the place of an old one: whoever looks sees the old or the new, never a part."""

import contextlib
import ctypes
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from .. import files

_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_HERE = -100  # AT_FDCWD
_CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}  # an older kernel, or a file system that has no exchange


@contextlib.contextmanager
def placed_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; when the block ends well it takes the place of what was at `path`, else it is removed.

    Flushed to the disk, so that a card may be pulled out afterwards. Where the system cannot exchange two names in one step, a `kill -9`
    between two renames leaves neither under the name; the same command then makes the folder again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}{files.PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        _flush_names(partial)
        if path.exists():
            _exchange(partial, path)
        else:
            os.replace(partial, path)
        _flush_names(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_left(path: Path) -> None:
    """Remove what processes that were killed left beside `path`; nothing else, since `path` may lie on anybody's card."""
    if not path.parent.is_dir():
        return
    for left in path.parent.glob(f".*{files.PARTIAL}"):
        owner = re.fullmatch(rf"\.{re.escape(path.name)}\.(\d+)(\.old)?{re.escape(files.PARTIAL)}", left.name)
        if owner and left.is_dir() and not files.alive(int(owner[1])):
            shutil.rmtree(left, ignore_errors=True)


def _exchange(new: Path, old: Path) -> None:
    """Let two folders change their names."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):  # not Linux, or a C library without it
        rename = None
    if rename is not None:
        if rename(_HERE, os.fsencode(new), _HERE, os.fsencode(old), _EXCHANGE) == 0:
            return
        code = ctypes.get_errno()
        if code not in _CANNOT:
            raise OSError(code, os.strerror(code), str(old))
    aside = new.with_name(new.name.removesuffix(files.PARTIAL) + f".old{files.PARTIAL}")
    os.replace(old, aside)
    try:
        os.replace(new, old)
    except BaseException:
        os.replace(aside, old)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _flush_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as why:
        if why.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # some file systems have nothing to flush for a folder
            raise
    finally:
        os.close(descriptor)
