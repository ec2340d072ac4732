"""A real scene, through the commands a user gives: up, bundle, deploy, push, run, fetch, score; on the virtual board, with a network that
was trained for a moment only. What is checked is that the board's mask is the host's, not that it is a good one.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import board_front
import pytest
import small_bundle

from orchestrate import golden
from orchestrate.errors import MissingTool

pytestmark = [pytest.mark.engine, pytest.mark.qemu, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "l8biome38"
SMALL = "name=virtual-board-test train.epochs=2 model.filters=4 data.size=64 quantize.batches=4"
DIR = "end-to-end"


def front(*words):
    """An invoke command that is about no board, with the cache that is everybody's; what it said."""
    environment = {name: value for name, value in os.environ.items() if name != "EDGESEG_CACHE"}
    done = subprocess.run(["sh", str(ROOT / "orchestrate" / "invoke.sh"), *words], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stderr


@pytest.fixture(scope="module")
def data():
    """The options that name the data: real scenes where they are, else made-up ones."""
    if REAL.is_dir():
        return ["--config", "configs/l8biome.toml", "--data", str(REAL)]
    print("no real data beside this checkout: a demo scene instead")
    return []


@pytest.fixture(scope="module")
def run(virtual, data):
    """A run folder with an int8 model; it and its bundle are gone afterwards."""
    runs = ROOT / "runs"
    before = set(runs.glob("*-virtual-board-test"))
    try:
        front("demo", *data, "--set", SMALL)
        (made,) = set(runs.glob("*-virtual-board-test")) - before
        yield made
    finally:
        for folder in (*(set(runs.glob("*-virtual-board-test")) - before), *(ROOT / "bundle").glob("*-virtual-board-test-*")):
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def bundle(run, data):
    try:
        board_front.programs("mendel")
    except MissingTool as why:
        pytest.skip(str(why))
    said = front("bundle", "--run", run.name, *data[2:])
    return ROOT / "bundle" / re.findall(r"bundle/(\S+) is ready", said)[-1]


@pytest.fixture(scope="module")
def scene(virtual, run, data, bundle):
    """A test scene, pushed, run and fetched; the folder that came back."""
    host = ("--host", "board")
    virtual.invoke("deploy", *host, "--dir", DIR, "--bundle", bundle.name)
    name = sorted(path.stem for path in (run / "scenes" / "int8").glob("*.json"))[0]
    virtual.invoke("scene-push", *host, "--dir", DIR, "--run", run.name, "--scene", name, *data[2:])
    virtual.invoke("run-scene", *host, "--dir", DIR, "--scene", name)
    print(virtual.invoke("fetch", *host, "--dir", DIR, "--run", run.name, "--scene", name, *data[2:]).stderr)
    return virtual.cache / "board" / "taken" / "board" / bundle.name / name


def test_mask_is_the_hosts_by_the_same_programs(virtual, run, bundle, scene, tmp_path):
    """The same bytes: QEMU on this machine runs the bundle's own programs on the same packed scene."""
    packed = virtual.cache / "board" / "packed" / run.name / "uint16" / scene.name
    prefix = []
    if platform.machine() not in ("arm64", "aarch64"):
        lacking = board_front.missing("qemu-aarch64-static")
        if lacking or not (golden.SYSROOT / "lib" / "libstdc++.so.6").exists():
            pytest.skip("needs qemu-user-static, libc6-arm64-cross and libstdc++6-arm64-cross")
        prefix = ["qemu-aarch64-static", "-cpu", "cortex-a35", "-L", str(golden.SYSROOT)]
    manifest, crop = json.loads((bundle / "manifest.json").read_text()), json.loads((packed / "scene.json").read_text())["crop"]
    command = [*prefix, bundle / "bin" / "inference", "--device", "cpu", "--model", bundle / manifest["model"]["file"], "--scene", packed]
    command += ["--out", tmp_path / "results", "--stitch", tmp_path / "mask.png", "--threshold", repr(manifest["threshold"])]
    command += ["--crop", f"{crop[0]}x{crop[1]}"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    assert (scene / "mask.png").read_bytes() == (tmp_path / "mask.png").read_bytes()


def test_it_is_scored_and_near_the_hosts_int8_mask(run, scene):
    record = json.loads((run / "scenes" / "board" / f"{scene.name}.json").read_text())
    differing, pixels = record["int8"]["differing"], record["int8"]["pixels"]
    print(f"{differing} of {pixels} pixels ({differing / pixels:.4%}) differ from `predict`'s int8 mask")
    assert differing <= 0.01 * pixels
    assert (run / "scenes" / "board" / f"{scene.name}.png").is_file()
    assert scene.name in (run / "evaluation" / "board.csv").read_text()


def test_status_says_what_runs(virtual, bundle, scene):
    said = json.loads(virtual.invoke("status", "--host", "board", "--dir", DIR, "--json").stdout)
    assert bundle.name in json.dumps(said)


def test_python_half_on_the_board(virtual, run, bundle, scene, tmp_path):
    """device/ under the board's own Python 3.9 and numpy, with tflite-runtime from PyPI: the mask of the C++ programs, or a step beside."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    _put_packages(virtual, tmp_path)
    packed = virtual.cache / "board" / "packed" / run.name / "uint16" / scene.name
    release, crop = f"{DIR}/current", json.loads((packed / "scene.json").read_text())["crop"]
    options = f"--device cpu --model {release}/{manifest['model']['file']} --scene {DIR}/scenes/{scene.name} --out python/results"
    options += f" --stitch python.png --threshold {manifest['threshold']!r} --crop {crop[0]}x{crop[1]}"
    virtual.shell(f"rm -rf python; PYTHONPATH={release}:packages python3 -m device.scene {options} >&2", timeout=600)
    theirs, ours = f"{DIR}/results/{bundle.name}/{scene.name}/patches", "python/results"
    compare = ("import glob, numpy, os, sys; a, b = sys.argv[1:]; names = [os.path.basename(n) for n in glob.glob(a + '/*.bin')]; "
               "d = [numpy.abs(numpy.fromfile(a + '/' + n, 'i1').astype(int) - numpy.fromfile(b + '/' + n, 'i1')) for n in names]; "
               "d = numpy.concatenate(d); print(len(names), d.max(), (d > 0).mean())")  # fmt: skip
    patches, steps, share = virtual.shell(f'python3 -c "{compare}" {theirs} {ours}').decode().split()
    print(f"{patches} patches: at most {steps} steps between device/ (tflite-runtime) and inference, on {float(share):.2%} of values")
    assert int(patches) > 0 and int(steps) <= 16  # two builds of TF Lite: docs/programs.md says why they may differ


def test_python_half_is_exact_where_the_model_only_copies(virtual, tmp_path):
    """What device/ does itself, reading, scaling, quantizing, writing and stitching, gives the very bytes of the C++ programs."""
    _put_packages(virtual, tmp_path)
    bundle = small_bundle.make(tmp_path, "mendel", "both", ballast=1, device=True)
    virtual.put(bundle, "both/release")
    virtual.put(small_bundle.scene(tmp_path, "tiny", 3, "both"), "both/tiny")
    script = """cd both && options="--device cpu --model release/model/int8.tflite --scene tiny --threshold 0.5"
        PYTHONPATH=release:../packages python3 -m device.scene $options --out python --stitch python.raw --json python.json &&
        release/bin/inference $options --out cpp --stitch cpp.raw --json cpp.json &&
        cmp python.raw cpp.raw && for file in cpp/*.bin; do cmp $file python/${file#cpp/} || exit 1; done && ls cpp"""
    said = virtual.shell(script, timeout=300).decode()
    assert said.count(".bin") == 3
    copied = [small_bundle.copied(pixels) for pixels in small_bundle.levels(3, "both")]
    assert [virtual.shell(f"cat both/cpp/patch_{number}_1_by_{number}_tiny.bin") for number in (1, 2, 3)] == copied


def _put_packages(virtual, tmp_path):
    """What device/requirements.txt pins for the board's Python, but for numpy, which is there: unpacked to packages/ on the board."""
    if virtual.shell("ls packages 2>/dev/null || true"):
        return
    lock = (ROOT / "device" / "requirements.txt").read_text()
    wanted = [re.search(rf"^{name}==[^\s;\\]+", lock, re.MULTILINE)[0] for name in ("tflite-runtime", "pypng")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(tmp_path / "wheels")]
    command += ["--platform", "manylinux2014_aarch64", "--python-version", "3.9", "--implementation", "cp", "--abi", "cp39"]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no {' or '.join(wanted)} for arm64: {done.stderr.strip().splitlines()[-1]}")
    for wheel in (tmp_path / "wheels").glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(tmp_path / "packages")
    virtual.put(tmp_path / "packages", "packages")
