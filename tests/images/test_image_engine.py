"""`ensure` against the real engines: what they print where something fails is theirs to change, so it is read from them here."""

import subprocess
import sys
import time

import pytest

from orchestrate import ROOT
from orchestrate.containers import find
from orchestrate.errors import MissingTool
from orchestrate.images import bases, build, builder, graph, ingredients

pytestmark = pytest.mark.engine
NOTHING = "ARG BASE=scratch\nFROM scratch AS small\nCOPY lock.txt /lock.txt\nLABEL test=edgeseg\n"


@pytest.fixture(params=["docker", "podman"])
def cli(request):
    try:
        cli = find(request.param)
        builder.program(cli)
    except MissingTool as error:
        pytest.skip(str(error))
    return cli


@pytest.fixture
def bare(root, cli):
    """A checkout whose image `small` is made of one file and nothing else; its images are removed in the end."""
    (root / "docker/small/Dockerfile").write_text(NOTHING)
    made = []
    yield root, made
    for reference in made:
        subprocess.run(cli.command("image", "rm", "--force", reference), capture_output=True, check=False)


def test_built_once_silent_and_quick_afterwards_and_again_when_a_file_changed(cli, bare, capfd):
    root, made = bare
    first = build.ensure(cli, "small", None, root)
    made.append(first.reference)
    capfd.readouterr()
    began = time.monotonic()
    assert build.ensure(cli, "small", None, root) == first
    taken = time.monotonic() - began
    assert capfd.readouterr().err == ""
    assert first.digest.startswith("sha256:")
    assert taken < 5, f"{taken:.1f} s"  # a fraction of a second on a machine that does nothing else
    (root / "lock.txt").write_text("two==2\n")
    second = build.ensure(cli, "small", None, root)
    made.append(second.reference)
    assert second.digest != first.digest


def test_labels_are_in_the_image(cli, bare):
    root, made = bare
    built = build.ensure(cli, "small", None, root)
    made.append(built.reference)
    assert cli.capture("image", "inspect", "--format", '{{index .Config.Labels "title"}}', built.reference) == "small"


def test_a_base_that_cannot_be_pulled_is_named_with_its_variable(cli, root, monkeypatch):
    monkeypatch.setenv("EDGESEG_BASE_PYTHON", "registry.invalid/python:3.10")
    with pytest.raises(bases.MissingBase, match=r"registry\.invalid/python:3\.10 cannot be pulled .*EDGESEG_BASE_PYTHON"):
        build.ensure(cli, "small", "linux/amd64", root)


def test_a_step_that_fails_is_shown_and_leaves_no_image(cli, bare, capfd):
    root, _ = bare
    (root / "docker/small/Dockerfile").write_text('FROM scratch AS small\nCOPY lock.txt /\nRUN ["/none"]\n')
    with pytest.raises(builder.BuildFailed, match="image small could not be built"):
        build.ensure(cli, "small", None, root)
    recipe = ingredients.recipe(graph.read(root), "small", None, cli, root)
    assert build.there(cli, recipe.reference) == ""


def test_two_at_once_build_it_once(cli, bare):
    root, made = bare
    program = (
        "import sys; from pathlib import Path; from orchestrate.containers import find; from orchestrate.images import build\n"
        "print(build.ensure(find(sys.argv[1]), 'small', None, Path(sys.argv[2])).reference)"
    )
    command = [sys.executable, "-c", program, cli.name, str(root)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    made += {out.strip() for out, _ in said}
    assert len(made) == 1
    assert sum("edgeseg: building image small" in err for _, err in said) == 1
