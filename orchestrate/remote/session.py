"""What every command for a board begins with: which host, whose config, and an end that says how things stand."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path

from ..interrupts import as_ctrl_c
from .errors import Interrupted
from .ssh import Board

VIRTUAL = "board"  # the host that `invoke board up` makes


@contextlib.contextmanager
def connected(host: str) -> Iterator[Board]:
    """A connection to `host`. Ctrl-C, SIGTERM and SIGHUP inside become Interrupted, unless something closer by knew more to say."""
    try:
        with as_ctrl_c(), Board(host, _config(host)) as board:
            yield board
    except KeyboardInterrupt:
        raise Interrupted(f"{host}: stopped; what ran there before still runs") from None


def _config(host: str) -> Path | None:
    """The ssh config of the virtual board, for its host alone; None where the user's own config has a host of that name."""
    if host != VIRTUAL:
        return None
    return importlib.import_module("..virtual_board", __package__).ssh_config()
