"""Run scenes on the board and bring back what came of them.

A run is detached from the connection that started it (setsid): a cut connection does not stop it, and the same command finds it again.
Ctrl-C here does stop it, as Ctrl-C there would; the same command goes on after the last patch. Only one scene runs at a time, which the
lock .run says; it is held by the run itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..device_files import whole
from . import deploy, names, refusals, selftest
from .errors import BoardFailed, CutOff, DamagedUpload, Interrupted, NotThere, WrongOutput
from .say import say
from .ssh import Board, remote_command

RESULTS = {"mask.png": "mask.png", "report.json": "report.json", "scene.json": "patches/scene.json"}  # name here: name there


@dataclass(frozen=True)
class Place:
    """Where scenes lie on a board: `folder` is DIR, `scenes` what holds them (DIR/scenes, or a card), `states` new, begun or done by id.

    `release` is the current one, or "".
    """

    folder: str
    scenes: str
    release: str
    states: dict[str, str]

    def chosen(self, ids: list[str]) -> list[str]:
        """`ids`, if all are there. Raises NotThere."""
        for scene in ids:
            if names.identifier(scene, "scene") not in self.states:
                there = ", ".join(self.states) or "none"
                raise NotThere(f"scene {scene}: not in {self.scenes} on the board; there are: {there} (`invoke scene-push` brings them)")
        return ids


def look(board: Board, folder: str, card: str = "") -> Place:
    """The scenes on the board. `folder`: DIR as an absolute path; `card`: another folder with scenes, absolute."""
    scenes = card or f"{folder}/scenes"
    release, states = "", {}
    for line in board.script("scenes", scenes, folder).text.splitlines():
        if line.startswith("release="):
            release = line.removeprefix("release=")
        elif line.startswith("scene "):
            _, name, state = line.split(" ")
            states[name] = state
    return Place(folder, scenes, release, states)


def run(board: Board, place: Place, scene: str) -> None:
    """Run the current release over `scene` and stitch the mask; shows progress. A finished one is not run again.

    Raises what stands in scripts/start.sh as BoardFailed; WrongOutput where the golden output stays wrong; DamagedUpload for a scene that
    is not whole; CutOff where the connection breaks (the run goes on); Interrupted.
    """
    if place.states.get(scene) == "done":
        say(f"{board.host}: {scene} is done already by {place.release}; `invoke fetch` brings it (remove results/ there to run it again)")
        return
    if not place.release:
        raise NotThere(f"{board.host}: no release runs there yet: `invoke deploy --host {board.host}`")
    contents = deploy.verified(board, place.folder, place.release)
    about = json.loads(selftest.fetch(board, f"{place.scenes}/{scene}/scene.json"))
    options = ["--threshold", f"{contents.threshold:.9g}"]
    if about.get("crop"):
        height, width = map(int, about["crop"])
        options += ["--crop", f"{height}x{width}"]
    answer = board.script("start", place.folder, scene, place.scenes, contents.model, contents.golden_input, *options)
    facts = dict(line.split("=", 1) for line in answer.text.splitlines() if "=" in line)
    release = facts["release"]
    say(f"{board.host}: {scene} by {release}: {facts['state']}")
    code, last = _follow(board, place.folder, release, scene, int(about["rows"]) * int(about["columns"]))
    _require_done(board, scene, code, last)
    report = json.loads(selftest.fetch(board, f"{place.folder}/results/{release}/{scene}/report.json"))
    invoke = report.get("milliseconds", {}).get("invoke", {})
    median = f", Invoke {invoke['median']:.1f} ms (median)" if invoke else ""
    say(f"{board.host}: {scene} is done: {report['run']} patches in {report['wall_ms'] / 1000:.1f} s{median}, {report['resumed']} before")


def _follow(board: Board, folder: str, release: str, scene: str, patches: int) -> tuple[str, str]:
    """Show how far the run is until it ends; (exit code or "lost", its last line)."""
    command = remote_command("follow", folder, release, scene)
    child = board.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    facts: dict[str, str] = {}
    terminal = sys.stderr.isatty()
    try:
        for line in child.stdout:
            key, _, value = line.rstrip("\n").partition("=")
            facts[key] = value
            if key == "patches" and terminal:
                print(f"\r{scene}: patch {value} of {patches}", end="", file=sys.stderr, flush=True)
        said, code = child.stderr.read(), child.wait()
    except KeyboardInterrupt:
        say(f"{board.host}: stopping the run")
        board.ask("stop", folder, release, scene, limit=60)
        raise Interrupted(f"{board.host}: {scene} was stopped; what is done stays, the same command goes on from there") from None
    finally:
        if terminal:
            print(file=sys.stderr)
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()
    if "exit" not in facts:
        if code == 255 or code < 0:
            broken = refusals.explain(board.host, said, board.settings(), cut=True)
            raise CutOff(f"{broken}; the run goes on there, the same command finds it again")
        raise BoardFailed(f"{board.host}: {said.strip().splitlines()[-1] if said.strip() else 'the run cannot be followed'}")
    return facts["exit"], facts.get("last", "")


def _require_done(board: Board, scene: str, code: str, last: str) -> None:
    """The error for an exit code of inference other than 0 (docs/programs.md)."""
    where = f"{board.host}: {scene}: "
    if code == "lost":
        raise BoardFailed(f"{where}the run ended without a word: killed, out of memory, or the board restarted; the same command goes on")
    if code == "3":
        raise DamagedUpload(f"{where}{last}; `invoke scene-push` brings a scene that is damaged again")
    if code == "5":
        raise WrongOutput(f"{where}{last}; restart the board, then the same command goes on")
    if code == "6":
        raise BoardFailed(f"{where}{last}; the accelerator hangs: unplug the board or restart it, then the same command goes on")
    if code == "130":
        raise Interrupted(f"{where}was stopped on the board; the same command goes on")
    if code != "0":
        raise BoardFailed(f"{where}{last or 'exit code ' + code}; the same command goes on")


def fetch(board: Board, place: Place, scene: str, to: Path) -> Path:
    """Bring mask.png, report.json and scene.json of the results of the current release to `to`/<release>/<scene>/; returns that folder.

    Every file is held against its hash; the folder appears when all are there. Raises NotThere where the run is not done.
    """
    if place.states.get(scene) != "done":
        raise NotThere(f"{board.host}: {scene} is {place.states.get(scene, 'not there')}; `invoke run-scene --scene {scene}` runs it")
    folder = to / place.release / scene
    with whole(folder) as partial:
        partial.mkdir()
        for here, there in RESULTS.items():
            (partial / here).write_bytes(selftest.fetch(board, f"{place.folder}/results/{place.release}/{scene}/{there}"))
    say(f"{board.host}: {scene}: {', '.join(RESULTS)} are here")
    return folder
