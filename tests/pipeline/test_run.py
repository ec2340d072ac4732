"""Run folders: made complete, found by name, asked for what is missing."""

import json

import pytest

from pipeline import run
from pipeline.config import Config, load
from pipeline.errors import UsageError


def test_a_run_folder_says_how_to_repeat_it(tmp_path):
    config = load(None, "name=first seed=7")
    made = run.create(tmp_path, config)
    assert made.folder.name.endswith("Z-first") and made.config() == config
    environment = json.loads(made.environment.read_text())
    assert environment["seed"] == 7 and environment["packages"]["numpy"] and environment["python"].startswith("3.10")


def test_two_runs_in_one_second_do_not_collide(tmp_path):
    folders = {run.create(tmp_path, Config()).folder for _ in range(3)}
    assert len(folders) == 3


def test_the_newest_is_the_default_and_names_work(tmp_path):
    (tmp_path / "20200101T000000Z-old").mkdir()
    (tmp_path / "20200101T000000Z-old" / "config.toml").touch()
    (tmp_path / "renamed").mkdir()
    (tmp_path / "renamed" / "config.toml").touch()
    new = run.create(tmp_path, Config()).folder
    assert run.find(tmp_path).folder == new
    assert run.find(tmp_path, "20200101T000000Z-old").folder == tmp_path / "20200101T000000Z-old"
    assert run.find(tmp_path, str(new)).folder == new
    with pytest.raises(UsageError, match=r"not a run folder.*20200101T000000Z-old"):
        run.find(tmp_path, "nonsense")


def test_no_run_yet(tmp_path):
    with pytest.raises(UsageError, match="make train"):
        run.find(tmp_path)


def test_a_missing_file_names_its_stage(tmp_path):
    made = run.create(tmp_path, Config())
    with pytest.raises(UsageError, match=r"model\.h5 is not there.*pipeline train"):
        made.need(made.model, "train")
