"""`ensure` and the tasks around it, with a stand-in for docker's client; what a build is told of this machine; what its errors become."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrate.containers import Cli
from orchestrate.errors import MissingTool, WrongUsage
from orchestrate.images import bases, build, builder, graph, host, ingredients, overview


def test_an_image_is_built_once_and_again_only_when_an_ingredient_changed(root, engine, capsys):
    first = build.ensure(engine.cli, "small", "linux/amd64", root)
    assert "building image small" in capsys.readouterr().err
    assert build.ensure(engine.cli, "small", "linux/amd64", root) == first
    assert capsys.readouterr().err == ""
    assert first.digest == "sha256:" + "ab" * 32
    assert len(engine.calls()) == 1
    (root / "lock.txt").write_text("one==2\n")
    assert build.ensure(engine.cli, "small", "linux/amd64", root).reference != first.reference
    assert len(engine.calls()) == 2
    build.ensure(engine.cli, "small", "linux/amd64", root, again=True)
    assert "--no-cache" in engine.calls()[-1]


def test_what_an_image_starts_from_is_built_first_and_handed_in(root, engine):
    odd = build.ensure(engine.cli, "odd", None, root)
    small, last = engine.calls()
    tag = small[small.index("--tag") + 1]
    assert tag.startswith("edgeseg/small:")
    assert f"SMALL={tag}" in last
    assert last[last.index("--tag") + 1] == odd.reference
    assert last[last.index("--platform") + 1] == "linux/arm64" or ingredients.native() == "linux/arm64"


def test_what_a_build_is_told_of_this_machine_stands_in_no_command(root, engine, monkeypatch, tmp_path):
    (tmp_path / "ca.pem").write_text("certificates")
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@mirror.example/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/somewhere /elsewhere")
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://npm.example/")
    monkeypatch.setenv("EDGESEG_APT_MIRROR", "http://user:secret@debian.example/debian")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
    build.ensure(engine.cli, "small", "linux/amd64", root)
    (line,) = engine.calls()
    assert "user:secret" not in json.dumps(line)
    assert line[line.index("HTTPS_PROXY") - 1] == "--build-arg"
    given = engine.secrets()
    assert "index-url = https://user:secret@mirror.example/simple" in given["pip"]
    assert "cert = /run/secrets/ca" in given["pip"]
    assert "somewhere" not in given["pip"]
    assert given["npm"] == "registry=https://npm.example/\n"
    assert given["apt_mirror"] == "http://user:secret@debian.example/debian"
    assert given["ca"] == "certificates"
    with host.secrets() as files:
        folder = files["pip"].parent
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    assert "user:secret" not in (root / ".cache/images/small-amd64.log").read_text()


def test_npms_own_file_is_read_where_no_variable_is_set(monkeypatch, tmp_path, root):
    (tmp_path / "npmrc").write_text("fund=false\nregistry = https://npm.example/\n//npm.example/:_authToken=secret\n")
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(tmp_path / "npmrc"))
    assert host.npmrc() == "registry=https://npm.example/\n"


FAILURES = {
    "no registry": (
        "#3 [internal] load metadata for {base}\n#3 ERROR: failed to do request: dial tcp: no such host\n"
        "failed to solve with frontend dockerfile.v0: failed to do request: Head: dial tcp: lookup registry.example: no such host",
        bases.MissingBase,
        r"its base registry\.example/python.* cannot be pulled \(no such host\); set EDGESEG_BASE_PYTHON",
    ),
    "podman, no registry": (
        "Error: creating build container: initializing source docker://{base}: pinging container registry registry.example: no such host",
        bases.MissingBase,
        "EDGESEG_BASE_PYTHON",
    ),
    "no space": ("write /var/lib/docker/x: no space left on device", builder.BuildFailed, "no disk space is left"),
    "other processor": ("#5 0.1 exec /bin/sh: exec format error\nfailed: exit code: 1", builder.BuildFailed, "linux/amd64 do not run here"),
    "a script of ours": (
        "#9 12.1 edgeseg: Debian's packages cannot be reached (snapshot X); EDGESEG_APT_MIRROR names a mirror to take instead\n"
        "#9 ERROR: executor failed running [/bin/sh]: exit code: 1\nexecutor failed running [/bin/sh]: exit code: 1",
        builder.BuildFailed,
        "could not be built: Debian's packages cannot be reached",
    ),
    "interrupted": ("#7 CANCELED\ncontext canceled", builder.BuildFailed, "was interrupted"),
    "a step": ("#9 1.0 what went wrong\nexecutor failed running [/bin/sh -c false]: exit code: 1", builder.BuildFailed, "see above"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_build_that_fails_says_why_in_one_line_and_leaves_no_image(root, engine, capsys, what):
    said, kind, pattern = FAILURES[what]
    recipe = ingredients.recipe(graph.read(root), "small", "linux/amd64", engine.cli, root)
    engine.says(said.format(base=recipe.bases["python"]))
    with pytest.raises(kind, match=pattern) as caught:
        build.ensure(engine.cli, "small", "linux/amd64", root)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)
    assert build.there(engine.cli, recipe.reference) == ""
    assert ("what went wrong" in capsys.readouterr().err) == (what == "a step")


STOPPED = """
import sys
from pathlib import Path
from invoke import Exit
from orchestrate.commands import answered
from orchestrate.containers import Cli
from orchestrate.images import overview
try:
    with answered():
        overview.build_all(Cli("docker", sys.argv[1]), ["small", "large"], "linux/amd64", root=Path(sys.argv[2]))
except Exit as end:
    sys.exit(end.code)
"""


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGHUP], [signal.SIGTERM, signal.SIGHUP]])
def test_a_build_that_is_told_to_end_leaves_no_secrets_and_no_client(root, engine, tmp_path, monkeypatch, numbers):
    folder, ids = tmp_path / "temporary", tmp_path / "ids"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@mirror.example/simple")
    client, pretends = engine.folder / "docker", engine.folder / "pretends"
    client.rename(pretends)
    slow = f'case "$1 $2" in "build --help"|image*) exec {pretends} "$@";; esac; echo $$ > {ids}.new; mv {ids}.new {ids}; exec sleep 60'
    client.write_text(f"#!/bin/sh\n{slow}\n")
    client.chmod(0o755)
    command = [sys.executable, "-c", STOPPED, str(client), str(root)]
    heard = functools.partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)  # nohup, where the tests run under it, has it ignored
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:
        end = time.monotonic() + 120
        while not ids.exists():
            assert time.monotonic() < end and process.poll() is None, "no build began"
            time.sleep(0.02)
        assert "user:secret" in next(folder.glob("edgeseg-build-*/pip")).read_text()
        for number in numbers:
            process.send_signal(number)
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "edgeseg: interrupted" in said and "Traceback" not in said and "image large" not in said
    assert list(folder.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(ids.read_text()), 0)


def test_a_docker_without_buildkit_is_said_and_another_one_on_path_is_taken(root, engine, monkeypatch, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "docker").write_text("#!/bin/sh\necho 'Usage: docker build'\n")
    (bare / "docker").chmod(0o755)
    cli = Cli("docker", str(bare / "docker"))
    recipe = ingredients.recipe(graph.read(root), "small", "linux/amd64", None, root)
    monkeypatch.setenv("PATH", str(engine.folder))
    assert builder.command(cli, recipe, root, {})[0] == engine.cli.program
    monkeypatch.setenv("PATH", str(bare))
    with pytest.raises(MissingTool, match="BuildKit client is missing"):
        builder.command(cli, recipe, root, {})


def test_the_list_builds_nothing_and_names_what_cannot_be_built(root, engine, capsys):
    (root / "docker/odd/Dockerfile").unlink()
    build.ensure(engine.cli, "small", "linux/amd64", root)
    found = {(each.name, each.platform): each for each in overview.standings(engine.cli, root)}
    assert found["small", "linux/amd64"].state == "there"
    assert found["small", "linux/amd64"].bytes == 1000000
    assert found["large", "linux/amd64"].state == "missing"
    assert "No such file" in found["odd", "linux/arm64"].state
    assert len(engine.calls()) == 1
    overview.show(list(found.values()), as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["name"] == "small"


def test_names_are_images_or_groups(root):
    assert overview.names("", None, root) == ["small", "large"]
    assert overview.names("all", "linux/amd64", root) == ["small", "large"]
    assert overview.names("odd", None, root) == ["odd"]
    with pytest.raises(WrongUsage, match="there are linux/amd64, linux/arm64"):
        overview.names("", "linux/riscv64", root)


def test_one_image_that_cannot_be_built_does_not_keep_the_others(root, engine, capsys):
    (root / "lock.txt").unlink()
    (root / "docker/small/Dockerfile").write_text("FROM scratch AS large\nCOPY more.txt /\nFROM scratch AS small\nCOPY lock.txt /\n")
    assert overview.build_all(engine.cli, ["small", "large"], "linux/amd64", root=root) == ["small"]
    assert "image large: edgeseg/large:" in capsys.readouterr().err


def test_a_dry_run_names_the_command(root, engine):
    (line,) = overview.commands(engine.cli, ["small"], "linux/amd64", root)
    assert line[1:3] == ["build", "--file"]
    assert engine.calls() == []
