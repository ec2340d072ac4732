"""A folder takes the place of another in one step, also where the system cannot exchange names."""

import os
import subprocess
import sys

import pytest

from pipeline.board import placing
from pipeline.board.placing import placed_folder, remove_left


def put(path, text):
    with placed_folder(path) as partial:
        (partial / "file").write_text(text)


@pytest.mark.parametrize("exchange", [True, False])
def test_new_old_and_failing(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(placing.ctypes, "CDLL", lambda *_, **__: object())  # a C library without renameat2
    path = tmp_path / "a" / "scene"
    put(path, "one")
    put(path, "two")
    assert (path / "file").read_text() == "two" and [each.name for each in path.parent.iterdir()] == ["scene"]
    with pytest.raises(RuntimeError), placed_folder(path) as partial:
        (partial / "file").write_text("three")
        raise RuntimeError
    assert (path / "file").read_text() == "two" and [each.name for each in path.parent.iterdir()] == ["scene"]


def test_the_old_comes_back_where_the_new_cannot_be_named(tmp_path, monkeypatch):
    monkeypatch.setattr(placing.ctypes, "CDLL", lambda *_, **__: object())
    path, replace = tmp_path / "scene", os.replace
    put(path, "old")

    def failing(source, target):
        if target == path and "old" not in source.name:
            raise OSError("the card was pulled out")
        replace(source, target)

    monkeypatch.setattr(placing.os, "replace", failing)
    with pytest.raises(OSError, match="pulled out"):
        put(path, "new")
    assert (path / "file").read_text() == "old"


def test_only_what_dead_processes_left_of_this_folder_is_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    gone = [f".scene.{dead.pid}.partial", f".scene.{dead.pid}.old.partial"]
    kept = [
        f".scene.{os.getppid()}.partial",
        f".other.{dead.pid}.partial",
        ".scene.partial",
        f"scene.{dead.pid}.partial",
        ".photos.partial",
    ]
    for name in (*gone, *kept):
        (tmp_path / name).mkdir()
    remove_left(tmp_path / "scene")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    remove_left(tmp_path / "absent" / "scene")
