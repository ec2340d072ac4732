"""Which training patches hold enough image: those the dataset lists, or those its authors' rule finds.

A scene is a tilted footprint in an upright frame, so many patches are mostly black margin. The authors' lists keep a patch when more than
80 % of its pixels are nonzero; here a pixel counts as nonzero where the red band is.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from ..progress import say, track
from . import tiff
from .lists import read_list, write_list
from .names import PatchName

if TYPE_CHECKING:
    from .layout import Part

LEAST_NONZERO = 0.8


def is_nonempty(red: np.ndarray) -> bool:
    """Whether more than 80 % of the pixels of a red band (height, width) are nonzero."""
    return np.count_nonzero(red) > LEAST_NONZERO * red.size


def select(part: "Part", known: list[PatchName], both: bool) -> list[PatchName]:
    """The non-empty patches of a training part, in the order of its list.

    `known` are the training patches of all parts, `both` whether 38-Cloud's part and 95-Cloud's addition are there. Where no list names a
    patch of this part, the list is computed and kept in the part's folder; in a folder that cannot be written it is computed each time.
    Raises DataError for a list that is empty or names a patch that is not in the dataset.
    """
    own, names = set(part.patches), set(known)
    for path in part.nonempty_lists:
        listed = read_list(path)
        strange = next((patch for patch in listed if patch not in names), None)
        if strange and (both or "95" not in path.name):  # 95-Cloud's list names the patches of both parts, also where one of them is absent
            raise DataError(f"{path}: names {strange.stem}, which is not among the training patches")
        chosen = own.intersection(listed)
        if chosen:
            return [patch for patch in part.patches if patch in chosen]
    return _compute(part)


def _compute(part: "Part") -> list[PatchName]:
    chosen = [
        patch
        for patch in track(part.patches, "finding the non-empty patches")
        if is_nonempty(tiff.read(part.path("red", patch), np.uint16))
    ]
    if not chosen:
        raise DataError(f"{part.folder}: no patch has more than {LEAST_NONZERO:.0%} nonzero pixels; set data.nonempty=false to use all")
    path = part.folder / f"training_patches_{'95' if part.extension else '38'}-cloud_nonempty.csv"
    try:
        write_list(path, chosen)
    except OSError as why:
        say(f"{path}: cannot be kept ({why.strerror}); the non-empty patches will be looked for again next time")
    return chosen
