"""The Invoke collection: the tasks of orchestrate/commands, and those of the virtual board under `board`."""

import sys

from invoke import Collection, Exit, task

from orchestrate.commands import board, bundle, doctor, house, images, smoke, stages, virtual

ns = Collection()
for module in (house, stages, images, doctor, smoke, bundle, board):
    for each in Collection.from_module(module).tasks.values():
        ns.add_task(each)
virtual_board = Collection.from_module(virtual, name="board")
ACTIONS = dict(virtual_board.tasks)


@task(name="run", default=True, positional=["action"])
def act(context, action):
    """The virtual Dev Board: `invoke board up`, `down` or `ssh`; written with a dot (`board.up`) they take options."""
    if action not in ACTIONS:
        print(f"edgeseg: board {action}: no such action; there are {', '.join(sorted(ACTIONS))}", file=sys.stderr)
        raise Exit(code=2)
    ACTIONS[action](context)


virtual_board.add_task(act)
ns.add_collection(virtual_board)
