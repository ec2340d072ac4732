"""SIGTERM and a closed terminal, answered like Ctrl-C: what is under way unwinds and tidies up, instead of dying where it stands."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

_NUMBERS = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[None]:
    """In the block, the first SIGTERM or SIGHUP raises KeyboardInterrupt, unless it is ignored (nohup). For the main thread alone.

    Later ones do nothing: a service manager sends SIGTERM and SIGHUP together, and the second must not break into the tidying up.
    """
    came: list[int] = []

    def end(number: int, frame: "FrameType | None") -> None:
        came.append(number)
        if len(came) == 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in _NUMBERS if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
