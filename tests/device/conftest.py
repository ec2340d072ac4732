"""The Pythons of boards, and the C++ programs to compare with, built once per session."""

import platform
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the board_*.py of both folders
sys.path.insert(0, str(Path(__file__).parents[1] / "cpp"))
from board_programs import Programs
from board_pythons import VERSIONS, NoPython, board_python


@pytest.fixture(scope="session")
def native() -> Programs:
    """The C++ programs for this machine, and the stand-in libedgetpu."""
    from orchestrate import device_build
    from orchestrate.errors import MissingTool

    if platform.machine() != "x86_64" or platform.system() != "Linux":
        pytest.skip("the native target is x86-64 Linux")
    try:
        return Programs(device_build.build("native"), device_build.compile_programs("native", ["fake_edgetpu"]))
    except MissingTool as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def fake(native) -> Path:
    """The folder of the stand-in libedgetpu.so.1."""
    return native.tests / "fake"


@pytest.fixture(scope="session")
def board_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("board")


@pytest.fixture(scope="session", params=VERSIONS)
def board(request, board_folder):
    """A BoardPython for each version that boards have."""
    try:
        return board_python(request.param, board_folder)
    except NoPython as why:
        pytest.skip(str(why))


@pytest.fixture
def here(board_folder):
    """The interpreter of these tests, which has LiteRT."""
    return board_python("this", board_folder)
