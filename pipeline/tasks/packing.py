"""The stage `board pack`: test scenes as the board's programs take them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..board import scene_folder
from ..board.placing import placed_folder, remove_left
from ..board.scene_folder import PackedScene
from ..config import Config
from ..data.reader import FULL_SCALE
from ..errors import DataError, MissingToolError, UsageError
from ..progress import say, track
from . import cloud

DTYPES = ("uint16", "float32")


def pack(config: Config, ids: Sequence[str], dtype: str, out: Path) -> dict[str, Any]:
    """Write test scenes (all, or those of `ids`) to `out`/<scene id>/ with the bands that the network takes, at their own size.

    A folder that holds the same bytes already is kept, another one is replaced when its successor is complete. Returns `dtype`, `bands`
    and, for each scene, where it is and what was done. UsageError for an unknown id, MissingToolError without room for all of it.
    """
    if dtype not in DTYPES:
        raise UsageError(f"--dtype {dtype}: there are {', '.join(DTYPES)}")
    scenes = _chosen(config, ids)
    wanted = [(scene, packed_scene(config, scene, dtype)) for scene in scenes]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{out}: a file is in the way of this folder; give another --out") from None
    for scene, _ in wanted:
        remove_left(out / scene.id)
    there = {scene.id: _there(out / scene.id, packed, scene) for scene, packed in wanted if (out / scene.id).exists()}
    new = [packed for scene, packed in wanted if not there.get(scene.id, False)]
    _need_room(out, [packed for packed in new if packed.id not in there], [packed for packed in new if packed.id in there])
    rows = []
    for scene, packed in wanted:
        done = "kept" if there.get(scene.id) else "replaced" if scene.id in there else "packed"
        if done != "kept":
            _pack(out / scene.id, packed, scene)
        size = f"{packed.patches} patches, {packed.patches * packed.patch_bytes / 2**20:.1f} MiB"
        say(f"{out / scene.id}: " + ("the same scene is there already, kept" if done == "kept" else f"{done}, {size}"))
        crop = packed.crop or (packed.rows * packed.patch_size, packed.columns * packed.patch_size)
        about = {"id": scene.id, "folder": str(out / scene.id), "done": done, "patches": packed.patches}
        rows.append(about | {"bytes": packed.patches * packed.patch_bytes, "crop": list(crop)})
    return {"dtype": dtype, "bands": list(cloud.Cloud(config).bands), "scenes": rows}


def _chosen(config: Config, ids: Sequence[str]) -> list[cloud.Scene]:
    scenes = {scene.id: scene for scene in cloud.Cloud(config).scenes()}
    if not scenes:
        raise DataError(f"{config.data.root or cloud.DEMO_ROOT}: has no test scenes (38-Cloud_test); nothing to pack")
    if unknown := [each for each in ids if each not in scenes]:
        raise UsageError(f"scene {', '.join(unknown)}: not among the test scenes, which are {', '.join(scenes)}")
    return [scenes[each] for each in dict.fromkeys(ids or scenes)]


def packed_scene(config: Config, scene: cloud.Scene, dtype: str) -> PackedScene:
    """`scene` as it is packed."""
    truth = scene.truth()
    scale = 1 / FULL_SCALE if dtype == "uint16" else 1.0
    crop = None if truth is None else truth.shape
    return PackedScene(scene.id, scene.rows, scene.cols, scene.side, cloud.Cloud(config).bands, dtype, scale, crop=crop)


def _patches(scene: cloud.Scene, dtype: str) -> Iterator[np.ndarray]:
    for position in scene.positions():
        yield _as(dtype, scene.stored(*position))


def _as(dtype: str, stored: np.ndarray) -> np.ndarray:
    """uint16 values as they are; float32 as the dataset's reader scales them to 0..1."""
    return stored if dtype == "uint16" else stored * np.float32(1 / FULL_SCALE)


def _there(folder: Path, packed: PackedScene, scene: cloud.Scene) -> bool:
    """Whether `folder` holds this very scene; UsageError where it holds something else that must not be lost."""
    if not folder.is_dir() or not scene_folder.is_packed(folder, scene.id):
        raise UsageError(f"{folder}: is there and holds other things than scene {scene.id}; move it away or give another --out")
    patches = track(_patches(scene, packed.dtype), f"comparing {scene.id}", packed.patches)
    return scene_folder.holds(folder, packed, patches)


def _pack(folder: Path, packed: PackedScene, scene: cloud.Scene) -> None:
    with placed_folder(folder) as partial:
        scene_folder.write(partial, packed, track(_patches(scene, packed.dtype), f"packing {scene.id}", packed.patches))


def _need_room(out: Path, fresh: Sequence[PackedScene], replaced: Sequence[PackedScene]) -> None:
    """Scenes that are replaced need room for one more of them at a time."""
    about = os.statvfs(out)
    block = about.f_frsize or 4096  # a file takes whole clusters: up to 64 KiB each on a large card

    def taken(packed: PackedScene) -> int:
        return packed.patches * (-(-packed.patch_bytes // block) * block) + 2 * block

    needed = sum(map(taken, fresh)) + max(map(taken, replaced), default=0)
    free = about.f_bavail * block
    if needed > free:
        few = "" if len(fresh) + len(replaced) < 2 else " or choose fewer with --scene"
        raise MissingToolError(
            f"{out}: {len(fresh) + len(replaced)} scene(s) need {needed / 2**20:.1f} MiB and {free / 2**20:.1f} MiB are free; "
            f"make room{few}"
        )
