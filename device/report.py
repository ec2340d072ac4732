"""What a run did and how long each part of it took: the C++ program's report, field by field."""

import json
import math
import os
import threading

STAGES = ("read", "prepare", "wait", "invoke", "write")  # wait: what passes between two Invokes
_COLUMNS = ("minimum", "median", "p95", "maximum", "first")


def summarize(milliseconds):
    """Of at least one value. `first` stands apart: it holds one-time work (weights sent to the device, pages touched).

    The others are of the rest, or of the first where it is all there is. Percentiles are nearest-rank.
    """
    rest = sorted(milliseconds[1:] or milliseconds)

    def rank(part):
        return rest[math.ceil(part * len(rest)) - 1]

    return dict(zip(_COLUMNS, (rest[0], rank(0.5), rank(0.95), rest[-1], milliseconds[0])))


class Report:
    """Filled by the run's threads, read by the watchdog at any moment. Times are milliseconds by stage."""

    def __init__(self, scene, model, device, threads):
        self._lock = threading.RLock()
        self.device = device
        self._scene, self._model, self._threads = scene, model, threads
        self._versions = {"tflite": "", "libedgetpu": "", "runtime": ""}
        self._patches, self._resumed, self._good, self._bad, self._repeated = [], 0, 0, 0, 0
        self._status, self._why, self._wall = "running", "", 0.0

    def versions(self, engine):
        """Take what the loaded Engine runs on."""
        with self._lock:
            self._versions = {"tflite": engine.tflite, "libedgetpu": engine.edgetpu, "runtime": engine.runtime}

    def patch(self, position, times):
        """One patch is done; `times` by stage."""
        with self._lock:
            self._patches.append((position, times))

    def resumed(self, patches):
        """So many were there already."""
        with self._lock:
            self._resumed = patches

    def golden(self, good):
        """One check of the golden output."""
        with self._lock:
            self._good, self._bad = self._good + bool(good), self._bad + (not good)

    def repeated(self, patches):
        """So many are run again after a wrong golden output."""
        with self._lock:
            self._repeated += patches

    def end(self, status, why, wall_ms):
        """How it ended, and the whole time in milliseconds."""
        with self._lock:
            self._status, self._why, self._wall = status, why, wall_ms

    def json(self):
        """The report as JSON text; `runtime`, the Python package that ran the model, is all that the C++ program has not."""
        with self._lock:
            about = {"status": self._status, **({"why": self._why} if self._why else {})}
            about.update(scene=self._scene.id, patches=self._scene.patches, run=len(self._patches), resumed=self._resumed)
            about.update(model=os.path.basename(self._model.path), model_crc32=f"{self._model.crc32:08x}")
            about.update(device=str(self.device), threads=self._threads, **self._versions)
            about["golden"] = {"good": self._good, "reloads": self._bad, "repeated_patches": self._repeated}
            about["wall_ms"] = round(self._wall, 4)
            about["milliseconds"] = {}
            for stage in STAGES if self._patches else ():
                times = [times[stage] for _, times in self._patches]
                figures = {**summarize(times), "total": sum(times)}
                about["milliseconds"][stage] = {name: round(value, 4) for name, value in figures.items()}
            about["per_patch"] = [
                {"patch": self._scene.file(position), **{stage: round(times[stage], 4) for stage in STAGES}}
                for position, times in self._patches
            ]
            return json.dumps(about, indent=2) + "\n"

    def text(self):
        """A few lines for people."""
        with self._lock:
            there = f", {self._resumed} were there already" if self._resumed else ""
            again = f", {self._repeated} repeated after a wrong golden output" if self._repeated else ""
            lines = [f"{self._scene.id}: {len(self._patches)} of {self._scene.patches} patches run{there}{again}; {self._status}"]
            if self._patches:
                lines.append("  ms per patch   minimum    median       p95   maximum     first")
            for stage in STAGES if self._patches else ():
                figures = summarize([times[stage] for _, times in self._patches])
                lines.append(f"  {stage:<12} " + " ".join(f"{figures[column]:9.3f}" for column in _COLUMNS))
            return "\n".join(lines) + "\n"
