"""`rules.toml` as dataclasses: what is known about the compiler, each row with its certainty and its source."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import tomli

from .limits import LIMITS
from .model import Operator, Subgraph

FILE = Path(__file__).with_name("rules.toml")
CERTAINTIES = ("doc", "log", "unsure")


@dataclass(frozen=True)
class Rule:
    """One limitation, or (with `outcome`) one reason for which the compiler refuses the whole model."""

    operators: tuple[str, ...]
    when: str
    status: str
    remedy: str
    sure: str
    source: str
    numbers: dict[str, Any] = field(default_factory=dict)
    outcome: str = ""

    def applies(self, graph: Subgraph, operator: Operator) -> bool:
        """Whether this row speaks about `operator` and its limit is exceeded."""
        named = self.operators == ("*",) or operator.name in self.operators
        return named and LIMITS[self.when](graph, operator, **self.numbers)


@dataclass(frozen=True)
class Supported:
    """An operator the Edge TPU has: the lowest runtime version Coral's table gives."""

    runtime: int
    sure: str
    source: str


@dataclass(frozen=True)
class Failure:
    """What a text of a failed compile means; `retry`: worth a second attempt with --search_delegate."""

    says: str
    means: str
    remedy: str
    source: str
    retry: bool = False


@dataclass(frozen=True)
class Rules:
    """Everything in `rules.toml`."""

    compiler: dict[str, Any]
    behind: dict[str, Any]
    unsupported: dict[str, str]
    refusals: tuple[Rule, ...]
    limits: tuple[Rule, ...]
    operators: dict[str, Supported]
    memory: dict[str, Any]
    failures: tuple[Failure, ...]


def _rule(row: dict[str, Any]) -> Rule:
    if row["when"] not in LIMITS or row["sure"] not in CERTAINTIES:
        raise ValueError(f"rules.toml: when = {row['when']!r}, sure = {row['sure']!r}")
    return Rule(
        tuple(row["operators"]),
        row["when"],
        row["status"],
        row["remedy"],
        row["sure"],
        row["source"],
        row.get("with", {}),
        row.get("outcome", ""),
    )


@cache
def load() -> Rules:
    """The rules; ValueError where a row names a limit or a certainty that does not exist."""
    with open(FILE, "rb") as file:
        data = tomli.load(file)
    refusals, limits = (tuple(map(_rule, data[kind])) for kind in ("refusal", "limit"))
    return Rules(
        data["compiler"],
        data["behind"],
        data["unsupported"],
        refusals,
        limits,
        {name: Supported(**row) for name, row in data["operator"].items()},
        data["memory"],
        tuple(Failure(**row) for row in data["failure"]),
    )
