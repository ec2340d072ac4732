"""Whether this machine has an NVIDIA GPU and its container engine can hand it on."""

import os
import platform
import shutil
import sys
from pathlib import Path

from .containers import Cli

_CDI = (Path("/etc/cdi"), Path("/var/run/cdi"))  # where nvidia-ctk writes how a container gets the GPU


def present() -> bool:
    """Whether there is a GPU that programs of this process may see; CUDA_VISIBLE_DEVICES set to nothing hides all."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "all") not in ("", "-1") and Path("/dev/nvidiactl").exists()


def toolkit(cli: Cli) -> bool:
    """Whether `cli` can hand a GPU on: NVIDIA's Container Toolkit as docker's runtime, or its CDI description for podman."""
    if cli.name == "docker":
        return shutil.which("nvidia-container-runtime-hook") is not None or "nvidia" in cli.capture("info", "--format", "{{.Runtimes}}")
    return any(any(path.glob("nvidia*")) for path in _CDI)


def options(cli: Cli) -> list[str]:
    """What makes `cli` hand the GPUs on to a container; empty, with a line that says so, where there is one that it cannot hand on."""
    if not present() or platform.machine() != "x86_64":  # TF 2.10 has GPU kernels for x86-64 only
        return []
    if not toolkit(cli):
        print(
            "edgeseg: this machine has a GPU, but the engine cannot hand it on (no NVIDIA Container Toolkit): going on without it",
            file=sys.stderr,
        )
        return []
    return ["--gpus", "all"] if cli.name == "docker" else ["--device", "nvidia.com/gpu=all"]
