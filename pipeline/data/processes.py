"""Patches' files decoded by processes of their own.

Decoding is many short calls with Python's lock between them: on two cores a second thread brings an eighth, a second process four fifths.
Starting one takes half a second, so they are for a dataset, not for a handful of patches.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError
from . import scratch
from .augment import Change, move
from .decoder import decode, length, shared
from .layout import CloudDataset
from .names import PatchName
from .sources import Files, Source, fill_mask

ENOUGH = 2000  # patches from which on processes are worth their start
_PACKAGES = Path(__file__).resolve().parents[2]


class Decoder:
    """One such process."""

    def __init__(self, shape: tuple[int, int, int], dtype: np.dtype) -> None:
        with tempfile.TemporaryFile(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as memory:
            memory.write(bytes(length(shape, dtype)))  # and not truncate: what is not there is told here, and not by a signal
            memory.flush()
            self.image, self.mask = shared(memory.fileno(), shape, dtype)
            command = [sys.executable, "-m", "pipeline.data.decoder", str(memory.fileno()), str(shape[0]), str(shape[2]), dtype.str]
            path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[memory.fileno()],
                text=True,
                env={**os.environ, "PYTHONPATH": path},
            )

    def decode(self, files: Sequence[str]) -> None:
        """Fill `image` and `mask` from the bands' files and the mask's; raises DataError as the reader does."""
        try:
            self._process.stdin.write(json.dumps(files) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"a decoding process ended with code {self._process.wait()}")
        if answer != "\n":
            kind, text = json.loads(answer)
            raise DataError(text) if kind == "data" else RuntimeError(text)

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):  # it has ended before
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class Decoders:
    """A number of them; whoever needs one takes the next that is free. Without any, the thread that asks decodes by itself."""

    def __init__(self, dataset: CloudDataset, bands: Sequence[str], size: int, number: int, dtype: type) -> None:
        self.dataset, self.bands, self.shape, self.dtype = dataset, tuple(bands), (size, size, len(bands)), np.dtype(dtype)
        self._all = [Decoder(self.shape, self.dtype) for _ in range(number)]
        self._free: queue.SimpleQueue[Decoder] = queue.SimpleQueue()
        for decoder in self._all:
            self._free.put(decoder)

    def read(self, patch: PatchName, use: Callable[[np.ndarray, np.ndarray], None]) -> None:
        """Decode a training patch, and give image and mask, in memory that is filled again afterwards, to `use`."""
        files = [str(self.dataset.band_path("train", band, patch)) for band in self.bands] + [str(self.dataset.mask_path(patch))]
        if not self._all:
            image, mask = scratch.array("decoded", self.shape, self.dtype), scratch.array("decoded mask", self.shape[:2], np.uint8)
            decode(files, image, mask)
            use(image, mask)
            return
        decoder = self._free.get()
        try:
            decoder.decode(files)
            use(decoder.image, decoder.mask)
        finally:
            self._free.put(decoder)

    def close(self) -> None:
        """End all processes; they end by themselves when this one does."""
        for decoder in self._all:
            decoder.close()


@contextlib.contextmanager
def decoders(dataset: CloudDataset, bands: Sequence[str], size: int, number: int, dtype: type, patches: int) -> Iterator[Decoders]:
    """`number` processes where they are worth it for so many patches, else none; ended with the block."""
    import cv2

    cv2.setNumThreads(1)  # OpenCV's own threads would compete with the caller's for the same processors
    found = Decoders(dataset, bands, size, number if _worth_it(number, patches) else 0, dtype)
    try:
        yield found
    finally:
        found.close()


class DecodedFiles:
    """As `sources.Files`, by processes."""

    def __init__(self, dataset: CloudDataset, bands: Sequence[str], size: int, number: int) -> None:
        self.shape = (size, size, len(bands))
        self._decoders = Decoders(dataset, bands, size, number, np.float32)

    def read(self, patch: PatchName, change: Change, image: np.ndarray, mask: np.ndarray) -> None:
        """See Source."""

        def use(decoded: np.ndarray, stored: np.ndarray) -> None:
            move(decoded, change, image)
            fill_mask(stored, change, mask)

        self._decoders.read(patch, use)

    def close(self) -> None:
        """End its processes."""
        self._decoders.close()


def files_source(dataset: CloudDataset, bands: Sequence[str], size: int, workers: int, patches: int) -> Source:
    """The files of so many patches, decoded by `workers` processes (0: one a processor) where that is worth it, else by who reads them."""
    number = workers or os.cpu_count() or 1
    return DecodedFiles(dataset, bands, size, number) if _worth_it(number, patches) else Files(dataset, bands, size)


def _worth_it(number: int, patches: int) -> bool:
    return number > 1 and patches >= ENOUGH
