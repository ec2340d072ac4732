"""The tasks for a board: bring a bundle there, go back, see how it is, run scenes and score what came of them."""

import sys
from json import dumps
from pathlib import Path

from invoke import task

from .. import ROOT, bundle_files, data_folders
from ..bundle import BUNDLES
from ..device_files import CACHE
from ..errors import WrongUsage
from ..remote import deploy as deploying
from ..remote import names, packed, preflight, runs, scenes
from ..remote import status as statuses
from ..remote.choose import choose
from ..remote.releases import listing
from ..remote.session import connected
from ..stage import Stage
from . import DATA, ENGINE, RUN, RUNS, answered, options, path, paths, start

DIR = "edgeseg"  # below the home folder
PACKED = CACHE / "board" / "packed"
TAKEN = CACHE / "board" / "taken"


def _host(value: str) -> str:
    if not value:
        raise WrongUsage("--host is needed: a host name, user@host, a Host of your ssh config, or board for the virtual one")
    return names.host(value)


@task
def deploy(context, host="", bundle="", dir=DIR):
    """Bring a bundle (the newest) to a board: checked, verified and tested there before it runs."""
    with answered():
        host, dir = _host(host), names.folder(dir)
        source = bundle_files.find(BUNDLES, bundle)
        with connected(host) as board:
            deploying.deploy(board, dir, source)


@task
def rollback(context, host="", to="", dir=DIR):
    """Go back to the release that ran before, or to another one that is on the board."""
    with answered():
        host, dir = _host(host), names.folder(dir)
        to = names.identifier(to, "--to") if to else ""
        with connected(host) as board:
            deploying.roll_back(board, dir, to)


@task
def releases(context, host="", dir=DIR, json=False):
    """List the releases on a board."""
    with answered():
        host, dir = _host(host), names.folder(dir)
        with connected(host) as board:
            found = listing(board, preflight.probe(board, dir)["dir"])
    if json:
        print(dumps({"current": found.current, "since": found.since, "previous": found.previous, "all": [vars(r) for r in found.all]}))
        return
    for release in found.all:
        mark = "runs" if release.id == found.current else "before it" if release.id == found.previous else ""
        switched = statuses.when(found.since if release.id == found.current else release.switched)
        print(f"  {mark:10} {switched}  {release.kib / 1024:6.1f} MiB  {release.id}", file=sys.stderr)
    if not found.all:
        print(f"edgeseg: no release there yet: `invoke deploy --host {host}`", file=sys.stderr)


@task
def status(context, host="", dir=DIR, json=False):
    """What runs on a board and since when, versions, temperature, throttling, load, memory, space."""
    with answered():
        host, dir = _host(host), names.folder(dir)
        with connected(host) as board:
            found = statuses.status(board, dir)
    print(dumps(found, indent=2)) if json else print(statuses.render(found), file=sys.stderr)


@task
def scene_push(context, host="", run=RUN, scene="", data=DATA, dtype="uint16", card="", dir=DIR, engine=ENGINE):
    """Pack test scenes of a run's data and bring them to a board, or onto an SD card that is mounted here (--card FOLDER)."""
    with answered():
        if not card:
            host, dir = _host(host), names.folder(dir)
        folder = runs.find(RUNS, path(run) if Path(run).is_dir() else run)
        wanted = [] if scene == "all" else choose(scene, runs.predicted(folder))  # none named: the stage packs all
        out = Path(path(card)) if card else PACKED / folder.name / dtype
        chosen = [part for one in wanted for part in ("--scene", names.identifier(one, "--scene"))]
        arguments = ("board", "pack", "--run", str(folder), "--dtype", dtype, "--out", str(out), *chosen, *options(data=path(data)))
        start(engine, Stage(arguments, reads=(folder, *_data(folder, data)), writes=(out, ROOT / "data")))
        if card:
            print(f"edgeseg: {out} holds the scenes; on the board: invoke run-scene --card FOLDER, where it is mounted", file=sys.stderr)
            return
        made = [out / one for one in wanted] or runs.packed(out)
        with connected(host) as board:
            packed.push(board, dir, made)


@task
def run_scene(context, host="", scene="", card="", dir=DIR):
    """Run scenes on a board and stitch their masks there; goes on where it stopped. --card: where a card with scenes is mounted there."""
    with answered():
        host, dir, card = _host(host), names.folder(dir), card and runs.absolute(names.folder(card))
        with connected(host) as board:
            place = scenes.look(board, preflight.probe(board, dir)["dir"], card)
            for one in place.chosen(choose(scene, list(place.states), place.states)):
                scenes.run(board, place, one)


@task
def fetch(context, host="", run=RUN, scene="", data=DATA, dir=DIR, engine=ENGINE):
    """Bring masks and timings of scenes from a board into the run folder, and score them there."""
    with answered():
        host, dir = _host(host), names.folder(dir)
        with connected(host) as board:
            place = scenes.look(board, preflight.probe(board, dir)["dir"])
            done = {one: state for one, state in place.states.items() if state == "done"}
            taken = [scenes.fetch(board, place, one, TAKEN / host) for one in choose(scene, list(done), done)]
            made_from = deploying.verified(board, place.folder, place.release).run if taken else ""
        folder = runs.find(RUNS, path(run) if run and Path(run).is_dir() else run or made_from)
        for one in taken:
            arguments = ("board", "take", "--run", str(folder), "--scene", one.name, "--from", str(one), *options(data=path(data)))
            start(engine, Stage(arguments, reads=(one, *_data(folder, data)), writes=(RUNS, folder, ROOT / "data")))


def _data(run: Path, data: str) -> "tuple[Path, ...]":
    """The data that a stage reads: the folder that was named, or those that the run's config names."""
    return paths(path(data)) if data else data_folders.find(RUNS, run=str(run))
