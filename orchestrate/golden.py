"""The output that a board is expected to give for the golden input: made here by the very programs that go to the board."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .device_files import UnfitProgram
from .errors import MissingTool

SYSROOT = Path("/usr/aarch64-linux-gnu")  # Debian's libc6-arm64-cross and libstdc++6-arm64-cross
MACHINE = {"mendel": "aarch64", "generic": "aarch64", "native": "x86_64"}
_SAME = {"arm64": "aarch64", "amd64": "x86_64"}
# Steps of the int8 output (1 of 256) by which the board's may differ. The int8 kernels of two architectures round each layer in their own
# way, and a trained network carries that on: `early` at 192 pixels, trained on Landsat chips, differs by up to 9 steps between x86-64 and
# Cortex-A35 (9 patches, 16 to 42 % of values). A wrong or damaged model is off by far more.
_SAME_CODE, _OTHER_CODE = 1, 16


@dataclass(frozen=True)
class Maker:
    """How programs run on this machine: `command` goes before the program, which lies in `folder` with its library; `name` says it all."""

    name: str
    folder: Path
    command: tuple[str, ...] = ()
    same_code: bool = True  # the same programs as on the board

    def tolerance(self, accelerator: str) -> tuple[int, str]:
        """(steps, why) for a board that uses `accelerator`, "cpu" or "edgetpu"."""
        if accelerator == "edgetpu":
            return _OTHER_CODE, (
                "made by the uncompiled twin on a processor; the Edge TPU rounds in its own way, by how much has not been measured: "
                f"{_OTHER_CODE} steps are what two processors' kernels need with room to spare"
            )
        if self.same_code:
            return (
                _SAME_CODE,
                "made by the same programs for the same kind of processor: the same bytes are expected, one step is allowed",
            )
        return _OTHER_CODE, (
            "made by the programs for this machine, whose int8 kernels round in another way: up to 9 steps on a trained network, "
            f"{_OTHER_CODE} with room to spare"
        )


def maker(target: str, programs: Path, native: Callable[[], Path]) -> Maker:
    """What runs the `programs` of `target` here; without an emulator, `native`() makes some for this machine. Else MissingTool."""
    here, wanted = _SAME.get(platform.machine(), platform.machine()), MACHINE[target]
    linux = platform.system() == "Linux"
    if linux and here == wanted:
        return Maker(f"these programs on this machine ({here})", programs)
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if wanted == "aarch64" and emulator and (SYSROOT / "lib" / "libstdc++.so.6").exists():
        command = (emulator, "-cpu", "cortex-a35", "-L", str(SYSROOT))
        return Maker("these programs on an emulated Cortex-A35 (qemu-aarch64)", programs, command)
    if linux and here == "x86_64":
        return Maker("the same programs built for this machine (x86_64)", native(), same_code=False)
    raise MissingTool(
        f"nothing here runs programs for {target}, so the golden output cannot be made: on Debian, "
        "`apt-get install qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross`; elsewhere bundle on a Linux machine"
    )


def output(by: Maker, model: Path, scene: Path) -> bytes:
    """The int8 output of `model` for the one patch of `scene`; UnfitProgram with the program's own words where it fails."""
    with tempfile.TemporaryDirectory(prefix="edgeseg-golden-") as work:
        results = Path(work) / "results"
        command = [*by.command, str(by.folder / "inference"), "--model", str(model), "--scene", str(scene), "--out", str(results)]
        command += ["--device", "cpu", "--invoke-limit", "600"]  # an emulator takes 6 s for a small network
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise UnfitProgram(f"inference, {by.name}, could not make the golden output: {said[-1] if said else done.returncode}")
        (patch,) = results.glob("*.bin")
        return patch.read_bytes()
