"""Bundles with the real programs and a model that only copies 16 x 16 values: quick to send and to run, and exact on every machine."""

import base64
import json
import random
import shutil
import zlib
from pathlib import Path

from orchestrate import bundle_files, device_build

ROOT = Path(__file__).resolve().parents[2]
SIDE = 16
# RESHAPE from (1, 16, 16, 1) to the same; scale 1/255, zero point -128. tests/cpp/board_models.py writes it, which needs more than the
# standard library; test_board_small.py compares.
MODEL = zlib.decompress(base64.b85decode(
    "c-oU;U|<Mw^D$-s13m^31_1^h1`Z&b1;}Fn@)#IYfLH>EnSq!Qh#|5d2;o;SLTHd$9=HiCK$3w$1|$!}HDEmq3`{_L2Z&3cdPU&&GJy4QL+#aoI7pBKY$il43_}1L*bX+RxiGf~"
    "Krtg0J*)oz{|}OLfN(iM{+a_6<3Q5W@E-y|?8b%$Yi#DSgWR8*SDasD2oE!UaJWF+4)U`P)D8o%`+2||SeTG+p8?n`Zm?+(v&10whyei9Hz*S"
))  # fmt: skip


def make(root: Path, target: str, name: str, ballast: int = 2 << 20,
         changes: "dict | None" = None, device: bool = False, wrong: bool = False) -> Path:  # fmt: skip
    """A bundle below `root`, of the programs in out/`target`; `name` makes its content another one, `ballast` is how many bytes that is.

    `changes` goes into the manifest. `device`: with the Python half. `wrong`: with a golden output that the model does not give.
    """
    work = root / f".{name}"
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("bin", "model", "golden", "licences", "device"):
        (work / folder).mkdir(parents=True)
    for program in (*device_build.PROGRAMS, device_build.LIBRARY):
        shutil.copy(ROOT / "out" / target / program, work / "bin" / program)
    (work / "model" / "int8.tflite").write_bytes(MODEL)
    (work / "licences" / "ballast").write_bytes(random.Random(name).randbytes(ballast))
    for path in (ROOT / "device").glob("*.py") if device else ():
        shutil.copy(path, work / "device" / path.name)
    scene(work / "golden", "scene", 1, name)
    (work / "golden" / "output.bin").write_bytes(copied(levels(1, "another" if wrong else name)[0]))
    (work / "golden" / "input.bin").write_bytes(copied(levels(1, name)[0]))
    content = {
        "target": target,
        "accelerator": "cpu",
        "model": {"file": "model/int8.tflite"},
        "run": "small",
        "threshold": 0.5,
        "golden": {"input": "golden/input.bin", "output": "golden/output.bin", "scene": "golden/scene", "tolerance_steps": 0},
        "versions": {"tflite": "2.9.0", "libedgetpu_min_runtime": None},
        "needs": {"arch": "x86_64" if target == "native" else "aarch64", "glibc": "2.27"},
        "files": bundle_files.entries(work),
        **(changes or {}),
    }
    manifest = {"id": f"{name}-{target}-{bundle_files.identity(content)}", **content}
    (work / "manifest.json").write_text(json.dumps(manifest))
    folder = root / manifest["id"]
    shutil.rmtree(folder, ignore_errors=True)
    return work.rename(folder)


def levels(patches: int, seed: str) -> "list[bytes]":
    """For each patch its pixels, 0 to 255."""
    made = random.Random(f"{seed} pixels")
    return [made.randbytes(SIDE * SIDE) for _ in range(patches)]


def scene(root: Path, name: str, patches: int, seed: str) -> Path:
    """A packed scene of `patches` in one row, with the pixels of `levels` as uint16."""
    folder = root / name
    folder.mkdir(parents=True)
    about = {"id": name, "rows": 1, "columns": patches, "patch_size": SIDE, "bands": 1, "dtype": "uint16", "scale": 1 / 65535}
    (folder / "scene.json").write_text(json.dumps({**about, "crop": [SIDE, SIDE * patches]}))
    for number, pixels in enumerate(levels(patches, seed), 1):
        (folder / f"patch_{number}_1_by_{number}_{name}.bin").write_bytes(bytes(byte for pixel in pixels for byte in (pixel, pixel)))
    return folder


def copied(pixels: bytes) -> bytes:
    """What the model makes of `pixels`: 257 k of 65535 is k of 255, so level k becomes k - 128 as int8."""
    return bytes((pixel + 128) % 256 for pixel in pixels)
