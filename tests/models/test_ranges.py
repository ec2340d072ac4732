"""Weight ranges of a quantization-aware network after an epoch: those of the weights as they are."""

import numpy as np
import pytest

from pipeline.config import ModelConfig

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("how", ["annotate-conv", "full"])
def test_weight_ranges_are_those_of_now(how):
    from pipeline.models import build
    from pipeline.models.qat import quantization_aware
    from pipeline.models.ranges import Ranges

    ranges = Ranges(quantization_aware(build(ModelConfig(name="early", filters=4), 32, 3), how))
    assert len(ranges.wrapped) == (18 if how == "full" else 15)  # 15 convolutions; `full` has the 3 transposed ones too
    for layer in ranges.wrapped:
        for weight, _, _ in layer._weight_vars:
            weight.assign(5 * weight)
    ranges.refresh_weights()
    for layer in ranges.wrapped:
        for weight, _, variables in layer._weight_vars:
            transposed = "Transpose" in type(layer.layer).__name__
            magnitude = np.abs(weight.numpy())
            largest = magnitude.max() if transposed else magnitude.max(axis=(0, 1, 2))  # TFMOT: one range, or one a channel
            assert variables["max_var"].numpy() == pytest.approx(largest, rel=1e-5)
            assert variables["min_var"].numpy() == pytest.approx(-largest, rel=1e-5)
