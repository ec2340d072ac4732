"""The doctor, with made-up /sys and /proc trees."""

import json

import pytest

from orchestrate import doctor, doctor_hardware, doctor_software
from orchestrate.doctor import NOTE, OK, WRONG, Finding
from orchestrate.errors import MissingTool


def usb(folder, name, vendor, product, speed):
    device = folder / name
    device.mkdir(parents=True)
    facts = {"idVendor": vendor, "idProduct": product, "speed": speed, "busnum": "2", "devnum": "5"}
    for file, text in facts.items():
        (device / file).write_text(text + "\n")


def accelerators(tmp_path):
    return list(doctor_hardware.accelerators(tmp_path / "usb", tmp_path / "nodes", tmp_path / "apex_0"))


@pytest.mark.parametrize(
    ("vendor", "product", "speed", "verdict", "said"),
    [
        ("1a6e", "089a", "5000", OK, "not used since"),
        ("18d1", "9302", "5000", OK, "in use before"),
        ("18d1", "9302", "10000", OK, "10000 Mbit/s"),
        ("18d1", "9302", "480", WRONG, "USB 2"),
        ("1A6E", "089A", "480", WRONG, "480 Mbit/s"),
    ],
)
def test_speed_of_an_accelerator(tmp_path, vendor, product, speed, verdict, said):
    usb(tmp_path / "usb", "2-1", vendor, product, speed)
    usb(tmp_path / "usb", "1-1", "046d", "c52b", "12")
    (found,) = accelerators(tmp_path)
    assert found.verdict == verdict and said in found.found
    assert bool(found.remedy) == (verdict == WRONG)


def test_an_accelerator_that_one_may_not_use(tmp_path, monkeypatch):
    usb(tmp_path / "usb", "2-1", "18d1", "9302", "5000")
    node = tmp_path / "nodes" / "002" / "005"
    node.parent.mkdir(parents=True)
    node.touch()
    monkeypatch.setattr(doctor_hardware.os, "access", lambda path, mode: path != node)
    (found,) = accelerators(tmp_path)
    assert found.verdict == WRONG and "may not use" in found.found and "udev" in found.remedy


def test_none_or_one_on_pcie(tmp_path):
    assert [each.verdict for each in accelerators(tmp_path)] == [NOTE]
    (tmp_path / "apex_0").touch()
    assert "PCIe" in accelerators(tmp_path)[0].found


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("enabled\ninterpreter /usr/bin/q\nflags: PF\n", OK), ("enabled\nflags: P\n", WRONG), ("disabled\nflags: F\n", WRONG), ("", NOTE)],
)
def test_binfmt(tmp_path, text, verdict):
    if text:
        (tmp_path / "qemu-aarch64").write_text(text)
    found = [each for each in doctor_software.emulation(tmp_path, "x86_64") if each.subject == "binfmt"]
    assert [each.verdict for each in found] == [verdict]
    assert bool(found[0].remedy) == (verdict != OK)
    assert [each.verdict for each in doctor_software.emulation(tmp_path, "aarch64")] == [OK]


def test_engines_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n")
    (tmp_path / "docker").chmod(0o755)
    docker, podman = doctor_software.engines()
    assert (docker.verdict, podman.verdict) == (WRONG, NOTE)
    assert "start it" in docker.remedy and "install it" in podman.remedy


@pytest.mark.parametrize("builds", [True, False])
def test_a_docker_that_cannot_build_runs_no_stages(monkeypatch, tmp_path, builds):
    monkeypatch.setenv("PATH", str(tmp_path))
    secret = "--secret" if builds else ""
    (tmp_path / "docker").write_text(f'#!/bin/sh\ncase $1 in build) echo "Usage: {secret}";; *) echo 28.2.2;; esac\n')
    (tmp_path / "docker").chmod(0o755)
    docker, _ = doctor_software.engines()
    assert (docker.verdict, docker.runs_stages) == ((OK, True) if builds else (WRONG, False))
    assert docker.found.startswith("28.2.2 answers") and ("cannot build" in docker.found) != builds
    assert ("docker-buildx" in docker.remedy) != builds
    assert doctor.exit_code([docker]) == (0 if builds else 4)


def test_a_check_that_breaks_is_a_finding():
    def broken():
        raise ValueError("x")
        yield

    def refused():
        raise MissingTool("no, because")
        yield

    first, second = doctor.examine([broken, refused])
    assert (first.subject, first.verdict) == ("broken", WRONG) and "ValueError" in first.found
    assert (second.verdict, second.remedy) == (NOTE, "no, because")


def test_exit_code_and_both_forms():
    found = [Finding("docker", NOTE, "not installed", "install it"), Finding("disk", OK, "9 GB")]
    assert doctor.exit_code(found) == 4 and "can run a stage" in doctor.table(found) and "-> install it" in doctor.table(found)
    found.append(Finding("local engine", OK, ".venv", runs_stages=True))
    assert doctor.exit_code(found) == 0
    assert [each["verdict"] for each in json.loads(doctor.as_json(found))] == [NOTE, OK, OK]


def test_space(monkeypatch, tmp_path):
    for free, verdict in ((9e9, OK), (3e9, NOTE), (5e8, WRONG)):
        usage = type("usage", (), {"free": free})
        monkeypatch.setattr(doctor_hardware.shutil, "disk_usage", lambda path, usage=usage: usage)
        assert doctor_hardware._space("disk", tmp_path).verdict == verdict
