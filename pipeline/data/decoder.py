"""A process that decodes patches for another one, which it shares memory with: `python -m pipeline.data.decoder FD SIZE BANDS TYPE`.

A job is a line of JSON on stdin, the files of the bands and of the mask; the answer a line on stdout, empty when image and mask are in the
memory behind descriptor FD, else the kind of error and its text. Ends with its stdin, so with the process that started it.
"""

import json
import mmap
import signal
import sys
import traceback
from collections.abc import Sequence

import numpy as np

from ..errors import DataError
from . import reader


def shared(descriptor: int, shape: tuple[int, int, int], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The image of `shape` and the uint8 mask (size, size) in the memory that both processes see."""
    pixels = shape[0] * shape[1]
    memory = mmap.mmap(descriptor, length(shape, dtype))
    image = np.frombuffer(memory, dtype, pixels * shape[2]).reshape(shape)
    return image, np.frombuffer(memory, np.uint8, pixels, image.nbytes).reshape(shape[:2])


def length(shape: tuple[int, int, int], dtype: np.dtype) -> int:
    """Bytes of that memory."""
    return shape[0] * shape[1] * (shape[2] * dtype.itemsize + 1)


def decode(files: Sequence[str], image: np.ndarray, mask: np.ndarray) -> None:
    """Read the bands' files and, last, the mask's; an image of uint16 is as a cache stores it."""
    bands = reader.read_bands(files[:-1], passing=True)
    if image.dtype == np.uint16:
        reader.stored_image(bands, len(image), image)
    else:
        reader.scale_image(bands, len(image), image)
    mask[:] = reader.read_mask_file(files[-1], len(image))


def main() -> None:
    """Answer jobs until there are none."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the process that reads the answers ends this one
    cv2.setNumThreads(1)
    descriptor, size, bands, dtype = sys.argv[1:]
    image, mask = shared(int(descriptor), (int(size), int(size), int(bands)), np.dtype(dtype))
    for line in sys.stdin:
        try:
            decode(json.loads(line), image, mask)
            answer = ""
        except DataError as why:
            answer = json.dumps(["data", str(why)])
        except Exception:
            answer = json.dumps(["bug", traceback.format_exc()])
        print(answer, flush=True)


if __name__ == "__main__":
    main()
