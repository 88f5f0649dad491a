"""Splits of rows of which only some carry a label, and the number of clusters."""

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit
from sklearn.utils import Bunch, check_random_state, indexable

from sksemi import _validation
from sksemi._validation import COUNT

__all__ = ["PartialLabelKFold", "PartialLabelShuffleSplit", "choose_n_clusters"]

SILHOUETTE_ROWS = 5_000  # whose distances to one another are computed


def _labeled_and_not(splitter, X, y, groups):
    """Numbers of the labeled rows, of the others, and the former's classes."""
    if y is None:
        raise ValueError(
            f"The 'y' parameter should not be None: {type(splitter).__name__} splits "
            "the labeled rows. Use KFold for rows without any label."
        )
    _, y, _ = indexable(X, y, groups)
    codes, _ = _validation.check_y(y, len(y))
    labeled, unlabeled = np.flatnonzero(codes >= 0), np.flatnonzero(codes < 0)
    if len(labeled) == 0:
        raise ValueError(
            f"y has no labeled row (all are -1), and {type(splitter).__name__} tests "
            "on labeled rows. Use KFold for rows without any label."
        )
    return labeled, unlabeled, codes[labeled]


class PartialLabelKFold(StratifiedKFold):
    """Stratified folds of the labeled rows; the unlabeled ones are always in train.

    Every labeled row is in one test fold. Every test fold holds only labeled rows, with
    about the same fraction of every class, and every training set holds all unlabeled
    rows.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds. Must be at least 2.

    shuffle : bool, default=False
        Whether to shuffle each class's rows before splitting them into folds.

    random_state : int, RandomState instance or None, default=None
        With ``shuffle``, the seed of the order.

    See Also
    --------
    PartialLabelShuffleSplit : Random splits of the labeled rows.
    sklearn.model_selection.StratifiedKFold : For rows that all carry a label.

    Notes
    -----
    If a class has fewer labels than there are folds, there is a warning, as from
    StratifiedKFold: it may be whole in one test fold, or missing from some. If it has
    one label, the fold that tests on it has no row of the class to train on.

    Examples
    --------
    >>> import numpy as np
    >>> from sksemi.model_selection import PartialLabelKFold
    >>> X = np.zeros((7, 2))
    >>> y = [0, 1, -1, 0, 1, -1, -1]
    >>> for train, test in PartialLabelKFold(n_splits=2).split(X, y):
    ...     print(train, test)
    [2 3 4 5 6] [0 1]
    [0 1 2 5 6] [3 4]
    """

    def split(self, X, y, groups=None):
        """Generate the rows to train on and the rows to test on.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows.
        y : array-like of shape (n_samples,)
            Labels, -1 for rows without one.
        groups : object
            Always ignored, exists for compatibility.

        Yields
        ------
        train : ndarray
            Row numbers of a training set, sorted.
        test : ndarray
            Row numbers of the test fold, sorted.

        Raises
        ------
        ValueError
            If y is None or has no label, or if every class has fewer labels than there
            are folds.
        """
        labeled, unlabeled, codes = _labeled_and_not(self, X, y, groups)
        for train, test in super().split(codes, codes):
            yield np.sort(np.concatenate([labeled[train], unlabeled])), labeled[test]


class PartialLabelShuffleSplit(StratifiedShuffleSplit):
    """Random stratified splits of the labeled rows; the others are always in train.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.

    test_size : float or int, default=None
        The labeled rows to test on: a fraction between 0 and 1, or a number. None is
        what ``train_size`` leaves, or a tenth.

    train_size : float or int, default=None
        The labeled rows to train on, in addition to all unlabeled ones: a fraction
        between 0 and 1, or a number. None is what ``test_size`` leaves.

    random_state : int, RandomState instance or None, default=None
        Seed of the splits.

    See Also
    --------
    PartialLabelKFold : Folds in which every labeled row is tested on once.
    sklearn.model_selection.StratifiedShuffleSplit : For rows that all carry a label.

    Examples
    --------
    >>> import numpy as np
    >>> from sksemi.model_selection import PartialLabelShuffleSplit
    >>> y = np.array([0, 1, -1, 0, 1, -1, -1])
    >>> splits = PartialLabelShuffleSplit(n_splits=3, test_size=0.5, random_state=0)
    >>> for train, test in splits.split(np.zeros((7, 2)), y):
    ...     print(len(train), sorted(y[test].tolist()))
    5 [0, 1]
    5 [0, 1]
    5 [0, 1]
    """

    def split(self, X, y, groups=None):
        """Generate the rows to train on and the rows to test on.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows.
        y : array-like of shape (n_samples,)
            Labels, -1 for rows without one.
        groups : object
            Always ignored, exists for compatibility.

        Yields
        ------
        train : ndarray
            Row numbers of a training set, sorted.
        test : ndarray
            Row numbers of the test set, in random order.

        Raises
        ------
        ValueError
            If y is None or has no label, if a class has a single label, or if there
            are fewer labeled rows than ``test_size`` and ``train_size`` need.
        """
        labeled, unlabeled, codes = _labeled_and_not(self, X, y, groups)
        for train, test in super().split(codes, codes):
            yield np.sort(np.concatenate([labeled[train], unlabeled])), labeled[test]


def _silhouette(features, labels):
    some = SILHOUETTE_ROWS if len(features) > SILHOUETTE_ROWS else None
    return silhouette_score(features, labels, sample_size=some, random_state=0)


def _negative_davies_bouldin(features, labels):
    return -davies_bouldin_score(features, labels)


_CRITERIA = {
    "silhouette": _silhouette,
    "calinski_harabasz": calinski_harabasz_score,
    "davies_bouldin": _negative_davies_bouldin,
}


def choose_n_clusters(
    estimator, X, n_clusters, *, criterion="silhouette", random_state=None
):
    """Find the number of clusters in the features of an estimator.

    A clone is fitted once, without labels and with the largest number. k-means in the
    space of its transform is then scored for every number.

    Read more in the :ref:`User Guide <n_clusters>`.

    Parameters
    ----------
    estimator : estimator
        Has the parameter ``n_clusters`` and transform; need not be fitted.
    X : array-like of shape (n_samples, ...)
        Rows.
    n_clusters : array-like of int
        Numbers to try, of at least 2.
    criterion : {"silhouette", "calinski_harabasz", "davies_bouldin"} or callable, \
            default="silhouette"
        Score of the clusters: scikit-learn's function of that name (minus the
        Davies-Bouldin index; the silhouette over at most 5,000 rows), or a function of
        features and clusters. Higher is better.
    random_state : int, RandomState instance or None, default=None
        Seed of k-means.

    Returns
    -------
    Bunch
        ``n_clusters``, the number with the highest score; ``candidates``, ndarray of
        the numbers tried; ``scores``, ndarray of their scores.

    Raises
    ------
    ValueError
        If ``n_clusters`` or ``criterion`` is unusable.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.model_selection import choose_n_clusters
    >>> X, _ = load_digits(return_X_y=True)
    >>> est = GMVAEClusterer(max_iter=2, random_state=0)
    >>> found = choose_n_clusters(est, X / 16, range(5, 16, 5), random_state=0)
    >>> found.candidates, found.scores.shape
    (array([ 5, 10, 15]), (3,))
    """
    candidates = np.unique(list(n_clusters))
    if len(candidates) == 0 or not all(
        COUNT.is_satisfied_by(k) and k >= 2 for k in candidates
    ):
        raise ValueError(
            f"n_clusters={n_clusters!r} must hold integers of at least 2: range(2, 11)."
        )
    if not callable(criterion):
        if criterion not in _CRITERIA:
            raise ValueError(
                f"criterion={criterion!r} must be callable, or one of "
                f"{list(_CRITERIA)}."
            )
        criterion = _CRITERIA[criterion]
    rng = check_random_state(random_state)
    fitted = clone(estimator).set_params(n_clusters=int(candidates[-1])).fit(X)
    features = np.asarray(fitted.transform(X))
    scores = [
        float(
            criterion(
                features, KMeans(k, n_init=5, random_state=rng).fit_predict(features)
            )
        )
        for k in candidates
    ]
    return Bunch(
        n_clusters=int(candidates[np.argmax(scores)]),
        candidates=candidates,
        scores=np.array(scores),
    )
