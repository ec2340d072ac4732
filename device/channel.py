"""A queue between two threads that can be closed."""

import collections
import threading


class Channel:
    """Holds as many values as there are in circulation, so put() never waits."""

    def __init__(self):
        self._values, self._changed, self._closed = collections.deque(), threading.Condition(), False

    def put(self, value):
        """Append a value."""
        with self._changed:
            self._values.append(value)
            self._changed.notify()

    def take(self):
        """Wait for the next value; None once the channel is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._values)
            return self._values.popleft() if self._values else None

    def close(self):
        """No value comes any more; who waits is woken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
