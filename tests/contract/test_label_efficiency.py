"""Label efficiency: which rows each curve is fitted to and scored on."""

import joblib
import matplotlib as mpl
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

mpl.use("Agg")
import matplotlib.pyplot as plt

from sksemi import GMVAEClusterer
from sksemi.inspection import LabelEfficiencyDisplay
from sksemi.model_selection import PartialLabelShuffleSplit
from sksemi.semi_supervised import SemiSupervisedClassifier
from tests.contract.estimators import quick

WITH, WITHOUT = "with unlabeled rows", "labels alone"
LINEAR = "linear model, labels alone"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


class Remembering(ClassifierMixin, BaseEstimator):
    """Writes down what it is given; predicts the class of the nearest labeled row."""

    def __init__(self, log):
        self.log = log

    def __sklearn_clone__(self):
        return Remembering(self.log)

    def fit(self, X, y):
        self.log.append({"fit": X[:, 0], "y": np.array(y)})
        self.known_ = X[y >= 0], y[y >= 0]
        self.classes_ = np.unique(y[y >= 0])
        return self

    def predict(self, X):
        self.log[-1]["test"] = X[:, 0]
        rows, labels = self.known_
        return labels[np.abs(X[:, None] - rows).sum(2).argmin(1)]


@pytest.fixture
def data():
    """Rows whose first column is their number; 40 of 100 labeled, of two classes."""
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=100)
    X = np.column_stack([np.arange(100), y + 0.3 * rng.standard_normal(100)])
    y[rng.permutation(100)[:60]] = -1
    return X, y


def test_rows_of_each_curve(data):
    X, y = data
    log = []
    display = LabelEfficiencyDisplay.from_estimator(
        Remembering(log), X, y, n_labels=[4, 8, 16], cv=4, random_state=0
    )
    labeled, unlabeled = np.flatnonzero(y >= 0), np.flatnonzero(y < 0)
    assert len(log) == 3 * 4 * 2
    tests, kept = [], {}
    for k, (both, alone) in enumerate(zip(log[::2], log[1::2], strict=True)):
        n = [4, 8, 16][k // 4]
        np.testing.assert_array_equal(both["test"], alone["test"])
        test = both["test"].astype(int)
        # every row but those scored on, most of them without a label
        np.testing.assert_array_equal(both["fit"], np.setdiff1d(np.arange(100), test))
        known = both["fit"][both["y"] >= 0].astype(int)
        np.testing.assert_array_equal(np.sort(alone["fit"]), known)
        assert len(known) == n
        np.testing.assert_array_equal(both["y"][both["y"] >= 0], y[known])
        assert np.bincount(y[known]).tolist() == [n / 2, n / 2]
        assert not np.isin(known, unlabeled).any()
        tests.append(test)
        # the draws of one fold hold one another
        assert kept.setdefault(k % 4, set()) <= set(known)
        kept[k % 4] = set(known)
    for start in (0, 4, 8):
        together = np.concatenate(tests[start : start + 4])
        np.testing.assert_array_equal(np.sort(together), labeled)
    assert display.n_labels == [4, 8, 16]


def test_splitters_and_iterables(data):
    X, y = data

    def run(cv):
        log = []
        display = LabelEfficiencyDisplay.from_estimator(
            Remembering(log), X, y, n_labels=[6], cv=cv, random_state=0
        )
        return display, log

    shuffled = PartialLabelShuffleSplit(3, test_size=0.25, random_state=1)
    splits = list(shuffled.split(X, y))
    display, log = run(shuffled)
    assert display.scores[WITH].shape == (1, 3)
    for both, (train, test) in zip(log[::2], splits, strict=True):
        np.testing.assert_array_equal(both["fit"], train)
        np.testing.assert_array_equal(both["test"], test)
    # the same splits as an iterable, and those of one that knows no missing labels
    again, _ = run(iter(splits))
    np.testing.assert_array_equal(again.scores[WITH], display.scores[WITH])
    _, log = run(KFold(4))
    for both, (train, test) in zip(log[::2], KFold(4).split(X), strict=True):
        np.testing.assert_array_equal(both["fit"], train)
        np.testing.assert_array_equal(both["test"], test[y[test] >= 0])
    five, none = run(5)[0], run(None)[0]
    for name in five.scores:
        np.testing.assert_array_equal(five.scores[name], none.scores[name])


def test_scores_are_those_of_the_fits(data):
    X, y = data
    log = []
    names = np.array([-1 if k < 0 else "ab"[k] for k in y], dtype=object)
    for labels, scoring in [(y, "balanced_accuracy"), (names, None)]:
        log.clear()
        display = LabelEfficiencyDisplay.from_estimator(
            Remembering(log), X, labels, n_labels=[10], cv=2, scoring=scoring
        )
        assert list(display.scores) == [WITH, WITHOUT, LINEAR]
        linear = make_pipeline(StandardScaler(), LogisticRegression())
        for draw, alone in enumerate(log[1::2]):
            rows, test = alone["fit"].astype(int), alone["test"].astype(int)
            predicted = linear.fit(X[rows], y[rows]).predict(X[test])
            if scoring is None:
                expected = np.mean(predicted == y[test])
            else:
                expected = balanced_accuracy_score(y[test], predicted)
            assert display.scores[LINEAR][0, draw] == pytest.approx(expected)
        # one that learns from labels alone does not gain from rows without
        np.testing.assert_array_equal(display.scores[WITH], display.scores[WITHOUT])


def test_seeds_and_jobs(data):
    X, y = data

    def scores(**kwargs):
        return LabelEfficiencyDisplay.from_estimator(
            LogisticRegression(), X, y, baseline=GaussianNB(), **kwargs
        ).scores

    one = scores(random_state=0)
    with joblib.parallel_config("threading"):
        several = scores(random_state=0, n_jobs=2)
    for other in (scores(random_state=0), several):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    assert list(one) == [WITH, WITHOUT, "baseline"]


@pytest.mark.filterwarnings(r"ignore:\w+ collapsed")
def test_picture_of_an_estimator(images):
    X, _, y_partial = images
    _, ax = plt.subplots()
    est = SemiSupervisedClassifier(quick(GMVAEClusterer, max_iter=1))
    display = LabelEfficiencyDisplay.from_estimator(
        est, X, y_partial, cv=2, ax=ax, random_state=0, alpha=0.5
    )
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.n_labels == [10, 20]  # of 20, down to one of each digit
    assert not hasattr(est, "estimator_")
    ax.figure.canvas.draw()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["10", "20"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == list(display.scores)
    for name, container in display.errorbars_.items():
        line, _, (bars,) = container
        mean, sd = display.scores[name].mean(1), display.scores[name].std(1)
        np.testing.assert_allclose(line.get_ydata(), mean)
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        np.testing.assert_allclose(ends, np.column_stack([mean - sd, mean + sd]))
    again = clone_of(display).plot()
    assert again.ax_ is not ax


def clone_of(display):
    return LabelEfficiencyDisplay(n_labels=display.n_labels, scores=display.scores)


def test_refusals(data):
    X, y = data
    est = LogisticRegression()
    for n_labels in ([21], [0], [2.5]):
        with pytest.raises(
            ValueError, match="integers from 1 to 20, the labels in the smallest"
        ):
            LabelEfficiencyDisplay.from_estimator(est, X, y, n_labels=n_labels, cv=2)
    half, rest = np.flatnonzero(y >= 0)[:20], np.flatnonzero(y < 0)
    for split in [(half, rest), (rest, half)]:
        with pytest.raises(ValueError, match="without a labeled row"):
            LabelEfficiencyDisplay.from_estimator(est, X, y, cv=[split])
    with pytest.raises(ValueError, match="cv"):
        LabelEfficiencyDisplay.from_estimator(est, X, y, cv="five")
    with pytest.raises(ValueError, match="no labeled row"):
        LabelEfficiencyDisplay.from_estimator(est, X, np.full(100, -1))
