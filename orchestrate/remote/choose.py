"""Which scenes: one, a list, all; a menu where a terminal asks for one, an error that lists them where nobody can be asked."""

from __future__ import annotations

import sys

from ..errors import WrongUsage


def choose(wanted: str, there: list[str], notes: dict[str, str] | None = None) -> list[str]:
    """The ids that `wanted` ("all", or ids with commas or spaces between) means; "" asks, with a menu of `there`.

    Ids need not be among `there`: who uses them knows better. Raises WrongUsage where none is named, none is there, or nobody to ask.
    """
    if wanted == "all":
        if not there:
            raise WrongUsage("--scene all: there are no scenes")
        return there
    if wanted:
        if not (ids := wanted.replace(",", " ").split()):
            raise WrongUsage(f"--scene {wanted!r} names no scene: an id, several with commas between, or all")
        return list(dict.fromkeys(ids))
    if not there:
        raise WrongUsage("no --scene was given, and there are none to choose from")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise WrongUsage(f"no --scene was given: --scene all, or one or more of {', '.join(there)}")
    for number, scene in enumerate(there, 1):
        print(f"{number:4}  {scene}  {(notes or {}).get(scene, '')}".rstrip(), file=sys.stderr)
    while True:
        print("which scene? numbers, or all: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        picked = line.replace(",", " ").split()
        if not line:
            raise WrongUsage("no scene was chosen")
        if picked == ["all"]:
            return there
        if picked and all(word.isdecimal() and 1 <= int(word) <= len(there) for word in picked):
            return list(dict.fromkeys(there[int(word) - 1] for word in picked))
        print(f"numbers from 1 to {len(there)}, or all", file=sys.stderr)
