"""The task that looks this machine over."""

import functools
import sys

from invoke import Exit, task

from .. import doctor as doctors
from .. import doctor_hardware, doctor_software


@task(help={"host": "a board to look at too: a host of your ssh config, or board for the virtual one", "json": "the findings on stdout"})
def doctor(context, host="", json=False):
    """Look this machine over: engines, disk, GPU, emulation, compiler, board, USB speed, each with a verdict and the remedy."""
    checks = [doctor_software.engines, doctor_software.images, doctor_software.python, doctor_hardware.disk, doctor_hardware.graphics]
    checks += [doctor_software.emulation, doctor_software.compiler, doctor_hardware.accelerators]
    if host:
        checks.append(functools.partial(doctor_software.board, host))
    found = doctors.examine(checks)
    print(doctors.as_json(found)) if json else print(doctors.table(found), file=sys.stderr)
    if code := doctors.exit_code(found):
        raise Exit(code=code)
