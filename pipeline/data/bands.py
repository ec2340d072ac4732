"""The spectral bands of a patch, chosen by name."""

from collections.abc import Sequence

from ..errors import UsageError

BANDS = ("red", "green", "blue", "nir")  # Landsat 8 bands 4, 3, 2 and 5
MASK = "gt"  # what the dataset calls the ground truth, in the place of a band
_BY_LETTER = {band[0]: band for band in BANDS}


def parse_bands(spec: str | Sequence[str]) -> tuple[str, ...]:
    """Band names in the order asked for, from letters (`"rgbn"`, `"nrg"`), one name (`"nir"`) or a list of names.

    Raises UsageError on an unknown or repeated band and on none at all.
    """
    if isinstance(spec, str):
        spec = spec.strip().lower()
        names = [spec] if spec in BANDS else [_BY_LETTER.get(letter, letter) for letter in spec]
    else:
        names = [str(name).strip().lower() for name in spec]
    unknown = [name for name in names if name not in BANDS]
    if unknown or not names or len(set(names)) < len(names):
        why = f"unknown band {unknown[0]!r}" if unknown else "no band" if not names else "a band twice"
        raise UsageError(f"data.bands = {spec!r}: {why}; give letters of r, g, b, n in any order (such as rgbn), or of {', '.join(BANDS)}")
    return tuple(names)
