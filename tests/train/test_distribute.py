"""The same training on one device, on two, and on two machines (here two processes)."""

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
HERE = Path(__file__).resolve().parent


def start(strategy: str, folder: Path, devices: int, qat: str = "none", **environment: str) -> subprocess.Popen:
    paths = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    return subprocess.Popen(
        [sys.executable, str(HERE / "distributed_fit.py"), strategy, str(folder), str(devices), qat],
        env=os.environ | {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*running: subprocess.Popen) -> list[str]:
    """The processes' sums of weights; none is left behind where one of them fails."""
    try:
        said = [process.communicate(timeout=150)[0] for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert not any(process.returncode for process in running), "\n".join(said)[-4000:]
    return [text.rsplit("sum", 1)[-1].strip() for text in said]


def losses(folder: Path) -> dict[str, list[float]]:
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in ("epoch", "loss", "val_loss")}


@pytest.mark.parametrize("qat", ["none", "full"])
def test_two_devices_learn_what_one_learns(tmp_path, qat):
    finish(start("none", tmp_path / "one", 1, qat), start("mirrored", tmp_path / "two", 2, qat))
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert two["epoch"] == [1, 2, 3]
    # batch statistics are each device's own, so the losses are near but not the same
    assert two["loss"] == pytest.approx(one["loss"], rel=0.15)
    assert two["val_loss"] == pytest.approx(one["val_loss"], rel=0.15)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_two_workers_and_only_the_chief_writes(tmp_path):
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    folder = tmp_path / "shared"
    running = [
        start(
            "multi-worker",
            folder,
            1,
            TF_CONFIG=json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}),
            grpc_proxy="",
            no_proxy="127.0.0.1",
        )
        for index in range(2)
    ]
    sums = finish(*running)
    assert sums[0] == sums[1]  # both return the weights that the chief kept
    assert losses(folder)["epoch"] == [1, 2, 3]
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["best.npz", "history.csv", "last.npz"]
