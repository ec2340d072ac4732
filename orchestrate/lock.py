"""Resolve the lock files again, by hash: the trainer's for every machine of pyproject.toml's [tool.uv], the board's for every Python."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .errors import MissingTool

_OPTIONS = ("--quiet", "--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links",
            "--custom-compile-command", "make lock")  # fmt: skip
LOCKS = (  # folder, name, the oldest Python that it is for
    ("docker/trainer", "requirements", "3.10"),
    ("docker/trainer", "dev", "3.10"),
    ("docker/trainer-gpu", "requirements", "3.10"),
    ("docker/front", "requirements", "3.9"),
    ("device", "requirements", "3.7"),
)


def refresh(root: Path, upgrade: bool = False) -> list[Path]:
    """Write every lock of LOCKS from its .in file, in that order; pins that still hold are kept unless `upgrade`.

    Raises MissingTool where uv is not on PATH or finds no solution, or where a registry's address would have come into a lock.
    """
    uv = shutil.which("uv")
    if not uv:
        raise MissingTool("uv is not on PATH: `pip install uv` (only `make lock` needs it)")
    return [_resolve(uv, root / folder, name, python, upgrade) for folder, name, python in LOCKS]


def _resolve(uv: str, folder: Path, name: str, python: str, upgrade: bool) -> Path:
    """Write `folder`/`name`.txt, and nothing where it cannot be resolved. The front door's and the board's are for every later Python:
    they are resolved out of sight of pyproject.toml, whose [tool.uv] narrows the others to where TensorFlow 2.10 runs.
    """
    lock = folder / f"{name}.txt"
    with tempfile.TemporaryDirectory() as elsewhere:
        work = Path(elsewhere) if folder.name in ("front", "device") else folder
        partial = work / f".{name}.{os.getpid()}.partial.txt"
        try:
            if work != folder:
                shutil.copy(folder / f"{name}.in", work)
            if lock.exists():
                shutil.copy(lock, partial)
            command = [uv, "pip", "compile", *_OPTIONS, "--python-version", python, *(["--upgrade"] if upgrade else [])]
            if subprocess.call([*command, f"{name}.in", "-o", partial.name], cwd=work) != 0:
                raise MissingTool(f"uv could not resolve {folder.name}/{name}.in (see above); {lock.name} is as it was")
            text = partial.read_text()
            if re.search(r"://|^--(?!hash)", text, re.MULTILINE):
                raise MissingTool(f"{lock.name} would name a package registry: it belongs in your own settings, not in the lock")
            beside = folder / partial.name
            beside.write_text(text)
            os.replace(beside, lock)
        finally:
            partial.unlink(missing_ok=True)
    return lock
