"""The CSV lists of patches that come with the dataset."""

import csv
from collections.abc import Sequence
from pathlib import Path

from .. import files
from ..errors import DataError
from . import names
from .names import PatchName


def read_list(path: Path) -> list[PatchName]:
    """The patches a list names, in its order: a CSV with a column `name`, or one name a line.

    Raises DataError, with the file and the line, where the list is missing, unreadable, empty, or holds a bad or repeated name.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [row for row in enumerate(csv.reader(file), start=1) if any(cell.strip() for cell in row[1])]
    except FileNotFoundError:
        raise DataError(f"{path}: this list of patches is missing") from None
    except (OSError, UnicodeDecodeError, csv.Error) as why:
        raise DataError(f"{path}: this list of patches cannot be read: {why}") from None
    column = 0
    if rows and "name" in (header := [cell.strip().lower() for cell in rows[0][1]]):
        column = header.index("name")
        rows = rows[1:]
    if not rows:
        raise DataError(f"{path}: this list of patches is empty; restore it from the dataset, or delete it to have it made again")
    patches: dict[PatchName, int] = {}
    for line, row in rows:
        try:
            patch = names.parse(row[column].strip() if column < len(row) else "")
        except DataError as why:
            raise DataError(f"{path}, line {line}: {why}") from None
        if patch in patches:
            raise DataError(f"{path}, line {line}: {patch.stem} is listed twice, first in line {patches[patch]}")
        patches[patch] = line
    return list(patches)


def write_list(path: Path, patches: Sequence[PatchName]) -> None:
    """Write a list as the dataset does: the header `name`, then one patch a line without band and ending."""
    files.write_text(path, "".join(f"{line}\n" for line in ["name", *(patch.stem for patch in patches)]))
