"""The figures that count, and the table of the variants."""

from collections.abc import Mapping, Sequence
from typing import Any

from .markup import Html, absent, join, section, table, tag
from .source import Source

AVERAGES = {"macro": "mean of the scenes", "micro": "all pixels pooled"}
OPTIMISTIC = "Optimistic: the threshold was chosen for each scene on that scene's own truth; an upper bound, not a result."
HEADS = {"jaccard": "Jaccard", "dice": "Dice", "fpr": "false-positive rate"}


def score_name(score: str) -> str:
    """A score's name in a table's head."""
    return HEADS.get(score, score)


def percent(value: float) -> str:
    """A share of 0..1 in percent, without the sign."""
    return f"{100 * value:.2f}"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign; a true minus, as numbers are typeset."""
    return f"{100 * value:+.2f}".replace("-", "−")


def kind_name(kind: str, values: Mapping[str, Any]) -> str:
    """A threshold kind as a heading; what knew the truth it is scored on says so."""
    if values["optimistic"]:
        return f"Threshold {kind} (optimistic)"
    return f"Threshold {kind}: {values['threshold']:.4f}"


def headline(source: Source) -> Html:
    """Macro and micro Jaccard of the reference and int8 with their difference, at the threshold that counts."""
    kind, variants = source.kind, source.summary["variants"]
    cards = []
    for average, meaning in AVERAGES.items():
        values = {name: variants[name][kind][average]["jaccard"] for name in source.compared}
        cells = [tag("div", tag("dt", name), tag("dd", percent(value), class_="main")) for name, value in values.items()]
        if len(values) == 2:
            first, second = values.values()
            cells.append(tag("div", tag("dt", "difference"), tag("dd", points(second - first))))
        cards.append(tag("div", tag("h3", f"{average} Jaccard, % ({meaning})"), tag("dl", *cells), class_="card"))
    threshold = variants[source.summary["reference"]][kind]["threshold"]
    note = tag(
        "p",
        f"Test scenes: {len(source.summary['scenes'])}. Threshold: {threshold:.4f} ({kind}). Differences are in percentage points.",
        class_="quiet",
    )
    return section("results", "Result", tag("div", *cards, class_="headline"), note)


def variants(source: Source) -> Html:
    """Each variant with its file, its operators, its time and its scores in one row; then all scores by threshold kind."""
    tables = source.summary["variants"]
    parts = [_files(source, tables)]
    if source.variants is None:
        parts.append(absent("File sizes and operators (tflite/variants.json)", "quantize"))
    if check := source.summary.get("cross_check"):
        parts.append(tag("p", _cross_check(check), class_="quiet"))
    parts.append(_scores(tables))
    return section("variants", "Variants", join(parts))


def _files(source: Source, tables: Mapping[str, Any]) -> Html:
    known, host, kind, reference = (
        (source.variants or {}).get("variants", {}),
        source.summary.get("host", {}),
        source.kind,
        source.summary["reference"],
    )
    rows = []
    for name in tables:
        scores = [tables[name][kind][average][score] for score in ("jaccard", "dice") for average in AVERAGES]
        apart = [tables[name][kind][average]["jaccard"] - tables[reference][kind][average]["jaccard"] for average in AVERAGES]
        facts = known.get(name)
        rows.append(
            [
                name,
                _size(facts["bytes"]) if facts else "–",
                str(facts["operators"]) if facts else "–",
                f"{host[name]:.1f}" if name in host else "–",
                *map(percent, scores),
                *(["–", "–"] if name == reference else map(points, apart)),
            ]
        )
    head = [
        "variant",
        "file, MiB",
        "operators",
        "host, ms a patch",
        "macro Jaccard",
        "micro Jaccard",
        "macro Dice",
        "micro Dice",
        f"macro Jaccard − {reference}",
        f"micro Jaccard − {reference}",
    ]
    return table(
        f"Scores in percent at the {kind} threshold; differences in percentage points. Host time: median over the scenes of the "
        "time a patch took on the machine that predicted, without reading and stitching. It says nothing about an Edge TPU.",
        head,
        [(None, rows)],
    )


def _size(size: int) -> str:
    return f"{size / 2**20:.2f}"


def _cross_check(check: Mapping[str, Any]) -> str:
    largest = f"{check['largest']} steps" if check["unit"] == "steps" else f"{check['largest']:.2g}"
    return (
        f"Cross-check of int8 on {check['images']} patches, LiteRT against TensorFlow's own interpreter: {percent(check['differing'])} "
        f"% of {check['values']:,} output values differ, by at most {largest}."
    )


def _scores(tables: Mapping[str, Any]) -> Html:
    groups = []
    first = next(iter(tables.values()))
    scores: Sequence[str] = list(next(iter(first.values()))["macro"])
    for kind, values in first.items():
        rows = [(average, name, tables[name][kind][average]) for average in AVERAGES for name in tables]
        cells = [[name, average, *(percent(found[score]) for score in scores)] for average, name, found in rows]
        groups.append((kind_name(kind, values), cells))
    return table(
        "All scores in percent. Macro: " + AVERAGES["macro"] + ". Micro: " + AVERAGES["micro"] + ". " + OPTIMISTIC,
        ["variant", "average", *map(score_name, scores)],
        groups,
        words=2,
    )
