"""`edgetpu compile`: check, compile, and lay the prediction beside the outcome."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import files
from ..errors import DataError, EdgesegError, MissingToolError, UsageError
from . import check as checks
from . import tool
from .check import Report
from .compare import Comparison, sides
from .console import Output, parse
from .package import inspect
from .rules import Failure, load

MODEL, COMPILED, LOG, RESULT = "int8.tflite", "int8_edgetpu.tflite", "compile.log", "compile.json"
LIMIT = 180  # seconds, the compiler's own default
_GRACE = 30.0  # seconds on top before it is killed: it should end by itself, and an image has to start


def compile_run(folder: Path, *, command: Sequence[str] | None = None, limit: int = LIMIT, grace: float = _GRACE) -> dict[str, Any]:
    """Compile `tflite/int8.tflite` of a run folder into `edgetpu/`, with check.json in the run folder. See `compile_model`."""
    folder = Path(folder)
    model = folder / "tflite" / MODEL
    if not model.is_file():
        raise UsageError(f"{model} is not there: `python -m pipeline quantize` makes it")
    return compile_model(model, folder / "edgetpu", folder / "check.json", command=command, limit=limit, grace=grace)


def compile_model(
    model: Path, out: Path, check_json: Path, *, command: Sequence[str] | None = None, limit: int = LIMIT, grace: float = _GRACE
) -> dict[str, Any]:
    """Check `model`, compile it into `out`, and return what compile.json holds.

    `out` receives int8_edgetpu.tflite, compile.log (the raw text) and compile.json. `command` runs the compiler (None: see `tool.find`).
    Raises DataError where the model cannot be compiled (compile.json then says why), MissingToolError where there is no compiler
    (check.json is complete by then).
    """
    report = checks.check(model)
    checks.write(report, check_json)
    if report.floating:
        raise DataError(f"{model}: {report.summary()}")
    program = tool.find(command)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".compile-", dir=out) as work:
        folder = Path(work)
        shutil.copyfile(model, folder / MODEL)
        attempts = [tool.run(program, ["-s", "-t", str(limit), MODEL], folder, limit + grace)]
        if _meaning(attempts[0].text, retry=True) and not (folder / COMPILED).exists():
            attempts.append(tool.run(program, ["-s", "-d", "-t", str(limit), MODEL], folder, limit + grace))
        log = folder / (COMPILED.removesuffix(".tflite") + ".log")
        text = "\n".join(attempt.text for attempt in attempts)
        if log.is_file():
            text += "\n" + log.read_text(encoding="utf-8", errors="replace")[: 1 << 20]
        for name in (COMPILED, LOG, RESULT):  # an old result must not pass for this one's; until here it is kept
            (out / name).unlink(missing_ok=True)
        files.write_text(out / LOG, text)
        result, error = _judge(report, attempts, folder / COMPILED, log)
        if error is None:
            with files.complete_file(out / COMPILED) as partial:
                shutil.copyfile(folder / COMPILED, partial)
    result = {"input": {"file": Path(model).name, "sha256": report.sha256, "size": report.model.size}, "command": list(program)} | result
    files.write_json(out / RESULT, result)
    if error is not None:
        raise error
    return result


def _judge(report: Report, attempts: list[tool.Attempt], compiled: Path, log: Path) -> tuple[dict[str, Any], EdgesegError | None]:
    """compile.json of what happened, and the error to raise where nothing was compiled."""
    last = attempts[-1]
    outputs = [output for output in parse(last.text) if not output.is_log]
    output = outputs[-1] if outputs else None
    rows = parse(log.read_text(encoding="utf-8", errors="replace"))[-1:] if log.is_file() else []
    result: dict[str, Any] = {
        "compiler": output.version if output else None,
        "outcome": None,
        "attempts": [{"arguments": list(one.arguments), "exit": one.exit, "seconds": one.seconds} for one in attempts],
        "console": output.json() if output else None,
        "log": rows[0].json() if rows else None,
        "predicted": {
            "summary": report.summary(),
            "maps": report.count(checks.MAPS),
            "may_not_map": report.count(checks.MAY),
            "stays_on_cpu": report.count(checks.STAYS),
            "parameters": list(report.memory.parameters),
            "off_chip": list(report.memory.off_chip),
        },
    }
    outcome, why = _outcome(last, output, compiled)
    made: Comparison | None = None
    if outcome == "compiled":
        try:
            opened = inspect(compiled) if output.subgraphs != 0 else None  # a float model compiles to itself
            made = Comparison(report, opened, sides(report.model, opened)) if opened else None
        except DataError as error:
            outcome, why = "damaged", str(error)
    result["outcome"] = outcome
    if outcome == "compiled":
        result["compared"] = made.json() if made else None
        return result, None
    failure = _meaning(last.text)
    result["failure"] = {
        "words": list(output.failures) if output else [],
        "why": why,
        "operator": _culprit(report, failure),
        "rule": asdict(failure) if failure else None,
    }
    return result, _error(report, result, failure)


def _outcome(last: tool.Attempt, output: Output | None, compiled: Path) -> tuple[str, str]:
    """One word for what happened, and a sentence."""
    if last.exit is None:
        return "timeout", f"it was stopped after {last.seconds:.0f} s"
    if last.exit < 0:
        return "crashed", f"it was ended by signal {-last.exit}"
    if output is None:
        return "garbage", f"what it printed is not edgetpu_compiler's console (exit code {last.exit})"
    if last.exit or not output.succeeded:
        return "failed", "; ".join(output.failures) or f"exit code {last.exit} and no reason"
    if not compiled.is_file():
        return "garbage", f"it says it succeeded, but made no {COMPILED}"
    return "compiled", ""


def _meaning(text: str, retry: bool = False) -> Failure | None:
    """The rule that explains a text of the compiler's, if any; `retry`: only one that is worth a second attempt."""
    return next((rule for rule in load().failures if rule.says in text and (rule.retry or not retry)), None)


def _culprit(report: Report, failure: Failure | None) -> dict[str, Any] | None:
    """The operator behind a failure: the one the check refuses, or the one with the largest activation."""
    index = (
        report.refusal.operator.index
        if report.refusal
        else report.memory.largest_activation_operator
        if failure and (failure.retry or "timeout" in failure.says)
        else None
    )
    if index is None:
        return None
    operator = report.model.main.operators[index]
    shapes = [list(report.model.main.tensors[tensor].shape) for tensor in operator.outputs]
    return {"index": index, "name": operator.name, "version": operator.version, "outputs": shapes}


def _error(report: Report, result: dict[str, Any], failure: Failure | None) -> EdgesegError:
    """The message of a compile that made nothing: the compiler's own words, the operator, the rule."""
    found = result["failure"]
    text = f"{report.model.path}: the compiler {result['outcome']}: {found['why']}"
    if result["outcome"] == "garbage":
        return MissingToolError(f"{text}; set {tool.VARIABLE} or PATH to edgetpu_compiler 16 ({LOG} has the text)")
    if found["operator"]:
        text += f" (operator {found['operator']['index']} {found['operator']['name']} version {found['operator']['version']})"
    rule = report.refusal or failure
    text += f". {failure.means[0].upper()}{failure.means[1:]}" if failure else ""
    return DataError(
        f"{text}. {rule.remedy[0].upper()}{rule.remedy[1:]} [{rule.source}]"
        if rule
        else f"{text}. No rule explains this; {LOG} has the whole text, and `edgetpu check` the operators at risk"
    )
