"""Which image a stage gets on a machine with a GPU."""

import pytest

from orchestrate import engine, gpu
from orchestrate.images import bases, build


@pytest.fixture
def with_gpu(monkeypatch):
    monkeypatch.setattr(gpu, "options", lambda cli: ["--gpus", "all"])
    made = object.__new__(engine.ContainerEngine)
    made.cli = None
    return made


def test_the_trainer_comes_with_cuda(with_gpu, monkeypatch):
    monkeypatch.setattr(build, "ensure", lambda cli, name: name)
    assert with_gpu._image("trainer") == ("trainer-gpu", ["--gpus", "all"])
    assert with_gpu._image("device-builder") == ("device-builder", [])


def test_without_its_base_the_stage_goes_on_without_the_gpu(with_gpu, monkeypatch, capsys):
    def ensure(cli, name):
        if name == "trainer-gpu":
            raise bases.MissingBase("no digest yet")
        return name

    monkeypatch.setattr(build, "ensure", ensure)
    assert with_gpu._image("trainer") == ("trainer", [])
    assert "going on without the GPU: no digest yet" in capsys.readouterr().err
