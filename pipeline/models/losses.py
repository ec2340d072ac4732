"""Losses of segmentation: masks and probabilities (N, H, W, K) to one value a patch, so that a step may weight or distribute them.

With K = 1 the truth is 0 or 1; with more, truth is one-hot and the overlap losses are averaged over the classes.
"""

from collections.abc import Callable

import tensorflow as tf

from ..errors import UsageError

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
SMOOTH = 1e-6  # keeps 0/0 at "no error" where truth and prediction are both empty


def bce(truth: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """Cross-entropy, mean over pixels: binary for one channel, categorical for several."""
    compare = tf.keras.losses.binary_crossentropy if p.shape[-1] == 1 else tf.keras.losses.categorical_crossentropy
    return tf.reduce_mean(compare(truth, p), axis=(1, 2))


def _sums(truth: tf.Tensor, p: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Per patch and class: overlap, sum of truth, sum of probabilities; (N, K) each."""
    return tf.reduce_sum(truth * p, (1, 2)), tf.reduce_sum(truth, (1, 2)), tf.reduce_sum(p, (1, 2))


def dice(truth: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """1 - soft Dice coefficient (Milletari et al. 2016, arXiv 1606.04797, with sums instead of squares)."""
    overlap, t, q = _sums(truth, p)
    return tf.reduce_mean(1 - (2 * overlap + SMOOTH) / (t + q + SMOOTH), axis=-1)


def bce_dice(truth: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """Cross-entropy + 0.5 Dice, the thesis's loss for `improved`."""
    return bce(truth, p) + 0.5 * dice(truth, p)


def _jaccard(truth: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    overlap, t, q = _sums(truth, p)
    return 1 - (overlap + SMOOTH) / (t + q - overlap + SMOOTH)


def soft_jaccard(truth: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """1 - soft Jaccard index, the loss of Cloud-Net (arXiv 1901.10077, equation 1)."""
    return tf.reduce_mean(_jaccard(truth, p), axis=-1)


def filtered_jaccard(truth: tf.Tensor, p: tf.Tensor, steepness: float = 1000.0, centre: float = 0.5) -> tf.Tensor:
    """Filtered Jaccard loss (Mohajerani and Saeedi 2021, arXiv 2001.08768, section III-C).

    A patch without a foreground pixel has no useful Jaccard gradient, so there the Jaccard loss of the background takes over. The switch
    is a pair of steep sigmoids of the count of foreground pixels, low-pass and high-pass about `centre`, with the paper's weights of one.
    """
    count = tf.reduce_sum(truth, (1, 2))
    high = tf.sigmoid(steepness * (count - centre))
    return tf.reduce_mean((1 - high) * _jaccard(1 - truth, 1 - p) + high * _jaccard(truth, p), axis=-1)


LOSSES: dict[str, Loss] = {
    "bce": bce,
    "dice": dice,
    "bce-dice": bce_dice,
    "soft-jaccard": soft_jaccard,
    "filtered-jaccard": filtered_jaccard,
}


def loss(name: str) -> Loss:
    """The loss called `name`."""
    if name not in LOSSES:
        raise UsageError(f"train.loss: {name!r} is none of {', '.join(LOSSES)}")
    return LOSSES[name]
