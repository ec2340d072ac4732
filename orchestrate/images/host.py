"""What a build needs of this machine's own settings: package indexes, proxies, certificates. They go in as BuildKit secrets.

A build argument would stand in the image's history, and an index's address may hold a password; a secret is a file that a build step sees
and no layer keeps, and it is no part of what BuildKit's cache compares, so another mirror builds nothing anew. What is handed in:

    secret pip         a pip.conf made from `pip config list`, so from pip.conf, PIP_INDEX_URL, PIP_PROXY and all the others
    secret npm         an .npmrc with the registry of NPM_CONFIG_REGISTRY or of ~/.npmrc
    secret apt         the proxies and checks of `apt-config dump`, where this machine has apt
    secret apt_mirror  EDGESEG_APT_MIRROR: a Debian mirror to take packages from, instead of the pinned day of snapshot.debian.org
    secret ca          the certificates that pip's `cert`, PIP_CERT, SSL_CERT_FILE or REQUESTS_CA_BUNDLE name

Paths of this machine mean nothing in a build: settings that are one (a folder of wheels, a file:// index) are left out, certificates are
handed over themselves. HTTP_PROXY, HTTPS_PROXY, NO_PROXY and ALL_PROXY are build arguments that docker and podman know by themselves and
keep out of the history. Builds use the host's network, since mirrors and proxies may be on localhost.
"""

import ast
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy")
MIRROR = "EDGESEG_APT_MIRROR"
_CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_PIP = ("index-url", "extra-index-url", "no-index", "proxy", "trusted-host", "timeout", "default-timeout", "retries", "find-links")
_APT = ("Acquire::http::", "Acquire::https::", "Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::ForceIPv")
_INSIDE = "/run/secrets/ca"


@contextlib.contextmanager
def secrets() -> Iterator[dict[str, Path]]:
    """Files with this machine's settings by secret's name, in a folder that only this user can read and that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="edgeseg-build-") as folder:  # made with mode 0700
        found = {}
        settings = pip_settings()
        certificates = _certificates(settings)
        texts = {
            "pip": pip_conf(settings, certificates is not None),
            "npm": npmrc(),
            "apt": apt_conf(certificates is not None),
            "apt_mirror": os.environ.get(MIRROR, ""),
        }
        for name, text in texts.items():
            if text:
                found[name] = Path(folder) / name
                found[name].write_text(text, encoding="utf-8")
        if certificates:
            found["ca"] = certificates
        yield found


def proxy_arguments() -> list[str]:
    """`--build-arg NAME` for each proxy variable that is set; the value is taken from the environment, not from the command line."""
    return [part for name in PROXIES if os.environ.get(name) for part in ("--build-arg", name)]


def pip_settings() -> dict[str, str]:
    """What `pip config list` says here, without the section names; the environment's word goes before the files'. Empty without pip."""
    done = subprocess.run([*_pip(), "config", "list"], capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    for line in done.stdout.splitlines() if done.returncode == 0 else []:
        key, separator, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if separator and (name not in found or section == ":env:"):
            with contextlib.suppress(ValueError, SyntaxError):
                found[name] = str(ast.literal_eval(value))
    return found


def _pip() -> list[str]:
    """A pip that is there: of this Python, else on PATH."""
    has = subprocess.run([sys.executable, "-c", "import pip"], capture_output=True, check=False).returncode == 0
    return [sys.executable, "-m", "pip"] if has or not shutil.which("pip3") else ["pip3"]


def pip_conf(settings: dict[str, str], certificates: bool) -> str:
    """A pip.conf with those of `settings` that mean something elsewhere."""
    lines = []
    for name, value in settings.items():
        kept = [part for part in value.split() if not part.startswith(("/", "file:", "~", "."))] if name in _PIP else []
        if kept:
            lines.append(f"{'timeout' if name == 'default-timeout' else name} = {' '.join(kept)}")
    lines += [f"cert = {_INSIDE}"] if certificates else []
    return "\n".join(["[global]", *lines, ""]) if lines else ""


def npmrc() -> str:
    """An .npmrc with the registry, if one is set here."""
    registry = next((value for key, value in os.environ.items() if key.upper() == "NPM_CONFIG_REGISTRY" and value), "")  # npm takes either
    settings = Path(os.environ.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc")
    if not registry and settings.is_file():
        for line in settings.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition("=")
            registry = value.strip() if key.strip() == "registry" else registry
    return f"registry={registry}\n" if registry else ""


def apt_conf(certificates: bool) -> str:
    """apt's own settings for getting files, where this machine has apt."""
    if not shutil.which("apt-config"):
        return ""
    dumped = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    lines = [line for line in dumped.splitlines() if line.startswith(_APT) and '"/' not in line and not line.endswith(' "";')]
    lines += [f'Acquire::https::CaInfo "{_INSIDE}";'] if certificates else []
    return "\n".join([*lines, ""]) if lines else ""


def _certificates(settings: dict[str, str]) -> "Path | None":
    """The file of certificates that this machine's settings name."""
    named = [settings.get("cert", ""), *(os.environ.get(name, "") for name in _CERTIFICATES)]
    return next((Path(path) for path in named if path and Path(path).is_file()), None)
