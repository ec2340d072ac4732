"""Patches per second: edgeseg's reader against the reader people write with Pillow and tf.data, on the same files, in one run.

    python -m benchmarks.reader [--json]

Both decode five PackBits TIFF files a patch (four uint16 bands and the mask), scale to 0..1, resize to 192 and make batches. The files are
made here: 384 x 384 pixels of fractal noise that, like real Landsat bands, PackBits cannot shrink, and a mask that it can. They are in the
page cache for both, so neither waits for a disk.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data import layout, reader, tiff
from pipeline.data.bands import BANDS, MASK
from pipeline.data.batches import Batches
from pipeline.data.lists import write_list
from pipeline.data.names import PatchName
from pipeline.data.processes import DecodedFiles

SIDE, SIZE, BATCH, PATCHES, ROUNDS = 384, 192, 8, 128, 9
AIM = 5.0  # times the plain reader


def make_files(root: Path, patches: int = PATCHES) -> layout.CloudDataset:
    """Write `patches` training patches in the 38-Cloud layout below `root`."""
    import cv2

    rng = np.random.default_rng(38)
    names = [PatchName(index, 1, index, "benchmark") for index in range(1, patches + 1)]
    folder = root / "38-Cloud_training"
    for band in (*BANDS, MASK):
        (folder / f"train_{band}").mkdir(parents=True)
    for name in names:
        octaves = [(side, rng.random((side, side), np.float32)) for side in (3, 6, 12, 24)]
        clouds = sum(cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) / side for side, noise in octaves)
        clouds = (clouds - clouds.min()) / np.ptp(clouds)
        for band in BANDS:
            values = 7000 + 20000 * clouds + rng.normal(0, 300, clouds.shape)  # sensor noise fills the low byte of every pixel
            (folder / f"train_{band}" / name.file(band)).write_bytes(tiff.encode(values.clip(1, 65535).astype(np.uint16)))
        (folder / f"train_{MASK}" / name.file(MASK)).write_bytes(tiff.encode((clouds > 0.5).astype(np.uint8) * np.uint8(255)))
    write_list(folder / "training_patches_38-Cloud.csv", names)
    return layout.open_dataset(root)


def plain_epoch(dataset: layout.CloudDataset) -> Callable[[], float]:
    """A reader as people write it: Pillow in a tf.numpy_function, tf.image.resize, parallel map, batch, prefetch."""
    import tensorflow as tf
    from PIL import Image

    tf.config.set_visible_devices([], "GPU")
    patches = dataset.listed("train")
    paths = [[str(dataset.band_path("train", band, patch)) for band in BANDS] + [str(dataset.mask_path(patch))] for patch in patches]

    def load(files: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bands = [np.array(Image.open(file.decode())) for file in files[:4]]
        mask = np.array(Image.open(files[4].decode()))
        return np.stack(bands, axis=-1).astype(np.float32) / 65535, (mask > 0).astype(np.float32)[..., None]

    def patch(files: Any) -> tuple[Any, Any]:
        image, mask = tf.numpy_function(load, [files], [tf.float32, tf.float32])
        image.set_shape((SIDE, SIDE, len(BANDS)))
        mask.set_shape((SIDE, SIDE, 1))
        return tf.image.resize(image, (SIZE, SIZE)), tf.image.resize(mask, (SIZE, SIZE), method="nearest")

    data = tf.data.Dataset.from_tensor_slices(paths).map(patch, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)
    return lambda: sum(float(images[0, 0, 0, 0]) for images, _ in data)


def our_epoch(dataset: layout.CloudDataset) -> Callable[[], float]:
    """The reader that training uses without a cache for a dataset of thousands of patches; its processes are started here."""
    batches = Batches(DecodedFiles(dataset, BANDS, SIZE, os.cpu_count() or 1), dataset.listed("train"), BATCH)
    return lambda: sum(float(images[0, 0, 0, 0]) for images, _, _ in batches.epoch(0))


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def parts(dataset: layout.CloudDataset) -> dict[str, float]:
    """Microseconds a patch, on one thread, of reading files, decoding them, and resizing to float32 (best of the rounds)."""
    patches = dataset.listed("train")
    paths = [[dataset.band_path("train", band, patch) for band in BANDS] for patch in patches]
    masks = [dataset.mask_path(patch) for patch in patches]

    def read() -> None:
        for bands, mask in zip(paths, masks, strict=True):
            for path in (*bands, mask):
                tiff.load(path)

    def read_and_decode() -> None:
        for bands, mask in zip(paths, masks, strict=True):
            reader.read_bands(bands, passing=True)
            tiff.read(mask, np.uint8)

    def all_of_it() -> None:
        for bands, mask in zip(paths, masks, strict=True):
            reader.scale_image(reader.read_bands(bands, passing=True), SIZE)
            reader.scale_mask(tiff.read(mask, np.uint8), SIZE)

    works = (read, read_and_decode, all_of_it)
    rounds = [[seconds(work) / len(patches) * 1e6 for work in works] for _ in range(ROUNDS)]
    read_us, decoded_us, all_us = (min(column) for column in zip(*rounds, strict=True))
    return {"read": read_us, "decode": decoded_us - read_us, "resize": all_us - decoded_us}


def run() -> dict[str, Any]:
    """Measure both readers, in turns so that a busy machine is busy for both; returns the figures of the table."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_files(Path(folder))
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.TIF")) / PATCHES
        ours, plain = our_epoch(dataset), plain_epoch(dataset)
        if abs(ours() - plain()) > 1e-4:  # also warms both up
            raise AssertionError("the two readers do not read the same pixels")
        turns = [(seconds(ours), seconds(plain)) for _ in range(ROUNDS)]
        ours_s, plain_s = (statistics.median(column) for column in zip(*turns, strict=True))
        return {
            "patches": PATCHES,
            "bytes_per_patch": round(size),
            "processors": os.cpu_count(),
            "rounds": ROUNDS,
            "edgeseg_patches_per_second": PATCHES / ours_s,
            "plain_patches_per_second": PATCHES / plain_s,
            "ratio": plain_s / ours_s,
            "ratios_of_the_rounds": [plain / ours for ours, plain in turns],
            "aim": AIM,
            "held": plain_s / ours_s >= AIM,
            "edgeseg_microseconds_per_patch_one_thread": parts(dataset),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    as_json = parser.parse_args().json
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    figures = run()
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    size, processors = figures["bytes_per_patch"], figures["processors"]
    print(f"{PATCHES} patches of 4 bands and a mask, {SIDE} -> {SIZE}, {size} bytes each, {processors} processors")
    print(f"  Pillow + tf.data   {figures['plain_patches_per_second']:8.0f} patches/s")
    print(f"  edgeseg            {figures['edgeseg_patches_per_second']:8.0f} patches/s")
    rounds = figures["ratios_of_the_rounds"]
    print(f"  ratio              {figures['ratio']:8.1f}  (medians of {ROUNDS}; rounds {min(rounds):.1f} to {max(rounds):.1f}; aim {AIM})")
    whole = sum(figures["edgeseg_microseconds_per_patch_one_thread"].values())
    print(f"edgeseg, one thread: {whole:.0f} microseconds a patch")
    for name, value in figures["edgeseg_microseconds_per_patch_one_thread"].items():
        print(f"  {name:18} {value:8.0f}  {value / whole:4.0%}")


if __name__ == "__main__":
    main()
