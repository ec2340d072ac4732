"""The Invoke tasks: one for each Make target, with the Make variables as options in lower case."""

import contextlib
import os
import sys
from pathlib import Path

from invoke import Exit, task

from orchestrate import ROOT, device_build, device_fuzz, engine, lock, tidy
from orchestrate.errors import FrontDoorError
from orchestrate.stage import Stage

CONFIG, DATA, RUN, SET, ARCHIVE, DATASET, TARGET = (
    os.environ.get(f"EDGESEG_{name}", "") for name in ("CONFIG", "DATA", "RUN", "SET", "ARCHIVE", "DATASET", "TARGET")
)
ENGINE = os.environ.get("EDGESEG_ENGINE", "") or "auto"
RUNS = ROOT / "runs"


@contextlib.contextmanager
def _answered():
    """Known errors of `orchestrate` as one line and their exit code."""
    try:
        yield
    except FrontDoorError as error:
        print(f"edgeseg: {error}", file=sys.stderr)
        raise Exit(code=error.exit_code) from None


def _start(engine_name: str, stage: Stage) -> None:
    """Run `stage`; leave with its exit code unless it is 0."""
    with _answered():
        code = engine.choose(engine_name).run(stage)
    if code:
        raise Exit(code=code)


def _options(**values: str) -> tuple[str, ...]:
    """`--name value` for each value that is not empty."""
    return tuple(part for name, value in values.items() if value for part in (f"--{name}", value))


def _path(value: str) -> str:
    """A path from the command line, where stages find it too: they start in the checkout, the caller may stand elsewhere."""
    return value if not value or Path.cwd() == ROOT else os.path.abspath(value)


def _run(value: str) -> str:
    """RUN: a path, or a name below runs/ that stays as it is."""
    return _path(value) if Path(value).is_dir() else value


def _paths(*values: str) -> tuple[Path, ...]:
    return tuple(Path(value) for value in values if value)


@task
def help(context):
    """List the targets and variables."""
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execvp("awk", ["awk", "-f", "orchestrate/help.awk", "Makefile"])


@task
def setup(context):
    """Make .venv from the hash-pinned lock."""
    if context.run(f"sh '{ROOT}/orchestrate/bootstrap.sh'", warn=True).exited:
        raise Exit(code=4)
    print(f"edgeseg: .venv is ready: {sys.version.split()[0]} ({sys.executable})", file=sys.stderr)


@task
def demo(context, config=CONFIG, data=DATA, set=SET, engine=ENGINE):
    """Run the whole chain, from patches to a scored int8 model."""
    config, data = _path(config), _path(data)
    arguments = ("demo", *_options(config=config, data=data, set=set))
    _start(engine, Stage(arguments, reads=_paths(config, data), writes=(RUNS, ROOT / "data")))


@task
def data(context, data=DATA, archive=ARCHIVE, dataset=DATASET, engine=ENGINE):
    """Fetch 38-Cloud or 95-Cloud, from Kaggle or from a local archive."""
    root, archive = _path(data or f"data/{dataset or '38-cloud'}"), _path(archive)
    arguments = ("data", "fetch", *_options(root=root, archive=archive, dataset=dataset))
    _start(engine, Stage(arguments, reads=_paths(archive), writes=_paths(root), network=not archive))


@task
def train(context, config=CONFIG, data=DATA, run=RUN, set=SET, engine=ENGINE):
    """Train a network into a new run folder, or go on with an old one."""
    config, data, run = _path(config), _path(data), _run(run)
    arguments = ("train", *_options(config=config, data=data, run=run, set=set))
    _start(engine, Stage(arguments, reads=_paths(config, data), writes=(RUNS, ROOT / "data")))


@task
def quantize(context, run=RUN, data=DATA, engine=ENGINE):
    """Make the TF Lite variants of a run."""
    data = _path(data)
    _start(engine, Stage(("quantize", *_options(run=_run(run), data=data)), reads=_paths(data), writes=(RUNS,)))


@task(name="compile")
def compile_(context, run=RUN, data=DATA, engine=ENGINE):
    """Check int8.tflite of a run and compile it for the Edge TPU."""
    data = _path(data)
    _start(engine, Stage(("compile", *_options(run=_run(run), data=data)), reads=_paths(data), writes=(RUNS,)))


@task
def build_device(context, target=TARGET or "mendel", tflite="prebuilt", archive=""):
    """Cross-build inference and stitch into out/<target>; TF Lite prebuilt (2.9.0) or from source (2.5.0)."""
    with _answered():
        folder = device_build.build(target, tflite, Path(archive) if archive else None)
        print(f"edgeseg: {folder.relative_to(ROOT)} is ready", file=sys.stderr)


@task
def fuzz_device(context, seconds=600):
    """Look for inputs that break the board's programs, so many seconds for each of the three readers (needs clang)."""
    with _answered():
        broken = device_fuzz.fuzz(seconds)
    if broken:
        raise Exit(code=5)


@task
def predict(context, run=RUN, data=DATA, engine=ENGINE):
    """Make stitched masks of whole scenes with every variant of a run."""
    data = _path(data)
    _start(engine, Stage(("predict", *_options(run=_run(run), data=data)), reads=_paths(data), writes=(RUNS,)))


@task
def evaluate(context, run=RUN, data=DATA, engine=ENGINE):
    """Score the masks of a run, float and int8 side by side."""
    data = _path(data)
    _start(engine, Stage(("evaluate", *_options(run=_run(run), data=data)), reads=_paths(data), writes=(RUNS,)))


@task
def report(context, run=RUN, engine=ENGINE):
    """Write report.html of a run."""
    _start(engine, Stage(("report", *_options(run=_run(run))), writes=(RUNS,)))


@task
def models(context, engine=ENGINE):
    """Compare parameters, operations and operators with the published figures."""
    _start(engine, Stage(("models",)))


@task
def test(context, engine=ENGINE):
    """Run all tests, the quick ones first."""
    _start(engine, Stage((), module="pytest"))


@task
def lint(context, engine=ENGINE):
    """Check style, file sizes and paths."""
    _start(engine, Stage(("check", "."), module="ruff"))
    _start(engine, Stage((), module="orchestrate.house"))


@task
def bench(context, engine=ENGINE):
    """Run every benchmark and keep the figures under benchmarks/results."""
    _start(engine, Stage((), module="benchmarks", writes=(ROOT / "benchmarks" / "results",)))


@task(name="lock")
def lock_(context, upgrade=False):
    """Resolve the hash-pinned lock files again."""
    with _answered():
        for path in lock.refresh(ROOT, upgrade):
            print(f"edgeseg: wrote {path.relative_to(ROOT)}", file=sys.stderr)


@task
def clean(context):
    """Remove caches and what killed processes left; never runs, data or .venv."""
    removed = tidy.clean(ROOT)
    print(f"edgeseg: removed {len(removed)} caches and left-over partial files; runs, data and .venv are as they were", file=sys.stderr)
