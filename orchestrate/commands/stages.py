"""Tasks that run the pipeline: one for each of its stages, and building for the board."""

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path

from invoke import Exit, task

from .. import ROOT, data_folders, device_build, device_fuzz
from .. import engine as engines
from ..stage import Stage
from . import ARCHIVE, CONFIG, DATA, DATASET, ENGINE, RUN, RUNS, SET, TARGET, answered, options, path, paths, run_folder, start


@task
def demo(context, config=CONFIG, data=DATA, set=SET, engine=ENGINE):
    """Run the whole chain, from patches to a scored int8 model."""
    config, data = path(config), path(data)
    arguments = ("demo", *options(config=config, data=data, set=set))
    start(engine, Stage(arguments, reads=_seen(config, data, set), writes=(RUNS, ROOT / "data")))


@task
def data(context, data=DATA, archive=ARCHIVE, dataset=DATASET, engine=ENGINE):
    """Fetch 38-Cloud or 95-Cloud, from Kaggle or from a local archive."""
    root, archive = path(data or f"data/{dataset or '38-cloud'}"), path(archive)
    arguments = ("data", "fetch", *options(root=root, archive=archive, dataset=dataset))
    # The folder above: the dataset appears there under its name when it is complete, and a download waits beside it.
    writes = (ROOT / root).resolve().parent
    if writes == Path(writes.anchor) and engine != "local":
        print(
            f"edgeseg: DATA={root}: a container would see the whole machine; choose a folder one deeper, or ENGINE=local", file=sys.stderr
        )
        raise Exit(code=2)
    if not archive:
        _kaggle()
    start(engine, Stage(arguments, reads=paths(archive), writes=(writes,), network=not archive))


@task
def train(context, config=CONFIG, data=DATA, run=RUN, set=SET, engine=ENGINE):
    """Train a network into a new run folder, or go on with an old one."""
    config, data, run = path(config), path(data), run_folder(run)
    arguments = ("train", *options(config=config, data=data, run=run, set=set))
    several = bool(os.environ.get("TF_CONFIG"))  # workers on several machines have to talk to each other
    stage = Stage(arguments, reads=_seen(config, data, set, run), writes=_written(run, ROOT / "data"), network=several)
    start(engine, stage)


@task
def quantize(context, run=RUN, data=DATA, engine=ENGINE):
    """Make the TF Lite variants of a run."""
    _on_a_run("quantize", run, data, engine)


@task(name="compile")
def compile_(context, run=RUN, data=DATA, engine=ENGINE):
    """Check int8.tflite of a run and compile it for the Edge TPU, in the compiler's image, or with the compiler of this machine."""
    here = os.environ.get("EDGESEG_COMPILER") or shutil.which("edgetpu_compiler")
    if here and engine == "auto":
        print(f"edgeseg: engine: local, which has the compiler ({here}); ENGINE=docker takes the one of its image", file=sys.stderr)
        engine = "local"
    _on_a_run("compile", run, data, engine, image="compiler")


@task
def build_device(context, target=TARGET or "mendel", tflite="prebuilt", archive="", engine=ENGINE):
    """Cross-build inference and stitch into out/<target>; TF Lite prebuilt (2.9.0) or from source (2.5.0)."""
    archive = path(archive)
    arguments = ("--target", target, "--tflite", tflite, *options(archive=archive))
    reads = paths(archive, os.environ.get("EDGESEG_ARCHIVES", ""))
    with answered():
        device_build.check_names(target, tflite, archive)  # before an image is built for nothing
        chosen = engines.choose(engine)
        if chosen.name == "local":  # the toolchain has an environment of its own, so this one will do: no need for .venv
            folder = device_build.build(target, tflite, Path(archive) if archive else None)
            print(f"edgeseg: {folder.relative_to(ROOT)} is ready", file=sys.stderr)
            return
    stage = Stage(arguments, "orchestrate.device_build", reads, (ROOT / "out",), network=tflite == "source", image="device-builder")
    start(chosen, stage)


@task
def fuzz_device(context, seconds=600):
    """Look for inputs that break the board's programs, so many seconds for each of the three readers (needs clang)."""
    with answered():
        broken = device_fuzz.fuzz(seconds)
    if broken:
        raise Exit(code=5)


@task
def predict(context, run=RUN, data=DATA, engine=ENGINE):
    """Make stitched masks of whole scenes with every variant of a run."""
    _on_a_run("predict", run, data, engine)


@task
def evaluate(context, run=RUN, data=DATA, engine=ENGINE):
    """Score the masks of a run, float and int8 side by side."""
    _on_a_run("evaluate", run, data, engine)


@task
def report(context, run=RUN, engine=ENGINE):
    """Write report.html of a run."""
    _on_a_run("report", run, "", engine)


@task
def models(context, engine=ENGINE):
    """Compare parameters, operations and operators with the published figures."""
    start(engine, Stage(("models",)))


@task
def models_table(context, config=CONFIG, data=DATA, set=SET, engine=ENGINE):
    """Put networks side by side; with a config as recipe, every one trained and scored with three seeds (hours)."""
    config, data = path(config), path(data)
    arguments = ("models-table", *options(recipe=config, data=data, set=set))
    start(engine, Stage(arguments, reads=_seen(config, data, set) if config else (), writes=(RUNS, ROOT / "data")))


def _kaggle() -> None:
    """Kaggle's credentials from ~/.kaggle into the environment, which a container gets: it does not see that folder."""
    file = Path.home() / ".kaggle" / "kaggle.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # the stage says what is wrong with it
        found = json.loads(file.read_text(encoding="utf-8"))
        if not (os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY")):
            os.environ.update(KAGGLE_USERNAME=found["username"], KAGGLE_KEY=found["key"])


def _on_a_run(name: str, run: str, data: str, engine: str, image: str = "trainer") -> None:
    """The stage `name`, which reads data and writes into a run folder."""
    run, data = run_folder(run), path(data)
    reads = _seen("", data, "", run, newest=True)
    start(engine, Stage((name, *options(run=run, data=data)), reads=reads, writes=_written(run), image=image))


def _seen(config: str, data: str, changes: str = "", run: str = "", newest: bool = False) -> tuple[Path, ...]:
    """What a stage reads: the config, and the data folder wherever it is named."""
    with answered():
        return (*paths(config, data), *(() if data else data_folders.find(RUNS, config, changes, run, newest)))


def _written(run: str, *more: Path) -> tuple[Path, ...]:
    """Where run folders are: runs/, and the one that was named, wherever it is."""
    return (RUNS, *more, *(paths(run) if Path(run).is_dir() else ()))
