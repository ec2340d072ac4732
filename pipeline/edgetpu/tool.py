"""Finding and running `edgetpu_compiler`: on PATH, or in the compiler image through a command the caller gives."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import MissingToolError

NAME = "edgetpu_compiler"
VARIABLE = "EDGESEG_COMPILER"  # a command line that runs the compiler; `{folder}` in it is the folder to mount and work in
_MOST_TEXT = 4 << 20


@dataclass(frozen=True)
class Attempt:
    """One run of the compiler; `exit` is negative for a signal and None where the time limit ended it."""

    arguments: tuple[str, ...]
    exit: int | None
    seconds: float
    text: str


def find(command: Sequence[str] | None = None) -> list[str]:
    """The command that runs the compiler: `command`, else EDGESEG_COMPILER, else the program on PATH; MissingToolError without any."""
    if command:
        return list(command)
    if set_ := os.environ.get(VARIABLE):
        return shlex.split(set_)
    if found := shutil.which(NAME):
        return [found]
    raise MissingToolError(
        f"{NAME} 16 is not to be had here. Two ways to get it: install the Debian package edgetpu-compiler (x86-64 Linux, "
        f"see coral.ai/docs/edgetpu/compiler), or let a container engine run the compiler image (any host, as linux/amd64) and "
        f"set {VARIABLE} to its command, with {{folder}} for the folder to mount"
    )


def run(command: Sequence[str], arguments: Sequence[str], folder: Path, limit: float) -> Attempt:
    """Run the compiler in `folder`; after `limit` seconds the whole process group is killed.

    MissingToolError where the program cannot be started. Console and errors come back as one text (the first 4 MiB of it).
    """
    folder = Path(folder).resolve()
    line = [part.replace("{folder}", str(folder)) for part in command] + list(arguments)
    log, begin = folder / "console.txt", time.monotonic()
    with open(log, "wb") as sink:
        try:
            process = subprocess.Popen(
                line, cwd=folder, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            raise MissingToolError(f"{line[0]} cannot be started ({error.strerror}); set {VARIABLE} or PATH to a working {NAME}") from None
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:  # also on Ctrl-C; a child that outlived its parent goes as well
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    with open(log, "rb") as written:
        text = written.read(_MOST_TEXT).decode("utf-8", "replace")
    return Attempt(tuple(arguments), code, round(time.monotonic() - begin, 3), text)
