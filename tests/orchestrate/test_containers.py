"""Container engines: what their complaints mean, what a stage is shown of the machine, which one `auto` takes. No engine is needed."""

import csv
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrate import containers, data_folders, engine, mounts
from orchestrate.errors import MissingTool
from orchestrate.stage import Stage


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Puts a program called docker, podman ... on PATH that answers as told."""

    def make(name, script):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/nonexistent")
        return folder / name

    monkeypatch.setenv("PATH", "/nonexistent")
    return make


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock", "usermod -aG docker"),
        ("permission denied while trying to connect to the docker API at unix:///var/run/docker.sock", "usermod -aG docker"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?", "start it"),
        ("Error response from daemon: mkdir /var/lib/docker/overlay2/ab: no space left on device", "docker system df"),
        ('Error response from daemon: could not select device driver "" with capabilities: [[gpu]].', "NVIDIA Container Toolkit"),
        ("Error: invalid mount config for type bind: bind source path does not exist: /x", "must run on this machine"),
        ("docker: Error response from daemon: something new.\nSee 'docker run --help'.", "something new."),
        ("", "without a word"),
    ],
)
def test_complaints_become_one_sentence(client, said, meant):
    client("docker", f"cat >&2 <<'END'\n{said}\nEND\nexit 1".replace("cat", "/bin/cat"))
    with pytest.raises(MissingTool) as error:
        containers.find("docker")
    assert str(error.value).startswith("docker: ") and meant in str(error.value) and "\n" not in str(error.value)
    assert error.value.exit_code == 4


def test_what_is_not_installed(client):
    with pytest.raises(MissingTool, match="podman is not installed: .*ENGINE=local"):
        containers.find("podman")


def test_an_engine_that_hangs(client, monkeypatch):
    monkeypatch.setattr(containers, "_PATIENCE", 0.2)
    client("docker", "exec /bin/sleep 5")
    with pytest.raises(MissingTool, match="did not answer within"):
        containers.find("docker")


def test_podman_under_dockers_name_is_podman(client):
    client("docker", 'case $1 in --version) echo "podman version 5.0";; *) echo 5.0;; esac')
    found = containers.find("docker")
    assert (found.name, found.version, found.command("ps", "-a")) == ("podman", "5.0", [found.program, "ps", "-a"])


@pytest.mark.parametrize(("there", "taken"), [(["docker", "podman"], "docker"), (["podman"], "podman"), ([], "local")])
def test_auto_takes_the_first_that_answers_and_says_so(client, capsys, there, taken):
    client("docker", "exit 1")
    for name in there:
        client(name, "echo 1.2.3")
    assert engine.choose("auto").name == taken
    said = capsys.readouterr().err
    assert said.startswith(f"edgeseg: engine: {taken} (") and said.count("\n") == 1


def plan(root, reads=(), writes=()):
    return {str(mount.target): mount for mount in mounts.plan(root, tuple(map(Path, reads)), tuple(map(Path, writes)))}


def test_the_checkout_is_read_only_and_folders_are_made_beforehand(tmp_path):
    root, data = tmp_path / "checkout", tmp_path / "data"
    root.mkdir()
    data.mkdir()
    (root / "configs").mkdir()
    found = plan(root, [data, root / "configs", "nowhere"], ["runs", root / "data"])
    assert {target: mount.writable for target, mount in found.items()} == {
        str(root): False, str(data): False, str(root / "runs"): True, str(root / "data"): True
    }  # fmt: skip
    assert (root / "runs").is_dir()
    assert list(found)[0] == str(root)  # what lies in another comes after it


def test_what_is_written_is_not_hidden_by_what_is_read(tmp_path):
    assert plan(tmp_path, ["data"], ["data"])[str(tmp_path / "data")].writable


def test_links_are_followed(tmp_path):
    root, disk, elsewhere = (tmp_path / name for name in ("checkout", "disk", "elsewhere"))
    for folder in (root, disk / "38-cloud", elsewhere / "bands"):
        folder.mkdir(parents=True)
    (root / "data").symlink_to(disk)
    (tmp_path / "link").symlink_to(disk / "38-cloud")
    (disk / "38-cloud" / "red").symlink_to(elsewhere / "bands")
    assert set(plan(root, [root / "data" / "38-cloud"])) == {str(root), str(disk / "38-cloud"), str(elsewhere / "bands")}
    assert set(plan(root, [tmp_path / "link"])) == {str(root), str(disk / "38-cloud"), str(tmp_path / "link"), str(elsewhere / "bands")}
    (root / "runs").symlink_to(disk)
    assert plan(root, [], ["runs"])[str(disk)].writable


def test_a_worktree_and_a_borrowing_clone_bring_their_repository(tmp_path):
    def git(*arguments, cwd):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=cwd, check=True, capture_output=True)

    first = tmp_path / "first"
    first.mkdir()
    git("init", "-q", cwd=first)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=first)
    git("worktree", "add", "-q", "../tree", cwd=first)
    git("clone", "-q", "--shared", "first", "borrower", cwd=tmp_path)
    assert str(first / ".git") in plan(tmp_path / "tree")
    assert str(first / ".git" / "objects") in plan(tmp_path / "borrower")
    assert list(plan(first)) == [str(first)]


def test_a_folder_that_is_not_ours(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MissingTool, match="cannot be made"):
        plan(tmp_path, [], ["file/runs"])


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1))
def test_any_path_survives_the_mount_option(name):
    path = Path("/x") / name.replace("/", "_")
    fields = next(csv.reader([mounts.Mount(path, path).option()]))
    assert fields == ["type=bind", f"source={path}", f"target={path}", "readonly"]


def test_isolation(client, monkeypatch):
    docker = containers.Cli("docker", str(client("docker", 'echo "[name=seccomp,profile=builtin name=cgroupns]"')))
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("KAGGLE_USERNAME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "getgid", lambda: 55)
    closed = engine.isolation(docker, Stage(()))
    assert "1234:55" in closed and closed[closed.index("--network") + 1] == "none" and "OMP_NUM_THREADS" in closed
    assert "KAGGLE_KEY" not in closed and "--userns" not in closed and "--tty" not in closed
    opened = engine.isolation(containers.Cli("podman", "podman"), Stage((), network=True))
    assert opened[opened.index("--network") + 1] == "host" and opened[opened.index("--userns") + 1] == "keep-id"
    assert "KAGGLE_KEY" in opened and "secret" not in opened and opened[opened.index("--user") + 1] == "1234:55"


def test_the_caller_is_root_inside_a_rootless_docker(client, monkeypatch, tmp_path):
    program = client("docker", f'echo "$*" >> {tmp_path}/asked; echo "[name=seccomp,profile=builtin name=rootless name=cgroupns]"')
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    cli = containers.Cli("docker", str(program))
    for _ in range(2):
        options = engine.isolation(cli, Stage(()))
        assert options[options.index("--user") + 1] == "0:0" and "--userns" not in options
    assert (tmp_path / "asked").read_text() == "info --format {{.SecurityOptions}}\n"  # once


def test_the_data_folders_that_a_config_or_a_run_names(tmp_path):
    pytest.importorskip("tomli")
    runs = tmp_path / "runs"
    for name in ("one", "two"):
        (runs / name).mkdir(parents=True)
        (runs / name / "config.toml").write_text(f'[data]\nroot = "/mnt/{name}"\n')
    (runs / "two" / "config.toml").write_text("[data\n")  # broken: the stage says so
    assert data_folders.find(runs, run="one") == (Path("/mnt/one"),)
    assert data_folders.find(runs, run=str(runs / "one")) == (Path("/mnt/one"),)
    assert data_folders.find(runs, newest=True) == (Path("/mnt/one"),)
    assert data_folders.find(runs) == ()
    config = str(runs / "one" / "config.toml")
    assert data_folders.find(runs, config, 'train.epochs=2 data.root="/a b"') == (Path("/mnt/one"), Path("/a b"))
