"""One line on stderr, redrawn in place, on a terminal only; and the signals that ask a program to stop."""

import contextlib
import signal
import sys
import time


class Progress:
    """Such as "<what> 12 of 529", not more often than ten times a second."""

    def __init__(self, what):
        self._what, self._next, self._drawn = what, 0.0, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._drawn:
            sys.stderr.write("\n")

    def show(self, done, of):
        """So much is done."""
        now = time.monotonic()
        if not sys.stderr.isatty() or (done < of and now < self._next):
            return
        self._next, self._drawn = now + 0.1, True
        sys.stderr.write(f"\r{self._what} {done} of {of}")
        sys.stderr.flush()


class Interrupted:
    """Whether SIGINT or SIGTERM came. Asked between two patches, so that no exception can fall into the middle of TF Lite."""

    def __init__(self):
        self._came = False

    def __call__(self):
        """Whether one came."""
        return self._came

    @contextlib.contextmanager
    def listening(self):
        """Take both signals for as long as the `with` lasts; the second of a kind ends the process at once."""

        def note(number, _):
            self._came = True
            signal.signal(number, signal.SIG_DFL)

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
