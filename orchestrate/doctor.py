"""`invoke doctor`: what of this machine edgeseg can use, each with a verdict and, where something is missing, the remedy.

A verdict is `ok`, `note` (not there, and only some commands need it) or `wrong` (something is there and does not work as it should).
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from .errors import FrontDoorError

OK, NOTE, WRONG = "ok", "note", "wrong"
CANNOT_RUN = 4  # exit code: nothing here can run a stage


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what was found, what that means, and what to do about it."""

    subject: str
    verdict: str
    found: str
    remedy: str = ""
    runs_stages: bool = False


Check = Callable[[], "Iterable[Finding]"]


def examine(checks: "Iterable[Check]") -> "list[Finding]":
    """The findings of all `checks`; one that breaks is a finding as well, since a doctor who faints helps nobody."""
    found: list[Finding] = []
    for check in checks:
        try:
            found += check()
        except FrontDoorError as error:
            found.append(Finding(_name(check), NOTE, "could not be looked at", str(error)))
        except Exception as error:
            name = _name(check)
            found.append(Finding(name, WRONG, f"could not be looked at: {type(error).__name__}: {error}", "please report this"))
    return found


def _name(check: Check) -> str:
    return getattr(check, "__name__", "check").strip("_")


def exit_code(found: "list[Finding]") -> int:
    """0 unless nothing at all can run a stage."""
    return 0 if any(each.runs_stages for each in found) else CANNOT_RUN


def table(found: "list[Finding]") -> str:
    """The findings for people: a line each, the remedy below it."""
    wide = max((len(each.subject) for each in found), default=0)
    lines = []
    for each in found:
        lines.append(f"{each.verdict:5}  {each.subject:{wide}}  {each.found}")
        lines += [f"{'':5}  {'':{wide}}  -> {each.remedy}"] if each.remedy else []
    if exit_code(found):
        lines.append("Nothing here can run a stage yet: a container engine (docker, podman) or a Python 3.10 is needed.")
    return "\n".join(lines)


def as_json(found: "list[Finding]") -> str:
    """The findings for machines."""
    return json.dumps([asdict(each) for each in found], indent=2)
