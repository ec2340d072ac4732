"""bundle/<id>/: everything that one release on the board consists of, with the hash of each file.

bin/          inference, stitch, libtensorflowlite_c.so        licences/   of what is in them
model/        int8_edgetpu.tflite, or int8.tflite for the processor
device/       the same from Python
golden/       scene/ and input.bin (a real patch, and the same as input tensor), output.bin (what is expected of it)
manifest.json
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from . import ROOT, data_folders, device_build, golden
from .bundle_files import Bundle, entries, identity, load
from .device_files import digest, remove
from .errors import FrontDoorError, WrongUsage
from .stage import Stage

BUNDLES, RUNS = ROOT / "bundle", ROOT / "runs"
Start = Callable[[Stage], None]  # runs a stage to its end, or raises
Build = Callable[[str], object]  # makes out/<target>/


def make(run: str, target: str, data: str, start: Start, build: Build = device_build.build, root: Path = BUNDLES) -> Bundle:
    """Make the bundle of `run` ("": the newest) for `target` below `root`; the same content always has the same id and is made once.

    `start` runs `python -m pipeline board golden` wherever stages run, `build` the build for the board, where out/<target>/ is missing.
    Raises WrongUsage, MissingTool, UnfitProgram.
    """
    if target not in device_build.TARGETS:
        raise WrongUsage(f"target {target!r}: there are {', '.join(device_build.TARGETS)}")
    programs = built(target, build)
    with _workplace(root) as work:
        start(_stage(run, data, work))
        about = json.loads((work / "golden" / "about.json").read_text(encoding="utf-8"))
        (work / "golden" / "about.json").unlink()
        _put_programs(programs, work)
        _put_device(work)
        model = _put_model(about, work)
        by = golden.maker(target, programs, lambda: built("native", build))
        print(f"edgeseg: golden output by {by.name}", file=sys.stderr, flush=True)
        (work / "golden" / "output.bin").write_bytes(golden.output(by, Path(about["model"]["file"]), work / "golden" / "scene"))
        built_of = json.loads((programs / "manifest.json").read_text(encoding="utf-8"))
        manifest = _manifest(target, about, model, by, built_of, work)
        (work / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        return _place(work, root / manifest["id"])


def _stage(run: str, data: str, work: Path) -> Stage:
    """`python -m pipeline board golden` into `work`/golden/."""
    asked = {"--out": str(work / "golden"), "--run": run, "--data": data}
    arguments = [part for option, value in asked.items() if value for part in (option, value)]
    reads = [Path(value) for value in (str(RUNS), run, data) if value and Path(value).is_dir()]
    if not data:  # where the run says that its data is
        reads += data_folders.find(RUNS, run=run, newest=True)
    return Stage(("board", "golden", *arguments), reads=tuple(reads), writes=(work, ROOT / "data"))


def built(target: str, build: Build) -> Path:
    """out/<target>/ with the programs as its manifest.json lists them; built where it is missing or something in it was changed."""
    folder = ROOT / "out" / target
    try:
        listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
        if all(digest(folder / name).hex() == facts["sha256"] for name, facts in listed.items()):
            return folder
    except (OSError, ValueError, KeyError):
        pass
    print(f"edgeseg: building the programs for {target}", file=sys.stderr, flush=True)
    build(target)
    return folder


@contextlib.contextmanager
def _workplace(root: Path) -> Iterator[Path]:
    """An empty folder below `root`, gone afterwards unless it was given another name."""
    root.mkdir(parents=True, exist_ok=True)
    work = root / f".bundle.{os.getpid()}.partial"
    remove(work)
    work.mkdir()
    try:
        yield work
    finally:
        remove(work)


def _place(work: Path, folder: Path) -> Bundle:
    """`work` under its own name; what is there already and whole is kept."""
    with contextlib.suppress(FrontDoorError):
        return load(folder)
    remove(folder)
    os.replace(work, folder)
    return load(folder)


def _put_programs(programs: Path, work: Path) -> None:
    (work / "bin").mkdir()
    for name in (*device_build.PROGRAMS, device_build.LIBRARY):
        shutil.copy(programs / name, work / "bin" / name)
        (work / "bin" / name).chmod(0o755)
    shutil.copytree(programs / "licences", work / "licences")


def _put_device(work: Path) -> None:
    """The Python half: its modules and what is to be installed for them, no caches."""
    (work / "device").mkdir()
    for path in (*sorted((ROOT / "device").glob("*.py")), ROOT / "device" / "requirements.txt"):
        shutil.copyfile(path, work / "device" / path.name)


def _put_model(about: dict, work: Path) -> dict:
    """The compiled model where there is one that belongs to the run, else the int8 one for the processor: which, and why."""
    compiled = "file" in about["compiled"]
    chosen = about["compiled"] if compiled else about["model"]
    (work / "model").mkdir()
    name = f"model/{Path(chosen['file']).name}"
    shutil.copyfile(chosen["file"], work / name)
    if not compiled:
        print(f"edgeseg: the bundle's model runs on the processor, not on the Edge TPU: {about['compiled']['why']}", file=sys.stderr)
    facts = {"file": name, "sha256": chosen["sha256"], "made_from_sha256": about["model"]["sha256"]}
    more = ("compiler", "min_runtime") if compiled else ("why",)
    return {**facts, **{key: about["compiled"][key] for key in more}}


def _manifest(target: str, about: dict, model: dict, by: golden.Maker, built_of: dict, work: Path) -> dict:
    """All that the bundle is, and nothing that differs between two bundles of the same."""
    accelerator = "edgetpu" if "compiler" in model else "cpu"
    steps, why = by.tolerance(accelerator)
    content = {
        "target": target,
        "accelerator": accelerator,
        "model": model,
        "run": about["run"]["name"],
        "threshold": about["threshold"],
        "golden": {
            "patch": about["patch"],
            "scene": "golden/scene",
            "input": "golden/input.bin",
            "output": "golden/output.bin",
            "made_by": by.name,
            "tolerance_steps": steps,
            "tolerance_why": why,
        },
        "versions": {
            "tflite": built_of["tflite"],
            "toolchain": built_of["toolchain"],
            "sources": {name: source["integrity"] for name, source in built_of["sources"].items()},
            "edgetpu_compiler": model.get("compiler"),
            "libedgetpu_min_runtime": model.get("min_runtime"),
        },
        "needs": {"arch": golden.MACHINE[target], **_newest(built_of["needs"])},
        "files": entries(work),
    }
    name = re.sub(r"[^A-Za-z0-9._-]", "_", about["run"]["name"]).lstrip(".") or "run"
    return {"id": f"{name}-{target}-{identity(content)}", **content}


def _newest(needs: dict) -> dict:
    """{"glibc": "2.27", ...}: the newest version of each family that any of the programs asks for."""
    found: dict[str, tuple[int, ...]] = {}
    for each in needs.values():
        for family, version in each["versions"].items():
            found[family] = max(found.get(family, ()), tuple(int(part) for part in version.split(".")))
    return {family.lower(): ".".join(map(str, version)) for family, version in sorted(found.items())}
