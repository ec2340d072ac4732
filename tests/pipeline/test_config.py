"""The configuration: every wrong key and value is a sentence that names it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Config, dump, load
from pipeline.errors import UsageError

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_that_come_with_the_project_load(path):
    assert load(path).name == path.stem


def test_the_thesis_experiments_are_all_there():
    assert {"simple", "early", "improved-1", "improved-2", "improved-3", "improved-4"} <= {path.stem for path in CONFIGS}


def test_dump_and_load_are_inverse(tmp_path):
    config = load(
        None, "name=x train.epochs=3 data.bands=nrg model.qat=annotate-conv train.learning_rate=1e-5 evaluate.fixed_threshold=0.25"
    )
    (tmp_path / "config.toml").write_text(dump(config))
    assert load(tmp_path / "config.toml") == config
    assert (config.train.epochs, config.data.bands, config.train.learning_rate) == (3, "nrg", 1e-5)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("train.epoch=3", "did you mean 'epochs'?"),
        ("trian.epochs=3", "did you mean 'train'?"),
        ("train.epochs=0", "greater than or equal to 1"),
        ("train.epochs=many", "valid integer"),
        ("model.name=unet", "'simple', 'early', 'improved', 'cloudnet' or 'edge'"),
        ("train.loss=mse", "'soft-jaccard'"),
        ("nonsense", "section.key=value"),
        ("name.x=1", "is no section"),
        ("train.float_epochs=3 model.qat=none", "train.epochs"),
        ("train.mixed_precision=float16", "float32"),
        ("name=../evil", "name"),
        ("train.learning_rate=inf", "finite number"),
        ("data.bands=rrg", "a band twice"),
        ("data.bands=xyz", "unknown band"),
    ],
)
def test_wrong_settings_are_explained(setting, said):
    with pytest.raises(UsageError) as caught:
        load(None, setting if setting != "name.x=1" else "name=a name.x=1")
    assert said.replace("is no section", "a value, not a section") in str(caught.value)


@pytest.mark.parametrize(("content", "said"), [(b"= 3", "TOML"), (b"\xff\xfe", "TOML"), (b"[train]\nepochs = 'x'\n", "train.epochs")])
def test_wrong_files_are_named(tmp_path, content, said):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert str(path) in str(caught.value) and said in str(caught.value)


def test_a_missing_file_is_named():
    with pytest.raises(UsageError, match=r"nowhere\.toml: no such config"):
        load(Path("nowhere.toml"))


def test_sections_cannot_be_changed():
    with pytest.raises(Exception, match="frozen"):
        Config().train.epochs = 5


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=20), st.floats(1e-12, 1e12), st.integers(0, 2**31 - 1))
def test_what_is_written_is_what_is_read(tmp_path_factory, root, rate, seed):
    config = Config.model_validate({"seed": seed, "data": {"root": root}, "train": {"learning_rate": rate}})
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(dump(config), encoding="utf-8")
    assert load(path) == config
