"""Archives pinned by hash in toolchains/pins.json: fetched through the registries' own clients, kept in .cache, unpacked once."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from . import ROOT, toolchain
from .device_files import CACHE, WrongArchive, alone, digest, remove, whole
from .errors import FrontDoorError, MissingTool

PINS = ROOT / "toolchains" / "pins.json"
LOCAL = "EDGESEG_ARCHIVES"  # a folder that holds the archives under their own names, for machines without a network


def pin(name: str) -> dict:
    """The entry of `name` in toolchains/pins.json."""
    return json.loads(PINS.read_text(encoding="utf-8"))[name]


def verify(path: Path, integrity: str) -> None:
    """Raise WrongArchive unless the file at `path` has the hash `integrity` (`sha256-` or `sha512-` and base64, as npm writes it)."""
    kind, _, wanted = integrity.partition("-")
    found = base64.b64encode(digest(path, kind)).decode()
    if found != wanted:
        raise WrongArchive(f"{path}: its {kind} is {found}, pinned is {wanted}; delete it and fetch it again from a source you trust")


def archive(name: str, local: "Path | None" = None) -> Path:
    """The verified archive of `name`: `local` (a path) where given, else the folder EDGESEG_ARCHIVES, else .cache, else its registry."""
    entry = pin(name)
    kept = CACHE / "archives" / entry["file"]
    folder = os.environ.get(LOCAL)
    for path in (local, Path(folder) / entry["file"] if folder else None, kept):
        if path is not None and (path == local or path.is_file()):
            if not path.is_file():
                raise WrongArchive(f"{path}: no such archive; {name} is {entry['file']}")
            verify(path, entry["integrity"])
            return path
    with tempfile.TemporaryDirectory() as folder:
        fetched = _fetch(entry, Path(folder))
        verify(fetched, entry["integrity"])
        with whole(kept) as partial:
            shutil.copyfile(fetched, partial)
    return kept


def unpacked(name: str, local: "Path | None" = None) -> Path:
    """The folder .cache/sources/<name> with what the pin keeps of its archive; unpacked again whenever the pin changes."""
    entry = pin(name)
    folder, mark = CACHE / "sources" / name, CACHE / "sources" / f"{name}.pin"

    def there() -> bool:
        return folder.is_dir() and mark.is_file() and mark.read_text(encoding="utf-8") == entry["integrity"]

    if not there():
        with alone(folder):
            if not there():  # the one that was waited for may have made it
                _unpack(archive(name, local), entry["keep"], folder, mark)
                mark.write_text(entry["integrity"], encoding="utf-8")
    return folder


def _unpack(source: Path, keep: str, folder: Path, mark: Path) -> None:
    """What begins with `keep` in the archive `source`, as `folder`; `mark` goes first, since what it vouches for does."""
    remove(mark)
    with whole(folder) as partial, tarfile.open(source) as tar:
        partial.mkdir()
        for member in tar:
            inside = member.name.removeprefix(keep)
            if inside == member.name or not inside or not member.isfile():
                continue
            target = (partial / inside).resolve()
            if not target.is_relative_to(partial.resolve()):
                raise WrongArchive(f"{source}: {member.name} points out of its folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            with tar.extractfile(member) as data, open(target, "wb") as out:  # type: ignore[union-attr]
                shutil.copyfileobj(data, out)
            target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _fetch(entry: dict, folder: Path) -> Path:
    """Download `entry` into `folder` from wherever this machine's npm, pip or proxy settings point."""
    try:
        if "npm" in entry:
            return _npm(entry, folder)
        if "pypi" in entry:
            return _pypi(entry, folder)
        with urllib.request.urlopen(entry["url"], timeout=60) as reply, open(folder / entry["file"], "wb") as out:
            shutil.copyfileobj(reply, out)
        return folder / entry["file"]
    except (OSError, subprocess.CalledProcessError) as why:
        said = getattr(why, "stderr", None) or str(why)
        raise MissingTool(
            f"{entry['file']}: could not be fetched ({said.strip().splitlines()[-1] if said.strip() else 'no reason given'}); "
            f"set {LOCAL} to a folder that holds it"
        ) from None


def _npm(entry: dict, folder: Path) -> Path:
    if shutil.which("npm"):
        run = ["npm", "pack", "--silent", "--pack-destination", str(folder), entry["npm"]]
        subprocess.run(run, check=True, capture_output=True, text=True, cwd=folder)
        return folder / entry["file"]
    registry = _npm_registry()
    package, _, _ = entry["npm"].partition("@")
    with urllib.request.urlopen(f"{registry.rstrip('/')}/{package}/-/{entry['file']}", timeout=60) as reply:
        (folder / entry["file"]).write_bytes(reply.read())
    return folder / entry["file"]


def _npm_registry() -> str:
    """The registry that npm would use, for machines that have its settings but not npm itself."""
    for key in ("NPM_CONFIG_REGISTRY", "npm_config_registry"):
        if os.environ.get(key):
            return os.environ[key]
    settings = Path(os.environ.get("NPM_CONFIG_USERCONFIG", Path.home() / ".npmrc"))
    for line in settings.read_text(encoding="utf-8").splitlines() if settings.is_file() else []:
        key, _, value = line.partition("=")
        if key.strip() == "registry":
            return value.strip()
    raise MissingTool(f"npm is not there: install it, or set NPM_CONFIG_REGISTRY, or set {LOCAL} to a folder that holds the archives")


def _pypi(entry: dict, folder: Path) -> Path:
    kind, _, wanted = entry["integrity"].partition("-")
    wanted_file = folder / "wanted.txt"
    wanted_file.write_text(f"{entry['pypi']} --hash={kind}:{base64.b64decode(wanted).hex()}\n", encoding="utf-8")
    run = [
        str(toolchain.python()),
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-binary",
        ":all:",
        "--no-build-isolation",
        "--require-hashes",
        "--dest",
        str(folder),
        "-r",
        str(wanted_file),
    ]
    subprocess.run(run, check=True, capture_output=True, text=True)
    return folder / entry["file"]


def main(names: list[str]) -> int:
    """`python -m orchestrate.pins NAME ...`: have these unpacked in the cache, for an image that is to need no network later."""
    try:
        for name in names:
            print(f"edgeseg: {name}: {unpacked(name)}", file=sys.stderr)
    except FrontDoorError as error:
        print(f"edgeseg: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
