"""Files that appear under their name only when they are complete."""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PARTIAL = ".partial"


@contextlib.contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it to `path` when the block ends well, remove it otherwise.

    The rename is atomic and the data is flushed to disk first, so a reader (or a run that is resumed after `kill -9`) sees the old
    file or the new one, never a part of it. The partial name carries the process id: two processes cannot mix their bytes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}{path.suffix}")  # writers that look at the ending see the right one
    try:
        yield partial
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def complete_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; rename it to `path` (which must not exist) when the block ends well, remove it otherwise."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def remove_partials(folder: Path) -> None:
    """Remove what killed processes left half-written below `folder`; what a living one writes is left alone."""
    for left in Path(folder).rglob(f".*{PARTIAL}*"):
        owner = re.search(rf"\.(\d+){re.escape(PARTIAL)}", left.name)
        if owner and alive(int(owner[1])):
            continue
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def alive(process: int) -> bool:
    """Whether `process` runs and is another one than this."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()  # a number of our own was a dead namesake's


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` completely or not at all."""
    with complete_file(path) as partial:
        partial.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path` completely or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN and infinity are refused, since other readers refuse them."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that this project wrote."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
