"""Statistics of batch normalization, for inference."""

import torch
from torch import nn


def batch_norms(model):
    """All batch normalizations, those of a network that was passed in too."""
    kind = nn.modules.batchnorm._BatchNorm
    return [module for module in model.modules() if isinstance(module, kind)]


@torch.no_grad()
def collect_statistics(model, forward, data, *, of=None, n_rows=512):
    """Give batch norm the statistics of all rows for inference, without noise.

    In training it averages over the last steps, whose rows are noised and shifted, and
    half of which may be labeled. An encoder's input is that at inference; a decoder
    learns from draws of the latent variables that inference may not make.

    Parameters
    ----------
    model : nn.Module
        Left in evaluation mode.
    forward : callable
        Called with rows (n, n_features), to pass them through the networks.
    data : Data
    of : nn.Module, default=None
        Part of the model whose statistics they are; None means all of it.
    n_rows : int, default=512
        About so many rows are normalized together.
    """
    # a network that was passed in may keep some in evaluation mode
    model.train()
    norms = [norm for norm in batch_norms(of or model) if norm.training]
    model.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
        norm.momentum = None  # the mean over all calls
    try:
        for part in data.parts() if norms else ():
            for x in part.x.tensor_split(1 + len(part.x) // n_rows):
                if len(x) > 1:  # one row has no spread
                    forward(x)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.eval()
            norm.momentum = momentum
