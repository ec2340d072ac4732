"""device/ on a stand-in for the Edge TPU that aborts on any wrong order: every way of ending is a clean exit with one clear line."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from board_models import Tensor, write
from board_scenes import write_scene
from test_edgetpu import IN, OUT, PATCHES, golden, read_results, report, want

STOCK = "BuildLabel(COMPILER=6.3.0 20170516/DATE=redacted)/ RuntimeVersion({})"


@pytest.fixture
def command(tmp_path) -> list:
    model = write(tmp_path / "m_edgetpu.tflite", [IN], [OUT])
    folder = write_scene(tmp_path / "scene", PATCHES)
    return ["scene", "--model", model, "--scene", folder, "--out", tmp_path / "out", "--json", tmp_path / "report.json"]


def test_success_and_what_comes_after(board, fake, command, tmp_path):
    done = board.run(*command, "--stitch", tmp_path / "mask.raw", "--threshold", "0.5", fake=fake)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read_results(tmp_path / "out"), want())
    scene = (want()[..., 0].astype(np.float32) + 128) / np.float32(256)
    mask = (scene >= np.float32(0.5)).transpose(0, 2, 1, 3).reshape(48, 64)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "mask.raw", np.uint8).reshape(48, 64), mask * 255)
    about = report(tmp_path)
    assert about["libedgetpu"].endswith("RuntimeVersion(14)") and about["device"] == "usb:0" and about["runtime"] == "tflite_runtime"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("none", "no Edge TPU usb:0: 0 of that kind and 0 in all"),
        ("refuse", "could not be opened"),
        ("reject", "the Edge TPU refused it (Failed precondition: Package requires runtime version (14)"),
        ("vanish=1", "the Edge TPU usb:0 failed (USB transfer error 5"),
        ("version=" + STOCK.format(12), "wants Edge TPU runtime 13, libedgetpu here has 12"),
    ],
)
def test_what_is_missing_is_one_line_and_exit_4(board, fake, command, tmp_path, words, says):
    done = board.run(*command, fake=fake, words=words)
    assert done.returncode == 4 and says in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert says in report(tmp_path)["why"]


def test_no_such_device_and_not_compiled(board, fake, command, tmp_path):
    done = board.run(*command, "--device", "pci:0", fake=fake)
    assert done.returncode == 4 and "no Edge TPU pci:0: 0 of that kind and 1 in all" in done.stderr
    command[2] = write(tmp_path / "plain.tflite", [IN], [IN], compiled=False)
    done = board.run(*command, "--device", "usb:0", fake=fake)
    assert done.returncode == 2 and "not compiled for the Edge TPU" in done.stderr


def test_a_pair_that_is_known_to_crash_is_refused_before(here, fake, command):
    """This Python's LiteRT is far newer than what stock libedgetpu goes with."""
    done = here.run(*command, fake=fake)
    assert done.returncode == 4 and "crashes with this libedgetpu" in done.stderr and "older than 2.10" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "version", "text", "refused"),
    [
        ("tflite_runtime", "2.9.1", STOCK, False),
        ("tflite_runtime", "2.5.0.post1", STOCK, False),
        ("tflite_runtime", "2.10.0", STOCK, True),
        ("tflite_runtime", "2.11.0", STOCK, True),
        ("tensorflow", "2.17.0-rc1", STOCK, True),
        ("ai_edge_litert", "1.0.1", STOCK, True),
        ("ai_edge_litert", "1.0.1", "BuildLabel(COMPILER=12.2.0)/ RuntimeVersion({})", False),
        ("tflite_runtime", "2.17.0", "BuildLabel(COMPILER=12.2.0)/ RuntimeVersion({})", False),
    ],
)
def test_which_pairs_are_refused(name, version, text, refused):
    from device.edgetpu import EdgeTpu
    from device.errors import Error
    from device.model import ModelFile
    from device.runtime import Runtime, check_pair

    tpu, runtime = EdgeTpu.__new__(EdgeTpu), Runtime.__new__(Runtime)
    tpu.version, runtime.name, runtime.version = text.format(14), name, version
    model = ModelFile("m.tflite", b"", True, 13, 0)
    if refused:
        with pytest.raises(Error, match="crashes"):
            check_pair(tpu, runtime, model)
    else:
        check_pair(tpu, runtime, model)


def test_not_the_edge_tpu_runtime(board, fake, command, tmp_path):
    """A library of that name without its functions."""
    (tmp_path / "lib").mkdir()
    shutil.copy(fake.parents[2] / "sources" / "tflite" / "linux_amd64" / "libtensorflowlite_c.so", tmp_path / "lib" / "libedgetpu.so.1")
    done = board.run(*command, fake=tmp_path / "lib")
    assert done.returncode == 4 and "has no function edgetpu_version" in done.stderr


PYCORAL = """
import tflite_runtime.interpreter
def load_edgetpu_delegate(options=None):
    return tflite_runtime.interpreter.load_delegate("libedgetpu.so.1", options or {})
"""


@pytest.mark.parametrize(
    ("files", "runtime", "says"),
    [
        ({"pycoral/__init__.py": "", "pycoral/utils/__init__.py": "", "pycoral/utils/edgetpu.py": PYCORAL}, "pycoral", None),
        ({"pycoral/__init__.py": "something = 'else'"}, "tflite_runtime", "another project of that name"),
        ({"pycoral.py": ""}, "tflite_runtime", "another project of that name"),
        (
            {"pycoral/__init__.py": "", "pycoral/utils/__init__.py": "", "pycoral/utils/edgetpu.py": "import pycoral.pybind"},
            "tflite_runtime",
            "pycoral is broken (No module named 'pycoral.pybind')",
        ),
    ],
)
def test_pycoral_and_what_is_called_so(board, fake, command, tmp_path, files, runtime, says):
    for name, text in files.items():
        (tmp_path / "modules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "modules" / name).write_text(text)
    done = board.run(*command, fake=fake, path=tmp_path / "modules")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read_results(tmp_path / "out"), want())
    assert report(tmp_path)["runtime"] == runtime
    assert ("packages.cloud.google.com" in done.stderr) == (says is not None) and (says or "") in done.stderr


def test_device_vanishes_in_the_middle_and_comes_back(board, fake, command, tmp_path):
    done = board.run(*command, fake=fake, words="vanish=6")
    assert done.returncode == 4 and "USB transfer error" in done.stderr
    assert report(tmp_path)["run"] == len(list((tmp_path / "out").glob("patch*.bin"))) <= 5
    assert not (tmp_path / "out" / "scene.json").exists()
    assert board.run(*command, "--resume", fake=fake).returncode == 0
    np.testing.assert_array_equal(read_results(tmp_path / "out"), want())


def test_exception_on_another_thread_ends_in_order(board, fake, command, tmp_path):
    """The reader fails while the device is busy."""
    patches = PATCHES.astype(np.float32)
    patches[2, 3, 0, 0, 0] = np.inf
    command[4] = write_scene(tmp_path / "floats", patches, "FLOATS", scale=1.0)
    done = board.run(*command, fake=fake, words="slow=5")
    assert done.returncode == 3 and "not a finite number" in done.stderr


@pytest.mark.parametrize("every", [4, 5, 100])
def test_wrong_golden_output_reloads_and_repeats(board, fake, command, tmp_path, every):
    done = board.run(*command, *golden(tmp_path), "--golden-every", every, fake=fake, words="wrong=6")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read_results(tmp_path / "out"), want())
    about = report(tmp_path)
    assert about["golden"]["reloads"] == 1 and about["golden"]["repeated_patches"] == {4: 4, 5: 5, 100: 12}[every]


def test_golden_that_stays_wrong_is_a_gate(board, fake, command, tmp_path):
    done = board.run(*command, *golden(tmp_path), "--golden-every", "4", fake=fake, words="always=1")
    assert done.returncode == 5 and "still is after the model was loaded afresh 3 times" in done.stderr
    assert not list((tmp_path / "out").glob("patch*.bin"))


def test_unchecked_results_do_not_count_after_a_failure(board, fake, command, tmp_path):
    done = board.run(*command, *golden(tmp_path), "--golden-every", "5", fake=fake, words="vanish=9")
    assert done.returncode == 4
    assert len(list((tmp_path / "out").glob("patch*.bin"))) == 5  # Invokes: golden, 5 patches, golden, 1 patch; the 9th fails
    assert not list((tmp_path / "out").glob(".*partial"))


def test_golden_of_the_wrong_size(board, fake, command, tmp_path):
    options = golden(tmp_path)
    (tmp_path / "out.bin").write_bytes(b"short")
    done = board.run(*command, *options, "--golden-every", "5", fake=fake)
    assert done.returncode == 3 and "out.bin: 5 bytes where 256 belong" in done.stderr


def test_watchdog_ends_a_hanging_invoke_with_a_whole_report(board, fake, command, tmp_path):
    done = board.run(*command, "--invoke-limit", "1", fake=fake, words="hang=6", timeout=20)
    assert done.returncode == 6 and "did not answer within 1 s" in done.stderr
    about = report(tmp_path)
    assert about["status"] == "timed out" and about["run"] == len(list((tmp_path / "out").glob("patch*.bin"))) == 5
    assert board.run(*command, "--resume", fake=fake).returncode == 0
    np.testing.assert_array_equal(read_results(tmp_path / "out"), want())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_in_the_middle_then_resumed(board, fake, command, tmp_path, how):
    process = subprocess.Popen(
        board.command(*command), env=board.environment(fake, "slow=60"), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    started = time.monotonic()
    while not list((tmp_path / "out").glob("patch*.bin")) and time.monotonic() < started + 20:
        time.sleep(0.01)
    process.send_signal(how)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == (-how if how == signal.SIGKILL else 130), said
    if how != signal.SIGKILL:
        assert said.endswith("interrupted; the same command with --resume goes on\n") and "fake_edgetpu" not in said
        assert report(tmp_path)["status"] == "interrupted"
    done_before = len(list((tmp_path / "out").glob("patch*.bin")))
    assert 0 < done_before < 12
    assert board.run(*command, "--resume", fake=fake).returncode == 0
    assert report(tmp_path)["resumed"] == done_before
    np.testing.assert_array_equal(read_results(tmp_path / "out"), want())


def test_one_patch_on_the_edge_tpu(board, fake, command, tmp_path):
    patch = next(Path(command[4]).glob("patch_5_*.bin"))
    one = ["patch", "--model", command[2], "--patch", patch, "--json", "-", "--out", tmp_path / "one.bin"]
    done = board.run(*one, fake=fake)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.fromfile(tmp_path / "one.bin", np.int8), want()[1, 0].ravel())
    assert json.loads(done.stdout)["device"] == "usb:0"
    assert board.run(*one, fake=fake, words="vanish=1").returncode == 4
    assert board.run(*one, "--invoke-limit", "1", fake=fake, words="hang=1").returncode == 6


@pytest.mark.slow
def test_many_runs_end_cleanly(board, fake, command, tmp_path):
    """Success, error, refusal and reload in turn; a wrong order would abort (exit -6) or hang."""
    cases = [("", 0), ("vanish=4", 4), ("refuse", 4), ("reject", 4), ("wrong=3", 0)]
    out = command.index("--out") + 1
    for number in range(40):
        words, code = cases[number % len(cases)]
        command[out] = tmp_path / f"out{number}"
        done = board.run(*command, *golden(tmp_path), "--golden-every", "4", fake=fake, words=words)
        assert done.returncode == code, (number, done.stderr)


def test_a_model_with_two_outputs_ends_in_order(board, fake, command, tmp_path):
    """The model is refused when the interpreter is there already."""
    command[2] = write(tmp_path / "two.tflite", [IN, Tensor((1, 4, 4, 1))], [OUT])
    done = board.run(*command, fake=fake)
    assert done.returncode == 2 and "has 2 inputs and 1 outputs" in done.stderr
