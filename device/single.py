"""What `python3 -m device.patch` does, after its command line was read."""

import dataclasses
import io
import json
import os
import sys
import time

import numpy as np

from .edgetpu import Device
from .engine import Engine
from .errors import Error, Exit
from .files import read_exactly, read_file, write_file
from .images import write_image
from .model import read_model
from .mosaic import Painter, check_mask
from .prepare import Preparer
from .progress import Interrupted
from .results import check_fit, results_of
from .spec import SceneSpec, read_scene
from .watchdog import Watchdog

_NAME = "device.patch"
_MOST = 1 << 28  # bytes of a patch
_UINT16 = float(np.float32(1 / 65535))  # the scale of a .npy of uint16, as 38-Cloud's bands are scaled
_ENDINGS = (".bin", ".npy", ".png", ".raw")


def read_patch(path):
    """(SceneSpec of one patch, its bytes) of a .bin beside its scene.json, or of a .npy. Error(USAGE), Error(DATA)."""
    ending = os.path.splitext(path)[1]
    if ending not in (".bin", ".npy"):
        raise Error(Exit.USAGE, f"{path}: a patch is a .bin of a scene, or a .npy")
    if not os.path.exists(path):
        raise Error(Exit.USAGE, f"{path}: no such patch")
    if ending == ".npy":
        return _read_npy(path)
    spec = read_scene(os.path.dirname(os.path.abspath(path)))
    data = bytearray(spec.patch_bytes)
    read_exactly(path, data)
    return spec, bytes(data)


def _read_npy(path):
    try:
        array = np.load(io.BytesIO(read_file(path, _MOST)), allow_pickle=False)
    except (ValueError, EOFError) as why:
        raise Error(Exit.DATA, f"{path}: is not an array that numpy can read ({why})") from why
    if array.ndim != 3 or array.shape[0] != array.shape[1] or 0 in array.shape:
        text = " x ".join(map(str, array.shape))
        raise Error(Exit.DATA, f"{path}: is {text}, not one square patch (side x side x bands)")
    kind = array.dtype.name
    if kind not in ("uint16", "float32"):
        raise Error(Exit.DATA, f"{path}: is {kind}, not uint16 or float32")
    side, _, bands = array.shape
    spec = SceneSpec(os.path.basename(path), 1, 1, side, side, bands, kind, _UINT16 if kind == "uint16" else 1.0, 0)
    return spec, array.astype(array.dtype.newbyteorder("<")).tobytes()


def infer_patch(given, how):
    """Run it; `given` is the command line of device.patch, `how` its mask options. Returns the exit code; raises Error."""
    ending = os.path.splitext(given.out or "")[1]
    if given.out and ending not in _ENDINGS:
        raise Error(Exit.USAGE, f"{given.out}: a result is written as .bin, .npy, .png or .raw")
    times = {}
    with Interrupted().listening() as interrupted:
        start = time.perf_counter()
        scene, data = read_patch(given.patch)
        times["read"] = _since(start)
        model = read_model(given.model)
        device = given.device or Device(*(("usb", 0) if model.compiled else ()))
        with Engine(model, device, given.threads) as engine, Watchdog(given.invoke_limit, lambda: _timed_out(given)) as watchdog:
            for note in engine.notes:
                sys.stderr.write(f"{_NAME}: {note}\n")
            check_fit(scene, engine.spec, model.path)
            results = results_of(scene, engine.spec, given.dtype == "float32")
            start = time.perf_counter()
            pixels = Preparer(scene, engine.spec.side, engine.spec.input)(data, given.patch)
            times["prepare"], start = _since(start), time.perf_counter()
            with watchdog.guard():
                output = engine.invoke(pixels)
            times["invoke"] = _since(start)
            stored = engine.spec.output.table()[output.view(np.uint8)] if given.dtype == "float32" else output
            about = {"patch": os.path.basename(given.patch), "model": os.path.basename(model.path), "model_crc32": f"{model.crc32:08x}"}
            about.update(device=str(device), threads=given.threads, tflite=engine.tflite, libedgetpu=engine.edgetpu, runtime=engine.runtime)
        if interrupted():
            raise Error(Exit.INTERRUPTED, "interrupted; nothing was written")
        start = time.perf_counter()
        probabilities = _write(given, how, ending, results, stored)
        times["write"] = _since(start)
    about.update(shape=list(stored.shape), dtype=results.dtype, scale=results.scale, zero_point=results.zero_point)
    about.update(summary(probabilities, how), milliseconds={stage: round(value, 4) for stage, value in times.items()})
    _tell(given, about)
    return Exit.DONE


def _write(given, how, ending, results, stored):
    """Write the result where one was asked for; returns its probabilities. `stored`: as `results` (of the one-patch scene) has it."""
    patch = dataclasses.replace(results, rows=1, columns=1)
    painter_side = check_mask(patch, given.out, how)[0] if ending in (".png", ".raw") else patch.side
    painter = Painter(patch, how, painter_side)
    data = stored.astype(stored.dtype.newbyteorder("<"), copy=False).tobytes()
    reals = painter.reals(data, given.patch)
    if ending == ".bin":
        write_file(given.out, data)
    elif ending == ".npy":
        text = io.BytesIO()
        np.save(text, stored)
        write_file(given.out, text.getvalue())
    elif ending:
        mask = np.empty((painter_side, painter_side), np.uint8)
        painter(reals, mask)
        write_image(given.out, painter_side, painter_side, (row.tobytes() for row in mask))
    return reals


def summary(probabilities, how):
    """Of one class: minimum, mean and maximum probability, and the share of pixels at or above the threshold; of several: their shares."""
    if probabilities.shape[-1] > 1:
        counts = np.bincount(probabilities.argmax(-1).ravel(), minlength=probabilities.shape[-1])
        return {"share_of_classes": [round(float(count) / counts.sum(), 6) for count in counts]}
    least, mean, most = probabilities.min(), probabilities.mean(dtype=np.float64), probabilities.max()
    share = np.count_nonzero(probabilities >= np.float32(how.threshold)) / probabilities.size
    figures = {name: round(float(value), 6) for name, value in (("minimum", least), ("mean", mean), ("maximum", most))}
    return {"probability": figures, "threshold": how.threshold, "share_at_or_above": round(share, 6)}


def _tell(given, about):
    if "probability" in about:
        figures = about["probability"]
        found = f"probability {figures['minimum']:.3f} to {figures['maximum']:.3f}, mean {figures['mean']:.3f}; "
        found += f"{about['share_at_or_above']:.2%} of pixels at or above {about['threshold']:g}"
    else:
        found = "share of each class " + " ".join(f"{share:.2%}" for share in about["share_of_classes"])
    times = ", ".join(f"{stage} {value:.3f}" for stage, value in about["milliseconds"].items())
    sys.stderr.write(f"{about['patch']}: {found}\n  ms: {times} ({about['device']}, {about['runtime']} {about['tflite']})\n")
    text = json.dumps(about, indent=2) + "\n"
    if given.json == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    elif given.json:
        write_file(given.json, text)


def _since(start):
    return (time.perf_counter() - start) * 1e3


def _timed_out(given):
    sys.stderr.write(f"{_NAME}: the model did not answer within {given.invoke_limit} s\n")
    sys.stderr.flush()
    os._exit(Exit.TIMED_OUT)  # an ordinary end would wait for the Invoke that hangs
