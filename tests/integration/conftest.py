"""What the tests with a container engine share."""

import shutil
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "remote")]  # what these tests share, and what they borrow


@pytest.fixture(scope="session")
def virtual(tmp_path_factory):
    """A virtual board that belongs to these tests alone, up (board_front.Front)."""
    import board_front

    from orchestrate.errors import MissingTool

    cache = tmp_path_factory.mktemp("board")
    try:
        front = board_front.virtual(cache)
    except MissingTool as why:
        pytest.skip(f"no virtual board: {why}")
    yield front
    front.invoke("board.down")


@pytest.fixture(scope="session")
def place():
    """A clean clone in front of a real engine, on stand-in base images (container_place.Place)."""
    import container_place

    from orchestrate.errors import MissingTool

    try:
        made = container_place.place()
    except MissingTool as why:
        pytest.skip(str(why))
    yield made
    shutil.rmtree(made.folder.parent, ignore_errors=True)
