"""What a user sees when containers cannot do their part: one line that says what is wrong, the right exit code, nothing half-written."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from container_place import SMALL, Place

pytestmark = [pytest.mark.engine, pytest.mark.slow]
ADMIN = os.environ["PATH"] + ":/usr/sbin:/sbin"
TRAIN = {"EDGESEG_SET": SMALL, "EDGESEG_ENGINE": "docker"}


def complaint(done):
    """The one line of an error."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("edgeseg: ")]
    assert "Traceback" not in done.stderr
    return lines[-1]


def test_no_engine_answers(place):
    before = place.runs()
    done = place.invoke("train", code=4, **TRAIN, DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert "no engine answers" in complaint(done) and "ENGINE=local" in complaint(done) and place.runs() == before


def test_no_right_to_the_socket(place):
    if place.user is None:
        pytest.skip("nobody here without rights: needs root, to become somebody else")
    stranger = Place(place.folder, place.cli, place.bases, place.user, ())
    done = stranger.invoke("train", code=4, **TRAIN)
    assert "no right to its socket" in complaint(done)


def test_a_base_that_cannot_be_pulled(place):
    before = place.runs()
    done = place.invoke("train", code=4, **TRAIN, EDGESEG_BASE_PYTHON_AMD64="registry.invalid/python:3.10-slim-bookworm")
    assert "registry.invalid/python:3.10-slim-bookworm cannot be pulled" in complaint(done) and "EDGESEG_BASE_PYTHON" in complaint(done)
    assert place.runs() == before


def mounted(folder: Path, size: str) -> None:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no right to mount a small tmpfs: {done.stderr.strip()}")


def test_no_space_for_the_run(place):
    place.image("trainer")
    runs = place.folder / "runs"
    kept = runs.rename(place.folder / "runs.kept") if runs.exists() else None
    mounted(runs, "1m")
    try:
        done = place.invoke("train", code=4, **{**TRAIN, "EDGESEG_SET": SMALL.replace("filters=4", "filters=32")})
        assert "no space left" in done.stderr.lower() and "Traceback" not in done.stderr
        assert not [path for path in runs.rglob("*partial*")] and place.containers() == ""
    finally:
        subprocess.run(["umount", "--lazy", str(runs)], check=True)
        runs.rmdir()
        if kept:
            kept.rename(runs)


def test_a_container_killed_half_way_and_going_on(place):
    """`kill -9` on the stage in the middle of training: its code, whole files, and the same command with RUN goes on."""
    place.image("trainer")
    before = set(place.runs())
    process = place.start("train", **{**TRAIN, "EDGESEG_SET": SMALL.replace("epochs=2", "epochs=5000") + " train.patience=0"})
    run = wait_for(lambda: next(iter(set(place.runs()) - before), None), process)
    wait_for(lambda: (run / "train" / "history.csv").exists(), process)
    place.cli.capture("kill", place.containers())
    _, err = process.communicate(timeout=120)
    assert process.returncode == 137 and "the stage was killed" in err and "Traceback" not in err
    assert place.containers() == "" and not place.not_the_callers()
    epochs = len((run / "train" / "history.csv").read_text().splitlines())
    process = place.start("train", EDGESEG_ENGINE="docker", EDGESEG_RUN=str(run))
    wait_for(lambda: len((run / "train" / "history.csv").read_text().splitlines()) > epochs, process)
    os.killpg(process.pid, signal.SIGINT)  # Ctrl-C
    process.communicate(timeout=120)
    assert process.returncode == 130 and place.containers() == "" and not list(run.rglob("*.partial*"))
    shutil.rmtree(run)


def wait_for(what, process, seconds=300):
    """What `what` gives once it gives something; fails if `process` ends before."""
    end = time.monotonic() + seconds
    while not (found := what()):
        if process.poll() is not None:
            raise AssertionError(process.communicate())
        assert time.monotonic() < end
        time.sleep(0.2)
    return found


@pytest.fixture
def own_bridge():
    """The name of a network bridge that an engine of a test's own may have: told to do without one, it would remove docker0."""
    name, address = f"edgeseg{os.getpid() % 10**6}", "198.18.254.1/24"  # of the range for tests of networks, RFC 2544
    commands = (("link", "add", name, "type", "bridge"), ("address", "add", address, "dev", name))
    if os.getuid() != 0 or shutil.which("ip", path=ADMIN) is None:
        pytest.skip("an engine of its own needs root and a network bridge of its own, by `ip` (iproute2)")
    try:
        for command in commands:
            made = subprocess.run(["ip", *command], capture_output=True, text=True, env={**os.environ, "PATH": ADMIN})
            if made.returncode:
                pytest.skip(f"no network bridge of its own: {made.stderr.strip()}")
        yield name
    finally:
        subprocess.run(["ip", "link", "delete", name], capture_output=True, env={**os.environ, "PATH": ADMIN})


@pytest.fixture
def small_engine(own_bridge):
    """A docker engine of this test's own whose images lie on a tmpfs of 640 MiB; its socket."""
    if shutil.which("dockerd", path=ADMIN) is None:
        pytest.skip("an engine of its own needs dockerd")
    folder = Path(tempfile.mkdtemp(prefix="edgeseg-engine-"))
    mounted(folder / "data", "640m")
    socket = folder / "docker.sock"
    command = [
        "dockerd",
        "--data-root",
        folder / "data",
        "--exec-root",
        folder / "exec",
        "--pidfile",
        folder / "pid",
        "--host",
        f"unix://{socket}",
        f"--bridge={own_bridge}",
        "--iptables=false",
        "--ip-forward=false",
    ]
    with open(folder / "log", "w") as log:
        engine = subprocess.Popen([*map(str, command)], stdout=log, stderr=log, env={**os.environ, "PATH": ADMIN})
    try:
        end = time.monotonic() + 240
        while subprocess.run(["docker", "--host", f"unix://{socket}", "version"], capture_output=True).returncode:
            if engine.poll() is not None or time.monotonic() > end:
                pytest.skip(f"no second engine: {(folder / 'log').read_text().splitlines()[-1]}")
            time.sleep(0.5)
        yield f"unix://{socket}"
    finally:
        engine.terminate()
        engine.wait(timeout=240)
        for mount in reversed(
            [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1].startswith(str(folder))]
        ):
            subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def test_no_space_for_images(place, small_engine):
    base = place.bases["EDGESEG_BASE_PYTHON_AMD64"]
    saved = subprocess.Popen(place.cli.command("save", base), stdout=subprocess.PIPE)
    loaded = subprocess.run(["docker", "--host", small_engine, "load"], stdin=saved.stdout, capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    saved.wait()
    os.chmod(small_engine.removeprefix("unix://"), 0o666)
    os.chmod(Path(small_engine.removeprefix("unix://")).parent, 0o755)
    before = place.runs()
    done = place.invoke("train", code=4, **TRAIN, DOCKER_HOST=small_engine)
    assert "no disk space" in complaint(done) and place.runs() == before
    listed = subprocess.run(["docker", "--host", small_engine, "images", "--quiet", "edgeseg/trainer"], capture_output=True, text=True)
    assert listed.stdout == ""
