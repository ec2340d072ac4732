"""One build by the engine's own builder: the command, its output into a log, and what its complaints mean."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ..containers import Cli
from ..errors import MissingTool
from ..interrupts import as_ctrl_c
from . import bases, host
from .ingredients import Recipe, native

_SHOWN = 15  # lines of a failed build's output
_GRACE = 10.0  # seconds for a client to end by itself, so that the builder hears of it
_UNREACHABLE = re.compile(r"load metadata for (?P<docker>\S+)|docker://(?P<podman>\S+)")
_NOT_PULLED = re.compile(
    r"failed to do request|no such host|pull access denied|manifest unknown|not found|failed to resolve|unauthorized|i/o timeout|"
    r"short-name|initializing source|unable to pull|no match for platform|does not match the specified platform"
)


class BuildFailed(MissingTool):
    """A build step that ended with an error."""


def command(cli: Cli, recipe: Recipe, root: Path, secrets: "dict[str, Path]", again: bool = False) -> "list[str]":
    """The command line that builds `recipe` with what `secrets` (files by name) hold."""
    line = [program(cli), "build", "--file", str(root / recipe.target.dockerfile), "--network", "host"]
    if recipe.target.target:
        line += ["--target", recipe.target.target]
    if recipe.platform != native():  # the native one goes without saying, and an imported base may not say its own
        line += ["--platform", recipe.platform]
    # podman: the format that knows SHELL and HEALTHCHECK. docker: output that can be kept in a file.
    line += ["--format", "docker", "--layers"] if cli.name == "podman" else ["--progress", "plain"]
    line += ["--no-cache"] if again else []
    for key, value in recipe.args.items():
        line += ["--build-arg", f"{key}={value}"]
    for key, value in recipe.labels.items():
        line += ["--label", f"{key}={value}"]
    for name, path in secrets.items():
        line += ["--secret", f"id={name},src={path}"]
    return [*line, *host.proxy_arguments(), "--tag", recipe.reference, str(root)]


def run(cli: Cli, recipe: Recipe, root: Path, log: Path, again: bool = False) -> None:
    """Build; all output goes to `log`. Raises BuildFailed or MissingBase where it does not succeed, the end of the output on stderr.

    Ctrl-C, SIGTERM and SIGHUP stop the client and remove the secrets before they raise KeyboardInterrupt.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with as_ctrl_c(), host.secrets() as secrets, open(log, "w+", encoding="utf-8", errors="replace") as sink:
        environment = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
        with subprocess.Popen(
            command(cli, recipe, root, secrets, again), stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, env=environment
        ) as child:
            try:
                code = child.wait()
            except BaseException:  # Ctrl-C reached the client as well, SIGTERM did not; the builder stops with it
                _stop(child)
                raise
        sink.seek(0)
        text = sink.read()
    if code:
        raise _failure(cli, recipe, text)


def _stop(child: subprocess.Popen) -> None:
    """End `child`, by force where it does not do so itself."""
    child.terminate()
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _failure(cli: Cli, recipe: Recipe, text: str) -> MissingTool:
    """The error for a build that printed `text`; shows its end where that says more than the error."""
    lines = [line for line in text.splitlines() if line.strip()]
    last = re.sub(r"^(#\d+ )?(ERROR|Error): ", "", lines[-1]).strip() if lines else "it failed without a word"
    image = f"image {recipe.target.name}"
    if re.search(r"no space left on device|disk quota exceeded", text, re.IGNORECASE):  # pip and apt write it in their own ways
        return BuildFailed(f"{image} could not be built: {cli.explain('no space left on device')}")
    for name, reference in recipe.bases.items():
        wanted = reference.removeprefix("docker.io/")
        asked = [(match["docker"] or match["podman"]).rstrip(":,") for match in _UNREACHABLE.finditer(text)]
        if any(each.endswith(wanted) for each in asked) and _NOT_PULLED.search(last):
            remedy = f"set {bases.variable(name)} to an image that can be had"
            return bases.MissingBase(f"{image}: its base {reference} cannot be pulled ({_reason(last)}); {remedy}")
    if re.search(r"exec format error", text, re.IGNORECASE):
        return BuildFailed(
            f"{image}: programs for {recipe.platform} do not run here: `apt-get install qemu-user-static binfmt-support`, or docker's "
            "tonistiigi/binfmt"
        )
    if re.search(r"context canceled|signal: killed|code = Canceled", last):
        return BuildFailed(f"{image}: its build was interrupted; the same command goes on with what was finished of it")
    ours = [match[1] for line in lines if (match := re.search(r"(?:^|\s)edgeseg: (.+)$", line))]
    if ours:
        return BuildFailed(f"{image} could not be built: {ours[-1]}")
    print("\n".join(lines[-_SHOWN:]), file=sys.stderr)
    return BuildFailed(f"{image} could not be built (see above): {last[:300]}")


def _reason(line: str) -> str:
    """The last part of an error that every layer of the engine has put its own words before."""
    return line.rsplit(": ", 2)[-1] if "no such host" not in line else "no such host"


def program(cli: Cli) -> str:
    """A client of the engine that can build with secrets and mounts: docker from 23 on needs its plugin buildx for that, older ones do not.

    Raises MissingTool where no docker on PATH can.
    """
    if cli.name == "podman":
        return cli.program
    folders = [Path(folder) / "docker" for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)]
    for each in [cli.program, *map(str, folders)]:
        if shutil.which(each) and _can(each):
            return each
    raise MissingTool("docker cannot build images: its BuildKit client is missing (apt-get install docker-buildx, or docker-buildx-plugin)")


def _can(client: str) -> bool:
    done = subprocess.run(
        [client, "build", "--help"], capture_output=True, text=True, env={**os.environ, "DOCKER_BUILDKIT": "1"}, check=False
    )
    return done.returncode == 0 and "--secret" in done.stdout
