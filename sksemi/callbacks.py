"""Callbacks for ``estimator.set_callbacks``, beside those of `sklearn.callback`."""

from numbers import Integral, Real
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.callback import ScoringMonitor
from sklearn.metrics import check_scoring
from sklearn.utils import check_consistent_length

from sksemi import _validation
from sksemi._base import DeepEstimator
from sksemi._validation import Interval, validate_params

__all__ = ["EarlyStopping", "LabeledScoringMonitor"]

VALIDATION_SCORE = "validation_score"


def _own_score(estimator, X, y):
    """Score as the estimator does: its objective, where there is no label."""
    return estimator.score(X, y) if len(y) else estimator.score(X)


class _AsDict:
    """A scorer whose single value has a name."""

    def __init__(self, scorer):
        self.scorer = scorer

    def __call__(self, estimator, X, y):
        scores = self.scorer(estimator, X, y)
        return scores if isinstance(scores, dict) else {"score": scores}


def _rows_to_score(X, y, scoring, who):
    """Labeled rows and their labels; or all rows and no label, for ``scoring=None``.

    ``who`` names the callback in the error for labels that are needed and missing.
    """
    if y is not None:
        check_consistent_length(X, y)
        codes, labels = _validation.check_y(y, len(y))
        labeled = np.flatnonzero(codes >= 0)
        if len(labeled):
            return _validation.safe_indexing(X, labeled), labels[codes[labeled]]
    if scoring is not None:
        raise ValueError(
            f"{who} has no labeled row to score on. Pass validation_data=(X, y) with "
            "labels in y, or scoring=None for the estimator's own objective."
        )
    return X, np.empty(0, dtype=np.int64)


def _check_validation_data(validation_data):
    if validation_data is not None and len(validation_data) != 2:
        raise ValueError(
            "validation_data must be a pair (X, y), where y may be None; it has "
            f"{len(validation_data)} entries."
        )


class EarlyStopping:
    """Stop training when a term of the objective or a score has stopped improving.

    For the estimators of this package: ``est.set_callbacks(EarlyStopping())``. Each
    restart (``n_init``) is watched by itself.

    Parameters
    ----------
    monitor : str, default=None
        What to watch: "loss", the sum of the terms of the objective; any other name in
        a row of ``history_``; or "validation_score". None is "validation_score" where
        there is ``validation_data``, else "loss". Those of ``history_`` count from the
        epoch in which the method's schedules have ended, as for ``n_iter_no_change``.

    validation_data : tuple of (X, y), default=None
        Rows to score on after every epoch, prepared as those that the estimator is
        given (scaled, say, if it stands behind a scaler in a Pipeline). Rows with -1 in
        y are left out. y may be None: the score is then the estimator's objective. The
        scores are added to ``history_`` as ``validation_score``.

    scoring : str or callable, default=None
        Scorer of the validation rows, by scikit-learn's name or a callable of
        estimator, X and y. None is the estimator's ``score``.

    patience : int, default=10
        Number of epochs without improvement after which training stops.

    tol : float, default=1e-4
        Improvements of no more than this do not count for ``patience``.

    greater_is_better : bool, default=None
        Whether what is watched should grow. None: scores should, names in ``history_``
        should not.

    restore_best_weights : bool, default=True
        Whether the estimator ends with the weights of the best epoch, also when
        training was not stopped; else with those of the last. ``history_`` and
        ``n_iter_`` count all epochs. After Ctrl-C the last whole epoch is kept.

    Attributes
    ----------
    best_epoch_ : int
        Number, from 0 as in ``history_``, of the best epoch of the last training that
        this object has watched in this process.

    best_value_ : float
        What was watched, in that epoch.

    Raises
    ------
    ValueError
        For parameters that do not fit together.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksemi import GMVAEClusterer
    >>> from sksemi.callbacks import EarlyStopping
    >>> X, y = load_digits(return_X_y=True)
    >>> stopping = EarlyStopping(validation_data=(X[1500:] / 16, y[1500:]), patience=1)
    >>> est = GMVAEClusterer(max_iter=2, random_state=0).set_callbacks(stopping)
    >>> est = est.fit(X[:500] / 16, y[:500])
    >>> est.score(X[1500:] / 16, y[1500:]) == stopping.best_value_
    True
    """

    @validate_params(
        {
            "monitor": [str, None],
            "validation_data": ["array-like", tuple, None],
            "scoring": [str, callable, None],
            "patience": [Interval(Integral, 1, None, closed="left")],
            "tol": [Interval(Real, 0, None, closed="left")],
            "greater_is_better": ["boolean", None],
            "restore_best_weights": ["boolean"],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(
        self,
        monitor=None,
        *,
        validation_data=None,
        scoring=None,
        patience=10,
        tol=1e-4,
        greater_is_better=None,
        restore_best_weights=True,
    ):
        _check_validation_data(validation_data)
        scored = validation_data is not None
        if monitor is None:
            monitor = VALIDATION_SCORE if scored else "loss"
        if scored != (monitor == VALIDATION_SCORE):
            raise ValueError(
                f"monitor={monitor!r} {'ignores' if scored else 'needs'} "
                "validation_data: give validation_data for "
                f"monitor={VALIDATION_SCORE!r}, and for no other."
            )
        if scoring is not None and not scored:
            raise ValueError("scoring needs validation_data=(X, y).")
        self.monitor = monitor
        self.validation_data = validation_data
        self.scoring = scoring
        self.patience = patience
        self.tol = tol
        self.greater_is_better = (
            scored if greater_is_better is None else (greater_is_better)
        )
        self.restore_best_weights = restore_best_weights
        # One object watches many trainings at once, in a search for instance: each has
        # its record under the context that its epochs share.
        self._records = WeakKeyDictionary()

    def __getstate__(self):
        """Leave out records of trainings that are under way in this process."""
        return vars(self) | {"_records": None}

    def __setstate__(self, state):
        """Start without records."""
        vars(self).update(state | {"_records": WeakKeyDictionary()})

    def setup(self, estimator, context):
        """Check the estimator and the validation rows; called as fit begins.

        Parameters
        ----------
        estimator : estimator
        context : CallbackContext
        """
        if not isinstance(estimator, DeepEstimator):
            raise TypeError(
                f"EarlyStopping cannot stop {type(estimator).__name__}: set it on the "
                "estimator of sksemi itself, inside a Pipeline or search too."
            )
        if self.validation_data is not None:
            self._rows = _rows_to_score(
                *self.validation_data, self.scoring, "EarlyStopping"
            )
            scorer = None
            if self.scoring is not None:
                scorer = check_scoring(estimator, scoring=self.scoring)
            self._scorer = scorer or _own_score

    def teardown(self, estimator, context):
        """Do nothing; called when fit has ended.

        Parameters
        ----------
        estimator : estimator
        context : CallbackContext
        """

    def on_fit_task_begin(self, estimator, context):
        """Do nothing; called as the fit, a restart or an epoch begins.

        Parameters
        ----------
        estimator : estimator
        context : CallbackContext
        """

    @property
    def on_fit_task_end(self):
        """Judge the epoch that has ended."""
        # Whoever asks for fitted_estimator has it made, which takes longer than an
        # epoch in some methods: hence two hooks.
        if self.validation_data is None:
            return self._after_task
        return self._after_task_with_score

    def _after_task(self, estimator, context):
        if context.task_name != "epoch":
            return False
        row = estimator.history_[-1]
        if row["epoch"] < estimator._schedule_length():
            return False
        if self.monitor == "loss":
            return self._judge(estimator, context, estimator._epochs.loss(row))
        if self.monitor not in row:
            raise ValueError(
                f'monitor={self.monitor!r} is not in history_. Choose "loss" or one '
                f"of {sorted(set(row) - {'epoch', 'seconds'})}."
            )
        return self._judge(estimator, context, row[self.monitor])

    def _after_task_with_score(self, estimator, context, *, fitted_estimator):
        if context.task_name != "epoch":
            return False
        value = float(self._scorer(fitted_estimator, *self._rows))
        estimator.history_[-1][VALIDATION_SCORE] = value
        return self._judge(estimator, context, value)

    def _judge(self, estimator, context, value):
        """Note an epoch's value; return whether patience is at an end."""
        gain = value if self.greater_is_better else -value
        record = self._records.setdefault(
            context.parent, {"best": -np.inf, "to_beat": -np.inf, "n_worse": 0}
        )
        if gain > record["best"]:
            record["best"] = gain
            self.best_epoch_ = estimator.history_[-1]["epoch"]
            self.best_value_ = value
            if self.restore_best_weights:
                estimator._epochs.keep_weights()
        if gain > record["to_beat"] + self.tol:
            record["to_beat"], record["n_worse"] = gain, 0
        else:
            record["n_worse"] += 1
        return record["n_worse"] >= self.patience


class LabeledScoringMonitor(ScoringMonitor):
    """Log scores after every epoch, of rows that have a label.

    :class:`sklearn.callback.ScoringMonitor` takes -1 for a class and logs nothing where
    fit was given no y.

    Parameters
    ----------
    scoring : str, callable, list, tuple or dict, default=None
        What to score by, as for scikit-learn's monitor: a name or several, a callable
        of estimator, X and y that returns a number or a dict of them, or a dict of
        names and callables. None is the estimator's ``score``: accuracy over the
        labeled rows, and its objective where there is no label.

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
        _check_validation_data(validation_data)
        self._own_scoring = scoring
        self._validation_data = validation_data
        if scoring is None or callable(scoring):
            scoring = _AsDict(scoring or _own_score)
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
        X, y = _rows_to_score(X, y, self._own_scoring, "LabeledScoringMonitor")
        super().on_fit_task_end(
            estimator, context, X=X, y=y, fitted_estimator=fitted_estimator
        )
