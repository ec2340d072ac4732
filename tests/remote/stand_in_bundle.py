"""Bundles whose programs are stand-ins (stand_in_inference.sh), right in everything else; and small packed scenes."""

import json
import platform
import shutil
from pathlib import Path

from orchestrate import bundle_files

PATCH = bytes(range(16)) * 4


def make(root: Path, name: str = "one", needs: dict | None = None, accelerator: str = "cpu", beside: dict[str, str] | None = None) -> Path:
    """A bundle below `root`; `name` makes its content, and so its id, another one; `beside`: files for bin/ that steer the stand-in."""
    work = root / f".{name}"
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("bin", "model", "golden", "device"):
        (work / folder).mkdir(parents=True)
    for program in ("inference", "stitch"):
        shutil.copy(Path(__file__).with_name("stand_in_inference.sh"), work / "bin" / program)
        (work / "bin" / program).chmod(0o755)
    (work / "bin" / "libtensorflowlite_c.so").write_bytes(b"a stand-in for TF Lite\n" * 4000)
    (work / "model" / "int8.tflite").write_text(f"a stand-in for the model {name}\n" * 2000)
    (work / "device" / "__init__.py").write_text("")
    scene(work / "golden", "scene", patches=1)
    (work / "golden" / "input.bin").write_bytes(PATCH[:16])
    (work / "golden" / "output.bin").write_bytes(PATCH[:16])
    for file, text in (beside or {}).items():
        (work / "bin" / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    content = {
        "target": "native",
        "accelerator": accelerator,
        "model": {"file": "model/int8.tflite"},
        "run": "stand-in-run",
        "threshold": 0.41,
        "golden": {"input": "golden/input.bin", "output": "golden/output.bin", "scene": "golden/scene", "tolerance_steps": 1},
        "versions": {"tflite": "stand-in", "libedgetpu_min_runtime": 14 if accelerator == "edgetpu" else None},
        "needs": needs or {"arch": platform.machine(), "glibc": "2.17"},
        "files": bundle_files.entries(work),
    }
    manifest = {"id": f"{name}-native-{bundle_files.identity(content)}", **content}
    (work / "manifest.json").write_text(json.dumps(manifest))
    folder = root / manifest["id"]
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)
    return folder


def scene(root: Path, name: str, patches: int = 4, content: bytes = PATCH) -> Path:
    """A packed scene of `patches` in one row."""
    folder = root / name
    folder.mkdir(parents=True)
    about = {"id": name, "rows": 1, "columns": patches, "patch_size": 4, "bands": 1, "dtype": "uint16", "scale": 1.0, "crop": [4, 15]}
    (folder / "scene.json").write_text(json.dumps(about))
    for number in range(1, patches + 1):
        (folder / f"patch_{number}_1_by_{number}_{name}.bin").write_bytes(content)
    return folder
