"""Which of several machines this is, from the environment variable TF_CONFIG; no TensorFlow, so that wrong settings are told at once."""

import json
import os

from ..errors import UsageError

EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'


def leads(strategy: str) -> bool:
    """Whether this process writes the run folder: always, but of several workers only the chief, or worker 0 where none is called so."""
    if strategy != "multi-worker":
        return True
    try:
        settings = json.loads(os.environ.get("TF_CONFIG", ""))
        cluster, task = settings["cluster"], settings["task"]
        if not 0 <= task["index"] < len(cluster[task["type"]]):
            raise KeyError(task["index"])
        return task["type"] == "chief" or ("chief" not in cluster and task["index"] == 0)
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"train.strategy='multi-worker' reads its machines from TF_CONFIG, such as {EXAMPLE}") from None
