"""The Pythons that boards have, found on this machine, each with a virtual environment of device/requirements.txt."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "device" / "requirements.txt"
VERSIONS = ("3.7", "3.9")  # Mendel's, and that of Raspberry Pi OS 11 and of the virtual board
_OFFLINE = re.compile(r"Temporary failure in name resolution|Connection refused|Network is unreachable|timed out|ConnectTimeout")


class NoPython(Exception):
    """Why a Python cannot be had here."""


@dataclass(frozen=True)
class BoardPython:
    """An interpreter with what device/ needs, and device/ alone in `folder`."""

    program: str
    folder: Path

    def command(self, module: str, *arguments) -> list[str]:
        return [self.program, "-m", f"device.{module}", *map(str, arguments)]

    def environment(self, fake: Path | None = None, words: str = "", path: Path | None = None) -> dict:
        """`fake`: the folder of the stand-in libedgetpu, and `words` its FAKE_EDGETPU; `path`: a folder of further modules."""
        environment = {**os.environ, "LC_ALL": "C", "PYTHONPATH": os.pathsep.join(map(str, filter(None, (self.folder, path))))}
        if fake is not None:
            environment |= {"LD_LIBRARY_PATH": str(fake), "FAKE_EDGETPU": words}
        return environment

    def run(self, module: str, *arguments, fake=None, words="", path=None, timeout=60, **more) -> subprocess.CompletedProcess:
        environment = self.environment(fake, words, path)
        command = self.command(module, *arguments)
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout, check=False, **more)


def find(version: str) -> str:
    """The path of python`version` on PATH or among pyenv's. NoPython where there is none that starts."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]
    for candidate in filter(None, candidates):
        asked = subprocess.run([candidate, "-c", "import venv"], capture_output=True, check=False)
        if asked.returncode == 0:  # pyenv's shims are on PATH also for versions that are not chosen
            return str(candidate)
    raise NoPython(f"no python{version} on PATH or in pyenv")


def environment(version: str) -> str:
    """The interpreter of a virtual environment for python`version`, made once and kept in .cache. NoPython where it cannot be made."""
    python = find(version)
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + python.encode()).hexdigest()[:12]
    kept = ROOT / ".cache" / "device" / f"{version}-{key}"
    if not kept.exists():
        partial = kept.with_name(f".{kept.name}.{os.getpid()}.partial")
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run([python, "-m", "venv", partial], check=True, capture_output=True)
            install = [partial / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
            done = subprocess.run([*install, "-r", REQUIREMENTS], capture_output=True, text=True, check=False)
            if done.returncode != 0 and _OFFLINE.search(done.stderr):
                raise NoPython(f"no package registry can be reached for python{version}")
            assert done.returncode == 0, done.stderr
            partial.rename(kept)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return str(kept / "bin" / "python")


def board_python(version: str, folder: Path) -> BoardPython:
    """`version` of VERSIONS, or "this" for the interpreter of these tests. `folder` gets a copy of device/, as a board has it."""
    if not (folder / "device").exists():
        (folder / "device").mkdir()
        for file in (ROOT / "device").glob("*.py"):
            shutil.copy(file, folder / "device")
    return BoardPython(sys.executable if version == "this" else environment(version), folder)
