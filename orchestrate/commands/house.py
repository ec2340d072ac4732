"""Tasks that keep the house: the environment, tests, style, benchmarks, locks, tidying up."""

import contextlib
import os
import subprocess
import sys

from invoke import Exit, task

from .. import ROOT, container, containers, lock, testing, tidy
from .. import engine as engines
from ..errors import MissingTool
from ..stage import Stage
from . import ENGINE, answered, start


@task
def help(context):
    """List the targets and variables."""
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execvp("awk", ["awk", "-f", "orchestrate/help.awk", "Makefile"])


@task
def setup(context, engine=ENGINE):
    """Make what stages run in: the trainer image, or .venv with the local engine."""
    with answered():
        code = engines.choose(engine).prepare()
    if code:
        raise Exit(code=code)
    print("edgeseg: ready", file=sys.stderr)


@task
def test(context, engine=ENGINE):
    """Run all tests, the quick ones first; with a container engine in image tests, and what needs that engine here."""
    with answered():
        chosen = engines.choose(engine)
    if chosen.name == "local":
        start(chosen, Stage(testing.PARALLEL, module="pytest"))
        return
    arguments = (*testing.PARALLEL, "-p", "no:cacheprovider", "-m", "not engine")  # the checkout is read-only there
    start(chosen, Stage(arguments, module="pytest", reads=(ROOT.parent / "shared",), writes=(ROOT / "out",), image="tests"))
    here = testing.need_engine(ROOT)
    if code := subprocess.call([sys.executable, "-m", "pytest", "-m", "engine", *here], cwd=ROOT):
        raise Exit(code=code)


@task
def lint(context, engine=ENGINE):
    """Check style, file sizes, paths and Dockerfiles."""
    with answered():
        chosen = engines.choose(engine)
    start(chosen, Stage(("check", "--no-cache", "."), module="ruff", image="tests"))
    for module in ("orchestrate.house", "orchestrate.images.lint"):
        start(chosen, Stage((), module=module, image="tests"))


@task
def bench(context, engine=ENGINE):
    """Run every benchmark and keep the figures under benchmarks/results; in .venv, since they measure this machine and its engines."""
    if engine not in ("auto", "local"):
        print(f"edgeseg: ENGINE={engine}: benchmarks measure this machine, container engines among it: use ENGINE=local", file=sys.stderr)
        raise Exit(code=2)
    start("local", Stage((), module="benchmarks", writes=(ROOT / "benchmarks" / "results",)))


@task(name="lock")
def lock_(context, upgrade=False):
    """Resolve the hash-pinned lock files again."""
    with answered():
        for path in lock.refresh(ROOT, upgrade):
            print(f"edgeseg: wrote {path.relative_to(ROOT)}", file=sys.stderr)


@task
def clean(context):
    """Remove caches and what killed processes left; never runs, data or .venv."""
    for name in containers.NAMES:  # process ids in the names of partial files mean nothing while a container writes them
        with contextlib.suppress(MissingTool):
            if running := container.running(containers.find(name), ROOT):
                print(f"edgeseg: a stage of this checkout runs in {name} ({running[0]}): wait for its end", file=sys.stderr)
                raise Exit(code=4)
    removed = tidy.clean(ROOT)
    print(f"edgeseg: removed {len(removed)} caches and left-over partial files; runs, data and .venv are as they were", file=sys.stderr)
