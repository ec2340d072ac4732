"""The folder that results go to: what they were made from, and what is still to be run."""

import dataclasses
import json
import os
import zlib

from .errors import Error, Exit
from .files import make_folder, read_file, remove_partials, write_file
from .patches import find_patches

_MARK = ".origin.json"


def check_fit(scene, spec, path):
    """Error(DATA) with what to do unless the model (its ModelSpec; `path` names it) takes the scene's patches."""
    if scene.dtype not in ("uint16", "float32"):
        raise Error(Exit.DATA, f"{scene.id}: its patches are {scene.dtype}; a scene to run has uint16 or float32 ones")
    if scene.bands != spec.bands:
        remedy = "pack the scene with the bands it was trained on"
        raise Error(Exit.DATA, f"{scene.id}: has {scene.bands} bands, {path} takes {spec.bands}; {remedy}")
    if scene.side < spec.side:
        raise Error(Exit.DATA, f"{scene.id}: patches of {scene.side} pixels are smaller than the {spec.side} that {path} takes")


def results_of(scene, spec, real):
    """The SceneSpec of the results on `scene`; `real`: float32 instead of the model's own type."""
    kind = {"dtype": "float32", "scale": 1.0, "zero_point": 0}
    if not real:
        kind = {"dtype": spec.output.dtype, "scale": spec.output.scale, "zero_point": spec.output.zero_point}
    return dataclasses.replace(scene, side=spec.out_side, source_side=scene.side, bands=spec.classes, **kind)


def origin(model, scene, results):
    """What the results are made from. `by` keeps those of the C++ program apart, which may differ from ours by one step."""
    return {
        "by": "device.scene",
        "scene": scene.id,
        "scene_crc32": zlib.crc32(scene.json().encode()),
        "model_crc32": model.crc32,
        "model_bytes": len(model.data),
        "dtype": results.dtype,
    }


def open_results(folder, results, made_from, resume):
    """The positions that are still to be run, in order; prepares `folder` for their results. Error(USAGE), Error(DATA)."""
    make_folder(folder)
    remove_partials(folder)
    mark = os.path.join(folder, _MARK)
    text = json.dumps(made_from, indent=2) + "\n"
    if os.path.exists(mark):
        if not resume:
            raise Error(Exit.USAGE, f"{folder}: holds results already; give --resume to go on, or another --out")
        if read_file(mark, 1 << 16) != text.encode():
            what = "holds results of another model, scene, --dtype or program"
            raise Error(Exit.DATA, f"{folder}: {what}; give another --out")
    elif os.listdir(folder):
        raise Error(Exit.USAGE, f"{folder}: is not empty, and what is in it are no results of device.scene; give another --out")
    else:
        write_file(mark, text)
    present = find_patches(folder, results)
    return [position for position in range(results.patches) if position not in present]
