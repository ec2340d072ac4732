"""A dataset with a run, and the board's programs for this machine."""

import platform
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cpp"))
import board_dataset
from board_programs import Programs


@pytest.fixture
def place(tmp_path):
    return board_dataset.make(tmp_path / "place")


@pytest.fixture(scope="session")
def native(tmp_path_factory) -> Programs:
    """The programs for x86-64, as `invoke build-device` makes them, in a folder of the tests' own."""
    from orchestrate import device_build
    from orchestrate.errors import MissingTool

    if platform.machine() != "x86_64" or platform.system() != "Linux":
        pytest.skip("the native target is x86-64 Linux")
    try:
        folder = device_build.build("native", out=tmp_path_factory.mktemp("programs"))
    except MissingTool as why:
        pytest.skip(str(why))
    return Programs(folder, folder)
