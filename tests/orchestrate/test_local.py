"""The local engine: exit codes, and who gets Ctrl-C."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrate.local import LocalEngine
from orchestrate.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = """
import sys, time
times = 0
try:
    print("started", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    try:
        time.sleep(0.5)  # tidying up, which a second interrupt would break off
        print("tidied up", flush=True)
    except KeyboardInterrupt:
        print("interrupted twice", flush=True)
    sys.exit(130)
"""
RUNNER = """
import sys
from pathlib import Path
from orchestrate.local import LocalEngine
from orchestrate.stage import Stage
sys.exit(LocalEngine(Path(sys.argv[1])).run(Stage((), module="sleeper")))
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "orchestrate").mkdir()
    (tmp_path / "orchestrate" / "bootstrap.sh").write_text('exit "${FAKE_BOOTSTRAP:-0}"\n')
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    return tmp_path


@pytest.mark.parametrize(("program", "code"), [("import sys; sys.exit(3)", 3), ("import os, signal; os.kill(os.getpid(), 9)", 137)])
def test_exit_codes(root, program, code):
    (root / "ends.py").write_text(program)
    assert LocalEngine(root).run(Stage((), module="ends")) == code


def test_an_environment_that_cannot_be_made_ends_it(root, monkeypatch):
    """bootstrap.sh has said why; its exit code is the answer, and the stage is not started."""
    monkeypatch.setenv("FAKE_BOOTSTRAP", "4")
    assert LocalEngine(root).run(Stage((), module="ends")) == 4


def test_an_interrupt_of_this_process_alone_reaches_the_stage(root):
    command = [sys.executable, "-c", RUNNER, str(root)]
    runner = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert runner.stdout.readline() == "started\n"
    runner.send_signal(signal.SIGINT)
    out, err = runner.communicate(timeout=60)
    assert (out, runner.returncode) == ("tidied up\n", 130)
    assert "Traceback" not in err


def test_ctrl_c_in_a_terminal_reaches_the_stage_once(root):
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-c", RUNNER, str(root)])
    shown, sent, limit = b"", False, time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            shown += os.read(terminal, 1000)
        except OSError:  # the other side is gone
            break
        if b"started" in shown and not sent:
            os.write(terminal, b"\x03")
            sent = True
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130
    assert b"tidied up" in shown and b"twice" not in shown
