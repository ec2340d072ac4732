"""Pictures small enough to travel inside the page."""

import base64
from pathlib import Path

from ..errors import DataError

LIMIT = 640  # longest side in pixels: sharp at the size shown, and twenty scenes of five pictures stay below about 10 MB
QUALITY = 85


def embed(path: Path) -> str:
    """The picture at `path` as a data URI, shrunk to LIMIT; PNG or JPEG, whichever is smaller. DataError where it cannot be read."""
    import cv2
    import numpy as np

    try:
        pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        pixels = None
    if pixels is None:
        raise DataError(f"{path}: not a readable picture; delete the record beside it (.json) and run `python -m pipeline predict` again")
    height, width = pixels.shape[:2]
    scale = LIMIT / max(height, width)
    if scale < 1:
        pixels = cv2.resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
    # full colour resolution: the outlines are one pixel wide and differ in little but hue
    jpeg = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    choices = {"jpeg": cv2.imencode(".jpg", pixels, jpeg)[1], "png": cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]}
    kind = min(choices, key=lambda one: len(choices[one]))
    return f"data:image/{kind};base64,{base64.b64encode(choices[kind].tobytes()).decode('ascii')}"
