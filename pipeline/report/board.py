"""What the board made of the scenes it has run, beside the host's float and int8 masks."""

from typing import Any

from .markup import Html, section, table, tag
from .results import AVERAGES, percent, points
from .source import Source

NOTE = (
    "Only the scenes that the board has run, all three at the threshold chosen on validation data. Time on the board: the median of "
    "Invoke over a scene's patches, from its own report; reading, preparing and writing go on meanwhile. Time of the others: on the "
    "machine that predicted. int8 on another processor, or on the Edge TPU, rounds otherwise, so masks differ where a probability is near "
    "the threshold."
)


def board(source: Source) -> Html:
    """Averages and scenes; nothing where the board has run none."""
    found = source.board
    if found is None:
        return Html("")
    return section("board", "On the board", tag("p", NOTE, class_="quiet"), _averages(found), _scenes(found))


def _averages(found: dict[str, Any]) -> Html:
    kind, last = found["kind"], list(found["variants"])[-1]
    rows = []
    for name, values in found["variants"].items():
        scores = [percent(values[kind][average][score]) for score in ("jaccard", "dice") for average in AVERAGES]
        apart = points(found["variants"][last][kind]["macro"]["jaccard"] - values[kind]["macro"]["jaccard"]) if name != last else "–"
        rows.append([name, f"{found['milliseconds'][name]:.1f}", *scores, apart])
    head = ["", "ms a patch", "macro Jaccard", "micro Jaccard", "macro Dice", "micro Dice", f"macro Jaccard: {last} − this"]
    return table(f"Scores of {len(found['scenes'])} scene(s) in percent; differences in percentage points.", head, [(None, rows)])


def _scenes(found: dict[str, Any]) -> Html:
    kind, rows = found["kind"], []
    for scene in found["scenes"]:
        timing, agreement = found["timing"][scene], found["agreement"][scene]
        scores = [percent(values[kind]["scenes"][scene]["jaccard"]) for values in found["variants"].values()]
        unlike = f"{agreement['differing']:,} ({percent(agreement['differing'] / agreement['pixels'])} %)"
        versions = ", ".join(filter(None, (f"TF Lite {timing['tflite']}", timing["libedgetpu"])))
        ran = [timing["device"], timing["model"], versions]
        rows.append([scene, *ran, f"{timing['median_ms']['invoke']:.2f}", f"{timing['wall_ms'] / 1000:.1f}", *scores, unlike])
    head = ["scene", "device", "model", "runtime", "Invoke, ms", "whole run, s", *(f"Jaccard {name}" for name in found["variants"])]
    return table("Every scene; scores in percent.", [*head, "pixels unlike int8"], [(None, rows)], words=4)
