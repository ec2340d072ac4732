"""The task of the smoke test."""

from invoke import task

from .. import engine as engines
from .. import smoke as smoking
from . import ENGINE, answered


@task
def smoke(context, engine=ENGINE):
    """Run the whole chain on a tiny network, down to the board's programs under QEMU."""
    with answered():
        smoking.smoke(engines.choose(engine))
