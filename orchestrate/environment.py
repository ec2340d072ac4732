"""Make an environment from its lock: run by bootstrap.sh with the Python it found, so this file knows the standard library only.

A venv cannot be moved, so it is made in place; what says that it is complete is its stamp, which is written last and removed first. A
process killed at any moment leaves a folder without a stamp, and the next one makes it anew. Two at once: the second waits for the first.
"""

import contextlib
import fcntl
import os
import platform
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Kind(NamedTuple):
    """One of the two environments: its folder, the locks it is made from, and what making it costs."""

    folder: str
    locks: "tuple[str, ...]"
    cost: str
    tensorflow: bool


TRAINER = Kind(".venv", ("docker/trainer/requirements.txt", "docker/trainer/dev.txt"), "about 1.5 GB, a minute or a few", True)
FRONT = Kind(".cache/front", ("docker/front/requirements.txt",), "about 40 MB, some seconds", False)
KINDS = {"trainer": TRAINER, "front": FRONT}
MACHINES = (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"))
MISSING = 4  # exit code: a tool, engine or board that is not there


def say(text: str) -> None:
    """One line for people, on stderr."""
    print(f"edgeseg: {text}", file=sys.stderr, flush=True)


def unsupported() -> str:
    """Why the lock cannot be installed on this machine; empty where it can."""
    machine = (platform.system(), platform.machine())
    if machine not in MACHINES:
        return f"TensorFlow 2.10 and its companions have no packages for {' '.join(machine)}"
    if machine[0] == "Linux" and platform.libc_ver(sys.executable)[0] != "glibc":
        return "TensorFlow 2.10 has no packages for a Linux without glibc (Alpine, for one)"
    return ""


@contextlib.contextmanager
def alone(root: Path, kind: Kind = TRAINER) -> Iterator[None]:
    """Hold the lock of this checkout's environment; the system lets go of it when the process dies, however it dies."""
    file = root / ".cache" / ("environment.lock" if kind is TRAINER else "front.lock")
    file.parent.mkdir(exist_ok=True)
    with open(file, "w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is making {kind.folder}: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def complete(folder: Path, digest: str) -> bool:
    """Whether the venv in `folder` was completed from the lock with this sha256."""
    stamp = folder / "edgeseg.stamp"
    return stamp.is_file() and stamp.read_text().strip() == digest and (folder / "bin" / "python").exists()


def install(root: Path, python: Path, locks: "tuple[str, ...]" = TRAINER.locks) -> int:
    """Install exactly what the lock names, wheels by hash; with uv where there is one (faster), else, or where uv fails, with pip.

    pip's and uv's own settings (mirror, proxy, certificates) are the user's and are left alone.
    Returns the exit code of the last installer that was tried.
    """
    files = [argument for lock in locks for argument in ("-r", str(root / lock))]
    exact = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    quiet = [] if sys.stderr.isatty() else ["-qq"]  # a terminal gets the installer's own progress bars
    uv = shutil.which("uv")
    if uv:
        code = subprocess.call([uv, "pip", "install", *quiet, "--python", str(python), *exact, *files], stdout=sys.stderr)
        if code == 0:
            return 0
        say("uv could not install the lock: trying pip, which has settings of its own")
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}  # user=true in pip's settings fails in a venv
    pip = [str(python), "-m", "pip", "install", *quiet, "--no-input", *exact, *files]
    return subprocess.call(pip, stdout=sys.stderr, env=environment)


def make(root: Path, digest: str, kind: Kind = TRAINER) -> int:
    """Make the environment `kind` in `root` unless it is complete; `digest` is the sha256 of its lock. Returns the exit code."""
    folder = root / kind.folder
    with alone(root, kind):
        if complete(folder, digest):
            return 0
        reason = unsupported() if kind.tensorflow else ""
        if reason:
            say(f"{reason}; edgeseg runs on Linux (x86_64, aarch64) and on macOS (arm64), or in a Linux machine or container on this one")
            return MISSING
        if folder.is_symlink():  # what it leads to is somebody else's, and making it anew would empty that
            say(f"{kind.folder} is a link to {os.readlink(folder)}, which is left alone; remove the link and try again")
            return MISSING
        began = time.monotonic()
        say(f"making {kind.folder} with Python {platform.python_version()} ({sys.executable}): {kind.cost}")
        (folder / "edgeseg.stamp").unlink(missing_ok=True)
        venv.create(folder, clear=True, symlinks=True, with_pip=True)
        if install(root, folder / "bin" / "python", kind.locks) != 0:
            say("the packages of the lock could not be installed (see above); the same command tries again")
            return MISSING
        partial = folder / "edgeseg.stamp.partial"
        partial.write_text(digest + "\n")
        os.replace(partial, folder / "edgeseg.stamp")
        say(f"{kind.folder} is ready ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    which = KINDS[sys.argv[2]] if len(sys.argv) > 2 else TRAINER
    try:
        sys.exit(make(ROOT, sys.argv[1], which))
    except KeyboardInterrupt:
        sys.exit(130)
    except (OSError, subprocess.CalledProcessError) as error:  # a full disk, a folder that is not ours
        say(f"{which.folder} could not be made: {error}")
        sys.exit(MISSING)
