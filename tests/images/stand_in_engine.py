"""A stand-in for docker's client: remembers what it was asked, has the images it was told of, and builds by pretending."""

import json
import stat
import sys
from pathlib import Path

import pytest

from orchestrate.containers import Cli

PROGRAM = """#!{python}
import json, os, sys
from pathlib import Path
folder = Path({folder!r})
words = sys.argv[1:]
with open(folder / "calls", "a") as calls:
    calls.write(json.dumps(words) + "\\n")
images = json.loads((folder / "images").read_text())
if words[:2] == ["image", "inspect"]:
    if words[-1] not in images:
        sys.exit("Error: No such image: " + words[-1])
    print(images[words[-1]] if "Id" in words[3] else 1000000)
elif words == ["build", "--help"]:
    print("  --secret stringArray" if os.environ.get("DOCKER_BUILDKIT") == "1" else "")
elif words[0] == "build":
    given = {{words[i + 1].split(",")[0]: words[i + 1].split("src=")[1] for i, word in enumerate(words) if word == "--secret"}}
    (folder / "secrets").write_text(json.dumps({{name: Path(path).read_text() for name, path in given.items()}}))
    said = (folder / "says").read_text()
    print(said)
    if said:
        sys.exit(1)
    images[words[words.index("--tag") + 1]] = "sha256:" + "ab" * 32
    (folder / "images").write_text(json.dumps(images))
"""


class Engine:
    """The stand-in: `cli` to hand in, `calls()` made to it, `says(text)` makes the next build fail with that output."""

    def __init__(self, folder: Path):
        self.folder = folder
        program = folder / "docker"
        program.write_text(PROGRAM.format(python=sys.executable, folder=str(folder)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (folder / "images").write_text("{}")
        (folder / "calls").write_text("")
        self.says("")
        self.cli = Cli("docker", str(program), "20.10")

    def says(self, text: str) -> None:
        (self.folder / "says").write_text(text)

    def calls(self, first: str = "build") -> list[list[str]]:
        calls = [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]
        return [words for words in calls if words[0] == first and words != ["build", "--help"]]

    def secrets(self) -> dict[str, str]:
        return {name.removeprefix("id="): text for name, text in json.loads((self.folder / "secrets").read_text()).items()}


BAKE = """
variable "EDGESEG_BASE_PYTHON" { default = "" }
variable "EDGESEG_REVISION" { default = "" }
variable "EDGESEG_VERSION" { default = "1" }
group "default" { targets = ["small", "large"] }
group "all" { targets = ["default", "odd"] }
target "_common" {
  context = "."
  labels = { "version" = "v${EDGESEG_VERSION}", "revision" = EDGESEG_REVISION }
  attest = ["type=sbom"]
}
target "small" {
  inherits = ["_common"]
  dockerfile = "docker/small/Dockerfile"
  target = "small"
  platforms = ["linux/amd64", "linux/arm64"]
  args = { BASE = EDGESEG_BASE_PYTHON }
  labels = { "title" = "small" }
}
target "large" {
  inherits = ["small"]
  target = "large"
}
target "odd" {
  inherits = ["_common"]
  dockerfile = "docker/odd/Dockerfile"
  platforms = ["linux/arm64"]
  contexts = { small = "target:small" }
}
"""
SMALL = """# a comment
ARG BASE
FROM ${BASE} AS build
COPY lock.txt /lock.txt
RUN --mount=type=bind,source=scripts/step.sh,target=/step.sh \\
    # a comment inside
    --mount=type=secret,id=pip sh /step.sh
FROM ${BASE} AS small
COPY --from=build /made /made
FROM small AS large
COPY --chmod=755 extra/ more.txt /extra/
"""
ODD = "ARG SMALL=small\nFROM ${SMALL}\nCOPY lock.txt /\n"
BASES = """# why
[apt]
snapshot = "20260101T000000Z"

[python]
reference = "registry.example/python:3.10"
digest = "sha256:{digest}"
reason = "a reason"

[cuda]
reference = "registry.example/cuda:11.2"
digest = ""
reason = "not known yet"
"""


def checkout(root: Path) -> Path:
    """A small checkout with a graph of three images."""
    files = {
        "docker/docker-bake.hcl": BAKE,
        "docker/bases.toml": BASES.format(digest="1" * 64),
        "docker/small/Dockerfile": SMALL,
        "docker/odd/Dockerfile": ODD,
        "lock.txt": "one==1\n",
        "scripts/step.sh": "true\n",
        "extra/a.py": "print(1)\n",
        "extra/__pycache__/a.pyc": "",
        "more.txt": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def clean_environment(patch: pytest.MonkeyPatch) -> None:
    """No variable of the machine that runs the tests."""
    import os

    for name in list(os.environ):
        if name.startswith(("EDGESEG_", "PIP_", "NPM_CONFIG")) or name.lower().endswith("_proxy"):
            patch.delenv(name)
