"""The releases on a board: which there are, which runs, since when."""

from __future__ import annotations

from dataclasses import dataclass

from .ssh import Board


@dataclass(frozen=True)
class Listed:
    """One release: KiB on the board, and when it was last switched to (seconds since the epoch, the board's clock)."""

    id: str
    kib: int
    switched: int


@dataclass(frozen=True)
class Releases:
    """All of them, the one switched to last first; `current` and `previous` are ids or "", `since` is 0 where nothing runs."""

    current: str
    since: int
    previous: str
    all: tuple[Listed, ...]

    @property
    def ids(self) -> list[str]:
        """Of all."""
        return [release.id for release in self.all]


def listing(board: Board, folder: str) -> Releases:
    """The releases in `folder`, an absolute path on the board; none where there is no such folder."""
    facts: dict[str, str] = {}
    found = []
    for line in board.script("list", folder).text.splitlines():
        if line.count("\t") == 2:
            name, kib, switched = line.split("\t")
            found.append(Listed(name, int(kib or 0), int(switched or 0)))
        elif "=" in line:
            key, _, value = line.partition("=")
            facts[key] = value
    return Releases(facts.get("current", ""), int(facts.get("since") or 0), facts.get("previous", ""), tuple(found))
