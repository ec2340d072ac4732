"""Archives for the tests of fetching: a small dataset, zipped or tarred."""

import io
import os
import tarfile
import zipfile

NAME = "patch_1_1_by_1_LC08_L1TP_999901_20000101_20000101_01_T1"
FILES = {
    "38-Cloud_training/training_patches_38-Cloud.csv": f"name\n{NAME}\n".encode(),
    **{f"38-Cloud_training/train_{band}/{band}_{NAME}.TIF": os.urandom(30_000) for band in ("red", "green", "blue", "nir", "gt")},
}


def make_zip(path, files=FILES):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def make_tar(path, files=FILES, mode="w:gz", extra=()):
    with tarfile.open(path, mode) as file:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
        for info in extra:
            file.addfile(info)
    return path


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
