"""Two builders at once, and what a build leaves where it made nothing new."""

import os
import subprocess
import sys

from orchestrate import device_files

# Says when it begins and when it ends; told "kill", it dies in between.
BUILDER = """
import os, pathlib, signal, sys, time
from orchestrate.device_files import alone
with alone(pathlib.Path(sys.argv[1])):
    with open(sys.argv[2], "a") as log:
        print("begin", file=log, flush=True)
        if sys.argv[3] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.2)
        print("end", file=log, flush=True)
"""


def test_one_at_a_time_and_one_that_is_killed_keeps_nobody_out(tmp_path):
    def start(how):
        return subprocess.Popen([sys.executable, "-c", BUILDER, str(tmp_path / "thing"), str(tmp_path / "log"), how])

    assert start("kill").wait() == -9
    assert [child.wait() for child in [start("work") for _ in range(3)]] == [0, 0, 0]
    assert (tmp_path / "log").read_text().split() == ["begin", *["begin", "end"] * 3]


def make(folder, files):
    with device_files.whole(folder) as partial:
        partial.mkdir()
        for name, (content, mode) in files.items():
            (partial / name).parent.mkdir(exist_ok=True)
            (partial / name).write_text(content)
            (partial / name).chmod(mode)
    assert not list(folder.parent.glob(".*partial"))
    return folder.stat().st_ino, {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_same_files_again_leave_the_folder_as_it_was(tmp_path):
    files = {"bin/run": ("a program", 0o755), "manifest.json": ("{}", 0o644)}
    before, _ = make(tmp_path / "out", files)
    assert make(tmp_path / "out", files)[0] == before
    changes = [{"manifest.json": ("[]", 0o644)}, {"bin/run": ("a program", 0o644)}, {"bin/more": ("", 0o644)}]
    for change in changes:
        inode, found = make(tmp_path / "out", files | change)
        assert inode != before and found == {name: content for name, (content, _) in (files | change).items()}
        before = inode
    inode, found = make(tmp_path / "out", {"manifest.json": ("{}", 0o644)})
    assert inode != before and list(found) == ["manifest.json"]


def test_a_link_in_place_of_the_folder_is_replaced(tmp_path):
    files = {"a": ("1", 0o644)}
    make(tmp_path / "elsewhere", files)
    os.symlink(tmp_path / "elsewhere", tmp_path / "out")
    make(tmp_path / "out", files | {"b": ("2", 0o644)})
    assert not (tmp_path / "out").is_symlink() and os.listdir(tmp_path / "elsewhere") == ["a"]
