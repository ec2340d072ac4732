"""What device/ is installed from: pinned by hash, each pin with its reason, and the TF Lite that stock libedgetpu goes with."""

import re

from board_pythons import REQUIREMENTS


def test_the_lock_is_pinned_by_hash_and_names_no_registry():
    text = REQUIREMENTS.read_text()
    assert "://" not in text and "\n--index" not in text and "\n--find" not in text
    for requirement in re.split(r"\n(?=[A-Za-z])", re.sub(r"(?m)^ *#.*\n", "", text).strip()):
        assert re.match(r"[\w.-]+==[\w.]+ ", requirement), requirement[:80]
        assert "--hash=sha256:" in requirement


def test_every_pin_has_its_reason_and_is_in_the_lock():
    before, lock = "", REQUIREMENTS.read_text()
    for line in REQUIREMENTS.with_suffix(".in").read_text().splitlines():
        if line and not line.startswith("#"):
            assert before, f"{line} has no comment above it"
            assert f"\n{line.split()[0]} " in lock, f"{line} is not in {REQUIREMENTS.name}: make lock"
        before = line


def test_only_a_tflite_that_stock_libedgetpu_knows_for_the_pythons_of_boards():
    pins = re.findall(r"(?m)^tflite-runtime==(\S+) ; python_full_version (\S+ '\S+')", REQUIREMENTS.read_text())
    assert dict(pins) == {"2.9.1": "< '3.10'", "2.14.0": ">= '3.10'"}
