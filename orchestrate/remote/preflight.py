"""What a board must have before a bundle is sent there: one look, a verdict for each thing, and a remedy for each that is wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .contents import Contents
from .errors import BoardFailed, FrontDoorError, UnfitBundle
from .say import megabytes, say
from .ssh import Board

MARGIN = 32 << 20  # bytes beside the bundle: what the self-test writes, and room for the system to breathe
CLOCK = 120  # s that a clock may be off before it is worth a word
ARCHITECTURES = {"aarch64": {"aarch64", "arm64"}, "x86_64": {"x86_64", "amd64"}}


@dataclass(frozen=True)
class Verdict:
    """One thing that was looked at: "ok", "warning", "unfit" (the bundle is not for this board) or "failed" (the board must change)."""

    name: str
    level: str
    text: str
    remedy: str = ""

    def line(self) -> str:
        """As it is shown."""
        mark = {"ok": "ok", "warning": "WARNING"}.get(self.level, "NO")
        return f"  {mark:8}{self.name:13}{self.text}" + (f"\n{'':23}-> {self.remedy}" if self.remedy else "")


def probe(board: Board, folder: str, bundle: str = "") -> dict[str, str]:
    """What the board says of itself, by name; `folder` as the user gave it, `dir` in the answer is where that is. Changes nothing.

    `bundle`: id of what is to come there.
    """
    before = time.time()
    answer = board.script("preflight", folder, bundle or "none", limit=60)
    facts = dict(line.split("=", 1) for line in answer.text.splitlines() if "=" in line)
    facts["offset"] = str(round(int(facts.get("clock") or 0) - (before + time.time()) / 2))
    return facts


def judge(facts: dict[str, str], bundle: Contents) -> list[Verdict]:
    """A verdict for everything that matters to `bundle`."""
    return [
        _architecture(facts, bundle),
        _glibc(facts, bundle),
        *([_runtime(facts, bundle), _device(facts)] if bundle.accelerator == "edgetpu" else []),
        _space(facts, bundle),
        _rights(facts),
        _tools(facts),
        _clock(facts),
        _idle(facts),
    ]


def require(host: str, verdicts: list[Verdict]) -> None:
    """Show the verdicts; raise one error with everything that stands in the way (UnfitBundle if only another bundle would help)."""
    for verdict in verdicts:
        say(verdict.line()) if verdict.level != "ok" else None
    wrong = [verdict for verdict in verdicts if verdict.level in ("unfit", "failed")]
    if not wrong:
        say(f"{host}: " + ", ".join(f"{v.name} {v.text}" for v in verdicts if v.level == "ok"))
        return
    kind: type[FrontDoorError] = UnfitBundle if wrong[0].level == "unfit" else BoardFailed
    raise kind(f"{host}: nothing was changed: " + "; ".join(f"{v.name}: {v.text}: {v.remedy}" for v in wrong))


def _architecture(facts: dict[str, str], bundle: Contents) -> Verdict:
    has = facts.get("arch", "")
    if has in ARCHITECTURES.get(bundle.arch, {bundle.arch}):
        return Verdict("architecture", "ok", has)
    return Verdict("architecture", "unfit", f"the board is {has}, the bundle's programs are for {bundle.arch}", _rebuild(facts))


def _rebuild(facts: dict[str, str]) -> str:
    target = {"aarch64": "mendel", "x86_64": "native"}.get(facts.get("arch", ""))
    if target is None:
        return "there is no target for it; a 64-bit system is needed"
    return f"`invoke build-device --target {target} && invoke bundle --run RUN --target {target}`"


def _glibc(facts: dict[str, str], bundle: Contents) -> Verdict:
    has = facts.get("glibc", "")
    if not has:
        return Verdict("glibc", "unfit", f"the board has none (musl?), {bundle.glibc} is needed", "a Debian, Mendel or Raspberry Pi OS")
    if _numbers(has) < _numbers(bundle.glibc):
        return Verdict("glibc", "unfit", f"{has} is older than the {bundle.glibc} that the programs need",
                       "update the board's system (Mendel 5 and Debian 10 have 2.28)")  # fmt: skip
    return Verdict("glibc", "ok", has)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _runtime(facts: dict[str, str], bundle: Contents) -> Verdict:
    path, version = facts.get("edgetpu", ""), facts.get("edgetpu_package", "")
    install = "on the board, as root: `sudo apt-get update && sudo apt-get install libedgetpu1-std`"
    if not path:
        return Verdict("libedgetpu", "failed", "libedgetpu.so.1 is not there, and the bundle's model is compiled for the Edge TPU", install)
    if not version:
        return Verdict("libedgetpu", "ok", f"{facts.get('edgetpu_file') or path} (not from a package)")
    # Releases 12 and 13 brought the runtime of the same number, 16 brings runtime 14: the package's number is never below the runtime's.
    if bundle.runtime and _numbers(version)[:1] < (bundle.runtime,):
        return Verdict("libedgetpu", "failed", f"{version} at {path} is too old, the model asks for runtime {bundle.runtime}", install)
    return Verdict("libedgetpu", "ok", f"{version} at {path}")


def _device(facts: dict[str, str]) -> Verdict:
    if facts.get("device"):
        return Verdict("Edge TPU", "ok", facts["device"])
    return Verdict("Edge TPU", "warning", "none is seen on USB or PCI; the self-test will tell", "check its power and cable; `lsusb`")


def _space(facts: dict[str, str], bundle: Contents) -> Verdict:
    kib = {name: int(facts.get(f"{name}_kib") or 0) for name in ("free", "arrived", "released", "incoming")}
    free = 1024 * (kib["free"] + kib["incoming"] - kib["arrived"])  # uploads of other bundles that were broken off make way
    needed = max(0, bundle.bytes - 1024 * max(kib["arrived"], kib["released"])) + MARGIN
    if free < needed:
        return Verdict("space", "failed", f"{megabytes(free)} free at {facts.get('near')}, {megabytes(needed)} needed",
                       f"remove old scenes and results below {facts.get('dir')}, or give --dir on a larger card")  # fmt: skip
    return Verdict("space", "ok", f"{megabytes(free)} free")


def _rights(facts: dict[str, str]) -> Verdict:
    if facts.get("write") == "yes":
        return Verdict("rights", "ok", f"{facts.get('user')} may write {facts.get('dir')}")
    at = facts.get("write", "no ")[3:]
    return Verdict("rights", "failed", f"{facts.get('user')} may not write {at}",
                   f"give a --dir below the home folder, or on the board, as root: `sudo chown -R {facts.get('user')} '{at}'`")  # fmt: skip


def _tools(facts: dict[str, str]) -> Verdict:
    if facts.get("missing"):
        return Verdict("tools", "failed", f"{facts['missing']} not on the board",
                       "on the board, as root: `sudo apt-get install coreutils util-linux findutils grep sed procps`")  # fmt: skip
    extras = [f"{name} {facts[name]}" if facts.get(name) else f"no {name}" for name in ("rsync", "python3")]
    return Verdict("tools", "ok", ", ".join(extras))


def _clock(facts: dict[str, str]) -> Verdict:
    offset = int(facts.get("offset", 0))
    if abs(offset) <= CLOCK:
        return Verdict("clock", "ok", f"{offset:+d} s")
    side = "ahead of" if offset > 0 else "behind"
    text = f"{abs(offset)} s {side} this machine's: times in lists will be wrong, and TLS (apt) may fail there"
    remedy = f"on the board, as root: `sudo timedatectl set-ntp true`, or without a network `sudo date -s @{int(time.time())}`"
    return Verdict("clock", "warning", text, remedy)


def _idle(facts: dict[str, str]) -> Verdict:
    if facts.get("running"):
        return Verdict("idle", "failed", f"a scene is being run ({facts['running']})", "wait until it is done")
    return Verdict("idle", "ok", "no scene is being run")
