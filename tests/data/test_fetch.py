"""Fetching from a server that misbehaves in every way a real one does."""

import base64
import hashlib
import http.server
import json
import os
import re
import threading
import types

import pytest
from packing import FILES, NAME, contents, make_zip

from pipeline.data import download as download_room
from pipeline.data import fetch as fetch_room
from pipeline.data.fetch import fetch
from pipeline.errors import DataError, MissingToolError, UsageError

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
