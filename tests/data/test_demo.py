"""Demo data: the same bytes each time, the layout of 38-Cloud, and too hard for a threshold."""

import hashlib
import os
import shutil

import numpy as np
import pytest
import tifffile

from pipeline.data import demo
from pipeline.data.check import check
from pipeline.data.layout import open_dataset
from pipeline.errors import DataError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return demo.make(tmp_path_factory.mktemp("demo") / "set")


def digest(folder):
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return total.hexdigest()


def grid_of(dataset, scene):
    """The whole grid of a test scene, read by another TIFF reader: bands (H, W, 4)."""
    bands = ("red", "green", "blue", "nir")
    side = demo.SIDE
    whole = np.zeros((scene.rows * side, scene.cols * side, 4), np.uint16)
    for patch in scene.patches:
        where = (slice((patch.row - 1) * side, patch.row * side), slice((patch.col - 1) * side, patch.col * side))
        for number, band in enumerate(bands):
            whole[(*where, number)] = tifffile.imread(dataset.band_path("test", band, patch))
    return whole


def best_threshold(values, truth):
    """The highest Jaccard index that any threshold reaches, with cloud above it or below it."""
    order = np.argsort(values)
    ordered = values[order]
    hits = np.cumsum(truth[order])
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # equal values cannot be told apart
    count, total = ends + 1, hits[-1]
    below = hits[ends] / (count + total - hits[ends])
    above = (total - hits[ends]) / (len(ordered) - count + hits[ends])
    return max(below.max(), above.max(), total / len(ordered))


def test_same_seed_same_bytes(made, tmp_path):
    again = demo.make(tmp_path / "again")
    assert digest(again.root) == digest(made.root)
    other = demo.DemoScene(999001, (1, 1), (1, 1), 5.0, 1.0, demo.TRAINING[0].terrain, demo.TRAINING[0].sky)
    assert not np.array_equal(demo.render(other, 1)[0], demo.render(other, 2)[0])


def test_is_a_dataset_with_nothing_wrong(made):
    findings = check(made.root)
    assert findings.problems == () and findings.dataset == "demo" and made.demo
    assert findings.counts["training scenes"] == len(demo.TRAINING) and findings.counts["test scenes"] == len(demo.TEST)
    assert 0.3 < findings.counts["non-empty training patches"] / findings.counts["training patches"] < 0.9


def test_is_small(made):
    assert sum(path.stat().st_size for path in made.root.rglob("*.TIF")) < 15e6


def test_nonempty_list_follows_the_authors_rule(made):
    chosen = set(made.training_patches(nonempty=True))
    for patch in made.training_patches(nonempty=False):
        for band in ("red", "nir"):
            nonzero = np.mean(tifffile.imread(made.band_path("train", band, patch)) > 0)
            assert (nonzero > 0.8) == (patch in chosen)


def test_scene_mask_is_the_unpadded_centre(made):
    """What is nonzero lies within the mask put at floor((H - h) / 2), which is odd-sized against the grid."""
    for scene in made.test_scenes():
        seen = grid_of(made, scene).any(axis=2)
        mask = tifffile.imread(made.scene_mask_path(scene.scene))
        (height, width), (inner_height, inner_width) = seen.shape, mask.shape
        top, left = (height - inner_height) // 2, (width - inner_width) // 2
        assert (height - inner_height) % 2 == 1 and (width - inner_width) % 2 == 1
        inside = seen[top : top + inner_height, left : left + inner_width]
        assert inside.sum() == seen.sum()
        assert not (mask[~inside] > 0).any() and set(np.unique(mask)) == {0, 255}
        definition = demo.TEST[[spec.id for spec in demo.TEST].index(scene.scene)]
        np.testing.assert_array_equal(mask, demo.render(definition, 38)[1][demo.inner(definition)])


def test_footprint_is_tilted_with_a_zero_margin(made):
    for scene in made.test_scenes():
        seen = grid_of(made, scene).all(axis=2)
        assert np.array_equal(seen, grid_of(made, scene).any(axis=2)), "nothing is zero within the footprint"
        assert not seen[0].any() and not seen[:, 0].any() and not seen[-1].any() and not seen[:, -1].any()
        first = [int(np.argmax(row)) for row in seen if row.any()]
        assert 0.6 < seen.mean() < 0.9 and first[len(first) // 2] != first[len(first) // 4]


def test_no_threshold_does(made, measured):
    """Clouds cover 25 to 60 % of what is seen, and no single threshold on a band or on the brightness finds them."""
    values, truths = [], []
    for scene in made.test_scenes():
        image, mask = grid_of(made, scene), tifffile.imread(made.scene_mask_path(scene.scene))
        truth = np.zeros(image.shape[:2], bool)
        top, left = (truth.shape[0] - mask.shape[0]) // 2, (truth.shape[1] - mask.shape[1]) // 2
        truth[top : top + mask.shape[0], left : left + mask.shape[1]] = mask > 0
        seen = image.any(axis=2)
        assert 0.25 < truth[seen].mean() < 0.60
        values.append(image[seen].astype(np.float64))
        truths.append(truth[seen])
    pixels, truth = np.concatenate(values), np.concatenate(truths)
    best = {
        name: best_threshold(column, truth)
        for name, column in zip(("red", "green", "blue", "nir", "mean"), (*pixels.T, pixels.mean(axis=1)), strict=True)
    }
    scores = ", ".join(f"{name} {float(score):.3f}" for name, score in best.items())
    measured(f"best single threshold, Jaccard over the test scenes: {scores}")
    assert max(best.values()) < 0.60


def test_what_is_there_is_opened_and_nothing_else_touched(made, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in made.root.rglob("*")}
    assert demo.make(made.root) == open_dataset(made.root)
    assert before == {path: path.stat().st_mtime_ns for path in made.root.rglob("*")}
    with pytest.raises(DataError, match="another version or seed"):
        demo.make(made.root, seed=39)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="not edgeseg demo data"):
        demo.make(tmp_path / "mine")
    assert os.listdir(tmp_path / "mine") == ["thesis.txt"]


def test_failure_leaves_nothing(tmp_path, monkeypatch):
    calls = []

    def full(path, array):
        calls.append(path)
        if len(calls) > 20:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo.tiff, "write", full)
    with pytest.raises(OSError, match="No space"):
        demo.make(tmp_path / "demo")
    assert os.listdir(tmp_path) == []


def test_two_that_make_it_at_once_both_have_it(made, tmp_path, monkeypatch):
    root, render = tmp_path / "set", demo.render

    def late(scene, seed):
        if not root.exists() and scene is demo.TEST[-1]:  # the other one is ready just before this one
            shutil.copytree(made.root, root)
        return render(scene, seed)

    monkeypatch.setattr(demo, "render", late)
    assert demo.make(root).root == root
    assert digest(root) == digest(made.root) and [path.name for path in tmp_path.iterdir()] == ["set"]
