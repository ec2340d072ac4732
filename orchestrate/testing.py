"""Which tests need a container engine: they run on the host, with pytest and the standard library."""

from pathlib import Path

_MARK = "mark.engine"


def need_engine(root: Path) -> "list[str]":
    """The files with a test marked `engine`, as paths from `root`: nothing else is imported where the trainer's packages are missing."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return [str(file.relative_to(root)) for file in files if _MARK in file.read_text(encoding="utf-8")]
