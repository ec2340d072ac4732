"""The lock on the board against two deploys at once.

It is an flock held by a small script at the other end of a connection (scripts/lock.sh). It is free again as soon as either end dies; where
the network swallowed everything, 30 s after the last beat. Every step that changes something first checks that the lock is still ours.
"""

from __future__ import annotations

import contextlib
import getpass
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

from . import refusals
from .errors import BoardFailed, Busy, CutOff
from .ssh import Board, remote_command

BEAT = 5.0  # s; the board calls a holder dead after 30


class Lock:
    """A lock that is held; `token` proves it to the scripts on the board."""

    def __init__(self, board: Board, holder: subprocess.Popen, token: str):
        self.token = token
        self._board, self._holder, self._ended = board, holder, threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def check(self) -> None:
        """Raise CutOff if the lock was lost: the connection broke, or somebody else took this process for dead."""
        if self._holder.poll() is not None:
            raise CutOff(f"{self._board.host}: the connection broke; what ran before still runs, the same command goes on where it stopped")

    def release(self) -> None:
        """Give the lock back."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._holder.stdin.close()
        try:
            self._holder.wait(5)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()

    def _beat(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while not self._ended.wait(BEAT):
                self._holder.stdin.write(b"\n")
                self._holder.stdin.flush()


@contextlib.contextmanager
def lock(board: Board, folder: str) -> Iterator[Lock]:
    """Hold the lock of `folder` on the board. Raises Busy if another one has it, after waiting up to 45 s for one that seems dead."""
    token = secrets.token_hex(8)
    who = f"{getpass.getuser()}@{socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S %Z')}"
    holder = board.start(remote_command("lock", folder, token, who), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    held = None
    try:
        if holder.stdout.readline() != b"held\n":
            said, code = holder.stderr.read().decode(errors="replace"), holder.wait()
            if code == 255:
                raise refusals.explain(board.host, said, board.settings(), cut=True)
            line = said.strip().splitlines()[-1] if said.strip() else f"exit code {code}"
            raise (Busy if code == 75 else BoardFailed)(f"{board.host}: {line}" + ("; try again when that is done" if code == 75 else ""))
        held = Lock(board, holder, token)
        yield held
    finally:
        if held:
            held.release()
        elif holder.poll() is None:
            holder.kill()
            holder.wait()
        for pipe in (holder.stdin, holder.stdout, holder.stderr):
            with contextlib.suppress(OSError):
                pipe.close()
