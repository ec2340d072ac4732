"""Words for people, on stderr."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """One line."""
    print(f"edgeseg: {text}", file=sys.stderr, flush=True)


def megabytes(count: float) -> str:
    """Bytes as 12.3 MB."""
    return f"{count / 1e6:.1f} MB"
