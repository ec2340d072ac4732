"""What OpenSSH said when it came to nothing, as one line with the remedy."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from .errors import ChangedHostKey, CutOff, NoBoard, UnknownHostKey

_KEY = "ssh_host_ed25519_key.pub"


def explain(host: str, said: str, settings: dict[str, str], config: Path | None = None, cut: bool = False) -> NoBoard:
    """The error for what ssh `said` on stderr; `settings` as `ssh -G` gives them, `cut`: there was a connection before."""
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said or "Offending" in said and "host key" in said.lower():
        return ChangedHostKey(
            f"{host}: REFUSED, its host key is not the one that is known: the board was set up afresh, or something else answers in its "
            f"place. If you know why it changed: `{forget(settings)}`, then {introduce(host, settings, config)}"
        )
    if "Host key verification failed" in said or "host key is known" in said:
        return UnknownHostKey(f"{host}: REFUSED, its host key is not known yet: {introduce(host, settings, config)}")
    kind = CutOff if cut else NoBoard
    where = f"{settings.get('hostname', host)} port {settings.get('port', '22')}"
    if "Permission denied" in said:
        user = settings.get("user", "?")
        return NoBoard(
            f"{host}: does not let {user} in by key: `ssh-copy-id {host}` puts yours there (a fresh Dev Board takes keys over USB only: "
            f"`mdt pushkey ~/.ssh/id_ed25519.pub`); a key with a passphrase must be in your agent (`ssh-add`)"
        )
    if "Could not resolve hostname" in said:
        return kind(f"{host}: no such host; its name is in neither your ssh config nor the network's names (`mdt devices` lists boards)")
    if "Connection refused" in said:
        return kind(f"{host}: {where} refuses connections: is that its address, and does sshd run there?")
    if re.search("timed out|No route to host|Network is unreachable|not responding", said):
        return kind(f"{host}: {where} does not answer: is it on and in this network?")
    if "Bad configuration option" in said or "configuration file" in said or "Bad owner or permissions" in said:
        return NoBoard(f"{host}: ssh cannot read its config: {_last(said)}")
    if cut or re.search("closed by|Connection reset|Broken pipe|kex_exchange_identification|read from master failed", said):
        return CutOff(f"{host}: the connection broke ({_last(said)})")
    return NoBoard(f"{host}: ssh failed: {_last(said)}")


def introduce(host: str, settings: dict[str, str], config: Path | None) -> str:
    """How the fingerprint is compared and the key made known; by ssh itself where only it finds the way (jump hosts)."""
    compare = f"compare what it shows with `ssh-keygen -lf /etc/ssh/{_KEY}` at the board's own console"
    if any(settings.get(way, "none") not in ("none", "") for way in ("proxyjump", "proxycommand")):
        of = f"-F {shlex.quote(str(config))} " if config else ""
        return f"`ssh {of}-o StrictHostKeyChecking=ask {host} true` asks; {compare} before you say yes"
    scan = f"ssh-keyscan -t ed25519 -p {settings.get('port', '22')} {settings.get('hostname', host)}"
    alias = settings.get("hostkeyalias", "none")
    rename = "" if alias in ("none", "") else f" | sed 's/^[^ ]*/{alias}/'"
    return f"`{scan} | ssh-keygen -lf -`; {compare}; if they agree: `{scan}{rename} >> {_known(settings)}`"


def forget(settings: dict[str, str]) -> str:
    """The command that removes the key that was known."""
    name, port, alias = settings.get("hostname", ""), settings.get("port", "22"), settings.get("hostkeyalias", "none")
    known = alias if alias not in ("none", "") else name if port == "22" else f"[{name}]:{port}"
    return f"ssh-keygen -R {shlex.quote(known)} -f {_known(settings)}"


def _known(settings: dict[str, str]) -> str:
    """The user's first file of known hosts, fit for a shell."""
    first = settings.get("userknownhostsfile", "~/.ssh/known_hosts").split(" ")[0]
    return first if first.startswith("~/") else shlex.quote(first)


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
