"""`python -m pipeline edgetpu …`: check, inspect, compare, table and compile."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="The Edge TPU: what its compiler will do, what it did, and running it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: python -m pipeline edgetpu check MODEL.tflite",
)
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


@app.command("check", epilog="Example: python -m pipeline edgetpu check runs/NAME/tflite/int8.tflite --require mapped=100%,offchip=0")
def check_command(
    model: Annotated[Path, typer.Argument(help="A .tflite file that is not compiled yet.")],
    as_json: AsJson = False,
    require: Annotated[str, typer.Option(help="Exit code 5 unless these hold, e.g. mapped=100%,offchip=0 (percent, bytes).")] = "",
) -> None:
    """Say what the Edge TPU compiler will do with a model, without the compiler."""
    from . import check, show

    gate = check.parse_gate(require) if require else {}
    report = check.check(model)
    if as_json:
        _print(report.json())
    else:
        show.report(report)
    check.hold(report, gate)


@app.command("inspect", epilog="Example: python -m pipeline edgetpu inspect runs/NAME/edgetpu/int8_edgetpu.tflite")
def inspect_command(compiled: Annotated[Path, typer.Argument(help="A compiled ..._edgetpu.tflite file.")], as_json: AsJson = False) -> None:
    """Open a compiled file: runtime version, on-chip and streamed bytes, scratch, and what is left on the CPU."""
    from . import compare, package, show

    result = package.inspect(compiled)
    if as_json:
        _print(
            {
                "model": compiled.name,
                "packages": [compare.package_json(one) for one in result.packages],
                "on_cpu": [{"index": one.index, "name": one.name, "version": one.version} for one in result.on_cpu],
            }
        )
    else:
        show.compiled(result)


@app.command("compare", epilog="Example: python -m pipeline edgetpu compare int8.tflite int8_edgetpu.tflite")
def compare_command(
    model: Annotated[Path, typer.Argument(help="The model the compiled file was made from.")],
    compiled: Annotated[Path, typer.Argument(help="The compiled file.")],
    as_json: AsJson = False,
) -> None:
    """Lay the check's prediction beside what the compiler did."""
    from . import compare, show

    result = compare.compare(model, compiled)
    if as_json:
        _print(result.json())
    else:
        show.comparisons([result])
        show.differences(result)
        show.compiled(result.compiled)


@app.command("table", epilog="Example: python -m pipeline edgetpu table models")
def table_command(
    folder: Annotated[Path, typer.Argument(help="A folder with X.tflite beside X_edgetpu.tflite.")], as_json: AsJson = False
) -> None:
    """Compare every pair of a folder."""
    from . import compare, show

    results = compare.compare_folder(folder)
    if as_json:
        _print([result.json() for result in results])
    else:
        show.comparisons(results)
        for result in results:
            show.differences(result)


@app.command("compile", epilog="Example: python -m pipeline edgetpu compile runs/NAME")
def compile_command(
    source: Annotated[Path, typer.Argument(help="A run folder with tflite/int8.tflite, or an int8 .tflite file.")],
    out: Annotated[Path | None, typer.Option(help="Where a file's results go; default: the folder `edgetpu` beside it.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Time limit in seconds.")] = 180,
    as_json: AsJson = False,
) -> None:
    """Check, then run edgetpu_compiler, then lay the prediction beside the outcome."""
    from . import compiler, show

    if source.is_dir():
        result, folder = compiler.compile_run(source, limit=limit), source / "edgetpu"
    else:
        folder = out or source.parent / "edgetpu"
        result = compiler.compile_model(source, folder, folder / "check.json", limit=limit)
    if as_json:
        _print(result)
    else:
        show.outcome(result, folder)
