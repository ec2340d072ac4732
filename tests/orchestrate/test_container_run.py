"""One container from making to removal, with a stand-in for docker's client: exit codes, signals, kills, and what is left afterwards."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrate import container
from orchestrate.containers import Cli
from orchestrate.errors import MissingTool

ROOT = Path(__file__).resolve().parents[2]
STAGE = """
import os, signal, sys, time
from pathlib import Path
def tidied(code):
    Path("tidied").touch()
    sys.exit(code)
signal.signal(signal.SIGTERM, lambda *_: tidied(143))
Path("started").write_text(str(os.getpid()))
try:
    time.sleep(30)
except KeyboardInterrupt:
    if "stubborn" not in sys.argv:
        tidied(130)
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        time.sleep(30)
"""
RUNNER = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, as it then should be
from pathlib import Path
from orchestrate import container
from orchestrate.containers import Cli
from orchestrate.errors import FrontDoorError
try:
    sys.exit(container.run(Cli("docker", sys.argv[1]), Path(sys.argv[2]), ["--workdir", sys.argv[2]], "image", ["python", *sys.argv[3:]]))
except FrontDoorError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A checkout with a stage, and the stand-in's state beside it."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "stage.py").write_text(STAGE)
    program = tmp_path / "docker"
    shutil.copy(Path(__file__).with_name("stand_in_docker.py"), program)
    program.write_text(program.read_text().replace("#!/usr/bin/env python3", f"#!{sys.executable}", 1))
    program.chmod(0o755)
    monkeypatch.setenv("FAKE_ENGINE", str(tmp_path / "engine"))
    return tmp_path


def run(here, *command):
    cli = Cli("docker", str(here / "docker"))
    return container.run(cli, here / "checkout", ["--workdir", str(here / "checkout")], "image", ["python", *command])


def calls(here):
    return [json.loads(line) for line in (here / "engine" / "calls").read_text().splitlines()]


def left(here):
    return sorted(path.name for path in (here / "engine").glob("container-*"))


def started(here, *arguments):
    """The front door as a process of its own, once the stage runs."""
    command = [sys.executable, "-c", RUNNER, str(here / "docker"), str(here / "checkout"), "stage.py", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: (here / "checkout" / "started").exists() and (here / "checkout" / "started").read_text())
    return process


def wait_for(what, limit=20):
    end = time.monotonic() + limit
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


@pytest.mark.parametrize("code", [0, 2, 5, 126])
def test_the_exit_code_is_the_stages(here, code):
    assert run(here, "-c", f"import sys; sys.exit({code})") == code
    assert [call[0] for call in calls(here)] == ["create", "start", "inspect", "rm"]
    create, command = calls(here)[0], ["python", "-c", f"import sys; sys.exit({code})"]
    assert f"{container.CHECKOUT}={here / 'checkout'}" in create and create[-4:] == ["image", *command]
    assert left(here) == []


def test_a_killed_stage_and_one_out_of_memory(here):
    killing = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(container.Killed, match="was killed") as error:
        run(here, "-c", killing)
    assert error.value.exit_code == 137
    (here / "engine" / "out-of-memory").touch()
    with pytest.raises(container.Killed, match=r"memory ran out \(see train.batch"):
        run(here, "-c", killing)
    assert left(here) == []


def test_an_engine_that_cannot_make_it(here):
    (here / "engine" / "fail-create").write_text("Error response from daemon: mkdir /x: no space left on device\n")
    with pytest.raises(MissingTool, match="no disk space is left"):
        run(here, "-c", "pass")


def test_an_engine_that_cannot_start_it(here, capfd):
    (here / "engine" / "fail-start").write_text("Error response from daemon: could not select device driver\n")
    with pytest.raises(MissingTool, match="NVIDIA Container Toolkit"):
        run(here, "-c", "pass")
    assert left(here) == [] and capfd.readouterr().err == ""


def test_what_the_stage_says_passes_through(here, capfd):
    """Though it may begin like an engine's complaint."""
    assert run(here, "-c", "import sys; print('Error: mine', file=sys.stderr); sys.exit(3)") == 3
    assert run(here, "-c", "import sys; [print(text, file=sys.stderr, flush=True) for text in ('Error: a', 'b')]; print('out')") == 0
    assert capfd.readouterr() == ("out\n", "Error: mine\nError: a\nb\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_signals_reach_the_stage_which_tidies_up(here, number, code):
    process = started(here)
    process.send_signal(number)
    assert process.wait(timeout=120) == code
    assert (here / "checkout" / "tidied").exists() and left(here) == []
    assert "Traceback" not in process.stderr.read()


def test_the_third_ctrl_c_is_by_force(here):
    process = started(here, "stubborn")
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.6)
    assert process.wait(timeout=120) == 137
    assert [call[2] for call in calls(here) if call[0] == "kill"] == ["INT", "INT", "KILL"] and left(here) == []


def test_kill_9_of_the_front_door_stops_the_container(here):
    process = started(here)
    process.kill()
    process.wait()
    wait_for(lambda: (here / "checkout" / "tidied").exists())
    wait_for(lambda: left(here) == [])


def test_what_even_the_guard_left_is_removed_at_the_next_start(here):
    dead = subprocess.Popen(["true"])
    dead.wait()
    where, me = container._where(), os.getpid()
    names = {
        "dead": f"edgeseg-{where}-{dead.pid}-1-1",
        "recycled": f"edgeseg-{where}-{me}-1-1",  # our process id, but another process: it was started at another time
        "ours": f"edgeseg-{where}-{me}-{container._born(me)}-1",
        "elsewhere": f"edgeseg-other-{dead.pid}-1-1",
        "not a stage": "edgeseg-board-1",
    }
    for name in names.values():
        (here / "engine" / f"container-{name}").write_text(json.dumps({"status": "exited", "code": 0}))
    removed = container.remove_stale(Cli("docker", str(here / "docker")), here / "checkout")
    assert sorted(removed) == sorted([names["dead"], names["recycled"]])
    assert len(left(here)) == 3
