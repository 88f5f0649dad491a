"""Short ways to the contract between the loop and a module."""

from types import SimpleNamespace

import torch

from sksemi._engine.data import Batch, Data


def make(Module, arguments):
    """Build a module from the entries of its config."""
    return Module(SimpleNamespace(**arguments))


def loss_of(model, x, y, epoch, parents=None):
    """Loss of a batch whose first rows have labels."""
    return model.loss(Batch(x, y, parents), epoch)


def data_of(x, codes=None):
    """All rows, none of them labeled by default."""
    return Data(x, torch.full((len(x),), -1) if codes is None else codes, 1.0)
