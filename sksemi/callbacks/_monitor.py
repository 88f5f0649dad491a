"""Scores after every epoch."""

from sklearn.callback import ScoringMonitor

from sksemi._validation import validate_params
from sksemi.callbacks._scoring import check_validation_data, own_score, rows_to_score


class _AsDict:
    """A scorer whose single value has a name."""

    def __init__(self, scorer):
        self.scorer = scorer

    def __call__(self, estimator, X, y):
        scores = self.scorer(estimator, X, y)
        return scores if isinstance(scores, dict) else {"score": scores}


class LabeledScoringMonitor(ScoringMonitor):
    """Log scores on labeled rows after every epoch.

    :class:`sklearn.callback.ScoringMonitor` treats -1 as a class and logs nothing if
    fit was given no y.

    Parameters
    ----------
    scoring : str, callable, list, tuple or dict, default=None
        Scores, as for scikit-learn's monitor: one or several names, a callable of
        estimator, X and y that returns a number or a dict of numbers, or a dict of
        names and callables. None is the estimator's ``score``: accuracy over the
        labeled rows, or its objective if there are no labels.

    validation_data : tuple of (X, y), default=None
        Rows to score on. None scores the labeled training rows.

    Raises
    ------
    ValueError
        In fit, if ``scoring`` is given and no row has a label.

    See Also
    --------
    EarlyStopping : Stop by a score.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.callbacks import LabeledScoringMonitor
    >>> from sksemi.datasets import mask_labels
    >>> X, y = load_digits(return_X_y=True)
    >>> y_partial = mask_labels(y[:500], 50, random_state=0)
    >>> monitor = LabeledScoringMonitor(scoring="accuracy")
    >>> est = GMVAEClusterer(max_iter=2, random_state=0).set_callbacks(monitor)
    >>> est = est.fit(X[:500] / 16, y_partial)
    >>> log = monitor.get_logs().data
    >>> [row["task_name"] for row in log]
    ['fit', 'epoch', 'epoch']
    >>> log[-1]["accuracy"] == est.score(X[:500] / 16, y_partial)
    True
    """

    @validate_params(
        {
            "scoring": [str, callable, list, tuple, dict, None],
            "validation_data": ["array-like", tuple, None],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(self, scoring=None, *, validation_data=None):
        check_validation_data(validation_data)
        self._own_scoring = scoring
        self._validation_data = validation_data
        if scoring is None or callable(scoring):
            scoring = _AsDict(scoring or own_score)
        super().__init__(scoring=scoring)

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, fitted_estimator=None
    ):
        """Score the fit or the epoch that has ended.

        Parameters
        ----------
        estimator : estimator
        context : CallbackContext
        X : array-like
            Training rows.
        y : array-like
            Labels, -1 for rows without one.
        fitted_estimator : estimator
            As if fit had ended here.
        """
        if fitted_estimator is None:
            return
        if self._validation_data is not None:
            X, y = self._validation_data
        X, y = rows_to_score(X, y, self._own_scoring, "LabeledScoringMonitor")
        super().on_fit_task_end(
            estimator, context, X=X, y=y, fitted_estimator=fitted_estimator
        )
