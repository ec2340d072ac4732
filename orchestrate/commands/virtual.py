"""The tasks of the virtual board: `invoke board up`, `down` and `ssh`."""

import subprocess
import sys

from invoke import Exit, task

from .. import virtual_board
from . import ENGINE, answered


@task
def up(context, engine=ENGINE):
    """Start a virtual Dev Board (arm64 Debian with sshd, no Edge TPU), or find it running; it answers when this returns."""
    with answered():
        print(f"edgeseg: {virtual_board.board(engine).up()}", file=sys.stderr)


@task
def down(context, engine=ENGINE):
    """Remove the virtual board and all that was deployed to it; its keys stay."""
    with answered():
        gone = virtual_board.board(engine).down()
    print(f"edgeseg: {'the virtual board is gone' if gone else 'there was no virtual board'}", file=sys.stderr)


@task
def ssh(context, command=""):
    """Open a shell on the virtual board, or run a command there."""
    with answered():
        config = virtual_board.ssh_config()
    options = ["-F", str(config)] if config else []
    code = subprocess.run(["ssh", *options, virtual_board.HOST, *(["--", command] if command else [])], check=False).returncode
    if code:
        raise Exit(code=4 if code == 255 else code)
