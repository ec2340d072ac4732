"""Two deploys at once, a holder that died, a holder that vanished."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import local_sshd
import pytest
import stand_in_bundle

from orchestrate.remote import deploy as deploying
from orchestrate.remote import lock as locks
from orchestrate.remote.errors import BoardFailed, Busy, CutOff
from orchestrate.remote.lock import lock
from orchestrate.remote.ssh import Board


def test_second_one_is_told_who_is_at_it(sshd, board, there, monkeypatch):
    monkeypatch.setattr(locks, "BEAT", 0.5)
    with lock(board, there), pytest.raises(Busy, match="busy: .*@.* since .* is at it; try again"), lock(board, there):
        pass
    with lock(board, there) as held:
        held.check()


def test_holder_that_is_killed_holds_nothing(sshd, board, there):
    program = f"""
import sys, time
from pathlib import Path
from orchestrate.remote.lock import lock
from orchestrate.remote.ssh import Board
with Board("devboard", Path({str(sshd.config)!r})) as board, lock(board, {there!r}):
    print("held", flush=True)
    time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    start = time.monotonic()
    with lock(board, there):
        assert time.monotonic() - start < 20


@pytest.mark.slow
def test_holder_that_vanished_is_put_aside_after_30_s(sshd, board, there, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "BEAT", 3600)  # no beat: as if the network had swallowed everything
    with Board("devboard", sshd.config) as other, lock(other, there) as lost:
        start = time.monotonic()
        with lock(board, there) as held:
            assert 20 < time.monotonic() - start < 60
            local_sshd.until(lambda: lost._holder.poll() is not None, "the old holder has ended")
            with pytest.raises(CutOff, match="the same command goes on"):
                lost.check()
            with pytest.raises(BoardFailed, match="the lock was lost"):  # and were it still to try, the fence stops it
                other.script("switch", there, lost.token, "any")
            board.script("prune", there, held.token, 3)


def test_beat_goes_on_where_the_disk_is_full(board, there):
    with lock(board, there):
        beat = Path(there, ".lock.beat")
        inode, before = beat.stat().st_ino, beat.read_text()
        local_sshd.until(lambda: beat.read_text() != before, "a beat", limit=30)
        assert beat.stat().st_ino == inode and beat.stat().st_size == 16  # in place: needs no room


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_what_ran_and_frees_the_lock(sshd, board, there, tmp_path, number):
    first, slow = stand_in_bundle.make(tmp_path), stand_in_bundle.make(tmp_path, "slow", beside={"slow": "20"})
    deploying.deploy(board, there, first)
    program = f"""
from pathlib import Path
from orchestrate.remote import deploy, session
session._config = lambda host: Path({str(sshd.config)!r})
from orchestrate.errors import FrontDoorError
try:
    with session.connected("devboard") as board:
        deploy.deploy(board, {there!r}, Path({str(slow)!r}))
except FrontDoorError as error:
    print(error)
    raise SystemExit(error.exit_code)
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    local_sshd.until(lambda: list(Path(there, "incoming").glob(f"{slow.name}.*/.test.*")), "the self-test runs", limit=60)
    child.send_signal(number)
    said, _ = child.communicate(timeout=120)
    assert child.returncode == 130
    assert f"{first.name} runs as before, the same command goes on" in said
    assert os.readlink(f"{there}/current") == f"releases/{first.name}"
    with lock(board, there):
        pass


@pytest.mark.parametrize("rsync", [True, False], ids=["rsync", "sftp"])
def test_killed_deploy_whose_transfer_lives_on(sshd, there, tmp_path, rsync):
    """kill -9 hits the front door alone: rsync or sftp go on for a while, and must not write into what the next deploy verifies."""
    sshd.stop()
    if not rsync:
        sshd.restricted_path("rsync")
    sshd.start()
    bundle = stand_in_bundle.make(tmp_path, beside={"large": os.urandom(1 << 23)})
    program = f"""
from pathlib import Path
from orchestrate.remote import deploy, upload
from orchestrate.remote.ssh import Board
with Board("devboard", Path({str(sshd.config)!r})) as board:
    deploy.deploy(board, {there!r}, Path({str(bundle)!r}))
"""
    child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    arrived = Path(there, "incoming")
    local_sshd.until(lambda: any(path.is_file() for path in arrived.rglob("*")), "the upload has begun", limit=60)
    child.kill()
    child.wait()
    with Board("devboard", sshd.config) as board:
        deploying.deploy(board, there, bundle)
        assert not deploying.upload.missing(board, f"{there}/releases/{bundle.name}", deploying.verified(board, there, bundle.name).files)
    assert not os.listdir(arrived)
    assert not [path for path in Path(there, "releases").rglob(".*") if path.name != ".board"]


def test_killed_deploy_whose_self_test_lives_on(sshd, board, there, tmp_path):
    slow = stand_in_bundle.make(tmp_path, "slow", beside={"slow": "60"})
    program = f"""
from pathlib import Path
from orchestrate.remote import deploy
from orchestrate.remote.ssh import Board
with Board("devboard", Path({str(sshd.config)!r})) as board:
    deploy.deploy(board, {there!r}, Path({str(slow)!r}))
"""
    child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    local_sshd.until(lambda: list(Path(there, "incoming").glob(f"{slow.name}.*/.test.*/out")), "the self-test runs", limit=60)
    child.kill()
    child.wait()
    start = time.monotonic()
    assert deploying.deploy(board, there, stand_in_bundle.make(tmp_path))
    assert time.monotonic() - start < 45
    assert not os.listdir(f"{there}/incoming")
