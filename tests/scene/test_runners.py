"""Runners, against the network itself, on small networks converted here; and on files that are no network."""

import numpy as np
import pytest

from pipeline.errors import DataError, EdgesegError, UsageError
from pipeline.scene.runners import open_runner

SIZE, BANDS = 32, 3


def network(classes=1, activation="sigmoid", batch=None):
    import tensorflow as tf

    tf.keras.utils.set_random_seed(5)
    layers = tf.keras.layers
    given = layers.Input((SIZE, SIZE, BANDS), batch_size=batch)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(given)
    return tf.keras.Model(given, layers.Conv2D(classes, 1, activation=activation, name="head")(x))


def convert(model, io=None):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if io is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        rng = np.random.default_rng(6)
        converter.representative_dataset = lambda: ([rng.random((1, SIZE, SIZE, BANDS), dtype=np.float32)] for _ in range(8))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = io
    return converter.convert()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    tf = pytest.importorskip("tensorflow")
    folder, model = tmp_path_factory.mktemp("networks"), network(classes=2, activation="softmax", batch=1)
    model.save(folder / "keras.h5")
    (folder / "float32.tflite").write_bytes(convert(model))
    (folder / "int8.tflite").write_bytes(convert(model, tf.int8))
    (folder / "uint8.tflite").write_bytes(convert(model, tf.uint8))
    return folder, model


@pytest.fixture
def pictures():
    return np.random.default_rng(7).random((5, SIZE, SIZE, BANDS), dtype=np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["litert", "tf"])
@pytest.mark.parametrize(("name", "apart"), [("keras.h5", 1e-5), ("float32.tflite", 1e-5), ("int8.tflite", 0.03), ("uint8.tflite", 0.03)])
def test_every_kind_says_what_the_network_says(built, pictures, name, apart, engine):
    folder, model = built
    runner = open_runner(folder / name, engine)
    assert (runner.size, runner.bands, runner.classes) == (SIZE, BANDS, 2)
    found = runner(pictures)
    assert found.dtype == np.float32 and found.shape == (5, SIZE, SIZE, 2)
    expected = np.concatenate([model(picture[None], training=False).numpy() for picture in pictures])
    np.testing.assert_allclose(found, expected, atol=apart)
    assert runner(pictures[:0]).shape == (0, SIZE, SIZE, 2)
    np.testing.assert_array_equal(runner(pictures[3:4])[0], found[3])


@pytest.mark.slow
def test_threads_change_nothing(built, pictures):
    one, three = (open_runner(built[0] / "int8.tflite", threads=threads)(pictures) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)


@pytest.mark.slow
def test_a_quantization_aware_model_opens(tmp_path, pictures):
    tfmot = pytest.importorskip("tensorflow_model_optimization")
    model = tfmot.quantization.keras.quantize_model(network())
    model.compile("adam", loss=lambda truth, prediction: prediction)  # its loss is not needed to run it
    model.save(tmp_path / "qat.h5")
    runner = open_runner(tmp_path / "qat.h5")
    np.testing.assert_allclose(runner(pictures), np.clip(model(pictures, training=False).numpy(), 0, 1), atol=1e-5)
    twelve = np.concatenate([pictures, pictures, pictures[:2]])  # more than a batch, not a whole number of them
    np.testing.assert_allclose(runner(twelve)[10:], runner(pictures)[:2], atol=1e-5)


@pytest.mark.slow
def test_cross_check(built, pictures):
    from pipeline.scene.tflite_runner import cross_check

    int8 = cross_check(built[0] / "int8.tflite", pictures)
    assert int8["unit"] == "steps" and int8["largest"] <= 1 and int8["values"] == 5 * SIZE * SIZE * 2 and int8["images"] == 5
    assert cross_check(built[0] / "float32.tflite", pictures)["largest"] < 1e-5
    with pytest.raises(UsageError):
        cross_check(built[0] / "int8.tflite", pictures[:0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["keras.h5", "int8.tflite"])
def test_wrong_images(built, pictures, name):
    runner = open_runner(built[0] / name)
    with pytest.raises(DataError, match=f"{name}: takes 3 bands, the images have 2"):
        runner(pictures[..., :2])
    with pytest.raises(DataError, match="32 x 32 pixels, not 16 x 32"):
        runner(pictures[:, :16])
    with pytest.raises(DataError, match="float32"):
        runner(pictures.astype(np.float64))
    with pytest.raises(DataError, match="float32"):
        runner(pictures[0])


@pytest.mark.slow
def test_logits_and_batches_are_refused(tmp_path, pictures):
    (tmp_path / "logits.tflite").write_bytes(convert(network(classes=3, activation=None, batch=1)))
    with pytest.raises(DataError, match="sigmoid or softmax"):
        open_runner(tmp_path / "logits.tflite")(pictures * 50)
    (tmp_path / "four.tflite").write_bytes(convert(network(batch=4)))
    with pytest.raises(UsageError, match="batches of 4"):
        open_runner(tmp_path / "four.tflite")


@pytest.mark.slow
def test_damaged_files(built, tmp_path):
    whole = (built[0] / "int8.tflite").read_bytes()
    for name, content in (
        ("half.tflite", whole[: len(whole) // 2]),
        ("text.tflite", b"not a network at all"),
        ("empty.tflite", b""),
        ("half.h5", (built[0] / "keras.h5").read_bytes()[:5000]),
        ("text.h5", b"no"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name):
            open_runner(tmp_path / name)


def test_other_files(tmp_path):
    (tmp_path / "mask.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="not a network"):
        open_runner(tmp_path / "mask.png")
    with pytest.raises(UsageError, match="pipeline quantize"):
        open_runner(tmp_path / "int8.tflite")
    with pytest.raises(UsageError, match="pipeline train"):
        open_runner(tmp_path / "model.h5")
    with pytest.raises(UsageError, match="engine"):
        open_runner(tmp_path / "int8.tflite", "edgetpu")
    with pytest.raises(UsageError, match="threads"):
        open_runner(tmp_path / "int8.tflite", threads=0)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("split_concat_edgetpu.tflite", "compiled for the Edge TPU"),
        ("deeplabv3_mnv2_dm05_pascal_quant.tflite", "not probabilities"),
        ("mobilenet_v1_0.25_128_quant.tflite", "not probabilities"),
        ("keras_lstm_mnist_ptq.tflite", "not one batch of square images"),
        ("posenet_mobilenet_v1_075_353_481_16_quant_decoder.tflite", "cannot run it|outputs|not one batch"),
    ],
)
def test_published_networks_of_other_kinds(shared, name, why):
    with pytest.raises(EdgesegError, match=why) as raised:
        open_runner(shared / "edgetpu" / "pairs" / name)
    assert name in str(raised.value)
