"""One container from its making to its removal, whatever happens to it, to its client or to us in between.

Its life hangs on this process in three ways. Signals that reach us are handed to the stage, which tidies up. A guard (a shell that reads
from a pipe of ours) stops and removes the container when we die of `kill -9`. And where even the guard died, the next stage that is started
in this checkout removes what was left: a container's name says which process it belongs to.
"""

import contextlib
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from .containers import Cli
from .errors import MissingTool
from .relay import Relay

CHECKOUT = "edgeseg.checkout"  # the label that says whose container it is
_GRACE = "20"  # seconds that a stage gets to tidy up before it is killed
_NAME = re.compile(r"^edgeseg-([0-9a-z]+)-(\d+)-(\d+)-\d+$")
_HANDED_ON = {signal.SIGINT: "INT", signal.SIGTERM: "TERM", signal.SIGHUP: "TERM"}  # a closed terminal: as asked to end
# The guard: `read` returns when we write a line (all is well) or are gone (the pipe has no writer any more).
_GUARD = 'read -r word; [ "$word" = done ] && exit; "$1" stop -t "$2" "$3"; "$1" rm --force "$3"'


def run(cli: Cli, checkout: Path, options: list[str], image: str, command: list[str]) -> int:
    """Run `command` in a new container of `image`, made with `options`; return its exit code. Nothing of it is left afterwards.

    Raises MissingTool where the engine cannot make or start it, or where it was killed from outside.
    """
    name = f"edgeseg-{_where()}-{os.getpid()}-{_born(os.getpid())}-{time.monotonic_ns()}"
    with _signals() as pending, _guarded(cli, name):
        try:
            made = ["create", "--name", name, "--label", f"{CHECKOUT}={checkout}", *options, image, *command]
            done = subprocess.run(cli.command(*made), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **_APART)
            if done.returncode != 0:
                raise MissingTool(cli.explain(done.stderr))
            if pending:
                return 128 + pending[0]
            start = cli.command("start", "--attach", name)
            with subprocess.Popen(start, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **_APART) as client:
                relay = Relay(client.stderr)
                _follow(cli, name, client, pending)
                return _ended(cli, name, pending, relay)
        finally:
            _remove(cli, name)


def remove_stale(cli: Cli, checkout: Path) -> list[str]:
    """Remove this checkout's containers whose process is gone; return their names. Those of other machines and namespaces stay."""
    listed = cli.capture("ps", "--all", "--filter", f"label={CHECKOUT}={checkout}", "--format", "{{.Names}}").split()
    stale = []
    for name in listed:
        match = _NAME.match(name)
        if match and match[1] == _where() and _born(int(match[2])) != match[3]:
            _remove(cli, name)
            stale.append(name)
    return stale


def running(cli: Cli, checkout: Path) -> list[str]:
    """The names of this checkout's containers that run now."""
    return cli.capture("ps", "--filter", f"label={CHECKOUT}={checkout}", "--format", "{{.Names}}").split()


# The client gets no signals of the terminal: we hand them on ourselves, once, and alike for docker and podman, with a terminal and without.
_APART = {"start_new_session": True}


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT, SIGTERM and SIGHUP in a list instead of dying of them."""
    pending: list[int] = []

    def collect(number: int, frame: "FrameType | None") -> None:
        pending.append(number)

    before = {number: signal.signal(number, collect) for number in _HANDED_ON if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield pending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _guarded(cli: Cli, name: str) -> Iterator[None]:
    """Have container `name` stopped and removed should this process die in the block without a chance to do so itself."""
    arguments = ["sh", "-c", _GUARD, "sh", cli.program, _GRACE, name]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, **quiet, **_APART) as guard:
        try:
            yield
        finally:
            with contextlib.suppress(BrokenPipeError):  # somebody killed the guard
                guard.stdin.write(b"done\n")
                guard.stdin.flush()


def _follow(cli: Cli, name: str, client: subprocess.Popen, pending: list[int]) -> None:
    """Wait for `client`; hand on what comes into `pending`, the third time by force."""
    handed = 0
    while True:
        try:
            client.wait(timeout=0.1)
            return
        except subprocess.TimeoutExpired:
            pass
        while handed < len(pending):
            word = "KILL" if handed >= 2 else _HANDED_ON[signal.Signals(pending[handed])]
            if subprocess.run(cli.command("kill", "--signal", word, name), capture_output=True, check=False, **_APART).returncode != 0:
                break  # not started yet, or ended just now: try again
            handed += 1


def _ended(cli: Cli, name: str, pending: list[int], relay: Relay) -> int:
    """The exit code of the container's program; MissingTool for what is no answer of the stage."""
    state = cli.capture("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", name).split()
    status, code, out_of_memory = state[0], int(state[1]), state[2] == "true"
    if status in ("created", "configured", "initialized"):
        raise MissingTool(cli.explain(relay.complaint()))
    relay.join(timeout=5)  # so that the stage's last words come before ours
    relay.release()
    if status == "running":  # its client died: kill -9, or the connection to the engine broke
        raise MissingTool(f"{cli.name}: the connection to the container was lost; it was stopped. The same command goes on where it can")
    if code == 137 and not pending:
        why = "memory ran out (see train.batch and data.workers)" if out_of_memory else "`kill -9`, or memory ran out (`dmesg` tells)"
        raise Killed(f"the stage was killed: {why}; what was complete is kept, and the same command with RUN= goes on")
    return code


class Killed(MissingTool):
    """The container's program was killed from outside."""

    exit_code = 137


def _remove(cli: Cli, name: str) -> None:
    """Remove container `name` if it is there, stopped first if it runs; what the engine says to it is of no use to anybody."""
    for arguments in (("rm", "--volumes", name), ("stop", "-t", _GRACE, name), ("rm", "--force", "--volumes", name)):
        done = subprocess.run(cli.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, check=False, **_APART)
        if arguments[0] == "rm" and done.returncode == 0:
            return


def _where() -> str:
    """Which processes our process ids speak of: this machine's, and of several process namespaces on it ours."""
    try:
        space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:  # not Linux
        space = "0"
    return re.sub(r"[^0-9a-z]", "", platform.node().lower())[:20] + "x" + space


def _born(pid: int) -> str:
    """When process `pid` was started, in the kernel's ticks since boot; "0" where that is not told, "" for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[19]
    except OSError:
        pass
    if sys.platform == "linux":
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "0"
