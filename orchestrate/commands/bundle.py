"""The task that puts together what goes to the board."""

import sys

from invoke import task

from .. import ROOT
from .. import bundle as bundles
from . import DATA, ENGINE, RUN, TARGET, answered, path, run_folder, start
from .stages import build_device


@task
def bundle(context, run=RUN, target=TARGET or "mendel", data=DATA, engine=ENGINE):
    """Put programs, model, golden input and output of a run together in bundle/<id>, for a board."""
    with answered():
        made = bundles.make(
            run_folder(run),
            target,
            path(data),
            start=lambda stage: start(engine, stage),
            build=lambda wanted: build_device(context, target=wanted, engine=engine),
        )
        where = made.folder.relative_to(ROOT)
        print(f"edgeseg: {where} is ready: {made.manifest['accelerator']}, {made.bytes / 2**20:.1f} MiB", file=sys.stderr)
