"""Demo data: made-up scenes in exactly the layout of 38-Cloud, made in seconds, the same on any machine.

It stands in where no dataset is given, so that everything can be tried without 13 GB of downloads. It is hard enough that brightness
alone does not tell cloud from snow, sand and roofs; figures measured on it say nothing about real scenes, which is why the marker file
`edgeseg-demo.json` lets every report say what it was made on.
"""

import errno
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..files import complete_folder, read_json, write_json, write_text
from ..progress import say, track
from . import tiff
from .bands import BANDS, MASK
from .demo_clouds import Sky, cover
from .demo_terrain import Terrain, ground
from .layout import DEMO_MARKER, CloudDataset, open_dataset
from .lists import write_list
from .names import PatchName
from .nonempty import is_nonempty

VERSION = 1  # raise it whenever a pixel changes
SIDE = 128  # of a patch, pixels


@dataclass(frozen=True)
class DemoScene:
    """One scene: its number (WRS path and row, far outside the real ones), patches, pixels cut off, what is in it, and its sun."""

    number: int
    grid: tuple[int, int]  # rows and columns of patches
    cut: tuple[int, int]  # pixels by which the scene is smaller than the grid; odd, so that how half of it is rounded matters
    tilt: float  # of the footprint, degrees
    sun: float  # brightness of everything
    terrain: Terrain
    sky: Sky

    @property
    def id(self) -> str:
        """A Landsat product id that no real scene has."""
        return f"LC08_L1TP_{self.number}_20000101_20000101_01_T1"


TRAINING = (
    DemoScene(999001, (5, 4), (15, 11), 5.0, 1.00, Terrain(fields=0.50, sand=0.10, built=0.14, water=0.22), Sky(0.24, 0.14, (15, -10))),
    DemoScene(999002, (4, 5), (21, 13), 6.0, 0.85, Terrain(fields=0.15, mountains=0.60, snow=0.38), Sky(0.22, 0.14, (18, -12))),
    DemoScene(999003, (5, 4), (9, 17), 4.0, 1.08, Terrain(sand=0.70, mountains=0.15, built=0.06), Sky(0.22, 0.16, (10, -7))),
    DemoScene(999004, (4, 5), (13, 15), 5.5, 0.90, Terrain(fields=0.60, sand=0.18, built=0.18, water=0.06), Sky(0.26, 0.14, (14, -9))),
    DemoScene(999005, (5, 4), (17, 11), 4.5, 0.66, Terrain(mountains=0.60, snow=0.48, water=0.10), Sky(0.22, 0.12, (20, -13))),
)
TEST = (
    DemoScene(999101, (5, 4), (15, 19), 5.0, 0.80, Terrain(fields=0.40, mountains=0.50, snow=0.36, water=0.10), Sky(0.24, 0.14, (17, -11))),
    DemoScene(999102, (3, 5), (17, 9), 4.5, 0.95, Terrain(0.20, 0.50, mountains=0.25, snow=0.14, built=0.15, water=0.10), Sky(0.24, 0.16)),
)


def make(root: Path, seed: int = 38) -> CloudDataset:
    """Make the demo dataset at `root` and open it; where it is there already, only open it.

    The whole folder appears at once when it is complete. Raises DataError where `root` holds anything else, a demo of another seed or
    version included.
    """
    root = Path(root)
    marker = {"what": "edgeseg demo data, made up: not satellite images", "version": VERSION, "seed": seed}
    if root.exists():
        _expect(root, marker)
        return open_dataset(root)
    say(f"making demo data in {root}")
    try:
        _write(root, marker, seed)
    except OSError as why:
        if why.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        _expect(root, marker)  # another process was quicker; it made the same bytes
    return open_dataset(root)


def _write(root: Path, marker: dict[str, object], seed: int) -> None:
    with complete_folder(root) as folder, ThreadPoolExecutor() as pool:
        for part, scenes in (("training", TRAINING), ("test", TEST)):
            for kind in (*BANDS, *([MASK] if part == "training" else ["Entire_scene_gts"])):
                _patches_folder(folder, part, kind).mkdir(parents=True)
            writing = pool.map(lambda scene, part=part: _write_scene(folder, part, scene, seed), scenes)
            made = list(track(writing, f"{part} scenes", len(scenes)))
            home = folder / f"38-Cloud_{part}"
            write_list(home / f"{part}_patches_38-Cloud.csv", [name for names, _ in made for name in names])
            write_text(home / f"{part}_sceneids_38-Cloud.csv", "".join(f"{line}\n" for line in ["name", *(scene.id for scene in scenes)]))
            if part == "training":
                write_list(home / "training_patches_38-cloud_nonempty.csv", [name for _, filled in made for name in filled])
        write_json(folder / DEMO_MARKER, marker)


def render(scene: DemoScene, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The whole grid of a scene: bands (4, H, W) uint16 and mask (H, W) uint8 of 0 and 255, both zero outside the tilted footprint.

    A digital number is 5000 + 50000 x reflectance, clipped to 1..65535: within the footprint nothing is zero.
    """
    rng = np.random.Generator(np.random.PCG64([seed, scene.number]))
    height, width = scene.grid[0] * SIDE, scene.grid[1] * SIDE
    image, cloud = cover(rng, ground(rng, height, width, scene.terrain), scene.sky)
    # Light scattered in the air on the way, and what the detector adds.
    image = scene.sun * image + 0.004 * rng.standard_normal(image.shape)
    seen = _footprint(scene, height, width)
    numbers = np.clip(np.rint(5000.0 + 50000.0 * image), 1, 65535)
    return np.where(seen, numbers, 0).astype(np.uint16), np.where(seen & cloud, 255, 0).astype(np.uint8)


def inner(scene: DemoScene) -> tuple[slice, slice]:
    """Where in the grid the scene itself lies: its centre, the smaller half of an odd difference first."""
    return tuple(slice(cut // 2, cut // 2 + count * SIDE - cut) for count, cut in zip(scene.grid, scene.cut, strict=True))


def _footprint(scene: DemoScene, height: int, width: int) -> np.ndarray:
    """Which pixels were seen: the largest rectangle turned by `tilt` that fits the scene, bool (height, width)."""
    rows, columns = inner(scene)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    y -= (rows.start + rows.stop - 1) / 2
    x -= (columns.start + columns.stop - 1) / 2
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    sine, cosine = np.sin(np.radians(scene.tilt)), np.cos(np.radians(scene.tilt))
    # Sides a, b of a rectangle turned by t fill wide = a cos t + b sin t and tall = a sin t + b cos t.
    a = (wide * cosine - tall * sine) / (cosine**2 - sine**2)
    b = (tall * cosine - wide * sine) / (cosine**2 - sine**2)
    return (np.abs(x * cosine + y * sine) <= a / 2) & (np.abs(y * cosine - x * sine) <= b / 2)


def _write_scene(folder: Path, part: str, scene: DemoScene, seed: int) -> tuple[list[PatchName], list[PatchName]]:
    """Write all files of one scene; returns its patches, and those of them that are not empty."""
    bands, mask = render(scene, seed)
    names, filled = [], []
    for index in range(scene.grid[0] * scene.grid[1]):
        row, column = divmod(index, scene.grid[1])
        name = PatchName(index + 1, row + 1, column + 1, scene.id)
        where = (slice(row * SIDE, (row + 1) * SIDE), slice(column * SIDE, (column + 1) * SIDE))
        for band, image in zip(BANDS, bands, strict=True):
            tiff.write(_patches_folder(folder, part, band) / name.file(band), image[where])
        if part == "training":
            tiff.write(_patches_folder(folder, part, MASK) / name.file(MASK), mask[where])
        names.append(name)
        if is_nonempty(bands[0][where]):
            filled.append(name)
    if part == "test":
        tiff.write(_patches_folder(folder, part, "Entire_scene_gts") / f"edited_corrected_gts_{scene.id}.TIF", mask[inner(scene)])
    return names, filled


def _patches_folder(folder: Path, part: str, kind: str) -> Path:
    """`38-Cloud_training/train_red`, `38-Cloud_test/test_red`, and so on; the scene masks' folder carries no prefix."""
    prefix = {"training": "train_", "test": "test_"}[part] if kind in (*BANDS, MASK) else ""
    return folder / f"38-Cloud_{part}" / f"{prefix}{kind}"


def _expect(root: Path, marker: dict[str, object]) -> None:
    """Raise DataError unless `root` is the demo that `marker` describes."""
    try:
        found = read_json(root / DEMO_MARKER)
    except (OSError, ValueError):
        raise DataError(f"{root}: exists and is not edgeseg demo data; name another folder or remove this one") from None
    if found != marker:
        raise DataError(f"{root}: holds demo data of another version or seed ({found}); remove the folder, and it is made anew")
