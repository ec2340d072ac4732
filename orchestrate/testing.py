"""How `make test` runs the tests: side by side; those that need a container engine on the host, with pytest and the standard library."""

from pathlib import Path

_MARK = "mark.engine"
# One process a core, up to four: each may hold TensorFlow (1 to 2 GB). What belongs together stays in one process and in the order of
# tests/conftest.py: the quick ones first.
PARALLEL = ("-n", "logical", "--maxprocesses", "4", "--dist", "loadgroup", "--no-loadscope-reorder")


def need_engine(root: Path) -> "list[str]":
    """The files with a test marked `engine`, as paths from `root`: nothing else is imported where the trainer's packages are missing."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return [str(file.relative_to(root)) for file in files if _MARK in file.read_text(encoding="utf-8")]
