"""A clean clone with an unprivileged caller in front of a real engine, on stand-in base images: what the test_container_*.py share."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import stand_in_bases

from orchestrate import containers
from orchestrate.errors import MissingTool
from orchestrate.images import builder

ROOT = Path(__file__).resolve().parents[2]
CALLER = 12345  # an id that nobody has, so that what belongs to it was made by these tests
SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SMALL = "train.epochs=2 model.filters=4 data.size=64 quantize.batches=4 evaluate.cross_check=1 train.tensorboard=false"


@dataclass
class Place:
    """`folder`: the clone; `user`: who works there (None: the one that runs the tests); `bases`: the environment with stand-in bases."""

    folder: Path
    cli: containers.Cli
    bases: "dict[str, str]"
    user: "int | None" = None
    groups: "tuple[int, ...]" = ()
    more: "dict[str, str]" = field(default_factory=dict)

    def environment(self, **more: str) -> "dict[str, str]":
        own = {} if self.user is None else {"HOME": str(self.folder.parent), "PATH": SYSTEM, "USER": "caller", "LOGNAME": "caller"}
        return {**os.environ, **own, **self.bases, **self.more, "PYTHONDONTWRITEBYTECODE": "", **more}

    def options(self, **more: str) -> dict:
        """For subprocess: as the caller, in the clone."""
        who = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": self.groups}
        return {"cwd": self.folder, "env": self.environment(**more), "stdin": subprocess.DEVNULL, "text": True, **who}

    def make(self, *words: str, code: int = 0, **more: str) -> subprocess.CompletedProcess:
        """Run `make words`; make ends with 2 whatever a target's code was, and prints that."""
        done = subprocess.run(["make", *words], capture_output=True, timeout=1800, **self.options(**more))
        assert (done.returncode == 0) == (code == 0), said(done)
        assert code == 0 or f"Error {code}" in done.stderr, said(done)
        return done

    def invoke(self, *words: str, code: int = 0, **more: str) -> subprocess.CompletedProcess:
        """Run the Invoke task, without make before it; `code` is what it must end with."""
        done = subprocess.run(["sh", "orchestrate/invoke.sh", *words], capture_output=True, timeout=1800, **self.options(**more))
        assert done.returncode == code, said(done)
        return done

    def start(self, *words: str, **more: str) -> subprocess.Popen:
        return subprocess.Popen(
            ["sh", "orchestrate/invoke.sh", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **self.options(**more),
        )

    def image(self, name: str, platform: str = "linux/amd64") -> "tuple[str, float, str]":
        """Have image `name` built if need be: its reference, how many seconds that took, and what was said."""
        began = time.monotonic()
        done = self.invoke("images", "--name", name, "--platform", platform, "--engine", self.cli.name)
        return self.reference(name, platform), time.monotonic() - began, done.stderr

    def reference(self, name: str, platform: str = "linux/amd64") -> str:
        import json

        listed = json.loads(self.invoke("images", "--list", "--json", "--engine", self.cli.name).stdout)
        return next(each["reference"] for each in listed if (each["name"], each["platform"]) == (name, platform))

    def runs(self) -> "list[Path]":
        return sorted((self.folder / "runs").glob("*")) if (self.folder / "runs").is_dir() else []

    def containers(self) -> str:
        """Those of this clone that there are, by id."""
        return self.cli.capture("ps", "--all", "--quiet", "--filter", f"label=edgeseg.checkout={self.folder}")

    def not_the_callers(self) -> "list[Path]":
        """Files in the clone that belong to somebody else."""
        owner = os.getuid() if self.user is None else self.user
        return [path for path in self.folder.rglob("*") if path.lstat().st_uid != owner]


def said(done: subprocess.CompletedProcess) -> str:
    return f"{done.args}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"


def place() -> Place:
    """A Place in a new folder, which is the caller's to remove. Raises MissingTool with the reason where there can be none."""
    cli = containers.find("docker")
    builder.program(cli)
    try:
        bases = stand_in_bases.make(cli.program)
    except stand_in_bases.Unavailable as why:
        raise MissingTool(f"no stand-in base images: {why}") from None
    above = Path(tempfile.mkdtemp(prefix="edgeseg-container-"))
    folder = above / "clone"
    clone(folder)
    if os.getuid() != 0:
        return Place(folder, cli, bases)
    socket = Path("/var/run/docker.sock")
    group = socket.stat().st_gid if socket.exists() else 0
    python = shutil.which("python3", path=SYSTEM)
    fits = python and subprocess.run([python, "-c", "import ensurepip, sys; sys.exit(sys.version_info < (3, 9))"], capture_output=True)
    if not group or not fits or fits.returncode:  # no group with a right to the engine, or no Python outside root's own folders
        return Place(folder, cli, bases)
    above.chmod(0o755)
    for path in (above, *above.rglob("*")):
        os.chown(path, CALLER, CALLER, follow_symlinks=False)
    return Place(folder, cli, bases, CALLER, (group,))


def clone(folder: Path) -> None:
    """What git would give a clean clone of the working tree as it is now, with nothing that was made in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def local(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """`python -m pipeline arguments` in `folder`, with the Python that runs the tests."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "pipeline", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, said(done)
    return done
