"""What `python3 -m device.scene` does, after its command line was read."""

import os
import sys
import time
from dataclasses import dataclass
from typing import Optional, Tuple

from .edgetpu import Device
from .engine import Engine
from .errors import Error, Exit
from .files import outside, remove_partials, write_file
from .golden import read_golden
from .model import read_model
from .mosaic import How, check_mask, stitch
from .patches import find_patches, require_all
from .progress import Interrupted, Progress
from .report import Report
from .results import check_fit, open_results, origin, results_of
from .run import Plan, SceneRun
from .spec import read_scene

_NAME = "device.scene"


@dataclass(frozen=True)
class Options:
    """See `python3 -m device.scene --help`."""

    model: str
    scene: str
    out: str
    device: Optional[Device]  # None: usb:0 for a compiled model, else the processor
    threads: int
    real: bool  # results as float32 instead of the model's own type
    resume: bool
    json: Optional[str]  # where the report goes: a file, or "-" for stdout
    golden: Optional[Tuple[str, str]]
    golden_every: int
    invoke_limit: int  # seconds
    mask: Optional[str]  # stitched after the inference, in the same process
    how: How


def write_report(where, report):
    """The report to a file, to stdout for "-", or to nowhere for None."""
    if where == "-":
        sys.stdout.write(report.json())
        sys.stdout.flush()
    elif where:
        write_file(where, report.json())


def _write_report_too(options, report):
    """As write_report(), where a failure must not hide why the run ended."""
    try:
        write_report(options.json, report)
    except (Error, OSError) as second:
        sys.stderr.write(f"{_NAME}: {second}\n")


def infer(options):
    """Run the model over the scene. Returns the exit code, DONE or INTERRUPTED; raises Error."""
    with Interrupted().listening() as interrupted:
        return _infer(options, interrupted)


def _infer(options, interrupted):
    start = time.perf_counter()
    scene = read_scene(options.scene)
    require_all(options.scene, scene, find_patches(options.scene, scene))
    if options.json and options.json != "-":
        outside(options.json, "--json", options.scene)
        outside(options.json, "--json", options.out)
    if options.mask:
        outside(options.mask, "--stitch", options.scene)
    model = read_model(options.model)
    report = Report(scene, model, options.device or Device(*(("usb", 0) if model.compiled else ())), options.threads)

    def wall():
        return (time.perf_counter() - start) * 1e3

    try:
        whole = _run(options, scene, model, report, wall, interrupted)
        report.end("complete" if whole else "interrupted", "", wall())
    except Error as error:
        report.end("failed", str(error), wall())
        _write_report_too(options, report)
        raise
    finally:
        remove_partials(options.out)
    sys.stderr.write(report.text())
    write_report(options.json, report)
    if interrupted():
        sys.stderr.write(f"{_NAME}: interrupted; the same command with --resume goes on\n")
        return Exit.INTERRUPTED
    if options.mask:
        with Progress("device.stitch: row") as progress:
            stitch(options.out, options.mask, options.how, progress.show, interrupted)
    return Exit.DONE


def _run(options, scene, model, report, wall, interrupted):
    """All that belongs to TF Lite and the Edge TPU begins and ends here. Returns whether every patch is done."""

    def load():
        engine = Engine(model, report.device, options.threads)
        report.versions(engine)
        for note in engine.notes:
            sys.stderr.write(f"{_NAME}: {note}\n")
        return engine

    def timed_out():
        report.end("timed out", f"an Invoke took longer than {options.invoke_limit} s", wall())
        sys.stderr.write(f"{_NAME}: the model did not answer within {options.invoke_limit} s; what is written is whole, --resume goes on\n")
        _write_report_too(options, report)
        sys.stderr.flush()
        os._exit(Exit.TIMED_OUT)  # an ordinary end would wait for the Invoke that hangs

    with load() as engine, Progress(f"{_NAME}: patch") as progress:
        check_fit(scene, engine.spec, model.path)
        results = results_of(scene, engine.spec, options.real)
        if options.mask:
            check_mask(results, options.mask, options.how)
        golden = read_golden(*options.golden, options.golden_every, engine.spec) if options.golden else None
        left = open_results(options.out, results, origin(model, scene, results), options.resume)
        report.resumed(scene.patches - len(left))
        plan = Plan(options.scene, options.out, scene, results, golden, options.invoke_limit, load, timed_out, interrupted,
                    lambda done: progress.show(done, len(left)))  # fmt: skip
        with SceneRun(plan, engine, report) as run:
            whole = run.run(left)
        if whole:
            write_file(os.path.join(options.out, "scene.json"), results.json())
        return whole
