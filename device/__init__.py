"""What runs on the board in Python: the same inference and stitching as the C++ programs, for Python 3.7 and newer (docs/device.md)."""
