"""Make `.venv` from the lock: run by bootstrap.sh with the Python 3.10 it found, so this file knows the standard library only.

A venv cannot be moved, so it is made in place; what says that it is complete is its stamp, which is written last and removed first. A
process killed at any moment leaves a `.venv` without a stamp, and the next one makes it anew. Two at once: the second waits for the first.
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

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("docker/trainer/requirements.txt", "docker/trainer/dev.txt")
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
def alone(root: Path) -> Iterator[None]:
    """Hold the lock of this checkout's environment; the system lets go of it when the process dies, however it dies."""
    file = root / ".cache" / "environment.lock"
    file.parent.mkdir(exist_ok=True)
    with open(file, "w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is making .venv: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def complete(folder: Path, digest: str) -> bool:
    """Whether the venv in `folder` was completed from the lock with this sha256."""
    stamp = folder / "edgeseg.stamp"
    return stamp.is_file() and stamp.read_text().strip() == digest and (folder / "bin" / "python").exists()


def install(root: Path, python: Path) -> int:
    """Install exactly what the lock names, wheels by hash; with uv where there is one (faster), else, or where uv fails, with pip.

    pip's and uv's own settings (mirror, proxy, certificates) are the user's and are left alone.
    Returns the exit code of the last installer that was tried.
    """
    files = [argument for lock in LOCKS for argument in ("-r", str(root / lock))]
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


def make(root: Path, digest: str) -> int:
    """Make `root/.venv` unless it is complete; `digest` is the sha256 of the lock. Returns the exit code."""
    folder = root / ".venv"
    with alone(root):
        if complete(folder, digest):
            return 0
        reason = unsupported()
        if reason:
            say(f"{reason}; edgeseg runs on Linux (x86_64, aarch64) and on macOS (arm64), or in a Linux machine or container on this one")
            return MISSING
        began = time.monotonic()
        say(f"making .venv with Python {platform.python_version()} ({sys.executable}): about 1.5 GB, a minute or a few")
        (folder / "edgeseg.stamp").unlink(missing_ok=True)
        venv.create(folder, clear=True, symlinks=True, with_pip=True)
        if install(root, folder / "bin" / "python") != 0:
            say("the packages of the lock could not be installed (see above); the same command tries again")
            return MISSING
        partial = folder / "edgeseg.stamp.partial"
        partial.write_text(digest + "\n")
        os.replace(partial, folder / "edgeseg.stamp")
        say(f".venv is ready ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(make(ROOT, sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
    except (OSError, subprocess.CalledProcessError) as error:  # a full disk, a folder that is not ours
        say(f".venv could not be made: {error}")
        sys.exit(MISSING)
