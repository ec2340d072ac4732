"""The pins of the base images, and refreshing them from a registry (a stand-in that speaks its HTTP interface)."""

import hashlib
import http.server
import json
import threading

import pytest

from orchestrate import ROOT
from orchestrate.errors import WrongUsage
from orchestrate.images import bases, refresh

INDEX = json.dumps({"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}).encode()
DIGEST = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"


class Registry(http.server.BaseHTTPRequestHandler):
    """Stand-in: wants an anonymous token, and has one tag of one repository."""

    def do_GET(self):
        port = self.server.server_address[1]
        if self.path.startswith("/token?") and "scope=repository%3Alibrary%2Fpython%3Apull" in self.path:
            return self.answer(200, b'{"token": "abc"}')
        if self.headers.get("Authorization") != "Bearer abc":
            return self.answer(401, b"", {"WWW-Authenticate": f'Bearer realm="http://127.0.0.1:{port}/token",service="r"'})
        if self.path != "/v2/library/python/manifests/3.10":
            return self.answer(404, b"")
        assert "image.index" in self.headers["Accept"]
        return self.answer(200, INDEX)

    def answer(self, code, body, headers=()):
        self.send_response(code)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def registry(root):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = root / bases.FILE
    path.write_text(path.read_text().replace("registry.example/python:3.10", f"127.0.0.1:{server.server_address[1]}/library/python:3.10"))
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_a_refresh_writes_the_digest_and_nothing_else(root, registry):
    before = (root / bases.FILE).read_text()
    assert refresh.refresh(["python"], root) == [("python", f"sha256:{'1' * 64}", DIGEST)]
    assert (root / bases.FILE).read_text() == before.replace(f"sha256:{'1' * 64}", DIGEST)
    assert bases.reference("python", "linux/amd64", root).endswith(DIGEST)


def test_a_refresh_of_all_also_moves_debians_snapshot(root, registry):
    path = root / bases.FILE
    path.write_text(path.read_text().replace("registry.example/cuda:11.2", f"{registry}/library/python:3.10"))
    refresh.refresh([], root)
    assert bases.snapshot(root) != "20260101T000000Z"
    assert bases.read(root)["cuda"].digest == DIGEST


@pytest.mark.parametrize(("tag", "reason"), [("3.11", "answered 404"), ("3.10", "cannot be reached")])
def test_a_registry_that_has_it_not_leaves_the_file_alone(root, registry, tag, reason):
    path = root / bases.FILE
    text = path.read_text().replace("python:3.10", f"python:{tag}")
    path.write_text(text if tag == "3.11" else text.replace(registry, "127.0.0.1:1"))
    before = path.read_text()
    with pytest.raises(bases.MissingBase, match=reason):
        refresh.refresh(["python"], root)
    assert path.read_text() == before


def test_wrong_names_and_files_are_said(root):
    with pytest.raises(WrongUsage, match="base x: no such base; there are python, cuda"):
        refresh.refresh(["x"], root)
    with pytest.raises(WrongUsage, match="host/repository:tag"):
        refresh.ask("python:3.10")
    (root / bases.FILE).write_text('[python]\nreference = "a"\n')
    with pytest.raises(WrongUsage, match="needs reference, digest and reason"):
        bases.read(root)
    (root / bases.FILE).write_text('[python]\nreference = "a"\ndigest = "sha256:12"\nreason = ""\n')
    with pytest.raises(WrongUsage, match="is not sha256"):
        bases.read(root)


def test_a_base_without_a_digest_is_missing_unless_it_is_replaced(root, monkeypatch):
    with pytest.raises(bases.MissingBase, match=r"no digest .* bases-refresh --name cuda.* EDGESEG_BASE_CUDA"):
        bases.reference("cuda", "linux/amd64", root)
    monkeypatch.setenv("EDGESEG_BASE_CUDA", "mirror/cuda:11.2")
    assert bases.reference("cuda", "linux/amd64", root) == "mirror/cuda:11.2"
    monkeypatch.setenv("EDGESEG_BASE_CUDA_ARM64", "mirror/arm:11.2")
    assert bases.reference("cuda", "linux/arm64", root) == "mirror/arm:11.2"


def test_the_projects_own_bases_have_a_reason_each():
    assert {"debian", "python", "runtime", "cuda", "board"} <= set(bases.read(ROOT))
    assert all(len(base.reason) > 30 and ":" in base.reference for base in bases.read(ROOT).values())
