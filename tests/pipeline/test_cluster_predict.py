"""Scenes over a Dask cluster of real processes: the same files as without one, whatever dies on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import cluster_place

from pipeline.errors import DataError, MissingToolError, UsageError
from pipeline.run import Run
from pipeline.tasks import cluster, cluster_predict, predicting

pytestmark = pytest.mark.slow
WAIT = 240  # seconds; what takes a few on a quiet machine
NAMESPACES = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="a worker that sees another folder needs a mount namespace"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return cluster_place.make(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def local(place, tmp_path_factory) -> Run:
    """The same run folder, predicted without a cluster."""
    folder = tmp_path_factory.mktemp("local") / place.run.folder.name
    shutil.copytree(place.run.folder, folder)
    predicting.predict(Run(folder), place.config(), ["int8"])
    return Run(folder)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A cluster of a scheduler and two workers."""
    made = cluster_place.Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start(2)
        made.wait_for(2)
        yield made
    finally:
        made.stop()


@pytest.fixture
def run(place, tmp_path) -> Run:
    """A run folder without a scene."""
    folder = tmp_path / place.run.folder.name
    shutil.copytree(place.run.folder, folder)
    return Run(folder)


def contents(run: Run) -> dict[str, object]:
    """Every file of the scenes: pictures as bytes, records without the time that they took."""
    found = {}
    for path in sorted(run.scenes.rglob("*")):
        if path.is_file():
            found[str(path.relative_to(run.scenes))] = json.loads(path.read_text()) if path.suffix == ".json" else path.read_bytes()
    for record in found.values():
        if isinstance(record, dict):
            record.pop("milliseconds_per_patch", None)
    return found


def command(run: Run, address: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", "predict", "--run", str(run.folder), "--variant", "int8", "--dask", address]


def killed_in_a_scene(made: cluster_place.Cluster, run: Run) -> str:
    """Wait until worker w0 is in the middle of a scene (its colour picture is there, its record is not), kill it, and return the scene."""
    until, worker = time.monotonic() + WAIT, made.processes["w0"]
    while time.monotonic() < until:
        worker.send_signal(signal.SIGSTOP)  # so that nothing is written between the look and the kill
        os.waitpid(worker.pid, os.WUNTRACED)
        for begun in (run.scenes / "colour").glob("LC08*.json"):  # not what is half-written, which begins with a dot
            if not (run.scenes / "int8" / begun.name).exists():
                worker.kill()
                worker.wait()
                return begun.stem
        worker.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("no scene was begun")


def test_a_killed_worker_costs_nothing_but_time(place, local, run, tmp_path):
    """One worker begins, is killed in the middle of a scene; another, started afterwards, does all of them."""
    made = cluster_place.Cluster(tmp_path)
    try:
        made.start(1)
        made.wait_for(1)
        started = subprocess.Popen(command(run, made.address), env=cluster_place.environment(), stderr=subprocess.PIPE, text=True)
        scene = killed_in_a_scene(made, run)
        assert not (run.scenes / "int8" / f"{scene}.json").exists()
        made.worker("w1")
        said = started.communicate(timeout=WAIT)[1]
    finally:
        made.stop()
    assert started.returncode == 0, said
    assert contents(run) == contents(local)
    assert not list(run.folder.rglob("*.partial*")) and not list(run.folder.glob(".cluster*"))
    assert said.count("108 patches") == 4 and f"int8 {scene}" in said


def test_what_is_complete_is_not_sent(place, local, run, two, capsys):
    shutil.copytree(local.scenes, run.scenes)
    lost = run.scenes / "int8" / f"{cluster_place.SCENES[2]}.tif"
    others = {
        path: path.stat().st_mtime_ns for path in run.scenes.rglob("*") if path.is_file() and cluster_place.SCENES[2] not in path.name
    }
    lost.unlink()
    cluster_predict.predict(run, place.config(), ["int8"], two.address)
    assert capsys.readouterr().err.count("already there") == 3
    assert contents(run) == contents(local)
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_a_lost_colour_picture_costs_no_prediction(place, local, run, capsys):
    shutil.copytree(local.scenes, run.scenes)
    (run.scenes / "colour" / f"{cluster_place.SCENES[0]}.png").unlink()
    predicting.predict(run, place.config(), ["int8"])
    assert capsys.readouterr().err.count("already there") == 4
    assert contents(run) == contents(local)


def test_a_damaged_scene_does_not_stop_the_others(place, local, run, two, capsys):
    broken = place.data / "38-Cloud_test" / "test_nir" / f"nir_patch_9_1_by_9_{cluster_place.SCENES[1]}.TIF"
    kept = broken.with_suffix(".kept")
    broken.rename(kept)
    broken.write_bytes(b"II*\0nothing")
    try:
        with pytest.raises(DataError, match=f"(?s){broken.name}"):
            cluster_predict.predict(run, place.config(), ["int8"], two.address)
    finally:
        broken.unlink()
        kept.rename(broken)
    assert sorted(path.stem for path in (run.scenes / "int8").glob("LC08*.json")) == [
        each for each in cluster_place.SCENES if each not in broken.name
    ]
    assert f"error: scene {cluster_place.SCENES[1]}" in capsys.readouterr().err


def test_interrupted_it_goes_on_where_it_was(place, local, run, two):
    started = subprocess.Popen(command(run, two.address), env=cluster_place.environment(), stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + WAIT
    while not list((run.scenes / "int8").glob("LC08*.json")) and time.monotonic() < until:
        time.sleep(0.01)
    workers = [two.processes[name] for name in ("w0", "w1")]
    for worker in workers:  # on a busy machine they could do all scenes before the command hears
        worker.send_signal(signal.SIGSTOP)
    started.send_signal(signal.SIGINT)
    time.sleep(3)
    for worker in workers:
        worker.send_signal(signal.SIGCONT)
    said = started.communicate(timeout=WAIT)[1]
    assert started.returncode not in (0, 1) and "Traceback" not in said, said
    with two.client() as client:
        while any(client.processing().values()) and time.monotonic() < until:
            time.sleep(0.05)
    assert len(list((run.scenes / "int8").glob("LC08*.json"))) < 4
    again = subprocess.run(command(run, two.address), env=cluster_place.environment(), capture_output=True, text=True, timeout=WAIT)
    assert again.returncode == 0 and "already there" in again.stderr, again.stderr
    assert contents(run) == contents(local)


def test_storage_that_fails_is_tried_again(place, run, two, capsys):
    """A folder where a record belongs: writing it is an OSError each time."""
    stuck = run.scenes / "int8" / f"{cluster_place.SCENES[3]}.json"
    stuck.mkdir(parents=True)
    with pytest.raises(OSError, match=stuck.name):
        cluster_predict.predict(run, place.config(), ["int8"], two.address)
    logs = "".join((two.folder / f"{name}.log").read_text() for name in ("w0", "w1"))
    assert logs.count("Compute Failed") == 1 + cluster_predict.RETRIES
    assert sum(path.is_file() for path in (run.scenes / "int8").glob("LC08*.json")) == 3


def test_a_scheduler_that_is_gone(place, run, tmp_path):
    made = cluster_place.Cluster(tmp_path)
    try:
        made.start(1)
        made.wait_for(1)
        started = subprocess.Popen(command(run, made.address), env=cluster_place.environment(), stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + WAIT
        while not list((run.scenes / "int8").glob("LC08*.json")) and time.monotonic() < until:
            time.sleep(0.01)
        made.processes["scheduler"].kill()
        said = started.communicate(timeout=WAIT)[1]
    finally:
        made.stop()
    assert started.returncode == 4 and said.splitlines()[-1].startswith(
        f"error: {made.address}: the connection to the scheduler was lost"
    ), said


def test_a_worker_that_cannot_do_the_work_is_named(place, run, two, tmp_path):
    """Without the code, and with another version of it."""
    other = tmp_path / "other" / "pipeline"
    shutil.copytree(cluster_place.ROOT / "pipeline", other, ignore=shutil.ignore_patterns("__pycache__"))
    (other / "errors.py").write_text((other / "errors.py").read_text() + "\n# one line more\n")
    (tmp_path / "empty").mkdir()
    workers = {"bare": str(tmp_path / "empty"), "old": str(other.parent)}
    for name, path in workers.items():
        two.worker(name, PYTHONPATH=path)
    try:
        two.wait_for(4)
        with pytest.raises(MissingToolError) as why:
            cluster_predict.predict(run, place.config(), ["int8"], two.address)
        lines = str(why.value).splitlines()
        assert len(lines) == 2 and all(line.startswith("worker tcp://127.0.0.1:") for line in lines), lines
        assert any("cannot import pipeline" in line for line in lines) and any("another version of pipeline" in line for line in lines)
    finally:
        for name in workers:
            two.processes[name].kill()
            two.processes.pop(name).wait()
    assert not run.scenes.exists() and not list(run.folder.glob(".cluster*"))


@NAMESPACES
def test_a_worker_without_the_run_folder_is_named(place, run, tmp_path):
    made = cluster_place.Cluster(tmp_path)
    try:
        made.start(1)
        made.elsewhere = run.folder
        made.worker("apart")
        made.wait_for(2)
        with pytest.raises(MissingToolError) as why:
            cluster_predict.predict(run, place.config(), ["int8"], made.address)
        (line,) = str(why.value).splitlines()
        assert line.startswith("worker tcp://127.0.0.1:") and "does not see the run folder" in line
    finally:
        made.stop()


@NAMESPACES
def test_a_worker_that_sees_other_data_is_named(place, run, tmp_path):
    made = cluster_place.Cluster(tmp_path)
    try:
        made.start(1)
        made.elsewhere = place.data / "38-Cloud_test" / "test_red"
        made.worker("apart")
        made.wait_for(2)
        with pytest.raises(MissingToolError) as why:
            cluster_predict.predict(run, place.config(), ["int8"], made.address)
        (line,) = str(why.value).splitlines()
        assert line.startswith("worker tcp://127.0.0.1:") and f"does not see the same data below {place.data}" in line
    finally:
        made.stop()
    assert not run.scenes.exists() and not list(run.folder.glob(".cluster*"))


def test_a_worker_with_another_distributed_is_named(place, run, tmp_path):
    """A stand-in for another version: the same one, which says that it is 1.2.3."""
    (tmp_path / "old" / "distributed-1.2.3.dist-info").mkdir(parents=True)
    (tmp_path / "old" / "distributed-1.2.3.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: distributed\nVersion: 1.2.3\n")
    made = cluster_place.Cluster(tmp_path)
    try:
        made.start(1)
        made.worker("old", PYTHONPATH=f"{tmp_path / 'old'}{os.pathsep}{cluster_place.ROOT}")
        made.wait_for(2)
        with pytest.raises(MissingToolError, match="worker tcp://127.0.0.1:[0-9]+ has distributed 1.2.3, here it is ") as why:
            cluster_predict.predict(run, place.config(), ["int8"], made.address)
        assert len(str(why.value).splitlines()) == 1
    finally:
        made.stop()
    assert not run.scenes.exists()


def test_a_cluster_without_a_worker_and_no_cluster(place, run, tmp_path, monkeypatch):
    made = cluster_place.Cluster(tmp_path)
    try:
        made.start(0)
        with pytest.raises(MissingToolError, match="has no worker"):
            cluster_predict.predict(run, place.config(), ["int8"], made.address)
    finally:
        made.stop()
    monkeypatch.setattr(cluster, "_PATIENCE", 0.5)
    with pytest.raises(MissingToolError, match=f"{made.address}: no Dask scheduler answers there"):
        cluster_predict.predict(run, place.config(), ["int8"], made.address)


@pytest.mark.parametrize("address", ["nonsense", "", "tcp://", "host:0", "host:99999", "http://host:80", "tcp://a b:8786", "host:8786/x"])
def test_nonsense_is_a_usage_error(place, run, address):
    with pytest.raises(UsageError, match="--dask"):
        cluster_predict.predict(run, place.config(), ["int8"], address)


def test_without_dask_nothing_of_it_is_loaded(place, local):
    code = "import sys, pipeline.cli, pipeline.tasks.predicting, pipeline.tasks.cluster_predict; sys.exit('distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=cluster_place.environment()).returncode == 0
