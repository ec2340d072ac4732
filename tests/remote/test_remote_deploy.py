"""Deploy, deploy again, go back: through a real sshd, with stand-ins for the programs."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import stand_in_bundle

from orchestrate.bundle_files import BrokenBundle
from orchestrate.remote import deploy as deploying
from orchestrate.remote import packed, preflight, scenes, status
from orchestrate.remote.errors import BoardFailed, DamagedUpload, NotThere, UnfitBundle, WrongOutput
from orchestrate.remote.releases import listing
from orchestrate.remote.ssh import Board


def left(there: str) -> set[str]:
    """What lies in DIR but should not: everything beyond what docs/board.md says."""
    allowed = {"current", "releases", "incoming", "scenes", "results", ".lock", ".lock.beat", ".run", ".run.holder"}
    return {name for name in os.listdir(there) if name not in allowed} | {f"incoming/{name}" for name in os.listdir(f"{there}/incoming")}


def test_first_deploy(board, there, tmp_path, capfd):
    bundle = stand_in_bundle.make(tmp_path)
    release = deploying.deploy(board, there, bundle)
    assert os.readlink(f"{there}/current") == f"releases/{release}" == f"releases/{bundle.name}"
    assert Path(there, "current/.board/golden.bin").read_bytes() == (bundle / "golden/output.bin").read_bytes()
    assert left(there) == set()
    said = capfd.readouterr().err
    assert "self-test" in said and "within 0 steps" in said and "first Invoke 2.5 ms" in said


def test_second_deploy_and_rollback(board, there, tmp_path, capfd):
    first, second = (stand_in_bundle.make(tmp_path, name) for name in ("one", "two"))
    deploying.deploy(board, there, first)
    capfd.readouterr()
    deploying.deploy(board, there, second)
    assert listing(board, there).current == second.name and listing(board, there).previous == first.name
    assert deploying.roll_back(board, there) == first.name
    assert listing(board, there).previous == second.name  # like `cd -`
    assert deploying.roll_back(board, there) == second.name
    assert deploying.roll_back(board, there, first.name) == first.name
    assert left(there) == set()


def test_nothing_to_go_back_to(board, there, tmp_path):
    deploying.deploy(board, there, stand_in_bundle.make(tmp_path))
    with pytest.raises(NotThere, match="no release ran before"):
        deploying.roll_back(board, there)
    with pytest.raises(NotThere, match="no release other; there are: one-native"):
        deploying.roll_back(board, there, "other")


def test_running_release_is_verified_and_tested_again(board, there, tmp_path, capfd):
    bundle = stand_in_bundle.make(tmp_path)
    deploying.deploy(board, there, bundle)
    before = os.lstat(f"{there}/current").st_mtime_ns
    capfd.readouterr()
    deploying.deploy(board, there, bundle)
    said = capfd.readouterr().err
    assert "is there already and runs" in said and "runs as before" in said and "sending" not in said
    assert os.lstat(f"{there}/current").st_mtime_ns == before


def test_damaged_running_release_is_mended(board, there, tmp_path):
    bundle = stand_in_bundle.make(tmp_path)
    deploying.deploy(board, there, bundle)
    damaged = Path(there, "current/model/int8.tflite")
    damaged.write_text("bit rot")
    with pytest.raises(UnfitBundle, match=r"damaged on the board \(model/int8.tflite\); deploy it again"):
        deploying.verified(board, there, bundle.name)
    deploying.deploy(board, there, bundle)
    assert damaged.read_bytes() == (bundle / "model/int8.tflite").read_bytes()
    assert left(there) == set()


def test_old_releases_go_but_never_the_current_or_the_one_before(board, there, tmp_path):
    bundles = [stand_in_bundle.make(tmp_path, f"n{number}") for number in range(5)]
    for bundle in bundles[:4]:
        deploying.deploy(board, there, bundle)
    assert set(listing(board, there).ids) == {bundle.name for bundle in bundles[1:4]}
    deploying.roll_back(board, there, bundles[1].name)  # the oldest is current now, the newest the one before
    deploying.deploy(board, there, bundles[4])
    assert set(listing(board, there).ids) == {bundles[1].name, bundles[3].name, bundles[4].name}


@pytest.mark.parametrize("rsync", [True, False], ids=["rsync", "sftp"])
def test_goes_on_where_it_stopped(sshd, there, tmp_path, rsync, capfd):
    if not rsync:
        sshd.stop()
        sshd.restricted_path("rsync")
        sshd.start()
    bundle = stand_in_bundle.make(tmp_path)
    arrived = Path(there, "incoming", f"{bundle.name}.0123456789abcdef", "bin")
    arrived.mkdir(parents=True)
    library = (bundle / "bin/libtensorflowlite_c.so").read_bytes()
    (arrived / "libtensorflowlite_c.so").write_bytes(library[:5000])
    (arrived / "inference").write_text("garbage that is longer than nothing")
    Path(there, "incoming", "older-native-00000000").mkdir()
    with Board("devboard", sshd.config) as board:
        deploying.deploy(board, there, bundle)
    assert Path(there, "current/bin/libtensorflowlite_c.so").read_bytes() == library
    assert left(there) == set()
    assert f"by {'rsync' if rsync else 'sftp'}" in capfd.readouterr().err


def test_what_an_older_release_holds_is_not_sent(board, there, tmp_path, monkeypatch):
    first, second = (stand_in_bundle.make(tmp_path, name) for name in ("one", "two"))
    deploying.deploy(board, there, first)
    (second / "bin/inference").touch()  # rsync must go by content, not by time
    deploying.deploy(board, there, second)
    assert os.stat(f"{there}/releases/{first.name}/bin/inference").st_nlink == 1  # copied there, so that one cannot damage the other


@pytest.mark.parametrize(
    ("beside", "error", "words"),
    [
        ({"steps": bytes([9]) + stand_in_bundle.PATCH[1:16]}, WrongOutput, "REFUSED, the golden output differs by 9 steps"),
        ({"code": "3"}, UnfitBundle, "self-test .* failed: inference: the stand-in was told to fail.*invoke bundle"),
        ({"code": "4"}, BoardFailed, "self-test .* failed"),
        ({"code": "6"}, BoardFailed, "the accelerator hangs"),
        ({"code": "139"}, BoardFailed, "crashed"),
    ],
)
def test_failed_self_test_leaves_what_ran(board, there, tmp_path, beside, error, words):
    good, bad = stand_in_bundle.make(tmp_path), stand_in_bundle.make(tmp_path, "bad", beside=beside)
    deploying.deploy(board, there, good)
    with pytest.raises(error, match=words):
        deploying.deploy(board, there, bad)
    assert listing(board, there).current == good.name
    assert listing(board, there).ids == [good.name]
    deploying.deploy(board, there, stand_in_bundle.make(tmp_path, "better"))
    assert left(there) == set()


def test_within_the_tolerance_the_boards_own_output_is_kept(board, there, tmp_path, capfd):
    output = bytes([1]) + stand_in_bundle.PATCH[1:16]
    deploying.deploy(board, there, stand_in_bundle.make(tmp_path, beside={"steps": output}))
    assert Path(there, "current/.board/golden.bin").read_bytes() == output
    assert "within 1 step (6.2% of values differ)" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({"arch": "s390x", "glibc": "2.17"}, "architecture: the board is .* for s390x"),
        ({"arch": os.uname().machine, "glibc": "9.99"}, "glibc: .* is older than the 9.99"),
    ],
)
def test_unfit_bundle_is_refused_before_anything_is_changed(board, there, tmp_path, needs, words):
    with pytest.raises(UnfitBundle, match=f"nothing was changed: {words}") as refused:
        deploying.deploy(board, there, stand_in_bundle.make(tmp_path, needs=needs))
    assert refused.value.exit_code == 3
    assert not os.path.exists(there)


def test_no_edge_tpu_runtime(board, there, tmp_path):
    with pytest.raises(BoardFailed, match=r"libedgetpu.so.1 is not there.*sudo apt-get install libedgetpu1-std") as refused:
        deploying.deploy(board, there, stand_in_bundle.make(tmp_path, accelerator="edgetpu"))
    assert refused.value.exit_code == 4


def test_no_room_and_no_right(board, there, tmp_path, monkeypatch):
    bundle = stand_in_bundle.make(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BoardFailed, match=r"rights: .* may not write .*file.*chown"):
        deploying.deploy(board, str(tmp_path / "file" / "below"), bundle)
    monkeypatch.setattr(preflight, "MARGIN", 1 << 60)
    with pytest.raises(BoardFailed, match="space: .* free .* needed: remove old scenes"):
        deploying.deploy(board, there, bundle)
    assert not os.path.exists(there)


def test_board_without_a_tool(sshd, there, tmp_path):
    sshd.stop()
    sshd.restricted_path("sha256sum")
    sshd.start()
    with Board("devboard", sshd.config) as board, pytest.raises(BoardFailed, match="sha256sum not on the board.*apt-get install"):
        deploying.deploy(board, there, stand_in_bundle.make(tmp_path))


def test_board_with_busybox_alone(sshd, there, tmp_path):
    if not shutil.which("busybox"):
        pytest.skip("busybox is not installed")
    tools = tmp_path / "busybox"
    tools.mkdir()
    for applet in subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        (tools / applet).symlink_to(shutil.which("busybox"))
    for other in ("getconf", "bash", "flock"):  # of the C library; the login shell of who tests; not in every busybox
        (tools / other).symlink_to(shutil.which(other))
    sshd.stop()
    sshd.path = str(tools)
    sshd.start()
    with Board("devboard", sshd.config) as board:
        names = [deploying.deploy(board, there, stand_in_bundle.make(tmp_path, name)) for name in ("one", "two", "three", "four")]
        assert listing(board, there).ids == names[:0:-1]
        assert deploying.roll_back(board, there) == names[2]
        packed.push(board, there, [stand_in_bundle.scene(tmp_path / "packed", "LC08_scene")])
        scenes.run(board, scenes.look(board, there), "LC08_scene")
        assert scenes.look(board, there).states == {"LC08_scene": "done"}
        assert status.status(board, there)["release"] == names[2]
    assert left(there) == set()


def test_wrong_clock_is_a_warning(sshd, there, tmp_path, capfd):
    sshd.stop()
    sshd.stand_in("date", 'exec "$REAL" -d @86400 "$@"')
    sshd.start()
    with Board("devboard", sshd.config) as board:
        deploying.deploy(board, there, stand_in_bundle.make(tmp_path))
    assert "WARNING clock" in capfd.readouterr().err


@pytest.mark.parametrize("always", [False, True], ids=["once", "always"])
def test_corrupted_upload(sshd, there, tmp_path, always):
    sshd.stop()
    mark = tmp_path / "corrupted"
    model = "$(find . -name int8.tflite | head -1)"
    again = "true" if always else f'[ ! -e "{mark}" ]'
    path = f'cd {shlex.quote(there)}/incoming/* && {again} && touch "{mark}" && printf X | dd of="{model}" conv=notrunc 2>/dev/null'
    sshd.stand_in("rsync", f'case "$*" in *--server*) ;; *) exec "$REAL" "$@" ;; esac\n"$REAL" "$@"; code=$?; ({path}); exit $code')
    sshd.start()
    first = stand_in_bundle.make(tmp_path)
    with Board("devboard", sshd.config) as board:
        if not always:
            deploying.deploy(board, there, first)
            assert mark.exists() and deploying.verified(board, there, first.name).id == first.name
            return
        with pytest.raises(DamagedUpload, match="arrived damaged twice"):
            deploying.deploy(board, there, first)
        assert not os.path.exists(f"{there}/current")


def test_damaged_bundle_here(board, there, tmp_path):
    bundle = stand_in_bundle.make(tmp_path)
    (bundle / "model/int8.tflite").write_text("changed")
    with pytest.raises(BrokenBundle, match="was changed"):
        deploying.deploy(board, there, bundle)
    assert not os.path.exists(there)


def test_current_is_never_replaced_where_it_is_no_link(board, there, tmp_path):
    Path(there, "current").mkdir(parents=True)
    with pytest.raises(BoardFailed, match="current is no link"):
        deploying.deploy(board, there, stand_in_bundle.make(tmp_path))
    assert Path(there, "current").is_dir()
