"""Passes on what a client says on stderr as it comes, but for a first word that is the engine's own complaint and no word of the stage."""

import os
import threading
from typing import IO


class Relay(threading.Thread):
    """Copies `source` to our stderr until it ends. What comes first and begins with "Error" is kept in `held` until more follows."""

    def __init__(self, source: "IO[bytes]"):
        super().__init__(daemon=True)
        self.source = source
        self.held = b""
        self.start()

    def run(self) -> None:
        """The copying."""
        first = True
        while block := os.read(self.source.fileno(), 65536):
            if first and block.startswith(b"Error"):
                self.held = block
            else:
                self.release()
                _write(block)
            first = False

    def release(self) -> None:
        """Pass on what is held: it was the stage's."""
        block, self.held = self.held, b""
        _write(block)

    def complaint(self) -> str:
        """What is held, once the source has ended: the engine's, where the stage was never started."""
        self.join()
        return self.held.decode(errors="replace")


def _write(block: bytes) -> None:
    while block:
        block = block[os.write(2, block) :]
