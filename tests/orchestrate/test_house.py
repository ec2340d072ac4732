"""Tidying up, the house rules, and the locks themselves."""

import os
import re
import subprocess
from pathlib import Path

from orchestrate import house, tidy

ROOT = Path(__file__).resolve().parents[2]


def test_clean_takes_caches_and_what_the_dead_left(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    gone = [tmp_path / "a" / "__pycache__" / "x.pyc", tmp_path / "runs" / f".model.h5.{dead.pid}.partial.h5",
            tmp_path / "runs" / f".one.{dead.pid}.partial" / "config.toml"]  # fmt: skip
    kept = [tmp_path / "runs" / "one" / "model.h5", tmp_path / "runs" / f".model.h5.{os.getpid()}.partial.h5",
            tmp_path / ".venv" / "__pycache__" / "x.pyc", tmp_path / "data" / "set.zip.partial"]  # fmt: skip
    for file in gone + kept:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert len(tidy.clean(tmp_path)) == 3
    assert not any(file.exists() for file in gone)
    assert all(file.exists() for file in kept)


def test_house_rules(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "long.py").write_text("x = 1\n" * 401)
    (tmp_path / "good.py").write_text("x = 1\n" * 400)
    (tmp_path / "path.md").write_text("see\n/" + "home/somebody/data\n")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    (tmp_path / "ignored.py").write_text("x = 1\n" * 401)
    assert house.problems(tmp_path) == ["long.py:401: 401 lines; split it (at most 400)", "path.md:2: a path of one machine"]


def test_locks_are_pinned_by_hash_and_name_no_registry():
    for name in ("requirements", "dev"):
        text = (ROOT / "docker" / "trainer" / f"{name}.txt").read_text()
        assert "://" not in text and "\n--index" not in text and "\n--find" not in text
        for requirement in re.split(r"\n(?=[A-Za-z])", re.sub(r"(?m)^ *#.*\n", "", text).strip()):
            assert re.match(r"[\w.-]+==[\w.]+ ", requirement), requirement[:80]
            assert "--hash=sha256:" in requirement


def test_every_pin_has_its_reason():
    for name in ("requirements", "dev"):
        before = ""
        for line in (ROOT / "docker" / "trainer" / f"{name}.in").read_text().splitlines():
            if line and not line.startswith(("#", "-c")):
                assert "==" in line
                assert before, f"{line} has no comment above it"
            before = line
