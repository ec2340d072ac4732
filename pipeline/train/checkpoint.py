"""Checkpoints as one file each: weights, optimizer state and counters appear together or not at all.

`last.npz` is written after every epoch and is what a killed run goes on from; `best.npz` holds the weights with the lowest validation
loss of its phase and says itself which epoch that was, so that the two files need not be written in one step.
"""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..files import write_bytes


@dataclass
class Checkpoint:
    """`meta` is JSON-able; `weights` and `optimizer` are the arrays of the model and of the optimizer in their own order."""

    meta: dict[str, Any]
    weights: list[np.ndarray]
    optimizer: list[np.ndarray] = field(default_factory=list)


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`, complete or not at all."""
    arrays = {f"weights_{i:04d}": array for i, array in enumerate(checkpoint.weights)}
    arrays |= {f"optimizer_{i:04d}": np.asarray(array) for i, array in enumerate(checkpoint.optimizer)}
    counts = np.array([len(checkpoint.weights), len(checkpoint.optimizer)])  # a damaged zip directory may drop entries without a word
    packed = io.BytesIO()  # in memory first: a zip file that meets a full disk complains once more when it is collected
    np.savez(packed, meta=np.array(json.dumps(checkpoint.meta)), counts=counts, **arrays)
    write_bytes(path, packed.getbuffer())


def load(path: Path) -> Checkpoint:
    """Read what `save` wrote; DataError where the file is damaged (by a disk: `save` leaves no half-written ones)."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = sorted(arrays.files)
            found = Checkpoint(
                json.loads(str(arrays["meta"])),
                [arrays[name] for name in names if name.startswith("weights_")],
                [arrays[name] for name in names if name.startswith("optimizer_")],
            )
            if [len(found.weights), len(found.optimizer)] != arrays["counts"].tolist():
                raise ValueError("arrays are missing")
            return found
    except FileNotFoundError:
        raise DataError(f"{path}: this checkpoint is missing; without it this run's training cannot go on: start a new run") from None
    except Exception as why:  # numpy and zipfile have a dozen answers to damage, from EOFError to NotImplementedError
        raise DataError(f"{path}: damaged checkpoint ({why}); remove it to start this run's training over") from None
