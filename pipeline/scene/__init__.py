"""From patches to whole-scene masks with any variant of a model."""
