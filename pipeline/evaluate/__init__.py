"""Confusion counts, scores and thresholds."""
