"""One connection to a board, by the user's own OpenSSH: its config, agent, keys and jump hosts work as they do for `ssh HOST`.

The first command leaves a master connection in the background, whose socket lies in a private folder; everything after it goes through
that. The master ends with the `with` block, or 60 s after a process that was killed. Never asked for anything: BatchMode. A host key that
is unknown or changed is refused, whatever the config says.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import MissingTool
from . import names, refusals
from .errors import BoardFailed, CutOff

_SCRIPTS = Path(__file__).with_name("scripts")
_OPTIONS = {
    "BatchMode": "yes",  # a password prompt would hang where nobody sits
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "ConnectTimeout": "15",
    "ServerAliveInterval": "10",  # with CountMax: a connection that says nothing for 30 s is dead
    "ServerAliveCountMax": "3",
    "ControlPersist": "60",
    "ClearAllForwardings": "yes",  # the config's own, meant for sitting at the board, may clash
    "ForwardAgent": "no",
    "RequestTTY": "no",
    "RemoteCommand": "none",
    "PermitLocalCommand": "no",
    "LogLevel": "ERROR",
}


@dataclass(frozen=True)
class Answer:
    """What a script on the board left: its exit code, stdout and the text of stderr."""

    code: int
    out: bytes
    error: str

    @property
    def text(self) -> str:
        """stdout as text."""
        return self.out.decode(errors="replace")

    @property
    def last(self) -> str:
        """The last line it said, for an error message."""
        lines = [line for line in (self.error + "\n" + self.text).splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"exit code {self.code}"


class Board:
    """A board that answers. Use it as a context manager; everything else needs the connection that entering it makes.

    `host`: as for `ssh`; `config`: an ssh config to be used instead of the user's. Entering raises NoBoard, or one of its kinds.
    """

    def __init__(self, host: str, config: Path | None = None):
        self.host = names.host(host)
        for tool in ("ssh", "sftp"):
            if not shutil.which(tool):
                raise MissingTool(f"{tool} is not on PATH: install OpenSSH's client (Debian: apt-get install openssh-client)")
        self._config = config
        self._folder: Path | None = None

    def __enter__(self) -> Board:
        # A Unix socket's path may have 107 bytes, and ssh adds 17 of its own: not below a deep TMPDIR.
        base = tempfile.gettempdir()
        self._folder = Path(tempfile.mkdtemp(prefix="edgeseg-", dir=base if len(base) < 60 else "/tmp"))
        try:
            answer = self.shell("exit 0", first=True)
            if answer.code != 0:
                raise BoardFailed(f"{self.host}: its shell does not run commands ({answer.last}); try `ssh {self.host} true`")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        if self._folder is not None:
            subprocess.run([*self.command("ssh"), "-O", "exit", self.host], capture_output=True, check=False, stdin=subprocess.DEVNULL)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def command(self, program: str) -> list[str]:
        """`program` (ssh or sftp) with the options of this connection; the host follows."""
        assert self._folder is not None, "entering a Board makes its connection"
        config = ["-F", str(self._config)] if self._config else []
        control = ["-o", "ControlMaster=auto", "-o", f"ControlPath={self._folder}/s"]
        return [program, *config, *control, *(part for option in _OPTIONS.items() for part in ("-o", "=".join(option)))]

    def wrapper(self) -> Path:
        """A program that rsync can start as its remote shell: this connection, whatever host it is given."""
        assert self._folder is not None, "entering a Board makes its connection"
        path = self._folder / "ssh"
        path.write_text(f'#!/bin/sh\nshift\nexec {shlex.join([*self.command("ssh"), self.host])} "$@"\n', encoding="utf-8")
        path.chmod(0o700)
        return path

    def script(self, name: str, *arguments: object, data: bytes = b"", limit: float = 300) -> Answer:
        """Run scripts/<name>.sh there with `arguments` and `data` on its stdin.

        An exit code other than 0 raises BoardFailed with the last line the script said; `limit` is in seconds.
        """
        answer = self.ask(name, *arguments, data=data, limit=limit)
        if answer.code != 0:
            raise BoardFailed(f"{self.host}: {answer.last}")
        return answer

    def ask(self, name: str, *arguments: object, data: bytes = b"", limit: float = 300) -> Answer:
        """`script`, but the exit code is the caller's to judge."""
        return self.shell(remote_command(name, *arguments), data=data, limit=limit)

    def shell(self, command: str, data: bytes = b"", limit: float = 300, first: bool = False) -> Answer:
        """Run `command` in the login shell there. NoBoard if no connection comes about (`first`), CutOff if it breaks."""
        try:
            # stderr to a file: a master that stays behind would keep a pipe open, and reading it would never end
            with tempfile.TemporaryFile() as error:
                done = subprocess.run([*self.command("ssh"), "--", self.host, command], input=data, stdout=subprocess.PIPE, stderr=error,
                                      env=quiet(), timeout=limit, check=False, start_new_session=True)  # fmt: skip
                error.seek(0)
                said = error.read().decode(errors="replace")
        except subprocess.TimeoutExpired:
            raise CutOff(f"{self.host}: no answer within {limit:g} s; is it overloaded? `ssh {self.host} uptime`") from None
        if done.returncode == 255:
            raise refusals.explain(self.host, said, self.settings(), self._config, cut=not first)
        return Answer(done.returncode, done.stdout, said)

    def settings(self) -> dict[str, str]:
        """What the ssh config says of the host: hostname, port, userknownhostsfile, proxyjump, …"""
        config = ["-F", str(self._config)] if self._config else []
        done = subprocess.run(["ssh", *config, "-G", "--", self.host], capture_output=True, text=True, env=quiet(), check=False)
        return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)

    def start(self, command: str, **pipes: object) -> subprocess.Popen:
        """Start `command` there and do not wait; stdin, stdout and stderr as for Popen. It is not in this terminal's group of processes."""
        return subprocess.Popen([*self.command("ssh"), "--", self.host, command], env=quiet(), start_new_session=True, **pipes)


def remote_command(name: str, *arguments: object) -> str:
    """scripts/<name>.sh, behind what all have in common, as one command that any login shell hands on untouched to sh.

    The script travels in the command, not on stdin: it is there whole or it does not run, wherever the connection breaks.
    """
    text = "\n".join((_SCRIPTS / f"{part}.sh").read_text(encoding="utf-8") for part in ("common", name))
    return shlex.join(["sh", "-c", text, "edgeseg", *map(str, arguments)])


def quiet() -> dict[str, str]:
    """The environment for OpenSSH: messages in English, since they are read, and no window that asks for a password."""
    return {**os.environ, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}
