"""The errors of the front door, with the exit codes of docs/architecture.md."""


class FrontDoorError(Exception):
    """Base: answered with one line on stderr and `exit_code`."""

    exit_code = 1


class WrongUsage(FrontDoorError):
    """A variable or option with a value that is not allowed."""

    exit_code = 2


class MissingTool(FrontDoorError):
    """An engine or a tool that is not there."""

    exit_code = 4
