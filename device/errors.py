"""One error type, a sentence for people and the exit code that goes with it; the codes are those of the C++ programs (docs/programs.md)."""

import enum
import os
import sys
import traceback


class Exit(enum.IntEnum):
    """How a program ends."""

    DONE = 0
    BUG = 1
    USAGE = 2  # wrong option, or a model that does not fit what was asked
    DATA = 3  # a scene, patch or result that is missing or damaged
    MISSING = 4  # a library, device or disk space that is not there
    GATE = 5  # the golden output is wrong and stays wrong
    TIMED_OUT = 6  # an Invoke outlasted its limit
    INTERRUPTED = 130  # SIGINT or SIGTERM; the same command with --resume goes on


class Error(Exception):
    """One sentence that names the file or option, and the exit code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def guarded(program, body):
    """Run `body()` and return its exit code; what it raises becomes one line on stderr and the exit code."""
    try:
        return int(body())
    except Error as error:
        return _say(program, error.code, str(error))
    except MemoryError:
        return _say(program, Exit.MISSING, "out of memory")
    except KeyboardInterrupt:
        return _say(program, Exit.INTERRUPTED, "interrupted")
    except BrokenPipeError:
        # Whoever read our stdout has gone. Python would complain once more when it closes it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _say(program, Exit.MISSING, "nobody reads the output any more")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == __package__:
            return _bug(program, error)
        return _say(program, Exit.MISSING, f"{error.name} is not installed; python3 -m pip install -r device/requirements.txt")
    except Exception as error:  # whatever else there is, the promise is one line
        return _bug(program, error)


def _bug(program, error):
    where = traceback.extract_tb(error.__traceback__)[-1]
    return _say(program, Exit.BUG, f"a bug: {type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})")


def _say(program, code, message):
    sys.stderr.write(f"{program}: {' '.join(message.split())}\n")
    return int(code)
