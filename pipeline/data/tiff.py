"""Single-band TIFF files: the few forms the cloud datasets use read fast, every other form through `tifffile`.

The fast path is baseline TIFF (revision 6.0, Adobe 1992): classic files of either byte order, one sample of
8 or 16 bits, strips that are uncompressed or PackBits. A file is untrusted input: every count and offset is checked against the file's
size and against MAX_PIXELS before anything is allocated, and whatever is wrong becomes a DataError that names the file.
"""

import functools
import itertools
import operator
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np

from .. import files
from ..errors import DataError

MAX_PIXELS = 2**28  # a Landsat 8 scene has about 6 * 10^7 pixels; 2^28 of 16 bits are 512 MiB
MAX_BYTES = 2**30  # of a file: MAX_PIXELS uncompressed with room to spare
ROWS_PER_STRIP = 21  # as 38-Cloud ships

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_OFFSETS, _SAMPLES, _ROWS, _COUNTS, _PREDICTOR, _SAMPLE_FORMAT = 273, 277, 278, 279, 317, 339
_NONE, _PACKBITS = 1, 32773
_SHORT, _LONG = 3, 4
_ORDERS = {b"II": "<", b"MM": ">"}

Take = Callable[[int, type], np.ndarray]  # gives a flat array of so many items of a type, to be filled: np.empty, or working memory


class _Strips(NamedTuple):
    """What the header says of a file the fast path reads; checked against the file's size, not yet against its pixels."""

    height: int
    width: int
    dtype: np.dtype  # in the file's byte order
    packed: bool
    rows: int  # in each strip but the last
    offsets: tuple[int, ...]
    counts: tuple[int, ...]


class _Damaged(Exception):
    """Why a file cannot be read, without its name."""


def read(path: Path | str, dtype: np.dtype | type | str, file: Take = np.empty, pixels: Take = np.empty) -> np.ndarray:
    """Read the first image of a TIFF file as an array (height, width) of `dtype` (uint8 or uint16), native byte order.

    `file` and `pixels` give the memory that the file and its pixels are put into; by default it is new. Raises DataError, with the file's
    name, where the file is missing, damaged, too large, not single-band or not of this type.
    """
    dtype = np.dtype(dtype)
    try:
        data = load(path, file)
        strips = _parse(data)
        if strips is None:
            return _read_any(path, dtype)
        if strips.dtype.newbyteorder("=") != dtype:
            raise _Damaged(f"holds {strips.dtype.newbyteorder('=')} pixels where {dtype} is expected")
        return _decode(data, strips, pixels)
    except _Damaged as why:
        raise DataError(f"{path}: {why}") from None


def encode(array: np.ndarray) -> bytes:
    """The bytes of a TIFF file of a (height, width) array of uint8 or uint16, as in 38-Cloud: little-endian, PackBits, strips of 21 rows.

    Raises ValueError for any other array.
    """
    if array.ndim != 2 or array.dtype not in (np.uint8, np.uint16) or not array.size or array.size > MAX_PIXELS:
        raise ValueError(f"a band is a non-empty (height, width) array of uint8 or uint16, not {array.shape} {array.dtype}")
    height, width = array.shape
    bits = array.dtype.itemsize * 8
    raw = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).view(np.uint8).reshape(height, -1)
    # TIFF 6.0 section 9: a packed run may not cross the end of a row (Pillow holds files to it).
    packed_rows = [imagecodecs.packbits_encode(row.tobytes()) for row in raw]
    strips = [b"".join(packed_rows[top : top + ROWS_PER_STRIP]) for top in range(0, height, ROWS_PER_STRIP)]
    counts = [len(strip) for strip in strips]
    offsets = [8 + sum(counts[:index]) for index in range(len(counts))]
    body = b"".join(strips)
    body += b"\0" * (len(body) % 2)  # the directory starts on a word
    start = 8 + len(body)
    fields = [
        (_WIDTH, _LONG, [width]),
        (_LENGTH, _LONG, [height]),
        (_BITS, _SHORT, [bits]),
        (_COMPRESSION, _SHORT, [_PACKBITS]),
        (_PHOTOMETRIC, _SHORT, [1]),
        (_OFFSETS, _LONG, offsets),
        (_SAMPLES, _SHORT, [1]),
        (_ROWS, _LONG, [ROWS_PER_STRIP]),
        (_COUNTS, _LONG, counts),
    ]
    extra_at = start + 2 + 12 * len(fields) + 4
    directory, extra = struct.pack("<H", len(fields)), b""
    for tag, kind, values in fields:
        packed = struct.pack(f"<{len(values)}{'H' if kind == _SHORT else 'I'}", *values)
        if len(packed) > 4:
            directory += struct.pack("<HHII", tag, kind, len(values), extra_at + len(extra))
            extra += packed
        else:
            directory += struct.pack("<HHI4s", tag, kind, len(values), packed)
    return struct.pack("<2sHI", b"II", 42, start) + body + directory + struct.pack("<I", 0) + extra


def write(path: Path, array: np.ndarray) -> None:
    """Write `encode(array)` to `path`, completely or not at all."""
    files.write_bytes(Path(path), encode(array))


def load(path: Path | str, into: Take = np.empty) -> memoryview:
    """The bytes of a whole file, in memory that `into` gives.

    Plain descriptor calls: a Python file object costs as much as decoding the strips.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            if size > MAX_BYTES:
                raise _Damaged(f"is {size} bytes long; more than {MAX_BYTES} is not read as one band")
            data, got = memoryview(into(size, np.uint8)), 0
            while got < size and (more := os.readv(descriptor, [data[got:]])):  # a read may be cut short by a signal
                got += more
            return data[:got]
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise _Damaged("this file is missing") from None
    except (OSError, ValueError) as why:  # ValueError: a NUL in the name
        raise _Damaged(f"cannot be read: {getattr(why, 'strerror', None) or why}") from None


@functools.lru_cache(maxsize=64)
def _directory(order: str, entries: int) -> struct.Struct:
    return struct.Struct(order + "HHII" * entries)


def _parse(data: memoryview | bytes) -> _Strips | None:
    """Read the first image directory; None for a valid-looking form that the fast path leaves to `tifffile`."""
    order = _ORDERS.get(bytes(data[:2]))
    if order is None or len(data) < 8:
        raise _Damaged("is not a TIFF file" if data else "is empty")
    magic, start = struct.unpack_from(order + "HI", data, 2)
    if magic == 43:  # BigTIFF
        return None
    if magic != 42:
        raise _Damaged("is not a TIFF file")
    if start + 2 > len(data):
        raise _Damaged("is truncated: its directory lies behind its end")
    (entries,) = struct.unpack_from(order + "H", data, start)
    if start + 2 + 12 * entries > len(data):
        raise _Damaged("is truncated: its directory runs over its end")
    flat = _directory(order, entries).unpack_from(data, start + 2)
    fields = dict(zip(flat[0::4], zip(flat[1::4], flat[2::4], flat[3::4], range(start + 10, len(data), 12), strict=False), strict=True))

    def one(tag: int, default: int | None = None) -> int:
        if tag not in fields:
            if default is None:
                raise _Damaged(f"lacks TIFF field {tag}")
            return default
        kind, count, value, _ = fields[tag]
        if count != 1 or kind not in (_SHORT, _LONG):
            return -1  # several samples, or a type nobody writes there
        return value if kind == _LONG else value >> 16 if order == ">" else value & 0xFFFF  # a short lies in the first two of four bytes

    def many(tag: int, expected: int) -> tuple[int, ...]:
        if tag not in fields:
            raise _Damaged(f"lacks TIFF field {tag}")
        kind, count, value, at = fields[tag]
        if count != expected or kind not in (_SHORT, _LONG):
            raise _Damaged(f"is damaged: TIFF field {tag} has {count} entries where {expected} strips are needed")
        size = 2 if kind == _SHORT else 4
        at = at if size * count <= 4 else value
        if at + size * count > len(data):
            raise _Damaged(f"is truncated: TIFF field {tag} lies behind its end")
        return struct.unpack_from(f"{order}{count}{'H' if size == 2 else 'I'}", data, at)

    width, height, bits = one(_WIDTH), one(_LENGTH), one(_BITS, 1)
    if width > 0 and height > 0 and width * height > MAX_PIXELS:
        raise _Damaged(f"claims {width} x {height} pixels; more than {MAX_PIXELS} are not read")
    compression = one(_COMPRESSION, _NONE)
    plain = one(_SAMPLES, 1) == one(_FILL_ORDER, 1) == one(_PREDICTOR, 1) == one(_SAMPLE_FORMAT, 1) == 1
    if not (plain and bits in (8, 16) and compression in (_NONE, _PACKBITS) and _OFFSETS in fields and width > 0 and height > 0):
        return None
    rows = min(one(_ROWS, height), height)
    if rows < 1:
        raise _Damaged("is damaged: it claims strips without rows")
    number = -(-height // rows)
    offsets, counts = many(_OFFSETS, number), many(_COUNTS, number)
    dtype = np.dtype(np.uint8) if bits == 8 else np.dtype(order + "u2")
    return _Strips(height, width, dtype, compression == _PACKBITS, rows, offsets, counts)


def _decode(data: memoryview, strips: _Strips, into: Take = np.empty) -> np.ndarray:
    """The pixels, every strip with exactly the bytes its rows need, in an array that `into` gives."""
    height, width, dtype, packed, rows, offsets, counts = strips
    row_bytes = width * dtype.itemsize
    total = height * row_bytes
    # PackBits at its best makes 128 bytes of 2, so a small file cannot make this allocate much
    if sum(counts) * (64 if packed else 1) < total:
        raise _Damaged("is damaged: its strips are too short for its size")
    if max(map(operator.add, offsets, counts)) > len(data):
        raise _Damaged("is truncated: a strip lies behind its end")
    out = into(total, np.uint8)
    decode = imagecodecs.packbits_decode if packed else _copy
    if not _decode_at_once(data, strips, decode, out):
        for index, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
            part = out[index * rows * row_bytes : (index + 1) * rows * row_bytes]
            try:
                got = len(decode(data[offset : offset + count], out=part))
            except Exception as why:  # imagecodecs has error classes of its own, one for each codec
                raise _Damaged(f"is damaged: strip {index + 1} of {len(offsets)} does not unpack ({why})") from None
            if got != len(part):
                raise _Damaged(f"is damaged: strip {index + 1} of {len(offsets)} holds {got} bytes where {len(part)} are needed")
    image = out.view(dtype).reshape(height, width)
    return image if image.dtype.isnative else image.byteswap().view(dtype.newbyteorder("="))


def _decode_at_once(source: memoryview, strips: _Strips, decode, out: np.ndarray) -> bool:
    """Decode strips that lie end to end in one call, five times as fast as strip by strip; False where that does not come out even."""
    offsets, counts = strips.offsets, strips.counts
    *starts, end = itertools.accumulate(counts, initial=offsets[0])
    if tuple(starts) != offsets:
        return False
    if not strips.packed and end - offsets[0] != len(out):  # padding between the strips
        return False
    try:
        return len(decode(source[offsets[0] : end], out=out)) == len(out)
    except Exception:  # strip by strip says which one is damaged
        return False


def _copy(source: memoryview, out: np.ndarray) -> np.ndarray:
    """Uncompressed strips, with the signature of a decoder; bytes beyond the rows' own are padding."""
    pixels = np.frombuffer(source[: len(out)], np.uint8)
    out[: len(pixels)] = pixels
    return pixels


def _read_any(path: Path | str, dtype: np.dtype) -> np.ndarray:
    """Everything the fast path leaves out: tiles, other compressions, BigTIFF. Bilevel masks become 0 and 255."""
    import tifffile

    try:
        with tifffile.TiffFile(path, _multifile=False) as file:
            page = file.pages[0]
            if page.ndim != 2:
                raise _Damaged(f"holds an image of shape {page.shape}, not one band")
            if max(int(np.prod(page.shape, dtype=float)), int(np.prod(page.chunks, dtype=float))) > MAX_PIXELS:
                raise _Damaged(f"claims {page.shape} pixels; more than {MAX_PIXELS} are not read")
            if page.dtype != dtype and not (page.dtype == np.bool_ and dtype == np.uint8):
                raise _Damaged(f"holds {page.dtype} pixels where {dtype} is expected")
            image = page.asarray(maxworkers=1)
    except _Damaged:
        raise
    except Exception as why:  # a damaged file makes tifffile and its codecs raise nearly anything
        raise _Damaged(f"is damaged or of a form that is not read: {type(why).__name__}: {why}") from None
    if image.shape != page.shape:
        raise _Damaged(f"is damaged: it decodes to {image.shape}, not {page.shape}")
    image = image.astype(np.uint8) * np.uint8(255) if image.dtype == np.bool_ else image.astype(dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(image)
