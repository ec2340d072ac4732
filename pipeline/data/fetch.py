"""Get 38-Cloud or 95-Cloud: from Kaggle, or out of an archive that is here already."""

import json
import os
import shutil
from pathlib import Path

from ..errors import DataError, MissingToolError, UsageError
from ..files import PARTIAL, complete_folder
from ..progress import say
from .archive import sha256, unpack
from .download import download
from .layout import CloudDataset, open_dataset

# Kaggle's public API: GET <base>/datasets/download/<owner>/<dataset> with the user name and key as basic authentication answers with a
# redirect to the whole dataset as one .zip (https://www.kaggle.com/docs/api).
BASE = "https://www.kaggle.com/api/v1"
_38 = "sorour/38cloud-cloud-segmentation-in-satellite-images"
_95 = "sorour/95cloud-cloud-segmentation-on-satellite-images"
# Kaggle's 95-Cloud holds only what it adds to 38-Cloud's training set; its test set is 38-Cloud's.
DATASETS = {"38-cloud": (_38,), "95-cloud": (_38, _95)}


def fetch(target: Path, archive: Path | None = None, dataset: str = "38-cloud", base: str = BASE) -> CloudDataset:
    """Put a dataset at `target` and open it: unpacked from `archive` (.zip, .tar, .tar.gz), or without one downloaded from Kaggle.

    `target` appears when everything is unpacked and is a dataset; where it is one already, nothing is done. A download that is interrupted
    is kept in `<target>.download` and goes on with the next call. Raises UsageError for an unknown `dataset`, MissingToolError for missing
    credentials (before anything is downloaded), network or disk space, DataError for an archive that is damaged or no dataset.
    """
    target = Path(target)
    if dataset.lower() not in DATASETS:
        raise UsageError(f"no dataset {dataset!r} is known here; there are: {', '.join(DATASETS)}")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        there = open_dataset(target)  # DataError: something else lies there, and it is not ours to replace
        say(f"{target}: holds {there.name} already; nothing to do")
        return there
    _remove_leftovers(target)
    if archive is not None:
        archive = Path(archive)
        if not archive.is_file():
            raise DataError(f"{archive}: no such archive")
        say(f"{archive}: sha256 {sha256(archive)}")
        return _unpack_all(target, [archive])
    user, key = credentials()
    store = target.with_name(target.name + ".download")
    archives = []
    for slug in DATASETS[dataset.lower()]:
        path = store / f"{slug.split('/')[1]}.zip"
        if not path.exists():
            say(f"downloading {slug} from Kaggle")
            download(f"{base}/datasets/download/{slug}", path, user, key)
        say(f"{path}: sha256 {sha256(path)}")
        archives.append(path)
    there = _unpack_all(target, archives, ours=True)
    shutil.rmtree(store)
    return there


def credentials() -> tuple[str, str]:
    """Kaggle's user name and key, from KAGGLE_USERNAME and KAGGLE_KEY or from ~/.kaggle/kaggle.json; MissingToolError without them."""
    user, key = os.environ.get("KAGGLE_USERNAME", ""), os.environ.get("KAGGLE_KEY", "")
    if user and key:
        return user, key
    path = Path.home() / ".kaggle" / "kaggle.json"
    how = (
        "log in at https://www.kaggle.com, choose Settings, then Create New Token, and put the kaggle.json you get there, or set "
        "KAGGLE_USERNAME and KAGGLE_KEY; or download the dataset in a browser and give the archive"
    )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        user, key = found["username"], found["key"]
    except FileNotFoundError:
        raise MissingToolError(f"{path}: no Kaggle credentials: {how}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise MissingToolError(f"{path}: not readable Kaggle credentials: {how}") from None
    if not (isinstance(user, str) and isinstance(key, str) and user and key):
        raise MissingToolError(f"{path}: not complete Kaggle credentials: {how}")
    return user, key


def _unpack_all(target: Path, archives: list[Path], ours: bool = False) -> CloudDataset:
    """Unpack `archives` into `target`; those that are `ours` are removed when damaged, so that the next call gets them again."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise MissingToolError(f"{target.parent}: cannot be made: {why.strerror}") from None
    if not os.access(target.parent, os.W_OK):
        raise MissingToolError(f"{target.parent}: this folder cannot be written; name another target")
    with complete_folder(target) as folder:
        for archive in archives:
            try:
                unpack(archive, folder)
            except DataError:
                if ours:
                    archive.unlink()
                raise
        try:
            open_dataset(folder)
        except DataError as why:
            # The folder of this message is gone when it is read: name the archive in its place.
            told = str(why).removeprefix(f"{folder}: ").replace(str(folder), str(target))
            raise DataError(f"{', '.join(map(str, archives))}: {told}") from None
    there = open_dataset(target)
    say(f"{target}: {there.name} is ready")
    return there


def _remove_leftovers(target: Path) -> None:
    """Remove what a killed process had unpacked of `target`; a process that is alive keeps its own."""
    for left in target.parent.glob(f".{target.name}.*{PARTIAL}"):
        process = left.name[len(target.name) + 2 : -len(PARTIAL)]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
