"""Resolve the lock files again: every package for every machine of pyproject.toml's [tool.uv], by hash."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from .errors import MissingTool

_OPTIONS = ("--quiet", "--universal", "--python-version", "3.10", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links",
            "--custom-compile-command", "make lock")  # fmt: skip


def refresh(root: Path, upgrade: bool = False) -> list[Path]:
    """Write requirements.txt and then dev.txt from their .in files; pins that still hold are kept unless `upgrade`.

    Raises MissingTool where uv is not on PATH or finds no solution, or where a registry's address would have come into a lock.
    """
    uv = shutil.which("uv")
    if not uv:
        raise MissingTool("uv is not on PATH: `pip install uv` (only `make lock` needs it)")
    folder, written = root / "docker" / "trainer", []
    for name in ("requirements", "dev"):
        lock = folder / f"{name}.txt"
        partial = folder / f".{name}.{os.getpid()}.partial.txt"
        try:
            if lock.exists():
                shutil.copy(lock, partial)
            command = [uv, "pip", "compile", *_OPTIONS, *(["--upgrade"] if upgrade else []), f"{name}.in", "-o", partial.name]
            if subprocess.call(command, cwd=folder) != 0:
                raise MissingTool(f"uv could not resolve {name}.in (see above); {lock.name} is as it was")
            if re.search(r"://|^--(?!hash)", partial.read_text(), re.MULTILINE):
                raise MissingTool(f"{lock.name} would name a package registry: it belongs in your own settings, not in the lock")
            os.replace(partial, lock)
        finally:
            partial.unlink(missing_ok=True)
        written.append(lock)
    return written
