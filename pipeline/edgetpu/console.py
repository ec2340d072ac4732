"""The text of `edgetpu_compiler`: its console and its .log file, parsed into dataclasses and printed again.

One text may hold several runs (each begins with the version line). Lines that are not understood are kept, in order, among `messages`.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any

_ROW = re.compile(r"^([A-Z][A-Z0-9_]*)\s+([0-9]{1,15}|\?)\s+(\S.*)$")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_PARTIAL = (
    "Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will instead run "
    "on the CPU, which is slower. If possible, consider updating your model to use only operations supported by the Edge TPU. "
    "For details, visit g.co/coral/model-reqs."
)
_CLOSED = "Compilation child process completed within timeout period."
_SEE_LOG = "See the operation log file for individual operation details."
_FAILURES = (
    "ERROR:",
    "Registration failed.",
    "Invalid model:",
    "Model could not be parsed",
    "Model not quantized",
    "Internal compiler error",
    "Compilation failed:",
    "Compilation timeout",
    "Compilation failed!",
)
_FIELDS = {  # console line up to its value -> field
    "Edge TPU Compiler version ": "version",
    "Input model: ": "input",
    "Input: ": "input",
    "Input size: ": "input_size",
    "Output model: ": "output",
    "Output: ": "output",
    "Output size: ": "output_size",
    "On-chip memory used for caching model parameters: ": "on_chip_used",
    "On-chip memory remaining for caching model parameters: ": "on_chip_remaining",
    "Off-chip memory used for streaming uncached model parameters: ": "off_chip",
    "Operation log: ": "log",
}
_COUNTS = {
    re.compile(start + "([0-9]{1,15})" + end): name
    for start, end, name in (  # at most 15 digits: int() refuses thousands
        ("Started a compilation timeout timer of ", r" seconds\.", "timeout"),
        ("Model compiled successfully in ", r" ms\.", "milliseconds"),
        ("Number of Edge TPU subgraphs: ", "", "subgraphs"),
        ("Total number of operations: ", "", "operations"),
        ("Number of operations that will run on Edge TPU: ", "", "on_tpu"),
        ("Number of operations that will run on CPU: ", "", "on_cpu"),
    )
}


@dataclass(frozen=True)
class Row:
    """One row of the operator table; `count` is None where the text at hand has lost it."""

    name: str
    count: int | None
    status: str

    @property
    def mapped(self) -> bool:
        """Whether these operators run on the Edge TPU."""
        return self.status == "Mapped to Edge TPU"


@dataclass(frozen=True)
class Output:
    """What one run of the compiler printed; None where a line is missing. Sizes are in the compiler's own writing (`1.90MiB`)."""

    version: str  # empty for an excerpt
    timeout: int | None = None
    messages: tuple[str, ...] = ()
    milliseconds: int | None = None
    input: str | None = None
    input_size: str | None = None
    output: str | None = None
    output_size: str | None = None
    on_chip_used: str | None = None
    on_chip_remaining: str | None = None
    off_chip: str | None = None
    subgraphs: int | None = None
    operations: int | None = None
    log: str | None = None
    partial: bool = False
    on_tpu: int | None = None
    on_cpu: int | None = None
    see_log: bool = False
    rows: tuple[Row, ...] = ()
    closed: bool = False  # the child process ended within the time limit
    outcome: str | None = None  # "succeeded", "failed" or None where the compiler did not say

    @property
    def succeeded(self) -> bool:
        """Whether a model was compiled."""
        return self.outcome == "succeeded" or (self.outcome is None and (self.milliseconds is not None or self.is_log))

    @property
    def is_log(self) -> bool:
        """Whether this is a .log file: versions, names and the table only."""
        return self.operations is None and self.milliseconds is None and self.output is not None

    @property
    def failures(self) -> tuple[str, ...]:
        """The compiler's own words about what went wrong."""
        found = tuple(message for message in self.messages if message.startswith(_FAILURES))
        return found or (("Compilation failed!",) if self.outcome == "failed" else ())

    def json(self) -> dict[str, Any]:
        """Every field, sizes in bytes as well."""
        value = asdict(self) | {"messages": list(self.messages), "rows": [asdict(row) for row in self.rows]}
        for name in ("input_size", "output_size", "on_chip_used", "on_chip_remaining", "off_chip"):
            value[f"{name}_bytes"] = size_bytes(value[name]) if value[name] else None
        return value | {"succeeded": self.succeeded, "failures": list(self.failures)}


def size_bytes(text: str) -> int | None:
    """`1.90MiB` in bytes (rounded: the compiler prints two decimals); None where it is no size."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)", text.strip())
    return round(float(match[1]) * _UNITS[match[2]]) if match else None


def parse(text: str) -> list[Output]:
    """Every run in `text` (console or .log; Windows line ends and comment lines do not matter). Empty where there is none."""
    runs: list[list[str]] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.startswith("Edge TPU Compiler version ") or (not runs and _known(line.strip())):
            runs.append([])
        if runs and not line.startswith("#"):
            runs[-1].append(line.strip())
    return [_parse_run(lines) for lines in runs]


def _known(line: str) -> bool:
    """Whether an excerpt without the version line may begin with `line`."""
    return line.startswith("Model successfully compiled but") or any(pattern.fullmatch(line) for pattern in _COUNTS)


def _parse_run(lines: list[str]) -> Output:
    found: dict[str, Any] = {}
    messages: list[str] = []
    rows: list[Row] = []
    wrapped: list[str] = []  # a row broken over several lines, as in a listing
    paragraph = table = False
    for line in lines:
        field = next((name for start, name in _FIELDS.items() if line.startswith(start.rstrip()) and name not in found), None)
        count = next(((name, match[1]) for pattern, name in _COUNTS.items() if (match := pattern.fullmatch(line))), None)
        row = _ROW.match(line) if table else None
        if field or count or row or not line or line in (_CLOSED, _SEE_LOG, "Compilation succeeded!", "Compilation failed!"):
            paragraph = False
        if not line:
            continue
        if field:
            found[field] = line.split(":", 1)[1].strip() if ":" in line else line.removeprefix("Edge TPU Compiler version ").strip()
        elif count:
            found[count[0]] = int(count[1])
        elif line.startswith("Model successfully compiled but not all operations"):
            found["partial"] = paragraph = True
        elif paragraph or line in ("Logfile:", "Count", "Operator", "Status"):
            table = table or line in ("Operator", "Count")
        elif line.split() == ["Operator", "Count", "Status"]:
            table = True
        elif line == _SEE_LOG:
            found["see_log"] = True
        elif line == _CLOSED:
            found["closed"] = True
        elif line in ("Compilation succeeded!", "Compilation failed!"):
            found["outcome"] = line.split()[1].rstrip("!")
        elif row:
            rows.append(Row(row[1], None if row[2] == "?" else int(row[2]), row[3].strip()))
        elif table and (wrapped or re.fullmatch(r"[A-Z][A-Z0-9_]*", line)):
            if re.fullmatch(r"[A-Z][A-Z0-9_]*", line) and wrapped:
                rows.append(_unwrap(wrapped))
                wrapped = []
            wrapped.append(line)
        else:
            messages.append(line)
    if wrapped:
        rows.append(_unwrap(wrapped))
    return Output(**{"version": "", **found}, messages=tuple(messages), rows=tuple(rows))


def _unwrap(lines: list[str]) -> Row:
    """A row whose name, count and status stand on lines of their own, in any order behind the name."""
    count = next((line for line in lines if re.fullmatch(r"[0-9]{1,15}", line)), None)
    return Row(lines[0], None if count is None else int(count), " ".join(line for line in lines[1:] if line != count))


def render(output: Output) -> str:
    """`output` in the order the compiler prints it; `parse` reads it back to the same value."""
    lines = [f"Edge TPU Compiler version {output.version}"] if output.version else []
    if output.is_log:
        lines += [f"Input: {output.input}", f"Output: {output.output}", *output.messages]
        return "\n".join([*lines, *_table(output)]) + "\n"
    if output.timeout is not None:
        lines.append(f"Started a compilation timeout timer of {output.timeout} seconds.")
    lines += output.messages
    if output.milliseconds is not None:
        lines += ["", f"Model compiled successfully in {output.milliseconds} ms.", ""]
    starts = {name: start for start, name in reversed(_FIELDS.items()) if start != "Edge TPU Compiler version "}
    for name in ("input", "input_size", "output", "output_size", "on_chip_used", "on_chip_remaining", "off_chip"):
        if getattr(output, name) is not None:
            lines.append(starts[name] + getattr(output, name))
    if output.subgraphs is not None:
        lines.append(f"Number of Edge TPU subgraphs: {output.subgraphs}")
    if output.operations is not None:
        lines.append(f"Total number of operations: {output.operations}")
    if output.log is not None:
        lines.append(f"Operation log: {output.log}")
    lines += ["", _PARTIAL] if output.partial else []
    if output.on_tpu is not None:
        lines.append(f"Number of operations that will run on Edge TPU: {output.on_tpu}")
    if output.on_cpu is not None:
        lines.append(f"Number of operations that will run on CPU: {output.on_cpu}")
    lines += [_SEE_LOG] if output.see_log else []
    lines += _table(output)
    lines += [_CLOSED] if output.closed else []
    lines += [f"Compilation {output.outcome}!"] if output.outcome else []
    return "\n".join(lines) + "\n"


def _table(output: Output) -> list[str]:
    if not output.rows:
        return []
    head = "Operator                       Count      Status"
    rows = [f"{row.name:<30} {'?' if row.count is None else row.count:<10} {row.status}" for row in output.rows]
    return ["", head, "", *rows]
