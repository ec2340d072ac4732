"""Reports as tables for people, on stderr."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..progress import console, say
from .check import Report
from .compare import Comparison
from .package import Compiled
from .predict import MAPS, MAY, STAYS, Verdict

_ORDER = {STAYS: 0, MAY: 1, MAPS: 2}


def size(count: int) -> str:
    """Bytes in the compiler's manner: 1.90MiB, 46.00KiB, 0.00B."""
    for unit, scale in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{count / scale:.2f}{unit}"
    return f"{count:.2f}B"


def _range(pair: tuple[int, int]) -> str:
    return size(pair[0]) if pair[0] == pair[1] else f"{size(pair[0])} to {size(pair[1])}"


def _rank(one: Verdict) -> tuple:
    return _ORDER[one.verdict], one.behind is not None, one.operator.subgraph, one.operator.index


def _print(table: Table) -> None:
    """A table at the terminal's width, or as wide as it wants to be where the output is a file."""
    (console if console.is_terminal else Console(stderr=True, width=240)).print(table, markup=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def report(result: Report) -> None:
    """The check's table: the worst first, what is behind the cut after its cause, everything that maps in one row a kind."""
    table = _table(f"{result.model.path.name}: {result.summary()}", "#", "operator", "verdict", "in the compiler's words", "do")
    groups: dict[tuple, list[Verdict]] = {}
    for one in sorted(result.verdicts, key=_rank):
        groups.setdefault((one.operator.name, one.operator.version, one.verdict, one.status, one.remedy), []).append(one)
    remedies: list[str] = []
    for (name, version, verdict, status, remedy), members in groups.items():
        first = members[0]
        number = str(first.operator.index) if len(members) == 1 else f"{len(members)} x"
        sure = "" if first.sure == "log" else f" ({first.sure})"
        shapes = _shapes(result, first) if len(members) == 1 else ""
        if remedy and remedy not in remedies:
            remedies.append(remedy)
        table.add_row(number, f"{name} v{version}{shapes}", verdict + sure, status, f"({remedies.index(remedy) + 1})" if remedy else "")
    _print(table)
    for index, remedy in enumerate(remedies):
        say(f"({index + 1}) {remedy}")
    _memory(result)


def _shapes(result: Report, one: Verdict) -> str:
    graph = result.model.subgraphs[one.operator.subgraph]
    tensors = [graph.tensors[index] for index in one.operator.outputs[:1]]
    return "".join(f" {'x'.join(map(str, tensor.shape))} {tensor.type.lower()}" for tensor in tensors)


def _memory(result: Report) -> None:
    memory = result.memory
    claim = "the rule holds here" if memory.holds else f"not claimed: {memory.why}"
    too_large = memory.largest_activation > memory.activation_memory
    over = " (more: the compiler keeps a part in host memory, or fails for large activations)" if too_large else ""
    say(f"parameters on chip   {_range(memory.parameters)} ({claim}); room for {_range(memory.capacity)}")
    say(f"streamed from off    {_range(memory.off_chip)}; a few KiB may stream although there is room")
    say(
        f"largest activation   {size(memory.largest_activation)} at operator {memory.largest_activation_operator}"
        f" of {size(memory.activation_memory)}{over}"
    )
    say(f"work                 {memory.macs / 1e6:.1f} million multiply-accumulates, {memory.operations / 1e9:.2f} billion operations")
    if result.runtime:
        say(f"runtime              {result.runtime} or newer by Coral's table")
    if memory.unfolded_batch_norms:
        say(
            f"batch norms          {len(memory.unfolded_batch_norms)} left unfolded (MUL and ADD behind a layer): "
            "quantize with `full` to fold them"
        )


def compiled(result: Compiled) -> None:
    """What `inspect` found."""
    for package in result.packages:
        say(
            f"{result.model.path.name}, operator {package.operator}: runtime {package.min_runtime} or newer, "
            f"compiler {package.compiler or '-'}, {size(package.on_chip)} on chip, {size(package.streamed)} streamed, "
            f"{size(package.scratch)} scratch,"
            f" {package.narrow_per_tile} bytes of activations a tile, {len(package.executables)} executables"
        )
    table = _table(f"{len(result.on_cpu)} operators left on the CPU", "operator", "count")
    names = [operator.name for operator in result.on_cpu]
    for name in sorted(set(names)):
        table.add_row(name, str(names.count(name)))
    if names:
        _print(table)


def comparisons(results: Sequence[Comparison]) -> None:
    """One row for each pair, and a total."""
    table = _table(
        "predicted against compiled",
        "model",
        "operators",
        "right",
        "unsure",
        "said to map, on CPU",
        "parameters predicted",
        "compiled",
        "error",
        "rule",
    )
    for one in results:
        error = "-" if one.parameter_error is None else f"{100 * one.parameter_error:+.2f} %"
        table.add_row(
            one.report.model.path.stem,
            str(len(one.sides)),
            str(one.right),
            str(one.unsure),
            str(one.false_maps),
            str(one.report.memory.package),
            str(one.parameters),
            error,
            "holds" if one.report.memory.holds else "not claimed",
        )
    total, right = sum(len(one.sides) for one in results), sum(one.right for one in results)
    _print(table)
    say(
        f"{right} of {total} operators right ({100 * right / max(total, 1):.2f} %), "
        f"{sum(one.false_maps for one in results)} said to map that stayed on the CPU"
    )


def differences(result: Comparison) -> None:
    """The operators of one comparison that went another way than expected."""
    for verdict, side in result.rows:
        if verdict.expected != side:
            say(f"operator {verdict.operator.index} {verdict.operator.name}: {verdict.verdict} ({verdict.status}), but it is on the {side}")


def outcome(result: dict[str, Any], folder: Path) -> None:
    """What `compile` did, from compile.json."""
    output, compared = result["console"], result["compared"]
    say(
        f"{folder}: compiled by {result['compiler']} in {output['milliseconds']} ms; {output['on_chip_used']} on chip, "
        f"{output['on_chip_remaining']} left, {output['off_chip']} streamed, {output['subgraphs']} subgraphs, "
        f"{output['operations']} operations"
    )
    for row in output["rows"]:
        say(f"  {row['name']:<30} {row['count'] or '?':<6} {row['status']}")
    say(f"predicted: {result['predicted']['summary']}")
    if compared:
        say(
            f"compared: {compared['right']} of {compared['operators']} operators went as predicted, "
            f"{compared['said_to_map_but_on_cpu']} said to map stayed on the CPU"
        )
