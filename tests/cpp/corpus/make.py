"""Writes the first seeds of the fuzz targets beside this file; what fuzzing found that is worth keeping lies there under its own name."""

import json
from pathlib import Path

HERE = Path(__file__).parent
GOOD = {"id": "LC08", "rows": 2, "columns": 3, "patch_size": 384, "bands": 4, "dtype": "uint16", "scale": 1 / 65535}


def main() -> None:
    """One seed for every kind of value that a field may hold, right or wrong."""
    scenes = {
        "good": GOOD,
        "result": GOOD | {"dtype": "int8", "zero_point": -128, "source_patch_size": 768},
        "named": GOOD | {"bands": ["red", "nir"]},
        "large": GOOD | {"rows": 10_000, "columns": 10_000},
        "negative": GOOD | {"rows": -1},
        "text": GOOD | {"rows": "2"},
        "null": GOOD | {"scale": None},
        "tiny": GOOD | {"scale": 1e-300},
        "path": GOOD | {"id": "../etc"},
        "list": [GOOD],
        "empty": {},
    }
    for name, scene in scenes.items():
        (HERE / "scene" / name).write_text(json.dumps(scene))
    (HERE / "scene" / "deep").write_text("[" * 2000)
    (HERE / "scene" / "twice").write_text('{"id": "A", "id": 3}')
    names = [
        "patch_1_1_by_1_LC08",
        "patch_192_10_by_12_LC08_L1TP_002053_20160520_20170324_01_T1",
        "patch_01_1_by_1_A",
        "patch_4294967296_1_by_1_A",
        "patch_1_1_by_1_../A",
        "red_patch_",
    ]
    for number, name in enumerate(names):
        (HERE / "name" / str(number)).write_text(name)
    for number, head in enumerate(
        [(7, 3, 1, 0, 7, 15, 128, 1), (7, 3, 0, 0, 3, 15, 128, 1), (15, 0, 1, 255, 7, 0, 0, 0), (0, 4, 0, 9, 0, 200, 3, 0)]
    ):
        (HERE / "patch" / str(number)).write_bytes(bytes(head) + bytes(range(256)) * 4)
    (HERE / "patch" / "not_finite").write_bytes(bytes((1, 0, 0, 0, 0, 15, 128, 1)) + bytes((0, 0, 128, 127, 0, 0, 192, 255)) * 4)


if __name__ == "__main__":
    main()
