"""Container engines as programs to call: docker and podman, whether they answer, and what their complaints mean."""

import functools
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from .errors import MissingTool

NAMES = ("docker", "podman")
_PATIENCE = 20.0  # seconds in which an engine that is there at all has answered
_INSTALL = {
    "docker": "install it (apt-get install docker.io; Docker Desktop on a Mac)",
    "podman": "install it (apt-get install podman uidmap)",
}
# What engines write (docker 20 to 28, podman 4 and 5), what it means, and what to do about it. The first that fits is taken.
_MEANINGS: tuple[tuple[str, str], ...] = (
    (
        r"permission denied.*(docker\.sock|daemon socket|connect to)|dial unix.*permission denied",
        "this user has no right to its socket: `sudo usermod -aG docker $USER` and log in again (members of that group are as good as "
        "root), or use ENGINE=podman or ENGINE=local",
    ),
    (
        r"cannot connect to the docker daemon|is the docker daemon running|connection refused|no such file or directory.*docker\.sock|"
        r"unable to connect to podman",
        "it is installed, but no engine answers: start it (`sudo systemctl start docker`, or Docker Desktop), or use ENGINE=local",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "no disk space is left where it keeps images: `{name} system df` shows what is used; remove images or give it another disk",
    ),
    (
        r"could not select device driver|nvidia-container|libnvidia|unresolvable cdi devices",
        "the engine cannot hand on the GPU: install the NVIDIA Container Toolkit, or hide the GPU with CUDA_VISIBLE_DEVICES=",
    ),
    (r"catatonit|docker-init", "its init program is missing: apt-get install catatonit (podman) or tini (docker)"),
    (
        r"newuidmap|newgidmap|subuid|subgid",
        "this user has no subordinate ids: apt-get install uidmap, and a line in /etc/subuid and /etc/subgid",
    ),
    (r"exec format error", "the image is for another processor: apt-get install qemu-user-static binfmt-support"),
    (r"executable file not found|no such file or directory: unknown", "the image lacks the program: build it again with `make images`"),
    (
        r"mounts denied|not shared from|bind source path does not exist|statfs .*: no such file",
        "it cannot see a folder that is to be mounted: the engine must run on this machine (Docker Desktop: share the folder)",
    ),
)


@dataclass(frozen=True)
class Cli:
    """The command-line client of an engine that answers. `name`: docker or podman, whatever the program is called."""

    name: str
    program: str
    version: str = ""

    def command(self, *arguments: str) -> list[str]:
        """The command line of this client with `arguments`."""
        return [self.program, *arguments]

    def capture(self, *arguments: str) -> str:
        """What the client prints on stdout, stripped; MissingTool with the reason and the remedy where it fails."""
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MissingTool(self.explain(done.stderr))
        return done.stdout.strip()

    def explain(self, text: str) -> str:
        """One sentence for what the engine complained of in `text`: what is wrong and what to do, in our words where they are known."""
        return f"{self.name}: {meaning(self.name, text)}"


def meaning(name: str, text: str) -> str:
    """What a complaint of engine `name` means and what to do; its own last words where they are new to us."""
    for pattern, sentence in _MEANINGS:
        if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return sentence.format(name=name)
    hints = ("See '", "Run '", "Error: failed to start containers")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(hints)]
    return lines[-1] if lines else "it failed without a word"


@functools.cache
def rootless(cli: Cli) -> bool:
    """Whether a docker's engine is no root on this machine: inside its containers the caller's own id is root's, others are strangers'.

    Podman has a way of its own to say who one is (`--userns keep-id`) and is not asked. Raises MissingTool where docker cannot say.
    """
    return cli.name == "docker" and "name=rootless" in cli.capture("info", "--format", "{{.SecurityOptions}}")


def find(name: str, which: Callable[[str], "str | None"] = shutil.which) -> Cli:
    """The client of the engine `name` (docker, podman), asked whether it answers.

    Raises MissingTool with the reason (not installed; installed but no engine answers; no right to its socket) and the remedy.
    """
    program = which(name)
    if program is None:
        raise MissingTool(f"{name} is not installed: {_INSTALL[name]}, or use ENGINE=local")
    # `podman info` looks at the storage and the user's ids as well; `podman version` would answer where no container can be made.
    question = ("info", "--format", "{{.Version.Version}}") if name == "podman" else ("version", "--format", "{{.Server.Version}}")
    try:
        done = subprocess.run(
            [program, *question], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise MissingTool(f"{name}: the engine did not answer within {_PATIENCE:.0f} s: restart it, or use ENGINE=local") from None
    except OSError as why:
        raise MissingTool(f"{name}: {program} cannot be started ({why.strerror})") from None
    if done.returncode != 0 or not done.stdout.strip():
        raise MissingTool(f"{name}: {meaning(name, done.stderr)}")
    return Cli("podman" if name == "podman" or _is_podman(program) else "docker", program, done.stdout.strip().splitlines()[-1])


def _is_podman(program: str) -> bool:
    """Whether a program called docker is podman (the package podman-docker), which wants to be told of users in its own way."""
    done = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    return done.stdout.lower().startswith("podman")
