"""Building a cache: once, for one training at a time, in parallel; whole or not at all."""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from .. import files
from ..progress import say, track
from . import cache, processes
from .cache import Cache, Key

SPARE = 2**30  # bytes that a cache leaves free on its disk, for what the training writes


def provide(root: Path, key: Key, workers: int = 0) -> Cache | None:
    """The cache of `key` below `root`, built where it is not there; None, with a line that says why, where there is no place for it.

    A process that finds another one building waits for it. What a killed one left is removed. Raises DataError, and leaves no cache, for a
    patch that cannot be read. `workers` 0: one a processor.
    """
    digest = key.digest()
    folder = root / key.name(digest)
    try:
        if (found := cache.find(folder, key, digest)) is not None:
            return found
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root):
            for left in root.glob(f".*{files.PARTIAL}"):  # whoever holds the lock is the only one who writes here
                shutil.rmtree(left)
            if (found := cache.find(folder, key, digest)) is not None:
                return found  # another process has built it meanwhile
            if folder.exists():
                say(f"cache: {folder} is damaged; it is built again")
                shutil.rmtree(folder)  # who has it open keeps what is open
            if not _fits(root, key):
                return None
            _build(folder, key, digest, workers or os.cpu_count() or 1)
            return Cache(folder, key)
    except OSError as why:
        say(f"cache: {root} cannot be used ({why.strerror or why}); patches are read from their files")
        return None


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One builder at a time below `root`; the lock goes with the process, however it ends."""
    with open(root / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"cache: another process builds one in {root}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fits(root: Path, key: Key) -> bool:
    needed, free = sum(key.lengths.values()), shutil.disk_usage(root).free
    if needed + SPARE <= free:
        return True
    say(
        f"cache: {size(needed)} in {root} would leave less than {size(SPARE)} of the {size(free)} that are free there; "
        "patches are read from their files"
    )
    return False


def _build(folder: Path, key: Key, digest: str, workers: int) -> None:
    start = time.monotonic()
    with files.complete_folder(folder) as partial:
        with open(partial / cache.IMAGES, "wb") as images, open(partial / cache.MASKS, "wb") as masks:
            _fill(key, images.fileno(), masks.fileno(), workers)
            for file in (images, masks):
                os.fsync(file.fileno())
        files.write_json(partial / cache.INDEX, cache.index(key, digest))
    say(f"cache: {size(sum(key.lengths.values()))} in {folder}, {len(key.patches)} patches in {time.monotonic() - start:.1f} s")


def _fill(key: Key, images: int, masks: int, workers: int) -> None:
    """Write every patch at its place. Writing, not through a map: a full disk is then an error, and not a signal that ends the process."""
    rows = range(len(key.patches))

    def fill(row: int) -> None:
        def write(image: np.ndarray, mask: np.ndarray) -> None:
            _write(images, image, row * image.nbytes)
            _write(masks, mask, row * mask.nbytes)

        decoders.read(key.patches[row], write)

    with processes.decoders(key.dataset, key.bands, key.size, workers, np.uint16, len(rows)) as decoders:
        pool = ThreadPoolExecutor(workers, thread_name_prefix="cache")
        try:
            for _ in track(pool.map(fill, rows), "decoding patches into the cache", len(rows)):
                pass
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _write(descriptor: int, array: np.ndarray, offset: int) -> None:
    data = memoryview(array).cast("B")
    while data:
        done = os.pwrite(descriptor, data, offset)
        data, offset = data[done:], offset + done


def size(count: int) -> str:
    """Bytes for a person."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
