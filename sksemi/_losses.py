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


def nearest_neighbor_labels(queries, neighbors, labels, n_neighbors, n_labels):
    """Label of each query by distance-weighted vote of its nearest neighbours.

    Parameters
    ----------
    queries : Tensor of shape (n_queries, n_features)
    neighbors : Tensor of shape (n_labelled, n_features)
    labels : Tensor of shape (n_labelled,)
    n_neighbors : int
    n_labels : int

    Returns
    -------
    Tensor of shape (n_queries,)
        Equation 8: ``argmax_j sum_i 1/d_i [labels_i = j]``. A neighbour at distance 0
        outweighs all others.
    """
    # exact differences: the matrix-product form misses distance 0 by rounding
    distance = torch.cdist(
        queries, neighbors, compute_mode="donot_use_mm_for_euclid_dist"
    )
    distance, index = distance.topk(
        min(n_neighbors, len(neighbors)), dim=1, largest=False
    )
    weight = 1 / distance.clamp(min=1e-12)
    votes = weight.new_zeros(len(queries), n_labels)
    return votes.scatter_add_(1, labels[index], weight).argmax(1)
