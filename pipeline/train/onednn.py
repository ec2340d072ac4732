"""Which kernels TensorFlow trains with on a processor; no TensorFlow here, since it reads the choice when it is imported."""

import os
import platform


def use_onednn() -> None:
    """Ask TensorFlow, before it is imported, for oneDNN on x86-64: a training step takes two thirds of the time (docs/performance.md).

    TensorFlow 2.10 does so by itself only where there is AVX-512 with VNNI. A value that the user has set counts.
    """
    if platform.machine() == "x86_64":
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
