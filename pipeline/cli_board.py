"""`python -m pipeline board …`: scenes for the board, and what came back from it."""

from pathlib import Path
from typing import Annotated

import typer

from .cli_options import RUNS, AsJson, DataRoot, RunName, example, print_json, with_data
from .run import find

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    **example("board pack --out scenes"),
    help="Pack scenes for the board; take back what it made of them.",
)


@app.command("pack", **example("board pack --scene LC08_L1TP_002053_20160520_20170324_01_T1 --out /media/card/scenes"))
def pack(
    out: Annotated[Path, typer.Option(help="Where the scenes' folders go; a mounted SD card will do.")],
    run: RunName = None,
    data: DataRoot = None,
    scene: Annotated[list[str] | None, typer.Option(help="A test scene's id; may be repeated. Default: all.")] = None,
    dtype: Annotated[str, typer.Option(help="uint16: as the dataset has it; float32: 0 to 1, twice as large.")] = "uint16",
    as_json: AsJson = False,
) -> None:
    """Write test scenes with the bands of a run as the board's programs take them: scene.json and one .bin per patch."""
    from .tasks.packing import pack as stage

    result = stage(with_data(find(RUNS, run).config(), data), scene or (), dtype, out)
    if as_json:
        print_json(result)


@app.command("golden", **example("board golden --out golden"))
def golden(
    out: Annotated[Path, typer.Option(help="The folder to make: scene/ with one patch, input.bin, about.json.")],
    run: RunName = None,
    data: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Choose one real patch of a run's data that every deployment is tried with, as a packed scene and as the int8 model's input."""
    from .tasks.golden import golden as stage

    found = find(RUNS, run)
    result = stage(found, with_data(found.config(), data), out)
    if as_json:
        print_json(result)


@app.command("take", **example("board take --scene LC08_L1TP_002053_20160520_20170324_01_T1 --from fetched"))
def take(
    scene: Annotated[str, typer.Option(help="The test scene's id.")],
    folder: Annotated[Path, typer.Option("--from", help="What came back: mask.png, report.json and the results' scene.json.")],
    run: RunName = None,
    data: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Take a mask that the board made into a run folder: checked, scored, held against this machine's int8 mask, in the report."""
    from .tasks.reporting import report
    from .tasks.tables import board
    from .tasks.taking import take as stage

    found = find(RUNS, run)
    result = stage(found, with_data(found.config(), data), scene, folder)
    if found.summary.exists():
        report(found)
    if as_json:
        print_json(result)
    elif result["summary"]:
        board(result["summary"])
