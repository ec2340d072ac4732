"""The programs for this machine, built once per session by the same code as `invoke build-device`."""

import os
import platform
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the board_*.py, which these tests share
from board_programs import Programs

ROOT = Path(__file__).resolve().parents[2]
SYSROOT = Path("/usr/aarch64-linux-gnu")  # Debian's libc6-arm64-cross and libstdc++6-arm64-cross


@pytest.fixture(scope="session")
def native() -> Programs:
    """The programs for x86-64 with the fake libedgetpu beside them."""
    from orchestrate import device_build
    from orchestrate.errors import MissingTool

    if platform.machine() != "x86_64" or platform.system() != "Linux":
        pytest.skip("the native target is x86-64 Linux")
    needed = ["fake_edgetpu", "unit_tests", "plain_stitch"]
    try:
        folder = device_build.build("native")
        if os.environ.get("EDGESEG_SANITIZE"):  # the same tests on programs with AddressSanitizer and UBSan, by this machine's compiler
            checked = device_build.compile_programs("sanitize", [*device_build.PROGRAMS, *needed])
            shutil.copy(folder / device_build.LIBRARY, checked)
            return Programs(checked, checked)
        tests = device_build.compile_programs("native", needed)
    except MissingTool as why:
        pytest.skip(str(why))
    return Programs(folder, tests)


@pytest.fixture(scope="session")
def cortex_a35() -> Programs:
    """The programs for Mendel, run by QEMU as the board's processor."""
    from orchestrate import device_build
    from orchestrate.errors import MissingTool

    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if qemu is None:
        pytest.skip("no qemu-aarch64: apt-get install qemu-user-static")
    if not (SYSROOT / "lib").is_dir():
        pytest.skip("no arm64 C library: apt-get install libc6-arm64-cross libstdc++6-arm64-cross")
    try:
        folder = device_build.build("mendel")
    except MissingTool as why:
        pytest.skip(str(why))
    return Programs(folder, folder, (qemu, "-cpu", "cortex-a35", "-L", str(SYSROOT)))
