"""Scores of a clustering against known classes, and scorers that skip missing labels.

A scorer is a function of a fitted estimator, X and y, for ``scoring=`` in the searches
and cross_val_score of scikit-learn. All scorers here ignore rows labeled -1.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_consistent_length, column_or_1d

from sksemi import _validation

__all__ = [
    "clustering_accuracy",
    "clustering_accuracy_scorer",
    "labeled_accuracy",
    "labeled_neg_log_loss",
    "labeled_roc_auc",
    "purity",
    "purity_scorer",
]


def clustering_accuracy(labels_true, labels_pred):
    """Accuracy under the best one-to-one matching of clusters to classes.

    The matching is found by the Hungarian algorithm; clusters beyond the number of
    classes (or classes beyond the number of clusters) stay unmatched and count as
    errors.

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
    """Accuracy when every cluster is assigned its most frequent class.

    Several clusters may have the same class, so purity grows with the number of
    clusters; it does not replace `clustering_accuracy`.

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


def clustering_accuracy_scorer(estimator, X, y):
    """`clustering_accuracy` of ``estimator.predict`` over the rows that have a label.

    Parameters
    ----------
    estimator : estimator
        Fitted, with ``predict``.
    X : array-like of shape (n_samples, ...)
        Rows.
    y : array-like of shape (n_samples,)
        Classes, -1 for rows without one.

    Returns
    -------
    float
        Higher is better. nan, with a warning, if y has no label.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sksemi.metrics import clustering_accuracy_scorer
    >>> X = [[0.0], [0.1], [5.0], [5.1]]
    >>> est = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> clustering_accuracy_scorer(est, X, [7, -1, 3, 3])
    1.0
    """
    X, y = _labeled_rows(X, y)
    return clustering_accuracy(y, estimator.predict(X)) if len(y) else float("nan")


def purity_scorer(estimator, X, y):
    """`purity` of ``estimator.predict`` over the rows that have a label.

    Parameters
    ----------
    estimator : estimator
        Fitted, with ``predict``.
    X : array-like of shape (n_samples, ...)
        Rows.
    y : array-like of shape (n_samples,)
        Classes, -1 for rows without one.

    Returns
    -------
    float
        Higher is better. nan, with a warning, if y has no label.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sksemi.metrics import purity_scorer
    >>> X = [[0.0], [0.1], [5.0], [5.1]]
    >>> est = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> purity_scorer(est, X, [7, -1, 3, 3])
    1.0
    """
    X, y = _labeled_rows(X, y)
    return purity(y, estimator.predict(X)) if len(y) else float("nan")


def labeled_accuracy(estimator, X, y):
    """Accuracy of ``estimator.predict`` over the rows that have a label.

    Parameters
    ----------
    estimator : estimator
        Fitted, with ``predict``. After a fit without any label, its cluster numbers
        have no meaning here: use `clustering_accuracy_scorer`.
    X : array-like of shape (n_samples, ...)
        Rows.
    y : array-like of shape (n_samples,)
        Classes, -1 for rows without one.

    Returns
    -------
    float
        Higher is better. nan, with a warning, if y has no label.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sksemi.metrics import labeled_accuracy
    >>> X, y = [[0], [0], [0]], [3, 3, 5]
    >>> labeled_accuracy(DummyClassifier().fit(X, y), X, [3, -1, 5])
    0.5
    """
    X, y = _labeled_rows(X, y)
    return float(np.mean(estimator.predict(X) == y)) if len(y) else float("nan")


def labeled_roc_auc(estimator, X, y):
    """Area under the ROC curve over the rows that have a label.

    With two entries in ``classes_``, it uses the probability of the second one; with
    more, it is the mean over the classes of y, each against the rest.

    Parameters
    ----------
    estimator : estimator
        Fitted, with ``predict_proba`` and ``classes_``.
    X : array-like of shape (n_samples, ...)
        Rows.
    y : array-like of shape (n_samples,)
        Classes, -1 for rows without one. One that is not in ``classes_`` has
        probability 0 in every row.

    Returns
    -------
    float
        Higher is better. nan, with a warning, if y has no label, or only one class.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sksemi.metrics import labeled_roc_auc
    >>> X, y = [[0], [1], [2], [3]], [3, 3, 5, 5]
    >>> labeled_roc_auc(GaussianNB().fit(X, y), X, [5, 3, -1, 5])
    0.5
    """
    X, y = _labeled_rows(X, y)
    if len(y) == 0:
        return float("nan")
    codes, proba = _codes_and_proba(estimator, X, y)
    present = np.unique(codes)
    if len(present) == 1:
        _validation.warn_user(
            "y has labels of one class only: the area under the ROC curve is not "
            "defined.",
            UndefinedMetricWarning,
        )
        return float("nan")
    if proba.shape[1] == 2:
        present = [1]
    return float(np.mean([roc_auc_score(codes == k, proba[:, k]) for k in present]))


def labeled_neg_log_loss(estimator, X, y):
    """Mean log-probability of the right class over the rows that have a label.

    Parameters
    ----------
    estimator : estimator
        Fitted, with ``predict_proba`` and ``classes_``.
    X : array-like of shape (n_samples, ...)
        Rows.
    y : array-like of shape (n_samples,)
        Classes, -1 for rows without one. One that is not in ``classes_`` has
        probability 0, which is clipped as in :func:`sklearn.metrics.log_loss`.

    Returns
    -------
    float
        In nats, higher is better. nan, with a warning, if y has no label.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sksemi.metrics import labeled_neg_log_loss
    >>> X, y = [[0], [0], [0], [0]], [3, 3, 5, 5]
    >>> est = DummyClassifier(strategy="prior").fit(X, y)
    >>> round(labeled_neg_log_loss(est, X, [3, -1, 5, 5]), 4)
    -0.6931
    """
    X, y = _labeled_rows(X, y)
    if len(y) == 0:
        return float("nan")
    codes, proba = _codes_and_proba(estimator, X, y)
    if proba.shape[1] == 1:  # the one class is certain
        return 0.0
    return -float(log_loss(codes, proba, labels=np.arange(proba.shape[1])))


def _labeled_rows(X, y):
    """Rows that have a label, and their labels."""
    check_consistent_length(X, y)
    labeled, y = _validation.check_y_score(y, len(y))
    return _validation.safe_indexing(X, np.flatnonzero(labeled)), y


def _codes_and_proba(estimator, X, y):
    """Columns of y's classes, and probabilities in which every class has a column."""
    position = {label: k for k, label in enumerate(np.asarray(estimator.classes_))}
    for label in y:
        position.setdefault(label, len(position))
    proba = np.asarray(estimator.predict_proba(X))
    absent = len(position) - proba.shape[1]
    proba = np.pad(proba, [(0, 0), (0, absent)])
    return np.array([position[label] for label in y]), proba
