"""Deploy a bundle, or go back to a release. What a kill, a cut connection, a full disk or a loss of power leaves at each step:

| step | changes on the board | left where it stops there |
|---|---|---|
| 1 load the bundle, connect, preflight | nothing | nothing |
| 2 lock | DIR, .lock, .lock.beat, .lock.holder | those files; nobody holds the lock (lock.py) |
| 3 tidy, prune | incoming/* of other ids, .current.*, releases beyond those that stay | some of them, until the next deploy |
| 4 upload | incoming/<id>.<token>/ | that; the next deploy of it goes on there, one of another bundle removes it |
| 5 verify | nothing | as 4 |
| 6 self-test | incoming/<id>.<token>/.test.<token>/, incoming/.selftest, .run.holder | as 4 |
| 7 accept | incoming/<id>.<token>/.board/ | as 4 |
| 8 to the releases: one rename | incoming/<id>.<token> -> releases/<id> | releases/<id>, whole, tested; the next deploy only switches |
| 9 switch: one rename of a link | releases/<id>/.board/previous, then current | .current.<token> at most; the old or the new one runs |
| 10 prune | releases beyond those that stay | incoming/gone.<id>, until the next deploy |

A release that is there but damaged, the running one too, is mended in step 8 file by file, each by one rename.
On the board a step that has begun goes on to its end after the connection was cut; none waits for this machine in the middle. The next
deploy ends a self-test and transfers that are still at work, waits for the step, and uploads under a name of its own.
Steps 6, 8 and 9 hold the lock of a scene run (.run): where a scene was started meanwhile they refuse, and none starts beside them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .. import bundle as bundles
from . import contents, preflight, selftest, upload
from .contents import MANIFEST, Contents
from .errors import BoardFailed, Interrupted, NotThere, UnfitBundle
from .lock import Lock, lock
from .releases import listing
from .say import megabytes, say
from .ssh import Board

KEEP = 3  # releases, the current one and the one before it among them


def deploy(board: Board, folder: str, source: Path) -> str:
    """Make the bundle in `source` what runs in `folder` on the board; returns its id. If anything fails, what ran before still runs.

    Raises NoBoard, UnfitBundle, BoardFailed, DamagedUpload, WrongOutput, Interrupted and what loading the bundle raises.
    """
    bundles.load(source)
    new = contents.parse((source / MANIFEST).read_bytes())
    golden = (source / new.golden_output).read_bytes()
    facts = preflight.probe(board, folder, new.id)
    preflight.require(board.host, preflight.judge(facts, new))
    folder, running = facts["dir"], facts["current"]
    with _to_go_on(f"{board.host}: stopped; {running or 'nothing'} runs as before, the same command goes on"), lock(board, folder) as held:
        there = not upload.missing(board, f"{folder}/releases/{new.id}", new.files)
        board.script("prepare", folder, held.token, "" if there else new.id)
        _prune(board, folder, held)
        place = f"releases/{new.id}" if there else f"incoming/{new.id}.{held.token}"
        if there:
            say(f"{board.host}: {new.id} is there already{' and runs' if running == new.id else ''}; all {len(new.files)} files are right")
        else:
            like = f"{folder}/releases/{running}" if running else ""
            sent = upload.send(board, source, f"{folder}/{place}", new.files, bool(facts["rsync"]), like)
            say(f"{board.host}: {len(new.files)} files are there and right ({megabytes(sent)} of {megabytes(new.bytes)} were new)")
        held.check()
        tested = selftest.run(board, held, folder, place, new, golden)
        held.check()
        board.script("accept", folder, held.token, place, data=new.sums)
        _switch(board, folder, held, new.id)
        for gone in _prune(board, folder, held):
            say(f"{board.host}: removed the old release {gone}")
    say(f"{board.host}: {new.id} runs{'' if running != new.id else ' as before'}: {tested.line()}")
    return new.id


def roll_back(board: Board, folder: str, to: str = "") -> str:
    """Make the release `to` ("": the one that ran before) current, after it was verified and tested; returns its id.

    Raises NotThere where there is no such release, otherwise as `deploy`.
    """
    folder = preflight.probe(board, folder)["dir"]
    with _to_go_on(f"{board.host}: stopped; what ran before still runs"), lock(board, folder) as held:
        releases = listing(board, folder)
        to = to or releases.previous
        if to not in releases.ids:
            what = f"no release {to}" if to else "no release ran before this one"
            raise NotThere(f"{board.host}: {what}; there are: {', '.join(releases.ids) or 'none'} (`invoke releases --host {board.host}`)")
        old = verified(board, folder, to)
        held.check()
        golden = selftest.fetch(board, f"{folder}/releases/{to}/{old.golden_output}")
        tested = selftest.run(board, held, folder, f"releases/{to}", old, golden)
        board.script("accept", folder, held.token, f"releases/{to}")
        _switch(board, folder, held, to)
    say(f"{board.host}: {to} runs{' again' if releases.current != to else ' as before'}: {tested.line()}")
    return to


def verified(board: Board, folder: str, release: str) -> Contents:
    """What the release on the board consists of, every file held against the sums that were kept. Raises UnfitBundle for a damaged one."""
    answer = board.ask("good_release", folder, release, limit=1800)
    if answer.code == 3:
        broken = ", ".join(answer.text.splitlines()[:3]) or "files are missing"
        raise UnfitBundle(f"{board.host}: the release {release} is damaged on the board ({broken}); deploy it again: that mends it")
    if answer.code != 0:
        raise BoardFailed(f"{board.host}: {answer.last}")
    return contents.parse(selftest.fetch(board, f"{folder}/releases/{release}/{MANIFEST}"))


def _switch(board: Board, folder: str, held: Lock, release: str) -> None:
    held.check()
    board.script("switch", folder, held.token, release)


def _prune(board: Board, folder: str, held: Lock) -> list[str]:
    return board.script("prune", folder, held.token, KEEP).text.split()


@contextlib.contextmanager
def _to_go_on(words: str) -> Iterator[None]:
    """Ctrl-C as one line that says how things stand."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(words) from None
