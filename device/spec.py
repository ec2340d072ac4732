"""What scene.json says: a folder of patches, images that go in or results that come out (docs/programs.md)."""

import json
import os
import re
from dataclasses import dataclass

import numpy as np

from .errors import Error, Exit
from .fields import Fields
from .files import read_file

_MOST_JSON = 1 << 20  # bytes; a real scene.json has a few hundred
_MOST_ROWS = 10_000  # Landsat 8: 23
_MOST_SIDE = 8_192  # 38-Cloud: 384
_MOST_BANDS = 256  # Landsat 8: 11
_MOST_BYTES = 1 << 28  # a patch must fit a board of 2 GB several times over
_MOST_PATCHES = 1_000_000
DTYPES = {"uint16": np.dtype("<u2"), "float32": np.dtype("<f4"), "int8": np.dtype("i1"), "uint8": np.dtype("u1")}
_ID = re.compile(r"(?!\.)[0-9A-Za-z_.-]{1,180}")  # it becomes part of file names


@dataclass(frozen=True)
class SceneSpec:
    """One scene.json. A real value is scale * (stored - zero_point)."""

    id: str
    rows: int
    columns: int
    side: int  # pixels of a patch's side in this folder
    source_side: int  # pixels of the patch that it was made from; `side` where it is the image itself
    bands: int  # channels; for results the model's classes
    dtype: str
    scale: float  # a float32 value
    zero_point: int

    @property
    def patches(self):
        """How many patches the scene has."""
        return self.rows * self.columns

    @property
    def shape(self):
        """Of one patch: height, width, bands."""
        return (self.side, self.side, self.bands)

    @property
    def patch_bytes(self):
        """The size of one patch's file."""
        return self.side * self.side * self.bands * DTYPES[self.dtype].itemsize

    def file(self, position):
        """The file name of the patch at `position` (row-major from 0)."""
        row, column = divmod(position, self.columns)
        return f"patch_{position + 1}_{row + 1}_by_{column + 1}_{self.id}.bin"

    def json(self):
        """The text of its scene.json."""
        about = {"id": self.id, "rows": self.rows, "columns": self.columns, "patch_size": self.side, "source_patch_size": self.source_side,
                 "bands": self.bands, "dtype": self.dtype, "scale": self.scale, "zero_point": self.zero_point}  # fmt: skip
        return json.dumps(about, indent=2) + "\n"


def parse_scene(data, where):
    """The SceneSpec of a scene.json's bytes; every number is checked and bounded. `where` names it in Error(DATA)."""
    fields = Fields(data, where)
    name = fields.text("id")
    if not _ID.fullmatch(name):
        raise Error(Exit.DATA, f"{where}: \"id\" must be letters, digits, '.', '-' and '_', at most 180, not beginning with '.'")
    side = fields.whole("patch_size", 1, _MOST_SIDE)
    spec = SceneSpec(
        id=name,
        rows=fields.whole("rows", 1, _MOST_ROWS),
        columns=fields.whole("columns", 1, _MOST_ROWS),
        side=side,
        source_side=fields.whole("source_patch_size", 1, _MOST_SIDE) if "source_patch_size" in fields else side,
        bands=fields.count("bands", _MOST_BANDS),
        dtype=fields.text("dtype"),
        scale=float(np.float32(fields.positive("scale"))),
        zero_point=fields.whole("zero_point", -128, 255) if "zero_point" in fields else 0,
    )
    if spec.dtype not in DTYPES:
        raise Error(Exit.DATA, f'{where}: "dtype" must be uint16, float32, int8 or uint8')
    if spec.patches > _MOST_PATCHES:
        raise Error(Exit.DATA, f"{where}: {spec.rows} x {spec.columns} patches are more than {_MOST_PATCHES}")
    if spec.patch_bytes > _MOST_BYTES:
        raise Error(Exit.DATA, f"{where}: a patch of {spec.patch_bytes} bytes is larger than {_MOST_BYTES}")
    return spec


def read_scene(folder):
    """The SceneSpec of `folder`. Error(USAGE) where there is no such folder, Error(DATA) where its scene.json is missing or wrong."""
    if not os.path.isdir(folder):
        raise Error(Exit.USAGE, f"{folder}: no such folder")
    file = os.path.join(folder, "scene.json")
    if not os.path.exists(file):
        raise Error(Exit.DATA, f"{file}: is missing; a scene for the board has one (for results: written when the scene is finished)")
    return parse_scene(read_file(file, _MOST_JSON), file)
