"""The self-test of the Python images, against made-up locks."""

import platform
import subprocess
import sys
from importlib import metadata

import pytest

from orchestrate import ROOT

PROGRAM = ROOT / "docker" / "common" / "self_test.py"
PYTEST = metadata.version("pytest")


def run(tmp_path, lock: str, *options: str) -> tuple[int, str]:
    (tmp_path / "lock.txt").write_text(lock)
    done = subprocess.run([sys.executable, PROGRAM, tmp_path / "lock.txt", *options], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_what_is_installed_as_pinned_passes(tmp_path):
    lock = f"""# made by something
pytest=={PYTEST} ; sys_platform == '{sys.platform}' and platform_machine == '{platform.machine()}' \\
    --hash=sha256:00
none==1.0 ; python_full_version < '3.8' or (platform_machine == 'z80' and sys_platform == 'cp/m')
other==2.0 ; python_full_version == '3.8.*'
"""
    code, said = run(tmp_path, lock, "--import", "pytest")
    assert code == 0
    assert f"pytest {PYTEST}" in said
    assert "none" not in said


@pytest.mark.parametrize(
    ("lock", "options", "reason"),
    [
        ("pytest==0.1\n", (), f"pytest {PYTEST} instead of 0.1"),
        ("no-such-package==1.0\n", (), "no-such-package is missing"),
        ("no-such-package==1.0 ; python_full_version >= '3.9'\n", (), "no-such-package is missing"),
        ("", ("--python", "3.1"), "instead of 3.1"),
        ("", ("--import", "no_such_module"), "no_such_module cannot be imported"),
    ],
)
def test_what_differs_is_named(tmp_path, lock, options, reason):
    code, said = run(tmp_path, lock, *options)
    assert code == 5
    assert reason in said
