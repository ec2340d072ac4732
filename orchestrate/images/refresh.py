"""Asks the registries which digest a base image's tag has today, over their plain HTTP interface, and writes docker/bases.toml."""

import datetime
import hashlib
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from .. import ROOT
from ..errors import MissingTool, WrongUsage
from . import bases

# A list of platforms before the manifest of one: a digest has to serve every platform.
_KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_HUB = ("docker.io", "registry-1.docker.io")  # the name that people write, and the host that answers
_SECONDS = 30
_LOCAL = re.compile(r"^(localhost|127\.0\.0\.1)(:\d+)?$")


def refresh(names: "list[str]", root: Path = ROOT) -> "list[tuple[str, str, str]]":
    """Write today's digests of the bases `names` (all where empty), and with all of them today as Debian's snapshot.

    Returns (name, digest before, digest now) for each. The file changes when every registry has answered, or not at all. Raises WrongUsage
    for a name that is not there, MissingBase for a registry or tag that is not.
    """
    pinned = bases.read(root)
    if unknown := [name for name in names if name not in pinned]:
        raise WrongUsage(f"base {unknown[0]}: no such base; there are {', '.join(pinned)}")
    path = root / bases.FILE
    text, changed = path.read_text(encoding="utf-8"), []
    for name in names or list(pinned):
        digest = ask(pinned[name].reference)
        text = _replaced(text, name, "digest", digest)
        changed.append((name, pinned[name].digest, digest))
    if not names:
        text = _replaced(text, "apt", "snapshot", f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT000000Z}")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return changed


def ask(reference: str) -> str:
    """The digest (sha256:...) that the registry of `reference` (host/repository:tag) has for its tag, computed from what it sends."""
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    if not repository or "." not in host and ":" not in host and host != "localhost":
        raise WrongUsage(f"{reference}: a base is written as host/repository:tag")
    server = _HUB[1] if host == _HUB[0] else host
    scheme = "http" if _LOCAL.match(server) else "https"  # as docker has it: a registry on this machine needs no certificate
    address = f"{scheme}://{server}/v2/{repository}/manifests/{tag}"
    try:
        body = _get(address, repository)
    except urllib.error.HTTPError as error:
        raise bases.MissingBase(f"{reference}: its registry answered {error.code} ({error.reason})") from None
    except OSError as error:
        raise bases.MissingBase(f"{reference}: its registry cannot be reached ({getattr(error, 'reason', error)})") from None
    kind = json.loads(body).get("mediaType", "")
    if kind not in _KINDS:
        raise bases.MissingBase(f"{reference}: its registry answered with {kind or 'something that is no manifest'}")
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _get(address: str, repository: str) -> bytes:
    """The manifest at `address`; where the registry asks for a token, an anonymous one is fetched first."""
    headers = {"Accept": ", ".join(_KINDS)}
    try:
        return _read(address, headers)
    except urllib.error.HTTPError as error:
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', error.headers.get("WWW-Authenticate", ""))) if error.code == 401 else {}
        if "realm" not in wanted:
            raise
    question = urllib.parse.urlencode({"service": wanted.get("service", ""), "scope": f"repository:{repository}:pull"})
    answer = json.loads(_read(f"{wanted['realm']}?{question}", {}))
    token = answer.get("token") or answer.get("access_token") or ""
    return _read(address, {**headers, "Authorization": f"Bearer {token}"})


def _read(address: str, headers: "dict[str, str]") -> bytes:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=_SECONDS) as reply:
        return reply.read()


def _replaced(text: str, section: str, key: str, value: str) -> str:
    """`text` (TOML) with a new value for `key` of `section`; everything else, comments too, stays as it is."""
    pattern = re.compile(rf'(^\[{re.escape(section)}\]\n(?:(?!\[).*\n)*?{key} = )"[^"]*"', re.MULTILINE)
    changed, count = pattern.subn(lambda match: f'{match[1]}"{value}"', text)
    if count != 1:
        raise MissingTool(f"{bases.FILE}: [{section}] has no {key} to write to")
    return changed
