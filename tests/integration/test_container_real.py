"""Container engines for real: what a stage sees, signals, kills. Their image is a bare Python, so nothing of the project is built here."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stand_in_bases

from orchestrate import containers
from orchestrate.errors import MissingTool

pytestmark = pytest.mark.engine
ROOT = Path(__file__).resolve().parents[2]
IMAGE = os.environ.get("EDGESEG_BASE_PYTHON", "") or "edgeseg-stand-in/python:3.10-slim-bookworm"  # the second is made for docker
STAGE = """
import os, signal, socket, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
if "sleep" in sys.argv:
    try:
        print("started", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        Path("runs/tidied").touch()
        sys.exit(130)
Path("runs/made").touch()
print(os.getuid(), os.getgid(), os.getcwd(), Path("data/x").read_text(), os.environ["EDGESEG_IMAGE_DIGESTS"])
for path in ("configs/new", "data/new"):
    try:
        Path(path).touch()
        print(path, "could be written")
    except OSError:
        pass
print(len(os.listdir("/sys/class/net")), "interface")
sys.exit(7)
"""
RUNNER = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, as it then should be
from pathlib import Path
from orchestrate import engine
from orchestrate.errors import FrontDoorError
from orchestrate.images import build
from orchestrate.stage import Stage
build.ensure = lambda cli, name: build.Built(name, sys.argv[3], "sha256:0")
root, arguments = Path(sys.argv[2]), tuple(sys.argv[4:])
try:
    stage = Stage(arguments, "stage", (root / "data",), (root / "runs",))
    sys.exit(engine.ContainerEngine(sys.argv[1], root).run(stage))
except FrontDoorError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


@pytest.fixture(scope="module", params=containers.NAMES)
def cli(request):
    try:
        found = containers.find(request.param)
        if IMAGE.startswith("edgeseg-stand-in") and found.name == "docker":
            stand_in_bases.make(found.program, only=("PYTHON_AMD64",))
        found.capture("image", "inspect", IMAGE)
    except (MissingTool, stand_in_bases.Unavailable) as why:
        pytest.skip(f"no engine with {IMAGE}: {why}")
    return found


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "stage.py").write_text(STAGE)
    for name in ("data", "configs"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "x").write_text("read")
    return tmp_path


def start(cli, checkout, *arguments):
    command = [sys.executable, "-c", RUNNER, cli.name, str(checkout), IMAGE, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def left(cli, checkout):
    return cli.capture("ps", "--all", "--quiet", "--filter", f"label=edgeseg.checkout={checkout}")


def test_what_a_stage_sees(cli, checkout):
    process = start(cli, checkout)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 7, err
    assert out == f"{os.getuid()} {os.getgid()} {checkout} read {IMAGE}@sha256:0\n1 interface\n"
    assert (checkout / "runs" / "made").stat().st_uid == os.getuid()
    assert not list(checkout.rglob("__pycache__")) and left(cli, checkout) == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 143)])
def test_signals(cli, checkout, number, code):
    process = start(cli, checkout, "sleep")
    assert process.stdout.readline() == "started\n", process.stderr.read()
    process.send_signal(number)
    assert process.wait(timeout=240) == code
    assert (checkout / "runs" / "tidied").exists() == (number == signal.SIGINT) and left(cli, checkout) == ""


def test_a_killed_front_door_leaves_no_container(cli, checkout):
    process = start(cli, checkout, "sleep")
    assert process.stdout.readline() == "started\n", process.stderr.read()
    process.kill()
    process.wait()
    end = time.monotonic() + 240
    while left(cli, checkout):
        assert time.monotonic() < end
        time.sleep(0.5)


def test_a_container_killed_from_outside(cli, checkout):
    process = start(cli, checkout, "sleep")
    assert process.stdout.readline() == "started\n", process.stderr.read()
    cli.capture("kill", left(cli, checkout))
    out, err = process.communicate(timeout=240)
    assert process.returncode == 137 and "the stage was killed" in err and len(err.splitlines()) == 1
    assert left(cli, checkout) == ""
