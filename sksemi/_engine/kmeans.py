"""k-means on features, with clusters that keep the names labels gave them."""

import math
import warnings

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import nn
from torch.nn import functional as F

from sksemi._engine.training import diverged
from sksemi._nn.losses import even_votes, nearest_neighbor_labels

# k-means sees at most about so many rows' features, and of the rows themselves so many,
# or fewer if these have more values.
MAX_ROWS = 10_000
START_ROWS, START_VALUES = 4_000, 8_000_000
# Runs from different starts, of which the best is kept; of many clusters fewer, so that
# their time no longer grows: a run of 1,000 takes that of ten of 100.
MOST_RUNS, RUN_CLUSTERS = 10, 1_000


class UnnamedCenters(nn.Module):
    """Features that stand for the labeled ones of clusters that no label names.

    Parameters
    ----------
    n_labels : int
        The first clusters are theirs.
    n_clusters : int
    n_columns : int
        Of the features.
    """

    def __init__(self, n_labels, n_clusters, n_columns):
        super().__init__()
        self.n_labels, self.n_clusters = n_labels, n_clusters
        self.register_buffer("centers", torch.zeros(n_clusters - n_labels, n_columns))

    def find(self, encode, bounded, data, epoch):
        """Before an epoch: centers of k-means, in the first on the rows themselves.

        Untrained features keep less of the groups than the rows do. ``encode`` maps
        rows to features, ``bounded`` draws in rows far outside.
        """
        if not len(self.centers):
            return
        # a label that has no row yet has no group among the rows
        present = data.codes[data.codes >= 0].unique().tolist()
        with warnings.catch_warnings():  # equal rows leave a cluster empty
            warnings.simplefilter("ignore", ConvergenceWarning)
            if epoch == 0:
                centers = self._of_rows(encode, bounded, data, present)
            else:
                # from the means of the labels and the last centers, so that each keeps
                # its place
                features, means, _ = collect_features(encode, data, self.n_labels)
                last = self.centers.cpu().double().numpy()
                init = np.concatenate([means[present], last])
                kmeans = KMeans(len(init), n_init=1, init=init).fit(features)
                centers = kmeans.cluster_centers_
        self.centers.copy_(torch.from_numpy(centers[len(present) :]))

    def _of_rows(self, encode, bounded, data, present):
        """Mean features of the clusters of k-means on rows, named ones first."""
        columns = {}

        def both(x):
            columns["x"] = x.shape[1]
            return torch.cat([bounded(x), encode(x)], 1)

        n_clusters = len(present) + len(self.centers)
        most = max(min(START_ROWS, START_VALUES // data.x.shape[1]), 2 * n_clusters)
        rows, means, rng = collect_features(both, data, self.n_labels, most)
        rows, features = np.split(rows, [columns["x"]], axis=1)
        kmeans = best_kmeans(rows, n_clusters, rng)
        of_cluster = [features[kmeans.labels_ == k] for k in range(n_clusters)]
        centers = [(own if len(own) else features).mean(0) for own in of_cluster]
        order = named_first(kmeans.cluster_centers_, means[present, : columns["x"]])
        return np.stack(centers)[order]

    def beside(self, features, y, n_votes):
        """Labeled features (n, n_columns) and the centers, and the clusters of each.

        A center is there ``n_votes`` times, but at most as often as a label has rows.
        """
        if not len(self.centers):
            return features, y
        if self.n_labels:
            n_votes = min(n_votes, max(1, len(y) // self.n_labels))
        unnamed = torch.arange(self.n_labels, self.n_clusters, device=y.device)
        centers = self.centers.repeat(n_votes, 1)
        return torch.cat([features, centers]), torch.cat([y, unnamed.repeat(n_votes)])

    @torch.no_grad()
    def assign(self, features, y, n_neighbors, epoch):
        """Clusters of a batch's rows: the labels given, then the nearest ones'.

        A center has as many votes as a row of a label of the mean number of rows.
        """
        n = len(y)
        near, clusters = self.beside(features[:n], y, n_neighbors)
        votes = even_votes(y, self.n_labels, epoch)
        votes = F.pad(votes, (0, len(near) - n), value=1.0)
        nearest = nearest_neighbor_labels(
            features[n:], near, clusters, n_neighbors, self.n_clusters, votes
        )
        return torch.cat([y, nearest])


def best_kmeans(features, n_clusters, rng):
    """Fit k-means from several starts: ten of up to 100 clusters, one of 1,000."""
    n_init = min(MOST_RUNS, max(1, RUN_CLUSTERS // n_clusters))
    return KMeans(n_clusters, n_init=n_init, random_state=rng).fit(features)


@torch.no_grad()
def collect_features(encode, data, n_labels, max_rows=MAX_ROWS):
    """Features of a sample of the rows, and the mean of each label's.

    Parameters
    ----------
    encode : callable
        From (n, n_features) to (n, n_columns).
    data : Data
    n_labels : int
    max_rows : int, default=10_000

    Returns
    -------
    features : ndarray of shape (n_rows, n_columns)
        Of all rows, or of about ``max_rows`` of them, in a random order.
    means : ndarray of shape (n_labels, n_columns)
        Of each label; one of the features for a label that has no row yet.
    rng : RandomState
        Seeded from torch's generator.
    """
    rng = np.random.RandomState(int(torch.randint(2**31 - 1, ())))
    n_rows = math.ceil(max_rows / data.n_parts)
    sums, counts, features = 0, 0, []
    for part in data.parts():
        h = encode(part.x).cpu().double()
        label = F.one_hot(part.codes.cpu() + 1, n_labels + 1)[:, 1:].double()
        sums, counts = sums + label.T @ h, counts + label.sum(0)
        features.append(h[rng.permutation(len(h))[:n_rows]])
    features, means = torch.cat(features).numpy(), (sums / counts[:, None]).numpy()
    if not np.isfinite(features).all():
        raise diverged("The network's features are non-finite")
    absent = counts.numpy() == 0
    if absent.any():
        means[absent] = features[rng.choice(len(features), absent.sum())]
    return features, means, rng


@torch.no_grad()
def start_from_kmeans(layer, encode, data, n_clusters, n_labels):
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
    data : Data
    n_clusters : int
    n_labels : int
    """
    hidden, means, rng = collect_features(encode, data, n_labels)
    kmeans = best_kmeans(hidden, n_clusters, rng)
    centers = kmeans.cluster_centers_
    centers = centers[named_first(centers, means)]
    scatter = max(kmeans.inertia_ / len(hidden), 1e-12)
    layer.weight.copy_(torch.from_numpy(centers / scatter))
    layer.bias.copy_(torch.from_numpy(-np.square(centers).sum(1) / (2 * scatter)))


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


def named_kmeans(features, n_clusters, means, n_init, rng):
    """Centers of k-means, those that labels name first.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
        Not copied: k-means centers them and back, which changes last bits.
    n_clusters : int
    means : ndarray of shape (n_named, n_features)
        Means of labeled rows, where the first ``n_named`` clusters start; the others
        start from the centers, of ``n_init`` k-means++ starts' best, that fall to no
        mean.
    n_init : int
    rng : RandomState

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features) of float64
    scatter : float
        Mean squared distance of a row to its center.
    """
    n_named = len(means)
    if n_named < n_clusters:
        kmeans = KMeans(n_clusters, n_init=n_init, random_state=rng, copy_x=False).fit(
            features
        )
    if n_named:
        start = means
        if n_named < n_clusters:
            centers = kmeans.cluster_centers_
            free = named_first(centers, means)[n_named:]
            start = np.concatenate([means, centers[free]])
        start = start.astype(features.dtype)
        kmeans = KMeans(n_clusters, init=start, n_init=1, copy_x=False).fit(features)
    # Once more and exactly: threads sum a cluster's rows in any order.
    centers = kmeans.cluster_centers_.astype(np.float64)
    inertia = 0.0
    for k in np.unique(kmeans.labels_):
        rows = features[kmeans.labels_ == k]
        centers[k] = rows.mean(0, dtype=np.float64)
        square = np.einsum("ij,ij->", rows, rows, dtype=np.float64)
        inertia += max(square - len(rows) * np.square(centers[k]).sum(), 0.0)
    return centers, inertia / len(features)
