"""The training loop on small real networks: what it writes, when it stops, and that a killed run ends as an unbroken one."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_training import BANDS, MODEL, SIZE, Synthetic, plan, with_data

from pipeline.errors import DataError, UsageError

pytestmark = pytest.mark.slow
COLUMNS = ["epoch", "phase", "loss", "val_loss", "jaccard", "val_jaccard", "learning_rate", "seconds"]


def rows(made) -> list[dict[str, str]]:
    with open(made.history, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(made, name: str) -> list[float]:
    return [float(row[name]) for row in rows(made)]


def avx512() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    return not cpuinfo.exists() or "avx512bw" in cpuinfo.read_text()


class Killed(BaseException):
    """Stands for a signal: nothing in the loop may catch it."""


def killer(epoch: int, step: int):
    def spoil(now: int, at: int, _: np.ndarray) -> None:
        if (now, at) == (epoch, step):
            raise Killed

    return spoil


def test_history_and_best_weights(tmp_path):
    from pipeline.models import build
    from pipeline.train import checkpoint
    from pipeline.train.loop import fit

    made = plan(tmp_path, epochs=5, learning_rate=3e-2)
    weights = fit(made)
    assert list(rows(made)[0]) == COLUMNS
    assert column(made, "epoch") == [1, 2, 3, 4, 5] and {row["phase"] for row in rows(made)} == {"float"}
    assert column(made, "loss")[-1] < column(made, "loss")[0]
    best = checkpoint.load(made.checkpoints / "best.npz")
    losses = column(made, "val_loss")
    assert best.meta["epoch"] == int(np.argmin(losses))
    assert all(np.array_equal(a, b) for a, b in zip(weights, best.weights, strict=True))
    model = build(MODEL, SIZE, BANDS)
    model.set_weights(weights)
    found = [float(x) for images, masks, _ in made.validation.epoch(0) for x in made.loss(masks, model(images, training=False))]
    assert np.mean(found) == pytest.approx(min(losses), rel=1e-4)
    assert sorted(path.name for path in made.checkpoints.iterdir()) == ["best.npz", "last.npz"]


def test_early_stopping_and_rate_reduction(tmp_path):
    from pipeline.train.loop import fit

    made = plan(tmp_path, epochs=30, learning_rate=1e-1, patience=5, lr_patience=2, lr_factor=0.1, min_learning_rate=5e-3)
    made = with_data(made, validation=Synthetic(6, shuffle=False, inverted=True))
    fit(made)
    losses, rates = column(made, "val_loss"), column(made, "learning_rate")
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 5 < 30
    # two epochs without a better loss: the third runs at the lower rate, and the floor holds
    assert rates[best + 3 :] == pytest.approx([max(rates[best] * 0.1, 5e-3), max(rates[best] * 0.1, 5e-3), 5e-3][: len(rates) - best - 3])
    done = rows(made)
    fit(made)  # a run that has stopped stays stopped
    assert rows(made) == done


@pytest.mark.parametrize("how", ["full", "annotate-conv"])
def test_float_first_keeps_its_best_weights(tmp_path, how):
    from pipeline.models import build
    from pipeline.models.qat import quantization_aware, strip
    from pipeline.train import checkpoint
    from pipeline.train.loop import fit

    made = plan(tmp_path, float_epochs=3, epochs=2, qat=how)
    started = []
    phase = made.phases[1]

    def spy(weights):
        network = phase.network(weights)
        started.append(strip(network.model, build(MODEL, SIZE, BANDS)).get_weights())
        return network

    final = fit(replace(made, phases=(made.phases[0], replace(phase, network=spy))))
    assert [(row["epoch"], row["phase"]) for row in rows(made)] == [
        ("1", "float"),
        ("2", "float"),
        ("3", "float"),
        ("4", "qat"),
        ("5", "qat"),
    ]
    kept = checkpoint.load(made.checkpoints / "best-float.npz")
    assert kept.meta["epoch"] == int(np.argmin(column(made, "val_loss")[:3]))
    assert all(np.array_equal(a, b) for a, b in zip(kept.weights, started[0], strict=True))
    twin = quantization_aware(build(MODEL, SIZE, BANDS), how)
    twin.set_weights(final)  # fits the quantization-aware network
    assert checkpoint.load(made.checkpoints / "best.npz").meta["phase"] == "qat"


@pytest.mark.parametrize(("epoch", "step"), [(0, 1), (2, 0), (3, 2), (4, 1), (5, 0)])
def test_a_killed_run_ends_as_an_unbroken_one(tmp_path, epoch, step):
    """Epochs 0-2 are float, 3-5 quantization-aware."""
    from pipeline.train.loop import fit

    settings = {"float_epochs": 3, "epochs": 3, "qat": "full"}
    unbroken = plan(tmp_path / "unbroken", **settings)
    expected = fit(unbroken)
    broken = plan(tmp_path / "broken", **settings)
    with pytest.raises(Killed):
        fit(with_data(broken, train=Synthetic(spoil=killer(epoch, step))))
    assert len(rows(broken)) == epoch if epoch else not broken.history.exists()
    made = []
    found = fit(with_data(broken, train=Synthetic(spoil=lambda now, at, _: made.append(now) if not at else None)))
    assert made == list(range(epoch, 6))  # no epoch twice, none left out
    assert column(broken, "epoch") == [1, 2, 3, 4, 5, 6]
    assert [row["phase"] for row in rows(broken)] == ["float"] * 3 + ["qat"] * 3
    # the optimizer's state came back as well: the losses are those of the unbroken run
    assert column(broken, "loss") == pytest.approx(column(unbroken, "loss"), rel=1e-3)
    assert column(broken, "val_loss") == pytest.approx(column(unbroken, "val_loss"), rel=1e-3)
    assert all(np.allclose(a, b, rtol=1e-2, atol=1e-3) for a, b in zip(found, expected, strict=True))


def test_a_float_phase_that_stopped_early_is_not_gone_back_to(tmp_path):
    from pipeline.train.loop import fit

    made = plan(tmp_path, float_epochs=30, epochs=3, qat="full", patience=1)
    validation = Synthetic(6, shuffle=False, inverted=True)
    with pytest.raises(Killed):
        fit(with_data(made, validation=validation, train=Synthetic(spoil=killer(3, 0))))  # the second of the qat epochs
    before = rows(made)
    assert [row["phase"] for row in before] == ["float", "float", "qat"]
    fit(with_data(made, validation=validation))
    assert rows(made)[: len(before)] == before
    assert column(made, "epoch") == list(range(1, len(rows(made)) + 1))
    assert [row["phase"] for row in rows(made)].count("qat") >= 2


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_loss_that_is_not_finite_names_the_patches(tmp_path, part):
    from pipeline.train import checkpoint
    from pipeline.train.loop import fit

    def spoil(epoch: int, step: int, masks: np.ndarray) -> None:
        if (epoch, step) == (1, 1):
            masks[0, 3, 3, 0] = np.nan

    made = plan(tmp_path)
    bad = replace(getattr(made, part), spoil=spoil)
    names = list(bad.epoch(1))[1][2]
    with pytest.raises(DataError, match=f"nan.*{', '.join(names)}"):
        fit(with_data(made, **{part: bad}))
    assert column(made, "epoch") == [1] and checkpoint.load(made.checkpoints / "last.npz").meta["epoch"] == 0
    fit(made)  # with the patch put right it goes on from there
    assert column(made, "epoch") == [1, 2, 3]


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    from pipeline.train import checkpoint
    from pipeline.train.loop import fit

    made = plan(tmp_path, epochs=1)
    fit(made)
    last = made.checkpoints / "last.npz"
    state = checkpoint.load(last)
    for weights, optimizer in ((state.weights[:-1], state.optimizer), (state.weights, state.optimizer[:-1])):
        checkpoint.save(last, checkpoint.Checkpoint(state.meta, weights, optimizer))
        with pytest.raises(DataError, match=r"last\.npz: does not fit"):
            fit(made)


@pytest.mark.parametrize("policy", ["bfloat16", "float16"])
def test_mixed_precision(tmp_path, policy):
    if policy == "bfloat16" and not avx512():
        pytest.skip("TensorFlow has no bfloat16 convolutions for a processor without AVX-512")
    import tensorflow as tf

    from pipeline.models import build
    from pipeline.train.loop import fit

    seen = []
    made = plan(tmp_path, epochs=3, mixed_precision=policy)
    phase = made.phases[0]

    def spy(weights):
        network = phase.network(weights)
        seen.append({layer.compute_dtype for layer in network.model.layers})
        return network

    weights = fit(replace(made, phases=(replace(phase, network=spy),)))
    assert policy in seen[0] and all(weight.dtype == np.float32 for weight in weights)
    assert column(made, "loss")[-1] < column(made, "loss")[0]
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    model = build(MODEL, SIZE, BANDS)  # the float32 network takes them
    model.set_weights(weights)
    more = plan(tmp_path, epochs=4, mixed_precision=policy)
    fit(more)  # and so does the run when it goes on
    assert column(more, "epoch") == [1, 2, 3, 4]


def test_bfloat16_is_refused_where_it_cannot_be_trained(tmp_path):
    if avx512():
        pytest.skip("this processor has AVX-512")
    from pipeline.train.loop import fit

    made = plan(tmp_path, epochs=1, mixed_precision="bfloat16")
    with pytest.raises(UsageError, match=r"train\.mixed_precision='bfloat16'.*AVX-512"):
        fit(made)
    assert not made.history.exists()


def test_a_short_batch_compiles_nothing_new_and_counts_its_own_patches_only():
    import tensorflow as tf

    from pipeline.models import build
    from pipeline.models.losses import loss
    from pipeline.tasks.cloud import metric
    from pipeline.train.distribute import strategy
    from pipeline.train.step import Stepper

    model = build(MODEL, SIZE, BANDS)
    optimizer = tf.keras.optimizers.Adam(1e-3)
    optimizer._create_all_weights(model.trainable_variables)  # as the loop does
    stepper = Stepper(strategy("none"), model, optimizer, loss("bce"), metric())
    batches = list(Synthetic(7, batch=4, shuffle=False).epoch(0))
    assert [len(images) for images, _, _ in batches] == [4, 3]
    for images, masks, _ in batches:
        value, counts = stepper.validate(images, masks, 4)
        p = model(images, training=False)
        assert value == pytest.approx(float(tf.reduce_mean(loss("bce")(masks, p))), rel=1e-5)
        assert np.array_equal(counts, metric().counts(masks, p).numpy().sum(0))
        stepper.train(images, masks, 4)
    assert stepper._train.experimental_get_tracing_count() == 1
    assert stepper._validate.experimental_get_tracing_count() == 1


def test_tensorboard_holds_every_epoch(tmp_path):
    import tensorflow as tf

    from pipeline.train.loop import fit

    made = plan(tmp_path, epochs=2, tensorboard=True)
    fit(made)
    (events,) = made.tensorboard.iterdir()
    found = {(event.step, value.tag) for event in tf.compat.v1.train.summary_iterator(str(events)) for value in event.summary.value}
    assert {(1, "val_loss"), (2, "val_loss"), (2, "learning_rate"), (2, "jaccard")} <= found


def test_a_strategy_without_its_cluster_is_refused(tmp_path, monkeypatch):
    from pipeline.train.loop import fit

    for value in (None, "", "{", "[]", '{"cluster": {"worker": ["a:1"]}}', '{"cluster": {}, "task": {"type": "worker", "index": 0}}'):
        monkeypatch.delenv("TF_CONFIG", raising=False)
        if value is not None:
            monkeypatch.setenv("TF_CONFIG", value)
        with pytest.raises(UsageError, match="TF_CONFIG, such as"):
            fit(plan(tmp_path, strategy="multi-worker"))


def test_a_falling_rate_starts_anew_with_each_phase_and_goes_on_after_a_kill(tmp_path):
    from pipeline.train.loop import fit
    from pipeline.train.plateau import cosine

    settings = {"schedule": "cosine", "float_epochs": 2, "epochs": 4, "qat": "full", "lr_patience": 1, "min_learning_rate": 1e-5}
    made = plan(tmp_path, **settings)
    with pytest.raises(Killed):
        fit(with_data(made, train=Synthetic(spoil=killer(4, 1))))
    fit(made)
    expected = [cosine(1e-2, 1e-5, epoch, 2) for epoch in range(2)] + [cosine(1e-3, 1e-5, epoch, 4) for epoch in range(4)]
    assert column(made, "learning_rate") == pytest.approx(expected)


@pytest.mark.parametrize("weights", ["best", "last"])
def test_the_weights_that_are_asked_for(tmp_path, weights):
    from pipeline.train import checkpoint
    from pipeline.train.loop import fit

    made = plan(tmp_path, epochs=1, weights=weights)
    fit(made)
    kept = checkpoint.load(made.checkpoints / "last.npz")
    marked = checkpoint.Checkpoint(kept.meta, [array * 0 + 7 for array in kept.weights])
    checkpoint.save(made.checkpoints / "best.npz", marked)  # one epoch is its own best: told apart by hand
    expected = marked if weights == "best" else kept
    assert all(np.array_equal(a, b) for a, b in zip(fit(made), expected.weights, strict=True))
