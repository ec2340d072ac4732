"""Scenes to the board, through it and back, with stand-ins for the programs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import local_sshd
import pytest
import stand_in_bundle

from orchestrate.errors import WrongUsage
from orchestrate.remote import deploy as deploying
from orchestrate.remote import packed, scenes
from orchestrate.remote.choose import choose
from orchestrate.remote.errors import BoardFailed, Busy, CutOff, DamagedUpload, NotThere, WrongOutput
from orchestrate.remote.lock import lock
from orchestrate.remote.ssh import Board


def ready(board, there, tmp_path, patches=4, **beside):
    """A release that runs and a scene that is there."""
    made = stand_in_bundle.scene(tmp_path / "packed", "LC08_scene", patches)
    release = deploying.deploy(board, there, stand_in_bundle.make(tmp_path))
    for name, text in beside.items():
        Path(there, "current/bin", name).write_text(text)
    packed.push(board, there, [made])
    return made, release


def test_there_and_back(board, there, tmp_path, capfd):
    made, release = ready(board, there, tmp_path)
    place = scenes.look(board, there)
    assert place.states == {"LC08_scene": "new"} and place.release == release
    scenes.run(board, place, "LC08_scene")
    said = capfd.readouterr().err
    assert "4 patches in 0.0 s, Invoke 2.0 ms (median)" in said
    place = scenes.look(board, there)
    assert place.states == {"LC08_scene": "done"}
    folder = scenes.fetch(board, place, "LC08_scene", tmp_path / "taken")
    assert folder == tmp_path / "taken" / release / "LC08_scene"
    assert sorted(path.name for path in folder.iterdir()) == ["mask.png", "report.json", "scene.json"]
    assert (folder / "mask.png").read_text() == "mask 0.409999996 4x15" or (folder / "mask.png").read_text() == "mask 0.41 4x15"
    assert json.loads((folder / "scene.json").read_text())["dtype"] == "int8"
    scenes.run(board, place, "LC08_scene")
    assert "is done already" in capfd.readouterr().err


def test_push_again_goes_on_and_replaces(board, there, tmp_path, capfd):
    made, release = ready(board, there, tmp_path)
    packed.push(board, there, [made])
    assert "is there already, every byte right" in capfd.readouterr().err
    scenes.run(board, scenes.look(board, there), "LC08_scene")
    (made / "patch_1_1_by_1_LC08_scene.bin").write_bytes(stand_in_bundle.PATCH[::-1])
    begun = Path(there, "scenes", ".LC08_scene.0123456789abcdef.partial")
    begun.mkdir()
    (begun / "patch_2_1_by_2_LC08_scene.bin").write_bytes(stand_in_bundle.PATCH[:7])
    packed.push(board, there, [made])
    assert f"whose results went: results/{release}/LC08_scene" in capfd.readouterr().err
    assert scenes.look(board, there).states == {"LC08_scene": "new"}
    assert Path(there, "scenes/LC08_scene/patch_1_1_by_1_LC08_scene.bin").read_bytes() == stand_in_bundle.PATCH[::-1]
    assert os.listdir(f"{there}/scenes") == ["LC08_scene"]


def test_odd_names_are_refused_before_anything_is_sent(board, there, tmp_path):
    with pytest.raises(deploying.contents.names.BadName, match="may hold letters"):
        packed.push(board, there, [stand_in_bundle.scene(tmp_path, "$(reboot)")])
    with pytest.raises(NotThere, match=r"has no scene.json"):
        packed.push(board, there, [tmp_path])
    odd = stand_in_bundle.scene(tmp_path, "fine")
    (odd / "a b.bin").write_text("")
    with pytest.raises(deploying.contents.names.BadName, match="no name for a file"):
        packed.push(board, there, [odd])


def test_cut_connection_does_not_stop_a_run(sshd, there, tmp_path):
    with Board("devboard", sshd.config) as board:
        ready(board, there, tmp_path, patches=6, slow="1")
        place, ask = scenes.look(board, there), Board.ask
        started = []

        def cut_after_start(self, name, *arguments, **options):
            answer = ask(self, name, *arguments, **options)
            if name == "start" and not started:
                started.append(answer)
                sshd.cut()
            return answer

        with pytest.MonkeyPatch.context() as patched, pytest.raises((CutOff, BoardFailed)):
            patched.setattr(Board, "ask", cut_after_start)
            patched.setattr(Board, "start", lambda self, *_, **pipes: subprocess.Popen(["sh", "-c", "exit 255"], **pipes))
            scenes.run(board, place, "LC08_scene")
    with Board("devboard", sshd.config) as board:
        place = scenes.look(board, there)
        assert place.states == {"LC08_scene": "begun"}
        scenes.run(board, place, "LC08_scene")  # finds it under way, or done by now
    report = json.loads(Path(there, "results", place.release, "LC08_scene/report.json").read_text())
    assert report["run"] == 6 and report["resumed"] == 0


def test_ctrl_c_stops_the_run_and_the_same_command_goes_on(sshd, board, there, tmp_path, capfd):
    _, release = ready(board, there, tmp_path, patches=6, slow="1")
    program = f"""
from pathlib import Path
from orchestrate.errors import FrontDoorError
from orchestrate.remote import scenes, session
session._config = lambda host: Path({str(sshd.config)!r})
try:
    with session.connected("devboard") as board:
        scenes.run(board, scenes.look(board, {there!r}), "LC08_scene")
except FrontDoorError as error:
    print(error)
    raise SystemExit(error.exit_code)
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    results = Path(there, "results", release, "LC08_scene")
    local_sshd.until(lambda: len(list((results / "patches").glob("*.bin"))) >= 2, "two patches are done", limit=60)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=240)
    assert child.returncode == 130 and "the same command goes on from there" in said
    assert (results / "exit").read_text().strip() == "130"
    Path(there, "current/bin/slow").unlink()
    scenes.run(board, scenes.look(board, there), "LC08_scene")
    report = json.loads((results / "report.json").read_text())
    assert report["resumed"] >= 2 and report["run"] + report["resumed"] == 6


def test_run_that_lost_its_mask_is_only_stitched(board, there, tmp_path):
    _, release = ready(board, there, tmp_path)
    scenes.run(board, scenes.look(board, there), "LC08_scene")
    results = Path(there, "results", release, "LC08_scene")
    (results / "exit").unlink()
    (results / "mask.png").unlink()
    before = (results / "report.json").read_text()
    scenes.run(board, scenes.look(board, there), "LC08_scene")
    assert (results / "mask.png").exists() and (results / "report.json").read_text() == before


def test_two_scenes_at_once(board, there, tmp_path, monkeypatch):
    _, release = ready(board, there, tmp_path, slow="30")
    packed.push(board, there, [stand_in_bundle.scene(tmp_path / "packed", "other")])
    place = scenes.look(board, there)
    board.script("start", there, "LC08_scene", place.scenes, "model/int8.tflite", "golden/input.bin", "--threshold", "0.5")
    with pytest.raises(BoardFailed, match="another scene is being run .LC08_scene.: wait"):
        scenes.run(board, place, "other")
    with pytest.raises(BoardFailed, match="idle: a scene is being run .*LC08_scene.*wait until it is done"):
        deploying.deploy(board, there, stand_in_bundle.make(tmp_path, "two"))
    board.script("stop", there, release, "LC08_scene")
    Path(there, "current/bin/slow").unlink()
    scenes.run(board, place, "other")


def test_no_rollback_and_no_switch_while_a_scene_runs(board, there, tmp_path):
    before = deploying.deploy(board, there, stand_in_bundle.make(tmp_path, "before"))
    _, release = ready(board, there, tmp_path, patches=60, slow="1")
    place = scenes.look(board, there)
    board.script("start", there, "LC08_scene", place.scenes, "model/int8.tflite", "golden/input.bin", "--threshold", "0.5")
    with pytest.raises(Busy, match="busy: a scene is being run .LC08_scene.; .*wait until it is done. What ran before still runs$"):
        deploying.roll_back(board, there)
    with lock(board, there) as held:
        assert board.ask("switch", there, held.token, before).code == 75  # one that was started since the self-test
    assert os.readlink(f"{there}/current") == f"releases/{release}"
    Path(there, "current/bin/slow").unlink()  # the run looks for it before each patch
    scenes.run(board, place, "LC08_scene")
    report = json.loads(Path(there, "results", release, "LC08_scene/report.json").read_text())
    assert report["run"] == 60 and report["resumed"] == 0  # the one that was begun, to its end
    assert deploying.roll_back(board, there) == before


def test_no_scene_while_a_release_is_tested(sshd, board, there, tmp_path):
    _, release = ready(board, there, tmp_path)
    place, slow = scenes.look(board, there), stand_in_bundle.make(tmp_path, "slow", beside={"slow": "8"})
    program = f"""
from pathlib import Path
from orchestrate.remote import deploy
from orchestrate.remote.ssh import Board
with Board("devboard", Path({str(sshd.config)!r})) as board:
    deploy.deploy(board, {there!r}, Path({str(slow)!r}))
"""
    child = subprocess.Popen([sys.executable, "-c", program])
    local_sshd.until(lambda: list(Path(there, "incoming").glob(f"{slow.name}.*/.test.*/out")), "the self-test runs", limit=60)
    with pytest.raises(BoardFailed, match=f"busy: a release is being tested and deployed .{slow.name}.: wait until it is done"):
        scenes.run(board, place, "LC08_scene")
    assert not Path(there, "results", release, "LC08_scene").exists()
    assert child.wait(timeout=240) == 0 and os.readlink(f"{there}/current") == f"releases/{slow.name}"
    assert deploying.roll_back(board, there) == release
    scenes.run(board, place, "LC08_scene")


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [("3", DamagedUpload, "scene-push"), ("4", BoardFailed, "told to fail"), ("5", WrongOutput, "restart"), ("6", BoardFailed, "hangs")],
)
def test_run_that_fails(board, there, tmp_path, code, error, words):
    bundle = stand_in_bundle.make(tmp_path)
    deploying.deploy(board, there, bundle)
    packed.push(board, there, [stand_in_bundle.scene(tmp_path / "packed", "LC08_scene")])
    Path(there, "current/bin/code").write_text(code)
    with pytest.raises(error, match=words):
        scenes.run(board, scenes.look(board, there), "LC08_scene")
    with pytest.raises(NotThere, match="LC08_scene is begun; `invoke run-scene"):
        scenes.fetch(board, scenes.look(board, there), "LC08_scene", tmp_path / "taken")


def test_run_that_was_killed(board, there, tmp_path):
    _, release = ready(board, there, tmp_path, slow="30")
    place = scenes.look(board, there)
    board.script("start", there, "LC08_scene", place.scenes, "model/int8.tflite", "golden/input.bin", "--threshold", "0.5")
    pid = Path(there, "results", release, "LC08_scene/pid")
    local_sshd.until(lambda: pid.exists() and pid.read_text().strip(), "the run has begun")
    os.killpg(os.getpgid(int(pid.read_text())), signal.SIGKILL)
    local_sshd.until(lambda: subprocess.call(["flock", "-n", f"{there}/.run", "true"]) == 0, "the lock is free")
    code, _ = scenes._follow(board, there, release, "LC08_scene", 4)
    assert code == "lost"
    with pytest.raises(BoardFailed, match="killed, out of memory, or the board restarted; the same command goes on"):
        scenes._require_done(board, "LC08_scene", code, "")


def test_nothing_there_yet(board, there, tmp_path):
    os.makedirs(f"{there}/scenes")
    stand_in_bundle.scene(Path(there, "scenes"), "LC08_scene")
    place = scenes.look(board, there)
    with pytest.raises(NotThere, match="no release runs there yet"):
        scenes.run(board, place, "LC08_scene")
    with pytest.raises(NotThere, match="there are: LC08_scene"):
        place.chosen(["other"])


def test_scenes_on_a_card(board, there, tmp_path):
    deploying.deploy(board, there, stand_in_bundle.make(tmp_path))
    card = tmp_path / "media" / "a 'card'"
    stand_in_bundle.scene(card, "LC08_scene")
    place = scenes.look(board, there, str(card))
    scenes.run(board, place, "LC08_scene")
    assert scenes.look(board, there, str(card)).states == {"LC08_scene": "done"}
    assert scenes.fetch(board, scenes.look(board, there, str(card)), "LC08_scene", tmp_path / "taken").is_dir()


def test_choosing(monkeypatch, capsys):
    assert choose("all", ["a", "b"]) == ["a", "b"]
    assert choose("b,c b", ["a", "b"]) == ["b", "c"]
    with pytest.raises(WrongUsage, match="--scene all, or one or more of a, b"):
        choose("", ["a", "b"])
    for empty in (",", " , "):
        with pytest.raises(WrongUsage, match="names no scene"):
            choose(empty, ["a", "b"])
    with pytest.raises(WrongUsage, match="none to choose from"):
        choose("", [])

    class Terminal:
        def __init__(self, *lines):
            self.lines = list(lines)

        def isatty(self):
            return True

        def readline(self):
            return self.lines.pop(0) if self.lines else ""

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", Terminal("9\n", "nonsense\n", "2, 1\n"))
    assert choose("", ["a", "b"], {"a": "done"}) == ["b", "a"]
    assert "1  a  done" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", Terminal("all\n"))
    assert choose("", ["a", "b"]) == ["a", "b"]
    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(WrongUsage, match="no scene was chosen"):
        choose("", ["a", "b"])
