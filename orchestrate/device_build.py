"""Builds what runs on the board: out/<target>/ with inference, stitch, the TF Lite library they open, licences and manifest.json."""

import argparse
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import ROOT, pins, tflite_source, toolchain
from .device_files import CACHE, UnfitProgram, alone, digest, whole
from .errors import FrontDoorError, MissingTool, WrongUsage

TARGETS = ("mendel", "generic", "native")
TFLITE = ("prebuilt", "source")
PROGRAMS = ("inference", "stitch")
LIBRARY = "libtensorflowlite_c.so"
_PREBUILT = {"mendel": "linux_arm64", "generic": "linux_arm64", "native": "linux_amd64"}
_SOURCES = ("tflite", "zlib", "libpng", "rapidjson")
_LICENCES = {"libpng": "LICENSE", "zlib": "README", "rapidjson": "license.txt"}


def build(target: str = "mendel", tflite: str = "prebuilt", archive: "Path | None" = None, out: "Path | None" = None) -> Path:
    """Cross-compile for `target` and return the folder out/<target>/, which changes only when everything in it is made and checked.

    `tflite`: "prebuilt" takes TF Lite 2.9.0 from its package, "source" builds 2.5.0 from its archive (`archive`: a copy of it that is here
    already). `out`: another folder than out/. Raises WrongUsage, MissingTool, WrongArchive, UnfitProgram.
    """
    check_names(target, tflite, archive)
    sources = {name: pins.unpacked(name) for name in _SOURCES}
    library = tflite_source.build(target, archive) if tflite == "source" else sources["tflite"] / _PREBUILT[target] / LIBRARY
    work = compile_programs(target, PROGRAMS)
    folder = (out or ROOT / "out") / target
    with whole(folder) as partial:
        partial.mkdir()
        for file in (*(work / program for program in PROGRAMS), library):
            shutil.copy(file, partial / file.name)
            (partial / file.name).chmod(0o755)
        (partial / "licences").mkdir()
        for name, file in _LICENCES.items():
            shutil.copyfile(sources[name] / file, partial / "licences" / f"{name}.txt")
        needs = check(target, [partial / name for name in (*PROGRAMS, LIBRARY)])
        manifest = json.dumps(_manifest(target, tflite, partial, needs), indent=2) + "\n"
        (partial / "manifest.json").write_text(manifest, encoding="utf-8")
    return folder


def check_names(target: str, tflite: str, archive: "Path | str | None") -> None:
    """Raise WrongUsage for a target, or a way to TF Lite, that is not there."""
    if target not in TARGETS:
        raise WrongUsage(f"target {target!r}: there are {', '.join(TARGETS)}")
    if tflite not in TFLITE:
        raise WrongUsage(f"tflite {tflite!r}: there are {', '.join(TFLITE)}")
    if archive and tflite != "source":
        raise WrongUsage("an archive is only for tflite 'source'")


def compile_programs(target: str, names: Sequence[str]) -> Path:
    """Compile the CMake targets `names` (programs, or what the tests run) for `target`; returns the build folder, kept in .cache."""
    for name in _SOURCES:
        pins.unpacked(name)
    work = CACHE / "build" / target
    sources = f"-DEDGESEG_SOURCES={CACHE / 'sources'}"
    with alone(work):
        _run("-m", "cmake", "-S", ROOT / "cpp", "--preset", target, "-B", work, sources, "-DEDGESEG_TESTS=ON")
        _run("-m", "cmake", "--build", work, "--target", *names)
    return work


def check(target: str, files: list[Path]) -> dict:
    """What each file needs of the board, by name; UnfitProgram, with every reason, if one of them would not run there."""
    done = subprocess.run(
        [toolchain.python(), Path(__file__).with_name("device_check.py"), target, *files], capture_output=True, text=True, check=False
    )
    if done.returncode == 5:
        raise UnfitProgram("; ".join(done.stderr.split("\n")).strip("; "))
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def _manifest(target: str, tflite: str, folder: Path, needs: dict) -> dict:
    """Everything that the files depend on and nothing that differs between two builds of the same."""
    tools = [line.split(" ")[0] for line in toolchain.REQUIREMENTS.read_text(encoding="utf-8").splitlines() if "==" in line]
    used = [name for name in (*_SOURCES, "tensorflow") if name != "tensorflow" or tflite == "source"]
    return {
        "target": target,
        "tflite": "2.5.0 (source)" if tflite == "source" else "2.9.0 (prebuilt)",
        "toolchain": tools,
        "sources": {name: {key: pins.pin(name)[key] for key in ("file", "integrity", "licence")} for name in used},
        "files": {
            file.relative_to(folder).as_posix(): {"sha256": digest(file).hex(), "bytes": file.stat().st_size}
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        },
        "needs": needs,
    }


def _run(*arguments: "str | Path") -> None:
    """Run the toolchain's Python with `arguments` in cpp/; its output is shown only where it fails."""
    command = [str(toolchain.python()), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT / "cpp", env=toolchain.environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout[-8000:], done.stderr[-8000:], sep="\n", file=sys.stderr)
        raise MissingTool(f"`{' '.join(command[2:5])}` failed with exit code {done.returncode}; its output is above")


def main(arguments: "list[str] | None" = None) -> int:
    """`python -m orchestrate.device_build --target TARGET ...`: what the task build-device starts, in an image or here."""
    parser = argparse.ArgumentParser(prog="python -m orchestrate.device_build", description=build.__doc__)
    parser.add_argument("--target", default="mendel")
    parser.add_argument("--tflite", default="prebuilt")
    parser.add_argument("--archive", type=Path)
    asked = parser.parse_args(arguments)
    # A stopped container sends this; as an exception it lets `whole` remove what is half-written.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        folder = build(asked.target, asked.tflite, asked.archive)
    except FrontDoorError as error:
        print(f"edgeseg: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("edgeseg: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"edgeseg: {error}", file=sys.stderr)
        return 4
    print(f"edgeseg: {folder.relative_to(ROOT)} is ready", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
