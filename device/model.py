"""A model file in memory, and what its bytes say about the Edge TPU."""

import os
import struct
import zlib
from dataclasses import dataclass, field
from typing import Optional

from .errors import Error, Exit
from .files import read_file

_MOST_MODEL = 512 << 20  # bytes
_CUSTOM_OPERATOR = b"edgetpu-custom-op"
_PACKAGE = b"DWN1"  # flatbuffer identifier of an Edge TPU package, at bytes 4 to 8 of it


@dataclass(frozen=True)
class ModelFile:
    """A .tflite file."""

    path: str
    data: bytes = field(repr=False)
    compiled: bool  # carries code for the Edge TPU
    runtime_needed: Optional[int]  # lowest libedgetpu runtime, where the file tells
    crc32: int  # to know the model again


def read_model(path):
    """Error(USAGE) where there is no such file, Error(DATA) where it is no TF Lite model."""
    if not os.path.isfile(path):
        raise Error(Exit.USAGE, f"{path}: no such model")
    data = read_file(path, _MOST_MODEL)
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise Error(Exit.DATA, f"{path}: is not a TF Lite model")
    compiled = _CUSTOM_OPERATOR in data
    return ModelFile(os.fspath(path), data, compiled, _runtime_needed(data) if compiled else None, zlib.crc32(data))


def _runtime_needed(data):
    """min_runtime_version, the first field of the package's root table (libedgetpu's executable.fbs); None where it does not tell."""
    package = data.find(_PACKAGE) - 4
    if package < 0:
        return None
    try:
        table = package + struct.unpack_from("<I", data, package)[0]
        fields = table - struct.unpack_from("<i", data, table)[0]
        if fields < 0:
            return None
        length, _, first = struct.unpack_from("<HHH", data, fields)
        return struct.unpack_from("<i", data, table + first)[0] if length >= 6 and first else None
    except struct.error:  # an offset that leads out of the file
        return None
