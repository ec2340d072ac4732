"""The errors a user can meet, each with the exit code of docs/architecture.md.

Raise one of these with a sentence that says which file or setting, what was wrong and what to do about it; `pipeline.cli` turns it into
one line on stderr and the exit code. Anything else that escapes is a bug (exit code 1, with a traceback).
"""


class EdgesegError(Exception):
    """Base of every error that is answered with a message instead of a traceback."""

    exit_code = 1


class UsageError(EdgesegError):
    """A wrong option, config key or value, or a stage asked for before the one it needs."""

    exit_code = 2


class DataError(EdgesegError):
    """Input data that is missing, damaged or not what it claims to be."""

    exit_code = 3


class MissingToolError(EdgesegError):
    """A tool, engine, interpreter, board or disk space that is not there."""

    exit_code = 4


class GateError(EdgesegError):
    """A gate that was asked for did not hold."""

    exit_code = 5
