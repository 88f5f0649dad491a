"""Early stopping."""

from numbers import Integral, Real

import numpy as np
from sklearn.metrics import check_scoring

from sksemi._engine.estimator import DeepEstimator
from sksemi._validation import Interval, validate_params
from sksemi.callbacks._history import add_to_history
from sksemi.callbacks._scoring import check_validation_data, own_score, rows_to_score

VALIDATION_SCORE = "validation_score"


class EarlyStopping:
    """Stop training when a term of the objective or a score has stopped improving.

    For the estimators of this package: ``est.set_callbacks(EarlyStopping())``. Each
    restart (``n_init``) is monitored separately.

    Parameters
    ----------
    monitor : str, default=None
        What to monitor: "loss", which training minimizes; any other name in a row of
        ``history_``; or "validation_score". None is "validation_score" if there is
        ``validation_data``, else "loss". Values in ``history_`` count from the epoch in
        which the method's schedules end, as for ``n_iter_no_change``.

    validation_data : tuple of (X, y), default=None
        Rows to score on after every epoch, prepared like the estimator's own rows
        (scaled, for example, if it follows a scaler in a Pipeline). Rows with -1 in y
        are left out. y may be None: the score is then the estimator's objective. The
        scores are added to ``history_`` as ``validation_score``.

    scoring : str or callable, default=None
        Scorer for the validation rows: scikit-learn's name, or a callable of
        estimator, X and y. None is the estimator's ``score``.

    patience : int, default=10
        Number of epochs without improvement after which training stops.

    tol : float, default=1e-4
        Smaller improvements do not count for ``patience``.

    greater_is_better : bool, default=None
        Whether the monitored value should grow. None: "validation_score" should; "loss"
        and the terms of the loss, which have a weight among the estimator's parameters,
        should not. It is required for any other name in ``history_``, such as
        "agreement".

    restore_best_weights : bool, default=True
        Whether the estimator ends with the weights of the best epoch, even if training
        was not stopped; else with those of the last. ``history_`` and ``n_iter_`` count
        all epochs. After Ctrl-C, the last whole epoch is kept.

    Attributes
    ----------
    best_epoch_ : int
        Number of the best epoch, from 0 as in ``history_``, in the last training that
        this object has monitored in this process.

    best_value_ : float
        The monitored value in that epoch.

    Raises
    ------
    ValueError
        If parameters contradict each other; in the first epoch of fit, if a name is not
        in ``history_``, or its direction is unknown.

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
        check_validation_data(validation_data)
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
        if scored and greater_is_better is None:
            greater_is_better = True
        self.greater_is_better = greater_is_better
        self.restore_best_weights = restore_best_weights

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
            self._rows = rows_to_score(
                *self.validation_data, self.scoring, "EarlyStopping"
            )
            scorer = None
            if self.scoring is not None:
                scorer = check_scoring(estimator, scoring=self.scoring)
            self._scorer = scorer or own_score

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
        if self.monitor not in row:
            raise ValueError(
                f"monitor={self.monitor!r} is not in history_. Choose one of "
                f"{sorted(set(row) - {'epoch', 'seconds'})}."
            )
        terms = {name for name in row if hasattr(estimator, f"{name}_weight")}
        if self.greater_is_better is None and self.monitor not in {"loss", *terms}:
            raise ValueError(
                f"monitor={self.monitor!r} is not a term of the loss: set whether it "
                "should grow, greater_is_better=True, or fall, greater_is_better=False."
            )
        if row["epoch"] < estimator._schedule_length():
            return False
        return self._judge(estimator, row[self.monitor])

    def _after_task_with_score(self, estimator, context, *, fitted_estimator):
        if context.task_name != "epoch":
            return False
        value = float(self._scorer(fitted_estimator, *self._rows))
        add_to_history(estimator, **{VALIDATION_SCORE: value})
        return self._judge(estimator, value)

    def _judge(self, estimator, value):
        """Note an epoch's value; return whether patience is at an end."""
        gain = value if self.greater_is_better else -value
        # One object watches many trainings at once, in a search for instance: each has
        # its record with its epochs, from where a checkpoint saves it.
        record = estimator._epochs.memory.setdefault(
            self._name(estimator),
            {"best": -np.inf, "to_beat": -np.inf, "n_worse": 0},
        )
        if gain > record["best"]:
            record["best"] = gain
            record["epoch"] = estimator.history_[-1]["epoch"]
            if self.restore_best_weights:
                estimator._epochs.keep_weights()
        if gain > record["to_beat"] + self.tol:
            record["to_beat"], record["n_worse"] = gain, 0
        else:
            record["n_worse"] += 1
        self.best_epoch_ = record["epoch"]
        self.best_value_ = record["best"] if self.greater_is_better else -record["best"]
        return record["n_worse"] >= self.patience

    def _name(self, estimator):
        """Name of this callback among the early stoppings of an estimator."""
        own = [c for c in estimator._skl_callbacks if isinstance(c, EarlyStopping)]
        return f"EarlyStopping {[c is self for c in own].index(True)}"
