"""The graph, the Dockerfiles and the hash of what an image is made of."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrate import ROOT
from orchestrate.errors import WrongUsage
from orchestrate.images import bases, dockerfile, graph, ingredients


def reference(root: Path, name: str, platform: str | None = "linux/amd64") -> str:
    return ingredients.recipe(graph.read(root), name, platform, None, root).reference


def test_the_graph_is_read_as_bake_reads_it(root):
    read = graph.read(root)
    assert list(read.targets) == ["small", "large", "odd"]
    assert read.group("all") == ["small", "large", "odd"]
    large = read.target("large")
    assert (large.dockerfile, large.target, large.platforms) == ("docker/small/Dockerfile", "large", ("linux/amd64", "linux/arm64"))
    recipe = ingredients.recipe(read, "large", "linux/amd64", None, root)
    assert recipe.args == {"BASE": f"registry.example/python:3.10@sha256:{'1' * 64}"}
    assert recipe.labels == {"version": "v1", "title": "small"}  # the commit is no part of an image
    assert re.fullmatch(r"edgeseg/large:[0-9a-f]{12}", recipe.reference)


def test_a_name_or_platform_that_is_not_there_is_answered_with_those_that_are(root):
    with pytest.raises(WrongUsage, match="there are small, large, odd"):
        graph.read(root).target("none")
    with pytest.raises(WrongUsage, match="made for linux/arm64, not for linux/amd64"):
        reference(root, "odd", "linux/amd64")


@pytest.mark.parametrize("broken", ['target "x" {', 'target "x" { args = { A = max(1, 2) } \n dockerfile = "a" }'])
def test_what_the_reader_does_not_understand_is_said(root, broken):
    (root / "docker/docker-bake.hcl").write_text(broken)
    with pytest.raises(WrongUsage, match=r"docker-bake\.hcl"):
        graph.read(root)


def test_a_target_needs_its_own_stages_and_files_only(root):
    path = root / "docker/small/Dockerfile"
    small, large = dockerfile.needed(path, "small"), dockerfile.needed(path, "large")
    assert small.sources == ("lock.txt", "scripts/step.sh")
    assert large.sources == ("extra/", "lock.txt", "more.txt", "scripts/step.sh")
    assert "comment" not in large.text
    found = [file.relative_to(root).as_posix() for file in dockerfile.files(root, large.sources)]
    assert found == ["extra/a.py", "lock.txt", "more.txt", "scripts/step.sh"]
    with pytest.raises(WrongUsage, match="no stage none; there are build, small, large"):
        dockerfile.needed(path, "none")


def test_a_file_that_is_copied_and_not_there_is_named(root):
    (root / "lock.txt").unlink()
    with pytest.raises(WrongUsage, match=r"lock\.txt goes into an image"):
        reference(root, "small")


def test_the_name_changes_with_every_ingredient_and_with_nothing_else(root, monkeypatch):
    names = {"small": reference(root, "small"), "large": reference(root, "large"), "odd": reference(root, "odd", "linux/arm64")}

    def changed() -> set[str]:
        now = {name: reference(root, name, "linux/arm64" if name == "odd" else "linux/amd64") for name in names}
        different = {name for name in names if now[name] != names[name]}
        names.update(now)
        return different

    (root / "README").write_text("new")
    os.utime(root / "lock.txt", (0, 0))
    (root / "docker/small/Dockerfile").write_text("# another comment\n" + (root / "docker/small/Dockerfile").read_text())
    assert changed() == set()
    (root / "extra/a.py").write_text("print(2)\n")
    assert changed() == {"large"}
    (root / "scripts/step.sh").chmod(0o755)
    assert changed() == {"small", "large", "odd"}
    (root / "lock.txt").write_text("one==2\n")
    assert changed() == {"small", "large", "odd"}
    text = (root / "docker/bases.toml").read_text()
    (root / "docker/bases.toml").write_text(text.replace("1" * 64, "2" * 64))
    assert changed() == {"small", "large", "odd"}
    monkeypatch.setenv("EDGESEG_BASE_PYTHON_ARM64", "local/python:3.10")
    assert changed() == {"odd"}
    monkeypatch.setenv("EDGESEG_BASE_PYTHON", "local/python:3.10")
    assert changed() == {"small", "large"}
    assert reference(root, "small", "linux/arm64") != names["small"]


def test_a_replaced_base_counts_by_its_content(root, engine, monkeypatch):
    monkeypatch.setenv("EDGESEG_BASE_PYTHON", "local/python:3.10")
    seen = set()
    for identity in ("sha256:1", "sha256:2"):
        (engine.folder / "images").write_text(f'{{"local/python:3.10": "{identity}"}}')
        seen.add(ingredients.recipe(graph.read(root), "small", "linux/amd64", engine.cli, root).reference)
    assert len(seen) == 2


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=64), st.binary(max_size=64))
def test_two_images_have_one_name_exactly_if_their_files_are_the_same(root, one, other):
    names = []
    for content in (one, other):
        (root / "lock.txt").write_bytes(content)
        names.append(reference(root, "small"))
    assert (names[0] == names[1]) == (one == other)


def test_the_projects_own_graph_and_dockerfiles_go_together():
    read = graph.read(ROOT)
    assert set(read.group("default")) == {"trainer", "tests", "compiler", "device-builder", "runtime"}
    assert set(read.group("all")) <= set(read.targets)
    assert read.target("trainer").platforms == read.target("runtime").platforms == ("linux/amd64", "linux/arm64")
    for target in read.targets.values():
        parts = dockerfile.needed(ROOT / target.dockerfile, target.target)
        dockerfile.files(ROOT, parts.sources)
        declared = set(re.findall(r"^ARG (\w+)", parts.text, re.MULTILINE))
        given_ = set(target.args) | {name.upper().replace("-", "_") for name in target.contexts}
        assert given_ <= declared, f"{target.name}: docker-bake.hcl gives {given_ - declared}, which the Dockerfile does not take"
        assert "USER 1000:1000" in parts.text or target.name == "board"  # a machine's stand-in starts as machines do
        assert "self-test" in parts.text
        for base in {name for text in target.args.values() for name in text.variables() if name.startswith("EDGESEG_BASE_")}:
            assert base.removeprefix("EDGESEG_BASE_").lower() in bases.read(ROOT)


def test_no_python_file_of_the_pipeline_goes_into_an_image():
    for target in graph.read(ROOT).targets.values():
        parts = dockerfile.needed(ROOT / target.dockerfile, target.target)
        assert not [source for source in parts.sources if source.startswith(("pipeline", "cpp", "configs", "."))]
