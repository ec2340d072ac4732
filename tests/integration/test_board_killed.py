"""A deploy that is killed, cut off or out of space, at every step: thirty times on this machine through an sshd, some on the virtual board.

Thirty on the virtual board would take too long, emulated; the client and the scripts are the same.
"""

import itertools
import os
import subprocess
from pathlib import Path

import board_deploys
import board_front
import local_sshd
import pytest

from orchestrate.errors import MissingTool

SEED = 6


@pytest.fixture
def near(tmp_path):
    """This machine as the board, through its own sshd, which `--host board` reaches."""
    if why := local_sshd.missing():
        pytest.skip(why)
    try:
        board_front.programs("native")
    except MissingTool as why:
        pytest.skip(str(why))
    folder = tmp_path / "virtual-board"
    folder.mkdir()
    server = local_sshd.LocalSshd(folder)
    server.start()
    (folder / "ssh_config").write_text(server.config.read_text().replace("Host devboard", "Host board"))
    yield board_front.Front(tmp_path), server
    server.stop()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with room for the releases and little more; None where it cannot be made."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "edgeseg-test", str(place)], capture_output=True).returncode:
        yield None
        return
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.slow
def test_thirty_times(near, small_disk, tmp_path):
    front, server = near
    ways = {"kill": board_deploys.kill, "cut": lambda process: server.cut()}
    if small_disk:
        ways["full"] = lambda process: _fill(small_disk / "filler")
    story = board_deploys.broken_off(front, f"{small_disk or tmp_path}/edgeseg", tmp_path / "bundles", "native", ways, 30, SEED)
    assert {line.split()[1] for line in story} == set(ways)
    assert any("the old one ran" in line for line in story) and any("the new one ran" in line for line in story)


@pytest.mark.engine
@pytest.mark.qemu
@pytest.mark.slow
def test_on_the_virtual_board(virtual, tmp_path):
    try:
        board_front.programs("mendel")
    except MissingTool as why:
        pytest.skip(str(why))
    ways = {"kill": board_deploys.kill, "cut": lambda process: virtual.cut()}
    story = board_deploys.broken_off(virtual, "killed", tmp_path / "bundles", "mendel", ways, 12, SEED)
    assert len(story) == 12


def _fill(file: Path):
    """Take all the space there is; returns what gives it back."""
    with open(file, "wb", buffering=0) as filler:
        try:
            for size in itertools.chain([1 << 20] * 1000, [4096] * 1000):
                try:
                    filler.write(bytes(size))
                except OSError:
                    if size == 4096:
                        break
        finally:
            os.fsync(filler.fileno())

    def give_back() -> None:
        file.unlink()

    return give_back
