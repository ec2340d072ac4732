"""Patches, scenes and lists in the 38-Cloud layout: reading, checking, fetching, making demo data, feeding the training loop."""
