"""Which rows to label next."""

import numpy as np
from scipy.stats import entropy
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sksemi import _validation
from sksemi._validation import COUNT

__all__ = ["query"]

TYPICAL_NEIGHBORS = 20  # of the TypiClust paper
LABELS_PER_CLUSTER = 4  # from which on "auto" asks for far rows, not typical ones


def query(
    estimator,
    X,
    n_queries,
    *,
    y=None,
    strategy="auto",
    batch_size=None,
    random_state=None,
):
    """Choose unlabeled rows whose labels would teach a fitted estimator the most.

    Read more in the :ref:`User Guide <active_learning>`.

    Parameters
    ----------
    estimator : estimator
        Fitted, with predict_proba or transform, as the strategy needs.
    X : array-like of shape (n_samples, ...)
        All rows, labeled and unlabeled, as the estimator takes them.
    n_queries : int
        Number of rows to choose.
    y : array-like of shape (n_samples,), default=None
        Known labels, -1 for the other rows, from which the choice is made. None means
        no labels at all.
    strategy : {"auto", "typiclust", "margin", "entropy", "coreset", "random"}, \
            default="auto"
        "typiclust": the most typical rows of k-means clusters without labeled rows,
        larger clusters first [1]_. "coreset": rows far from every labeled or chosen one
        [2]_. Both use ``transform``. "auto": "typiclust" while there are fewer than
        four labels per column of ``predict_proba``, then "coreset". "margin": rows
        whose two most probable clusters are closest. "entropy": rows whose
        ``predict_proba`` has the largest entropy. "random": random rows.
    batch_size : int or None, default=None
        Rows per call of the estimator's methods. None passes all at once, which
        estimators of this package split themselves; a Pipeline or search makes whole
        copies of X then.
    random_state : int, RandomState instance or None, default=None
        Seed of k-means, random rows and ties.

    Returns
    -------
    ndarray of shape (n_queries,)
        Indices of distinct unlabeled rows, the most important first.

    Raises
    ------
    ValueError
        If there are fewer unlabeled rows than ``n_queries``, or y or ``batch_size`` is
        unusable.
    TypeError
        If the estimator lacks a method that the strategy needs.

    Notes
    -----
    "typiclust" makes as many clusters as there are labels and queries, in the space of
    ``transform``. The most typical row of a cluster is the one with the smallest mean
    distance to its 20 nearest neighbors in the cluster.

    Uncertainty ("margin", "entropy", or among typical rows) did worse than random rows
    in our measurements: with few labels, these estimators are certain of whole groups
    of rows, and wrong. See the User Guide.

    References
    ----------
    .. [1] G. Hacohen, A. Dekel and D. Weinshall, "Active Learning on a Budget: Opposite
       Strategies Suit High and Low Budgets", ICML 2022.
    .. [2] O. Sener and S. Savarese, "Active Learning for Convolutional Neural Networks:
       A Core-Set Approach", ICLR 2018; the greedy form.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.active_learning import query
    >>> X, y = load_digits(return_X_y=True)
    >>> est = GMVAEClusterer(10, max_iter=2, random_state=0).fit(X / 16)
    >>> rows = query(est, X / 16, 10, random_state=0)
    >>> len(set(rows.tolist()))
    10
    """
    check_is_fitted(estimator)
    if strategy not in _STRATEGIES:
        raise ValueError(f"strategy={strategy!r} must be one of {list(_STRATEGIES)}.")
    needs, choose = _STRATEGIES[strategy]
    for method in needs:
        if not hasattr(estimator, method):
            raise TypeError(
                f'strategy="{strategy}" needs an estimator with the method {method}, '
                f"which {type(estimator).__name__} lacks."
            )
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    codes, _ = _validation.check_y(y, n)
    n_unlabeled = int(np.sum(codes < 0))
    if not COUNT.is_satisfied_by(n_queries) or n_queries > n_unlabeled:
        raise ValueError(
            f"n_queries={n_queries!r} must be an integer from 1 to the {n_unlabeled} "
            "rows without a label."
        )
    if batch_size is not None and not COUNT.is_satisfied_by(batch_size):
        raise ValueError(
            f"batch_size={batch_size!r} must be a positive integer, or None."
        )
    rng = check_random_state(random_state)
    # what a strategy is given: arrays by the names of the methods
    outputs = {
        method: _in_parts(getattr(estimator, method), X, n, batch_size)
        for method in needs
    }
    return choose(codes >= 0, int(n_queries), rng, **outputs)


def _in_parts(method, X, n, batch_size):
    """Array of a method's results for n rows, so many of which are given at a time."""
    if batch_size is None or batch_size >= n:
        return np.asarray(method(X))
    starts = range(0, n, batch_size)
    rows = [np.arange(a, min(a + batch_size, n)) for a in starts]
    return np.concatenate(
        [np.asarray(method(_validation.safe_indexing(X, part))) for part in rows]
    )


def _smallest(scores, labeled, n_queries, rng):
    """Numbers of the unlabeled rows of the smallest scores, ties at random."""
    order = rng.permutation(np.flatnonzero(~labeled))
    return order[np.argsort(scores[order], kind="stable")][:n_queries]


def _margins(proba):
    """Difference of the two largest probabilities: (n,)."""
    if proba.shape[1] == 1:
        return np.ones(len(proba))
    second, first = np.partition(proba, -2, axis=1)[:, -2:].T
    return first - second


def _random(labeled, n_queries, rng):
    return rng.permutation(np.flatnonzero(~labeled))[:n_queries]


def _margin(labeled, n_queries, rng, predict_proba):
    return _smallest(_margins(predict_proba), labeled, n_queries, rng)


def _entropy(labeled, n_queries, rng, predict_proba):
    return _smallest(-entropy(predict_proba, axis=1), labeled, n_queries, rng)


def _coreset(labeled, n_queries, rng, transform):
    """Repeatedly take the row that is farthest from those labeled or chosen."""
    chosen = [] if labeled.any() else [rng.randint(len(transform))]
    centers = transform[chosen] if chosen else transform[labeled]
    _, distances = pairwise_distances_argmin_min(transform, centers)
    distances[labeled] = distances[chosen] = -1
    while len(chosen) < n_queries:
        chosen.append(distances.argmax())
        new = np.linalg.norm(transform - transform[chosen[-1]], axis=1)
        distances = np.minimum(distances, new)
        distances[chosen[-1]] = -1
    return np.array(chosen)


def _most_typical(transform, members, labeled):
    """Return the unlabeled member whose neighbors among the members are nearest."""
    n_neighbors = min(TYPICAL_NEIGHBORS, len(members) - 1)
    if n_neighbors == 0:
        return members[0]
    points = transform[members]
    distances, _ = NearestNeighbors(n_neighbors=n_neighbors).fit(points).kneighbors()
    return members[np.where(labeled[members], np.inf, distances.mean(1)).argmin()]


def _of_uncovered(transform, clusters, labeled, n_queries):
    """Most typical rows of clusters without labeled rows, larger clusters first."""
    names, sizes = np.unique(clusters, return_counts=True)
    uncovered = ~np.isin(names, clusters[labeled])
    order = np.argsort(-sizes[uncovered], kind="stable")[:n_queries]
    return [
        _most_typical(transform, np.flatnonzero(clusters == name), labeled)
        for name in names[uncovered][order]
    ]


def _typiclust(labeled, n_queries, rng, transform):
    # no more clusters than there are different rows
    n_different = len(np.unique(transform, axis=0))
    n_clusters = min(labeled.sum() + n_queries, n_different)
    clusters = KMeans(n_clusters, random_state=rng).fit_predict(transform)
    chosen = _of_uncovered(transform, clusters, labeled, n_queries)
    return _filled(chosen, labeled, n_queries, rng)


def _auto(labeled, n_queries, rng, transform, predict_proba):
    """Typical rows while labels are few, then rows that are far from all labels."""
    few = labeled.sum() < LABELS_PER_CLUSTER * predict_proba.shape[1]
    return (_typiclust if few else _coreset)(labeled, n_queries, rng, transform)


def _filled(chosen, labeled, n_queries, rng):
    """Rows chosen, and random ones where clusters were too few."""
    taken = labeled.copy()
    taken[chosen] = True
    more = _random(taken, n_queries - len(chosen), rng)
    return np.concatenate([np.array(chosen, dtype=np.int64), more])


_STRATEGIES = {
    "auto": (("transform", "predict_proba"), _auto),
    "typiclust": (("transform",), _typiclust),
    "margin": (("predict_proba",), _margin),
    "entropy": (("predict_proba",), _entropy),
    "coreset": (("transform",), _coreset),
    "random": ((), _random),
}
