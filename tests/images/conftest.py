from pathlib import Path

import pytest
from stand_in_engine import Engine, checkout, clean_environment


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout of its own, and no variable of this machine."""
    clean_environment(monkeypatch)
    return checkout(tmp_path / "checkout")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A stand-in for docker's client."""
    (tmp_path / "engine").mkdir()
    return Engine(tmp_path / "engine")
