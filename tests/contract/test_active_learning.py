"""Queries: each strategy by its definition, on arrays; real estimators; refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError

from sksemi import CatVAEClusterer, GMVAEClusterer
from sksemi.active_learning import query
from sksemi.semi_supervised import SemiSupervisedClassifier
from tests.contract.estimators import ESTIMATORS, quick

STRATEGIES = ["auto", "typiclust", "margin", "entropy", "coreset", "random"]
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES)


class Fixed(BaseEstimator):
    """Features are the rows; probabilities fall with the distance to centers."""

    def __init__(self, centers, sharpness=1.0):
        self.centers = centers
        self.sharpness = sharpness
        self.classes_ = np.arange(len(centers))

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X

    def predict_proba(self, X):
        distances = np.linalg.norm(X[:, None] - self.centers, axis=2)
        proba = np.exp(-self.sharpness * distances)
        return proba / proba.sum(1, keepdims=True)


@pytest.fixture
def blobs():
    """Four groups of 60, 50, 40 and 30 rows, their centers and groups."""
    centers = 8.0 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    X, groups = make_blobs([60, 50, 40, 30], centers=centers, random_state=0)
    return X, centers, groups


@pytest.fixture
def partial(blobs):
    """Labels of 12 rows of the first two groups."""
    groups = blobs[2]
    y = np.full(len(groups), -1)
    some = np.flatnonzero(groups < 2)[::10]
    y[some] = groups[some]
    return y


# ------------------------------------------------------------- by definition


def test_margin_and_entropy_are_those_of_the_probabilities(blobs, partial):
    X, centers, _ = blobs
    est = Fixed(centers)
    unlabeled = np.flatnonzero(partial < 0)
    proba = est.predict_proba(X[unlabeled])
    ordered = np.sort(proba, axis=1)
    for strategy, scores in [
        ("margin", ordered[:, -1] - ordered[:, -2]),
        ("entropy", -entropy(proba, axis=1)),
    ]:
        rows = query(est, X, 7, y=partial, strategy=strategy)
        np.testing.assert_array_equal(rows, unlabeled[np.argsort(scores)[:7]])


def test_coreset_is_the_farthest_row_again_and_again(blobs, partial):
    X, centers, _ = blobs
    rows = query(Fixed(centers), X, 9, y=partial, strategy="coreset")
    covered = np.flatnonzero(partial >= 0).tolist()
    for row in rows:
        to_covered = [min(np.linalg.norm(x - X[c]) for c in covered) for x in X]
        assert to_covered[row] == pytest.approx(max(to_covered))
        covered.append(row)
    # the groups without a label first
    assert set(blobs[2][rows[:2]]) == {2, 3}


def most_typical(X, members):
    """The row nearest on average to its 20 nearest others among the members."""
    distances = np.linalg.norm(X[members][:, None] - X[members], axis=2)
    return members[np.sort(distances, axis=1)[:, 1:21].mean(1).argmin()]


def test_typiclust_takes_the_typical_row_of_each_new_group(blobs):
    X, centers, groups = blobs
    expected = [most_typical(X, np.flatnonzero(groups == k)) for k in range(4)]
    rows = query(Fixed(centers), X, 4, strategy="typiclust", random_state=0)
    np.testing.assert_array_equal(rows, expected)  # large groups first
    y = np.full(len(X), -1)
    y[rows[:2]] = [5, 7]
    rest = query(Fixed(centers), X, 2, y=y, strategy="typiclust", random_state=0)
    np.testing.assert_array_equal(np.sort(rest), np.sort(expected[2:]))


def test_auto_is_typical_while_labels_are_few_and_far_after(blobs):
    X, centers, groups = blobs
    rng = np.random.RandomState(0)
    for n_labels, strategy in [(0, "typiclust"), (15, "typiclust"), (16, "coreset")]:
        y = np.full(len(X), -1)
        some = rng.permutation(len(X))[:n_labels]
        y[some] = groups[some]
        np.testing.assert_array_equal(
            query(Fixed(centers), X, 5, y=y, random_state=0),
            query(Fixed(centers), X, 5, y=y, strategy=strategy, random_state=0),
        )


# ------------------------------------------------------------------ of any


@every_strategy
def test_rows_are_different_and_unlabeled(strategy, blobs, partial):
    X, centers, _ = blobs
    for n_queries in (1, 5, int(np.sum(partial < 0))):
        rows = query(
            Fixed(centers),
            X,
            n_queries,
            y=partial,
            strategy=strategy,
            random_state=np.random.RandomState(1),
        )
        assert rows.shape == (n_queries,)
        assert rows.dtype.kind == "i"
        assert len(set(rows.tolist())) == n_queries
        assert (partial[rows] == -1).all()
    # the last time all of them
    np.testing.assert_array_equal(np.sort(rows), np.flatnonzero(partial < 0))


@every_strategy
def test_equal_rows_and_seeds(strategy):
    est = Fixed(np.zeros((1, 2)))
    rows = [
        query(est, np.zeros((30, 2)), 8, strategy=strategy, random_state=0)
        for _ in range(2)
    ]
    assert len(set(rows[0].tolist())) == 8
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize("strategy", ["margin", "entropy", "coreset"])
def test_order_of_rows_does_not_matter(strategy, blobs, partial):
    X, centers, _ = blobs
    order = np.random.RandomState(0).permutation(len(X))
    rows = query(Fixed(centers), X, 6, y=partial, strategy=strategy)
    moved = query(Fixed(centers), X[order], 6, y=partial[order], strategy=strategy)
    np.testing.assert_array_equal(order[moved], rows)


@every_strategy
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_estimators_of_this_package(Estimator, strategy, fitted, digits):
    X, _, y_partial = digits
    rows = query(
        fitted[Estimator], X, 12, y=y_partial, strategy=strategy, random_state=0
    )
    names = np.array([-1 if k < 0 else f"digit {k}" for k in y_partial], dtype=object)
    named = query(fitted[Estimator], X, 12, y=names, strategy=strategy, random_state=0)
    np.testing.assert_array_equal(rows, named)
    assert (y_partial[rows] == -1).all()


@every_strategy
@pytest.mark.parametrize("container", [np.asarray, list, pd.DataFrame])
def test_rows_are_passed_in_parts(strategy, container, fitted, digits):
    X, _, y_partial = digits
    est, seen = fitted[GMVAEClusterer], []

    class Watched(BaseEstimator):
        def fit(self, X, y=None):
            return self

        def __sklearn_is_fitted__(self):
            return True

        def predict_proba(self, X):
            seen.append(len(X))
            return est.predict_proba(X)

        def transform(self, X):
            seen.append(len(X))
            return est.transform(X)

    options = dict(y=y_partial, strategy=strategy, random_state=0)
    whole = query(est, X, 9, **options)
    parts = query(Watched(), container(X), 9, batch_size=len(X) // 3, **options)
    np.testing.assert_array_equal(parts, whole)
    assert all(n <= len(X) // 3 for n in seen)
    assert sum(seen) == len(X) * {"auto": 2, "random": 0}.get(strategy, 1)


@pytest.fixture(scope="module")
def fitted(digits):
    X, _, y_partial = digits
    return {Estimator: quick(Estimator).fit(X, y_partial) for Estimator in ESTIMATORS}


@pytest.mark.filterwarnings(r"ignore:\w+ collapsed")
def test_images_and_the_classifiers_view(images):
    X, _, y_partial = images
    est = quick(CatVAEClusterer, n_clusters=10).fit(X)
    assert len(set(query(est, X, 10))) == 10
    view = SemiSupervisedClassifier(quick(GMVAEClusterer)).fit(X, y_partial)
    assert len(query(view, X, 10, y=y_partial)) == 10


def test_refusals(blobs, partial):
    X, centers, _ = blobs
    est = Fixed(centers)
    n_unlabeled = int(np.sum(partial < 0))
    for n_queries in (0, 1.5, True, n_unlabeled + 1):
        with pytest.raises(ValueError, match=f"from 1 to the {n_unlabeled} rows"):
            query(est, X, n_queries, y=partial)
    with pytest.raises(ValueError, match="strategy='badge' must be one of"):
        query(est, X, 2, strategy="badge")
    with pytest.raises(ValueError, match=r"np\.where"):
        query(est, X, 2, y=np.where(partial < 0, np.nan, partial))
    for batch_size in (0, 2.5, "auto"):
        with pytest.raises(ValueError, match=r"batch_size=.* positive integer"):
            query(est, X, 2, batch_size=batch_size)
    with pytest.raises(NotFittedError):
        query(GMVAEClusterer(), X, 2)
    with pytest.raises(TypeError, match="method predict_proba, which KMeans lacks"):
        query(KMeans(2, random_state=0).fit(X), X, 2)
    assert len(query(KMeans(2, random_state=0).fit(X), X, 2, strategy="coreset")) == 2


def test_strategies_offered_are_those_documented():
    """A message of a wrong name lists them, and each of them runs, above."""
    est = Fixed(np.eye(3))
    with pytest.raises(ValueError, match="must be one of") as error:
        query(est, np.eye(3), 1, strategy="other")
    assert str(error.value).endswith(f"{STRATEGIES}.")
