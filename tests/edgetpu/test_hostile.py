"""Damaged and hostile files: a DataError or a report, in bounded time and memory, never another exception."""

import json
import random
import struct
import time
import tracemalloc

import flatbuffers
import pytest
import tflite
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.edgetpu.check import check
from pipeline.edgetpu.package import inspect
from pipeline.errors import DataError

from . import builder


def survives(path, data, read=check, seconds=5.0):
    """Read `data`; whether it was accepted."""
    path.write_bytes(data)
    begin = time.monotonic()
    try:
        result = read(path)
    except DataError as error:
        assert str(path) in str(error)
        return False
    finally:
        assert time.monotonic() - begin < seconds
    if read is check:
        json.dumps(result.json(), allow_nan=False)
        result.summary()
    return True


def flipped(data, rng, most=8):
    damaged = bytearray(data)
    for _ in range(rng.randint(1, most)):
        at = rng.randrange(min(len(damaged), rng.choice((64, 2048, len(damaged)))))
        damaged[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(damaged)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=200)
def test_any_bytes(folder, data, marked):
    survives(folder / "a.tflite", (b"\x10\x00\x00\x00TFL3" if marked else b"") + data)


@given(st.integers(0, 2**32))
@settings(max_examples=300)
def test_flips_of_a_small_model(folder, seed):
    survives(folder / "b.tflite", flipped(builder.unet_step(), random.Random(seed)))


@given(st.integers(0, 2**32))
@settings(max_examples=200)
def test_flips_of_a_compiled_file(folder, seed):
    survives(folder / "c.tflite", flipped(builder.compiled(), random.Random(seed)), inspect)


def test_every_truncation(folder):
    for data, read in ((builder.unet_step(), check), (builder.compiled(), inspect)):
        accepted = [survives(folder / "d.tflite", data[:length], read) for length in range(0, len(data), 7)]
        assert not any(accepted[: len(accepted) // 2])
        assert survives(folder / "d.tflite", data, read)


def test_every_word_made_huge(folder):
    """Each aligned 32-bit word in turn becomes a large length or offset; memory stays a small multiple of the file."""
    data = builder.unet_step()
    tracemalloc.start()
    for value in (0xFFFFFFFF, len(data)):
        for at in range(0, len(data) - 4, 4):
            survives(folder / "e.tflite", data[:at] + struct.pack("<I", value) + data[at + 4 :])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_shared_tables_do_not_multiply_the_work(folder):
    """A million operators that are one table, and a million tensors that are one: refused by the budget, at once."""
    for vector in ("operators", "tensors"):
        b = flatbuffers.Builder(1 << 20)
        if vector == "operators":
            tflite.OperatorStart(b)
            one = tflite.OperatorEnd(b)
        else:
            tflite.TensorStart(b)
            one = tflite.TensorEnd(b)
        b.StartVector(4, 1 << 20, 4)
        for _ in range(1 << 20):
            b.PrependUOffsetTRelative(one)
        many = b.EndVector()
        tflite.OperatorCodeStart(b)
        code = builder._offsets(b, [tflite.OperatorCodeEnd(b)])
        tflite.SubGraphStart(b)
        (tflite.SubGraphAddOperators if vector == "operators" else tflite.SubGraphAddTensors)(b, many)
        graphs = builder._offsets(b, [tflite.SubGraphEnd(b)])
        tflite.ModelStart(b)
        tflite.ModelAddOperatorCodes(b, code)
        tflite.ModelAddSubgraphs(b, graphs)
        b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
        assert not survives(folder / "f.tflite", bytes(b.Output()), seconds=2)


def test_a_cycle_and_a_backward_graph_end(folder):
    tensors = [builder.T(), builder.T(), builder.T()]
    cycle = [builder.Op("ADD", [0, 2], [1]), builder.Op("RELU", [1], [2])]
    assert survives(folder / "g.tflite", builder.model(tensors, cycle))
    assert survives(folder / "g.tflite", builder.model(tensors, [builder.Op("RELU", [1], [2]), builder.Op("RELU", [0], [1])]))
    assert survives(folder / "g.tflite", builder.model(tensors, [builder.Op("RELU", [0], [0])]))


def test_a_long_chain_takes_linear_time(folder):
    count = 8000
    tensors = [builder.T((1, 4)) for _ in range(count + 1)]
    assert survives(folder / "h.tflite", builder.model(tensors, [builder.Op("RELU", [i], [i + 1]) for i in range(count)]), seconds=10)


def test_missing_and_other_files(folder):
    with pytest.raises(DataError, match="cannot be read"):
        check(folder / "nothing.tflite")
    with pytest.raises(DataError, match="cannot be read"):
        check(folder)
    assert not survives(folder / "i.tflite", b"")
    assert not survives(folder / "i.tflite", b"PK\x03\x04" * 9)
    assert not survives(folder / "i.tflite", builder.unet_step(), inspect)


@pytest.mark.shared
@pytest.mark.slow
def test_flips_of_real_models(shared, folder):
    rng = random.Random(3)
    for path in sorted((shared / "edgetpu" / "pairs").glob("*.tflite")):
        data, read = path.read_bytes(), inspect if path.stem.endswith("_edgetpu") else check
        assert survives(folder / "j.tflite", data, read)
        for _ in range(12):
            survives(folder / "j.tflite", flipped(data, rng, 32), read)
            survives(folder / "j.tflite", data[: rng.randrange(len(data))], read)
