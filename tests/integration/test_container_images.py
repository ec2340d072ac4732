"""The images built for real, on stand-in bases: what they hold, that a second build takes seconds, and what a changed file rebuilds."""

import re
import time

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]
IMAGES = [("trainer", "linux/amd64"), ("device-builder", "linux/amd64"), ("runtime", "linux/amd64")]
SECONDS = 60  # what "seconds" is allowed to be on a busy machine; 1 to 3 on a quiet one


@pytest.mark.parametrize(("name", "platform"), IMAGES)
def test_an_image_is_built_and_then_there(place, name, platform):
    reference, cold, text = place.image(name, platform)
    again, warm, silence = place.image(name, platform)
    print(f"{name} {platform}: {cold:.1f} s, then {warm:.1f} s")
    assert again == reference and "building" not in silence and warm < SECONDS
    works(place, reference)


@pytest.mark.qemu
def test_runtime_for_arm64_is_built_and_runs_under_qemu(place):
    reference, seconds, _ = place.image("runtime", "linux/arm64")
    print(f"runtime linux/arm64: {seconds:.1f} s")
    assert place.cli.capture("image", "inspect", "--format", "{{.Architecture}}", reference) == "arm64"
    machine = place.cli.capture(
        "run", "--rm", "--network", "none", reference, "python3", "-c", "import platform; print(platform.machine())"
    )
    assert machine == "aarch64"
    works(place, reference)


def works(place, reference):
    """Its own self-test, and what every image promises: no root, labels."""
    place.cli.capture("run", "--rm", "--network", "none", reference)
    user, title = place.cli.capture("image", "inspect", "--format", LOOK, reference).split("|")
    assert user not in ("", "0", "root", "0:0") and title.startswith("edgeseg")
    uid = place.cli.capture(
        "run", "--rm", "--network", "none", "--user", "4321:4321", reference, "python3", "-c", "import os; print(os.getuid())"
    )
    assert uid == "4321"


LOOK = '{{.Config.User}}|{{index .Config.Labels "org.opencontainers.image.title"}}'


def test_a_python_file_of_the_pipeline_rebuilds_nothing(place):
    before, _, _ = place.image("trainer")
    file = place.folder / "pipeline" / "run.py"
    file.write_text(file.read_text() + "# touched\n")
    after, seconds, text = place.image("trainer")
    assert after == before and "building" not in text and seconds < SECONDS


def test_a_python_file_that_is_copied_in_rebuilds_no_dependency_layer(place):
    before, _, _ = place.image("runtime")
    file = place.folder / "device" / "scene.py"
    file.write_text(file.read_text() + f"# touched {time.time_ns()}\n")  # the engine remembers what was built before
    after, seconds, text = place.image("runtime")
    print(f"runtime after a touched file: {seconds:.1f} s")
    assert after != before and "building image runtime" in text and seconds < 4 * SECONDS
    log = (place.folder / ".cache" / "images" / "runtime-amd64.log").read_text()
    steps = {number: line for number, line in re.findall(r"^#(\d+) (\[.+\].*)$", log, re.MULTILINE)}
    cached = set(re.findall(r"^#(\d+) CACHED", log, re.MULTILINE))
    installing = {number for number, line in steps.items() if "pip-install" in line or "apt-install" in line}
    assert installing and installing <= cached, log[-3000:]
    layers = [
        place.cli.capture("image", "inspect", "--format", "{{range .RootFS.Layers}}{{.}} {{end}}", each).split() for each in (before, after)
    ]
    kept = next((number for number, pair in enumerate(zip(*layers)) if pair[0] != pair[1]), len(layers[0]))  # noqa: B905
    assert kept >= len(layers[0]) - 4  # what comes after: device/ itself, its rights, the working folder, the self-test
    place.cli.capture("image", "rm", after)
