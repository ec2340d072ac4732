"""What a deploy has to know of a bundle, read from its manifest.json: the one here, or the one in a release on the board."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from . import names
from .errors import UnfitBundle

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Contents:
    """`files`: sha256 and bytes by path, the manifest itself included. `tolerance`: steps the golden output may differ by.

    `golden_input`: the golden patch as the model's input tensor. `runtime`: the oldest Edge TPU runtime the model runs with, or None.
    """

    id: str
    arch: str
    glibc: str
    accelerator: str
    model: str
    run: str
    threshold: float
    tolerance: int
    golden_input: str
    golden_output: str
    runtime: int | None
    versions: dict
    files: dict[str, tuple[str, int]]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(size for _, size in self.files.values())

    @property
    def sums(self) -> bytes:
        """The files as `sha256sum -c` reads them."""
        return "".join(f"{digest}  {path}\n" for path, (digest, _) in sorted(self.files.items())).encode()


def parse(manifest: bytes) -> Contents:
    """The contents that `manifest`, the bytes of a manifest.json, lists. Raises UnfitBundle where it is no such thing."""
    try:
        data = json.loads(manifest)
        files = {names.file(path): (str(facts["sha256"]), int(facts["bytes"])) for path, facts in data["files"].items()}
        if not all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest, _ in files.values()):
            raise ValueError("sha256")
        golden = data["golden"]
        return Contents(
            id=names.identifier(data["id"], "bundle"),
            arch=str(data["needs"]["arch"]),
            glibc=str(data["needs"].get("glibc", "0")),
            accelerator=data["accelerator"],
            model=names.file(data["model"]["file"]),
            run=str(data["run"]),
            threshold=float(data["threshold"]),
            tolerance=int(golden["tolerance_steps"]),
            golden_input=names.file(golden["input"]),
            golden_output=names.file(golden["output"]),
            runtime=data["versions"].get("libedgetpu_min_runtime"),
            versions=data["versions"],
            files={**files, MANIFEST: (hashlib.sha256(manifest).hexdigest(), len(manifest))},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnfitBundle(f"{MANIFEST} of the bundle is damaged ({error!r}): make it afresh with `invoke bundle`") from None
