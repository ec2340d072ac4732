"""The local engine: stages run as child processes with the Python of `.venv`."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from . import ROOT
from .stage import Stage


class LocalEngine:
    """Runs a stage with `.venv/bin/python` in the checkout."""

    name = "local"
    description = "the Python of .venv"

    def __init__(self, root: Path = ROOT):
        self.root = root
        self.python = root / ".venv" / "bin" / "python"

    def prepare(self) -> int:
        """Make `.venv` where it is missing or its lock has changed; 0, or the exit code of what could not be done, which has been said."""
        code = subprocess.call(["sh", str(self.root / "orchestrate" / "bootstrap.sh"), "trainer"])
        return code if code >= 0 else 128 - code

    def run(self, stage: Stage) -> int:
        """Run `stage` with inherited input and output; return its exit code, 128 + N where signal N ended it."""
        if code := self.prepare():
            return code
        command = [str(self.python), "-m", stage.module, *stage.arguments]
        with _signals_passed_on() as follow:
            child = subprocess.Popen(command, cwd=self.root)
            follow(child)
            code = child.wait()
        return code if code >= 0 else 128 - code


@contextmanager
def _signals_passed_on() -> Iterator[Callable[[subprocess.Popen], None]]:
    """SIGINT and SIGTERM go to the child, which tidies up and ends; this process only waits for it.

    Yields a function that is told the child as soon as there is one; what came before is passed on then. Ctrl-C reaches every process in
    the terminal's foreground group, so there the first SIGINT is with the child already: a second would interrupt its tidying up.
    """
    by_keyboard, early = _in_foreground(), []
    children: list[subprocess.Popen] = []

    def pass_on(number: int, frame: "FrameType | None") -> None:
        nonlocal by_keyboard
        if not children:
            early.append(number)
        elif number == signal.SIGINT and by_keyboard:
            by_keyboard = False
        elif children[0].poll() is None:
            children[0].send_signal(number)

    def follow(child: subprocess.Popen) -> None:
        children.append(child)
        for number in early:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield follow
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Whether this process belongs to the foreground group of a terminal, the one that gets Ctrl-C."""
    try:
        return sys.stdin is not None and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # no terminal behind stdin: signals then come one by one
        return False
