"""What a host, an id or a path may look like: checked once, before it goes anywhere near a shell or a path on the board."""

from __future__ import annotations

import re

from .errors import BadName

_HOST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9_][A-Za-z0-9_.:%-]*")
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")


def host(value: str) -> str:
    """`value`, if it can be a host name, an alias of the ssh config or user@host; so it is never taken for an option."""
    if not _HOST.fullmatch(value) or len(value) > 255:
        raise BadName(f"--host {value!r}: must be a host name, user@host or a Host of your ssh config")
    return value


def identifier(value: str, what: str) -> str:
    """`value`, if it can be the id of a release or a scene: letters, digits and _ . + -, not beginning with a dot or a dash."""
    if not _ID.fullmatch(value) or len(value) > 200:
        raise BadName(f"{what} {value!r}: may hold letters, digits and _ . + - only, and does not begin with . or -")
    return value


def file(value: str) -> str:
    """`value`, if it is a plain path below a bundle: no dots in front, no spaces, nothing that leaves the folder."""
    if not _FILE.fullmatch(value) or len(value) > 1000:
        raise BadName(f"{value!r}: no name for a file of a bundle or scene; letters, digits and _ . + - only")
    return value


def folder(value: str) -> str:
    """A folder on the board: absolute, or below the home folder (a leading ~/ is taken off). Spaces and quotes are fine."""
    value = value[2:] if value.startswith("~/") else value
    value = value.rstrip("/") or value[:1]
    if not value or value.startswith(("-", "~")) or value == "/" or ".." in value.split("/") or re.search(r"[\x00-\x1f\x7f]", value):
        raise BadName(f"{value!r}: must be a folder on the board, such as edgeseg (below the home folder) or /media/card/edgeseg")
    return value
