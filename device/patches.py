"""The files of a scene's folder: which patches are there, and nothing missing, doubled, short or foreign."""

import os
import re
import stat

from .errors import Error, Exit

# Exactly what SceneSpec.file() gives for some scene: no leading zeros, no sign, no suffix; no number beyond 32 bits.
_NAME = re.compile(r"patch_([1-9][0-9]{0,9})_([1-9][0-9]{0,9})_by_([1-9][0-9]{0,9})_((?!\.)[0-9A-Za-z_.-]{1,180})\.bin")


def find_patches(folder, spec):
    """The set of positions whose patch lies in `folder`; hidden files are left alone.

    Raises Error(DATA), with its name, for a file that is doubled, short, of another scene or foreign.
    """
    present = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.name != "scene.json":
                    present.add(_position(entry, spec))
    except OSError as why:
        raise Error(Exit.DATA, f"{folder}: cannot be listed ({why.strerror})") from why
    return present


def _position(entry, spec):
    name = _NAME.fullmatch(entry.name)
    if not name:
        raise Error(Exit.DATA, f"{entry.path}: does not belong into a scene's folder; move it away")
    index, row, column = (int(number) for number in name.groups()[:3])
    if name.group(4) != spec.id:
        raise Error(Exit.DATA, f"{entry.path}: a patch of another scene; this one is {spec.id}")
    if row > spec.rows or column > spec.columns:
        raise Error(Exit.DATA, f"{entry.path}: lies outside the {spec.rows} x {spec.columns} patches of the scene")
    position = (row - 1) * spec.columns + column - 1
    if index != position + 1:
        right = spec.file(position)
        raise Error(Exit.DATA, f"{entry.path}: row {row}, column {column} is {right}: doubled or wrongly numbered")
    about = entry.stat()
    size = about.st_size if stat.S_ISREG(about.st_mode) else 0
    if size != spec.patch_bytes:
        kind = f"{spec.side} x {spec.side} x {spec.bands} {spec.dtype}"
        raise Error(Exit.DATA, f"{entry.path}: {size} bytes where {spec.patch_bytes} belong ({kind})")
    return position


def require_all(folder, spec, present):
    """Error(DATA) naming the first patch that is not among `present`."""
    if len(present) == spec.patches:
        return
    first = next(position for position in range(spec.patches) if position not in present)
    missing = spec.patches - len(present)
    more = f" (and {missing - 1} more)" if missing > 1 else ""
    raise Error(Exit.DATA, f"{os.path.join(folder, spec.file(first))}: is missing{more}")
