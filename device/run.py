"""A model over a scene: reading, preparing and writing overlap with Invoke, so that the accelerator is what is waited for."""

import contextlib
import os
import threading
import time
from dataclasses import dataclass
from typing import Any, Callable, Optional

import numpy as np

from .channel import Channel
from .errors import Error, Exit
from .files import read_exactly, rename_file, write_file
from .golden import Golden
from .prepare import Preparer
from .spec import SceneSpec
from .watchdog import Watchdog

_IN_FLIGHT = 4  # patches: one in each thread, and one ahead for when a card is slow for a moment
_RELOADS = 3  # a device that is wrong after as many fresh starts is not going to be right


@dataclass(frozen=True)
class Plan:
    """What to run and where to."""

    scene_folder: str
    out_folder: str
    scene: SceneSpec
    results: SceneSpec
    golden: Optional[Golden]
    invoke_limit: float  # seconds
    load: Callable[[], Any]  # opens an Engine, again after a wrong golden output
    timed_out: Callable[[], None]  # ends the process; called while Invoke hangs
    interrupted: Callable[[], bool]  # asked before every patch
    progress: Callable[[int], None]


class _Line:
    """The way of the patches round the three threads. The first error of any closes all channels; the others run out of work."""

    def __init__(self):
        self.free, self.ready, self.done = Channel(), Channel(), Channel()
        self.error, self.interrupted, self._lock = None, False, threading.Lock()
        for _ in range(_IN_FLIGHT):
            self.free.put(True)

    def stop(self, error):
        with self._lock:
            self.error = self.error or error
        for channel in (self.free, self.ready, self.done):
            channel.close()


class SceneRun:
    """Runs patches and writes their results. Takes over the Engine, which ends with the `with`."""

    def __init__(self, plan, engine, report):
        self._plan, self._engine, self._report, self._done = plan, engine, report, 0
        self._prepare = Preparer(plan.scene, engine.spec.side, engine.spec.input)
        self._reals = engine.spec.output.table() if plan.results.dtype == "float32" else None
        self._watchdog = Watchdog(plan.invoke_limit, plan.timed_out)

    def __enter__(self):
        self._watchdog.__enter__()
        return self

    def __exit__(self, *what):
        self._watchdog.__exit__()
        if self._engine is not None:
            self._engine.__exit__(*what)

    def run(self, positions):
        """Run the patches at `positions`. False where it was interrupted: what is written is whole."""
        if self._plan.golden is None:
            return self._run_segment(positions)
        if not self._golden_is_good():
            self._reload()
        start = 0
        while start < len(positions):
            segment = positions[start : start + self._plan.golden.every]
            if not self._run_segment(segment):
                return False
            if self._golden_is_good():
                self._publish(segment)
                start += len(segment)
            else:
                self._reload()
                self._report.repeated(len(segment))
                self._done -= len(segment)
        return True

    def _run_segment(self, positions):
        line = _Line()
        threads = [threading.Thread(target=self._read, args=(positions, line)), threading.Thread(target=self._write, args=(line,))]
        for thread in threads:
            thread.start()
        try:
            self._invoke_all(line)
        except BaseException as error:
            line.stop(error)
        for thread in threads:
            thread.join()
        if line.error is not None:
            raise line.error
        return not line.interrupted

    def _invoke_all(self, line):
        ended = time.perf_counter()
        while True:
            job = line.ready.take()
            if job is None or line.error is not None:
                break
            position, pixels, times = job
            start = time.perf_counter()
            times["wait"] = (start - ended) * 1e3
            with self._watchdog.guard():
                output = self._engine.invoke(pixels)
            ended = time.perf_counter()
            times["invoke"] = (ended - start) * 1e3
            line.done.put((position, output, times))
        line.done.close()

    def _read(self, positions, line):
        try:
            _step_back()
            data = bytearray(self._plan.scene.patch_bytes)
            for position in positions:
                if self._plan.interrupted():
                    line.interrupted = True
                    break
                if line.free.take() is None or line.error is not None:
                    return
                path = os.path.join(self._plan.scene_folder, self._plan.scene.file(position))
                start = time.perf_counter()
                read_exactly(path, data)
                read = time.perf_counter()
                pixels = self._prepare(data, path)
                times = {"read": (read - start) * 1e3, "prepare": (time.perf_counter() - read) * 1e3}
                line.ready.put((position, pixels, times))
            line.ready.close()
        except BaseException as error:
            line.stop(error)

    def _write(self, line):
        try:
            _step_back()
            while True:
                job = line.done.take()
                if job is None or line.error is not None:
                    return
                position, output, times = job
                start = time.perf_counter()
                path = self._path(position) if self._plan.golden is None else self._unchecked(position)
                stored = output if self._reals is None else self._reals[output.view(np.uint8)].astype("<f4", copy=False)
                write_file(path, stored.tobytes())
                times["write"] = (time.perf_counter() - start) * 1e3
                self._report.patch(position, times)
                self._done += 1
                self._plan.progress(self._done)
                line.free.put(True)
        except BaseException as error:
            line.stop(error)

    def _golden_is_good(self):
        with self._watchdog.guard():
            output = self._engine.invoke(self._plan.golden.input)
        good = np.array_equal(output, self._plan.golden.output)
        self._report.golden(good)
        return good

    def _reload(self):
        """The model is closed before it is opened again: the device can be held only once."""
        for _ in range(_RELOADS):
            self._engine.close()
            self._engine = None
            self._engine = self._plan.load()
            if self._golden_is_good():
                return
        what = f"the golden output is wrong, and still is after the model was loaded afresh {_RELOADS} times"
        raise Error(Exit.GATE, f"{what}; it was made with another model or TF Lite, or the device is faulty")

    def _path(self, position):
        return os.path.join(self._plan.out_folder, self._plan.results.file(position))

    def _unchecked(self, position):
        """Results wait under a hidden name until the golden output behind them was right; so --resume never takes an unchecked one."""
        return os.path.join(self._plan.out_folder, f".{self._plan.results.file(position)}.partial")

    def _publish(self, positions):
        for position in positions:
            rename_file(self._unchecked(position), self._path(position))


def _step_back():
    """Called by the threads beside Invoke: they yield to the one that keeps the accelerator busy.

    For Linux, 0 is the thread that calls. A system that refuses (a strict sandbox) merely runs as it would without.
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, 10)
