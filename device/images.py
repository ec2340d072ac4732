"""An 8-bit grey image written row by row: PNG through pypng, or raw."""

import os

from .errors import Error, Exit
from .files import WholeFile

_MISSING = "pypng is not installed; python3 -m pip install -r device/requirements.txt, or write .raw instead of .png"


def check_ending(path):
    """Error where `path` is neither .png nor .raw, or .png cannot be written here: known before hours of inference, not after."""
    ending = os.path.splitext(path)[1]
    if ending not in (".png", ".raw"):
        raise Error(Exit.USAGE, f"{path}: a mask is written as .png or .raw")
    if ending == ".png":
        _writer()


def write_image(path, height, width, rows):
    """Write the file whole or not at all; `rows` yields `height` rows of `width` bytes each."""
    check_ending(path)
    with WholeFile(path) as file:
        if path.endswith(".png"):
            # Masks are flat: no filter and the fastest level already pack them to a hundredth. Rows go out in pieces of a megabyte.
            _writer()(width, height, greyscale=True, bitdepth=8, compression=1).write(file, rows)
        else:
            for row in rows:
                file.write(row)
        file.commit()


def _writer():
    failure = None
    try:
        from png import Writer

        return Writer
    except ImportError:  # also another project's module of that name
        failure = _MISSING
    raise Error(Exit.MISSING, failure)
