"""Fetching a dataset: archives good and hostile, and a server that misbehaves in every way a real one does."""

import base64
import hashlib
import http.server
import io
import json
import os
import re
import subprocess
import tarfile
import threading
import types
import zipfile

import pytest

from pipeline.data import archive as archive_room
from pipeline.data import download as download_room
from pipeline.data import fetch as fetch_room
from pipeline.data.fetch import fetch
from pipeline.errors import DataError, MissingToolError, UsageError

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


# --- Kaggle -----------------------------------------------------------------------------------------------------------------------------


class Server:
    """A server of one file, whose faults are set for each request in turn."""

    def __init__(self, data):
        self.data, self.tag, self.faults, self.seen = data, '"one"', [], []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        self.seen.append({"path": request.path, **{name.lower(): value for name, value in request.headers.items()}})
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, int):
            request.send_error(fault)
            return
        if fault == "redirect":
            request.send_response(302)
            request.send_header("Location", f"{self.base.replace('127.0.0.1', 'localhost')}/storage?signed")
            request.end_headers()
            return
        found = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
        start = int(found[1]) if found and fault != "ignore range" else 0
        if start >= len(self.data) and start:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.data)}")
            request.end_headers()
            return
        body = self.data[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        request.send_header("Content-Length", str(len(body) + (1000 if fault == "claims more" else 0)))
        request.send_header("ETag", self.tag)
        md5 = hashlib.md5(self.data + (b"!" if fault == "wrong md5" else b"")).digest()
        request.send_header("x-goog-hash", "crc32c=AAAAAA==,md5=" + base64.b64encode(md5).decode())
        request.end_headers()
        request.wfile.write(body[: len(body) // 2] if fault == "cut" else body)


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", "ada")
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    monkeypatch.setattr(download_room, "PAUSE", 0.0)
    made = Server(make_zip(tmp_path / "source.zip").read_bytes())
    (tmp_path / "source.zip").unlink()
    yield made
    made.server.shutdown()
    made.server.server_close()


def part_of(tmp_path):
    return tmp_path / "set.download" / "38cloud-cloud-segmentation-in-satellite-images.zip.part"


def test_download(tmp_path, server):
    assert fetch(tmp_path / "set", base=server.base).name == "38-Cloud"
    assert contents(tmp_path / "set") == FILES and os.listdir(tmp_path) == ["set"]
    (request,) = server.seen
    assert request["path"] == "/datasets/download/sorour/38cloud-cloud-segmentation-in-satellite-images"
    assert base64.b64decode(request["authorization"].removeprefix("Basic ")) == b"ada:secret"


def test_key_does_not_travel_with_a_redirect(tmp_path, server):
    server.faults = ["redirect"]
    fetch(tmp_path / "set", base=server.base)
    assert "authorization" in server.seen[0] and "authorization" not in server.seen[1]


def test_cut_connection_goes_on(tmp_path, server):
    server.faults = ["cut", "cut", "cut"]
    fetch(tmp_path / "set", base=server.base)
    assert contents(tmp_path / "set") == FILES
    assert [bool(request.get("range")) for request in server.seen] == [False, True, True, True]


def test_next_run_goes_on(tmp_path, server):
    server.faults = ["cut", 503, 503, 503, 503]
    with pytest.raises(MissingToolError, match="503.*run again to go on"):
        fetch(tmp_path / "set", base=server.base)
    have = part_of(tmp_path).stat().st_size
    assert have == len(server.data) // 2 and not (tmp_path / "set").exists()
    fetch(tmp_path / "set", base=server.base)
    assert server.seen[-1]["range"] == f"bytes={have}-" and contents(tmp_path / "set") == FILES


def test_server_that_ignores_ranges(tmp_path, server):
    server.faults = ["cut", "ignore range"]
    fetch(tmp_path / "set", base=server.base)
    assert contents(tmp_path / "set") == FILES


def test_file_that_changed_meanwhile(tmp_path, server):
    server.faults = ["cut", 503, 503, 503, 503]
    with pytest.raises(MissingToolError):
        fetch(tmp_path / "set", base=server.base)
    server.tag, server.data = '"two"', make_zip(tmp_path / "new.zip", {**FILES, "38-Cloud_training/new.txt": b"new"}).read_bytes()
    fetch(tmp_path / "set", base=server.base)
    assert (tmp_path / "set" / "38-Cloud_training" / "new.txt").read_bytes() == b"new"


@pytest.mark.parametrize("rubbish", [None, b"\0" * 10_000_000])
def test_part_that_is_as_long_as_the_file_or_longer(tmp_path, server, rubbish):
    part_of(tmp_path).parent.mkdir()
    part_of(tmp_path).write_bytes(rubbish or server.data)
    fetch(tmp_path / "set", base=server.base)
    assert contents(tmp_path / "set") == FILES


def test_complete_part_is_not_downloaded_again(tmp_path, server):
    part_of(tmp_path).parent.mkdir()
    part_of(tmp_path).write_bytes(server.data)
    about = {"size": len(server.data), "tag": server.tag, "md5": None}
    part_of(tmp_path).with_name(part_of(tmp_path).name + ".json").write_text(json.dumps(about))
    fetch(tmp_path / "set", base=server.base)
    assert len(server.seen) == 1 and contents(tmp_path / "set") == FILES


def test_length_that_is_never_reached(tmp_path, server):
    server.faults = ["claims more"] * 20
    with pytest.raises((MissingToolError, DataError)):
        fetch(tmp_path / "set", base=server.base)
    assert not (tmp_path / "set").exists()


def test_wrong_md5(tmp_path, server):
    server.faults = ["wrong md5"]
    with pytest.raises(DataError, match="damaged"):
        fetch(tmp_path / "set", base=server.base)
    assert part_of(tmp_path).stat().st_size == 0 and not (tmp_path / "set").exists()
    fetch(tmp_path / "set", base=server.base)


@pytest.mark.parametrize(
    ("code", "error", "why"),
    [
        (401, MissingToolError, "new API token"),
        (403, MissingToolError, "accept"),
        (404, DataError, "no such dataset"),
        (400, DataError, "400"),
    ],
)
def test_refusals(tmp_path, server, code, error, why):
    server.faults = [code]
    with pytest.raises(error, match=why) as raised:
        fetch(tmp_path / "set", base=server.base)
    assert len(server.seen) == 1 and not (tmp_path / "set").exists() and "secret" not in str(raised.value)


def test_nobody_answers(tmp_path, server):
    server.server.shutdown()
    server.server.server_close()
    with pytest.raises(MissingToolError, match="refused.*run again"):
        fetch(tmp_path / "set", base=server.base)


def test_damaged_download_is_got_again(tmp_path, server):
    good, server.data = server.data, server.data[:-300] + bytes(300)
    with pytest.raises(DataError):
        fetch(tmp_path / "set", base=server.base)
    server.data = good
    fetch(tmp_path / "set", base=server.base)
    assert contents(tmp_path / "set") == FILES


def test_disk_full_in_mid_download(tmp_path, server, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download_room, "_copy", full)
    with pytest.raises(MissingToolError, match="cannot be written: No space left"):
        fetch(tmp_path / "set", base=server.base)
    assert len(server.seen) == 1


def test_disk_too_small_for_the_download(tmp_path, server, monkeypatch):
    monkeypatch.setattr(download_room.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=1000))
    with pytest.raises(MissingToolError, match="are free"):
        fetch(tmp_path / "set", base=server.base)


def test_95_cloud_is_both_archives(tmp_path, server, monkeypatch):
    extra = {
        f"95-cloud_training_only_additional_to38-cloud/train_{band}_additional_to38cloud/{band}_{NAME.replace('901', '902')}.TIF": b"x"
        for band in ("red", "green", "blue", "nir", "gt")
    }
    other = Server(make_zip(tmp_path / "b.zip", extra).read_bytes())
    monkeypatch.setattr(server, "answer", lambda request: Server.answer(other if "95cloud" in request.path else server, request))
    assert fetch(tmp_path / "set", dataset="95-cloud", base=server.base).name == "95-Cloud"
    assert contents(tmp_path / "set") == {**FILES, **extra}
    other.server.shutdown()
    other.server.server_close()


def test_credentials_come_first(tmp_path, server, monkeypatch):
    monkeypatch.delenv("KAGGLE_KEY")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(MissingToolError, match="no Kaggle credentials.*Create New Token"):
        fetch(tmp_path / "set", base=server.base)
    store = tmp_path / "home" / ".kaggle"
    store.mkdir(parents=True)
    for text in ("", "[]", '{"username": "ada"}', '{"username": "ada", "key": 5}', '{"username": "", "key": ""}'):
        (store / "kaggle.json").write_text(text)
        with pytest.raises(MissingToolError, match="Kaggle credentials"):
            fetch(tmp_path / "set", base=server.base)
    assert server.seen == [] and not (tmp_path / "set.download").exists()
    (store / "kaggle.json").write_text('{"username": "bob", "key": "k"}')
    assert fetch_room.credentials() == ("bob", "k")


def test_unknown_dataset(tmp_path):
    with pytest.raises(UsageError, match="38-cloud, 95-cloud"):
        fetch(tmp_path / "set", dataset="39-cloud")
