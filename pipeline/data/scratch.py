"""Memory for arrays of patches: aligned to the processor's cache lines, and a thread's working memory, used again for the next patch.

Fresh pages for every patch would cost a fifth of a reader's time; copying a file into memory that is not aligned, up to two thirds more.
"""

import math
import threading

import numpy as np

LINE = 64  # bytes of a cache line
_own = threading.local()


def empty(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """As `np.empty`, aligned."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def take(name: str, items: int, dtype: type) -> np.ndarray:
    """A flat array of `items` of `dtype`, with whatever is in it; this thread's next call with the same `name` gives the same memory."""
    arrays = _own.__dict__.setdefault("arrays", {})
    there = arrays.get(name)
    if there is None or there.dtype != dtype or len(there) < items or len(there) > 2 * items + 2**20:  # an outsized patch is not kept
        there = arrays[name] = empty((items,), dtype)
    return there[:items]


def array(name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """The same as an array of `shape`."""
    return take(name, math.prod(shape), dtype).reshape(shape)
