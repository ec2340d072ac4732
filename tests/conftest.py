"""What every room's tests share: the real data, figures worth reading in CI's log, and the order and the company in which tests run."""

import contextlib
import os
from pathlib import Path

import pytest

with contextlib.suppress(ImportError):  # absent on the host of a container engine
    from hypothesis import settings

    settings.register_profile("untimed", deadline=None)  # on a busy machine an example takes as long as it takes
    settings.load_profile("untimed")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:  # a test process a core: more threads than that only get in each other's way
    for threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(threads, "1")
TESTS = Path(__file__).resolve().parent
# What shares something that takes minutes to make, by how the paths begin: one process makes it and the others need not wait for it.
TOGETHER = {
    "board/": "programs",
    "cpp/": "programs",
    "device/": "programs",
    "orchestrate/test_bundle": "programs",
    "quantize/": "converted networks",
    "integration/test_board_": "container engine",
    "integration/test_container_": "container engine",
    "integration/test_real_data": "real data",  # shares nothing, takes longest
}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout; the test is skipped where it is absent."""
    folder = TESTS.parents[1] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("no ../shared/data beside this checkout: real data is not part of the project")
    return folder


@pytest.fixture
def measured(record_property):
    """`measured(text)`: a figure that is worth reading even where the test passes; all of them are printed at the end."""
    return lambda text: record_property("measured", text)


def pytest_terminal_summary(terminalreporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    figures = [(report.nodeid, text) for report in reports for name, text in report.user_properties if name == "measured"]
    if figures:
        terminalreporter.section("measured")
    for test, text in figures:
        terminalreporter.line(f"{test.rsplit('@', 1)[0]}: {text}")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Quick tests first: a mistake shows in seconds, and there is still one run with one closing line.

    Of the slow ones the longest groups come first, those of TOGETHER, so that the processes end at about the same time.
    """

    def slow(item: pytest.Item) -> bool:
        return item.get_closest_marker("slow") is not None

    def alone(item: pytest.Item) -> bool:
        return slow(item) and not item.path.relative_to(TESTS).as_posix().startswith(tuple(TOGETHER))

    items.sort(key=lambda item: (slow(item), item.get_closest_marker("engine") is None, alone(item)))
    if config.pluginmanager.hasplugin("xdist"):  # absent on the host of a container engine
        for item in items:
            item.add_marker(pytest.mark.xdist_group(_group(item, slow(item))))


def _group(item: pytest.Item, slow: bool) -> str:
    """Which tests run one after the other in one process: those of a file, or of TOGETHER; the quick ones apart from the slow ones."""
    file = item.path.relative_to(TESTS).as_posix()
    name = next((group for start, group in TOGETHER.items() if file.startswith(start)), file)
    return f"{name}, slow" if slow else name
