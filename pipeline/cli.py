"""The command line: one command a stage. Results for machines go to stdout (`--json`), everything for people to stderr."""

import errno
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from . import cli_board as board
from . import files
from .cli_options import RUNS, AsJson, DataRoot, RunName, example, print_json, with_data
from .config import Config, load
from .edgetpu import cli as edgetpu
from .errors import DataError, EdgesegError, UsageError
from .run import VARIANTS, Run, create, find
from .train.cluster import leads
from .train.onednn import use_onednn

app = typer.Typer(
    **example("demo"),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="From labelled satellite patches to masks made on an Edge TPU, one stage at a time.",
)
data_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    **example("data check data/38-cloud"),
    help="Fetch, check or make a dataset in the 38-Cloud layout.",
)
quantize_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")
app.add_typer(quantize_app, name="quantize")
app.add_typer(edgetpu.app, name="edgetpu")
app.add_typer(board.app, name="board")

ConfigFile = Annotated[Path | None, typer.Option("--config", help="A TOML file of configs/; default: the defaults of the code.")]
Overrides = Annotated[str, typer.Option("--set", help='Changes to the config, such as "train.epochs=3 data.bands=rgb".')]


@data_app.command("check", **example("data check data/38-cloud"))
def data_check(root: Annotated[Path, typer.Argument(help="The dataset's folder.")], as_json: AsJson = False) -> None:
    """Look through a whole dataset: counts, missing or unreadable bands, sizes, mask values. Exit code 3 if anything is wrong."""
    from .data.check import check, render
    from .progress import say

    findings = check(root)
    print_json(findings.as_dict()) if as_json else say(render(findings))
    if findings.problems:
        raise DataError(f"{root}: {len(findings.problems)} problem(s), listed above")


@data_app.command("fetch", **example("data fetch --root data/38-cloud --archive ~/38-cloud.zip"))
def data_fetch(
    root: Annotated[Path | None, typer.Option(help="Where to put it; default: data/38-cloud or data/95-cloud.")] = None,
    archive: Annotated[Path | None, typer.Option(help="A .zip or .tar archive to unpack instead of a download from Kaggle.")] = None,
    dataset: Annotated[str, typer.Option(help="38-cloud or 95-cloud.")] = "38-cloud",
) -> None:
    """Fetch a dataset from Kaggle, or unpack a local archive: resumable, verified, there only when complete."""
    from .data.fetch import fetch

    fetch(root or Path("data") / dataset, archive, dataset)


@data_app.command("demo", **example("data demo data/demo"))
def data_demo(root: Annotated[Path, typer.Argument(help="Where to put it.")] = Path("data/demo")) -> None:
    """Make the demo data: made-up scenes in the same layout, always the same ones."""
    from .data.demo import make
    from .progress import say

    say(f"demo data: {make(root).root}")


def _train(
    config_file: Path | None, data: str | None, run_name: str | None, overrides: str, to_the_end: bool = False
) -> tuple[Run, Config]:
    """Train; `to_the_end` looks at the test scenes too before hours are spent on training."""
    if run_name:
        if config_file or overrides:
            raise UsageError(f"--run {run_name} goes on with the config in that folder; --config and --set are for new runs")
        run = find(RUNS, run_name)
        config = _config(run, data)
    else:
        run, config = None, with_data(load(config_file, overrides), data)
        if not leads(config.train.strategy):
            raise UsageError(
                "only the first worker makes a run folder: start it, then give the others the folder that it names, with --run"
            )
    use_onednn()
    from .tasks.cloud import Cloud

    Cloud(config).check()
    if to_the_end:
        from .tasks.predicting import check_scenes

        check_scenes(config)
    run = run or create(RUNS, config)
    from .tasks.training import train

    train(run, config)
    return run, config


def _config(run: Run, data: str | None) -> Config:
    return with_data(run.config(), data)


@app.command(**example('train --config configs/early.toml --data data/38-cloud --set "train.epochs=10"'))
def train(config: ConfigFile = None, data: DataRoot = None, run: RunName = None, set_: Overrides = "", as_json: AsJson = False) -> None:
    """Train a network into a new run folder, or with --run go on with an old one from its last epoch."""
    made, _ = _train(config, data, run, set_)
    if as_json:
        print_json({"run": str(made.folder), "threshold": files.read_json(made.threshold) if made.threshold.exists() else None})


@quantize_app.callback(**example("quantize --run 20260101T120000Z-early"))
def quantize(context: typer.Context, run: RunName = None, data: DataRoot = None, as_json: AsJson = False) -> None:
    """Make the four TF Lite variants of a run, verify each, check the int8 one for the Edge TPU. `analyze` shows what int8 lost."""
    if context.invoked_subcommand is None:
        from .tasks.quantizing import quantize as stage

        found = find(RUNS, run)
        table = stage(found, _config(found, data))
        if as_json:
            print_json(table)


@quantize_app.command("analyze", **example("quantize analyze --json"))
def quantize_analyze(run: RunName = None, data: DataRoot = None, as_json: AsJson = False) -> None:
    """Compare int8 with float, tensor by tensor, the worst first."""
    from .tasks.quantizing import analyze
    from .tasks.tables import analysis

    found = find(RUNS, run)
    result = analyze(found, _config(found, data))
    print_json(result.json()) if as_json else analysis(result)


@app.command(**example("predict --variant int8"))
def predict(
    run: RunName = None,
    data: DataRoot = None,
    variant: Annotated[list[str] | None, typer.Option(help="One of the variants; may be repeated. Default: all.")] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Spread the scenes over the Dask cluster of this scheduler (docs/archives.md).")
    ] = None,
) -> None:
    """Make stitched masks of whole test scenes: PNG, TIFF, probabilities, overlays, differences."""
    found = find(RUNS, run)
    if dask is not None:
        from .tasks.cluster_predict import predict as spread

        spread(found, _config(found, data), variant or VARIANTS, dask)
        return
    from .tasks.predicting import predict as stage

    stage(found, _config(found, data), variant or VARIANTS)


@app.command("compile", **example("compile --run 20260101T120000Z-early"))
def compile_(
    run: RunName = None,
    data: DataRoot = None,
    limit: Annotated[int, typer.Option(min=1, help="Time limit of the compiler in seconds.")] = 180,
    as_json: AsJson = False,
) -> None:
    """Compile a run's int8.tflite for the Edge TPU: quantizes first if need be, checks, then runs edgetpu_compiler."""
    from .edgetpu import compiler, show

    found = find(RUNS, run)
    try:
        found.need_variant("int8")
    except UsageError:  # missing, or of another model.h5
        from .tasks.quantizing import quantize as stage

        stage(found, _config(found, data))
    result = compiler.compile_run(found.folder, limit=limit)
    print_json(result) if as_json else show.outcome(result, found.folder / "edgetpu")


def _evaluate(run: Run, config: Config, as_json: bool) -> None:
    from .tasks.evaluating import evaluate
    from .tasks.tables import scores

    whole = evaluate(run, config)
    print_json(whole) if as_json else scores(whole)


@app.command(**example("evaluate --json"))
def evaluate(run: RunName = None, data: DataRoot = None, as_json: AsJson = False) -> None:
    """Score every variant's masks per scene, macro and micro, float and int8 side by side; writes the report too."""
    found = find(RUNS, run)
    _evaluate(found, _config(found, data), as_json)
    _report(found)


def _report(run: Run) -> None:
    from .progress import say
    from .tasks.reporting import report as stage

    say(f"report: {stage(run)}")


@app.command(**example("report"))
def report(run: RunName = None) -> None:
    """Write report.html of a run: one file that opens anywhere."""
    _report(find(RUNS, run))


@app.command(**example("demo"))
def demo(config: ConfigFile = None, data: DataRoot = None, set_: Overrides = "") -> None:
    """The whole chain with one command: train, quantize, predict, evaluate, report. On demo data unless --data is given."""
    from .tasks.quantizing import quantize as convert

    run, chosen = _train(config or _demo_config(), data, None, set_, to_the_end=True)
    convert(run, chosen)
    _evaluate(run, chosen, as_json=False)
    _report(run)


def _demo_config() -> Path:
    return Path(__file__).resolve().parents[1] / "configs" / "demo.toml"


@app.command(**example("models --json"))
def models(as_json: AsJson = False) -> None:
    """Parameters, operations and operators of the thesis's five configurations, beside its table 4.1."""
    from .tasks.comparison import table
    from .tasks.tables import comparison

    rows = table()
    print_json(rows) if as_json else comparison(rows)


@app.command("models-table", **example("models-table --recipe configs/l8biome.toml --data data/38-cloud --seeds 1,2,3"))
def models_table(
    network: Annotated[
        list[str] | None, typer.Option(help="A configuration of configs/, or a TOML file; may be repeated. Default: edge and baselines.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="Train every network as this TOML file says; only its [model] is not used.")] = None,
    data: DataRoot = None,
    seeds: Annotated[str, typer.Option(help="One training for each of these seeds, with --recipe.")] = "1,2,3",
    set_: Annotated[str, typer.Option("--set", help='Changes to the recipe, such as "train.epochs=3".')] = "",
    out: Annotated[Path, typer.Option(help="Folder of the trainings and of table.json.")] = RUNS / "models-table",
    as_json: AsJson = False,
) -> None:
    """Networks side by side: work, memory and time; with --recipe also masks, in float and int8. Goes on where it was stopped."""
    from .tasks import family
    from .tasks.tables import family as show

    if recipe is None and (data is not None or set_):
        raise UsageError("--data and --set are for trainings: say with --recipe how to train (hours, for all networks)")
    numbers, chosen = family.seeds_of(seeds), None
    networks = network or family.NETWORKS
    if recipe is not None:
        from .tasks.predicting import check_scenes

        chosen = with_data(load(recipe, set_), data)
        use_onednn()
        check_scenes(chosen)  # before hours are spent
    result = {"rows": family.table(networks)}
    if chosen is not None:
        result = family.train_all(result["rows"], networks, chosen, numbers, out)
    print_json(result) if as_json else show(result)


def main() -> None:
    """Run a command; every known error is one message and its exit code (docs/architecture.md)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's notes on its build are not the user's business
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # nor that a model for inference has no metrics
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a stopped container leaves nothing half-written either
    try:
        app()
    except EdgesegError as why:
        print(f"error: {why}", file=sys.stderr)
        sys.exit(why.exit_code)
    except Exception as why:
        # HDF5 and TensorFlow say "no space" in words of their own; everything else that gets here is a bug and keeps its traceback
        code = errno.ENOSPC if _NO_SPACE in str(why) else getattr(why, "errno", None)
        if code not in _NOT_OURS:
            raise
        print(f"error: {getattr(why, 'filename', None) or 'writing'}: {_NOT_OURS[code]}", file=sys.stderr)
        sys.exit(4)


_NO_SPACE = os.strerror(errno.ENOSPC)
_NOT_OURS = {
    errno.ENOSPC: "no space left on the disk; what is complete is kept: free some space and give the same command again",
    errno.EDQUOT: "the disk quota is used up; what is complete is kept: free some space and give the same command again",
    errno.EIO: "the disk or card failed, or was pulled out; what is complete is kept: check it and give the same command again",
    errno.EROFS: "the file system is read-only; choose a folder that can be written",
    errno.EACCES: "permission denied; choose a folder that you may read and write",
}
