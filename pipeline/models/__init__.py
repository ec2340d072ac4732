"""The networks by name, their losses, and what they cost."""

from typing import TYPE_CHECKING

from ..config import ModelConfig
from ..errors import UsageError

if TYPE_CHECKING:  # TensorFlow takes seconds to import; names and depths are needed without it
    import tensorflow as tf

DEPTH = {"simple": 1, "early": 3, "improved": 4, "cloudnet": 5, "edge": 4}  # how often the side is halved


def check_size(name: str, size: int) -> None:
    """UsageError where the side `size` cannot be halved as often as network `name` does."""
    step = 2 ** DEPTH[name]
    if size % step:
        near = max(step, round(size / step) * step)
        raise UsageError(f"data.size={size}: {name} halves its input {DEPTH[name]} times and needs a multiple of {step}, such as {near}")


def build(config: ModelConfig, size: int, bands: int, classes: int = 1, batch: int | None = None) -> "tf.keras.Model":
    """Build a float network: (batch, size, size, bands) reflectances in 0..1 to (batch, size, size, classes) probabilities.

    `classes` = 1 ends in a sigmoid, more in a softmax. `batch` fixes the batch size, as the Edge TPU wants it.
    Raises UsageError where `size` is not divisible by 2 ** depth.
    """
    check_size(config.name, size)
    from . import cloudnet, early, edge, improved, simple

    networks = {"simple": simple, "early": early, "improved": improved, "cloudnet": cloudnet, "edge": edge}
    return networks[config.name].network(config, size, bands, classes, batch)
