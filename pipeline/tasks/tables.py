"""What people see of a stage's result, on stderr."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from ..evaluate.table import AVERAGES, render
from ..progress import console
from ..quantize.analyze import Analysis

WORST = 12  # rows that are shown; --json has all


def scores(whole: Mapping[str, Any]) -> None:
    """Float and int8 side by side."""
    if whole["data"]["demo"]:
        console.print("demo data: made-up scenes; these are not 38-Cloud results")
    console.print(render(whole, "float32", "int8"))
    if "cross_check" in whole:
        check = whole["cross_check"]
        console.print(
            f"int8 in LiteRT and in TensorFlow's interpreter: at most {check['largest']} {check['unit']} apart, "
            f"{100 * check['differing']:.2f} % of {check['values']} values differ"
        )
    if "board" in whole:
        board(whole["board"])


def board(section: Mapping[str, Any]) -> None:
    """float32 and int8 on the host and the board's masks, on the scenes that the board has run."""
    kind = section["kind"]
    averages = Table("", "macro Jaccard", "micro Jaccard", "ms a patch", title=f"On the board: {len(section['scenes'])} scene(s), percent")
    for name, table in section["variants"].items():
        values = [f"{100 * table[kind][average]['jaccard']:.2f}" for average in AVERAGES]
        averages.add_row(name, *values, f"{section['milliseconds'][name]:.1f}")
    scenes = Table("scene", *section["variants"], "pixels unlike int8", "device", title="Jaccard of every scene in percent")
    scenes.columns[0].overflow = "fold"  # scenes differ at the end of their ids
    for scene in section["scenes"]:
        found = [f"{100 * table[kind]['scenes'][scene]['jaccard']:.2f}" for table in section["variants"].values()]
        apart = section["agreement"][scene]
        scenes.add_row(scene, *found, f"{apart['differing']} of {apart['pixels']}", section["timing"][scene]["device"])
    console.print(averages, scenes)


def analysis(result: Analysis) -> None:
    """The worst tensors, convolutions and batch norms."""
    table = Table(
        "layer",
        "operator",
        "scale",
        "zero point",
        "int8 range",
        "float range",
        "error (steps)",
        "relative",
        "SNR dB",
        title=f"activations, {result.patches} patches, the worst first",
    )
    for row in result.activations[:WORST]:
        snr = "-" if row.snr_db is None else f"{row.snr_db:.1f}"
        table.add_row(
            row.layer,
            row.operator,
            f"{row.scale:.6g}",
            str(row.zero_point),
            f"{row.low:.3g} .. {row.high:.3g}",
            f"{row.float_low:.3g} .. {row.float_high:.3g}",
            f"{row.steps:.2f}",
            f"{100 * row.relative:.1f} %",
            snr,
        )
    console.print(table)
    table = Table(
        "layer", "channels", "scales", "weight error (steps)", "bias error", "bias scale off", title="convolutions, the worst first"
    )
    for row in result.weights[:WORST]:
        table.add_row(
            row.layer,
            str(row.channels),
            f"{row.scale_low:.3g} .. {row.scale_high:.3g}",
            f"{row.steps:.3f}",
            f"{row.bias_largest:.2e}",
            f"{row.bias_scale_off:.1e}",
        )
    console.print(table)
    if result.batch_norms:
        table = Table("batch norm", "multiplier off (steps)", "offset off (steps)", "gamma off", "beta off", title="unfolded batch norms")
        for row in result.batch_norms[:WORST]:
            table.add_row(row.layer, f"{row.multiplier_steps:.3f}", f"{row.offset_steps:.3f}", f"{row.gamma:.2e}", f"{row.beta:.2e}")
        console.print(table)


def comparison(rows: Sequence[Mapping[str, Any]]) -> None:
    """The five configurations, each figure beside the published one where there is one."""
    table = Table(
        "config",
        "bands",
        "size",
        "parameters (M)",
        "operations (10^9)",
        "operators",
        "with full",
        "int8 file (MiB)",
        title="here (thesis: table 4.1, listing 3.1)",
        caption="operations, operators and file as annotated in the thesis",
    )

    def beside(found: str, published: Any) -> str:
        return f"{found} ({published})" if published is not None else found

    for row in rows:
        known = row["published"]
        table.add_row(
            row["config"],
            str(row["bands"]),
            str(row["size"]),
            beside(f"{row['parameters'] / 1e6:.2f}", known["parameters_m"]),
            beside(f"{row['operations'] / 1e9:.2f}", known["operations_g"]),
            beside(str(row["operators_annotate_conv"]), known.get("operators")),
            str(row["operators_full"]),
            beside(f"{row['bytes_annotate_conv'] / 2**20:.2f}", known.get("file_mib")),
        )
    console.print(table)


def family(result: Mapping[str, Any]) -> None:
    """What each network is; where it was trained, mean Jaccard over the seeds and the lowest and highest of them."""
    table = Table("network", "parameters", "operations (10^9)", "on chip (KiB)", "off chip", "largest activation (KiB)", "maps", "ms here")
    for row in result["rows"]:
        low, high = row["on_chip_bytes"]
        table.add_row(
            row["network"],
            f"{row['parameters'] / 1e6:.3f} M",
            f"{row['operations'] / 1e9:.3f}",
            f"{low / 1024:.0f} .. {high / 1024:.0f}",
            str(row["off_chip_bytes"][1]),
            f"{row['largest_activation_bytes'] / 1024:.0f}",
            f"{row['maps']} of {row['operators']}",
            f"{row['milliseconds']:.2f}",
        )
    console.print(table)
    if "recipe" not in result:
        return
    table = Table("network", "seeds", title="Jaccard in percent: mean (lowest .. highest)")
    columns = [(average, variant) for average in ("macro", "micro") for variant in ("float32", "int8")]
    for average, variant in columns:
        table.add_column(f"{average} {variant}", justify="right")
    for row in result["rows"]:
        cells = [row["scores"][variant][average] for average, variant in columns]
        shown = [f"{100 * cell['mean']:.2f} ({100 * cell['lowest']:.2f} .. {100 * cell['highest']:.2f})" for cell in cells]
        table.add_row(row["network"], str(len(row["trainings"])), *shown)
    console.print(table)
