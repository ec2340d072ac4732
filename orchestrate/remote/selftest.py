"""The self-test on the board: the release's own programs and model over the golden patch, compared with the bundle's golden output."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass

from .contents import Contents
from .errors import BoardFailed, Busy, CutOff, UnfitBundle, WrongOutput
from .lock import Lock
from .say import say
from .ssh import Board

LIMIT = 900.0  # s; the model's own limit is 60 s, an emulated board takes some seconds for each of its other steps


@dataclass(frozen=True)
class Tested:
    """What the board did: the largest difference to the golden output (steps), the share of values that differ, the time in all (s)."""

    steps: int
    different: float
    seconds: float
    invoke_ms: float
    report: dict

    def line(self) -> str:
        """For people."""
        return (
            f"golden output within {self.steps} step{'' if self.steps == 1 else 's'} ({self.different:.1%} of values differ), first Invoke "
            f"{self.invoke_ms:.1f} ms, {self.seconds:.1f} s in all, TF Lite {self.report.get('tflite') or '?'}"
        )


def run(board: Board, lock: Lock, folder: str, place: str, contents: Contents, golden: bytes) -> Tested:
    """Test the bundle in `folder`/`place` on the board; WrongOutput if it differs by more than the bundle allows.

    `golden`: the expected output. Raises UnfitBundle where the programs refuse what they are given, BoardFailed where the board lacks
    something, Busy where a scene is being run. The outputs stay in `place`/.test.<token> until `accept` or the next test.
    """
    say(f"{board.host}: self-test of {contents.id}")
    start = time.monotonic()
    answer = board.ask("selftest", folder, lock.token, place, contents.model, limit=LIMIT)
    seconds = time.monotonic() - start
    if answer.code == 75:
        raise Busy(f"{board.host}: {answer.last}. What ran before still runs")
    if answer.code != 0:
        what = f"{board.host}: the self-test of {contents.id} failed: {answer.last}. What ran before still runs"
        if answer.code in (2, 3):
            raise UnfitBundle(f"{what}; make the bundle afresh with `invoke bundle`")
        if answer.code == 6:
            raise BoardFailed(f"{what}; the accelerator hangs: unplug the board, or restart it with `ssh {board.host} sudo reboot`")
        raise BoardFailed(what)
    digest, _, file = answer.text.strip().partition(" ")
    place = f"{folder}/{place}/.test.{lock.token}"
    output = fetch(board, f"{place}/out/{file}")
    if hashlib.sha256(output).hexdigest() != digest:
        raise BoardFailed(f"{board.host}: the board's storage gives other bytes than it was given ({place})")
    report = json.loads(fetch(board, f"{place}/report.json"))
    return _judge(board, contents, report, output, golden, seconds)


def _judge(board: Board, contents: Contents, report: dict, output: bytes, golden: bytes, seconds: float) -> Tested:
    if len(output) != len(golden):
        raise WrongOutput(f"{board.host}: the golden output has {len(output)} bytes instead of {len(golden)}; make the bundle afresh")
    steps, different = difference(output, golden)
    invoke = report.get("milliseconds", {}).get("invoke", {}).get("first", 0.0)
    tested = Tested(steps, different, seconds, invoke, report)
    if steps > contents.tolerance:
        raise WrongOutput(
            f"{board.host}: REFUSED, the golden output differs by {steps} steps on {different:.1%} of values, {contents.tolerance} are "
            f"allowed; what ran before still runs. The model, libedgetpu or the accelerator is not what it should be: restart the board, "
            "make the bundle afresh with `invoke bundle`, and try --dir on another card"
        )
    return tested


def difference(output: bytes, golden: bytes) -> tuple[int, float]:
    """The largest difference between two int8 tensors of the same length in steps of the quantized output, and the share that differs."""
    if output == golden or not output:
        return 0, 0.0
    apart = [abs(one - other) for one, other in map(_pair, output, golden)]
    return max(apart), sum(map(bool, apart)) / len(apart)


def _pair(one: int, other: int) -> tuple[int, int]:
    return tuple(byte - 256 if byte > 127 else byte for byte in (one, other))


def fetch(board: Board, path: str) -> bytes:
    """The bytes of a small file on the board, held against their hash. CutOff if they arrive damaged."""
    digest, _, data = board.script("read", path).out.partition(b"\n")
    if hashlib.sha256(data).hexdigest() != digest.decode(errors="replace"):
        raise CutOff(f"{board.host}: {path} did not arrive whole; try again")
    return data
