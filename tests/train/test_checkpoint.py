"""Checkpoints: there and back, never half a file, and a damaged one is said to be damaged."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.train import checkpoint
from pipeline.train.checkpoint import Checkpoint


def example() -> Checkpoint:
    rng = np.random.default_rng(0)
    weights = [rng.random((3, 3, 2, 4), np.float32), np.float32(2.5), rng.random(0, np.float32), *[np.full(1, i) for i in range(12)]]
    return Checkpoint({"phase": "qat", "epoch": 3, "plateau": {"best": None}}, weights, [np.int64(7), rng.random(5)])


def same(one: Checkpoint, other: Checkpoint) -> bool:
    def equal(a: list, b: list) -> bool:
        return len(a) == len(b) and all(
            np.array_equal(x, y) and np.asarray(x).dtype == np.asarray(y).dtype for x, y in zip(a, b, strict=True)
        )

    return one.meta == other.meta and equal(one.weights, other.weights) and equal(one.optimizer, other.optimizer)


def test_there_and_back(tmp_path):
    checkpoint.save(tmp_path / "a" / "last.npz", example())
    assert same(checkpoint.load(tmp_path / "a" / "last.npz"), example())
    assert os.listdir(tmp_path / "a") == ["last.npz"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "last.npz"
    checkpoint.save(path, example())

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)  # the bytes are in the partial file by then
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(path, Checkpoint({}, []))
    assert same(checkpoint.load(path), example()) and os.listdir(tmp_path) == ["last.npz"]


@pytest.mark.parametrize("content", [b"", b"PK", b"not a checkpoint", b"\x93NUMPY\x01\x00", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "last.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"last\.npz: damaged checkpoint .*remove it"):
        checkpoint.load(tmp_path / "last.npz")


def test_a_plain_array_is_no_checkpoint(tmp_path):
    with open(tmp_path / "last.npz", "wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(DataError, match="damaged"):
        checkpoint.load(tmp_path / "last.npz")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "last.npz"
    checkpoint.save(path, example())
    return path


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_byte_or_a_cut_is_found_or_harmless(tmp_path, whole, data):
    """zip keeps a checksum of every array: what loads in spite of the damage (a date, say) is what was saved."""
    content = bytearray(whole.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "damaged.npz"
    path.write_bytes(content)
    try:
        found = checkpoint.load(path)
    except DataError as why:
        assert "damaged.npz" in str(why)
    else:
        assert same(found, example())
