"""What quantization lost, layer by layer, and what the Edge TPU compiler is expected to make of the int8 file."""

from collections.abc import Mapping, Sequence
from typing import Any

from .markup import Html, absent, details, facts, join, section, table, tag
from .source import Source

WORST = 8  # rows shown at once; the others are folded away


def quantization(source: Source) -> Html:
    """The worst-quantized operators, the weights, and batch norms where they were not folded."""
    analysis = source.analysis
    if analysis is None:
        return section("quantization", "Quantization", absent("The comparison of int8 with float (quantize/analysis.json)", "quantize"))
    parts = [
        tag(
            "p",
            f"int8.tflite against the float network on {analysis['patches']} training patches, operator by operator; lowest "
            "signal-to-noise ratio first. A step is one unit of the tensor's scale: half a step is what rounding alone may cost.",
        ),
        _folded(
            "Outputs of operators",
            [
                "layer",
                "operator",
                "scale",
                "zero point",
                "range in int8",
                "range in float",
                "mean error",
                "largest error",
                "mean error, steps",
                "SNR, dB",
            ],
            [_activation(row) for row in analysis["activations"]],
            words=2,
        ),
        _folded(
            "Weights and biases, largest weight error in steps first",
            ["layer", "channels", "scales", "largest weight error", "in steps", "largest bias error", "bias scale off by"],
            [_weights(row) for row in analysis["weights"]],
        ),
    ]
    if analysis["batch_norms"]:
        parts.append(
            _folded(
                "Batch norms that were not folded (MUL and ADD)",
                ["layer", "multiplier scale", "error, steps", "offset scale", "error, steps", "gamma error", "beta error"],
                [_batch_norm(row) for row in analysis["batch_norms"]],
            )
        )
    return section("quantization", "Quantization", *parts)


def _folded(caption: str, head: Sequence[str], rows: Sequence[Sequence[object]], words: int = 1) -> Html:
    shown = table(caption, head, [(None, rows[:WORST])], words)
    if len(rows) <= WORST:
        return shown
    return join([shown, details(f"The other {len(rows) - WORST}", table(f"{caption}, continued", head, [(None, rows[WORST:])], words))])


def _activation(row: Mapping[str, Any]) -> list[str]:
    snr = "–" if row["snr_db"] is None else f"{row['snr_db']:.1f}"
    return [
        row["layer"],
        row["operator"],
        _short(row["scale"]),
        _short(row["zero_point"]),
        _range(row["low"], row["high"]),
        _range(row["float_low"], row["float_high"]),
        _short(row["absolute"]),
        _short(row["largest"]),
        f"{row['steps']:.2f}",
        snr,
    ]


def _weights(row: Mapping[str, Any]) -> list[str]:
    return [
        row["layer"],
        str(row["channels"]),
        _range(row["scale_low"], row["scale_high"]),
        _short(row["largest"]),
        f"{row['steps']:.2f}",
        _short(row["bias_largest"]),
        _short(row["bias_scale_off"]),
    ]


def _batch_norm(row: Mapping[str, Any]) -> list[str]:
    return [
        row["layer"],
        _short(row["multiplier_scale"]),
        f"{row['multiplier_steps']:.2f}",
        _short(row["offset_scale"]),
        f"{row['offset_steps']:.2f}",
        _short(row["gamma"]),
        _short(row["beta"]),
    ]


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _range(low: float, high: float) -> str:
    return f"{_short(low)} … {_short(high)}"


def edgetpu(source: Source) -> Html:
    """The verdict of the offline check in short."""
    check = source.check
    if check is None:
        return section("edgetpu", "Edge TPU check", absent("The Edge TPU check (check.json)", "quantize"))
    memory, refused = check["memory"], check["refused"]
    rows: list[tuple[str, object]] = [
        ("verdict", check["summary"]),
        (
            "operators",
            f"{check['operator_count']}: {check['maps']} map, {check['may_not_map']} may not, {check['stays_on_cpu']} stay on the CPU",
        ),
        ("parameters on the Edge TPU", _bytes(memory["parameters"])),
        ("room for parameters", _bytes(memory["capacity"])),
        ("streamed from outside", _bytes(memory["off_chip"])),
        ("multiply-accumulates", f"{memory['macs']:,}"),
        ("runtime needed, by Coral's table", check["documented_runtime"] or "not documented"),
    ]
    if not memory["holds"]:
        rows.append(("memory estimate", f"not sure for this model: {memory['why']}"))
    if refused:
        rows.append(("refused because of", f"{refused['name']} (operator {refused['operator']}): {refused['outcome']} {refused['remedy']}"))
    parts = [
        tag(
            "p",
            f"A prediction for compiler {check['compiler']} made from {check['model']} alone: nothing was compiled, nothing ran on "
            "an Edge TPU.",
            class_="quiet",
        ),
        facts(rows),
    ]
    doubtful = [row for row in check["operators"] if row["verdict"] != "maps"]
    if doubtful:
        cells = [[f"{row['index']} {row['name']}", row["verdict"], row["status"], row["remedy"]] for row in doubtful]
        parts.append(_folded("Operators that may not map", ["operator", "verdict", "status", "remedy"], cells, words=4))
    return section("edgetpu", "Edge TPU check", *parts)


def _bytes(span: Sequence[int]) -> str:
    low, high = (f"{value / 2**20:.2f}" for value in span)
    return f"{low} MiB" if low == high else f"{low} to {high} MiB"
