"""Building a cache: once, by one process at a time, with several threads; whole or not at all."""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from .. import files
from ..progress import bar, say
from . import cache, reader, scratch
from .cache import Cache, Key
from .names import PatchName

SPARE = 2**30  # bytes that a cache leaves free on its disk, for what the training writes
SHARE = 8  # patches that a thread takes at once


def provide(root: Path, key: Key, workers: int = 0) -> Cache | None:
    """The cache of `key` below `root`, built where it is not there; None, with a line that says why, where there is no place for it.

    A process that finds another one building waits for it. What a killed one left is removed. Raises DataError, and leaves no cache, for a
    patch that cannot be read. `workers` 0: one thread a processor.
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
    import cv2

    cv2.setNumThreads(1)  # OpenCV's own threads would compete with these for the same processors

    def fill(first: int) -> int:
        share = key.patches[first : first + SHARE]
        for row, patch in enumerate(share, start=first):
            image, mask = _read(key, patch)
            _write(images, image, row * image.nbytes)
            _write(masks, mask, row * mask.nbytes)
        return len(share)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="cache")
    try:
        with bar() as progress:
            task = progress.add_task("decoding patches into the cache", total=len(key.patches))
            for done in pool.map(fill, range(0, len(key.patches), SHARE)):
                progress.advance(task, done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read(key: Key, patch: PatchName) -> Sequence[np.ndarray]:
    """Image and mask as stored, in this thread's working memory."""
    image = scratch.array("stored", key.shape, np.uint16)
    bands = reader.read_bands([key.dataset.band_path("train", band, patch) for band in key.bands], passing=True)
    reader.stored_image(bands, key.size, image)
    return image, np.ascontiguousarray(reader.read_mask(key.dataset, patch, key.size))


def _write(descriptor: int, array: np.ndarray, offset: int) -> None:
    data = memoryview(array).cast("B")
    while data:
        done = os.pwrite(descriptor, data, offset)
        data, offset = data[done:], offset + done


def size(count: int) -> str:
    """Bytes for a person."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
