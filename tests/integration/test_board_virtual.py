"""`invoke board up|down|ssh`: what it says it is, twice the same, after a kill half-way, and nobody gets in but by its key."""

import shutil
import subprocess

import board_front
import pytest

from orchestrate import virtual_board
from orchestrate.virtual_board import VirtualBoard

pytestmark = [pytest.mark.engine, pytest.mark.qemu, pytest.mark.slow]


@pytest.fixture
def spare(virtual, tmp_path):
    """A second board, of another checkout as it were; not up."""
    front = board_front.Front(tmp_path, virtual.more, virtual.engine)
    yield front
    front.invoke("board.down")


def id_of(front):
    return front.engine.capture("inspect", "--format", "{{.Id}}", front.container())


def test_it_is_what_it_says(virtual):
    said = virtual.invoke("board", "up").stderr
    assert "virtual board" in said and "no Edge TPU" in said and "arm64" in said
    told = virtual.shell("uname -m; id -un; . /etc/os-release; echo $VERSION_CODENAME; hostname; ls /usr/lib/*/libedgetpu* || true")
    assert told.decode().split() == ["aarch64", "mendel", "bullseye", "virtual-board"]
    assert virtual.shell("python3 -c 'import sys, numpy; print(sys.version_info[:2], numpy.__version__)'").startswith(b"(3, 9) 1.19")
    assert int(virtual.engine.capture("inspect", "--format", "{{.HostConfig.Memory}}", virtual.container())) == 2 << 30


def test_sessions_see_a_cortex_a35(virtual):
    """No LSE atomics (bit 8 of AT_HWCAP), which QEMU's own default processor has."""
    told = virtual.shell("LD_SHOW_AUXV=1 /bin/true").decode().splitlines()
    flags = next(line.split()[-1] for line in told if line.startswith("AT_HWCAP:"))
    assert not int(flags, 16) & 1 << 8, flags


def test_up_twice_and_at_once(virtual):
    before = id_of(virtual), (virtual.cache / "virtual-board" / "ssh_config").read_text()
    virtual.shell("echo kept >note")
    for client in [virtual.start("board.up"), virtual.start("board.up")]:
        said = client.communicate(timeout=120)[0]
        assert client.returncode == 0, said
    assert (id_of(virtual), (virtual.cache / "virtual-board" / "ssh_config").read_text()) == before
    assert virtual.shell("cat note") == b"kept\n"


def test_a_command_and_its_exit_code(virtual):
    assert virtual.invoke("board.ssh", "--command", "echo from $(uname -m)").stdout.endswith("from aarch64\n")
    virtual.invoke("board.ssh", "--command", "exit 3", code=3)
    assert "no such action" in virtual.invoke("board", "sideways", code=2).stderr


@pytest.mark.parametrize("who", ["root", "mendel", "nobody"])
def test_nobody_else_gets_in(virtual, tmp_path, who):
    """Another key, no key, a password: refused; and root even with the right key."""
    config = virtual.cache / "virtual-board" / "ssh_config"
    key = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    text = config.read_text() if who == "root" else config.read_text().replace(f'"{config.parent / "key"}"', str(key))
    (tmp_path / "config").write_text(text)
    command = ["ssh", "-F", str(tmp_path / "config"), "-o", "BatchMode=yes", "-l", who, "board", "true"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr


def test_down_up_down(spare):
    assert "there was no virtual board" in spare.invoke("board.down").stderr
    assert "`invoke board up`" in spare.invoke("status", "--host", "board", code=4).stderr
    spare.invoke("board.up")
    keys = [(spare.cache / "virtual-board" / name).read_bytes() for name in ("key", "host_key.pub")]
    spare.engine.capture("stop", "--time", "1", spare.container())  # as after a restart of the machine
    assert "`invoke board up`" in spare.invoke("status", "--host", "board", code=4).stderr
    spare.invoke("board.up")
    shutil.rmtree(spare.cache / "virtual-board")  # the cache was cleaned while the board went on
    spare.invoke("board.up")
    assert (spare.cache / "virtual-board" / "key").read_bytes() != keys[0]
    spare.shell("true")
    keys = [(spare.cache / "virtual-board" / name).read_bytes() for name in ("key", "host_key.pub")]
    assert "is gone" in spare.invoke("board.down").stderr
    spare.invoke("board.up")
    assert [(spare.cache / "virtual-board" / name).read_bytes() for name in ("key", "host_key.pub")] == keys
    spare.shell("true")


def test_killed_half_way(spare):
    """`kill -9` of `up` at moments of its way: the next one brings the board up."""
    for moment in (0.5, 1.5, 2.5, 4):
        client = spare.start("board.up")
        try:
            client.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            client.kill()
        client.communicate()
    spare.invoke("board.up")
    spare.shell("true")
    names = virtual_board.VirtualBoard(spare.engine, spare.cache / "virtual-board").name
    assert spare.engine.capture("ps", "--all", "--filter", f"name={names}", "--format", "{{.Names}}").split() == [names]


def test_boards_of_two_checkouts_have_two_names(virtual, spare):
    one, other = (VirtualBoard(front.engine, front.cache / "virtual-board").name for front in (virtual, spare))
    assert one != other
