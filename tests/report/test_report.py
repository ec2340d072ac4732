"""The report holds what the run folder holds, escapes it, needs nothing else, and says what is missing."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import DataError, UsageError
from pipeline.report.html import write
from pipeline.report.pictures import LIMIT, embed

from . import folder

VOID = {"meta", "img", "br"}
NASTY = 'a<script>alert(1)</script>&"x'


class Page(HTMLParser):
    """A strict reader: every element is closed in order; keeps tags, attributes and text."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.words, self.row, self.rows = [], [], [], None, []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.row = []
        elif tag in ("td", "th") and self.row is not None:
            self.row.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "tr":
            self.rows.append(self.row)
            self.row = None

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)
            if self.row:
                self.row[-1] += data

    @property
    def text(self):
        return " ".join(self.words)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def page(run):
    return Page(write(run, folder.COLOURS, folder.BENCHMARK).read_text(encoding="utf-8"))


def test_everything_is_there(tmp_path):
    found = page(folder.make(tmp_path))
    ids = {attributes["id"] for _, attributes in found.tags if "id" in attributes}
    links = {attributes["href"] for attributes in found.all("a")}
    assert links == {f"#{name}" for name in ids}
    assert ["float32", "1.50", "25", "3.2", "80.00", "85.00", "81.00", "86.00", "–", "–"] in found.rows
    assert ["int8", "1.50", "25", "3.2", "78.77", "83.77", "79.77", "84.77", "−1.23", "−1.23"] in found.rows
    assert ["scene-a", "30 × 60", "6", "30.00", "80.00", "78.77", "−1.23"] in found.rows
    assert ["layer0", "CONV_2D", "0.04", "−6", "−1 … 2", "−1.1 … 2.2", "0.01", "0.2", "0.31", "27.8"] in found.rows
    assert ["q", "CONV_2D", "0.04", "−6", "−1 … 2", "−1.1 … 2.2", "0.01", "0.2", "0.31", "–"] in found.rows
    assert ["3 RESIZE", "stays on CPU", "unsupported", "use another"] in found.rows
    assert ["command", "python -m pipeline train 'a b'"] in found.rows
    assert ["epochs asked for", "2 float, then 4"] in found.rows
    # epoch 2 was better, but float
    assert any("those of epoch 5," in text and "(0.2000) of the last phase" in text for text in found.words)
    assert "best: epoch 5" in found.text and "threshold 0.410: F1 0.800" in found.text
    assert any("1.25 % of 65,536 output values differ, by at most 1 steps" in text for text in found.words)


def test_a_time_stands_beside_its_scores(tmp_path):
    """A latency is never shown without the accuracy beside it."""
    found = page(folder.make(tmp_path))
    head = next(row for row in found.rows if "host, ms a patch" in row)
    assert {"macro Jaccard", "micro Jaccard"} <= set(head)
    assert [row for row in found.rows if "3.2" in row] == [row for row in found.rows if len(row) == len(head) and row[0] in folder.VARIANTS]


def test_optimistic_scores_say_so(tmp_path):
    found = page(folder.make(tmp_path))
    titles = [row[0] for row in found.rows if len(row) == 1 and row[0].startswith("Threshold best-per-scene")]
    assert len(titles) == 3 and all(title.endswith("(optimistic)") for title in titles)  # the variants and two scenes
    assert not [row for row in found.rows if len(row) == 1 and "optimistic" in row[0] and "best-per-scene" not in row[0]]


def test_it_needs_nothing_else(tmp_path):
    run = folder.make(tmp_path)
    text = write(run, folder.COLOURS, folder.BENCHMARK).read_text(encoding="utf-8")
    found = Page(text)
    assert not {"script", "link", "iframe", "object"} & {name for name, _ in found.tags}
    assert not re.search(r"https?://|url\(|@import", text)
    for _, attributes in found.tags:
        assert attributes.get("src", "data:image/").startswith("data:image/") and attributes.get("href", "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    assert str(tmp_path) not in text


def test_pictures_have_words_and_tables_have_heads(tmp_path):
    found = page(folder.make(tmp_path))
    assert len(found.all("img")) == 10  # two scenes: true colour, and overlay and difference of two variants
    assert all("Scene scene-" in attributes["alt"] for attributes in found.all("img"))
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in found.all("svg"))
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for attributes in found.all("th"))
    styles = " ".join(attributes.get("style", "") for attributes in found.all("span"))
    for colour in folder.COLOURS:
        assert "#" + bytes(colour).hex() in styles


def test_what_a_run_holds_is_escaped(tmp_path):
    run = folder.make(tmp_path)
    nasty = json.loads(json.dumps(folder.summary((NASTY,))))
    folder.put(run.summary, nasty)
    folder.put(run.environment, {"command": [NASTY], NASTY: {NASTY: NASTY}})
    folder.put(run.folder / "data.json", {"dataset": NASTY, "demo": False, "training_scenes": [NASTY]})
    folder.put(run.analysis, {**folder.analysis(), "weights": [folder.analysis()["weights"][0] | {"layer": NASTY}]})
    run.config_file.write_text(f"task = '{NASTY}'\n", encoding="utf-8")
    text = write(run, folder.COLOURS, folder.BENCHMARK).read_text(encoding="utf-8")
    assert "<script" not in text
    assert NASTY in "".join(Page(text).words)


def test_demo_data_is_announced(tmp_path):
    found = page(folder.make(tmp_path, demo=True))
    assert found.text.count("demo data: made-up scenes; these are not 38-Cloud results") == 1
    assert "2 test scenes, 12 patches" in found.text


def test_demo_data_is_announced_where_only_the_scores_know_it(tmp_path):
    run = folder.make(tmp_path)
    whole = json.loads(run.summary.read_text())
    folder.put(run.summary, whole | {"data": whole["data"] | {"demo": True}})
    assert "demo data: made-up scenes" in page(run).text


@pytest.mark.parametrize("count", [1, 19, 20])
def test_fewer_scenes_than_published_are_announced(tmp_path, count):
    found = page(folder.make(tmp_path, scenes=tuple(f"s{i}" for i in range(count)), side=8))
    s = "" if count == 1 else "s"
    assert (f"not 38-Cloud results: {count} test scene{s}, {6 * count} patches" in found.text) == (count < 20)
    assert bool([a for _, a in found.tags if a.get("class") == "banner"]) == (count < 20)


MISSING = {
    "data.json": "train",
    "environment.json": "train",
    "train/history.csv": "train",
    "threshold.json": "train",
    "pr_curve.csv": "train",
    "tflite/variants.json": "quantize",
    "quantize/analysis.json": "quantize",
    "check.json": "quantize",
}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_part_names_its_stage(tmp_path, name):
    run = folder.make(tmp_path)
    (run.folder / name).unlink()
    if name == "data.json":  # the scores' description stands in for it
        whole = json.loads(run.summary.read_text())
        del whole["data"]
        folder.put(run.summary, whole)
    text = re.sub(r"\s+", " ", page(run).text)
    assert f"({name}): not in this run folder. python -m pipeline {MISSING[name]} makes it." in text


def test_without_pictures_and_records(tmp_path):
    run = folder.make(tmp_path)
    shutil.rmtree(run.scenes)
    found = page(run)
    assert not found.all("img") and found.text.count("python -m pipeline predict") == 2
    assert ["scene-a", "–", "–", "–", "80.00", "78.77", "−1.23"] in found.rows


def test_without_all_that_may_be_missing(tmp_path):
    run = folder.make(tmp_path)
    for name in MISSING:
        (run.folder / name).unlink()
    assert page(run).text.count("not in this run folder") == len(MISSING) - 2  # the data is in the scores; no threshold, so no curve


@pytest.mark.parametrize(("name", "stage"), [("evaluation/summary.json", "evaluate"), ("config.toml", "train")])
def test_nothing_to_report_is_refused(tmp_path, name, stage):
    run = folder.make(tmp_path)
    (run.folder / name).unlink()
    with pytest.raises(UsageError, match=rf"pipeline {stage}"):
        write(run, folder.COLOURS, folder.BENCHMARK)
    assert not run.report.exists()


@pytest.mark.parametrize("name", ["evaluation/summary.json", "check.json", "config.toml", "pr_curve.csv", "scenes/colour/scene-a.png"])
def test_a_damaged_file_is_named(tmp_path, name):
    run = folder.make(tmp_path)
    (run.folder / name).write_text("threshold,[{\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(name)):
        write(run, folder.COLOURS, folder.BENCHMARK)


def test_pictures_are_shrunk_and_kept_true(tmp_path):
    big = tmp_path / "big.png"
    big.write_bytes(cv2.imencode(".png", np.random.default_rng(1).integers(0, 256, (2000, 1000, 3), np.uint8))[1].tobytes())
    flat = np.zeros((50, 40, 3), np.uint8)
    flat[10:20] = (2, 159, 230)
    (tmp_path / "flat.png").write_bytes(cv2.imencode(".png", flat)[1].tobytes())
    kinds = {}
    for name in ("big", "flat"):
        head, data = embed(tmp_path / f"{name}.png").split(",")
        kinds[name] = head, cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert kinds["big"][0] == "data:image/jpeg;base64" and kinds["big"][1].shape == (LIMIT, LIMIT // 2, 3)
    assert kinds["flat"][0] == "data:image/png;base64" and (kinds["flat"][1] == flat).all()


def test_the_size_is_bounded(tmp_path):
    """Noise is the worst that a picture can hold."""
    run = folder.make(tmp_path, scenes=("one",), side=1500)
    assert write(run, folder.COLOURS, folder.BENCHMARK).stat().st_size < 5 * LIMIT * LIMIT // 2 * 3


def test_a_reference_alone(tmp_path):
    run = folder.make(tmp_path)
    whole = json.loads(run.summary.read_text())
    whole["variants"] = {"float32": whole["variants"]["float32"]}
    folder.put(run.summary, whole)
    found = page(run)
    assert ["scene-a", "30 × 60", "6", "30.00", "80.00"] in found.rows and len(found.all("img")) == 6


def test_the_same_run_gives_the_same_report(tmp_path):
    run = folder.make(tmp_path)
    texts = {Path(write(run, folder.COLOURS, folder.BENCHMARK)).read_bytes() for _ in range(2)}
    assert len(texts) == 1
