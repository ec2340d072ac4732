"""Every way in which no connection comes about, or breaks: one line that says what to do, and nothing waits for a person."""

import getpass
import subprocess
import time

import local_sshd
import pytest
import stand_in_bundle

from orchestrate.remote import deploy as deploying
from orchestrate.remote import refusals, upload
from orchestrate.remote.errors import ChangedHostKey, CutOff, NoBoard, UnknownHostKey
from orchestrate.remote.releases import listing
from orchestrate.remote.ssh import Board


def refused(sshd, host="devboard"):
    start = time.monotonic()
    with pytest.raises(NoBoard) as error, Board(host, sshd.config):
        pass
    assert error.value.exit_code == 4
    assert "\n" not in str(error.value)
    assert time.monotonic() - start < 30
    return error.value


def test_unknown_host_key_and_the_command_that_settles_it(sshd):
    sshd.known.write_text("")
    error = refused(sshd)
    assert isinstance(error, UnknownHostKey)
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in str(error)
    assert sshd.known.read_text() == ""
    settle = str(error).split("if they agree: `")[1].split("`")[0]
    subprocess.run(settle, shell=True, check=True, capture_output=True)  # noqa: S602 - the very line that a person would copy
    with Board("devboard", sshd.config) as board:
        assert board.shell("echo hello").text == "hello\n"


def test_config_cannot_switch_the_check_off(sshd):
    sshd.known.write_text("")
    sshd.write_config("StrictHostKeyChecking accept-new")
    assert isinstance(refused(sshd), UnknownHostKey)
    assert sshd.known.read_text() == ""


def test_changed_host_key_and_the_command_that_settles_it(sshd):
    before = sshd.known.read_text()
    sshd.stop()
    sshd.new_key("host_key")
    sshd.start()
    error = refused(sshd)
    assert isinstance(error, ChangedHostKey)
    assert "REFUSED" in str(error)
    assert sshd.known.read_text() == before
    forget = str(error).split("If you know why it changed: `")[1].split("`")[0]
    learn = str(error).split("if they agree: `")[1].split("`")[0]
    for command in (forget, learn):
        subprocess.run(command, shell=True, check=True, capture_output=True)  # noqa: S602 - as above
    with Board("devboard", sshd.config) as board:
        assert board.shell("echo hello").text == "hello\n"


def test_behind_a_jump_host_ssh_itself_has_to_ask(tmp_path):
    words = refusals.introduce("devboard", {"hostname": "10.0.0.5", "port": "22", "proxyjump": "gate"}, tmp_path / "con fig")
    assert f"`ssh -F '{tmp_path}/con fig' -o StrictHostKeyChecking=ask devboard true` asks" in words
    assert "ssh-keyscan" not in words


def test_jump_host(sshd):
    through = f"ProxyCommand ssh -F {sshd.config} -W 127.0.0.1:{sshd.port} devboard"
    keys = (f"IdentityFile {sshd.folder}/client_key", f"UserKnownHostsFile {sshd.known}")
    sshd.write_config("", "Host far", through, f"User {getpass.getuser()}", "HostName far.invalid", "HostKeyAlias far", *keys)
    assert "StrictHostKeyChecking=ask far true` asks" in str(refused(sshd, "far"))
    with sshd.known.open("a") as known:
        known.write("far " + (sshd.folder / "host_key.pub").read_text())
    with Board("far", sshd.config) as board:
        assert board.shell("echo hello").text == "hello\n"


def test_key_that_is_not_let_in(sshd):
    (sshd.folder / "authorized_keys").write_text("")
    assert "ssh-copy-id devboard" in str(refused(sshd))


def test_connection_refused(sshd):
    sshd.stop()
    assert "refuses connections" in str(refused(sshd))


def test_no_such_host(sshd):
    assert "no such host" in str(refused(sshd, "no-such-host.invalid"))


def test_broken_config(sshd):
    sshd.write_config("NoSuchOption yes")
    assert "ssh cannot read its config" in str(refused(sshd))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ssh: connect to host 10.0.0.9 port 22: Connection timed out", "does not answer"),
        ("ssh: connect to host 10.0.0.9 port 22: No route to host", "does not answer"),
        ("Timeout, server devboard not responding.", "does not answer"),
        ("kex_exchange_identification: Connection closed by remote host", "the connection broke"),
        ("something new", "ssh failed: something new"),
        ("", "ssh failed: no reason given"),
    ],
)
def test_other_refusals(said, words):
    assert words in str(refusals.explain("devboard", said, {"hostname": "10.0.0.9", "port": "22"}))


def test_banner_and_noise_at_login_do_not_matter(sshd, there, tmp_path):
    (sshd.folder / "banner").write_text("authorized use only\n")
    sshd.write_config("RemoteCommand echo no", "RequestTTY force", "LocalForward 1 localhost:1")
    with Board("devboard", sshd.config) as board:
        assert deploying.deploy(board, there, stand_in_bundle.make(tmp_path))


@pytest.mark.parametrize("step", ["prepare", "good", "selftest", "accept", "switch", "prune"])
def test_cut_in_the_middle_of_each_step(sshd, there, tmp_path, monkeypatch, step):
    first, second = (stand_in_bundle.make(tmp_path, name) for name in ("one", "two"))
    ask, cut = Board.ask, []

    def cutting(self, name, *arguments, **options):
        if name == step and not cut:
            cut.append(sshd.cut())
            local_sshd.until(lambda: not sshd.connections(), "the connection is cut")
        return ask(self, name, *arguments, **options)

    with Board("devboard", sshd.config) as board:
        deploying.deploy(board, there, first)
    with monkeypatch.context() as patched:
        patched.setattr(Board, "ask", cutting)
        try:  # ssh connects anew for a question that only looks
            with Board("devboard", sshd.config) as board:
                deploying.deploy(board, there, second)
            survived = True
        except NoBoard as error:
            survived = False
            assert "the connection broke" in str(error) or "the lock was lost" in str(error)
        except deploying.BoardFailed as error:
            survived = False
            assert "the lock was lost" in str(error)
    assert cut
    with Board("devboard", sshd.config) as board:
        assert listing(board, there).current in ({second.name} if survived else {first.name, second.name})
        deploying.verified(board, there, listing(board, there).current)
        assert deploying.deploy(board, there, second) == second.name
        assert not board.shell(f"ls -A {upload.shlex.quote(there)}/incoming").text


def test_board_that_vanishes_while_it_answers(sshd):
    with Board("devboard", sshd.config) as board:
        child = board.start("sleep 30")
        local_sshd.until(sshd.connections, "connected")
        sshd.stop()
        with pytest.raises(CutOff) as error:
            board.shell("echo hello")
        child.wait(10)
    assert "refuses connections" in str(error.value) or "broke" in str(error.value)
