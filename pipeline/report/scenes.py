"""Every scene: pictures and scores."""

from typing import Any

from .markup import Html, absent, figure, image, join, section, table, tag
from .pictures import embed
from .results import OPTIMISTIC, kind_name, percent, points, score_name
from .source import RGB, Colours, Source


def scenes(source: Source, colours: Colours) -> Html:
    """A table of all scenes, the legend, and each scene with its pictures and its scores."""
    parts: list[object] = [_overview(source), legend(colours)]
    for scene in source.summary["scenes"]:
        parts += [tag("h3", scene), _pictures(source, scene), _scores(source, scene)]
    return section("scenes", "Scenes", *parts)


def legend(colours: Colours) -> Html:
    """What the colours mean."""
    entries = (
        ("outline", colours.truth, "outline of the truth"),
        ("outline", colours.prediction, "outline of the prediction"),
        ("", colours.true_positive, "difference: found"),
        ("", colours.false_positive, "difference: false alarm"),
        ("", colours.false_negative, "difference: missed"),
        ("", colours.true_negative, "difference: rightly left out"),
    )
    return tag("ul", *(tag("li", _swatch(shape, colour), text) for shape, colour, text in entries), class_="legend", aria_label="Colours")


def _swatch(shape: str, colour: RGB) -> Html:
    code = "#" + "".join(f"{part:02x}" for part in colour)
    style = f"border-color:{code}" if shape else f"background:{code}"
    return tag("span", class_=f"swatch {shape}".strip(), style=style, aria_hidden="true")


def _overview(source: Source) -> Html:
    kind, names = source.kind, source.compared
    rows = []
    for scene in source.summary["scenes"]:
        found = [source.summary["variants"][name][kind]["scenes"][scene]["jaccard"] for name in names]
        apart = [points(found[1] - found[0])] if len(found) == 2 else []
        rows.append([scene, *_facts(source.record(names[0], scene), kind), *map(percent, found), *apart])
    head = ["scene", "pixels", "patches", "positive, %", *(f"Jaccard {name}" for name in names)]
    head += ["difference"] if len(names) == 2 else []
    return table(f"Jaccard of every scene in percent at the {kind} threshold; differences in percentage points.", head, [(None, rows)])


def _facts(record: dict[str, Any] | None, kind: str) -> list[str]:
    """Size, patches and the share of pixels that are positive in truth (row 1 of the counts)."""
    if record is None:
        return ["–"] * 3
    counts = record["confusions"][kind]
    return [f"{record['width']} × {record['height']}", str(record["patches"]), percent(sum(counts[1]) / sum(map(sum, counts)))]


def _pictures(source: Source, scene: str) -> Html:
    folder = source.run.scenes
    wanted = [(folder / "colour" / f"{scene}.png", "true colour", "true colour, each band stretched")]
    for name in source.compared:
        wanted += [
            (folder / name / f"{scene}_overlay.png", f"{name}: truth and prediction", "outlines of truth and prediction on the scene"),
            (folder / name / f"{scene}_difference.png", f"{name}: difference", "where the prediction is right, a false alarm, or a miss"),
        ]
    shown = [figure(image(embed(path), f"Scene {scene}, {title}: {meaning}"), title) for path, title, meaning in wanted if path.exists()]
    missing = [title for path, title, _ in wanted if not path.exists()]
    parts: list[object] = [tag("div", *shown, class_="pictures")] if shown else []
    if missing:
        parts.append(absent(f"Pictures ({', '.join(missing)})", "predict"))
    return join(parts)


def _scores(source: Source, scene: str) -> Html:
    tables = source.summary["variants"]
    groups = []
    scores: list[str] = []
    for kind, values in tables[source.compared[0]].items():
        rows = []
        for name in source.compared:
            found = tables[name][kind]["scenes"][scene]
            scores = [score for score in found if score != "threshold"]
            rows.append([name, f"{found['threshold']:.4f}", *(percent(found[score]) for score in scores)])
        title = kind_name(kind, values) if values["optimistic"] else f"Threshold {kind}"
        groups.append((title, rows))
    return table(f"Scores of {scene} in percent. {OPTIMISTIC}", ["variant", "threshold", *map(score_name, scores)], groups)
