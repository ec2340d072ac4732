"""Scenes as the board's programs take them, and what comes back from the board."""
