"""k-means on features, with clusters that keep the names labels gave them."""

import math

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from torch.nn import functional as F

# k-means sees at most about so many rows.
MAX_ROWS = 10_000


@torch.no_grad()
def collect_features(encode, batches, n_labels):
    """Features of a sample of the rows, and the mean of each label's.

    Parameters
    ----------
    encode : callable
        From (n, n_features) to (n, n_columns).
    batches : iterable of (x, y)
        All rows in order, -1 in y for unlabelled ones.
    n_labels : int

    Returns
    -------
    features : ndarray of shape (n_rows, n_columns)
        Of all rows, or of about `MAX_ROWS` of them, in a random order.
    means : ndarray of shape (n_labels, n_columns)
    rng : RandomState
        Seeded from torch's generator.
    """
    rng = np.random.RandomState(int(torch.randint(2**31 - 1, ())))
    n_rows = math.ceil(MAX_ROWS / len(batches))
    sums, counts, features = 0, 0, []
    for x, y in batches:
        h = encode(x).double().cpu()
        label = F.one_hot(y.cpu() + 1, n_labels + 1)[:, 1:].double()
        sums, counts = sums + label.T @ h, counts + label.sum(0)
        features.append(h[rng.permutation(len(h))[:n_rows]])
    return torch.cat(features).numpy(), (sums / counts[:, None]).numpy(), rng


@torch.no_grad()
def start_from_kmeans(layer, encode, batches, n_clusters, n_labels):
    """Set a linear layer's logits to the clusters that k-means finds in its input.

    ``-||h - c_k||**2 / (2 s)`` is linear in h but for what all k share, so the layer
    can state its softmax exactly; s is the mean squared distance to the nearest centre.
    A labelled class takes the centre nearest to its mean, one to one.

    Parameters
    ----------
    layer : nn.Linear
        From (n, n_columns) to (n, n_clusters).
    encode : callable
        From rows to the layer's input.
    batches : iterable of (x, y)
        All rows in order, -1 in y for unlabelled ones.
    n_clusters : int
    n_labels : int
    """
    hidden, means, rng = collect_features(encode, batches, n_labels)
    kmeans = KMeans(n_clusters, n_init=10, random_state=rng).fit(hidden)
    centers = _named_first(kmeans.cluster_centers_, means)
    scatter = max(kmeans.inertia_ / len(hidden), 1e-12)
    layer.weight.copy_(torch.from_numpy(centers / scatter))
    layer.bias.copy_(torch.from_numpy(-np.square(centers).sum(1) / (2 * scatter)))


def find_centers(encode, batches, n_clusters, n_labels, start=None):
    """Centres of k-means on the features of a sample of the rows, named ones first.

    Parameters
    ----------
    encode : callable
        From rows to features.
    batches : iterable of (x, y)
        All rows in order, -1 in y for unlabelled ones.
    n_clusters : int
    n_labels : int
    start : ndarray of shape (n_clusters - n_labels, n_columns), default=None
        Centres that the clusters without a label start from, and so keep their order;
        the others start from the means of their labels. None takes the best of ten
        starts, of which a label has the centre nearest to its mean, one to one.

    Returns
    -------
    ndarray of shape (n_clusters, n_columns)
    """
    features, means, rng = collect_features(encode, batches, n_labels)
    if start is None:
        kmeans = KMeans(n_clusters, n_init=10, random_state=rng).fit(features)
        return _named_first(kmeans.cluster_centers_, means)
    init = np.concatenate([means, start])
    return KMeans(n_clusters, n_init=1, init=init).fit(features).cluster_centers_


def _named_first(centers, means):
    """Centres in the order of the labels whose means they match, then the others."""
    _, taken = linear_sum_assignment(cdist(means, centers, "sqeuclidean"))
    free = np.setdiff1d(np.arange(len(centers)), taken)
    return centers[np.concatenate([taken, free])]
