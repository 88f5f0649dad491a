"""Scores against the number of labels, with the unlabeled rows and without."""

from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from sksemi._validation import COUNT, check_y, safe_indexing
from sksemi.datasets import mask_labels
from sksemi.inspection._plotting import check_support, new_axes
from sksemi.model_selection import PartialLabelKFold

WITH = "with unlabeled rows"
WITHOUT = "labels alone"
BASELINE = "linear model, labels alone"


def _flat(X):
    X = np.asarray(X)
    return X.reshape(len(X), -1)


def _default_baseline():
    return make_pipeline(
        FunctionTransformer(_flat), StandardScaler(), LogisticRegression(max_iter=1000)
    )


def _splits(cv, X, codes, rng):
    """Training and labeled test rows of each split, as lists of arrays."""
    if cv is None or isinstance(cv, Integral):
        cv = PartialLabelKFold(5 if cv is None else cv, shuffle=True, random_state=rng)
    splits = [
        (train, test[codes[test] >= 0])
        for train, test in (
            map(np.asarray, split) for split in check_cv(cv).split(X, codes)
        )
    ]
    if not all(len(test) and (codes[train] >= 0).any() for train, test in splits):
        raise ValueError(
            f"cv={cv!r} makes a split without a labeled row to train on, or without "
            "one to score. PartialLabelKFold splits the labeled rows."
        )
    return splits


def _scores(estimator, baseline, scoring, X, codes, train, test, n_labels, seed):
    """Scores of one draw of labels: with unlabeled rows, without, of the baseline."""
    labeled = train[codes[train] >= 0]
    drawn = mask_labels(codes[labeled], n_labels, random_state=seed)
    partial = np.full(len(codes), -1)
    partial[labeled] = drawn
    rows = labeled[drawn >= 0]
    X_test = safe_indexing(X, test)
    result = []
    for model, own in [(estimator, train), (estimator, rows), (baseline, rows)]:
        fitted = clone(model).fit(safe_indexing(X, own), partial[own])
        result.append(check_scoring(fitted, scoring)(fitted, X_test, codes[test]))
    return result


class LabelEfficiencyDisplay:
    """Scores against the number of labels, with the unlabeled rows and without.

    Shows whether the unlabeled rows help. Create it with `from_estimator`. The
    parameters are stored as attributes.

    Parameters
    ----------
    n_labels : array-like of int
        Numbers of labels.
    scores : dict of str to ndarray of shape (n_numbers, n_draws)
        Scores of each curve.
    score_name : str, default="score"
        Label of the vertical axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the curves.
    errorbars_ : dict of str to matplotlib ErrorbarContainer
        The curves, by name.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores against all labeled rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sksemi.inspection import LabelEfficiencyDisplay
    >>> scores = {"with unlabeled rows": np.array([[0.8, 0.9], [0.9, 0.9]])}
    >>> display = LabelEfficiencyDisplay(n_labels=[10, 20], scores=scores).plot()
    >>> display.ax_.get_xlabel()
    'labels'
    """

    def __init__(self, *, n_labels, scores, score_name="score"):
        self.n_labels = n_labels
        self.scores = scores
        self.score_name = score_name

    def plot(self, ax=None, **errorbar_kw):
        """Draw means over the draws, and standard deviations as bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None creates a figure.
        **errorbar_kw : dict
            Passed to ``matplotlib.pyplot.errorbar``.

        Returns
        -------
        display : LabelEfficiencyDisplay
            This object.
        """
        check_support(self, "plot")
        ax = new_axes(ax)
        self.ax_, self.figure_ = ax, ax.figure
        self.errorbars_ = {
            name: ax.errorbar(
                self.n_labels,
                np.mean(scores, axis=1),
                np.std(scores, axis=1),
                label=name,
                **{"marker": ".", "capsize": 3} | errorbar_kw,
            )
            for name, scores in self.scores.items()
        }
        ax.set_xscale("log")
        ax.set_xticks(self.n_labels, [str(n) for n in self.n_labels])
        ax.minorticks_off()
        ax.set_xlabel("labels")
        ax.set_ylabel(self.score_name)
        ax.legend()
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        n_labels=None,
        baseline=None,
        scoring=None,
        cv=5,
        n_jobs=None,
        random_state=None,
        ax=None,
        **errorbar_kw,
    ):
        """Fit clones to draws of the labels, score them on the others, and draw.

        The labeled rows are split into stratified folds
        (:class:`sksemi.model_selection.PartialLabelKFold`), or as ``cv`` splits. Each
        fold in turn is used for scoring, and the given numbers of labels are drawn from
        the others, balanced over the classes. One clone is fitted to these and, as
        unlabeled rows, all other rows of the other folds. Another clone and the
        baseline are fitted to the labeled rows alone.

        Parameters
        ----------
        estimator : estimator
            Takes y with -1 for unlabeled rows; need not be fitted.
        X : array-like of shape (n_samples, ...)
            Rows.
        y : array-like of shape (n_samples,)
            Labels, -1 for rows without one. Clones get their codes, in sorted order.
        n_labels : array-like of int, default=None
            Numbers of labels. None is the number in training folds, and a half, a
            quarter and an eighth of it, but at least one per class.
        baseline : classifier, default=None
            Fitted to the labeled rows. None is a logistic regression on standardized
            columns.
        scoring : str or callable, default=None
            As in scikit-learn's searches. None is ``score``: accuracy.
        cv : int, splitter, iterable or None, default=5
            Each split is a draw of each number of labels. An int is the number of folds
            of PartialLabelKFold, shuffled; None is five. A splitter, such as
            ``PartialLabelShuffleSplit``, is given X and the codes of the labels, -1 for
            rows without one; an iterable yields row numbers to train on and to test on.
            Test rows without a label are not scored.
        n_jobs : int, default=None
            Number of processes. None is one, unless in a :obj:`joblib.parallel_backend`
            context; -1 is all processors.
        random_state : int, RandomState instance or None, default=None
            Seed of folds and draws.
        ax : matplotlib Axes, default=None
            None creates a figure.
        **errorbar_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : LabelEfficiencyDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If ``n_labels`` has a number above that of the labels in a training fold,
            or a split has no labeled row to train on or to score.
        """
        check_support(cls, "from_estimator")
        codes, classes = check_y(y, len(y))
        rng = check_random_state(random_state)
        splits = _splits(cv, X, codes, rng)
        most = min(int(np.sum(codes[train] >= 0)) for train, _ in splits)
        if n_labels is None:
            parts = {max(most // part, len(classes)) for part in (8, 4, 2, 1)}
            n_labels = sorted(parts)
        for n in n_labels:
            if not COUNT.is_satisfied_by(n) or n > most:
                raise ValueError(
                    f"n_labels has {n!r}: give integers from 1 to {most}, the labels "
                    "in the smallest training fold."
                )
        seeds = rng.randint(np.iinfo(np.int32).max, size=len(splits))
        model = _default_baseline() if baseline is None else baseline
        scores = Parallel(n_jobs=n_jobs)(
            delayed(_scores)(estimator, model, scoring, X, codes, *split, n, seed)
            for n in n_labels
            for split, seed in zip(splits, seeds, strict=True)
        )
        scores = np.array(scores).reshape(len(n_labels), len(splits), 3)
        names = (WITH, WITHOUT, BASELINE if baseline is None else "baseline")
        return cls(
            n_labels=list(n_labels),
            scores={name: scores[..., k] for k, name in enumerate(names)},
            score_name=scoring if isinstance(scoring, str) else "score",
        ).plot(ax=ax, **errorbar_kw)
