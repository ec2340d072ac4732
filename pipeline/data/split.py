"""Splitting validation data off: by scene, so that nothing of a validation scene is trained on, or by patch, as the thesis did."""

import hashlib
from collections.abc import Sequence

from ..errors import UsageError
from .names import PatchName


def split(patches: Sequence[PatchName], how: str, fraction: float, seed: int) -> tuple[list[PatchName], list[PatchName]]:
    """Divide `patches` into (training, validation), each in the order given; `fraction` (0..1) of the scenes or patches go to validation.

    At least one scene (patch) goes to each side, and the rest by rounding. Scenes (patches) are drawn by a SHA-256 of seed and name,
    so the split is the same on any machine and does not depend on the order of the list. Patches of one scene share weather, ground and
    light: a score on how="patch" overstates what the network does on a new scene.
    Raises UsageError where there is only one scene (patch), or `how` is neither "scene" nor "patch".
    """
    if how not in ("scene", "patch"):
        raise UsageError(f"data.split = {how!r}: choose scene or patch")
    if not 0 < fraction < 1:
        raise UsageError(f"data.validation = {fraction}: choose a share between 0 and 1")

    def key(patch: PatchName) -> str:
        return patch.scene if how == "scene" else patch.stem

    keys = sorted({key(patch) for patch in patches}, key=lambda name: (hashlib.sha256(f"{seed}/{name}".encode()).digest(), name))
    if len(keys) < 2:
        if how == "scene" and len(patches) > 1:
            raise UsageError("all training patches are of one scene, so none can be split off by scene: set data.split=patch")
        raise UsageError(f"there is {len(patches) or 'no'} training patch; splitting off validation data takes two")
    number = min(max(round(fraction * len(keys)), 1), len(keys) - 1)
    chosen = set(keys[:number])
    return [patch for patch in patches if key(patch) not in chosen], [patch for patch in patches if key(patch) in chosen]
