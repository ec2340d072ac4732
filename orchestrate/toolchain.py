"""The environment of its own that holds the cross compiler, CMake and what checks their result (toolchains/requirements.txt)."""

import os
import subprocess
import sys
from pathlib import Path

from . import ROOT
from .device_files import CACHE, alone, digest
from .errors import MissingTool

REQUIREMENTS = ROOT / "toolchains" / "requirements.txt"


def python() -> Path:
    """The interpreter of the toolchain's environment; makes it in .cache, by hash, the first time and whenever its lock changes."""
    folder = CACHE / f"toolchain-{digest(REQUIREMENTS).hex()[:12]}"
    interpreter, mark = folder / "bin" / "python", folder / "complete"
    if mark.is_file() and interpreter.exists():
        return interpreter
    with alone(folder):
        if not mark.is_file() or not interpreter.exists():  # the one that was waited for may have made it
            _install(folder, interpreter)
            mark.touch()  # last: a process killed before leaves an environment that the next one makes anew
    return interpreter


def _install(folder: Path, interpreter: Path) -> None:
    print("edgeseg: setting up the cross compiler (once, about 400 MB)", file=sys.stderr, flush=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    try:
        for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], [str(interpreter), *install, "-r", str(REQUIREMENTS)]):
            subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as why:
        said = (getattr(why, "stderr", None) or str(why)).strip().splitlines()
        raise MissingTool(
            f"{REQUIREMENTS.relative_to(ROOT)} could not be installed ({said[-1] if said else why}); see `pip config list`"
        ) from None


def environment() -> dict[str, str]:
    """The variables under which CMake, ninja and zig's wrappers find each other; zig's cache outlives a build (its libc++ takes 50 s)."""
    interpreter = python()
    return {
        **os.environ,
        "PATH": f"{interpreter.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "EDGESEG_ZIG_PYTHON": str(interpreter),
        "ZIG_GLOBAL_CACHE_DIR": str(CACHE / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(CACHE / "zig"),
        "SOURCE_DATE_EPOCH": "0",
    }
