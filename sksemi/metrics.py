"""Scores of a clustering against known classes."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_consistent_length, column_or_1d

__all__ = ["clustering_accuracy", "purity"]


def clustering_accuracy(labels_true, labels_pred):
    """Accuracy under the best one-to-one matching of clusters to classes.

    The matching is the Hungarian one; clusters beyond the number of classes (or
    classes beyond the number of clusters) stay unmatched and count as errors.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Classes.
    labels_pred : array-like of shape (n_samples,)
        Clusters.

    Returns
    -------
    float
        Between 0 and 1; 1 is a perfect match.

    Raises
    ------
    ValueError
        If the lengths differ, or there is no row.

    Examples
    --------
    >>> from sksemi.metrics import clustering_accuracy
    >>> clustering_accuracy([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    >>> clustering_accuracy([0, 0, 1, 1], [0, 1, 2, 2])
    0.75
    """
    table = _contingency(labels_true, labels_pred)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / table.sum())


def purity(labels_true, labels_pred):
    """Accuracy when every cluster is given its most frequent class.

    Several clusters may take one class, so purity grows with the number of clusters;
    it is no substitute for `clustering_accuracy`.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Classes.
    labels_pred : array-like of shape (n_samples,)
        Clusters.

    Returns
    -------
    float
        Between 0 and 1; 1 when no cluster holds two classes.

    Raises
    ------
    ValueError
        If the lengths differ, or there is no row.

    Examples
    --------
    >>> from sksemi.metrics import purity
    >>> purity([0, 0, 1, 1], [0, 1, 2, 2])
    1.0
    """
    table = _contingency(labels_true, labels_pred)
    return float(table.max(axis=0).sum() / table.sum())


def _contingency(labels_true, labels_pred):
    """Count rows of class i in cluster j: (n_classes, n_clusters)."""
    labels_true, labels_pred = column_or_1d(labels_true), column_or_1d(labels_pred)
    check_consistent_length(labels_true, labels_pred)
    if len(labels_true) == 0:
        raise ValueError("labels_true has no entry; at least one row is needed.")
    return contingency_matrix(labels_true, labels_pred).astype(np.int64)
