"""What a Dockerfile is made of: its stages, which of them a target needs, and the files of the checkout that they read."""

import glob
import re
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import WrongUsage

_FROM = re.compile(r"^FROM\s+(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)
_COPY = re.compile(r"^(?:COPY|ADD)\s+(.*)$", re.IGNORECASE | re.DOTALL)
_MOUNT = re.compile(r"--mount=(\S+)")
_LEFT_OUT = ("__pycache__", ".DS_Store")


@dataclass
class Stage:
    """One stage: what it starts from, its instructions, what it copies from other stages and images, and from the checkout."""

    start: str
    name: str
    instructions: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Needed:
    """What building a target takes: the text of its stages (without comments), and the patterns of files they read."""

    text: str
    sources: tuple[str, ...]


def needed(path: Path, target: str) -> Needed:
    """What target stage `target` (empty: the last) of the Dockerfile at `path` takes. WrongUsage where there is no such stage."""
    head, stages = _stages(path)
    by_name = {stage.name: stage for stage in stages}
    first = by_name.get(target) if target else stages[-1]
    if first is None:
        raise WrongUsage(f"{path}: no stage {target}; there are {', '.join(filter(None, by_name))}")
    wanted, waiting = [], [first]
    while waiting:
        stage = waiting.pop()
        if stage not in wanted:
            wanted.append(stage)
            waiting += [by_name[name] for name in (stage.start, *stage.others) if name in by_name]
    kept = [stage for stage in stages if stage in wanted]
    text = "\n".join(head + [line for stage in kept for line in stage.instructions])
    return Needed(text, tuple(sorted({source for stage in kept for source in stage.sources})))


def files(root: Path, sources: tuple[str, ...]) -> list[Path]:
    """The files below `root` that the patterns `sources` name, folders with all that is in them; WrongUsage where one names nothing."""
    found: set[Path] = set()
    for source in sources:
        matches = [Path(match) for match in glob.glob(str(root / source))]
        if not matches:
            raise WrongUsage(f"{source} goes into an image, and is not there")
        for match in matches:
            inside = match.rglob("*") if match.is_dir() else (match,)
            found |= {path for path in inside if path.is_file() and not set(path.parts) & set(_LEFT_OUT)}
    return sorted(found)


def _stages(path: Path) -> tuple[list[str], list[Stage]]:
    """What stands before the first FROM, and the stages."""
    head: list[str] = []
    stages: list[Stage] = []
    for line in _instructions(path):
        if match := _FROM.match(line):
            stages.append(Stage(match[1], match[2] or ""))
        elif not stages:
            head.append(line)
            continue
        stage = stages[-1]
        stage.instructions.append(line)
        if match := _COPY.match(line):
            words = match[1].split()
            options = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
            places = [word for word in words if not word.startswith("--")]
            if "from" in options:
                stage.others.append(options["from"])
            else:
                stage.sources += places[:-1]
        for mount in _MOUNT.findall(line):
            options = dict(part.partition("=")[::2] for part in mount.split(","))
            if "from" in options:
                stage.others.append(options["from"])
            elif options.get("type") == "bind":
                stage.sources.append(options["source"])
    return head, stages


def _instructions(path: Path) -> list[str]:
    """The instructions, each in one line, without comments."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise WrongUsage(f"{path}: {error.strerror}") from None
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return [re.sub(r"\s+", " ", line).strip() for line in "\n".join(kept).replace("\\\n", " ").split("\n")]
