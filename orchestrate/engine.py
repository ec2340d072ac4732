"""The engines a stage can run in, and which one `ENGINE` means."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from . import ROOT, container, containers, gpu, mounts
from .containers import Cli
from .errors import MissingTool, WrongUsage
from .local import LocalEngine
from .stage import Stage

if TYPE_CHECKING:
    from .images.build import Built

NAMES = ("auto", *containers.NAMES, "local")
# What stages, and the libraries they use, understand; values go from our environment to the container's without being shown anywhere.
_PASSED = ("EDGESEG_ARCHIVES", "TF_CONFIG", "TF_CPP_MIN_LOG_LEVEL", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
           "TF_DETERMINISTIC_OPS", "TF_FORCE_GPU_ALLOW_GROWTH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
           "HYPOTHESIS_PROFILE", "SOURCE_DATE_EPOCH", "TERM", "COLUMNS", "NO_COLOR", "TZ")  # fmt: skip
_PASSED_WITH_NETWORK = ("KAGGLE_USERNAME", "KAGGLE_KEY", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY",
                        "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")  # fmt: skip


class Engine(Protocol):
    """Runs stages. `name` is one of `NAMES` other than `auto`."""

    name: str
    description: str

    def prepare(self) -> int:
        """Make what stages run in, where it is missing or outdated; 0, or the exit code of what failed and said so."""
        ...

    def run(self, stage: Stage) -> int:
        """Run `stage` to its end with this process's own output; return its exit code (130: interrupted)."""
        ...


class ContainerEngine:
    """Runs a stage in its image, which is built first where it is missing or outdated. Raises MissingTool where no engine answers."""

    def __init__(self, name: str, root: Path = ROOT):
        self.cli = containers.find(name)
        self.name = name
        self.root = root
        self.description = f"{self.cli.version}, {self.cli.program}"

    def prepare(self) -> int:
        """Build the trainer's image, where it is missing or outdated."""
        self._image("trainer")
        return 0

    def run(self, stage: Stage) -> int:
        """Run `stage` in a container that sees the checkout and what the stage reads and writes, and nothing else of this machine."""
        for name in container.remove_stale(self.cli, self.root):
            print(f"edgeseg: removed {name}: the process that had started it is gone", file=sys.stderr, flush=True)
        built, devices = self._image(stage.image)
        writes = (*stage.writes, self.root / ".cache" / "cuda") if devices else stage.writes
        folders = mounts.plan(self.root, stage.reads, writes)
        settings = {"EDGESEG_IMAGE_DIGESTS": f"{built.reference}@{built.digest}", **_git(self.root)}
        if devices:  # TF 2.10 has no kernels for newer GPUs and makes them at first use, which takes half an hour
            settings |= {"CUDA_CACHE_PATH": str(self.root / ".cache" / "cuda"), "CUDA_CACHE_MAXSIZE": str(4 << 30)}
        options = [*isolation(self.cli, stage), *devices, "--workdir", str(self.root)]
        options += [part for mount in folders for part in ("--mount", mount.option())]
        options += [part for name, value in settings.items() for part in ("--env", f"{name}={value}")]
        return container.run(self.cli, self.root, options, built.reference, ["python", "-m", stage.module, *stage.arguments])

    def _image(self, name: str) -> "tuple[Built, list[str]]":
        """Image `name`, and what hands the GPUs on to it: the trainer comes with CUDA where there is one that the engine can hand on."""
        from .images import bases, build  # python-hcl2 is read only where a container is asked for

        devices = gpu.options(self.cli) if name == "trainer" else []
        if devices:
            try:
                return build.ensure(self.cli, "trainer-gpu"), devices
            except bases.MissingBase as why:  # a slower answer is better than none
                print(f"edgeseg: going on without the GPU: {why}", file=sys.stderr, flush=True)
        return build.ensure(self.cli, name), []


def isolation(cli: Cli, stage: Stage) -> list[str]:
    """Who the stage is, what it may do, and what it is told: the caller's ids, no rights beyond theirs, no network unless it needs one."""
    passed = [name for name in (*_PASSED, *(_PASSED_WITH_NETWORK if stage.network else ())) if name in os.environ]
    user = "0:0" if containers.rootless(cli) else f"{os.getuid()}:{os.getgid()}"  # a rootless docker's root is the caller
    options = ["--init", "--pull", "never", "--user", user, "--cap-drop", "ALL"]
    options += ["--security-opt", "no-new-privileges", "--security-opt", "label=disable"]  # SELinux: mount folders without relabelling them
    if cli.name == "podman" and os.getuid() != 0:
        options += ["--userns", "keep-id"]
    # With a network, the caller's own: proxies on localhost, name servers and VPNs then work as they do outside.
    options += ["--network", "host" if stage.network else "none", "--shm-size", "1g"]
    if all(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr)):
        options += ["--tty"]  # colours and progress bars; where one of the two goes elsewhere, they have to stay apart
    return options + [part for name in passed for part in ("--env", name)]


def choose(name: str) -> Engine:
    """The engine that `name` asks for; `auto` takes the first that is there and says which in one line.

    Raises WrongUsage for a name that is not one of `NAMES`, MissingTool for an engine that cannot be had.
    """
    if name not in NAMES:
        raise WrongUsage(f"ENGINE={name}: no such engine; allowed: {' '.join(NAMES)}")
    if name == "local":
        return LocalEngine()
    if name != "auto":
        return ContainerEngine(name)
    engine = _first_that_answers()
    print(f"edgeseg: engine: {engine.name} ({engine.description})", file=sys.stderr, flush=True)
    return engine


def _first_that_answers() -> Engine:
    for each in containers.NAMES:
        with contextlib.suppress(MissingTool):
            return ContainerEngine(each)
    return LocalEngine()


def _git(root: Path) -> dict[str, str]:
    """The checkout's commit and whether it was changed, for the run's record: the trainer's image has no git. Empty where we have none."""
    try:
        commit, changes = (
            subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"EDGESEG_GIT_COMMIT": commit, "EDGESEG_GIT_DIRTY": "1" if changes else "0"}
