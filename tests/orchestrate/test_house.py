"""Tidying up, the house rules, and the locks themselves."""

import ast
import os
import re
import subprocess
from pathlib import Path

from orchestrate import house, lock, tidy

ROOT = Path(__file__).resolve().parents[2]


def test_clean_takes_caches_and_what_the_dead_left(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    gone = [tmp_path / "a" / "__pycache__" / "x.pyc", tmp_path / "runs" / f".model.h5.{dead.pid}.partial.h5",
            tmp_path / "runs" / f".one.{dead.pid}.partial" / "config.toml"]  # fmt: skip
    kept = [tmp_path / "runs" / "one" / "model.h5", tmp_path / "runs" / f".model.h5.{os.getpid()}.partial.h5",
            tmp_path / ".venv" / "__pycache__" / "x.pyc", tmp_path / "data" / "set.zip.partial"]  # fmt: skip
    old = tmp_path / "runs" / f".check.json.{os.getpid()}.partial.json"  # of a container: its process ids are not ours
    for file in [old, *gone, *kept]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    os.utime(old, (0, 0))
    assert len(tidy.clean(tmp_path)) == 4 and not old.exists()
    assert not any(file.exists() for file in gone)
    assert all(file.exists() for file in kept)


def test_the_front_door_loads_under_python_3_9():
    """There `X | Y` in an annotation is an error when the module is loaded, unless it is quoted or annotations are put off."""
    late = []
    for file in (ROOT / "orchestrate").rglob("*.py"):
        tree = ast.parse(file.read_text(), feature_version=(3, 9))
        if any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body):
            continue
        for node in ast.walk(tree):
            held = [getattr(node, "annotation", None), getattr(node, "returns", None)]
            late += [f"{file.name}:{node.lineno}" for each in filter(None, held) for part in ast.walk(each) if isinstance(part, ast.BinOp)]
    assert late == []


def test_house_rules(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "long.py").write_text("x = 1\n" * 401)
    (tmp_path / "good.py").write_text("x = 1\n" * 400)
    (tmp_path / "path.md").write_text("see\n/" + "home/somebody/data\n")
    (tmp_path / "Dockerfile").write_text("RUN ls /" + "root/.cache\n")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    (tmp_path / "ignored.py").write_text("x = 1\n" * 401)
    assert house.problems(tmp_path) == ["long.py:401: 401 lines; split it (at most 400)", "path.md:2: a path of one machine"]


def test_locks_are_pinned_by_hash_and_name_no_registry():
    for folder, name, _ in lock.LOCKS:
        text = (ROOT / folder / f"{name}.txt").read_text()
        assert "://" not in text and "\n--index" not in text and "\n--find" not in text
        for requirement in re.split(r"\n(?=[A-Za-z])", re.sub(r"(?m)^ *#.*\n", "", text).strip()):
            assert re.match(r"[\w.-]+==[\w.]+ ", requirement), requirement[:80]
            assert "--hash=sha256:" in requirement


def test_every_pin_has_its_reason():
    for folder, name, _ in lock.LOCKS:
        before, lines = "", (ROOT / folder / f"{name}.in").read_text().splitlines()
        constrained = any(line.startswith("-c ") for line in lines)  # the version is then the one of another lock
        for line in lines:
            if line and not line.startswith(("#", "-c")):
                assert "==" in line or constrained
                assert before, f"{line} has no comment above it"
            before = line
