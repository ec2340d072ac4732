"""What the tests of the virtual board rest on, and what `--host board` finds where there is none; without an engine."""

import sys
from pathlib import Path

import pytest
import small_bundle

from orchestrate import virtual_board
from orchestrate.errors import MissingTool


def test_the_small_model_is_what_board_models_writes(tmp_path):
    pytest.importorskip("flatbuffers")
    pytest.importorskip("tflite")
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cpp"))
    import board_models

    tensor = board_models.Tensor((1, small_bundle.SIDE, small_bundle.SIDE, 1))
    assert board_models.write(tmp_path / "model", [tensor], [tensor], compiled=False).read_bytes() == small_bundle.MODEL


def test_no_board_yet(tmp_path):
    with pytest.raises(MissingTool, match="invoke board up"):
        virtual_board.ssh_config(tmp_path)


def test_a_board_that_runs_no_more(tmp_path):
    (tmp_path / "ssh_config").write_text("Host board\n  HostName 127.0.0.1\n  Port 1\n")
    with pytest.raises(MissingTool, match="does not run"):
        virtual_board.ssh_config(tmp_path)


def test_the_users_own_board(tmp_path, monkeypatch):
    """A host of that name in the user's ssh config is theirs until a virtual one is made."""
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho hostname 192.0.2.7\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert virtual_board.ssh_config(tmp_path) is None


def test_keys_are_made_once(tmp_path):
    virtual_board._key_pair(tmp_path / "key")
    before = (tmp_path / "key").read_bytes(), (tmp_path / "key.pub").read_bytes()
    virtual_board._key_pair(tmp_path / "key")
    assert ((tmp_path / "key").read_bytes(), (tmp_path / "key.pub").read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key.pub"]
    (tmp_path / "key.pub").unlink()
    virtual_board._key_pair(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() != before[0]


def test_no_engine(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="docker.*podman"):
        virtual_board.board(folder=tmp_path)
