"""Unpack an archive that may be damaged or hostile: all of it or nothing, and nothing outside the folder it is meant for."""

import contextlib
import gzip
import hashlib
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ..errors import DataError, MissingToolError
from ..progress import bar, track

CHUNK = 1 << 20
# Far above any dataset (38-Cloud: 13 GB in 90,000 files, the largest a scene of some hundred MB), far below what fills a machine unnoticed.
MAX_FILE = 4 << 30
MAX_TOTAL = 256 << 30
MAX_FILES = 2_000_000


@dataclass(frozen=True)
class Member:
    """One entry of an archive; `kind` is "file", "folder" or what else it is."""

    name: str
    size: int
    kind: str


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    blocks = -(-path.stat().st_size // CHUNK)
    with open(path, "rb") as file:
        for chunk in track(iter(lambda: file.read(CHUNK), b""), "sha256 (MiB)", blocks):
            digest.update(chunk)
    return digest.hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip, .tar or .tar.gz into `folder`, which exists and is empty; its names and sizes are looked through first.

    Raises DataError where the archive is damaged (every checksum it carries is checked) or holds links, devices, encrypted files, names
    that lead out of the folder or come twice, or sizes that no dataset has; MissingToolError where the disk is too small.
    """
    archive = Path(archive)
    try:
        with _entries(archive) as entries:
            members = [member for member, _ in track(entries, "looking through")]
        total = _judge(archive, members)
        # A file takes whole blocks of the disk, 4 KiB nearly everywhere.
        needed = sum(-(-member.size // 4096) * 4096 for member in members)
        free = shutil.disk_usage(folder).free
        if needed > free:
            what = f"unpacking {archive.name} needs {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free"
            raise MissingToolError(f"{folder.parent}: {what}; make room or name a folder on another disk")
        with _entries(archive) as entries, bar() as progress:
            shown = progress.add_task("unpacking (MiB)", total=total / 2**20)
            for member, content in entries:
                _place(folder, member, content)
                progress.advance(shown, member.size / 2**20)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, NotImplementedError, RuntimeError) as why:
        raise DataError(f"{archive}: a damaged archive ({why}); get it again") from None
    except FileExistsError as why:
        raise DataError(f"{archive}: {why.filename} is there already; two of its names, or two archives, mean the same file") from None
    except OSError as why:
        raise MissingToolError(f"{why.filename or folder}: {why.strerror or why} while unpacking {archive.name}") from None


@contextlib.contextmanager
def _entries(archive: Path) -> Iterator[Iterator[tuple[Member, BinaryIO | None]]]:
    """The members in their order, each with its content to read before the next is asked for (None where it is no file)."""
    if not archive.is_file():
        raise DataError(f"{archive}: no such archive")
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield _zip_entries(file)
        return
    with open(archive, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.open(raw) if packed else contextlib.nullcontext(raw) as plain:
            try:
                with tarfile.open(fileobj=plain, mode="r|") as file:
                    yield _tar_entries(file, plain)
            except tarfile.ReadError as why:
                raise DataError(f"{archive}: neither a readable .zip nor a .tar or .tar.gz ({why})") from None


def _zip_entries(file: zipfile.ZipFile) -> Iterator[tuple[Member, BinaryIO | None]]:
    for info in file.infolist():
        mode = info.external_attr >> 16
        kind = "folder" if info.is_dir() else "file"
        if info.flag_bits & 1:
            kind = "an encrypted file"
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            kind = "a link or device"
        member = Member(info.orig_filename, info.file_size, kind)
        if kind == "file":
            with file.open(info) as content:
                yield member, content
        else:
            yield member, None


def _tar_entries(file: tarfile.TarFile, plain: BinaryIO) -> Iterator[tuple[Member, BinaryIO | None]]:
    for info in file:
        kind = "file" if info.isreg() else "folder" if info.isdir() else "a link or device"
        yield Member(info.name, info.size, kind), file.extractfile(info) if kind == "file" else None
    while plain.read(CHUNK):  # gzip keeps its checksum at the end, behind what tar needs to see
        pass


def _judge(archive: Path, members: list[Member]) -> int:
    """The bytes of all files together; DataError on anything a dataset does not hold."""
    seen: set[str] = set()
    for member in members:
        path = PurePosixPath(member.name)
        if not member.name.strip("/.") or path.is_absolute() or ".." in path.parts or any(bad in member.name for bad in "\\\0:"):
            if member.kind == "folder" and path.parts == ():  # "./", as tar writes the folder it was made in
                continue
            raise DataError(f"{archive}: {member.name!r} leads out of the folder it is unpacked to; refused")
        if member.kind not in ("file", "folder"):
            raise DataError(f"{archive}: {member.name!r} is {member.kind}; refused")
        if member.kind == "file" and (str(path) in seen):
            raise DataError(f"{archive}: {member.name!r} is in it twice; refused")
        if member.size > MAX_FILE:
            raise DataError(f"{archive}: {member.name!r} unpacks to {member.size / 2**30:.1f} GiB, as no file of a dataset does; refused")
        if member.kind == "file":
            seen.add(str(path))
    total = sum(member.size for member in members)
    if total > MAX_TOTAL or len(members) > MAX_FILES:
        raise DataError(f"{archive}: unpacks to {total / 2**30:.0f} GiB in {len(members)} files, more than any dataset; refused")
    if not seen:
        raise DataError(f"{archive}: an archive without files")
    return total


def _place(folder: Path, member: Member, content: BinaryIO | None) -> None:
    path = folder.joinpath(*PurePosixPath(member.name).parts)
    if content is None:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as out:
        shutil.copyfileobj(content, out, CHUNK)
    if os.path.getsize(path) != member.size:
        raise EOFError(f"{member.name} is cut short")
