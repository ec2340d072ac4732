"""inference on a stand-in for the Edge TPU that aborts on any wrong order: every way of ending is a clean exit with one clear line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from board_models import Tensor, write
from board_programs import Programs
from board_scenes import quantized, read_results, reals, write_scene

IN = Tensor((1, 16, 16, 2))
OUT = Tensor((1, 16, 16, 1), scale=1 / 256)
PATCHES = np.random.default_rng(5).integers(0, 65536, (3, 4, 16, 16, 2), dtype=np.uint16)


def want() -> np.ndarray:
    """What the stand-in computes: the first band."""
    return np.stack([quantized(reals(patch, 16), 1 / 255, -128, np.int8)[..., :1] for row in PATCHES for patch in row]).reshape(
        3, 4, 16, 16, 1
    )


@pytest.fixture
def command(tmp_path) -> list:
    model = write(tmp_path / "m_edgetpu.tflite", [IN], [OUT])
    scene = write_scene(tmp_path / "scene", PATCHES)
    return ["inference", "--model", model, "--scene", scene, "--out", tmp_path / "out", "--json", tmp_path / "report.json"]


def golden(folder: Path) -> list[str]:
    stored = np.random.default_rng(6).integers(-128, 128, (16, 16, 2), dtype=np.int8)
    stored.tofile(folder / "in.bin")
    np.ascontiguousarray(stored[..., :1]).tofile(folder / "out.bin")
    return ["--golden", f"{folder / 'in.bin'},{folder / 'out.bin'}"]


def report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_success_and_what_comes_after(native, command, tmp_path):
    done = native.run(*command, "--stitch", tmp_path / "mask.raw", "--threshold", "0.5", fake="")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read_results(tmp_path / "out"), want())
    scene = (want()[..., 0].astype(np.float32) + 128) / np.float32(256)
    mask = (scene >= np.float32(0.5)).transpose(0, 2, 1, 3).reshape(48, 64)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "mask.raw", np.uint8).reshape(48, 64), mask * 255)
    assert report(tmp_path)["libedgetpu"].endswith("RuntimeVersion(14)") and report(tmp_path)["device"] == "usb:0"


@pytest.mark.parametrize(
    ("fake", "code", "says"),
    [
        ("none", 4, "no Edge TPU usb:0: 0 of that kind and 0 in all"),
        ("refuse", 4, "could not be opened"),
        ("reject", 4, "refused it (Failed precondition: Package requires runtime version (14)"),
        ("vanish=1", 4, "failed (USB transfer error 5"),
        (
            "version=BuildLabel(COMPILER=6.3.0 20170516/DATE=redacted)/ RuntimeVersion(12)",
            4,
            "wants Edge TPU runtime 13, libedgetpu here has 12",
        ),
    ],
)
def test_what_is_missing_is_one_line_and_exit_4(native, command, tmp_path, fake, code, says):
    done = native.run(*command, fake=fake)
    assert done.returncode == code and says in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert report(tmp_path)["status"] == "failed" and says in report(tmp_path)["why"]


def test_pairs_that_are_known_to_crash_are_refused_before(native, command, tmp_path):
    """The same TF Lite with "2.10." for a version text: the first whose registrations libedgetpu 16 does not know."""
    newer = tmp_path / "newer"
    shutil.copytree(native.folder, newer, ignore=shutil.ignore_patterns("CMakeFiles", "tests"))
    library = newer / "libtensorflowlite_c.so"
    library.write_bytes(library.read_bytes().replace(b"2.9.0\x00", b"2.10.\x00"))
    programs = Programs(newer, native.tests)
    done = programs.run(*command, fake="")
    assert done.returncode == 4 and "TF Lite 2.10. crashes with this libedgetpu" in done.stderr
    done = programs.run(*command, fake="version=BuildLabel(COMPILER=12.2.0)/ RuntimeVersion(14)")
    assert done.returncode == 0, done.stderr


def test_no_tflite_beside_the_program(native, command, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(native.folder / "inference", alone)
    done = Programs(alone, native.tests).run(*command, fake="")
    assert done.returncode == 4 and "put libtensorflowlite_c.so beside this program" in done.stderr


def test_no_library_and_no_such_device(native, command):
    done = native.run(*command)
    assert done.returncode == 4 and "libedgetpu.so.1" in done.stderr and "libedgetpu1-std" in done.stderr
    done = native.run(*command, "--device", "pci:0", fake="")
    assert done.returncode == 4 and "no Edge TPU pci:0: 0 of that kind and 1 in all" in done.stderr


def test_a_model_that_was_not_compiled_is_refused(native, command, tmp_path):
    command[2] = write(tmp_path / "plain.tflite", [IN], [IN], compiled=False)
    done = native.run(*command, "--device", "usb:0", fake="")
    assert done.returncode == 2 and "not compiled for the Edge TPU" in done.stderr


def test_device_vanishes_in_the_middle_and_comes_back(native, command, tmp_path):
    done = native.run(*command, fake="vanish=6")
    assert done.returncode == 4 and "USB transfer error" in done.stderr
    assert report(tmp_path)["run"] == len(list((tmp_path / "out").glob("patch*.bin"))) <= 5
    assert not (tmp_path / "out" / "scene.json").exists()
    assert native.run(*command, "--resume", fake="").returncode == 0
    np.testing.assert_array_equal(read_results(tmp_path / "out"), want())


def test_exception_on_another_thread_unwinds_in_order(native, command, tmp_path):
    """The reader fails (a patch that vanished after the check) while the device is busy."""
    scene = command[4]
    patches = PATCHES.astype(np.float32)
    patches[2, 3, 0, 0, 0] = np.inf
    other = write_scene(tmp_path / "floats", patches, "FLOATS", scale=1.0)
    command[4] = other
    done = native.run(*command, fake="slow=5")
    assert done.returncode == 3 and "not a finite number" in done.stderr
    assert scene.is_dir()


@pytest.mark.parametrize("every", [1, 4, 5, 100])
def test_wrong_golden_output_reloads_and_repeats(native, command, tmp_path, every):
    done = native.run(*command, *golden(tmp_path), "--golden-every", str(every), fake="wrong=6")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read_results(tmp_path / "out"), want())
    about = report(tmp_path)
    assert about["golden"]["reloads"] == 1 and about["run"] == 12 + about["golden"]["repeated_patches"]
    assert about["golden"]["repeated_patches"] == {1: 0, 4: 4, 5: 5, 100: 12}[every] or every == 1


def test_golden_that_stays_wrong_is_a_gate(native, command, tmp_path):
    done = native.run(*command, *golden(tmp_path), "--golden-every", "4", fake="always=1")
    assert done.returncode == 5 and "still is after the model was loaded afresh 3 times" in done.stderr
    assert not list((tmp_path / "out").glob("patch*.bin"))


def test_unchecked_results_do_not_count_after_a_failure(native, command, tmp_path):
    done = native.run(*command, *golden(tmp_path), "--golden-every", "5", fake="vanish=9")
    assert done.returncode == 4
    assert len(list((tmp_path / "out").glob("patch*.bin"))) == 5  # Invokes: golden, 5 patches, golden, 1 patch; the 9th fails
    assert not list((tmp_path / "out").glob(".*partial"))


def test_golden_of_the_wrong_size(native, command, tmp_path):
    options = golden(tmp_path)
    (tmp_path / "out.bin").write_bytes(b"short")
    done = native.run(*command, *options, "--golden-every", "5", fake="")
    assert done.returncode == 3 and "out.bin: 5 bytes where 256 belong" in done.stderr


def test_watchdog_ends_a_hanging_invoke_with_a_whole_report(native, command, tmp_path):
    done = native.run(*command, "--invoke-limit", "1", fake="hang=6", timeout=20)
    assert done.returncode == 6 and "did not answer within 1 s" in done.stderr
    about = report(tmp_path)
    assert about["status"] == "timed out" and about["run"] == len(list((tmp_path / "out").glob("patch*.bin"))) == 5
    assert native.run(*command, "--resume", fake="").returncode == 0
    np.testing.assert_array_equal(read_results(tmp_path / "out"), want())


@pytest.mark.slow
def test_a_hundred_runs_end_cleanly(native, command, tmp_path):
    """Success, error, exception, refusal and reload in turn; a wrong order would abort (exit -6) or hang."""
    cases = [("", 0), ("vanish=4", 4), ("refuse", 4), ("reject", 4), ("wrong=3", 0)]
    out = command.index("--out") + 1
    for number in range(100):
        fake, code = cases[number % len(cases)]
        command[out] = tmp_path / f"out{number}"
        done = native.run(*command, *golden(tmp_path), "--golden-every", "4", fake=fake)
        assert done.returncode == code, (number, done.stderr)
