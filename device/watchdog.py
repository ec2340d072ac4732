"""Ends a process whose model does not answer: nothing can interrupt a driver that hangs."""

import contextlib
import threading
import time


class Watchdog:
    """Calls `expired()`, which must end the process, from its own thread when a guarded piece of work takes longer than `limit` seconds.

    TF Lite lets other Python threads run during Invoke, so a thread is enough.
    """

    def __init__(self, limit, expired):
        self._limit, self._expired = limit, expired
        self._since, self._ended = None, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    @contextlib.contextmanager
    def guard(self):
        """The work that must not take longer. Arming wakes nobody: the thread looks up twice per limit, or when the limit is due."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def _watch(self):
        pause = self._limit / 2
        while not self._ended.wait(pause):
            since = self._since
            left = self._limit if since is None else since + self._limit - time.monotonic()
            if left <= 0:
                self._expired()
                return
            pause = min(left, self._limit / 2)
