"""Run by test_distribute.py in processes of its own: `distributed_fit.py STRATEGY FOLDER DEVICES QAT`, devices being logical processors."""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from synthetic_training import plan

from pipeline.train.loop import fit


def main(strategy: str, folder: str, devices: str, qat: str) -> None:
    """Train a small network and save the weights as this process sees them."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * int(devices))
    weights = fit(plan(Path(folder), epochs=3, strategy=strategy, qat=qat))
    print("replicas", tf.distribute.get_strategy().num_replicas_in_sync, "sum", sum(float(np.abs(w).sum()) for w in weights))


if __name__ == "__main__":
    main(*sys.argv[1:])
