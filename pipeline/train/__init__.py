"""The training loop, its checkpoints and its quantization-aware twin."""
