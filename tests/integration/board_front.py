"""The commands a user gives, against a virtual board of these tests' own (EDGESEG_CACHE: where its keys are), and a look at the board."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from orchestrate import containers
from orchestrate.errors import MissingTool

ROOT = Path(__file__).resolve().parents[2]
# Which processes serve connections; under QEMU their titles stay those of the program they came from.
CUT = """for process in /proc/[0-9]*; do
    case $(tr "\\0" " " <$process/cmdline 2>/dev/null) in *[s]shd*) [ $process = /proc/1 ] || kill -9 ${process#/proc/} ;; esac
done"""
LEFT = {"current", "releases", "incoming", "scenes", "results", ".lock", ".lock.beat", ".run", ".run.holder"}  # docs/board.md


@dataclass
class Front:
    """`cache`: the folder with virtual-board/; `more`: further variables, for base images."""

    cache: Path
    more: "dict[str, str]" = field(default_factory=dict)
    engine: "containers.Cli | None" = None

    def command(self, *words: str) -> "list[str]":
        return ["sh", str(ROOT / "orchestrate" / "invoke.sh"), *words]

    def environment(self) -> "dict[str, str]":
        return {**os.environ, **self.more, "EDGESEG_CACHE": str(self.cache), "TMPDIR": str(self.cache)}

    def invoke(self, *words: str, code: "int | None" = 0, timeout: float = 600) -> subprocess.CompletedProcess:
        """Run `invoke words`; `code` is what it must end with (None: anything)."""
        done = subprocess.run(self.command(*words), env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout)  # fmt: skip
        assert code is None or done.returncode == code, f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words: str) -> subprocess.Popen:
        return subprocess.Popen(self.command(*words), env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)  # fmt: skip

    def shell(self, script: str, data: bytes = b"", code: int = 0, timeout: float = 120) -> bytes:
        """What `script` prints on the board."""
        config = self.cache / "virtual-board" / "ssh_config"
        command = ["ssh", "-F", str(config), "-o", "BatchMode=yes", "board", "--", script]
        done = subprocess.run(command, input=data, capture_output=True, timeout=timeout)
        assert done.returncode == code, f"{script}: {done.returncode} {done.stdout!r} {done.stderr!r}"
        return done.stdout

    def inside(self, *command: str) -> str:
        """Run `command` as root in the virtual board, past ssh."""
        return self.engine.capture("exec", f"{self.container()}", *command)

    def container(self) -> str:
        from orchestrate.virtual_board import VirtualBoard

        return VirtualBoard(self.engine, self.cache / "virtual-board").name

    def cut(self) -> None:
        """Break every connection to the virtual board at once."""
        subprocess.run(self.engine.command("exec", self.container(), "sh", "-c", CUT), capture_output=True)

    def put(self, folder: Path, to: str) -> None:
        """Copy `folder` to the board as `to`."""
        packed = subprocess.run(["tar", "-C", str(folder), "-cf", "-", "."], capture_output=True, check=True).stdout
        self.shell(f"rm -rf {to} && mkdir -p {to} && tar -C {to} -xf -", packed)

    def works(self, folder: str) -> str:
        """The release that runs in `folder`; fails unless it is whole, and its programs give its golden output."""
        script = f"""cd {folder} && readlink current && cd current && sha256sum -c --quiet .board/sums && out=$(mktemp -d) &&
            bin/inference --device cpu --model model/int8.tflite --scene golden/scene --out $out/r >$out/log 2>&1 &&
            cmp $out/r/*.bin golden/output.bin && rm -r $out"""
        return self.shell(script).decode().strip().removeprefix("releases/")

    def left_over(self, folder: str) -> "set[str]":
        """What lies there beyond what docs/board.md says of a deploy that ended well."""
        listed = self.shell(f"cd {folder} && ls -A && ls -A incoming | sed 's|^|incoming/|'").decode().split()
        return set(listed) - LEFT

    def releases(self, folder: str) -> "list[str]":
        return self.shell(f"ls {folder}/releases").decode().split()


def virtual(cache: Path) -> Front:
    """A Front whose virtual board is up; MissingTool with the reason where there can be none. `down` is the caller's."""
    engine = _engine()
    front = Front(cache, engine=engine)
    done = front.invoke("board.up", code=None, timeout=1800)
    if done.returncode == 4 and "cannot be pulled" in done.stderr:
        import stand_in_bases

        try:
            front.more = stand_in_bases.make(engine.program, only=("BOARD_ARM64",))
        except stand_in_bases.Unavailable as why:
            raise MissingTool(str(why)) from None
        done = front.invoke("board.up", code=None, timeout=1800)
    if done.returncode == 4 and "do not run here" in done.stderr:  # no QEMU registered with the kernel
        raise MissingTool(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return front


def _engine() -> containers.Cli:
    """The container engine that `invoke board up` would take."""
    reasons = []
    for name in containers.NAMES:
        try:
            return containers.find(name)
        except MissingTool as why:
            reasons.append(str(why))
    raise MissingTool("; ".join(reasons))


def programs(target: str) -> None:
    """out/`target`, built where it is missing, by the user's own command (which needs the cache that is everybody's)."""
    from orchestrate import bundle

    def build(wanted: str) -> None:
        command = ["sh", str(ROOT / "orchestrate" / "invoke.sh"), "build-device", "--target", wanted]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 4:
            raise MissingTool(done.stderr.strip().splitlines()[-1])
        assert done.returncode == 0, done.stderr

    bundle.built(target, build)


def missing(*tools: str) -> "list[str]":
    """Those of `tools` that are not on PATH."""
    return [tool for tool in tools if shutil.which(tool) is None]
