"""The run folder: everything that one experiment made, enough to repeat it (docs/architecture.md lists its files)."""

import datetime
import hashlib
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from . import __version__, files
from .config import Config, dump, load
from .errors import UsageError

VARIANTS = ("float32", "dynamic", "float16", "int8")
_PACKAGES = (
    "tensorflow-cpu",
    "tensorflow",
    "tensorflow-cpu-aws",
    "tensorflow-model-optimization",
    "keras",
    "numpy",
    "ai-edge-litert",
    "tflite",
    "tifffile",
    "imagecodecs",
    "opencv-python-headless",
    "h5py",
    "protobuf",
)


class Run:
    """Paths inside one run folder."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.config_file = self.folder / "config.toml"
        self.environment = self.folder / "environment.json"
        self.history = self.folder / "train" / "history.csv"
        self.checkpoints = self.folder / "train" / "checkpoints"
        self.tensorboard = self.folder / "train" / "tensorboard"
        self.model = self.folder / "model.h5"
        self.threshold = self.folder / "threshold.json"
        self.pr_curve = self.folder / "pr_curve.csv"
        self.tflite = self.folder / "tflite"
        self.variants = self.tflite / "variants.json"
        self.analysis = self.folder / "quantize" / "analysis.json"
        self.check = self.folder / "check.json"
        self.scenes = self.folder / "scenes"
        self.evaluation = self.folder / "evaluation"
        self.summary = self.evaluation / "summary.json"
        self.report = self.folder / "report.html"

    def variant(self, name: str) -> Path:
        """The file of a TF Lite variant."""
        return self.tflite / f"{name}.tflite"

    def config(self) -> Config:
        """What was asked for when the run was made."""
        return load(self.need(self.config_file, "train"))

    def need_variant(self, name: str) -> Path:
        """The file of a TF Lite variant, complete and made from the model.h5 that is there; else a UsageError that names `quantize`."""
        path = self.need(self.variant(name), "quantize")
        if files.read_json(self.need(self.variants, "quantize"))["model"] != sha256(self.need(self.model, "train")):
            raise UsageError(f"{path} was made from another model.h5 than {self.model}: `python -m pipeline quantize` makes it again")
        return path

    def need(self, path: Path, stage: str) -> Path:
        """`path`, or a UsageError that says which stage makes it."""
        if not path.exists():
            raise UsageError(f"{path} is not there: `python -m pipeline {stage}` makes it (run folder {self.folder})")
        return path


def create(root: Path, config: Config) -> Run:
    """Make `<root>/<UTC time>-<name>/` with its config.toml and environment.json."""
    root = Path(root)
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    folder, again = root / f"{stamp}-{config.name}", 1
    while folder.exists():
        again += 1
        folder = root / f"{stamp}-{config.name}-{again}"
    with files.complete_folder(folder) as partial:
        run = Run(partial)
        files.write_text(run.config_file, dump(config))
        files.write_json(run.environment, environment(config))
    return Run(folder)


def find(root: Path, run: str | None = None) -> Run:
    """The run folder named `run` (a path, or a name below `root`); None: the newest below `root`."""
    root = Path(root)
    if run:
        for folder in (Path(run), root / run):
            if (folder / "config.toml").is_file():
                return Run(folder)
        raise UsageError(f"{run}: not a run folder (it has no config.toml); those there are: {_listed(root)}")
    runs = _runs(root)
    if not runs:
        raise UsageError(f"no run below {root} yet: `make train` (or `make demo`) makes one")
    return Run(runs[-1])


def _runs(root: Path) -> list[Path]:
    """All run folders, the newest last: by when they were made, since a folder may have been given another name."""
    configs = (path for path in root.glob("*/config.toml") if not path.parent.name.startswith("."))
    return [path.parent for path in sorted(configs, key=lambda path: (path.stat().st_mtime_ns, path.parent.name))]


def _listed(root: Path) -> str:
    return ", ".join(path.name for path in _runs(root)[-8:]) or "none"


def environment(config: Config) -> dict[str, Any]:
    """Versions, git commit, seed and host, for environment.json.

    Where a container runs the stage, EDGESEG_IMAGE_DIGESTS names its image, and EDGESEG_GIT_COMMIT and EDGESEG_GIT_DIRTY tell what git said
    outside: there is none inside.
    """
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "edgeseg": __version__,
        "python": sys.version.split()[0],
        "packages": versions,
        "git_commit": os.environ.get("EDGESEG_GIT_COMMIT") or _git("rev-parse", "HEAD"),
        "git_dirty": os.environ["EDGESEG_GIT_DIRTY"] == "1" if "EDGESEG_GIT_DIRTY" in os.environ else bool(_git("status", "--porcelain")),
        "seed": config.seed,
        "host": {"system": platform.system(), "release": platform.release(), "machine": platform.machine(), "processors": os.cpu_count()},
        "image_digests": os.environ.get("EDGESEG_IMAGE_DIGESTS", ""),
        "command": sys.argv,
    }


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def sha256(path: Path) -> str:
    """Hex sha256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
