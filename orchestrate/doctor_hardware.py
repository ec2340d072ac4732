"""The doctor's checks of the machine itself: disk space, GPU, and Edge TPUs on USB or PCIe."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from . import ROOT, containers, gpu
from .doctor import NOTE, OK, WRONG, Finding
from .errors import MissingTool

USB = Path("/sys/bus/usb/devices")
NODES = Path("/dev/bus/usb")
# The accelerator shows itself under two names: before its firmware is loaded (at first use), and after.
_EDGETPU = {("1a6e", "089a"): "not used since it was plugged in", ("18d1", "9302"): "in use before"}
_ENOUGH = 8.0  # GB: the trainer's image takes 1.8, all images about 6, a run and its data the rest


def disk(root: Path = ROOT) -> Iterator[Finding]:
    """Free space where the checkout is, and where each engine keeps its images."""
    yield _space("disk", root)
    for name in containers.NAMES:
        try:
            cli = containers.find(name)
            where = Path(cli.capture("info", "--format", "{{.DockerRootDir}}" if cli.name == "docker" else "{{.Store.GraphRoot}}"))
        except MissingTool:
            continue
        if where.is_absolute() and where.exists():  # of an engine in a virtual machine it is a path in there
            yield _space(f"disk of {name}", where)


def _space(subject: str, path: Path) -> Finding:
    free = shutil.disk_usage(path).free / 1e9
    if free >= _ENOUGH:
        return Finding(subject, OK, f"{free:.0f} GB free at {path}")
    remedy = "free some: " + ("runs/ and data/ are the largest here" if subject == "disk" else "`docker system df` shows what images take")
    return Finding(subject, WRONG if free < 1 else NOTE, f"{free:.1f} GB free at {path}; images, data and runs want {_ENOUGH:.0f}", remedy)


def graphics(node: Path = Path("/dev/nvidiactl")) -> Iterator[Finding]:
    """An NVIDIA GPU, its driver, and whether containers get it."""
    if not node.exists():
        yield Finding("gpu", NOTE, "none from NVIDIA: training runs on the processor")
        return
    query = ["nvidia-smi", "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        yield Finding("gpu", WRONG, "a device is there, but nvidia-smi does not answer", "install NVIDIA's driver again")
        return
    for line in done.stdout.strip().splitlines():
        name, driver, capability = (part.strip() for part in line.split(","))
        # CUDA 11.2 knows processors up to 8.6; for newer ones the driver makes the kernels at first use.
        new = tuple(map(int, capability.split("."))) > (8, 6)
        remedy = "the first start takes long: kernels are made for it, and kept in .cache/cuda" if new else ""
        yield Finding("gpu", OK, f"{name}, driver {driver}, compute capability {capability}", remedy)
    for each in containers.NAMES:
        try:
            cli = containers.find(each)
        except MissingTool:
            continue
        if not gpu.toolkit(cli):
            yield Finding(f"gpu in {each}", NOTE, "containers do not get it", "install the NVIDIA Container Toolkit")


def accelerators(usb: Path = USB, nodes: Path = NODES, pcie: Path = Path("/dev/apex_0")) -> Iterator[Finding]:
    """Edge TPUs: on USB with the speed of the connection and the right to use them, on PCIe by their device."""
    found = [device for device in sorted(usb.glob("*")) if _ids(device) in _EDGETPU]
    for device in found:
        yield _accelerator(device, nodes)
    if pcie.exists():
        yield Finding("edge tpu", OK, f"on PCIe ({pcie})")
    elif not found:
        yield Finding("edge tpu", NOTE, "none attached here: models run on the processor, or on a board")


def _accelerator(device: Path, nodes: Path) -> Finding:
    """What there is to say of one accelerator on USB."""
    state, speed = _EDGETPU[_ids(device)], _read(device / "speed") or "0"
    node = nodes / _read(device / "busnum").zfill(3) / _read(device / "devnum").zfill(3)
    seen = f"on USB {device.name}, {speed} Mbit/s, {state}"
    if node.exists() and not os.access(node, os.W_OK):
        remedy = "a udev rule for 1a6e:089a and 18d1:9302 gives it to a group of yours (libedgetpu's package brings one: plugdev)"
        return Finding("edge tpu", WRONG, f"{seen}: you may not use it", remedy)
    if float(speed) < 5000:
        remedy = "plug it into a USB 3 port (blue) with its own cable; a hub or a USB 2 cable slows every inference down"
        return Finding("edge tpu", WRONG, f"{seen}: USB 2", remedy)
    return Finding("edge tpu", OK, seen)


def _ids(device: Path) -> "tuple[str, str]":
    return _read(device / "idVendor").lower(), _read(device / "idProduct").lower()


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
