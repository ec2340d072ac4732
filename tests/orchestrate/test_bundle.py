"""bundle/<id>: complete, the same for the same, checked file by file; made by the real pipeline and the real programs of this machine."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "board"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "edgetpu"))
import board_dataset
import builder

from orchestrate import bundle, bundle_files, device_build, golden
from orchestrate.bundle_files import BrokenBundle, load
from orchestrate.device_files import UnfitProgram
from orchestrate.errors import MissingTool, WrongUsage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        pytest.skip("the native target is x86-64 Linux")
    try:
        return device_build.build("native", out=tmp_path_factory.mktemp("programs"))
    except MissingTool as why:
        pytest.skip(str(why))


@pytest.fixture
def place(tmp_path, programs, monkeypatch):
    monkeypatch.setattr(bundle, "built", lambda target, build: programs)
    return board_dataset.make(tmp_path / "place")


def start(stage):
    """Runs a stage as the local engine does, with the Python of the tests."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", stage.module, *stage.arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def make(place, root, target="native"):
    return bundle.make(str(place.run.folder), target, "", start, root=root)


@pytest.fixture(scope="module")
def one(tmp_path_factory, programs):
    """A bundle that tests copy."""
    folder = tmp_path_factory.mktemp("one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "built", lambda target, build: programs)
        return make(board_dataset.make(folder / "place"), folder / "bundle")


@pytest.fixture
def copy(one, tmp_path):
    return Path(shutil.copytree(one.folder, tmp_path / one.id))


def test_a_container_is_shown_the_data_that_the_run_names(tmp_path, place, monkeypatch):
    seen = []
    monkeypatch.setattr(bundle, "RUNS", place.run.folder.parent)
    for run in ("", place.run.folder.name):
        with pytest.raises(StopIteration):
            bundle.make(run, "native", "", lambda stage: next(iter([seen.append(stage)][1:])), root=tmp_path / "bundle")
    root = Path(place.run.config().data.root)
    assert [root in stage.reads for stage in seen] == [True, True]


def test_everything_is_in_it(one, programs):
    assert one.id.startswith("20250101T000000Z-try-native-") and one.folder.name == one.id
    names = ["bin/inference", "bin/stitch", "bin/libtensorflowlite_c.so", "licences/zlib.txt", "model/int8.tflite", "golden/input.bin"]
    names += [
        "golden/output.bin",
        "golden/scene/scene.json",
        "device/requirements.txt",
        *(f"device/{path.name}" for path in (ROOT / "device").glob("*.py")),
    ]
    assert [name for name in names if name not in one.files] == []
    assert {path.relative_to(one.folder).as_posix() for path in one.folder.rglob("*") if path.is_file()} == {*one.files, "manifest.json"}
    manifest = one.manifest
    assert manifest["accelerator"] == "cpu" and "pipeline compile" in manifest["model"]["why"]
    assert manifest["threshold"] == board_dataset.THRESHOLD and manifest["run"] == "20250101T000000Z-try"
    assert manifest["needs"]["arch"] == "x86_64" and manifest["needs"]["glibc"] == "2.29"
    assert manifest["versions"]["tflite"] == "2.9.0 (prebuilt)" and manifest["versions"]["edgetpu_compiler"] is None
    assert manifest["golden"]["tolerance_steps"] == 1 and manifest["golden"]["tolerance_why"]
    assert os.access(one.folder / "bin" / "inference", os.X_OK) and one.bytes == sum(path.stat().st_size for path in files_of(one.folder))
    assert (one.folder / "golden" / "output.bin").read_bytes() == (one.folder / "golden" / "input.bin").read_bytes()  # the network copies


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_its_own_programs_pass_its_own_golden_check(one, tmp_path):
    pair = f"{one.folder / 'golden' / 'input.bin'},{one.folder / 'golden' / 'output.bin'}"
    command = [
        one.folder / "bin" / "inference",
        "--model",
        one.model,
        "--scene",
        one.folder / "golden" / "scene",
        "--out",
        tmp_path / "out",
    ]
    done = subprocess.run([*command, "--golden", pair, "--golden-every", "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_same_content_has_the_same_id_and_is_made_once(place, tmp_path):
    first = make(place, tmp_path / "bundle")
    when = (first.folder / "manifest.json").stat().st_mtime_ns
    assert make(place, tmp_path / "bundle").id == first.id and (first.folder / "manifest.json").stat().st_mtime_ns == when
    elsewhere = make(place, tmp_path / "elsewhere")
    assert elsewhere.id == first.id
    assert (elsewhere.folder / "manifest.json").read_bytes() == (first.folder / "manifest.json").read_bytes()
    (first.folder / "bin" / "stitch").write_bytes(b"broken")
    assert make(place, tmp_path / "bundle").id == first.id and load(first.folder)  # made again
    place.run.threshold.write_text(json.dumps({"value": 0.25}))
    assert make(place, tmp_path / "bundle").id != first.id
    assert sorted(path.name[:1] for path in (tmp_path / "bundle").iterdir()) == ["2", "2"]  # nothing hidden is left


def test_a_compiled_model_goes_with_the_output_of_its_uncompiled_twin(place, tmp_path):
    folder = place.run.folder / "edgetpu"
    folder.mkdir()
    (folder / "int8_edgetpu.tflite").write_bytes(builder.compiled(runtime=13))
    digest = bundle.digest(place.run.variant("int8")).hex()
    record = {"outcome": "compiled", "compiler": "16.0.384591198", "input": {"sha256": digest}}
    (folder / "compile.json").write_text(json.dumps(record))
    made = make(place, tmp_path / "bundle")
    assert made.manifest["accelerator"] == "edgetpu" and made.model.name == "int8_edgetpu.tflite"
    assert made.manifest["model"]["made_from_sha256"] == digest and made.manifest["golden"]["tolerance_steps"] > 1
    versions = made.manifest["versions"]
    assert versions["edgetpu_compiler"] == "16.0.384591198" and versions["libedgetpu_min_runtime"] == 13


def stop(stage):
    raise KeyboardInterrupt


def test_nothing_is_left_where_it_was_stopped(place, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        bundle.make(str(place.run.folder), "native", "", stop, root=tmp_path / "bundle")
    assert not list((tmp_path / "bundle").iterdir())
    with pytest.raises(WrongUsage, match="mendel, generic, native"):
        bundle.make(str(place.run.folder), "riscv", "", start, root=tmp_path / "bundle")


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda b: (b / "bin" / "stitch").unlink(), "bin/stitch: is missing"),
        (lambda b: flip(b / "bin" / "inference"), "bin/inference: was changed"),
        (lambda b: flip(b / "golden" / "output.bin"), "golden/output.bin: was changed"),
        (lambda b: (b / "model" / "int8.tflite").write_bytes(b""), "model/int8.tflite: was changed"),
        (lambda b: (b / "device" / "extra.py").touch(), "device/extra.py: does not belong"),
        (lambda b: (b / ".hidden").touch(), ".hidden: does not belong"),
        (lambda b: (b / "bin" / "more").symlink_to("stitch"), "bin/more: does not belong"),
        (lambda b: link(b / "bin" / "stitch"), "bin/stitch: is a link"),
        (lambda b: link(b / "licences"), "licences/libpng.txt: is a link"),
        (lambda b: (b / "manifest.json").unlink(), "manifest.json: is not there"),
        (lambda b: (b / "manifest.json").write_text("{"), "manifest.json: cannot be read"),
        (lambda b: (b / "manifest.json").write_text("[" * 100_000), "manifest.json: cannot be read"),
        (lambda b: (b / "manifest.json").write_text("{}"), "no bundle's manifest"),
        (lambda b: edit(b, lambda m: m.update(threshold=0.1)), "was changed after it was made"),
        (lambda b: edit(b, lambda m: m.update(id="../../up-12345678")), "was changed after it was made"),
    ],
)
def test_a_bundle_that_is_not_what_it_says(copy, harm, says):
    assert load(copy)
    harm(copy)
    with pytest.raises(BrokenBundle, match=says) as caught:
        load(copy)
    assert caught.value.exit_code == 3 and len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "bin/../bin/stitch", "./bin/stitch", "bin//stitch", "", "bin\\stitch"])
def test_names_that_lead_out_are_refused(copy, name):
    """Even where the manifest was made to fit."""
    (copy.parent / "outside").write_bytes(b"")

    def name_it(manifest):
        manifest["files"][name] = {"sha256": "0" * 64, "bytes": 0, "executable": False}
        content = {key: value for key, value in manifest.items() if key != "id"}
        manifest["id"] = manifest["id"][:-8] + bundle_files.identity(content)

    edit(copy, name_it)
    with pytest.raises(BrokenBundle, match="no file inside the bundle"):
        load(copy)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def link(path):
    path.rename(path.parent.parent.parent / "moved")
    path.symlink_to(path.parent.parent.parent / "moved")


def edit(folder, change):
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_finding_a_bundle(copy):
    root = copy.parent
    assert bundle_files.find(root, "") == bundle_files.find(root, copy.name) == bundle_files.find(root / "none", str(copy)) == copy
    with pytest.raises(WrongUsage, match=copy.name):
        bundle_files.find(root, "another")
    with pytest.raises(WrongUsage, match="invoke bundle"):
        bundle_files.find(root / "none", "")


def test_programs_that_were_changed_are_built_again(programs, tmp_path, monkeypatch):
    out = tmp_path / "out" / "native"
    shutil.copytree(programs, out)
    monkeypatch.setattr(bundle, "ROOT", tmp_path)
    builds = []
    assert bundle.built("native", builds.append) == out and not builds
    flip(out / "stitch")
    assert bundle.built("native", builds.append) == out and builds == ["native"]
    shutil.rmtree(out)
    assert bundle.built("native", builds.append) == out and builds == ["native", "native"]


def test_who_makes_the_golden_output(monkeypatch, tmp_path):
    """The emulator where it is there, else this machine's own kind of programs, with a wider tolerance; a machine with neither is told."""
    monkeypatch.setattr(golden, "SYSROOT", tmp_path)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libstdc++.so.6").touch()
    monkeypatch.setattr(golden.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(golden.shutil, "which", lambda name: f"/usr/bin/{name}")
    emulated = golden.maker("mendel", tmp_path, list)
    assert emulated.command[:3] == ("/usr/bin/qemu-aarch64-static", "-cpu", "cortex-a35") and emulated.tolerance("cpu")[0] == 1
    assert emulated.tolerance("edgetpu")[0] > 9
    monkeypatch.setattr(golden.shutil, "which", lambda name: None)
    native = golden.maker("mendel", tmp_path / "mendel", lambda: tmp_path)
    assert native.command == () and native.folder == tmp_path and native.tolerance("cpu")[0] > 9
    monkeypatch.setattr(golden.platform, "machine", lambda: "aarch64")
    assert golden.maker("mendel", tmp_path / "mendel", list).folder == tmp_path / "mendel"
    with pytest.raises(MissingTool, match="qemu-user-static"):
        golden.maker("native", tmp_path, list)


def test_a_program_that_fails_is_quoted(one, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"not a model")
    with pytest.raises(UnfitProgram, match="broken.tflite"):
        golden.output(golden.Maker("here", one.folder / "bin"), broken, one.folder / "golden" / "scene")
