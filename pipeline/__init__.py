"""From labelled satellite patches to a scored int8 model, one repeatable stage at a time."""

__version__ = "0.1.0"
