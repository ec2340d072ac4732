"""Unpacking archives, good and hostile."""

import hashlib
import os
import subprocess
import tarfile
import types
import zipfile

import pytest
from packing import FILES, NAME, contents, make_tar, make_zip

from pipeline.data import archive as archive_room
from pipeline.data.fetch import fetch
from pipeline.errors import DataError, MissingToolError

# --- local archives ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [lambda path: make_zip(path / "a.zip"), lambda path: make_tar(path / "a.tar.gz"), lambda path: make_tar(path / "a.tar", mode="w")],
)
def test_archive_becomes_a_dataset(tmp_path, make, capsys):
    packed = make(tmp_path)
    dataset = fetch(tmp_path / "set", packed)
    assert dataset.name == "38-Cloud" and contents(tmp_path / "set") == FILES
    assert sorted(os.listdir(tmp_path)) == sorted([packed.name, "set"])
    assert hashlib.sha256(packed.read_bytes()).hexdigest() in capsys.readouterr().err


def test_tar_made_by_tar(tmp_path):
    for name, data in FILES.items():
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_bytes(data)
    subprocess.run(["tar", "-czf", tmp_path / "a.tgz", "-C", tmp_path / "src", "."], check=True)
    fetch(tmp_path / "set", tmp_path / "a.tgz")
    assert contents(tmp_path / "set") == FILES


def test_existing_dataset_is_left_alone(tmp_path, capsys):
    packed = make_zip(tmp_path / "a.zip")
    fetch(tmp_path / "set", packed)
    packed.unlink()
    assert fetch(tmp_path / "set", packed).name == "38-Cloud"
    assert "nothing to do" in capsys.readouterr().err


def test_target_that_is_something_else(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.txt").write_text("years")
    with pytest.raises(DataError):
        fetch(tmp_path / "set", make_zip(tmp_path / "a.zip"))
    assert os.listdir(tmp_path / "set") == ["thesis.txt"]


def refused(tmp_path, packed, why, error=DataError):
    before = set(os.listdir(tmp_path))
    with pytest.raises(error, match=why):
        fetch(tmp_path / "set", packed)
    assert set(os.listdir(tmp_path)) == before, "something was left behind"
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("name", ["../evil", "/tmp/edgeseg-evil", "a/../../evil", "..\\evil", "C:evil", ".."])
def test_names_that_lead_out(tmp_path, name):
    refused(tmp_path, make_zip(tmp_path / "a.zip", {**FILES, name: b"x"}), "leads out|neither")
    refused(tmp_path, make_tar(tmp_path / "a.tar.gz", {**FILES, name: b"x"}), "leads out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar(tmp_path, kind):
    info = tarfile.TarInfo("38-Cloud_training/link")
    info.type, info.linkname = kind, "/etc/passwd"
    refused(tmp_path, make_tar(tmp_path / "a.tar.gz", extra=[info]), "a link or device; refused")


def test_link_in_a_zip(tmp_path):
    info = zipfile.ZipInfo("38-Cloud_training/link")
    info.external_attr = 0o120777 << 16
    packed = make_zip(tmp_path / "a.zip")
    with zipfile.ZipFile(packed, "a") as file:
        file.writestr(info, "/etc/passwd")
    refused(tmp_path, packed, "a link or device; refused")


def test_doubled_name(tmp_path):
    info = tarfile.TarInfo("38-Cloud_training/training_patches_38-Cloud.csv")
    refused(tmp_path, make_tar(tmp_path / "a.tar.gz", extra=[info]), "twice")


def test_absurd_sizes(tmp_path, monkeypatch):
    packed = make_zip(tmp_path / "a.zip", {**FILES, "38-Cloud_training/zeros": bytes(5_000_000)})
    monkeypatch.setattr(archive_room, "MAX_FILE", 4_000_000)
    refused(tmp_path, packed, "as no file of a dataset")
    monkeypatch.setattr(archive_room, "MAX_FILE", 6_000_000)
    monkeypatch.setattr(archive_room, "MAX_TOTAL", 5_100_000)
    refused(tmp_path, packed, "more than any dataset")


def test_disk_too_small(tmp_path, monkeypatch):
    packed = make_zip(tmp_path / "a.zip")
    monkeypatch.setattr(archive_room.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=100_000))
    refused(tmp_path, packed, "needs 0.0 GiB", MissingToolError)


def test_disk_fills_up(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    packed = make_zip(tmp_path / "a.zip")
    monkeypatch.setattr(archive_room.shutil, "copyfileobj", full)
    refused(tmp_path, packed, "No space left", MissingToolError)


@pytest.mark.parametrize("make", [lambda path: make_zip(path / "a.zip"), lambda path: make_tar(path / "a.tar.gz")])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_truncated_archive(tmp_path, make, share):
    packed = make(tmp_path)
    packed.write_bytes(packed.read_bytes()[: int(packed.stat().st_size * share)])
    refused(tmp_path, packed, "damaged|neither")


@pytest.mark.parametrize("make", [lambda path: make_zip(path / "a.zip"), lambda path: make_tar(path / "a.tar.gz")])
def test_flipped_bit_is_found(tmp_path, make):
    packed = make(tmp_path)
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 1
    packed.write_bytes(data)
    refused(tmp_path, packed, "damaged|neither")


def test_gzip_checksum_behind_the_end_of_the_tar(tmp_path):
    packed = make_tar(tmp_path / "a.tar.gz")
    data = bytearray(packed.read_bytes())
    data[-8] ^= 1  # the CRC of the whole
    packed.write_bytes(data)
    refused(tmp_path, packed, "damaged")


def test_not_an_archive_and_no_dataset(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>log in first</html>")
    refused(tmp_path, tmp_path / "a.zip", "neither a readable")
    refused(tmp_path, make_zip(tmp_path / "b.zip", {"cats/1.jpg": b"x"}), "not a 38-Cloud")
    refused(tmp_path, tmp_path / "none.zip", "no such archive")


def test_interrupted_unpacking_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(folder, member, content):
        if member.name.endswith("nir_" + NAME + ".TIF"):
            raise KeyboardInterrupt
        return place(folder, member, content)

    place = archive_room._place
    monkeypatch.setattr(archive_room, "_place", interrupt)
    refused(tmp_path, make_zip(tmp_path / "a.zip"), None, KeyboardInterrupt)


def test_what_a_killed_process_left_is_removed(tmp_path):
    process = subprocess.Popen(["true"])
    process.wait()
    dead, alive = tmp_path / f".set.{process.pid}.partial", tmp_path / f".set.{os.getppid()}.partial"
    dead.mkdir()
    alive.mkdir()
    fetch(tmp_path / "set", make_zip(tmp_path / "a.zip"))
    assert not dead.exists() and alive.exists()
