"""`models-table`: what is trained with what, how it goes on, and one whole table of tiny networks."""

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config import load
from pipeline.errors import UsageError
from pipeline.run import create
from pipeline.tasks import family

RECIPE = """
name = "tiny"
[data]
size = 16
[train]
epochs = 1
batch = 16
tensorboard = false
[quantize]
batches = 2
[evaluate]
cross_check = 0
"""


def test_seeds():
    assert family.seeds_of("1,2, 30") == [1, 2, 30]
    for wrong in ("", "1,", "a", "-1", "1.5"):
        with pytest.raises(UsageError, match="--seeds"):
            family.seeds_of(wrong)


def test_everything_is_the_recipe_s_but_the_network(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    recipe = load(tmp_path / "recipe.toml")
    config = family.wanted(family.config_of("improved-3"), recipe, 7)
    assert config.name == "improved-3-tiny-7" and config.seed == 7
    assert config.model == family.config_of("improved-3").model
    assert (config.data, config.train, config.augment) == (recipe.data, recipe.train, recipe.augment)


def test_a_rate_that_the_network_s_file_names_is_its_own(tmp_path):
    (tmp_path / "own.toml").write_text('name = "own"\n[train]\nlearning_rate = 0.1\nepochs = 9\n')
    recipe = load(None, "name=r train.learning_rate=0.2 train.batch=3")
    config = family.wanted(family.config_of(str(tmp_path / "own.toml")), recipe, 1)
    assert config.train == recipe.train.model_copy(update={"learning_rate": 0.1})
    rates = {name: family.wanted(family.config_of(name), recipe, 1).train.learning_rate for name in family.NETWORKS}
    assert rates == {"edge-s": 1.6e-2, "edge-m": 1.6e-2, "edge-l": 1.6e-2, "early": 0.2, "improved-3": 0.2}


def test_a_run_of_the_same_config_is_gone_on_with_and_no_other(tmp_path):
    recipe = load(None, "name=r train.epochs=3")
    first = family.wanted(family.config_of("edge-s"), recipe, 1)
    made = create(tmp_path, first)
    assert family._run(tmp_path, first).folder == made.folder
    assert family._run(tmp_path, family.wanted(family.config_of("edge-s"), recipe, 2)).folder != made.folder


def test_spread():
    scores = [{variant: {"macro": value, "micro": 1 - value} for variant in family.SHOWN} for value in (0.5, 0.7, 0.9)]
    found = family.spread(scores)["int8"]
    assert found["macro"] == pytest.approx({"mean": 0.7, "lowest": 0.5, "highest": 0.9})
    assert found["micro"] == pytest.approx({"mean": 0.3, "lowest": 0.1, "highest": 0.5})


def test_training_has_to_be_asked_for():
    said = CliRunner().invoke(app, ["models-table", "--data", "somewhere"])
    assert isinstance(said.exception, UsageError) and "--recipe" in str(said.exception)


@pytest.mark.slow
def test_a_whole_table_and_the_same_again_from_what_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # demo data and trainings land here
    (tmp_path / "recipe.toml").write_text(RECIPE)
    for name in ("edge", "simple"):
        (tmp_path / f"{name}.toml").write_text(f'name = "{name}"\n[data]\nsize = 32\n[model]\nname = "{name}"\nfilters = 4\ndepth = 1\n')
    command = ["models-table", "--network", "edge.toml", "--network", "simple.toml", "--recipe", "recipe.toml", "--seeds", "1", "--json"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    result = json.loads(done.stdout)
    assert [row["network"] for row in result["rows"]] == ["edge", "simple"]
    for row in result["rows"]:
        assert row["maps"] == row["operators"] and row["operations"] > 0 and row["milliseconds"] > 0 and row["size"] == 32
        for variant in ("float32", "int8"):
            assert 0 <= row["scores"][variant]["macro"]["mean"] <= 1
    kept = json.loads((tmp_path / "runs" / "models-table" / "table.json").read_text())
    assert kept == result
    models = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/models-table/*/model.h5")}
    assert len(models) == 2
    again = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    assert [row["trainings"] for row in again["rows"]] == [row["trainings"] for row in result["rows"]]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/models-table/*/model.h5")} == models
