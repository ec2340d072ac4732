"""How training went and how the threshold was chosen."""

from .charts import curves, precision_recall_svg
from .markup import Html, absent, figure, section, tag
from .source import Source


def training(source: Source) -> Html:
    """Loss, metric and learning rate by epoch."""
    rows = source.history
    if not rows:
        return section("training", "Training", absent("The training history (train/history.csv)", "train"))
    seconds = sum(float(row.get("seconds") or 0) for row in rows)
    took = f"{seconds / 60:.1f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
    last = [row for row in rows if row["phase"] == rows[-1]["phase"]]
    best = min(last, key=lambda row: float(row["val_loss"]))
    text = (
        f"{len(rows)} epoch{'s' * (len(rows) != 1)} in {took}. The weights kept are those of epoch {best['epoch']}, "
        f"which had the lowest validation loss ({float(best['val_loss']):.4f}){' of the last phase' if len(last) < len(rows) else ''}."
    )
    charts = tag("div", Html(curves(rows)), class_="charts")
    return section(
        "training",
        "Training",
        tag("p", text),
        figure(
            charts,
            "Solid: validation. Dashed: training. The dot marks the epoch "
            "kept; a dotted vertical line, where there is one, marks a change of phase. The learning rate has a logarithmic axis.",
        ),
    )


def threshold(source: Source) -> Html:
    """The precision-recall curve on validation data with the threshold."""
    chosen = source.threshold
    if chosen is None:
        return section("threshold", "Threshold", absent("The chosen threshold (threshold.json)", "train"))
    patches = f" ({chosen['patches']} patches)" if "patches" in chosen else ""
    text = (
        f"A pixel counts as positive from a probability of {chosen['value']:.4f}: F1 {chosen['f1']:.4f} (precision "
        f"{chosen['precision']:.4f}, recall {chosen['recall']:.4f}) on {chosen.get('chosen_on', 'validation data')}{patches}."
    )
    if "low" in chosen:
        text += f" Any threshold from {chosen['low']:.4f} to {chosen['high']:.4f} does as well there, as far as those pixels can tell."
    if not source.curve:
        return section("threshold", "Threshold", tag("p", text), absent("The precision-recall curve (pr_curve.csv)", "train"))
    chart = tag("div", Html(precision_recall_svg(source.curve, chosen)), class_="charts one")
    return section(
        "threshold",
        "Threshold",
        tag("p", text),
        figure(chart, "Precision over recall on validation data for every threshold; the dot is the one that was chosen."),
    )
