"""One model on the same patches in Python (LiteRT), on this machine and, under QEMU, on the board's processor."""

import json
import subprocess

import numpy as np
import pytest
from board_models import Tensor, write
from board_scenes import quantized, read_results, reals, stitched, write_scene

CLOUD = "38-Cloud_test"


def network(path, side=32, bands=4):
    """A small int8 U-Net-like network with weights from a seed, converted by TF Lite's own converter."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(9)
    layers = tf.keras.layers
    image = layers.Input((side, side, bands), 1)
    wide = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    deep = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.MaxPool2D()(wide))
    up = layers.Conv2DTranspose(8, 2, strides=2)(deep)
    made = tf.keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(layers.Concatenate()([up, wide])))
    converter = tf.lite.TFLiteConverter.from_keras_model(made)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    rng = np.random.default_rng(9)
    converter.representative_dataset = lambda: ([rng.random((1, side, side, bands), np.float32)] for _ in range(8))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return network(tmp_path_factory.mktemp("network") / "int8.tflite")


@pytest.fixture(scope="module")
def patches():
    return np.random.default_rng(10).integers(0, 65536, (3, 4, 64, 64, 4), dtype=np.uint16)


def litert(model, patches, side):
    """(stored results, their scale and zero point) of Python's LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    (into,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    results = []
    for patch in patches.reshape(-1, *patches.shape[2:]):
        interpreter.set_tensor(into["index"], quantized(reals(patch, side), *into["quantization"], into["dtype"])[np.newaxis])
        interpreter.invoke()
        results.append(interpreter.get_tensor(out["index"])[0])
    return np.stack(results).reshape(*patches.shape[:2], *results[0].shape), out["quantization"]


def steps(one, other):
    """The largest difference in steps and the share of values that differ."""
    apart = np.abs(one.astype(int) - other.astype(int))
    return int(apart.max()), float(np.count_nonzero(apart) / apart.size)


@pytest.mark.slow
def test_this_machine_against_litert(native, model, patches, tmp_path, measured):
    scene = write_scene(tmp_path / "scene", patches)
    done = native.run(
        "inference", "--model", model, "--scene", scene, "--out", tmp_path / "out", "--stitch", tmp_path / "m.raw", "--threshold", "0.5"
    )
    assert done.returncode == 0, done.stderr
    want, (scale, zero_point) = litert(model, patches, 32)
    got = read_results(tmp_path / "out")
    largest, share = steps(got, want)
    measured(f"TF Lite 2.9.0 against LiteRT: at most {largest} steps, {share:.2%} of values differ")
    # The input tensors are equal (test_scene_run.py); TF Lite 2.9's kernels and XNNPACK's round a layer's scaling differently.
    assert largest <= 2
    mask = np.fromfile(tmp_path / "m.raw", np.uint8).reshape(192, 256)
    own = stitched(got, lambda patch: (patch.astype(np.float32) - np.float32(zero_point)) * np.float32(scale), 64)
    np.testing.assert_array_equal(mask, (own >= np.float32(0.5)) * 255)


@pytest.mark.qemu
@pytest.mark.slow
def test_the_boards_processor_gives_the_same_bytes(native, cortex_a35, model, patches, tmp_path, measured):
    scene, outs = write_scene(tmp_path / "scene", patches), {}
    for name, programs in (("native", native), ("board", cortex_a35)):
        out = tmp_path / name
        done = programs.run(
            "inference", "--model", model, "--scene", scene, "--out", out, "--stitch", tmp_path / f"{name}.png", "--crop", "191x253"
        )
        assert done.returncode == 0, done.stderr
        outs[name] = read_results(out)
    largest, share = steps(outs["native"], outs["board"])
    measured(f"Cortex-A35 against this machine: at most {largest} steps, {share:.2%} of values differ")
    assert largest <= 1
    # whatever TF Lite's kernels do, ours are the same: the same results give the same picture, byte for byte
    done = native.run("stitch", "--in", tmp_path / "board", "--out", tmp_path / "again.png", "--crop", "191x253")
    assert done.returncode == 0 and (tmp_path / "again.png").read_bytes() == (tmp_path / "board.png").read_bytes()


@pytest.mark.qemu
def test_preparation_on_the_boards_processor(native, cortex_a35, patches, tmp_path):
    tensor = Tensor((1, 40, 40, 4), scale=0.0041, zero_point=-97)
    model, scene = write(tmp_path / "m.tflite", [tensor], [tensor], compiled=False), write_scene(tmp_path / "scene", patches[:1])
    for name, programs in (("native", native), ("board", cortex_a35)):
        assert programs.run("inference", "--model", model, "--scene", scene, "--out", tmp_path / name).returncode == 0
    np.testing.assert_array_equal(read_results(tmp_path / "native"), read_results(tmp_path / "board"))


@pytest.mark.shared
@pytest.mark.slow
def test_real_scenes_equal_the_pipelines_own_stitching(native, model, shared, tmp_path):
    """Both real scenes, from TIFF to mask, against the pipeline's predict and stitch with the very same results."""
    from pipeline.data import layout, reader
    from pipeline.scene.stitch import Grid, bands

    dataset = layout.open_dataset(shared / "data" / "l8biome38")
    for grid in dataset.test_scenes():
        patches = np.stack(
            [
                np.stack(reader.read_bands([dataset.band_path("test", band, patch) for band in ("red", "green", "blue", "nir")]), -1)
                for patch in grid.patches
            ]
        )
        side = patches.shape[1]
        scene = write_scene(tmp_path / grid.scene, patches.reshape(grid.rows, grid.cols, side, side, 4), grid.scene)
        out = tmp_path / f"out-{grid.scene}"
        for crop in ((grid.rows * side, grid.cols * side), (grid.rows * side - 33, grid.cols * side - 8)):
            shape = f"{crop[0]}x{crop[1]}"
            done = native.run(
                "inference",
                "--model",
                model,
                "--scene",
                scene,
                "--out",
                out,
                "--resume",
                "--stitch",
                tmp_path / "m.raw",
                "--threshold",
                "0.47",
                "--crop",
                shape,
            )
            assert done.returncode == 0, done.stderr
            about = json.loads((out / "scene.json").read_text())
            stored = read_results(out).reshape(-1, 32, 32, 1).astype(np.float32)
            real = np.clip((stored - np.float32(about["zero_point"])) * np.float32(about["scale"]), 0, 1)
            want = np.concatenate([band.values for band in bands(Grid(grid.rows, grid.cols), side, real, crop)])[..., 0] >= np.float32(0.47)
            np.testing.assert_array_equal(np.fromfile(tmp_path / "m.raw", np.uint8).reshape(crop), want * 255)


@pytest.mark.slow
def test_a_full_scene_equals_the_pipelines(native, tmp_path):
    """23 x 23 patches of 384 pixels through the pipeline's runner and stitching; the model only copies, so its kernels cannot differ."""
    from pipeline.scene.predict import predict_scene
    from pipeline.scene.runners import open_runner
    from pipeline.scene.stitch import Grid

    side, rng = 384, np.random.default_rng(11)
    tensor = Tensor((1, 192, 192, 1), scale=1 / 256)
    model = write(tmp_path / "m.tflite", [tensor], [tensor], compiled=False)
    few = rng.integers(0, 65536, (8, side, side, 1), dtype=np.uint16)
    patches = np.stack([few[rng.integers(8)] for _ in range(23 * 23)]).reshape(23, 23, side, side, 1)
    scene = write_scene(tmp_path / "scene", patches)
    crop = (8801, 8794)
    mask = tmp_path / "m.raw"
    how = ("--stitch", mask, "--threshold", "0.43", "--crop", f"{crop[0]}x{crop[1]}")
    done = native.run("inference", "--model", model, "--scene", scene, "--out", tmp_path / "out", *how)
    assert done.returncode == 0, done.stderr
    got = np.memmap(mask, np.uint8, "r", shape=crop)
    runner = open_runner(model, threads=1)
    for band in predict_scene(runner, Grid(23, 23), lambda row, col: reals(patches[row - 1, col - 1], 192), side, crop):
        np.testing.assert_array_equal(got[band.rows], (band.values[..., 0] >= np.float32(0.43)) * np.uint8(255))


def test_unit_tests_in_cpp(native):
    done = subprocess.run([native.tests / "tests" / "unit_tests"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
