"""The name of a patch: where it lies in its scene, told by its file name."""

import re
from dataclasses import dataclass

from ..errors import DataError

# Numbers start at 1 and carry no leading zeros, so that a name and its PatchName determine each other. The scene id may be anything that
# is safe as a part of a file name: a list is input, and must not lead out of its folder.
_NAME = re.compile(
    r"(?:[A-Za-z]+_)?patch_([1-9][0-9]{0,8})_([1-9][0-9]{0,8})_by_([1-9][0-9]{0,8})_([^\s/\\\x00-\x1f]{1,200}?)(?:\.[Tt][Ii][Ff]{1,2})?"
)


@dataclass(frozen=True, order=True)
class PatchName:
    """One patch of a scene: `index` counts row by row from 1, `row` and `col` count from 1, `scene` is the scene id.

    38-Cloud writes it `<band>_patch_<index>_<row>_by_<col>_<scene id>.TIF`.
    """

    index: int
    row: int
    col: int
    scene: str

    @property
    def stem(self) -> str:
        """The name without band and ending, as the lists of the dataset write it."""
        return f"patch_{self.index}_{self.row}_by_{self.col}_{self.scene}"

    def file(self, band: str) -> str:
        """The file name of one band (`red`, `green`, `blue`, `nir`) or of the mask (`gt`)."""
        return f"{band}_{self.stem}.TIF"


def parse(text: str) -> PatchName:
    """Read a patch name, with or without its band and its ending.

    Raises DataError where `text` is not such a name.
    """
    found = _NAME.fullmatch(text)
    if not found:
        raise DataError(f"{text!r} is not a patch name; expected [<band>_]patch_<index>_<row>_by_<col>_<scene id>[.TIF], numbers from 1")
    index, row, col, scene = found.groups()
    return PatchName(int(index), int(row), int(col), scene)
