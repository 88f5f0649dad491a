"""Terms that methods share: tensors in, one value per row out."""

import math

import torch
from torch.distributions import Categorical


def categorical_kl_to_uniform(logits):
    """KL(q || uniform), in nats.

    Parameters
    ----------
    logits : Tensor of shape (n_rows, n_clusters)

    Returns
    -------
    Tensor of shape (n_rows,)
        ``sum_k q_k log q_k + log K``.
    """
    entropy = Categorical(logits=logits, validate_args=False).entropy()
    return math.log(logits.shape[-1]) - entropy


def named_rows(labels, logits, n_named):
    """Weight 0 for unlabelled rows that sit in a cluster no label names.

    Nearest-neighbour assignment knows only the labelled classes; without this weight
    a cluster that no label names would lose all its rows to them.

    Parameters
    ----------
    labels : Tensor of shape (n_labelled,)
        Labels of the first rows of the batch.
    logits : Tensor of shape (n_rows, n_clusters)
        The network's present belief.
    n_named : int
        The first ``n_named`` clusters carry labels.

    Returns
    -------
    Tensor of shape (n_rows,)
        1 or 0, without gradient.
    """
    weight = (logits.detach().argmax(1) < n_named).to(logits.dtype)
    return torch.cat(
        [torch.ones_like(labels, dtype=logits.dtype), weight[len(labels) :]]
    )
