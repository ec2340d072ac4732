"""How a board is: through an sshd, and from what boards of other kinds would say."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import stand_in_bundle

from orchestrate.remote import deploy as deploying
from orchestrate.remote import ssh, status


def test_status_before_and_after(board, there, tmp_path):
    found = status.status(board, there)
    assert found["release"] is None and "nothing yet" in status.render(found)
    release = deploying.deploy(board, there, stand_in_bundle.make(tmp_path))
    found = json.loads(json.dumps(status.status(board, there)))
    assert found["release"] == release and found["since"] and found["accelerator"] == "cpu"
    assert found["versions"]["tflite"] == "stand-in"
    assert found["memory"]["total"] > found["memory"]["free"] > 0 and found["space_free"] > 0
    text = status.render(found)
    assert release in text and "since 20" in text and "processors" in text


def test_hot_board_is_throttled():
    many = {"thermal": ["cpu-thermal 71500 70000", "gpu 40000 "], "cooling": ["cpufreq-cpu0 2 5"], "frequency": ["800000 1000000 1500000"]}
    assert status._throttling(many) == [
        "cpu-thermal is above 70 °C, where it throttles",
        "cpufreq-cpu0 holds it back, step 2 of 5",
        "at most 1000 of 1500 MHz are allowed",
    ]
    assert status._throttling({"vcgencmd": ["0x50005"]}) == ["under-voltage", "throttled"]
    assert status._throttling({"vcgencmd": [""]}) == []


@pytest.mark.parametrize("shell", ["dash", "busybox", "bash"])
def test_scripts_in_other_shells(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    for script in sorted(Path(ssh.__file__).with_name("scripts").glob("*.sh")):
        command = [shell, *(["sh"] if shell == "busybox" else []), "-n", str(script)]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0, script
