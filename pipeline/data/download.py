"""Download one large file over HTTP so that an interrupted download goes on where it stopped, and what arrives is what was offered."""

import base64
import errno
import fcntl
import hashlib
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import DataError, MissingToolError
from ..files import write_json
from ..progress import bar, say

CHUNK = 1 << 20
TRIES = 5  # connections in a row that bring nothing new before giving up
TIMEOUT = 60.0  # seconds without a byte
PAUSE = 2.0  # seconds before the second try, doubled for each one after


@dataclass(frozen=True)
class _Offer:
    """What the server says of the whole file: size in bytes, a tag that changes with its content, its MD5 in hexadecimal."""

    size: int | None
    tag: str | None
    md5: str | None


def download(url: str, path: Path, user: str, key: str) -> None:
    """Fetch `url` (HTTP basic authentication) to `path`, which appears when it is complete and its size (and MD5, where told) is right.

    What has arrived is kept beside it in `<path>.part` and reused by the next call if the server still offers the same file. Raises
    MissingToolError where the credentials are refused, the server cannot be reached or the disk is too small, DataError where there is
    no such file or it is not what was announced.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    except OSError as why:
        raise MissingToolError(f"{part}: cannot be written: {why.strerror}") from None
    with open(part, "ab") as out:
        try:
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MissingToolError(f"{part}: another process is downloading this file; wait for it or stop it") from None
        offer = _collect(url, out, part, user, key)
        out.flush()
        os.fsync(out.fileno())
        if offer.md5 and _md5(part) != offer.md5:
            _start_over(out, part)
            raise DataError(f"{url}: the download is damaged (its MD5 is not the announced {offer.md5}); it was removed, run again")
        os.replace(part, path)
        _about(part).unlink(missing_ok=True)


def _collect(url: str, out: BinaryIO, part: Path, user: str, key: str) -> _Offer:
    """Connect until the whole file is in `out`."""
    tries = 0
    while True:
        before = out.tell()
        if before:
            say(f"going on after {before / 2**20:.1f} MiB that are here already")
        try:
            offer, complete = _connect(url, out, part, user, key)
        except (OSError, http.client.HTTPException) as why:  # urllib's URLError and every timeout are OSErrors
            if getattr(why, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
                raise MissingToolError(f"{part}: cannot be written: {why.strerror}; what has arrived is kept") from None
            offer, complete, reason = None, False, str(getattr(why, "reason", None) or why or type(why).__name__)
        else:
            reason = "the connection ended early"
        if complete and offer is not None:
            return offer
        tries = 1 if out.tell() > before else tries + 1
        if tries >= TRIES:
            raise MissingToolError(f"{url}: {reason}, {TRIES} times in a row; what has arrived is kept: run again to go on")
        time.sleep(PAUSE * 2 ** (tries - 1))


def _connect(url: str, out: BinaryIO, part: Path, user: str, key: str) -> tuple[_Offer, bool]:
    """One connection: append what comes to `out`; tells whether the file is complete now."""
    have = out.tell()
    known = _known(part)
    request = urllib.request.Request(url, headers={"User-Agent": "edgeseg", "Accept-Encoding": "identity"})
    # Kaggle redirects to a storage host with a signed address; the key must not travel there.
    request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode())
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as refusal:
        with refusal:
            if refusal.code == 416 and have:  # nothing lies behind what we have: either it is all, or it is of another file
                if _total(refusal.headers) == have and known is not None and known.size == have:
                    return known, True
                _start_over(out, part)
                return _connect(url, out, part, user, key)
            raise _refused(url, refusal) from None
    with response:
        offer = _offered(response)
        if have and (response.status != 206 or not _continues(response, offer, known, have)):
            if response.status == 206:  # the rest of some other file: ask anew from its start
                _start_over(out, part)
                return _connect(url, out, part, user, key)
            say("the server does not continue downloads or offers another file by now: starting again")
            _start_over(out, part)
        elif response.status not in (200, 206):
            raise DataError(f"{url}: unexpected answer {response.status}")
        write_json(_about(part), {"size": offer.size, "tag": offer.tag, "md5": offer.md5})
        _room(part, (offer.size or 0) - out.tell())
        _copy(response, out, offer.size)
    if offer.size is not None and out.tell() > offer.size:
        _start_over(out, part)
        raise DataError(f"{url}: more bytes came than the {offer.size} announced; the download was removed, run again")
    return offer, offer.size is None or out.tell() == offer.size


def _copy(response: http.client.HTTPResponse, out: BinaryIO, size: int | None) -> None:
    with bar() as progress:
        shown = progress.add_task("downloading (MiB)", total=None if size is None else size / 2**20, completed=out.tell() / 2**20)
        try:
            while chunk := response.read(CHUNK):
                out.write(chunk)
                progress.update(shown, completed=out.tell() / 2**20)
        except http.client.IncompleteRead as end:  # what did come is good
            out.write(end.partial)
        finally:
            out.flush()


def _continues(response: http.client.HTTPResponse, offer: _Offer, known: _Offer | None, have: int) -> bool:
    """Whether a partial answer starts where our part ends, and is of the same file."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return bool(found) and int(found[1]) == have and known is not None and (offer.size, offer.tag) == (known.size, known.tag)


def _offered(response: http.client.HTTPResponse) -> _Offer:
    headers = response.headers
    size = _total(headers)
    if size is None and response.status == 200 and headers.get("Content-Length", "").isdigit():
        size = int(headers["Content-Length"])
    found = re.search(r"md5=([A-Za-z0-9+/=]+)", " ".join(headers.get_all("x-goog-hash", [])))
    encoded = found[1] if found else headers.get("Content-MD5")  # of a partial answer, Content-MD5 is the part's
    if response.status == 206 and not found:
        encoded = None
    try:
        md5 = base64.b64decode(encoded, validate=True).hex() if encoded else None
    except ValueError:
        md5 = None
    return _Offer(size, headers.get("ETag"), md5)


def _total(headers: http.client.HTTPMessage) -> int | None:
    found = re.search(r"/(\d+)\s*$", headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _refused(url: str, refusal: urllib.error.HTTPError) -> Exception:
    if refusal.code in (401, 403):
        return MissingToolError(
            f"{url}: refused ({refusal.code}): make a new API token in your Kaggle settings, and if the dataset's page asks you to accept "
            "its terms, do so there"
        )
    if refusal.code == 404:
        return DataError(f"{url}: no such dataset on the server (404); download it by hand and give the archive instead")
    if refusal.code == 429 or refusal.code >= 500:
        return ConnectionError(f"the server answers {refusal.code} {refusal.reason}")  # passes with time: tried again
    return DataError(f"{url}: the server answers {refusal.code} {refusal.reason}")


def _room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise MissingToolError(f"{part.parent}: the download needs {needed / 2**30:.1f} GiB more and {free / 2**30:.1f} GiB are free")


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _about(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _known(part: Path) -> _Offer | None:
    """What an earlier connection was told of the file that `part` is a part of."""
    try:
        return _Offer(**json.loads(_about(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _start_over(out: BinaryIO, part: Path) -> None:
    out.truncate(0)
    out.seek(0)
    _about(part).unlink(missing_ok=True)
