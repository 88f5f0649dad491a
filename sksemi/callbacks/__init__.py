"""Callbacks for ``estimator.set_callbacks``, beside those of `sklearn.callback`."""

from sksemi.callbacks._checkpoint import Checkpoint
from sksemi.callbacks._early_stopping import EarlyStopping
from sksemi.callbacks._history import add_to_history
from sksemi.callbacks._monitor import LabeledScoringMonitor

__all__ = ["Checkpoint", "EarlyStopping", "LabeledScoringMonitor", "add_to_history"]
