"""A real sshd on a loopback port that serves this machine as "the board": own host key, own config, own known_hosts, one client key."""

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


def missing() -> str:
    """Why there can be no sshd here, or ""."""
    for program in (SSHD, "ssh", "sftp", "ssh-keygen", "flock", "setsid"):
        if not shutil.which(program):
            return f"{program} is not installed"
    return ""


class LocalSshd:
    """`config`: an ssh config for which the Host is `devboard`; `path`: what PATH is on "the board"."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.port = _free_port()
        self.path = os.environ["PATH"]
        self.config = folder / "config"
        self.known = folder / "known_hosts"
        self._server: subprocess.Popen | None = None
        for name in ("host_key", "client_key"):
            self.new_key(name)
        shutil.copy(folder / "client_key.pub", folder / "authorized_keys")
        self.know()
        self.write_config()

    def new_key(self, name: str) -> None:
        for old in (self.folder / name, self.folder / f"{name}.pub"):
            old.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name], check=True)

    def know(self) -> None:
        """Make the host key known."""
        self.known.write_text(f"[127.0.0.1]:{self.port} {(self.folder / 'host_key.pub').read_text()}")

    def write_config(self, *more: str) -> None:
        lines = ["Host devboard", "HostName 127.0.0.1", f"Port {self.port}", f"User {getpass.getuser()}", "IdentitiesOnly yes"]
        lines += [f"IdentityFile {self.folder}/client_key", f"UserKnownHostsFile {self.known}", "GlobalKnownHostsFile none", *more]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # what a root's sshd insists on; Debian makes it at boot
        lines = [f"Port {self.port}", "ListenAddress 127.0.0.1", f"HostKey {self.folder}/host_key", "StrictModes no", "UsePAM no"]
        lines += [f"AuthorizedKeysFile {self.folder}/authorized_keys", "PasswordAuthentication no", "KbdInteractiveAuthentication no"]
        lines += ["PermitRootLogin prohibit-password", f"PidFile {self.folder}/pid", "Subsystem sftp internal-sftp", "MaxStartups 100"]
        lines += [f'SetEnv "PATH={self.path}"', "PrintMotd no"]
        (self.folder / "sshd_config").write_text("\n".join(lines) + "\n")
        with open(self.folder / "log", "ab") as log:
            self._server = subprocess.Popen([SSHD, "-D", "-e", "-f", self.folder / "sshd_config"], stdout=log, stderr=log)
        until(lambda: _answers(self.port), "sshd listens")

    def stop(self) -> None:
        """End the server and every connection that it serves."""
        if self._server is None:
            return
        for child in self.connections():
            _kill(child)
        self._server.terminate()
        self._server.wait()
        self._server = None

    def connections(self) -> list[int]:
        """The processes that serve connections, by their ids."""
        found, todo = [], [self._server.pid] if self._server else []
        while todo:
            listed = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(todo.pop())], capture_output=True, text=True, check=False)
            children = [int(line.split()[0]) for line in listed.stdout.splitlines() if "sshd" in line]
            found += children
            todo += children
        return found

    def cut(self) -> None:
        """Break every connection, as a cable that is pulled out and noticed at once."""
        for child in self.connections():
            _kill(child)

    def restricted_path(self, *without: str) -> None:
        """From the next start on, "the board" has only what the scripts may use, and not `without`."""
        tools = self.folder / "tools"
        shutil.rmtree(tools, ignore_errors=True)
        tools.mkdir()
        for folder in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"):
            for tool in Path(folder).iterdir() if Path(folder).is_dir() else ():
                if tool.name not in without and not (tools / tool.name).is_symlink():
                    (tools / tool.name).symlink_to(tool)
        self.path = str(tools)

    def stand_in(self, name: str, script: str) -> None:
        """A stand-in for a tool of the board, from the next start on; the real one is at "$REAL"."""
        folder = self.folder / "stand-ins"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\nREAL={shlex.quote(shutil.which(name))}\n{script}\n")
        (folder / name).chmod(0o755)
        self.path = f"{folder}:{os.environ['PATH']}"


def until(done, what: str, limit: float = 20) -> None:
    """Wait until `done()`."""
    end = time.monotonic() + limit
    while not done():
        assert time.monotonic() < end, f"waited {limit} s: {what}"
        time.sleep(0.05)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
