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
# And of the rows themselves, which are wider.
START_ROWS = 4_000


@torch.no_grad()
def collect_features(encode, batches, n_labels, max_rows=MAX_ROWS):
    """Features of a sample of the rows, and the mean of each label's.

    Parameters
    ----------
    encode : callable
        From (n, n_features) to (n, n_columns).
    batches : iterable of (x, y)
        All rows in order, -1 in y for unlabeled ones.
    n_labels : int
    max_rows : int, default=10_000

    Returns
    -------
    features : ndarray of shape (n_rows, n_columns)
        Of all rows, or of about ``max_rows`` of them, in a random order.
    means : ndarray of shape (n_labels, n_columns)
    rng : RandomState
        Seeded from torch's generator.
    """
    rng = np.random.RandomState(int(torch.randint(2**31 - 1, ())))
    n_rows = math.ceil(max_rows / len(batches))
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
    can state its softmax exactly; s is the mean squared distance to the nearest center.
    A labeled class takes the center nearest to its mean, one to one.

    Parameters
    ----------
    layer : nn.Linear
        From (n, n_columns) to (n, n_clusters).
    encode : callable
        From rows to the layer's input.
    batches : iterable of (x, y)
        All rows in order, -1 in y for unlabeled ones.
    n_clusters : int
    n_labels : int
    """
    hidden, means, rng = collect_features(encode, batches, n_labels)
    kmeans = KMeans(n_clusters, n_init=10, random_state=rng).fit(hidden)
    centers = kmeans.cluster_centers_
    centers = centers[named_first(centers, means)]
    scatter = max(kmeans.inertia_ / len(hidden), 1e-12)
    layer.weight.copy_(torch.from_numpy(centers / scatter))
    layer.bias.copy_(torch.from_numpy(-np.square(centers).sum(1) / (2 * scatter)))


def start_centers(encode, batches, n_clusters, n_labels):
    """Mean features of the clusters that k-means finds among the rows themselves.

    Untrained features keep less of the groups than the rows do.

    Parameters
    ----------
    encode : callable
        From rows to features.
    batches : iterable of (x, y)
        All rows in order, -1 in y for unlabeled ones.
    n_clusters : int
    n_labels : int
        A label has the cluster nearest to the mean of its rows, one to one; those come
        first.

    Returns
    -------
    ndarray of shape (n_clusters, n_columns)
    """
    columns = {}

    def both(x):
        columns["x"] = x.shape[1]
        return torch.cat([x, encode(x)], 1)

    rows, means, rng = collect_features(both, batches, n_labels, START_ROWS)
    rows, features = np.split(rows, [columns["x"]], axis=1)
    kmeans = KMeans(n_clusters, n_init=10, random_state=rng).fit(rows)
    of_cluster = [features[kmeans.labels_ == k] for k in range(n_clusters)]
    # equal rows may leave a cluster empty
    centers = np.stack([(own if len(own) else features).mean(0) for own in of_cluster])
    order = named_first(kmeans.cluster_centers_, means[:, : columns["x"]])
    return centers[order]


def find_centers(encode, batches, start, n_labels):
    """Centers of k-means on the features of a sample of the rows, named ones first.

    Parameters
    ----------
    encode : callable
        From rows to features.
    batches : iterable of (x, y)
        All rows in order, -1 in y for unlabeled ones.
    start : ndarray of shape (n_clusters - n_labels, n_columns)
        Centers that the clusters without a label start from, and so keep their order;
        the others start from the means of their labels.
    n_labels : int

    Returns
    -------
    ndarray of shape (n_clusters, n_columns)
    """
    features, means, _ = collect_features(encode, batches, n_labels)
    init = np.concatenate([means, start])
    return KMeans(len(init), n_init=1, init=init).fit(features).cluster_centers_


def named_first(centers, means):
    """Positions of the centers nearest to means, one to one, then of the others.

    Parameters
    ----------
    centers : ndarray of shape (n_clusters, n_columns)
    means : ndarray of shape (n_named, n_columns)

    Returns
    -------
    ndarray of shape (n_clusters,)
    """
    _, taken = linear_sum_assignment(cdist(means, centers, "sqeuclidean"))
    free = np.setdiff1d(np.arange(len(centers)), taken)
    return np.concatenate([taken, free])
