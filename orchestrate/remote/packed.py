"""Packed scenes on this machine and on their way to the board."""

from __future__ import annotations

from pathlib import Path

from ..device_files import digest
from . import names, preflight, upload
from .errors import BoardFailed, NotThere
from .lock import lock
from .say import megabytes, say
from .ssh import Board


def push(board: Board, folder: str, scenes: list[Path]) -> None:
    """Bring packed scenes to `folder`/scenes on the board; each has its name there only when every byte is right.

    A scene that is there already is left; one that was broken off goes on; one of the same id with other content is replaced, its results
    go. Raises NotThere for a folder that is no scene, BoardFailed where there is no room.
    """
    for scene in scenes:
        names.identifier(scene.name, "scene")
        if not (scene / "scene.json").is_file():
            raise NotThere(f"{scene}: has no scene.json, so it is no packed scene")
    facts = preflight.probe(board, folder)
    folder = facts["dir"]
    with lock(board, folder) as held:
        board.script("prepare_scenes", folder, held.token)
        for number, scene in enumerate(scenes, 1):
            files = {path.name: (digest(path).hex(), path.stat().st_size) for path in sorted(scene.iterdir()) if _part(path)}
            there, partial = f"{folder}/scenes/{scene.name}", f"{folder}/scenes/.{scene.name}.{held.token}.partial"
            if not upload.missing(board, there, files):
                say(f"{board.host}: scene {scene.name} is there already, every byte right ({number} of {len(scenes)})")
                continue
            board.script("prepare_scenes", folder, held.token, scene.name)
            _require_room(board, folder, sum(files[name][1] for name in upload.missing(board, partial, files)))
            sent = upload.send(board, scene, partial, files, bool(facts["rsync"]))
            held.check()
            gone = board.script("publish_scene", folder, held.token, scene.name).text.split()
            replaced = f"; it replaced another of that id, whose results went: {', '.join(gone)}" if gone else ""
            say(f"{board.host}: scene {scene.name} is there, {megabytes(sent)} ({number} of {len(scenes)}){replaced}")


def _part(path: Path) -> bool:
    """Whether it belongs to the scene: not what is hidden; a name that is odd is refused."""
    return not path.name.startswith(".") and path.is_file() and bool(names.file(path.name))


def _require_room(board: Board, folder: str, needed: int) -> None:
    free = int(preflight.probe(board, folder).get("free_kib") or 0) * 1024
    if free < needed + preflight.MARGIN:
        raise BoardFailed(
            f"{board.host}: {megabytes(free)} free for {folder}, {megabytes(needed + preflight.MARGIN)} needed: remove scenes there, or "
            "put them on an SD card (`invoke scene-push --card PATH` here, `invoke run-scene --card PATH` for where it is mounted there)"
        )
