"""The build itself: fetched by hash, the same bytes twice, and nothing that the board lacks."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from orchestrate import device_build, device_files, pins, tflite_source
from orchestrate.errors import MissingTool, WrongUsage

ROOT = Path(__file__).resolve().parents[2]
GLIBC = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


@pytest.fixture
def own_pin(tmp_path, monkeypatch):
    """One pin of our own, an empty cache, and no way to any registry."""
    source = tmp_path / "src" / "package" / "keep"
    source.mkdir(parents=True)
    (source / "a.h").write_text("int a;")
    (tmp_path / "src" / "package" / "other.txt").write_text("not kept")
    archive = tmp_path / "archives" / "thing-1.0.tgz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "src" / "package", "package")
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    (tmp_path / "pins.json").write_text(
        json.dumps({"thing": {"npm": "thing@1.0", "file": archive.name, "integrity": integrity, "keep": "package/keep/"}})
    )
    monkeypatch.setattr(pins, "PINS", tmp_path / "pins.json")
    monkeypatch.setattr(pins, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv(pins.LOCAL, raising=False)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", (tmp_path / "registry").as_uri())
    return archive


def test_from_a_local_folder_by_hash(own_pin, monkeypatch):
    monkeypatch.setenv(pins.LOCAL, str(own_pin.parent))
    folder = pins.unpacked("thing")
    assert [file.name for file in folder.iterdir()] == ["a.h"]
    own_pin.write_bytes(own_pin.read_bytes() + b"x")
    assert pins.unpacked("thing") == folder  # what is unpacked already was verified
    shutil.rmtree(folder)
    with pytest.raises(device_files.WrongArchive, match="pinned is"):
        pins.unpacked("thing")
    assert not folder.exists()


def test_from_the_registry_that_npm_is_set_to(own_pin, tmp_path):
    with pytest.raises(MissingTool, match=pins.LOCAL):
        pins.archive("thing")
    place = tmp_path / "registry" / "thing" / "-" / own_pin.name
    place.parent.mkdir(parents=True)
    place.write_bytes(b"something else")
    with pytest.raises(device_files.WrongArchive):
        pins.archive("thing")
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").rglob("*.tgz"))
    shutil.copy(own_pin, place)
    assert pins.archive("thing").read_bytes() == own_pin.read_bytes()


def test_without_npm_or_its_settings(own_pin, tmp_path, monkeypatch):
    monkeypatch.delenv("NPM_CONFIG_REGISTRY")
    monkeypatch.delenv("npm_config_registry", raising=False)
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(tmp_path / "none"))
    with pytest.raises(MissingTool, match="npm is not there"):
        pins.archive("thing")


def test_an_archive_that_points_out_of_its_folder(own_pin, tmp_path, monkeypatch):
    evil = tmp_path / "evil.tgz"
    with tarfile.open(evil, "w:gz") as tar:
        tar.add(tmp_path / "src" / "package" / "other.txt", "package/keep/../../../out.txt")
    entry = pins.pin("thing") | {"integrity": "sha256-" + base64.b64encode(hashlib.sha256(evil.read_bytes()).digest()).decode()}
    pins.PINS.write_text(json.dumps({"thing": entry}))
    with pytest.raises(device_files.WrongArchive, match="points out"):
        pins.unpacked("thing", evil)
    assert not (tmp_path / "out.txt").exists()


def test_every_pin_says_why_and_names_no_registry():
    for name, entry in json.loads((ROOT / "toolchains" / "pins.json").read_text()).items():
        assert entry["why"] and entry["licence"] and entry["integrity"].startswith(("sha256-", "sha512-")), name
        assert ("npm" in entry) + ("pypi" in entry) + ("url" in entry) == 1, name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("board",), "mendel, generic, native"),
        (("mendel", "nightly"), "prebuilt, source"),
        (("mendel", "prebuilt", Path("x.tgz")), "only for tflite 'source'"),
    ],
)
def test_wrong_arguments(arguments, says):
    with pytest.raises(WrongUsage, match=says):
        device_build.build(*arguments)


def test_source_with_a_wrong_archive(tmp_path):
    (tmp_path / "tf.tar.gz").write_bytes(b"not TensorFlow")
    with pytest.raises(device_files.WrongArchive, match="pinned is y5nxNtxciRQ2"):
        tflite_source.build("mendel", tmp_path / "tf.tar.gz")


def built(*arguments, **more):
    try:
        return device_build.build(*arguments, **more)
    except MissingTool as why:
        pytest.skip(str(why))


@pytest.mark.slow
@pytest.mark.parametrize("target", device_build.TARGETS)
def test_what_is_built_and_what_it_needs(target, tmp_path):
    folder = built(target, out=tmp_path)
    about = json.loads((folder / "manifest.json").read_text())
    assert {"inference", "stitch", "libtensorflowlite_c.so"} <= set(about["files"])
    for name, entry in about["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"]
    for program in device_build.PROGRAMS:
        needs = about["needs"][program]
        assert needs["lse"] == [] and set(needs["libraries"]) <= GLIBC
        assert tuple(map(int, needs["versions"]["GLIBC"].split("."))) <= (2, 28)
        assert str(ROOT).encode() not in (folder / program).read_bytes()


@pytest.mark.slow
def test_two_folders_give_the_same_bytes(tmp_path):
    """A second checkout elsewhere, built from nothing but the same pinned archives and compiler cache."""
    first = built("mendel", out=tmp_path / "a")
    other = tmp_path / "somewhere" / "else"
    for part in ("cpp", "toolchains", "orchestrate", "tests/cpp"):
        shutil.copytree(ROOT / part, other / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    (other / ".cache").mkdir()
    for kept in ("archives", "zig", f"toolchain-{device_files.digest(ROOT / 'toolchains' / 'requirements.txt').hex()[:12]}"):
        (other / ".cache" / kept).symlink_to(ROOT / ".cache" / kept)
    program = "from orchestrate import device_build; print(device_build.build('mendel'))"
    done = subprocess.run([sys.executable, "-c", program], cwd=other, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    second = other / "out" / "mendel"
    for file in sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file()):
        assert (first / file).read_bytes() == (second / file).read_bytes(), file


SAMPLES = {
    "lse": (
        "int add(int *x) { return __atomic_fetch_add(x, 1, 5); } int main(int n, char **v) { return add(&n); }",
        "aarch64-linux-gnu.2.28",
        "generic+lse",
        "holds LSE atomics (ldaddal)",
    ),
    "cas": (
        "int swap(int *x, int y) { int old = 3; __atomic_compare_exchange_n(x, &old, y, 0, 5, 5); return old; }"
        "int main(int n, char **v) { return swap(&n, 7); }",
        "aarch64-linux-gnu.2.28",
        "generic+lse",
        "holds LSE atomics (casal)",
    ),
    "glibc": (
        "#include <stdlib.h>\nint main(void) { return (int)arc4random(); }",
        "aarch64-linux-gnu.2.39",
        "generic",
        "GLIBC_2.3",
    ),
    "machine": ("int main(void) { return 0; }", "x86_64-linux-gnu.2.28", "x86_64", "is made for EM_X86_64"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", SAMPLES)
def test_a_program_that_the_board_cannot_run_fails_the_build(case, tmp_path):
    from orchestrate import toolchain

    code, target, processor, says = SAMPLES[case]
    (tmp_path / "x.c").write_text(code)
    try:
        command = [
            toolchain.python(),
            "-m",
            "ziglang",
            "cc",
            "-O1",
            "-target",
            target,
            f"-mcpu={processor}",
            tmp_path / "x.c",
            "-o",
            tmp_path / "x",
            "-lm",
        ]
        subprocess.run(command, check=True, env=toolchain.environment(), capture_output=True)
    except MissingTool as why:
        pytest.skip(str(why))
    with pytest.raises(device_files.UnfitProgram) as refused:
        device_build.check("mendel", [tmp_path / "x"])
    assert says in str(refused.value)


@pytest.mark.slow
def test_a_library_the_board_lacks_and_no_program_at_all(tmp_path):
    from orchestrate import toolchain

    (tmp_path / "f.c").write_text("int f(void) { return 1; }")
    (tmp_path / "x.c").write_text("int f(void); int main(void) { return f(); }")
    try:
        zig = [toolchain.python(), "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.28"]
    except MissingTool as why:
        pytest.skip(str(why))
    subprocess.run(
        [*zig, "-shared", "f.c", "-o", "libnovel.so.1", "-Wl,-soname,libnovel.so.1"], check=True, cwd=tmp_path, env=toolchain.environment()
    )
    subprocess.run([*zig, "x.c", "libnovel.so.1", "-o", "x"], check=True, cwd=tmp_path, env=toolchain.environment())
    with pytest.raises(device_files.UnfitProgram, match="needs libnovel.so.1, which the board lacks"):
        device_build.check("mendel", [tmp_path / "x"])
    with pytest.raises(device_files.UnfitProgram, match="f.c: is no program"):
        device_build.check("mendel", [tmp_path / "f.c"])
