"""What a deploy to the virtual board refuses, with the reason; and that the release that runs is none the worse for it."""

import board_front
import pytest
import small_bundle

from orchestrate.errors import MissingTool

pytestmark = [pytest.mark.engine, pytest.mark.qemu, pytest.mark.slow]
DIR = "refused"
SPOILER = """#!/bin/sh
/usr/bin/rsync.real "$@"
code=$?
for file in $HOME/refused/incoming/*/licences/ballast; do
    [ ! -f $file ] || printf x | dd of=$file conv=notrunc 2>/dev/null
done
exit $code"""
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.fixture(scope="module")
def running(virtual, tmp_path_factory):
    """A bundle that runs in DIR before each refusal, and must after it."""
    try:
        board_front.programs("mendel")
    except MissingTool as why:
        pytest.skip(str(why))
    bundle = small_bundle.make(tmp_path_factory.mktemp("bundles"), "mendel", "good")
    virtual.invoke("deploy", "--host", "board", "--dir", DIR, "--bundle", str(bundle))
    return bundle


def refused(virtual, running, bundle, *words, code, directory=DIR):
    done = virtual.invoke("deploy", "--host", "board", "--dir", directory, "--bundle", str(bundle), code=code)
    said = done.stderr.strip().splitlines()[-1]
    print(said)
    assert [word for word in words if word not in said] == []
    assert virtual.works(DIR) == running.name


def test_wrong_architecture(virtual, running, tmp_path):
    try:
        board_front.programs("native")
    except MissingTool as why:
        pytest.skip(str(why))
    bundle = small_bundle.make(tmp_path, "native", "other")
    refused(virtual, running, bundle, "aarch64", "x86_64", "build-device --target mendel", code=3)


def test_too_old_glibc(virtual, running, tmp_path):
    bundle = small_bundle.make(tmp_path, "mendel", "new", changes={"needs": {"arch": "aarch64", "glibc": "2.38"}})
    refused(virtual, running, bundle, "glibc", "2.31", "2.38", code=3)


def test_golden_mismatch(virtual, running, tmp_path):
    """A model that gives other numbers than the bundle was made with: here, a bundle that expects others."""
    bundle = small_bundle.make(tmp_path, "mendel", "wrong", wrong=True)
    refused(virtual, running, bundle, "golden output differs", "what ran before still runs", code=5)


def test_changed_bundle(virtual, running, tmp_path):
    bundle = small_bundle.make(tmp_path, "mendel", "bent")
    with open(bundle / "bin" / "stitch", "r+b") as file:
        file.seek(1000)
        file.write(b"another byte")
    refused(virtual, running, bundle, "bin/stitch", "was changed", code=3)


def test_upload_that_arrives_damaged(virtual, running, tmp_path):
    """The board's rsync is a stand-in that spoils a file after the real one is done, each time; the hashes on the board notice."""
    virtual.inside("sh", "-c", f"mv /usr/bin/rsync /usr/bin/rsync.real && echo '{SPOILER}' >/usr/bin/rsync && chmod 755 /usr/bin/rsync")
    try:
        bundle = small_bundle.make(tmp_path, "mendel", "spoilt")
        refused(virtual, running, bundle, "licences/ballast", "arrived damaged twice", code=3)
    finally:
        virtual.inside("mv", "/usr/bin/rsync.real", "/usr/bin/rsync")
    virtual.invoke("deploy", "--host", "board", "--dir", DIR, "--bundle", str(bundle))  # and goes on where it stopped
    assert virtual.works(DIR) == bundle.name
    virtual.invoke("rollback", "--host", "board", "--dir", DIR)
    assert virtual.works(DIR) == running.name


def test_no_right_to_write(virtual, running):
    """Mendel's user may not write to /opt, and nobody asks for sudo."""
    refused(virtual, running, running, "mendel may not write /opt", "--dir", code=4, directory="/opt/edgeseg")


def test_no_space(virtual, running):
    """/dev/shm has 64 MB; what a self-test and the system need is more than what is left when it is nearly full."""
    virtual.shell("head -c 50000000 /dev/zero >/dev/shm/filler")
    try:
        refused(virtual, running, running, "free", "needed", "--dir", code=4, directory="/dev/shm/edgeseg")
    finally:
        virtual.shell("rm -rf /dev/shm/filler /dev/shm/edgeseg")


def test_programs_may_not_be_started_there(virtual, running):
    """/dev/shm is mounted noexec, as cards often are."""
    refused(virtual, running, running, "noexec", code=4, directory="/dev/shm/edgeseg")
    virtual.shell("rm -rf /dev/shm/edgeseg")


def test_changed_host_key(virtual, running):
    """Something else answers at the board's address. `board up` reads the key through the engine and makes it known again."""
    known = virtual.cache / "virtual-board" / "known_hosts"
    before = known.read_text()
    known.write_text(f"{before.split()[0]} {OTHER_KEY}\n")
    done = virtual.invoke("deploy", "--host", "board", "--dir", DIR, "--bundle", str(running), code=4)
    said = done.stderr.strip().splitlines()[-1]
    print(said)
    assert "REFUSED, its host key is not the one that is known" in said and "ssh-keygen -R" in said
    virtual.invoke("board.up")
    assert known.read_text() == before
    assert virtual.works(DIR) == running.name


def test_unknown_host_key(virtual, running):
    known = virtual.cache / "virtual-board" / "known_hosts"
    before = known.read_text()
    known.write_text("")
    done = virtual.invoke("status", "--host", "board", "--dir", DIR, code=4)
    assert "its host key is not known yet" in done.stderr
    known.write_text(before)
