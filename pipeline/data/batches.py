"""Batches of training patches, read ahead by threads, in an order that depends on nothing but the seed."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ..errors import EdgesegError
from . import scratch
from .augment import NONE, Options, crop, draw, tone
from .names import PatchName
from .sources import Source

Batch = tuple[np.ndarray, np.ndarray, list[str]]
AHEAD = 2  # batches that are read while one is used: enough to hide a slow file, bounded so that memory does not grow


class Batches:
    """The patches of a training set as batches, an epoch at a time.

    Images are float32 (B, size, size, bands) in 0..1, masks float32 {0, 1} (B, size, size, 1), names the patches' stems. With `options` an
    epoch is shuffled and augmented; order and changes depend on the seed, the epoch's number and the patch's place in `patches` alone, not
    on source, threads, batch size or machine. Without `options` patches come in the order given, unchanged. `workers` 0: one thread a
    processor.
    """

    def __init__(
        self, source: Source, patches: Sequence[PatchName], batch: int, seed: int = 0, options: Options | None = None, workers: int = 0
    ) -> None:
        self.source, self.patches, self.batch, self.seed, self.options = source, list(patches), batch, seed, options
        self.workers = workers or os.cpu_count() or 1

    def __len__(self) -> int:
        return -(-len(self.patches) // self.batch)

    def order(self, epoch: int) -> list[int]:
        """The places in `patches`, in the order in which epoch `epoch` (from 0) takes them."""
        if self.options is None:
            return list(range(len(self.patches)))
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, epoch]))).permutation(len(self.patches)).tolist()

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch `number` (from 0); the last one may be shorter.

        Closing the iterator stops its threads. A file that cannot be read raises DataError with its name, at the batch that needs it.
        """
        import cv2

        cv2.setNumThreads(1)  # OpenCV's own threads would compete with the readers for the same processors
        order = self.order(number)
        waiting: deque[tuple[Batch, list[Future]]] = deque()
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="batches")
        try:
            for start in range(0, len(order), self.batch):
                waiting.append(self._submit(pool, number, order[start : start + self.batch]))
                if len(waiting) > AHEAD:
                    yield _finish(waiting.popleft())
            while waiting:
                yield _finish(waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor, epoch: int, items: list[int]) -> tuple[Batch, list[Future]]:
        """Start filling one batch; each thread takes an even share of it, so that the first batch is ready as soon as it can be."""
        images = scratch.empty((len(items), *self.source.shape), np.float32)
        masks = scratch.empty((*images.shape[:3], 1), np.float32)
        shares = min(self.workers, len(items))
        every = [slice(first, None, shares) for first in range(shares)]
        futures = [pool.submit(self._fill, images[share], masks[share], epoch, items[share]) for share in every]
        return (images, masks, [self.patches[item].stem for item in items]), futures

    def _fill(self, images: np.ndarray, masks: np.ndarray, epoch: int, items: list[int]) -> None:
        for image, mask, item in zip(images, masks, items, strict=True):
            patch = self.patches[item]
            try:
                self._read(image, mask, patch, epoch, item)
            except EdgesegError:
                raise
            except Exception as why:
                raise RuntimeError(f"{patch.stem}: {type(why).__name__}: {why}") from why

    def _read(self, image: np.ndarray, mask: np.ndarray, patch: PatchName, epoch: int, item: int) -> None:
        change = NONE
        if self.options is not None:
            rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, epoch, item + 1])))  # 0 would repeat order()'s
            change = draw(self.options, len(image), rng)
        self.source.read(patch, change, image, mask)
        crop(image, mask, change)
        tone(image, change)


def _finish(started: tuple[Batch, list[Future]]) -> Batch:
    batch, futures = started
    for future in futures:
        future.result()
    return batch
