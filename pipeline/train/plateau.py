"""Best epoch, early stopping and learning-rate reduction: plain counters that a checkpoint can hold."""

import math
from dataclasses import dataclass


@dataclass
class Plateau:
    """Follows the validation loss of one phase of training.

    After `lr_patience` epochs without a better loss the rate is multiplied by `lr_factor` (not below `min_learning_rate`); after `patience`
    epochs training stops. Zero switches either off.
    """

    learning_rate: float
    best: float = math.inf
    best_epoch: int = -1
    waited: int = 0
    lr_waited: int = 0

    def update(self, epoch: int, loss: float, lr_patience: int, lr_factor: float, min_learning_rate: float) -> bool:
        """Take the epoch's validation loss; True where it is the best so far."""
        if loss < self.best:
            self.best, self.best_epoch, self.waited, self.lr_waited = loss, epoch, 0, 0
            return True
        self.waited += 1
        self.lr_waited += 1
        if lr_patience and self.lr_waited >= lr_patience:
            self.learning_rate = min(self.learning_rate, max(self.learning_rate * lr_factor, min_learning_rate))  # never up
            self.lr_waited = 0
        return False

    def exhausted(self, patience: int) -> bool:
        """True where training should stop early."""
        return bool(patience) and self.waited >= patience


def cosine(highest: float, lowest: float, epoch: int, epochs: int) -> float:
    """The rate of epoch `epoch` (from 0) of `epochs`: half a cosine from `highest`, which would reach `lowest` after the last.

    Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5, without restarts and with a step an epoch. It depends on nothing else, so that
    a training that goes on after a kill goes on at the same rate. Never above `highest`.
    """
    lowest = min(lowest, highest)
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * epoch / epochs)) / 2
