"""The doctor's checks of programs: container engines and their images, Python, QEMU and binfmt, the compiler, the board."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from . import ROOT, containers
from .doctor import NOTE, OK, WRONG, Finding
from .errors import FrontDoorError, MissingTool

BINFMT = Path("/proc/sys/fs/binfmt_misc")
_QEMU = "apt-get install qemu-user-static binfmt-support (Docker Desktop has it)"


def engines() -> Iterator[Finding]:
    """Docker and podman: whether they answer and can build the images that stages run in, and what is missing if they do not."""
    from .images import builder

    for name in containers.NAMES:
        try:
            cli = containers.find(name)
        except MissingTool as error:
            text = str(error).partition(": ")
            there = shutil.which(name) is not None
            yield Finding(name, WRONG if there else NOTE, "does not answer" if there else "not installed", text[2])
            continue
        try:
            client = builder.program(cli)
        except MissingTool as error:  # a stage builds its image first, so it could not be run either
            yield Finding(name, WRONG, f"{cli.version} answers ({cli.program}), but cannot build images", str(error).partition(": ")[2])
        else:
            other = "" if client == cli.program else f"; builds with {client}"
            yield Finding(name, OK, f"{cli.version} answers ({cli.program}){other}", runs_stages=True)


def images() -> Iterator[Finding]:
    """The images of the first engine that answers: which are there, up to date, and how large."""
    from .images import overview

    for name in containers.NAMES:
        try:
            cli = containers.find(name)
        except MissingTool:
            continue
        standings = overview.standings(cli)
        there = [f"{each.name} ({each.platform.rpartition('/')[2]}, {each.bytes / 1e9:.2f} GB)" for each in standings if each.digest]
        if there:
            yield Finding("images", OK, ", ".join(there))
        else:
            yield Finding("images", NOTE, "none yet", "stages build theirs; `make images` builds all")
        return


def python(root: Path = ROOT) -> Iterator[Finding]:
    """The front door's Python, git, and what the local engine needs."""
    yield Finding("python", OK, f"{platform.python_version()} runs the front door ({sys.executable})")
    git = _said("git", "--version")
    yield Finding("git", OK, git) if git else Finding("git", NOTE, "not installed", "apt-get install git: runs then record their commit")
    if (root / ".venv" / "edgeseg.stamp").is_file():
        yield Finding("local engine", OK, ".venv is there", runs_stages=True)
        return
    found = subprocess.run(
        ["sh", str(root / "orchestrate" / "bootstrap.sh"), "trainer", "find"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if found:
        yield Finding("local engine", OK, f"no .venv yet; {found} can make it", "`make setup ENGINE=local` does (1.5 GB)", runs_stages=True)
    else:
        yield Finding("local engine", NOTE, "no .venv, and no Python 3.10 to make it", "pyenv install 3.10, or uv python install 3.10")


def emulation(binfmt: Path = BINFMT, machine: str = "") -> Iterator[Finding]:
    """Whether programs for 64-bit Arm run here: single ones (qemu-aarch64-static) and whole images (binfmt)."""
    if (machine or platform.machine()) in ("aarch64", "arm64"):
        yield Finding("emulation", OK, "not needed: this is an Arm machine")
        return
    qemu = shutil.which("qemu-aarch64-static")
    if qemu:
        yield Finding("qemu", OK, qemu)
    else:
        yield Finding("qemu", NOTE, "no qemu-aarch64-static: tests of the board's programs are left out", _QEMU)
    entry = binfmt / "qemu-aarch64"
    if not entry.is_file():
        yield Finding("binfmt", NOTE, "Arm programs are not registered: no arm64 images, no virtual board", _QEMU)
        return
    lines = entry.read_text(encoding="ascii").splitlines()
    flags = next((line.partition(":")[2].strip() for line in lines if line.startswith("flags")), "")
    if "enabled" not in lines:
        yield Finding("binfmt", WRONG, "registered for Arm programs, but switched off", "update-binfmts --enable qemu-aarch64")
    elif "F" not in flags:  # without it the kernel looks for QEMU inside the container
        yield Finding("binfmt", WRONG, f"registered without the flag F (flags: {flags or 'none'}): containers do not see it", _QEMU)
    else:
        yield Finding("binfmt", OK, f"Arm programs run, in containers too (flags: {flags})")


def compiler() -> Iterator[Finding]:
    """The Edge TPU compiler on this machine; with a container engine it is in its image."""
    set_ = os.environ.get("EDGESEG_COMPILER")
    if set_:
        yield Finding("compiler", OK, f"EDGESEG_COMPILER={set_}")
        return
    version = _said("edgetpu_compiler", "--version")
    if not version:
        remedy = "`make compile` with a container engine builds an image with it (needs packages.cloud.google.com)"
        yield Finding("compiler", NOTE, "no edgetpu_compiler on PATH", remedy)
    elif "16." in version:
        yield Finding("compiler", OK, version)
    else:
        yield Finding("compiler", WRONG, f"{version}: every rule here was learnt from 16.0", "apt-get install edgetpu-compiler=16.0")


def board(host: str) -> Iterator[Finding]:
    """The board `host` (`board`: the virtual one): whether it lets us in, and what it is."""
    from .remote import preflight, session

    try:
        with session.connected(host) as there:
            facts = preflight.probe(there, "edgeseg")
    except FrontDoorError as error:
        yield Finding(f"board {host}", WRONG, "cannot be reached", str(error))
        return
    told = ", ".join(f"{name} {facts[name]}" for name in ("arch", "glibc", "edgetpu_package") if facts.get(name))
    yield Finding(f"board {host}", OK, told or "answers")


def _said(*command: str) -> str:
    """The first line that a program prints; empty where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout.strip() or done.stderr.strip()).partition("\n")[0]
