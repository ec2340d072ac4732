"""The grid of patches that makes up a scene, told by the patches' names."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import DataError
from .names import PatchName


@dataclass(frozen=True)
class SceneGrid:
    """A scene of `rows` x `cols` patches; `patches` holds all of them, row by row."""

    scene: str
    rows: int
    cols: int
    patches: tuple[PatchName, ...]


def grids(patches: Iterable[PatchName], source: str) -> list[SceneGrid]:
    """Group patches into complete scenes, by scene id; `source` is the list they stem from.

    Raises DataError that names the first missing or doubled patch of a scene.
    """
    scenes: dict[str, dict[tuple[int, int], PatchName]] = {}
    for patch in patches:
        cells = scenes.setdefault(patch.scene, {})
        other = cells.setdefault((patch.row, patch.col), patch)
        if other is not patch:
            raise DataError(f"{source}: {other.stem} and {patch.stem} take the same place of the scene")
    return [_grid(scene, cells, source) for scene, cells in sorted(scenes.items())]


def _grid(scene: str, cells: dict[tuple[int, int], PatchName], source: str) -> SceneGrid:
    rows, cols = max(row for row, _ in cells), max(col for _, col in cells)
    if rows * cols != len(cells):
        # the search ends after at most as many places as there are patches, however large a number a name claims
        row, col = next((row, col) for row in range(1, rows + 1) for col in range(1, cols + 1) if (row, col) not in cells)
        missing = PatchName((row - 1) * cols + col, row, col, scene)
        raise DataError(f"{source}: {missing.stem} is missing; the scene has {len(cells)} of its {rows} x {cols} patches")
    return SceneGrid(scene, rows, cols, tuple(cells[key] for key in sorted(cells)))
