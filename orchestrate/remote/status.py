"""How a board is: what runs, since when, with which versions; how warm, how fast, how full."""

from __future__ import annotations

import json
import time
from typing import Any

from . import preflight
from .releases import listing
from .ssh import Board

_UNDER_VOLTAGE, _CAPPED, _THROTTLED, _SOFT_LIMIT = 0x1, 0x2, 0x4, 0x8  # bits of Raspberry Pi's `vcgencmd get_throttled`


def status(board: Board, folder: str) -> dict[str, Any]:
    """Everything, as --json prints it. Temperatures in degrees Celsius, frequencies in MHz, sizes in bytes, times in s; None: not known."""
    facts = preflight.probe(board, folder)
    folder = facts["dir"]
    releases = listing(board, folder)
    many: dict[str, list[str]] = {}
    for line in board.script("status", folder, limit=60).text.splitlines():
        key, _, value = line.partition("=")
        many.setdefault(key, []).append(value)
    one = {key: values[0] for key, values in many.items()}
    report, manifest = _json(one.get("selftest")), _json(one.get("manifest"))
    return {
        "host": board.host,
        "board": facts.get("board") or None,
        "system": facts.get("system") or None,
        "arch": facts.get("arch"),
        "folder": folder,
        "release": releases.current or None,
        "since": releases.since or None,
        "previous": releases.previous or None,
        "running_scene": facts.get("running") or None,
        "accelerator": manifest.get("accelerator"),
        "run": manifest.get("run"),
        "versions": {
            "tflite": report.get("tflite") or None,
            "libedgetpu": report.get("libedgetpu") or None,
            "libedgetpu_package": facts.get("edgetpu_package") or None,
            "libedgetpu_file": facts.get("edgetpu") or None,
            "glibc": facts.get("glibc") or None,
            "python3": facts.get("python3") or None,
        },
        "edgetpu_device": facts.get("device") or None,
        "temperatures": [_zone(line) for line in many.get("thermal", [])],
        "edgetpu_temperature": _number(one.get("apex_temp"), 1000),
        "throttling": _throttling(many),
        "frequencies": [[_number(part, 1000) for part in line.split(" ")][:2] for line in many.get("frequency", [])],
        "load": [float(part) for part in one.get("load", "").split()],
        "processors": _number(one.get("processors")),
        "memory": {"total": _bytes(one.get("memory_kib")), "free": _bytes(one.get("memory_free_kib"))},
        "space_free": _bytes(facts.get("free_kib")),
        "uptime": _number(one.get("uptime")),
        "clock_offset": int(facts.get("offset", 0)),
        "scenes": _number(one.get("scenes")),
    }


def render(found: dict[str, Any]) -> str:
    """For people."""
    memory, versions = found["memory"], found["versions"]
    temperatures = [f"{zone['name']} {zone['celsius']:.1f} °C" for zone in found["temperatures"]]
    if found["edgetpu_temperature"] is not None:
        temperatures.append(f"Edge TPU {found['edgetpu_temperature']:.1f} °C")
    rows = {
        "board": ", ".join(filter(None, (found["board"], found["system"], found["arch"], f"up {_span(found['uptime'])}"))),
        "runs": f"{found['release']} ({found['accelerator']}) since {when(found['since'])}" if found["release"] else "nothing yet",
        "before it": found["previous"],
        "scene": found["running_scene"] and f"{found['running_scene']} is being run",
        "versions": ", ".join(f"{name} {value}" for name, value in versions.items() if value),
        "Edge TPU": found["edgetpu_device"],
        "temperature": ", ".join(temperatures) or "not told by this board",
        "throttling": "; ".join(found["throttling"]) or "none",
        "frequency": ", ".join(f"{now:.0f} of {most:.0f} MHz" for now, most in found["frequencies"] if now and most),
        "load": f"{' '.join(f'{part:.2f}' for part in found['load'])} on {found['processors']:.0f} processors",
        "memory": f"{(memory['free'] or 0) / 2**20:.0f} of {(memory['total'] or 0) / 2**20:.0f} MiB free",
        "space": f"{(found['space_free'] or 0) / 2**30:.1f} GiB free for {found['folder']}",
        "clock": f"{found['clock_offset']:+d} s" if abs(found["clock_offset"]) > preflight.CLOCK else None,
    }
    return "\n".join(f"  {name:13}{text}" for name, text in rows.items() if text)


def when(seconds: int | None) -> str:
    """A time of the board's clock in this machine's zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else "?"


def _throttling(many: dict[str, list[str]]) -> list[str]:
    """Each reason why it is slower now than it could be; [] for none that the board tells of."""
    found = []
    for line in many.get("thermal", []):
        zone = _zone(line)
        if zone["throttles_at"] is not None and zone["celsius"] >= zone["throttles_at"]:
            found.append(f"{zone['name']} is above {zone['throttles_at']:.0f} °C, where it throttles")
    for line in many.get("cooling", []):
        name, now, most = (line.split(" ") + ["", ""])[:3]
        if (_number(now) or 0) > 0:
            found.append(f"{name} holds it back, step {now} of {most}")
    for line in many.get("frequency", []):
        _, allowed, most = ([_number(part, 1000) for part in line.split(" ")] + [None] * 3)[:3]
        if allowed and most and allowed < most:
            found.append(f"at most {allowed:.0f} of {most:.0f} MHz are allowed")
    bits = int(many.get("vcgencmd", ["0"])[0] or "0", 0)
    names = {_UNDER_VOLTAGE: "under-voltage", _CAPPED: "frequency capped", _THROTTLED: "throttled", _SOFT_LIMIT: "soft temperature limit"}
    return list(dict.fromkeys(found)) + [text for bit, text in names.items() if bits & bit]


def _zone(line: str) -> dict[str, Any]:
    name, value, trip = (line.rsplit(" ", 2) + ["", ""])[:3]
    return {"name": name, "celsius": _number(value, 1000), "throttles_at": _number(trip, 1000)}


def _number(text: str | None, divisor: float = 1) -> float | None:
    try:
        return float(text or "") / divisor
    except ValueError:
        return None


def _bytes(kib: str | None) -> int | None:
    number = _number(kib)
    return None if number is None else int(number * 1024)


def _json(text: str | None) -> dict[str, Any]:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return {}


def _span(seconds: float | None) -> str:
    minutes = int(seconds or 0) // 60
    return f"{minutes // 1440} d {minutes // 60 % 24} h {minutes % 60} min"
