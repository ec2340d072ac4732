"""Tasks around container images: build and list them, open a shell in one, refresh the pins of their bases."""

import os
import shlex
import sys

from invoke import Exit, task

from .. import ROOT, data_folders, mounts
from ..containers import Cli, find
from ..engine import isolation
from ..errors import MissingTool, WrongUsage
from ..images import bases, build, overview, refresh
from ..stage import Stage
from . import ENGINE, RUNS, answered


def _cli(engine: str) -> Cli:
    """The container engine that `engine` (auto, docker, podman) means; MissingTool, with each one's reason, where none answers."""
    if engine == "local":
        raise WrongUsage("ENGINE=local has no images: docker or podman")
    reasons = []
    for name in ("docker", "podman") if engine == "auto" else (engine,):
        try:
            return find(name)
        except MissingTool as error:
            reasons.append(str(error))
    raise MissingTool("; ".join(reasons))


@task(help={"name": "one image, or a group of docker-bake.hcl (default: all for this machine)", "platform": "linux/amd64 or linux/arm64",
            "list": "how each image stands, and build none", "dry-run": "print the build commands",
            "no-cache": "build again from nothing"})  # fmt: skip
def images(context, name="", platform="", list=False, dry_run=False, no_cache=False, json=False, engine=ENGINE):
    """Build the container images that are missing or whose ingredients changed."""
    with answered():
        if list:
            try:
                cli = _cli(engine)
            except MissingTool as error:
                build.say(str(error))
                cli = None
            overview.show(overview.standings(cli), json)
            return
        cli, wanted = _cli(engine), overview.names(name, platform or None)
        if dry_run:
            for line in overview.commands(cli, wanted, platform or None):
                print(shlex.join(line), file=sys.stderr)
            return
        failed = overview.build_all(cli, wanted, platform or None, no_cache)
        if failed and len(wanted) > 1:
            build.say(f"{len(failed)} of {len(wanted)} images could not be built: {', '.join(failed)}")
        if failed:
            raise Exit(code=MissingTool.exit_code)


@task
def shell(context, image="trainer", engine=ENGINE):
    """Open a shell in an image, with the rights and folders that stages have there: runs/, data/ and out/ can be written."""
    with answered():
        if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
            raise WrongUsage("a shell needs a terminal")
        cli = _cli(engine)
        built = build.ensure(cli, image)
        folders = mounts.plan(ROOT, data_folders.find(RUNS, newest=True), (RUNS, ROOT / "data", ROOT / "out"))
        shown = [part for mount in folders for part in ("--mount", mount.option())]
        options = [*isolation(cli, Stage((), image=image)), *shown, "--workdir", str(ROOT)]
        sys.stdout.flush()
        os.execv(cli.program, cli.command("run", "--rm", "--interactive", *options, built.reference, "sh"))


@task(help={"name": "one base of docker/bases.toml (default: all, and the date of Debian's snapshot)"})
def bases_refresh(context, name=""):
    """Ask the registries for today's digests of the base images."""
    with answered():
        for base, before, now in refresh.refresh([name] if name else []):
            print(f"edgeseg: {base}: {'as before' if before == now else now}", file=sys.stderr)
        print(f"edgeseg: wrote {bases.FILE}", file=sys.stderr)
