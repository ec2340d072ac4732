"""The tasks as Invoke calls them; stages are looked at, not run."""

import json
from pathlib import Path

import pytest
import stand_in_bundle
from invoke import Context, Exit

from orchestrate.commands import board as tasks
from orchestrate.remote import session

RUN = "20260101T000000Z-stand-in-run"


@pytest.fixture
def place(sshd, there, tmp_path, monkeypatch):
    """Everything in a temporary folder; `stages`: what would have been started, `packing` does what `board pack` does."""
    stages = []

    def start(engine, stage):
        stages.append(stage)
        if stage.arguments[:2] == ("board", "pack"):
            out = Path(stage.arguments[stage.arguments.index("--out") + 1])
            chosen = [stage.arguments[index + 1] for index, part in enumerate(stage.arguments) if part == "--scene"]
            for scene in chosen or ("one", "two"):
                if not (out / scene).exists():
                    stand_in_bundle.scene(out, scene)

    run = tmp_path / "runs" / RUN
    (run / "scenes" / "int8").mkdir(parents=True)
    (run / "config.toml").write_text(f'[data]\nroot = "{tmp_path}/landsat"\n')
    for scene in ("one", "two"):
        (run / "scenes" / "int8" / f"{scene}.json").write_text("{}")
    monkeypatch.setattr(session, "_config", lambda host: sshd.config)
    monkeypatch.setattr(tasks, "start", start)
    for name in ("RUNS", "PACKED", "TAKEN", "BUNDLES"):
        monkeypatch.setattr(tasks, name, tmp_path / name.lower())
    return stages


def run(task, **options):
    task.body(Context(), **{"host": "devboard", **options})


def refused(capfd, task, **options):
    """The exit code and the one line."""
    capfd.readouterr()
    with pytest.raises(Exit) as left:
        run(task, **options)
    return left.value.code, capfd.readouterr().err.strip().splitlines()[-1]


def test_from_the_bundle_to_the_score(place, there, tmp_path, capfd):
    code, said = refused(capfd, tasks.deploy, dir=there)
    assert code == 2 and "`invoke bundle --run RUN` makes one" in said
    bundles = [stand_in_bundle.make(tmp_path / "bundles", name) for name in ("b", "a")]
    run(tasks.deploy, dir=there)  # the newest
    run(tasks.deploy, dir=there, bundle=bundles[0].name)
    run(tasks.rollback, dir=there)
    capfd.readouterr()
    run(tasks.releases, dir=there, json=True)
    listed = json.loads(capfd.readouterr().out)
    assert listed["current"] == bundles[1].name and listed["previous"] == bundles[0].name and len(listed["all"]) == 2
    run(tasks.releases, dir=there)
    assert "runs" in capfd.readouterr().err
    run(tasks.status, dir=there, json=True)
    assert json.loads(capfd.readouterr().out)["release"] == bundles[1].name

    code, said = refused(capfd, tasks.scene_push, dir=there, run=RUN)
    assert code == 2 and "--scene all, or one or more of one, two" in said
    run(tasks.scene_push, dir=there, run=RUN, scene="one,two")
    packing = place[-1]
    assert packing.arguments[-4:] == ("--scene", "one", "--scene", "two")
    assert Path(f"{tmp_path}/landsat") in packing.reads and tmp_path / "packed" / RUN / "uint16" in packing.writes

    code, said = refused(capfd, tasks.run_scene, dir=there)
    assert code == 2 and "one or more of one, two" in said
    run(tasks.run_scene, dir=there, scene="one")
    code, said = refused(capfd, tasks.fetch, dir=there, scene="two")
    assert code == 3 and "two is new; `invoke run-scene --scene two` runs it" in said
    run(tasks.fetch, dir=there, scene="all", run=RUN)
    taking = place[-1].arguments
    folder = tmp_path / "taken" / "devboard" / bundles[1].name / "one"
    assert taking == ("board", "take", "--run", str(tmp_path / "runs" / RUN), "--scene", "one", "--from", str(folder))
    assert (folder / "mask.png").exists()


def test_all_scenes_and_a_card(place, there, tmp_path, capfd):
    run(tasks.scene_push, dir=there, run=RUN, scene="all", card=str(tmp_path / "card"), host="")
    assert "--scene" not in place[-1].arguments
    assert sorted(path.name for path in (tmp_path / "card").iterdir()) == ["one", "two"]
    assert "invoke run-scene --card FOLDER" in capfd.readouterr().err
    stand_in_bundle.make(tmp_path / "bundles")
    run(tasks.deploy, dir=there)
    run(tasks.run_scene, dir=there, scene="all", card=str(tmp_path / "card"))
    run(tasks.fetch, dir=there, scene="two", run=RUN)
    assert place[-1].arguments[5] == "two"
    run(tasks.scene_push, dir=there, run=RUN, scene="all", dtype="float32")
    assert "4 of 4" not in capfd.readouterr().err and sorted(path.name for path in Path(there, "scenes").iterdir()) == ["one", "two"]


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        (tasks.deploy, {"host": ""}, "--host is needed"),
        (tasks.deploy, {"host": "-oProxyCommand=reboot"}, "must be a host name"),
        (tasks.status, {"dir": ".."}, "must be a folder on the board"),
        (tasks.rollback, {"to": "../current"}, "may hold letters"),
        (tasks.run_scene, {"card": "card", "scene": "one"}, "must be the whole path"),
        (tasks.scene_push, {"run": "nothing", "scene": "one"}, "not a run folder"),
        (tasks.scene_push, {"run": RUN, "scene": "$(reboot)"}, "may hold letters"),
    ],
)
def test_wrong_options(place, capfd, task, options, words):
    code, said = refused(capfd, task, **options)
    assert code == 2 and words in said and not place
