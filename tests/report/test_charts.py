"""Charts: the PNG is complete, the SVG is well-formed, and everything lies inside the drawing."""

import re
from types import SimpleNamespace
from xml.etree import ElementTree

import cv2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.report.charts import curves, precision_recall, precision_recall_svg
from pipeline.report.svg import HEIGHT, WIDTH, ticks

from . import folder


def row(epoch: int, phase: str = "qat", loss: float = 0.5, score: float = 0.5, rate: float = 1e-3) -> dict:
    return {"epoch": epoch, "phase": phase, "loss": loss, "val_loss": loss, "jaccard": score, "val_jaccard": score, "learning_rate": rate}


@pytest.mark.parametrize(("recall", "precision"), [(0.8, 0.6), (0.1, 0.95), (0.9, 0.05)])
def test_png(tmp_path, recall, precision):
    path = tmp_path / "deep" / "pr.png"
    precision_recall(path, folder.curve(), SimpleNamespace(value=0.4, f1=0.7, precision=precision, recall=recall))
    assert cv2.imread(str(path)).shape[1] > 400 and [file.name for file in path.parent.iterdir()] == ["pr.png"]


def drawings(text: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(f"<all>{text}</all>"))


def test_history():
    rows = [row(1, "float", 0.9), row(2, "float", 0.1), row(3, loss=0.4), row(4, loss=0.2, rate=1e-4), row(5, loss=0.3, rate=1e-4)]
    found = drawings(curves(rows))
    assert [one.get("aria-label") for one in found] == ["loss by epoch", "jaccard by epoch", "learning rate by epoch"]
    texts = [[text.text for text in one.iter("text")] for one in found]
    assert "best: epoch 4" in texts[0] and "best: epoch 4" in texts[1]  # epoch 2 was better, but of another phase
    assert all("qat" in labels for labels in texts) and "0.001" in texts[2] and "1e-4" in texts[2]
    assert [len(line.get("points").split()) for line in found[0].iter("polyline")] == [5, 5]


def test_history_of_nothing_and_of_one():
    assert curves([]) == ""
    one = drawings(curves([{key: str(value) for key, value in row(1).items()}]))  # as csv gives it
    assert len(one) == 3 and len(list(one[0].iter("circle"))) == 3  # two lines of one point, and the mark


def test_labels_are_escaped():
    text = curves([row(1), row(2, "<b>&"), row(3, "<b>&")])
    assert "<b>" not in text and drawings(text)


@example([(5e-324, 0.0, 1.0)])  # a fifth of the smallest number is zero
@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1), st.floats(1e-9, 10)), min_size=1, max_size=30))
def test_everything_lies_inside(values):
    text = curves([row(i + 1, "a" if i < 3 else "b", *three) for i, three in enumerate(values)])
    for drawing in drawings(text):
        for line in drawing.iter("polyline"):
            for point in line.get("points").split():
                x, y = map(float, point.split(","))
                assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT
        for text_ in drawing.iter("text"):
            assert 0 <= float(text_.get("x")) <= WIDTH and 0 <= float(text_.get("y")) <= HEIGHT


def test_precision_recall_svg():
    (drawing,) = drawings(precision_recall_svg([(1, 0.5), (0.5, 0.9)], {"value": 0.4, "f1": 0.7, "precision": 0.6, "recall": 0.9}))
    assert "threshold 0.400: F1 0.700" in [text.text for text in drawing.iter("text")]
    assert re.search(r"nan|inf", ElementTree.tostring(drawing, "unicode")) is None


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks(low, width):
    found = ticks(low, low + width)
    slack = 1e-6 * max(abs(low), width)
    assert 1 <= len(found) <= 7 and all(low - slack <= value <= low + width + slack for value in found)


def test_whole_ticks():
    assert ticks(1, 3, whole=True) == [1, 2, 3] and ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
