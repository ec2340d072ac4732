import io
import struct

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pipeline.data import tiff
from pipeline.errors import DataError

quick = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
shapes = st.tuples(st.integers(1, 60), st.integers(1, 40))
arrays = st.sampled_from([np.uint8, np.uint16]).flatmap(
    lambda dtype: hnp.arrays(dtype, shapes, elements=st.integers(0, 3) | st.integers(0, np.iinfo(dtype).max))
)


@quick
@given(array=arrays)
def test_what_is_written_reads_back_here_in_tifffile_and_in_pillow(array, tmp_path):
    path = tmp_path / "a.TIF"
    tiff.write(path, array)
    for other in (tiff.read(path, array.dtype), tifffile.imread(path), np.asarray(Image.open(path))):
        np.testing.assert_array_equal(other, array)


FORMS = [
    {"byteorder": order, "compression": compression, "rowsperstrip": rows}
    for order in "<>"
    for compression in (None, "packbits")
    for rows in (1, 7, 64, 1000)
] + [
    {"compression": "lzw"},
    {"compression": "zlib", "predictor": True},
    {"bigtiff": True},
    {"tile": (16, 16)},
    {"compression": "packbits", "tile": (32, 32)},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_files_that_tifffile_writes_read_alike(form, dtype, tmp_path):
    array = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (50, 37)).astype(dtype)
    array[10:30] = 7
    tifffile.imwrite(tmp_path / "a.tif", array, **form)
    read = tiff.read(tmp_path / "a.tif", dtype)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == dtype and read.dtype.isnative and read.flags.c_contiguous and read.flags.writeable


def test_padded_strips_and_strips_out_of_order_read(tmp_path):
    array = np.random.default_rng(1).integers(0, 65536, (4, 6)).astype(np.uint16)
    rows = [row.astype("<u2").tobytes() for row in array]
    body = b"".join(row + b"\xff" * 4 for row in reversed(rows))
    counts, offsets = [16, 12, 16, 12], [8 + 16 * (3 - index) for index in range(4)]
    (tmp_path / "a.tif").write_bytes(_file(body, 6, 4, offsets, counts))
    np.testing.assert_array_equal(tiff.read(tmp_path / "a.tif", np.uint16), array)
    body = b"".join(row + b"\xff" * 4 for row in rows)
    (tmp_path / "b.tif").write_bytes(_file(body, 6, 4, [8 + 16 * index for index in range(4)], [16] * 4))
    np.testing.assert_array_equal(tiff.read(tmp_path / "b.tif", np.uint16), array)


def _file(body, width, height, offsets, counts, compression=1, rows=1):
    number = len(offsets)
    fields = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 16),
        (259, 3, 1, compression),
        (273, 4, number, 0),
        (277, 3, 1, 1),
        (278, 4, 1, rows),
        (279, 4, number, 0),
    ]
    start = 8 + len(body)
    extra = start + 2 + 12 * len(fields) + 4
    directory = b"".join(
        struct.pack("<HHII", tag, kind, count, {273: extra, 279: extra + 4 * number}.get(tag, value)) for tag, kind, count, value in fields
    )
    return (
        struct.pack("<2sHI", b"II", 42, start)
        + body
        + struct.pack("<H", len(fields))
        + directory
        + bytes(4)
        + struct.pack(f"<{2 * number}I", *offsets, *counts)
    )


def test_a_bilevel_mask_becomes_0_and_255(tmp_path):
    mask = np.random.default_rng(1).random((20, 30)) > 0.5
    tifffile.imwrite(tmp_path / "a.tif", mask)
    np.testing.assert_array_equal(tiff.read(tmp_path / "a.tif", np.uint8), mask * np.uint8(255))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: b"", id="empty"),
        pytest.param(lambda: b"not a tiff at all", id="text"),
        pytest.param(lambda: b"II*\0\xff\xff\xff\x7f", id="directory behind the end"),
        pytest.param(lambda: tiff.encode(np.zeros((20, 20), np.uint8)), id="uint8"),
        pytest.param(lambda: _written(np.zeros((20, 20), np.float32)), id="float32"),
        pytest.param(lambda: _written(np.zeros((20, 20), np.int16)), id="int16"),
        pytest.param(lambda: _written(np.zeros((20, 20, 3), np.uint16), photometric="rgb"), id="three samples"),
        pytest.param(lambda: _file(b"\0" * 8, 60000, 60000, [8], [8], rows=60000), id="bomb"),
        pytest.param(lambda: _file(b"\x81\0" * 4, 16000, 16000, [8], [8], 32773, rows=16000), id="PackBits bomb"),
        pytest.param(lambda: _file(b"\0" * 72, 6, 4, [8], [48], rows=1), id="too few strips"),
        pytest.param(lambda: _file(b"\x81\0" * 4, 6, 4, [8], [8], 32773, rows=4), id="strip too long"),
        pytest.param(lambda: _file(b"\xff\0" * 4, 6, 4, [8], [8], 32773, rows=4), id="strip too short"),
    ],
)
def test_what_is_no_band_is_a_data_error_that_names_the_file(make, tmp_path):
    (tmp_path / "bad.TIF").write_bytes(make())
    with pytest.raises(DataError, match="bad.TIF"):
        tiff.read(tmp_path / "bad.TIF", np.uint16)


def _written(array, **form):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **form)
    return file.getvalue()


def test_a_missing_file_and_a_folder_are_data_errors(tmp_path):
    for path in (tmp_path / "none.TIF", tmp_path):
        with pytest.raises(DataError, match=str(path)):
            tiff.read(path, np.uint16)


def test_every_truncation_is_a_data_error(tmp_path):
    whole = tiff.encode(np.random.default_rng(1).integers(0, 9, (43, 20)).astype(np.uint16))
    for length in range(len(whole) - 4):  # what follows the directory's entries, the offset of the next one, is not needed
        (tmp_path / "cut.TIF").write_bytes(whole[:length])
        try:
            read = tiff.read(tmp_path / "cut.TIF", np.uint16)
        except DataError:
            continue
        raise AssertionError(f"{length} of {len(whole)} bytes read as {read.shape}")


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_give_an_image_or_a_data_error(data, tmp_path):
    damaged = bytearray(BASES[data.draw(st.integers(0, len(BASES) - 1))])
    header = st.integers(0, 9) | st.integers(len(damaged) - 220, len(damaged) - 1)  # where the directory lies
    for place in data.draw(st.lists(header | st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    (tmp_path / "bad.TIF").write_bytes(damaged)
    try:
        read = tiff.read(tmp_path / "bad.TIF", np.uint16)
    except DataError as why:
        assert "bad.TIF" in str(why)
    else:
        assert read.dtype == np.uint16 and read.ndim == 2 and read.size <= tiff.MAX_PIXELS


_noise = np.random.default_rng(1).integers(0, 9, (45, 20)).astype(np.uint16)
BASES = [
    tiff.encode(_noise),
    _written(_noise, rowsperstrip=21),
    _written(_noise, compression="lzw"),
    _written(_noise, byteorder=">", compression="zlib"),
]


@pytest.mark.parametrize(("shape", "dtype"), [((0, 3), np.uint8), (3, np.uint8), ((2, 2), np.float32), ((2, 2, 1), np.uint8)])
def test_only_a_band_is_written(shape, dtype):
    array = np.zeros(shape, dtype)
    with pytest.raises(ValueError, match="uint8 or uint16"):
        tiff.encode(array)


@pytest.mark.shared
def test_the_real_files_read_as_tifffile_reads_them(shared):
    files = sorted(shared.joinpath("data").rglob("*.TIF"))
    assert len(files) > 100
    for path in files:
        expected = tifffile.imread(path)
        np.testing.assert_array_equal(tiff.read(path, expected.dtype), expected)
