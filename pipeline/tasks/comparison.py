"""The thesis's five configurations beside its table 4.1, counted on what this code builds and converts."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..config import ModelConfig, load
from ..data.bands import parse_bands
from ..errors import UsageError
from ..progress import track

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
# table 4.1: parameters in millions, operations in billions; operators and file size of `early` from listing 3.1
PUBLISHED: dict[str, dict[str, float]] = {
    "early": {"parameters_m": 1.9, "operations_g": 10.4, "operators": 53, "file_mib": 1.90},
    "improved-1": {"parameters_m": 6.0, "operations_g": 11.6},
    "improved-2": {"parameters_m": 6.0, "operations_g": 46.3},
    "improved-3": {"parameters_m": 6.0, "operations_g": 11.6},
    "improved-4": {"parameters_m": 6.0, "operations_g": 46.4},
}


def table() -> list[dict[str, Any]]:
    """One row a configuration: parameters, operations a patch as annotated in the thesis, operators and bytes of the int8 file.

    Operators and parameters do not depend on the input's size, so the conversion, which needs no trained weights, is made at a small one.
    """
    from ..models import DEPTH, build
    from ..models.cost import cost

    converted: dict[tuple, tuple[Any, Any]] = {}
    rows = []
    for name, published in track(PUBLISHED.items(), "building and converting", total=len(PUBLISHED)):
        path = CONFIGS / f"{name}.toml"
        if not path.exists():
            raise UsageError(f"{path}: the thesis's configurations come with the checkout; run this from a clone")
        config = load(path)
        bands = len(parse_bands(config.data.bands))
        key = (config.model.name, config.model.filters, bands)
        if key not in converted:
            side = 2 ** DEPTH[config.model.name] * 2
            converted[key] = tuple(_facts(config.model, how, side, bands) for how in ("annotate-conv", "full"))
        thesis, full = converted[key]
        found = cost(build(config.model, config.data.size, bands), folded=False)
        rows.append(
            {
                "config": name,
                "model": config.model.name,
                "bands": bands,
                "size": config.data.size,
                "parameters": found.parameters,
                "operations": found.operations,
                "operators_annotate_conv": thesis.operators,
                "operators_full": full.operators,
                "bytes_annotate_conv": thesis.bytes,
                "bytes_full": full.bytes,
                "published": published,
            }
        )
    return rows


def _facts(model: ModelConfig, how: str, side: int, bands: int) -> Any:
    """Convert one network with fresh weights and count what is in the file."""
    from ..models import build
    from ..models.qat import quantization_aware
    from ..quantize.convert import convert
    from ..quantize.verify import verify_int8

    network = quantization_aware(build(model, side, bands, batch=1), how)
    ramp = np.linspace(0, 1, side * side * bands, dtype=np.float32).reshape(side, side, bands)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.tflite"
        path.write_bytes(convert(network, "int8", [ramp]))
        return verify_int8(path, how)
