"""Rows unlike any that an estimator was fitted to."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.validation import check_is_fitted

from sksemi._validation import COUNT, HasMethods, Interval, StrOptions, _fit_context
from sksemi._wrapping import WrappingMixin

__all__ = ["NoveltyDetector"]

# Distance over norm below which a neighbor is the row itself, by rounding.
SAME = 1e-6


def _closeness(neighbors, features):
    """Minus the mean distance to neighbors other than the row itself: (n, f) -> (n,).

    So a training row has the same score in fit and after it.
    """
    distance = neighbors.kneighbors(features, neighbors.n_neighbors + 1)[0]
    own = distance[:, 0] <= SAME * np.linalg.norm(features, axis=1)
    return -np.where(own, distance[:, 1:].mean(1), distance[:, :-1].mean(1))


class NoveltyDetector(OutlierMixin, WrappingMixin, BaseEstimator):
    """Detector of rows unlike any of the training rows, by a fitted estimator.

    Read more in the :ref:`User Guide <novelty>`.

    Parameters
    ----------
    estimator : estimator or None, default=None
        Estimator to clone and fit: one of this package, or a Pipeline that ends in one.
        None is ``GMVAEClusterer()``. To use one that is already fitted, pass
        ``FrozenEstimator(estimator)`` and the rows that it was fitted to.

    criterion : {"features", "density"}, default="features"
        Score of a row. "features": minus the mean distance to its ``n_neighbors``
        nearest training rows in the space of transform; a training row does not count
        as its own neighbor. "density": ``score_samples`` of the estimator, which only
        estimators that generate rows have.

    n_neighbors : int, default=5
        Number of neighbors for "features".

    quantile : float, default=0.05
        Fraction of the training rows below the threshold: about the fraction of similar
        new rows that is rejected.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone.

    offset_ : float
        The threshold: the quantile of the training rows' scores.

    n_features_in_ : int
        Number of features of a row.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, if they are all strings.

    See Also
    --------
    sklearn.neighbors.LocalOutlierFactor : Distances against those of the neighbors.
    sklearn.ensemble.IsolationForest : Random splits that isolate a row.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.novelty import NoveltyDetector
    >>> X, y = load_digits(return_X_y=True)
    >>> est = GMVAEClusterer(10, max_iter=2, random_state=0)
    >>> detector = NoveltyDetector(est, quantile=0.01).fit(X / 16, y)
    >>> int((detector.predict(X / 16 + 2) == -1).sum())
    1797
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit"]), None],
        "criterion": [StrOptions({"features", "density"})],
        "n_neighbors": [COUNT],
        "quantile": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self, estimator=None, *, criterion="features", n_neighbors=5, quantile=0.05
    ):
        self.estimator = estimator
        self.criterion = criterion
        self.n_neighbors = n_neighbors
        self.quantile = quantile

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit a clone of the estimator, and the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows, as the estimator takes them.
        y : array-like of shape (n_samples,), default=None
            Labels, -1 for rows without one, or None, as the estimator takes them.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If the estimator has no ``score_samples`` for ``criterion="density"``.
        """
        estimator = self._estimator()
        method = "transform" if self.criterion == "features" else "score_samples"
        if not hasattr(estimator, method):
            raise ValueError(
                f'criterion="{self.criterion}" needs an estimator with the method '
                f"{method}, which {type(estimator).__name__} lacks."
            )
        estimator = clone(estimator).fit(X, y)
        neighbors = None
        if self.criterion == "features":
            features = np.asarray(estimator.transform(X))
            n_neighbors = min(self.n_neighbors, len(features) - 1)
            neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(features)
            scores = _closeness(neighbors, features)
        else:
            scores = estimator.score_samples(X)
        self.estimator_, self._neighbors = estimator, neighbors
        self.offset_ = float(np.quantile(scores, self.quantile))
        self._take_features_of(estimator)
        return self

    def fit_predict(self, X, y=None):
        """Fit, and predict the training rows: see `fit` and `predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows, as the estimator takes them.
        y : array-like of shape (n_samples,), default=None
            See `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            1 for familiar rows, -1 for others.
        """
        return self.fit(X, y).predict(X)

    def score_samples(self, X):
        """Return how familiar each row is: higher is more familiar.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows, as the estimator takes them.

        Returns
        -------
        ndarray of shape (n_samples,)
            Minus a distance between features, or nats, depending on ``criterion``.
        """
        check_is_fitted(self)
        if self._neighbors is None:
            return self.estimator_.score_samples(X)
        features = np.asarray(self.estimator_.transform(X))
        return _closeness(self._neighbors, features)

    def decision_function(self, X):
        """`score_samples` above the threshold: negative for unfamiliar rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows, as the estimator takes them.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Predict which rows are unlike any of the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows, as the estimator takes them.

        Returns
        -------
        ndarray of shape (n_samples,)
            1 for familiar rows, -1 for others.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)
