"""How `.venv` is made: stamps, kills, two at once, and where no Python 3.10 is to be had. The installer is a stand-in, the venv is real."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrate import environment

ROOT = Path(__file__).resolve().parents[2]
DIGEST = hashlib.sha256(b"lock\ndev\n").hexdigest()


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "docker" / "trainer").mkdir(parents=True)
    (tmp_path / "docker" / "trainer" / "requirements.txt").write_text("lock\n")
    (tmp_path / "docker" / "trainer" / "dev.txt").write_text("dev\n")
    (tmp_path / "orchestrate").mkdir()
    for name in ("bootstrap.sh", "environment.py"):
        shutil.copy(ROOT / "orchestrate" / name, tmp_path / "orchestrate")
    return tmp_path


@pytest.fixture
def installs(monkeypatch):
    """The calls of the installer; its answer is the last item of `answers`."""
    calls, answers = [], [0]

    def create(folder, clear, **options):
        if clear and folder.exists():
            shutil.rmtree(folder)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)

    def install(root, python, locks):
        calls.append(python)
        return answers[-1]

    monkeypatch.setattr(environment.venv, "create", create)
    monkeypatch.setattr(environment, "install", install)
    calls_and_answers = calls, answers
    return calls_and_answers


def bootstrap(folder, path="/usr/bin:/bin", which="trainer", **environ):
    command = ["sh", str(folder / "orchestrate" / "bootstrap.sh"), *which.split()]
    return subprocess.run(command, env={"PATH": path, "HOME": str(folder)} | environ, capture_output=True, text=True)


def tools_without_python(folder):
    """A PATH with what the script itself uses, and no Python, pyenv or uv."""
    bin_ = folder / "tools"
    bin_.mkdir()
    for name in ("sh", "dirname", "sha256sum", "shasum", "cut", "cat"):
        if found := shutil.which(name):
            (bin_ / name).symlink_to(found)
    return bin_


def test_made_once(checkout, installs):
    calls, _ = installs
    assert environment.make(checkout, DIGEST) == 0
    assert environment.make(checkout, DIGEST) == 0
    assert len(calls) == 1
    assert bootstrap(checkout, str(tools_without_python(checkout))).returncode == 0  # the stamp is the one that the script looks for


def test_the_front_door_has_one_of_its_own(checkout, installs):
    (checkout / "docker" / "front").mkdir()
    (checkout / "docker" / "front" / "requirements.txt").write_text("front\n")
    digest = hashlib.sha256(b"front\n").hexdigest()
    assert environment.make(checkout, digest, environment.FRONT) == 0
    assert (checkout / ".cache" / "front" / "bin" / "python").exists() and not (checkout / ".venv").exists()
    tools = str(tools_without_python(checkout))
    assert bootstrap(checkout, tools, "front").returncode == 0
    (checkout / "docker" / "front" / "requirements.txt").write_text("another\n")
    result = bootstrap(checkout, tools, "front")
    assert result.returncode == 4 and "3.9 or newer" in result.stderr


def test_a_python_is_found_without_making_anything(checkout):
    tools = tools_without_python(checkout)
    assert bootstrap(checkout, str(tools), "trainer find").stdout == ""
    wrapper(tools / "python3", f'exec "{sys.executable}" "$@"')
    assert bootstrap(checkout, str(tools), "front find").stdout == f"{tools}/python3\n"
    assert not (checkout / ".cache").exists()


def test_a_link_is_never_followed_to_empty_what_it_leads_to(checkout, installs, capsys):
    """It happened: a link to a shared environment, without our stamp, was emptied."""
    others = checkout / "others"
    (others / "bin").mkdir(parents=True)
    (others / "bin" / "python").touch()
    (checkout / ".venv").symlink_to(others)
    assert environment.make(checkout, DIGEST) == 4
    assert (others / "bin" / "python").exists() and installs[0] == []
    assert "is a link to" in capsys.readouterr().err


def test_made_anew_when_the_lock_changed(checkout, installs):
    calls, _ = installs
    environment.make(checkout, DIGEST)
    (checkout / ".venv" / "old").touch()
    assert environment.make(checkout, "another") == 0
    assert len(calls) == 2
    assert not (checkout / ".venv" / "old").exists()


def test_no_stamp_when_the_installer_fails_or_is_killed(checkout, installs, monkeypatch):
    calls, answers = installs
    environment.make(checkout, DIGEST)
    answers.append(1)
    assert environment.make(checkout, "another") == 4
    assert not (checkout / ".venv" / "edgeseg.stamp").exists()

    def killed(root, python, locks):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(environment, "install", killed)
        environment.make(checkout, DIGEST)
    assert not environment.complete(checkout / ".venv", DIGEST)
    answers.append(0)
    assert environment.make(checkout, DIGEST) == 0


def test_other_machines_are_told(checkout, installs, monkeypatch, capsys):
    monkeypatch.setattr(environment.platform, "machine", lambda: "riscv64")
    assert environment.make(checkout, DIGEST) == 4
    assert "riscv64" in capsys.readouterr().err
    assert not (checkout / ".venv").exists()


def test_two_at_once(checkout):
    """The second waits, finds a complete environment and installs nothing."""
    program = (
        "import sys, time; sys.path.insert(0, 'orchestrate'); import environment as e; from pathlib import Path\n"
        "def create(folder, **options): (folder / 'bin').mkdir(parents=True); (folder / 'bin' / 'python').touch()\n"
        "def install(root, python, locks): time.sleep(0.5); print('installed'); return 0\n"
        "e.venv.create, e.install = create, install\n"
        "sys.exit(e.make(Path('.'), 'digest'))\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", program], cwd=checkout, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert sorted(said) == ["", "installed\n"]
    assert [process.returncode for process in both] == [0, 0]


def test_no_python_anywhere(checkout):
    result = bootstrap(checkout, str(tools_without_python(checkout)))
    assert result.returncode == 4
    assert "no Python 3.10 found" in result.stderr and "pyenv install 3.10" in result.stderr
    assert not (checkout / ".venv").exists()


def found(checkout, path, **environ):
    """The interpreter that the script takes, with the making replaced by saying so."""
    (checkout / "orchestrate" / "environment.py").write_text("import sys; print(sys.executable)\n")
    return bootstrap(checkout, path, **environ)


def wrapper(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_a_shim_that_fails_is_passed_over_and_pyenv_is_asked(checkout):
    tools = tools_without_python(checkout)
    wrapper(tools / "python3.10", "exit 127")
    wrapper(checkout / "pyenv" / "versions" / "3.10.9" / "bin" / "python", f'exec "{sys.executable}" "$@"')
    result = found(checkout, str(tools), PYENV_ROOT=str(checkout / "pyenv"))
    assert (result.returncode, result.stdout) == (0, f"{sys.executable}\n")


def test_uv_is_asked_last(checkout):
    tools = tools_without_python(checkout)
    wrapper(checkout / "managed" / "python", f'exec "{sys.executable}" "$@"')
    wrapper(tools / "uv", f'[ "$*" = "python find --no-project 3.10" ] && echo "{checkout}/managed/python"')
    result = found(checkout, str(tools))
    assert (result.returncode, result.stdout) == (0, f"{sys.executable}\n")


@pytest.mark.parametrize("uv_works", [True, False])
def test_uv_first_then_pip(tmp_path, monkeypatch, uv_works):
    tools, log = tmp_path / "tools", tmp_path / "log"
    wrapper(tools / "uv", f'echo "uv $*" >> "{log}"; exit {0 if uv_works else 1}')
    wrapper(tmp_path / "python", f'echo "python $*" >> "{log}"')
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}/usr/bin:/bin")
    assert environment.install(tmp_path, tmp_path / "python") == 0
    lines = log.read_text().splitlines()
    assert [line.split()[0] for line in lines] == (["uv"] if uv_works else ["uv", "python"])
    assert all("--require-hashes --no-deps --only-binary :all:" in line for line in lines)
