"""A scene for the board, or its results: a folder with scene.json and one `.bin` per patch (docs/programs.md has the form).

The limits are those of the programs that read it (cpp/src/scene.cc): what is written here is what they take.
"""

import json
import math
import os
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..errors import DataError

ABOUT = "scene.json"
_ID = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z_.-]{0,179}")
_PATCH = re.compile(r"patch_([1-9]\d{0,8})_([1-9]\d{0,8})_by_([1-9]\d{0,8})_(.+)\.bin")
_MOST = {"rows": 10_000, "columns": 10_000, "patch_size": 8_192, "source_patch_size": 8_192}
_MOST_BANDS, _MOST_PATCHES, _MOST_BYTES = 256, 1_000_000, 1 << 28
_MOST_JSON = 1 << 20
_TYPES = {"uint16": "<u2", "float32": "<f4", "int8": "i1", "uint8": "u1"}
_BEHIND = 16  # files that may be written but not yet flushed: a slow card fills no more memory than this, and progress stays true


@dataclass(frozen=True)
class PackedScene:
    """What scene.json says: `rows` x `columns` patches of `patch_size` pixels; real value = `scale` * (stored - `zero_point`).

    `bands` are their names, or their number. `crop` (height, width): the centre that scoring cuts out, where it is known.
    `source_patch_size` is set on results: the side of the images that they were made from.
    """

    id: str
    rows: int
    columns: int
    patch_size: int
    bands: tuple[str, ...] | int
    dtype: str
    scale: float
    zero_point: int = 0
    source_patch_size: int | None = None
    crop: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """DataError, beginning with the scene's id, for anything that the board's programs would refuse."""
        if not _ID.fullmatch(self.id):
            raise DataError(f"scene {self.id!r}: an id for the board has letters, digits, '.', '-' and '_', at most 180, no '.' first")
        for name, most in _MOST.items():
            value = getattr(self, name)
            if value is not None and not (type(value) is int and 1 <= value <= most):
                raise DataError(f"scene {self.id}: {name} is {value!r}; it must be a whole number from 1 to {most}")
        if not 1 <= self.channels <= _MOST_BANDS:
            raise DataError(f"scene {self.id}: has {self.channels} bands; 1 to {_MOST_BANDS} are possible")
        if self.dtype not in _TYPES:
            raise DataError(f"scene {self.id}: dtype {self.dtype!r}; there are {', '.join(_TYPES)}")
        if not (isinstance(self.scale, (int, float)) and math.isfinite(self.scale) and self.scale > 0):
            raise DataError(f"scene {self.id}: scale {self.scale!r} must be a positive number")
        if self.patches > _MOST_PATCHES or self.patch_bytes > _MOST_BYTES:
            raise DataError(f"scene {self.id}: {self.patches} patches of {self.patch_bytes} bytes are more than the board's programs take")

    @property
    def channels(self) -> int:
        """The number of bands (of classes, in results)."""
        return self.bands if isinstance(self.bands, int) else len(self.bands)

    @property
    def patches(self) -> int:
        """How many patches make up the scene."""
        return self.rows * self.columns

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one patch: height, width, bands."""
        return self.patch_size, self.patch_size, self.channels

    @property
    def patch_bytes(self) -> int:
        """Bytes of one patch's file."""
        return math.prod(self.shape) * np.dtype(_TYPES[self.dtype]).itemsize

    def file(self, position: int) -> str:
        """The name of the patch at `position`, row by row from 0."""
        return f"patch_{position + 1}_{position // self.columns + 1}_by_{position % self.columns + 1}_{self.id}.bin"

    def text(self) -> str:
        """scene.json."""
        values: dict[str, Any] = {
            "id": self.id,
            "rows": self.rows,
            "columns": self.columns,
            "patch_size": self.patch_size,
            "bands": list(self.bands) if isinstance(self.bands, tuple) else self.bands,
            "dtype": self.dtype,
            "scale": self.scale,
        }
        if self.source_patch_size is not None:
            values |= {"source_patch_size": self.source_patch_size, "zero_point": self.zero_point}
        if self.crop is not None:
            values["crop"] = list(self.crop)
        return json.dumps(values, indent=2) + "\n"

    def stored(self, patch: np.ndarray, position: int) -> bytes:
        """A patch as its file holds it; DataError where it is not of this scene's shape and type."""
        if patch.shape != self.shape or patch.dtype != np.dtype(_TYPES[self.dtype]).newbyteorder("="):
            raise DataError(
                f"{self.file(position)}: is {patch.dtype} {patch.shape} where the scene's patches are {self.dtype} {self.shape}; "
                "all patches of a scene have one size"
            )
        return np.ascontiguousarray(patch, _TYPES[self.dtype]).tobytes()


def write(folder: Path, scene: PackedScene, patches: Iterable[np.ndarray]) -> None:
    """Write `scene` into the empty `folder`, its `patches` row by row; everything is on the disk when this returns, scene.json last.

    Holds one patch at a time. DataError where a patch does not fit, or there are too few or too many.
    """
    behind: deque[int] = deque()
    try:
        count = 0
        for position, patch in enumerate(patches):
            if position >= scene.patches:
                raise DataError(f"scene {scene.id}: more than its {scene.patches} patches")
            behind.append(_put(folder / scene.file(position), scene.stored(patch, position)))
            if len(behind) > _BEHIND:
                _flush(behind.popleft())
            count += 1
        if count < scene.patches:
            raise DataError(f"scene {scene.id}: {scene.file(count)} and what follows it is missing")
        while behind:
            _flush(behind.popleft())
        _flush(_put(folder / ABOUT, scene.text().encode()))
    finally:
        for descriptor in behind:
            os.close(descriptor)


def read(folder: Path) -> PackedScene:
    """What the scene.json of `folder` says; DataError where it is missing, damaged or not of a scene."""
    path = Path(folder) / ABOUT
    try:
        if path.stat().st_size > _MOST_JSON:
            raise DataError(f"{path}: too large for a scene's; copy the folder again")
        found = files.read_json(path)
    except FileNotFoundError:
        raise DataError(f"{path}: is missing; a scene for the board has one, results have it when they are complete") from None
    except (OSError, ValueError, RecursionError) as why:
        raise DataError(f"{path}: cannot be read ({why}); copy it again") from None
    try:
        bands, crop = found["bands"], found.get("crop")
        return PackedScene(
            found["id"],
            found["rows"],
            found["columns"],
            found["patch_size"],
            bands if type(bands) is int else tuple(map(str, bands)),
            found["dtype"],
            found["scale"],
            int(found.get("zero_point", 0)),
            found.get("source_patch_size"),
            None if crop is None else (int(crop[0]), int(crop[1])),
        )
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as why:
        raise DataError(f"{path}: is no scene's ({type(why).__name__}: {why})") from None
    except DataError as why:
        raise DataError(f"{path}: {why}") from None


def check(folder: Path, scene: PackedScene) -> None:
    """DataError unless `folder` holds exactly the patches of `scene`, each of the right size; hidden files are left alone."""
    wanted = {scene.file(position) for position in range(scene.patches)}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith(".") or entry.name == ABOUT:
            continue
        if entry.name not in wanted:
            raise DataError(f"{entry.path}: is no patch of scene {scene.id}; move it away")
        size = entry.stat().st_size if entry.is_file() else 0
        if size != scene.patch_bytes:
            raise DataError(f"{entry.path}: {size} bytes where {scene.patch_bytes} belong; copy it again")
        wanted.remove(entry.name)
    if wanted:
        first = next(name for name in map(scene.file, range(scene.patches)) if name in wanted)
        raise DataError(f"{folder / first}: is missing" + (f" (and {len(wanted) - 1} more)" if len(wanted) > 1 else ""))


def read_patch(folder: Path, scene: PackedScene, position: int) -> np.ndarray:
    """The patch at `position` as (height, width, bands) in the scene's type, native byte order; DataError where it is damaged."""
    path = folder / scene.file(position)
    try:
        data = path.read_bytes()
    except OSError as why:
        raise DataError(f"{path}: cannot be read ({why.strerror})") from None
    if len(data) != scene.patch_bytes:
        raise DataError(f"{path}: {len(data)} bytes where {scene.patch_bytes} belong; copy it again")
    return np.frombuffer(data, _TYPES[scene.dtype]).reshape(scene.shape).astype(scene.dtype, copy=False)


def holds(folder: Path, scene: PackedScene, patches: Iterable[np.ndarray]) -> bool:
    """Whether `folder` holds exactly `scene` with these `patches`, byte for byte; stops at the first difference."""
    try:
        if (folder / ABOUT).read_text(encoding="utf-8") != scene.text():
            return False
        check(folder, scene)
        return all((folder / scene.file(i)).read_bytes() == scene.stored(patch, i) for i, patch in enumerate(patches))
    except (OSError, UnicodeDecodeError):
        return False
    except DataError:
        return False


def is_packed(folder: Path, scene_id: str) -> bool:
    """Whether `folder` holds nothing but a scene for the board of this id, be it damaged: what may be replaced by another one."""
    names = [entry.name for entry in os.scandir(folder)]
    if ".origin.json" in names:  # `inference` writes its results here
        return False
    shown = [name for name in names if not name.startswith(".")]
    if not all(name == ABOUT or ((found := _PATCH.fullmatch(name)) and found[4] == scene_id) for name in shown):
        return False
    try:
        return read(folder).dtype in ("uint16", "float32")
    except DataError:
        return True


def _put(path: Path, data: bytes) -> int:
    """Write a new file; its descriptor, still open."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _flush(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
