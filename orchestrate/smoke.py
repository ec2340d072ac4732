"""The smoke test: the whole chain on a tiny network, from demo data to a mask made by the board's programs, with gates on the way.

Seven steps, one line each. Stages run in the engine that is given, the board's programs on this machine: under QEMU as Cortex-A35, or where
there is none the same programs built for this machine. What stages print goes to a log, whose end is shown if something fails.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import ROOT, device_build, golden
from .engine import Engine
from .errors import FrontDoorError, MissingTool
from .stage import Stage

# Two epochs make no good network, so the gates ask that each step keeps what the one before it had, not for a good mask.
SETTINGS = "name=smoke train.epochs=2 train.tensorboard=false quantize.batches=20"
REQUIRED = "mapped=100%,offchip=0"  # of the check: every operator on the Edge TPU, all parameters in its own memory
# The same model on another processor's kernels: one step of a value beside the threshold turns a pixel over (docs/programs.md).
MOST_DIFFERING = 0.02  # share of pixels
MOST_JACCARD = 0.02  # between the board's mask and the pipeline's own int8 mask, both against the truth
_SHOWN = 15  # lines of the log


class GateFailed(FrontDoorError):
    """Something that the smoke test asks for did not hold."""

    exit_code = 5


class StageFailed(FrontDoorError):
    """A stage or program of the smoke test ended with an error; `exit_code` is its own."""

    def __init__(self, text: str, code: int):
        super().__init__(text)
        self.exit_code = code


def smoke(engine: Engine, root: Path = ROOT) -> None:
    """Run all steps in `engine`; the run folder is removed at the end, and kept under a hidden name where a step fails.

    Raises KeyboardInterrupt, GateFailed (5), StageFailed (with the stage's code), MissingTool (4).
    """
    began = time.monotonic()
    cache = root / ".cache"
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="smoke-", dir=cache) as folder:
        chain = _Chain(engine, root, Path(folder))
        try:
            chain.all()
        except Exception:
            chain.keep_log(cache / "smoke.log", chain.hide())
            raise
        except KeyboardInterrupt:
            _remove(chain.hide())
            raise
        _remove(chain.hide())
    print(f"edgeseg: smoke test passed ({time.monotonic() - began:.0f} s, {engine.name})", file=sys.stderr)


class _Chain:
    """The steps, and what one hands to the next: `run`, the run folder, `scene`, a packed scene, and `back`, what the board made of it."""

    def __init__(self, engine: Engine, root: Path, work: Path):
        self.engine, self.root, self.work = engine, root, work
        self.log = work / "log"
        self.log.touch()
        self.run = root / "runs"
        self.before = self._runs()
        self.back = work / "back"

    def all(self) -> None:
        """Every step in turn."""
        self._prepare()
        with _step("train", "a small network on demo data, two epochs"):
            self._train()
        model = self.run / "tflite" / "int8.tflite"
        with _step("quantize", "four TF Lite variants, each verified"):
            self._stage("quantize", "--run", str(self.run))
        with _step("check", f"int8.tflite for the Edge TPU: {REQUIRED}"):
            self._stage("edgetpu", "check", str(model), "--require", REQUIRED)
        with _step("compile", "with Google's edgetpu_compiler") as say:
            say(self._compile())
        with _step("build", "inference and stitch for the board, checked against what it has") as say:
            self._build("mendel")
            by = golden.maker("mendel", self.root / "out" / "mendel", lambda: self._build("native"))
            say("" if by.same_code else "no QEMU here: the next step runs the same programs built for this machine")
        with _step("run", f"a packed scene, {by.name}") as say:
            say(self._on_the_board(by, model))
        with _step("score", "its mask against the truth and the pipeline's own") as say:
            say(self._score())

    def hide(self) -> list[Path]:
        """Rename what was made below runs/, also by a broken off training: it would be the newest run, which other commands go on with."""
        made = sorted(self._runs() - self.before)
        return [path.rename(path.with_name(f".smoke-{path.name.replace('-smoke', '', 1)}")) for path in made]

    def keep_log(self, path: Path, runs: list[Path]) -> None:
        """Put the log at `path` and show its end, and say where `runs` are kept."""
        shutil.copyfile(self.log, path)
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN:]
        kept = f"; the run is kept: {', '.join(str(run.relative_to(self.root)) for run in runs)}" if runs else ""
        print("\n".join(["", *lines, "", f"edgeseg: the whole log is {path.relative_to(self.root)}{kept}"]), file=sys.stderr)

    def _prepare(self) -> None:
        """What stages run in, before they do: it says itself what it does, and may take minutes the first time."""
        if code := self.engine.prepare():
            raise StageFailed("`make setup` makes what stages run in", code)
        if self.engine.name != "local":
            from .images import build

            build.ensure(self.engine.cli, "device-builder")

    def _train(self) -> None:
        self._stage("train", "--config", str(self.root / "configs" / "demo.toml"), "--set", SETTINGS, writes=(self.root / "data",))
        self.run = max(self._runs() - self.before, key=lambda path: path.name)

    def _runs(self) -> set[Path]:
        return set((self.root / "runs").glob("*-smoke*")) if (self.root / "runs").is_dir() else set()

    def _compile(self) -> str:
        """What came of it in words: a machine without the compiler, which few have, goes on without this step."""
        try:
            self._stage("compile", "--run", str(self.run), image="compiler")
        except (MissingTool, StageFailed) as why:
            if why.exit_code != MissingTool.exit_code:
                raise
            return f"LEFT OUT: {str(why).split('. ')[0]}\n{'':19}Going on with the int8 model on the processor"
        about = json.loads((self.run / "edgetpu" / "compile.json").read_text(encoding="utf-8"))
        return f"{about['compiler']}; QEMU has no Edge TPU, so the int8 model goes on, on the processor"

    def _build(self, target: str) -> Path:
        if self.engine.name == "local":
            with _into(self.log):
                return device_build.build(target)
        out = self.root / "out"
        self._start(Stage(("--target", target), "orchestrate.device_build", writes=(out,), image="device-builder"), "build-device")
        return out / target

    def _on_the_board(self, by: golden.Maker, model: Path) -> str:
        self._stage("board", "pack", "--run", str(self.run), "--out", str(self.work / "scenes"), writes=(self.work, self.root / "data"))
        abouts = {path.parent: json.loads(path.read_text(encoding="utf-8")) for path in (self.work / "scenes").glob("*/scene.json")}
        scene, about = min(abouts.items(), key=lambda each: (each[1]["rows"] * each[1]["columns"], each[0].name))
        self.scene = scene.name
        threshold = json.loads((self.run / "threshold.json").read_text(encoding="utf-8"))["value"]
        self.back.mkdir()
        report = self.back / "report.json"
        self._program(
            by, "inference", "--model", model, "--scene", scene, "--out", self.back / "results", "--json", report, "--device", "cpu"
        )
        crop = ["--crop", "{}x{}".format(*about["crop"])] if about.get("crop") else []
        mask = self.back / "mask.png"
        self._program(by, "stitch", "--in", self.back / "results", "--out", mask, "--threshold", repr(threshold), *crop)
        milliseconds = json.loads(report.read_text(encoding="utf-8"))["milliseconds"]["invoke"]["median"]
        return f"{about['rows'] * about['columns']} patches, {milliseconds:.0f} ms each"

    def _score(self) -> str:
        where = ("--run", str(self.run), "--scene", self.scene, "--from", str(self.back))
        self._stage("board", "take", *where, writes=(self.root / "data",), reads=(self.work,))
        board, own = (self._record(name) for name in ("board", "int8"))
        share = board["int8"]["differing"] / board["int8"]["pixels"]
        jaccard = [_jaccard(each["confusions"]["validation"]) for each in (board, own)]
        found = f"Jaccard {jaccard[0]:.4f}, the pipeline's {jaccard[1]:.4f}; {100 * share:.3f} % of pixels differ"
        if share > MOST_DIFFERING or abs(jaccard[0] - jaccard[1]) > MOST_JACCARD:
            allowed = f"allowed are {100 * MOST_DIFFERING:g} % of pixels and {MOST_JACCARD:g} of Jaccard"
            raise GateFailed(f"the board's programs do not make the pipeline's mask: {found}; {allowed}")
        return found

    def _record(self, variant: str) -> dict:
        return json.loads((self.run / "scenes" / variant / f"{self.scene}.json").read_text(encoding="utf-8"))

    def _stage(self, *arguments: str, image: str = "trainer", reads: tuple[Path, ...] = (), writes: tuple[Path, ...] = ()) -> None:
        """`python -m pipeline` with `arguments`; it may write to the runs, and to `writes`."""
        self._start(Stage(arguments, reads=reads, writes=(self.root / "runs", *writes), image=image), " ".join(arguments[:2]))

    def _start(self, stage: Stage, name: str) -> None:
        with _into(self.log):
            code = self.engine.run(stage)
        self._ended(name, code)

    def _program(self, by: golden.Maker, name: str, *arguments: object) -> None:
        """A program of the board, `inference` or `stitch`."""
        with open(self.log, "a", encoding="utf-8") as log:
            command = [*by.command, str(by.folder / name), *map(str, arguments)]
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode
        self._ended(name, code)

    def _ended(self, name: str, code: int) -> None:
        """StageFailed, with the last line that it printed, for every `code` but 0; GateFailed for 5, KeyboardInterrupt for 130."""
        if code == 130:
            raise KeyboardInterrupt
        if code:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            last = lines[-1].removeprefix("edgeseg: ").removeprefix("error: ") if lines else ""
            raise GateFailed(last) if code == GateFailed.exit_code else StageFailed(last or f"{name} ended with {code}", code)


def _remove(runs: list[Path]) -> None:
    for run in runs:
        shutil.rmtree(run)


@contextlib.contextmanager
def _step(name: str, what: str) -> Iterator:
    """A line that says what is being done, and how long it took; the block is handed a function for what came of it."""
    print(f"edgeseg: {name:9} {what} ... ", end="", file=sys.stderr, flush=True)
    began, results = time.monotonic(), []
    try:
        yield results.append
    except BaseException:
        print("FAILED", file=sys.stderr, flush=True)
        raise
    print(f"{time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    for result in filter(None, results):
        print(f"{'':19}{result}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _into(log: Path) -> Iterator[None]:
    """What this process and those it starts print goes to `log` in the block: engines hand their own output on to stages."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    with open(log, "ab") as file:
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number in (1, 2):
                os.dup2(kept[number - 1], number)
                os.close(kept[number - 1])


def _jaccard(confusion: list[list[int]]) -> float:
    """Intersection over union of [[true negatives, false positives], [false negatives, true positives]]; 1 without cloud."""
    (_, false_positives), (false_negatives, both) = confusion
    union = both + false_positives + false_negatives
    return both / union if union else 1.0
