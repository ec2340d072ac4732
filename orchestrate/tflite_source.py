"""TF Lite 2.5.0 from source, with its C and C++ API: the version that stock libedgetpu 16 was made with."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from . import ROOT, pins, toolchain
from .device_files import CACHE, digest, whole
from .errors import MissingTool

LIBRARY = "libtensorflowlite_c.so"
_TOOLCHAIN_FILE = {"mendel": "aarch64-mendel.cmake", "generic": "aarch64-generic.cmake", "native": "x86_64.cmake"}
# Symbols of the C API only, but for the C++ API's static library, which is built beside it.
_OPTIONS = ("-DTFLITE_C_BUILD_SHARED_LIBS=ON", "-DTFLITE_ENABLE_XNNPACK=OFF", "-DTFLITE_ENABLE_NNAPI=OFF", "-DTFLITE_ENABLE_GPU=OFF",
            "-DCMAKE_BUILD_TYPE=Release")  # fmt: skip


def build(target: str, archive: "Path | None" = None) -> Path:
    """The C library of TF Lite 2.5.0 for `target`, kept in .cache; made from the pinned archive (`archive`: a copy that is here already).

    Beside it lie libtensorflow-lite.a and the headers, for programs that use the C++ API. TF Lite's own CMake files fetch what it is made
    of (Abseil, Eigen, FlatBuffers, ruy, ...) from GitHub, at the commits that they name. Raises WrongArchive, MissingTool.
    """
    key = hashlib.sha256("\0".join((pins.pin("tensorflow")["integrity"], *_OPTIONS)).encode() + digest(toolchain.REQUIREMENTS)).hexdigest()[
        :12
    ]
    folder = CACHE / f"tflite-2.5.0-{target}-{key}"
    if (folder / LIBRARY).is_file():
        return folder / LIBRARY
    source = pins.unpacked("tensorflow", archive)
    work = CACHE / "build" / f"tflite-{target}"
    cmake = [str(toolchain.python()), "-m", "cmake"]
    configure = ["-S", source / "tensorflow" / "lite" / "c", "-B", work, "-G", "Ninja", *_OPTIONS]
    configure += [f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'toolchains' / _TOOLCHAIN_FILE[target]}"]
    # With their checks off, zig's clang would turn UBSan's traps on in what TF 2.5.0 leaves undefined (shifts of negative numbers).
    flags = "-fno-sanitize=undefined -w"
    configure += [f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}"]
    for step in (configure, ["--build", work, "--target", "tensorflowlite_c", "tensorflow-lite"]):
        print("edgeseg: TF Lite 2.5.0:", "configuring" if step is configure else "building (about an hour on two cores)", file=sys.stderr)
        done = subprocess.run([*cmake, *map(str, step)], env=toolchain.environment(), stdout=sys.stderr, check=False)
        if done.returncode != 0:
            raise MissingTool(
                "TF Lite 2.5.0 could not be built (see above); it needs GitHub for what it is made of. `--tflite prebuilt` needs neither"
            )
    with whole(folder) as partial:
        partial.mkdir()
        for name in (LIBRARY, "tensorflow-lite/libtensorflow-lite.a"):
            shutil.copy(work / name, partial / Path(name).name)
        for header in sorted((source / "tensorflow" / "lite").rglob("*.h")):
            target_header = partial / "include" / header.relative_to(source)
            target_header.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(header, target_header)
    return folder / LIBRARY
