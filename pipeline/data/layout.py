"""38-Cloud and 95-Cloud folders as they are shipped: where the lists, bands and masks lie.

38-Cloud comes as `38-Cloud_training` and `38-Cloud_test`, with one folder for each band (`train_red` and so on), CSV lists, and whole-scene
masks in `38-Cloud_test/Entire_scene_gts`. 95-Cloud adds `95-cloud_training_only_additional_to38-cloud`, with band folders such as
`train_red_additional_to38cloud`; its training set is both, its test set is that of 38-Cloud. Releases differ in case and in where they
put the list of non-empty patches, so parts are told by the band folders in them and lists by pattern.
"""

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ..errors import DataError, UsageError
from . import nonempty as nonempty_patches
from .bands import BANDS, MASK
from .grids import SceneGrid, grids
from .lists import read_list
from .names import PatchName, parse

DEMO_MARKER = "edgeseg-demo.json"
_LEVELS = 2  # how deep below the root the parts may lie: root/part or root/<any folder>/part


@dataclass(frozen=True)
class Part:
    """One folder of patches: the training or test part of 38-Cloud, or what 95-Cloud adds to training."""

    folder: Path
    kind: str  # "train" or "test"
    extension: bool = False  # 95-Cloud's addition
    folders: dict[str, Path] = field(default_factory=dict, compare=False)  # of each band, and of the masks under "gt"
    lists: tuple[Path, ...] = ()  # CSV files that may name its patches
    nonempty_lists: tuple[Path, ...] = ()

    def path(self, band: str, patch: PatchName) -> Path:
        """Where one band of a patch lies, or should lie."""
        return self.folders[band] / patch.file(band)

    @cached_property
    def patches(self) -> list[PatchName]:
        """Every patch of the part: as its list names them, or, without a list, as the red band's files do; DataError if there are none."""
        if self.lists:
            return read_list(self.lists[0])
        stems = sorted(parse(name) for name in _names(self.folders["red"]) if name.lower().endswith((".tif", ".tiff")))
        if not stems:
            raise DataError(f"{self.folder}: no list of patches ({self.kind}…_patches_….csv) and no patches in {self.folders['red'].name}")
        return stems

    def require(self, patches: list[PatchName], source: str) -> None:
        """Raise DataError for the first file of `patches` that is not there; `source` says who names it."""
        bands = BANDS + ((MASK,) if self.kind == "train" else ())
        for band in bands:
            there = _names(self.folders[band])
            for patch in patches:
                if patch.file(band) not in there:
                    path = self.path(band, patch)
                    raise DataError(f"{path}: this file is missing, though {source} names it; `data check` lists all that is wrong")


@dataclass(frozen=True)
class CloudDataset:
    """A dataset in the 38-Cloud layout. Paths it returns may not exist; lists of patches it returns have all their files."""

    root: Path
    name: str  # "38-Cloud", "95-Cloud" or "demo"
    demo: bool
    train: tuple[Part, ...]  # 38-Cloud's, then 95-Cloud's addition
    test: Part | None

    def listed(self, part: str) -> list[PatchName]:
        """Every patch of `part` ("train" or "test"), in the order of the lists; the files are not looked for."""
        return [patch for one in self._parts(part) for patch in one.patches]

    def training_patches(self, nonempty: bool = True) -> list[PatchName]:
        """The training patches, in the order of the lists; `nonempty` leaves out those without enough image in them.

        The non-empty ones are those the dataset's own list names; where it has none, the list is computed and kept: see `nonempty.py`.
        Raises DataError for an empty or damaged list and for a patch one of whose files is missing.
        """
        chosen = []
        for part in self._parts("train"):
            patches = part.patches
            part.require(patches, str(part.lists[0]) if part.lists else "the red band")
            if nonempty:
                patches = nonempty_patches.select(part, self.listed("train"), both=len(self.train) > 1)
            chosen += patches
        return chosen

    def test_scenes(self) -> list[SceneGrid]:
        """The test scenes, by scene id; raises DataError for a missing or doubled patch or a missing file, by its name."""
        (part,) = self._parts("test")
        source = str(part.lists[0]) if part.lists else "the red band"
        part.require(part.patches, source)
        return grids(part.patches, source)

    def band_path(self, part: str, band: str, patch: PatchName) -> Path:
        """The file of one band of a patch of `part` ("train" or "test")."""
        return self._part_of(part, patch).path(band, patch)

    def mask_path(self, patch: PatchName) -> Path:
        """The mask of a training patch."""
        return self._part_of("train", patch).path(MASK, patch)

    def scene_mask_path(self, scene_id: str) -> Path:
        """The whole mask of a test scene."""
        (part,) = self._parts("test")
        return _child(part.folder, "Entire_scene_gts") / f"edited_corrected_gts_{scene_id}.TIF"

    def _parts(self, part: str) -> tuple[Part, ...]:
        if part not in ("train", "test"):
            raise UsageError(f"a dataset has the parts train and test, not {part!r}")
        parts = self.train if part == "train" else (self.test,) if self.test else ()
        if not parts:
            which = "training" if part == "train" else "test"
            raise DataError(f"{self.root}: holds no {which} patches; expected a folder such as 38-Cloud_{which} with {part}_red in it")
        return parts

    def _part_of(self, part: str, patch: PatchName) -> Part:
        parts = self._parts(part)
        return parts[0] if len(parts) == 1 else self._part_of_scene.get(patch.scene, parts[0])

    @cached_property
    def _part_of_scene(self) -> dict[str, Part]:
        return {patch.scene: part for part in self.train for patch in part.patches}


def open_dataset(root: Path | str) -> CloudDataset:
    """Find the parts of a dataset in `root` or one folder below it; reads no image.

    Raises DataError where there is none, or more than one of a kind.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; set data.root to the folder that holds 38-Cloud_training and 38-Cloud_test")
    parts: list[Part] = []
    level = [root]
    for _ in range(_LEVELS):
        parts = [part for parent in level for folder in _folders(parent) for part in _recognize(folder)]
        if parts:
            break
        level = [folder for parent in level for folder in _folders(parent)]
    if not parts:
        raise DataError(f"{root}: not a 38-Cloud or 95-Cloud folder: no 38-Cloud_training with train_red, no 38-Cloud_test with test_red")
    for one in parts:
        for other in parts:
            if one is not other and (one.kind, one.extension) == (other.kind, other.extension):
                raise DataError(f"{root}: {one.folder} and {other.folder} look like the same part of a dataset; keep one of them there")
    parents = {part.folder.parent for part in parts}
    base = parents.pop() if len(parents) == 1 else root
    train = tuple(sorted((part for part in parts if part.kind == "train"), key=lambda part: part.extension))
    test = next((part for part in parts if part.kind == "test"), None)
    demo = (base / DEMO_MARKER).is_file()
    name = "demo" if demo else "95-Cloud" if any(part.extension for part in train) else "38-Cloud"
    return CloudDataset(base, name, demo, train, test)


def _recognize(folder: Path) -> list[Part]:
    """The parts whose band folders lie in `folder`: none, or one (both only if somebody merged training and test)."""
    children = {child.name.lower(): child for child in _folders(folder)}
    parts = []
    for kind in ("train", "test"):
        found = {
            band: child
            for band in (*BANDS, MASK)
            for name, child in sorted(children.items(), reverse=True)
            if re.fullmatch(rf"{kind}_{band}(_additional.*)?", name)
        }
        if not found:
            continue
        example = next(iter(found.values())).name
        extension = kind == "train" and ("additional" in example.lower() or "additional" in folder.name.lower())
        suffix = re.sub(rf"(?i)^{kind}_[a-z]+?(?=_additional|$)", "", example)
        folders = {band: found.get(band, folder / f"{kind}_{band}{suffix}") for band in (*BANDS, MASK)}  # absent ones where they belong
        parts.append(Part(folder, kind, extension, folders, _lists(folder, kind, extension), _nonempty_lists(folder, extension)))
    return parts


def _lists(folder: Path, kind: str, extension: bool) -> tuple[Path, ...]:
    pattern = re.compile(r"train\w*_patches_.*\.csv" if kind == "train" else r"test\w*_patches_.*\.csv")
    found = [
        path
        for path in _csvs(folder)
        if pattern.fullmatch(path.name.lower())
        and "nonempty" not in path.name.lower()
        and (kind == "test" or ("95" in path.name or "additional" in path.name.lower()) == extension)
    ]
    return tuple(sorted(found, key=lambda path: ("additional" not in path.name.lower(), path.name)))


def _nonempty_lists(folder: Path, extension: bool) -> tuple[Path, ...]:
    """In the folder or, as the archives have it, beside it. 95-Cloud's list also names the patches of 38-Cloud."""
    lists = [path for place in (folder, folder.parent) for path in _csvs(place)]
    found = [path for path in lists if re.fullmatch(r"train\w*_patches_.*nonempty.*\.csv", path.name.lower())]
    return tuple(sorted((path for path in found if not extension or "95" in path.name), key=lambda path: "95" in path.name))


def _csvs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv" and path.is_file() and not path.name.startswith("."))


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as why:
        raise DataError(f"{folder}: cannot be read: {why.strerror}") from None


def _names(folder: Path) -> set[str]:
    """The names in a folder; none where it is missing, so that the first file that should be in it is named."""
    return set(os.listdir(folder)) if folder.is_dir() else set()


def _child(folder: Path, name: str) -> Path:
    """The child called `name` in any case, or the path it would have."""
    return next((child for child in _folders(folder) if child.name.lower() == name.lower()), folder / name)
