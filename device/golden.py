"""A stored input of the model and the output it must give: whether the device still computes what it should."""

from dataclasses import dataclass

import numpy as np

from .files import read_exactly


@dataclass(frozen=True)
class Golden:
    """A stored input of the model and the output it must give, as arrays, and how many patches lie between two checks."""

    input: np.ndarray
    output: np.ndarray
    every: int


def read_golden(input_file, output_file, every, spec):
    """The Golden in two files of raw tensors; Error(DATA) where they do not fit the ModelSpec."""
    stored = np.empty(spec.input_shape, spec.input.dtype), np.empty(spec.output_shape, spec.output.dtype)
    for file, array in zip((input_file, output_file), stored):
        read_exactly(file, array)
    return Golden(*stored, every)
