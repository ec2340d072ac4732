"""Bring a folder to the board: by rsync where both ends have it, else by sftp; go on where it was broken off; hold every byte against its
hash on the board.

A file that arrives wrong is sent once more as a whole; wrong again is DamagedUpload. Files that an older release holds are copied on the
board (rsync's --copy-dest) instead of sent.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from . import refusals
from .errors import BoardFailed, DamagedUpload
from .say import megabytes, say
from .ssh import Board, quiet

Files = dict[str, tuple[str, int]]  # path: (sha256, bytes)


def send(board: Board, source: Path, to: str, files: Files, rsync: bool, like: str = "") -> int:
    """Make the folder `to` on the board hold `files` of `source`; returns how many bytes were not there yet.

    `rsync`: the board has it. `like`: a folder on the board that may hold some of the files already. Raises DamagedUpload, BoardFailed
    (no space, no right), CutOff.
    """
    wrong = missing(board, to, files)
    needed = sum(files[name][1] for name in wrong)
    rsync = rsync and shutil.which("rsync") is not None
    for attempt in ("", "again "):
        if not wrong:
            return needed
        size = megabytes(sum(files[name][1] for name in wrong))
        say(f"{board.host}: sending {attempt}{len(wrong)} of {len(files)} files, {size}, by {'rsync' if rsync else 'sftp'}")
        if rsync:
            _by_rsync(board, source, to, wrong, like, whole=bool(attempt))
        else:
            _by_sftp(board, source, to, wrong, files, whole=bool(attempt))
        wrong = missing(board, to, files)
    if not wrong:
        return needed
    raise DamagedUpload(
        f"{board.host}: {to}/{wrong[0]} arrived damaged twice{f', and {len(wrong) - 1} more' if wrong[1:] else ''}; the board's storage or "
        "the way there is bad, try --dir on another card. What ran before still runs"
    )


def missing(board: Board, folder: str, files: Files) -> list[str]:
    """Those of `files` that are not in `folder` on the board with the right bytes."""
    sums = "".join(f"{digest}  {path}\n" for path, (digest, _) in sorted(files.items())).encode()
    good = set(board.script("good", folder, data=sums, limit=1800).text.splitlines())
    return sorted(set(files) - good)


def _by_rsync(board: Board, source: Path, to: str, names: list[str], like: str, whole: bool) -> None:
    # --secluded-args (-s): the path reaches the other end as it is, whatever is in it. --checksum: times say nothing about builds.
    options = ["-s", "-rpt", "--checksum", "--partial-dir=.partial", "--timeout=60", "--files-from=-", f"--rsh={_quoted(board.wrapper())}"]
    options += ["--whole-file", "--ignore-times"] if whole else []
    options += [f"--copy-dest={like}"] if like else []
    options += ["--info=progress2", "--no-inc-recursive"] if sys.stderr.isatty() else []
    done = subprocess.run(["rsync", *options, f"{source}/", f"board:{to}/"], input="\n".join(names).encode(), stdout=sys.stderr.fileno(),
                          stderr=subprocess.PIPE, env=quiet(), check=False, start_new_session=True)  # fmt: skip
    if done.returncode not in (0, 23, 24):  # 23: some files were not taken over; the hashes tell which
        raise _broken(board, to, done.stderr.decode(errors="replace"), connection=done.returncode in (10, 12, 20, 30, 35, 255))
    if done.returncode == 23 and b"No space left" in done.stderr:
        raise _broken(board, to, done.stderr.decode(errors="replace"), connection=False)


def _quoted(path: Path) -> str:
    """For rsync's own splitting of --rsh, which knows quotes and doubles them inside."""
    return '"' + str(path).replace('"', '""') + '"'


def _by_sftp(board: Board, source: Path, to: str, names: list[str], files: Files, whole: bool) -> None:
    sizes = {}
    for line in board.script("sizes", to).text.splitlines():
        size, _, name = line.partition(" ./")
        sizes[name] = int(size)
    folders = sorted({parent for name in names for parent in Path(name).parents if parent.name}, key=lambda path: len(path.parts))
    batch = [f"-mkdir {_word(f'{to}/{folder}')}" for folder in folders]
    for name in names:
        begun = not whole and 0 < sizes.get(name, 0) < files[name][1]  # sftp goes on only where there is something shorter
        batch.append(f"put {'-ap' if begun else '-p'} {_word(str(source / name))} {_word(f'{to}/{name}')}")
    done = subprocess.run([*board.command("sftp"), "-q", "-b", "-", board.host], input="\n".join(batch).encode() + b"\n",
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=quiet(), check=False, start_new_session=True)  # fmt: skip
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace")
        raise _broken(board, to, said, connection=done.returncode == 255)


def _word(path: str) -> str:
    """One word of an sftp batch; inside double quotes only these two are special."""
    return '"' + re.sub(r'(["\\])', r"\\\1", path) + '"'


def _broken(board: Board, to: str, said: str, connection: bool) -> BoardFailed:
    """The error for a transfer that ended early. What arrived stays where it is: the same command goes on from there."""
    on = "what arrived stays, the same command goes on from there; what ran before still runs"
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("rsync error")]
    reason = lines[0] if lines else "no reason given"
    if "No space left" in said or _full(board, to):
        return BoardFailed(f"{board.host}: no space left for {to}; remove old scenes and results there, {on}")
    if "Permission denied" in said and not connection:
        return BoardFailed(f"{board.host}: no right to write {to} ({reason}); {on}")
    if connection or "onnection" in said:
        return refusals.explain(board.host, said, board.settings(), cut=True).__class__(f"{board.host}: the connection broke; {on}")
    return BoardFailed(f"{board.host}: the upload failed ({reason}); {on}")


def _full(board: Board, to: str) -> bool:
    """Whether the file system of `to` is full: sftp says no more than "Failure"."""
    with contextlib.suppress(Exception):
        lines = board.shell(f"df -Pk -- {shlex.quote(to)}", limit=20).text.splitlines()
        return int(lines[-1].split()[3]) < 64
    return False
