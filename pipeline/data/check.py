"""Look through a whole dataset and say everything that is wrong with it, not only the first thing."""

import csv
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..progress import track
from . import tiff
from .bands import BANDS, MASK
from .layout import CloudDataset, Part, open_dataset
from .names import PatchName, parse
from .nonempty import is_nonempty

_COUNTED = ("training patches", "training scenes", "non-empty training patches", "test patches", "test scenes")
# What the authors' pages say: github.com/SorourMo/38-Cloud-A-Cloud-Segmentation-Dataset and .../95-Cloud-An-Extension-to-38-Cloud-Dataset.
PUBLISHED = {
    "38-Cloud": dict(zip(_COUNTED, (8400, 18, 5155, 9201, 20), strict=True)),
    "95-Cloud": dict(zip(_COUNTED, (34701, 75, 21502, 9201, 20), strict=True)),
}
MOST_HOLES = 100  # named one by one for a scene; beyond that, counted

Problem = tuple[str, str]  # a file, and what is wrong with it


@dataclass(frozen=True)
class Findings:
    """What a check found: counts of patches and scenes, the published ones (empty for other datasets), and the problems, by file."""

    dataset: str
    root: str
    counts: dict[str, int]
    published: dict[str, int]
    problems: tuple[Problem, ...]

    @property
    def complete(self) -> bool:
        """Whether every published count is met."""
        return all(self.counts[what] == count for what, count in self.published.items())

    def as_dict(self) -> dict[str, Any]:
        """The findings as plain values for JSON."""
        return {
            "dataset": self.dataset,
            "root": self.root,
            "ok": not self.problems,
            "counts": self.counts,
            "published": self.published,
            "problems": [{"file": file, "problem": problem} for file, problem in self.problems],
        }


@dataclass
class _Part:
    """One part of the dataset while it is looked through."""

    part: Part
    listed: dict[PatchName, None]  # in the order of the list, which is that of the files where there is none
    there: dict[str, set[str]]  # the files of each band
    shapes: dict[Path, tuple[int, int]] = field(default_factory=dict)
    filled: set[PatchName] = field(default_factory=set)


def check(root: Path) -> Findings:
    """Read every file of the dataset at `root`; raises DataError only where there is no dataset at all."""
    dataset = open_dataset(root)
    problems: list[Problem] = []
    parts = [_survey(part, problems) for part in (*dataset.train, *([dataset.test] if dataset.test else []))]
    work = [(one, patch) for one in parts for patch in one.listed]
    with ThreadPoolExecutor() as pool:
        for found in track(pool.map(lambda item: _check_patch(*item), work), "checking patches", len(work)):
            problems += found
    for kind in ("train", "test"):
        problems += _check_sizes([one for one in parts if one.part.kind == kind])
    _check_places(parts, problems)
    training, test = ([one for one in parts if one.part.kind == kind] for kind in ("train", "test"))
    for one in test:
        _check_scenes(dataset, one, problems)
    counts = {
        **_count("training", training),
        "non-empty training patches": len(_nonempty(training, problems)),
        **_count("test", test),
    }
    published = PUBLISHED.get(dataset.name, {})
    return Findings(dataset.name, str(dataset.root), counts, published, tuple(sorted(set(problems))))


def render(findings: Findings) -> str:
    """The findings for people, in lines."""
    lines = [f"{findings.root}: {findings.dataset}"]
    for what, count in findings.counts.items():
        expected = findings.published.get(what)
        beside = "" if expected is None else f"   published {expected:>6}" + ("" if count == expected else "  differs")
        lines.append(f"  {what:<28}{count:>7}{beside}")
    if not findings.complete:
        name = findings.dataset
        lines.append(f"  note: not the whole of {name} as it was published; figures measured on it are not figures of {name}")
    lines += [f"  {file}: {problem}" for file, problem in findings.problems]
    return "\n".join([*lines, f"  {len(findings.problems)} problems" if findings.problems else "  nothing is wrong with it"])


def _survey(part: Part, problems: list[Problem]) -> _Part:
    """Hold the list of a part against the files that are there."""
    there: dict[str, set[str]] = {}
    found: set[PatchName] = set()
    for band in _bands(part):
        folder = part.folders[band]
        there[band] = {path.name for path in folder.iterdir() if path.suffix.lower() in (".tif", ".tiff")} if folder.is_dir() else set()
        if not folder.is_dir():
            problems.append((str(folder), "this folder is missing"))
        for name in there[band]:
            try:
                patch = parse(name)
            except DataError:
                expected = f"{band}_patch_<index>_<row>_by_<col>_<scene id>.TIF"
                problems.append((str(folder / name), f"not the name of a patch; expected {expected}"))
                continue
            if patch.file(band) != name:
                problems.append((str(folder / name), f"misnamed; expected {patch.file(band)}"))
            else:
                found.add(patch)
    if not part.lists:
        return _Part(part, dict.fromkeys(sorted(found)), there)
    listed = _read_list(part.lists[0], problems)
    for patch in found - listed.keys():
        unnamed = [str(part.path(band, patch)) for band, files in there.items() if patch.file(band) in files]
        problems += [(path, f"{part.lists[0].name} does not name it") for path in unnamed]
    return _Part(part, listed, there)


def _read_list(path: Path, problems: list[Problem]) -> dict[PatchName, None]:
    """The patches that a CSV list names; every bad row becomes a problem."""
    listed: dict[PatchName, None] = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as why:
        problems.append((str(path), f"this list cannot be read: {why}"))
        return listed
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    column = header.index("name") if "name" in header else 0
    for number, row in enumerate(rows, start=1):
        if not any(cell.strip() for cell in row) or (number == 1 and "name" in header):
            continue
        try:
            patch = parse(row[column].strip() if column < len(row) else "")
        except DataError as why:
            problems.append((str(path), f"line {number}: {why}"))
            continue
        if patch in listed:
            problems.append((str(path), f"line {number}: {patch.stem} is listed twice"))
        listed[patch] = None
    if not listed:
        problems.append((str(path), "this list names no patch"))
    return listed


def _check_patch(one: _Part, patch: PatchName) -> list[Problem]:
    """Read all files of a patch."""
    problems: list[Problem] = []
    for band, there in one.there.items():
        path = one.part.path(band, patch)
        if patch.file(band) not in there:
            if path.parent.is_dir():  # a folder that is missing was told once
                reason = f"{one.part.lists[0].name} names it" if one.part.lists else "other bands are there"
                problems.append((str(path), f"missing, though {reason}"))
            continue
        image = _read(path, np.uint8 if band == MASK else np.uint16, problems)
        if image is None:
            continue
        one.shapes[path] = image.shape
        if band == MASK:
            _check_values(path, image, problems)
        elif band == BANDS[0] and is_nonempty(image):
            one.filled.add(patch)
    return problems


def _read(path: Path, dtype: type, problems: list[Problem]) -> np.ndarray | None:
    try:
        return tiff.read(path, dtype)
    except DataError as why:
        problems.append((str(path), str(why).removeprefix(f"{path}: ")))
        return None


def _check_values(path: Path, mask: np.ndarray, problems: list[Problem]) -> None:
    strange = (mask != 0) & (mask != 255)
    if strange.any():
        values = np.unique(mask[strange])
        told = ", ".join(map(str, values[:5])) + (", ..." if len(values) > 5 else "")
        problems.append((str(path), f"{np.count_nonzero(strange)} pixels of this mask are neither 0 nor 255 but {told}"))


def _check_sizes(parts: list[_Part]) -> list[Problem]:
    """Every file that is not square, or not of the size that most of them have."""
    shapes = {path: shape for one in parts for path, shape in one.shapes.items()}
    if not shapes:
        return []
    ((usual, _),) = Counter(shapes.values()).most_common(1)
    problems = []
    for path, (height, width) in shapes.items():
        if height != width:
            problems.append((str(path), f"{height} x {width} pixels: not square"))
        elif (height, width) != usual:
            problems.append((str(path), f"{height} x {width} pixels, unlike most, which are {usual[0]} x {usual[1]}"))
    return problems


def _check_places(parts: list[_Part], problems: list[Problem]) -> None:
    """Two patches at one place of a scene; in test scenes, which are stitched, also places without a patch."""
    for one in parts:
        source = str(one.part.lists[0] if one.part.lists else one.part.folder)
        places: dict[str, dict[tuple[int, int], PatchName]] = {}
        for patch in one.listed:
            other = places.setdefault(patch.scene, {}).setdefault((patch.row, patch.col), patch)
            if other is not patch:
                problems.append((source, f"{other.stem} and {patch.stem} take the same place of the scene"))
        for scene, cells in places.items() if one.part.kind == "test" else ():
            rows, cols = max(row for row, _ in cells), max(col for _, col in cells)
            missing = rows * cols - len(cells)
            if missing > MOST_HOLES:
                problems.append((source, f"{scene}: {missing} of {rows} x {cols} patches are missing"))
            elif missing:
                holes = ((row, col) for row in range(1, rows + 1) for col in range(1, cols + 1) if (row, col) not in cells)
                problems += [(source, f"{scene}: the patch in row {row}, column {col} of {rows} x {cols} is missing") for row, col in holes]


def _check_scenes(dataset: CloudDataset, one: _Part, problems: list[Problem]) -> None:
    """The whole-scene masks of the test part."""
    grids: dict[str, tuple[int, int]] = {}
    for patch in one.listed:
        rows, cols = grids.get(patch.scene, (0, 0))
        grids[patch.scene] = (max(rows, patch.row), max(cols, patch.col))
    side = Counter(shape[0] for shape in one.shapes.values()).most_common(1)
    masks = {scene: dataset.scene_mask_path(scene) for scene in grids}
    for scene, path in track(masks.items(), "checking scene masks"):
        if not path.is_file():
            problems.append((str(path), "the mask of this test scene is missing"))
            continue
        mask = _read(path, np.uint8, problems)
        if mask is None:
            continue
        _check_values(path, mask, problems)
        if side:
            height, width = (count * side[0][0] for count in grids[scene])
            if mask.shape[0] > height or mask.shape[1] > width:
                told = f"{mask.shape[0]} x {mask.shape[1]} pixels: larger than its patches together, {height} x {width}"
                problems.append((str(path), told))
    known = {path.name for path in masks.values()}
    folders = {path.parent for path in masks.values() if path.parent.is_dir()}
    unknown = [path for folder in folders for path in folder.glob("*.TIF") if path.name not in known]
    problems += [(str(path), "the mask of a scene without patches") for path in unknown]


def _nonempty(training: list[_Part], problems: list[Problem]) -> set[PatchName]:
    """The non-empty training patches: those the dataset's lists name, else those found while reading."""
    listed = {patch for one in training for patch in one.listed}
    lists = {path for one in training for path in one.part.nonempty_lists}
    chosen: set[PatchName] = set()
    for path in sorted(lists):
        named = _read_list(path, problems).keys()
        # 95-Cloud's list names the patches of 38-Cloud too, which may not be there.
        if len(training) > 1 or "95" not in path.name:
            problems += [(str(path), f"names {patch.stem}, which is not among the training patches") for patch in named - listed]
        chosen |= named & listed
    return chosen if lists else {patch for one in training for patch in one.filled}


def _count(what: str, parts: Iterable[_Part]) -> dict[str, int]:
    patches = [patch for one in parts for patch in one.listed]
    return {f"{what} patches": len(patches), f"{what} scenes": len({patch.scene for patch in patches})}


def _bands(part: Part) -> tuple[str, ...]:
    return (*BANDS, MASK) if part.kind == "train" else BANDS
