"""A board to try things on: an arm64 Debian container with sshd on a loopback port, a user like Mendel's, and no Edge TPU.

Everything that lets one in lies in a folder of this checkout's cache: a key pair of its own, the board's host keys, which it gets with each
new container and so keeps, and an ssh config with the host `board`. What ssh is told of the host key is read from the board through the
engine, not over the network. The container has a name that follows from the folder, so checkouts do not meet.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import containers
from .containers import Cli
from .device_files import CACHE, whole
from .errors import MissingTool, WrongUsage
from .images.build import ensure

HOST, USER, IMAGE = "board", "mendel", "board"
MEMORY = "2g"  # the Dev Board Mini has 2 GB and four cores
CORES = 4
FOLDER = CACHE / "virtual-board"
_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
_PATIENCE = 120.0  # seconds; emulated on two busy cores sshd answers within ten


@dataclass(frozen=True)
class VirtualBoard:
    """The board whose keys and ssh config lie in `folder`, in the engine that `cli` speaks to."""

    cli: Cli
    folder: Path

    @property
    def name(self) -> str:
        """The container's name."""
        return f"edgeseg-board-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

    def up(self) -> str:
        """Have it run and answer, made from its image if it is not there; returns what it is, for people.

        Raises MissingTool, and what building the image raises. Twice is fine, and so is after a kill half-way.
        """
        with self._alone():
            for key in ("key", "host_key"):
                _key_pair(self.folder / key)
            state = self.state()
            if not state:
                image = ensure(self.cli, IMAGE)
                options = ["--name", self.name, "--hostname", "virtual-board", "--memory", MEMORY, "--publish", "127.0.0.1::22"]
                if platform.machine() not in ("arm64", "aarch64"):
                    options += ["--platform", "linux/arm64"]  # said, or docker warns that the image is for another machine than this
                self.cli.capture("create", *options, "--cpus", str(min(CORES, os.cpu_count() or 1)), image.reference)
            if state != "running":
                self._give_keys()
                self.cli.capture("start", self.name)
            elif self._host_key() != (self.folder / "host_key.pub").read_text().split()[:2]:
                self._give_keys()  # the folder was lost while the board went on
                self.cli.capture("restart", self.name)
            with whole(self.folder / "engine") as partial:
                partial.write_text(self.cli.name, encoding="utf-8")
            self._introduce()
            self._wait()
            return self.about()

    def down(self) -> bool:
        """Remove the container, and with it all that was deployed; keys stay. Returns whether there was one."""
        with self._alone():
            (self.folder / "ssh_config").unlink(missing_ok=True)
            there = bool(self.state())
            if there:
                self.cli.capture("rm", "--force", "--volumes", self.name)
            return there

    def state(self) -> str:
        """What the engine says of the container: running, exited, created, ...; empty if there is none."""
        listed = self.cli.capture("ps", "--all", "--filter", f"name=^{self.name}$", "--format", "{{.Names}} {{.State}}").split()
        return listed[1].lower() if len(listed) > 1 else ""

    def about(self) -> str:
        """One line that says what this is and is not."""
        emulated = "" if platform.machine() in ("arm64", "aarch64") else ", emulated as Cortex-A35: slow"
        return f"a virtual board runs (arm64{emulated}; no Edge TPU): `--host {HOST}`, `invoke board ssh`"

    def _give_keys(self) -> None:
        for file, place in (("host_key", _HOST_KEY), ("host_key.pub", f"{_HOST_KEY}.pub"), ("key.pub", "/etc/ssh/authorized_keys")):
            self.cli.capture("cp", str(self.folder / file), f"{self.name}:{place}")

    def _host_key(self) -> list[str]:
        """Kind and key of the running board's host key, as the board itself has it."""
        return self.cli.capture("exec", self.name, "cat", f"{_HOST_KEY}.pub").split()[:2]

    def _introduce(self) -> None:
        """Write the ssh config and the known host key, for the port that the engine chose."""
        port = self.cli.capture("port", self.name, "22/tcp").splitlines()[0].rpartition(":")[2]
        known, config = self.folder / "known_hosts", self.folder / "ssh_config"
        with whole(known) as partial:
            partial.write_text(f"[127.0.0.1]:{port} {' '.join(self._host_key())}\n", encoding="utf-8")
        lines = [f"Host {HOST}", "HostName 127.0.0.1", f"Port {port}", f"User {USER}", f'IdentityFile "{self.folder / "key"}"',
                 "IdentitiesOnly yes", f'UserKnownHostsFile "{known}"', "GlobalKnownHostsFile /dev/null", "StrictHostKeyChecking yes",
                 "UpdateHostKeys no", "ProxyJump none"]  # fmt: skip
        with whole(config) as partial:
            partial.write_text("\n  ".join(lines) + "\n", encoding="utf-8")

    def _wait(self) -> None:
        """Until ssh lets us in; MissingTool with what is known where it does not."""
        end, said = time.monotonic() + _PATIENCE, ""
        while time.monotonic() < end:
            done = subprocess.run(self.ssh("true", batch=True), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            if self.state() != "running":
                logs = subprocess.run(self.cli.command("logs", self.name), capture_output=True, text=True, check=False)
                raise MissingTool(f"the virtual board stopped: {self.cli.explain(logs.stderr or logs.stdout)}")
            time.sleep(0.3)
        raise MissingTool(f"the virtual board runs, but ssh does not get in ({said}): `invoke board down`, then `invoke board up`")

    def ssh(self, *command: str, batch: bool = False) -> list[str]:
        """The command line that opens a shell there, or runs `command`."""
        options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"] if batch else []
        return ["ssh", "-F", str(self.folder / "ssh_config"), *options, HOST, *(("--", *command) if command else ())]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One `up` or `down` at a time."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.folder / ".lock", "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


def board(engine: str = "auto", folder: Path = FOLDER) -> VirtualBoard:
    """The board of this checkout, in `engine` (docker, podman; auto: where it is, else the first that answers).

    `local`, which says where stages run, is as good as auto. Raises MissingTool, with each one's reason, where none answers.
    """
    engine = "auto" if engine == "local" else engine
    if engine == "auto" and (folder / "engine").is_file():
        engine = (folder / "engine").read_text(encoding="utf-8")
    reasons = []
    for name in containers.NAMES if engine == "auto" else (engine,):
        if name not in containers.NAMES:
            raise WrongUsage(f"ENGINE={name}: no such engine; the virtual board runs in {' or '.join(containers.NAMES)}")
        try:
            return VirtualBoard(containers.find(name), folder)
        except MissingTool as why:
            reasons.append(str(why))
    raise MissingTool("; ".join(reasons))


def ssh_config(folder: Path = FOLDER) -> "Path | None":
    """The ssh config that reaches the virtual board; None where none was made and the user's own config knows a host of that name.

    Raises MissingTool where there is neither, or nothing listens at the board's port any more.
    """
    config = folder / "ssh_config"
    if not config.is_file():
        said = subprocess.run(["ssh", "-G", HOST], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
        if f"hostname {HOST}" not in said.splitlines():
            return None
        raise MissingTool("there is no virtual board yet: `invoke board up` makes one")
    port = next(line.split()[1] for line in config.read_text(encoding="utf-8").splitlines() if line.split()[:1] == ["Port"])
    try:
        socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()
    except OSError:
        raise MissingTool("the virtual board does not run (any more): `invoke board up` starts it") from None
    return config


def _key_pair(path: Path) -> None:
    """An ed25519 key pair at `path` and `path`.pub, the private half last; what is there stays."""
    if path.is_file() and path.with_name(path.name + ".pub").is_file():
        return
    making = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "edgeseg virtual board", "-f", str(making)],
                       check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)  # fmt: skip
        path.unlink(missing_ok=True)
        os.replace(f"{making}.pub", f"{path}.pub")
        os.replace(making, path)
    except FileNotFoundError:
        raise MissingTool("ssh-keygen is not on PATH: install OpenSSH's client (Debian: apt-get install openssh-client)") from None
    except subprocess.CalledProcessError as why:
        raise MissingTool(f"{path.parent}: no key could be made there ({why.stderr.strip() or why})") from None
    finally:
        for left in (making, Path(f"{making}.pub")):
            left.unlink(missing_ok=True)
