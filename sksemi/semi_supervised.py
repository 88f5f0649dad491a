"""Classifiers from estimators that also cluster rows without a label."""

from numbers import Integral

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import column_or_1d, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sksemi import _validation
from sksemi._validation import AUTO, POSITIVE, HasMethods, _fit_context
from sksemi._wrapping import WrappingMixin
from sksemi.model_selection import PartialLabelKFold

__all__ = ["SemiSupervisedClassifier"]

FOLDS = 5
PRIOR_PRECISION = 10  # of log(temperature), in nats of log loss


def _estimator_has(method):
    """Check for `available_if` that the fitted estimator, or the given one, has it."""

    def check(self):
        getattr(getattr(self, "estimator_", None) or self._estimator(), method)
        return True

    return check


def _log_probabilities(proba):
    """Log of probabilities, finite where they are 0: (n, n_classes)."""
    return np.log(np.maximum(proba, np.finfo(np.float64).tiny))


def _at_temperature(proba, temperature):
    """Probabilities whose logarithms are divided by it: (n, n_classes)."""
    return softmax(_log_probabilities(proba) / temperature, axis=1)


def fit_temperature(proba, codes):
    """Temperature that makes rows' classes the most probable, pulled toward 1.

    The maximum of log p(codes | T) + log N(log T; 0, 1 / PRIOR_PRECISION): few rows
    move T little, and many as far as they say.

    Parameters
    ----------
    proba : ndarray of shape (n, n_classes)
        Predicted of rows that the model had no label of.
    codes : ndarray of shape (n,)
        The columns of their classes.

    Returns
    -------
    float
    """
    logits = _log_probabilities(proba)
    rows = np.arange(len(codes))

    def loss(log_temperature):
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        prior = PRIOR_PRECISION * log_temperature**2 / 2
        return prior - scaled[rows, codes].sum()

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5)).x))


def _fit_fold(estimator, X, y, train, test, n_classes, params):
    """Fit without some rows, and its probabilities of these."""
    params = _validation.check_method_params(X, params, train)
    X_train, X_test = (_validation.safe_indexing(X, rows) for rows in (train, test))
    fold = clone(estimator).fit(X_train, y[train], **params)
    return fold, fold.predict_proba(X_test)[:, :n_classes]


class SemiSupervisedClassifier(ClassifierMixin, WrappingMixin, BaseEstimator):
    """Classifier of the labels of y, by an estimator that also clusters.

    A clusterer's ``classes_`` has an entry for every cluster, and scikit-learn treats
    it as a clusterer. This wrapper is a classifier: its classes are the labels of y and
    nothing else, so scikit-learn's tools for classifiers (calibration, voting,
    stacking, thresholds, displays, scorers) work with it.

    Read more in the :ref:`User Guide <semi_supervised>`.

    Parameters
    ----------
    estimator : estimator or None, default=None
        Estimator to clone and fit: one of this package, or a Pipeline or search that
        ends in one. It must take y with -1 for unlabeled rows, and have predict_proba.
        None is ``GMVAEClusterer()``.

    temperature : float, "auto" or None, default=None
        Divisor of log-probabilities; above 1, predictions become less certain. "auto"
        finds it by up to five more fits, each without some of the labeled rows: see the
        Notes. None keeps the estimator's probabilities.

    ensemble : bool, default=True
        Whether these fits are kept, and probabilities are the mean of theirs and the
        estimator's. This is usually more accurate and better calibrated than a
        temperature alone, but prediction takes up to six times as long. Ignored unless
        ``temperature="auto"``.

    n_jobs : int or None, default=None
        Processes for the fits of ``temperature="auto"``. None is one, unless in a
        :obj:`joblib.parallel_backend` context; -1 is all processors.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels of y, sorted.

    estimator_ : estimator
        The clone fitted to all rows.

    estimators_ : list of estimator
        Whose probabilities are averaged: ``estimator_``, and with ``ensemble`` the fits
        of the folds.

    temperature_ : float
        The temperature used: 1 for None.

    cross_val_proba_ : ndarray of shape (n_labeled, n_classes) or None
        Probabilities of the labeled rows, in the order of y, each by the fit that had
        not seen it, at ``temperature_``; None unless ``temperature="auto"``. They tell
        how often predictions above a threshold are right.

    n_features_in_ : int
        Number of features of a row, if the estimator has it.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, if they are all strings.

    See Also
    --------
    sksemi.model_selection.PartialLabelKFold : Folds for y that holds -1.
    sklearn.semi_supervised.SelfTrainingClassifier : Pseudo-labels for any classifier.
    sklearn.calibration.CalibratedClassifierCV : Calibration on labeled rows.

    Notes
    -----
    Probabilities of clusters that no label names are dropped, and the others are
    divided by their sum.

    The temperature of "auto" is fitted to predictions of the labeled rows: they are
    split into five stratified folds, or as many as the rarest label has rows, and each
    fold is predicted by a fit without its rows. A fit is overconfident on its own rows,
    even without their labels. The temperature minimizes the summed log loss of those
    rows plus ``5 * log(temperature)**2``, which pulls it toward 1 if there are few rows
    [1]_: fits with fewer labels are wrong more often, and would make it too large. With
    ``ensemble``, it divides the log-probabilities of each fit, and then their
    probabilities are averaged [2]_; `transform`, `sample` and `score_samples` remain
    those of ``estimator_``.

    If y has only two values and one of them is -1, there are no unlabeled rows: -1 is a
    class then, as for scikit-learn's classifiers, with a warning.

    References
    ----------
    .. [1] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: one
       temperature, fitted to held-out rows. The prior and the folds are ours.
    .. [2] B. Lakshminarayanan, A. Pritzel and C. Blundell, "Simple and Scalable
       Predictive Uncertainty Estimation using Deep Ensembles", NIPS 2017: the mean of
       several fits' probabilities.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.datasets import mask_labels
    >>> from sksemi.semi_supervised import SemiSupervisedClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> y_partial = mask_labels(y, 50, random_state=0)
    >>> est = GMVAEClusterer(12, max_iter=2, random_state=0)
    >>> clf = SemiSupervisedClassifier(est).fit(X / 16, y_partial)
    >>> clf.predict_proba(X / 16).shape, clf.estimator_.predict_proba(X / 16).shape
    ((1797, 10), (1797, 12))
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
        "temperature": [POSITIVE, AUTO, None],
        "ensemble": ["boolean"],
        "n_jobs": [Integral, None],
    }

    def __init__(self, estimator=None, *, temperature=None, ensemble=True, n_jobs=None):
        self.estimator = estimator
        self.temperature = temperature
        self.ensemble = ensemble
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **params):
        """Fit a clone of the estimator, and the temperature if it is "auto".

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Labels, -1 for rows without one. For strings and bools, use an object array
            that also holds the integer -1.
        **params : dict
            Passed to the estimator's fit by metadata routing, for example ``parents``:
            with ``sklearn.set_config(enable_metadata_routing=True)``, the parameters
            that ``estimator.set_fit_request`` requests.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If y has no label, or "auto" finds only one row of some label.
        """
        _validation.raise_for_params(params, self, "fit")
        params = process_routing(self, "fit", **params)["estimator"]["fit"]
        y, codes, classes = self._check_y(y)
        estimator = clone(self._estimator()).fit(X, y, **params)
        temperature, members, proba = self.temperature or 1.0, [], None
        if self.temperature == "auto":
            members, proba = self._cross_fitted(X, y, codes, classes, params)
            temperature = fit_temperature(proba, codes[codes >= 0])
            proba = _at_temperature(proba, temperature)
        self.estimator_, self.classes_ = estimator, classes
        self.estimators_ = [estimator, *(members if self.ensemble else [])]
        self.temperature_, self.cross_val_proba_ = float(temperature), proba
        self._take_features_of(estimator)
        return self

    def _check_y(self, y):
        """Labels as the estimator takes them, their codes, and the classes."""
        name = type(self).__name__
        if y is None:
            raise ValueError(
                f"{name} requires y to be passed, but the target y is None. The "
                "estimator itself, without this wrapper, clusters unlabeled rows."
            )
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "U":
            y = y.astype(object)
        codes, classes = _validation.check_y(y, len(y))
        if len(classes) == 0:
            raise ValueError(
                "y has no labeled row (all are -1), but a classifier needs some "
                "labels. The estimator itself, without this wrapper, clusters "
                "unlabeled rows."
            )
        if len(classes) == 1 and (codes < 0).any() and classes.dtype.kind == "i":
            _validation.warn_user(
                f"y has the values -1 and {classes[0]} alone: both count as classes, "
                "and no row as unlabeled."
            )
            codes = codes + 1
            return codes, codes, np.array([-1, classes[0]])
        return y, codes, classes

    def _cross_fitted(self, X, y, codes, classes, params):
        """Fits without some labeled rows each, and their probabilities of these."""
        counts = np.bincount(codes[codes >= 0])
        if counts.min() < 2:
            raise ValueError(
                'temperature="auto" predicts labeled rows by fits without them, '
                f"but y has the label {classes[counts.argmin()]} only once. Label one "
                "more such row, or set temperature=None."
            )
        folds = PartialLabelKFold(min(FOLDS, counts.min()))
        splits = list(folds.split(codes, codes))
        fits = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_fold)(
                self._estimator(), X, y, train, test, len(classes), params
            )
            for train, test in splits
        )
        members, proba = zip(*fits, strict=True)
        order = np.concatenate([test for _, test in splits]).argsort()
        return members, np.concatenate(proba)[order]

    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows, as the estimator takes them.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        total = 0
        for estimator in self.estimators_:
            # labels come first among the clusters
            proba = estimator.predict_proba(X)[:, : len(self.classes_)]
            total = total + _at_temperature(proba, self.temperature_)
        return total / len(self.estimators_)

    def predict(self, X):
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows, as the estimator takes them.

        Returns
        -------
        ndarray of shape (n_samples,)
            Entries of ``classes_``.
        """
        codes = self.predict_proba(X).argmax(1)
        return self.classes_[codes]

    def score(self, X, y, sample_weight=None):
        """Accuracy over the rows that have a label.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Labels. Rows with -1 are ignored, unless -1 is in ``classes_``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            nan, with a warning, if y has no label.
        """
        check_is_fitted(self)
        if -1 not in self.classes_.tolist():
            y = column_or_1d(y)
            labeled, y = _validation.check_y_score(y, len(y))
            if not labeled.any():
                return float("nan")
            X = _validation.safe_indexing(X, np.flatnonzero(labeled))
            if sample_weight is not None:
                sample_weight = np.asarray(sample_weight)[labeled]
        return super().score(X, y, sample_weight)

    @available_if(_estimator_has("sample"))
    def sample(self, n_samples=1, y=None):
        """Draw rows, by the estimator's ``sample``.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        y : label or array-like of shape (n_samples,), default=None
            Labels to draw rows from; None draws from all clusters, including those
            without a label.

        Returns
        -------
        X : ndarray
            Rows.
        y : ndarray of shape (n_samples,)
            The cluster each row was drawn from: an entry of ``estimator_.classes_``.
        """
        check_is_fitted(self)
        return self.estimator_.sample(n_samples, y)

    @available_if(_estimator_has("score_samples"))
    def score_samples(self, X):
        """Log-likelihood of each row, or a bound, by the estimator's method.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            In nats, from an estimator of this package.
        """
        check_is_fitted(self)
        return self.estimator_.score_samples(X)

    @available_if(_estimator_has("transform"))
    def transform(self, X):
        """Features of each row, by the estimator's ``transform``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), or a frame
            See `set_output`.
        """
        check_is_fitted(self)
        return self.estimator_.transform(X)

    @available_if(_estimator_has("transform"))
    def fit_transform(self, X, y, **params):
        """Fit, and return features of the same rows: see `fit` and `transform`.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows.
        y : array-like of shape (n_samples,)
            Labels, -1 for rows without one.
        **params : dict
            See `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), or a frame
            See `set_output`.
        """
        return self.fit(X, y, **params).transform(X)

    @available_if(_estimator_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features=None):
        """Names of the columns of `transform`, those of the estimator.

        Parameters
        ----------
        input_features : array-like of str, default=None
            See the estimator's method.

        Returns
        -------
        ndarray of str
            Names.
        """
        check_is_fitted(self)
        return self.estimator_.get_feature_names_out(input_features)

    @available_if(_estimator_has("set_output"))
    def set_output(self, *, transform=None):
        """Set the container that `transform` returns: that of the estimator.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            None changes nothing.

        Returns
        -------
        self : object
            This classifier, whose ``estimator``, if None, has become the default one.
        """
        self.estimator = self._estimator()
        for estimator in (self.estimator, getattr(self, "estimator_", None)):
            if estimator is not None:
                estimator.set_output(transform=transform)
        return self

    def get_metadata_routing(self):
        """Return what fit passes to the estimator.

        Returns
        -------
        MetadataRouter
            See scikit-learn's metadata routing guide.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=self._estimator(),
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags = get_tags(self._estimator()).transformer_tags
        return tags
