"""Files appear complete or not at all, whatever happens while they are written."""

import errno
import os

import pytest

from pipeline import files


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.json"
    files.write_text(path, "old")

    def fail():
        with files.complete_file(path) as partial:
            partial.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError):
        fail()
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_an_interrupted_folder_is_gone(tmp_path):
    def interrupted():
        with files.complete_folder(tmp_path / "run") as partial:
            (partial / "x").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_overwritten(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "kept").touch()

    def again():
        with files.complete_folder(tmp_path / "run") as partial:
            (partial / "x").touch()

    with pytest.raises(OSError):
        again()
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "kept"]


def test_the_partial_name_keeps_the_ending(tmp_path):
    with files.complete_file(tmp_path / "model.h5") as partial:
        assert partial.suffix == ".h5" and partial.parent == tmp_path
        partial.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]


def test_remains_of_killed_processes_are_removed(tmp_path):
    (tmp_path / "sub").mkdir()
    living = f".busy.png.{os.getppid()}.partial.png"  # another process's, which is at work
    gone = 2**22 + 1  # above the largest process number of Linux
    for name in (f".last.npz.{gone}.partial.npz", f"sub/.x.json.{gone}.partial.json", "kept.npz", living):
        (tmp_path / name).touch()
    (tmp_path / f".run.{gone}.partial").mkdir()
    files.remove_partials(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [living, "kept.npz", "sub"]


def test_json_holds_no_nan(tmp_path):
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []
