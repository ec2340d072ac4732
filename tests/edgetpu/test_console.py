"""The compiler's text: parsed, printed, parsed again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.edgetpu.console import Output, Row, parse, render, size_bytes

# The facts of two consoles a thesis prints (its listings 3.1 and 3.2), in the compiler's lines.
LISTING_31 = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.
Model compiled successfully in 898 ms.
Input model: dev/results/run 20250719 170647/quant.tflite
Input size: 1.90MiB
Output model: dev/results/run 20250719 170647/quant edgetpu.tflite
Output size: 2.07MiB
On-chip memory used for caching model parameters: 1.90MiB
On-chip memory remaining for caching model parameters: 3.82MiB
Off-chip memory used for streaming uncached model parameters: 46.00KiB
Number of Edge TPU subgraphs: 1
Total number of operations: 53
Operation log: dev/results/run 20250719 170647/quant edgetpu.log
See the operation log file for individual operation details.
Compilation child process completed within timeout period.
Compilation succeeded!
"""
LISTING_32 = """Model successfully compiled but not all operations are supported
by the Edge TPU. A percentage of the model will instead run on the CPU,
which is slower.
Number of operations that will run on Edge TPU: 4
Number of operations that will run on CPU: 7
See the operation log file for individual operation details.
Logfile:
Edge TPU Compiler version 16.0.384591198
Input: quant.tflite
Output: quant_edgetpu.tflite
                     Count
Operator
                                   Status
CONV_2D
                     2
                                   More than one subgraph is not supported
CONV_2D
                                   Mapped to Edge TPU
TRANSPOSE_CONV
                     1
                                   Filter, bias, or other param is not
                                   constant at compile-time
LOGISTIC
                                   More than one subgraph is not supported
                     1
QUANTIZE
                     1
                                   Mapped to Edge TPU
"""


def round_trip(text):
    runs = parse(text)
    assert [run for one in runs for run in parse(render(one))] == runs
    return runs


def test_listing_31():
    (run,) = round_trip(LISTING_31)
    assert run.succeeded and (run.operations, run.subgraphs, run.milliseconds, run.timeout) == (53, 1, 898, 180)
    assert (run.on_chip_used, run.on_chip_remaining, run.off_chip) == ("1.90MiB", "3.82MiB", "46.00KiB")
    assert run.closed and run.see_log and not run.partial and not run.messages


def test_listing_32_with_its_rows_broken():
    console, log = round_trip(LISTING_32)
    assert console.partial and (console.on_tpu, console.on_cpu) == (4, 7)
    assert log.is_log and [(row.name, row.count) for row in log.rows] == [
        ("CONV_2D", 2),
        ("CONV_2D", None),
        ("TRANSPOSE_CONV", 1),
        ("LOGISTIC", 1),
        ("QUANTIZE", 1),
    ]
    assert log.rows[2].status == "Filter, bias, or other param is not constant at compile-time"
    assert log.rows[1].mapped and not log.rows[3].mapped


@pytest.mark.shared
def test_every_real_log(shared):
    files = sorted((shared / "edgetpu" / "logs").glob("*.txt"))
    assert len(files) >= 13
    for file in files:
        runs = round_trip(file.read_text())
        assert runs, file.name
        for run in runs:
            counted = sum(row.count for row in run.rows)
            if run.rows and run.operations and "truncated" not in run.rows[-1].status:
                assert counted == run.operations, file.name
                if run.partial:
                    assert sum(row.count for row in run.rows if row.mapped) == run.on_tpu
            assert run.succeeded != bool(run.failures), file.name
            assert set(run.messages) <= set(run.failures), (file.name, run.messages)


def test_sizes():
    assert [size_bytes(text) for text in ("0.00B", "46.00KiB", "1.50MiB", "2 pounds")] == [0, 47104, 1572864, None]


words = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=12)
sizes = st.none() | st.sampled_from(["0.00B", "1.90MiB", "46.00KiB"])
counts = st.none() | st.integers(0, 10**9)
states = st.sampled_from(["Mapped to Edge TPU", "Operation not supported"])
rows_ = st.builds(Row, st.from_regex(r"\A[A-Z][A-Z0-9_]{2,28}\Z"), st.integers(0, 9999), states)


@given(
    st.builds(
        Output,
        version=words,
        timeout=counts,
        messages=st.lists(words.map(lambda word: f"ERROR: {word}"), max_size=3).map(tuple),
        milliseconds=counts,
        input=words,
        input_size=sizes,
        output=words,
        output_size=sizes,
        on_chip_used=sizes,
        on_chip_remaining=sizes,
        off_chip=sizes,
        subgraphs=counts,
        operations=st.integers(0, 999),
        log=st.none() | words,
        partial=st.booleans(),
        on_tpu=counts,
        on_cpu=counts,
        see_log=st.booleans(),
        rows=st.lists(rows_, max_size=5).map(tuple),
        closed=st.booleans(),
        outcome=st.sampled_from([None, "succeeded", "failed"]),
    )
)
@settings(max_examples=60)
def test_print_then_parse_is_the_identity(output):
    assert parse(render(output)) == [output]


@given(st.text(max_size=400) | st.binary(max_size=400).map(lambda data: "Edge TPU Compiler version 1\n" + data.decode("latin1")))
@settings(max_examples=100)
def test_any_text_is_parsed(text):
    for run in parse(text):
        run.json()
        render(run)
