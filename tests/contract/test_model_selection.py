"""Splits of partly labeled rows, and searches that use them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import calinski_harabasz_score, silhouette_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sksemi import GMVAEClusterer
from sksemi.metrics import (
    clustering_accuracy_scorer,
    labeled_accuracy,
    labeled_neg_log_loss,
    labeled_roc_auc,
    purity_scorer,
)
from sksemi.model_selection import (
    PartialLabelKFold,
    PartialLabelShuffleSplit,
    choose_n_clusters,
)
from tests.contract.estimators import ESTIMATORS, quick

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)
every_splitter = pytest.mark.parametrize(
    "splitter",
    [
        PartialLabelKFold(4),
        PartialLabelKFold(3, shuffle=True, random_state=0),
        PartialLabelShuffleSplit(5, test_size=0.25, random_state=0),
        PartialLabelShuffleSplit(2, test_size=10, train_size=20, random_state=1),
    ],
    ids=str,
)


@every_splitter
def test_splits_of_digits(splitter, digits):
    X, _, y = digits
    labeled = np.flatnonzero(y >= 0)
    unlabeled = np.flatnonzero(y < 0)
    splits = list(splitter.split(X, y))
    assert len(splits) == splitter.get_n_splits(X, y)
    for train, test in splits:
        assert (y[test] >= 0).all()
        assert np.isin(unlabeled, train).all()
        assert not np.isin(test, train).any()
        assert (np.diff(train) > 0).all()
        # four labels of each of ten classes
        counts = np.bincount(y[test])
        assert counts.max() - counts.min() <= 1
    if isinstance(splitter, PartialLabelKFold):
        together = np.concatenate([test for _, test in splits])
        np.testing.assert_array_equal(np.sort(together), labeled)


@every_splitter
def test_as_scikit_learn_on_the_labeled_rows(splitter, digits):
    """Without the unlabeled rows they are scikit-learn's own splits."""
    X, y, _ = digits
    theirs = {
        PartialLabelKFold: StratifiedKFold,
        PartialLabelShuffleSplit: StratifiedShuffleSplit,
    }[type(splitter)](
        **{
            name: value
            for name, value in vars(splitter).items()
            if not name.startswith("_")
        }
    )
    for (train, test), (train_2, test_2) in zip(
        splitter.split(X, y), theirs.split(X, y), strict=True
    ):
        np.testing.assert_array_equal(train, np.sort(train_2))
        np.testing.assert_array_equal(test, test_2)


@every_splitter
def test_names_and_containers_do_not_matter(splitter, digits):
    X, _, y = digits
    names = np.array([-1 if label < 0 else f"digit {label}" for label in y], object)
    expected = list(splitter.split(X, y))
    for labels in (names, pd.Series(y), y.astype(float), y.tolist()):
        for (a, b), (c, d) in zip(
            expected, splitter.split(pd.DataFrame(X), labels), strict=True
        ):
            np.testing.assert_array_equal(a, c)
            np.testing.assert_array_equal(b, d)


def test_fewer_labels_than_folds():
    y = np.array([0, 0, 0, 0, 1, 1, -1])
    with pytest.warns(UserWarning, match="least populated class in y has only 2 mem"):
        list(PartialLabelKFold(3).split(y, y))
    with pytest.raises(ValueError, match="n_splits=5 cannot be greater than"):
        list(PartialLabelKFold(5).split(y, y))


@pytest.mark.parametrize("Splitter", [PartialLabelKFold, PartialLabelShuffleSplit])
def test_bad_arguments(Splitter):
    X = np.zeros((4, 2))
    with pytest.raises(ValueError, match="'y' parameter should not be None"):
        next(Splitter().split(X, None))
    with pytest.raises(ValueError, match="no labeled row"):
        next(Splitter().split(X, [-1, -1, -1, -1]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(Splitter().split(X, [0, 1, 1]))
    with pytest.raises(ValueError, match="below -1"):
        next(Splitter().split(X, [0, 1, 1, -2]))
    with pytest.raises(ValueError, match="-1 for rows without a label"):
        next(Splitter().split(X, [0, 1, 1, np.nan]))


def test_bad_numbers():
    with pytest.raises(ValueError, match="n_splits=1"):
        PartialLabelKFold(1)
    with pytest.raises(ValueError, match="random_state has no effect"):
        PartialLabelKFold(3, random_state=0)
    with pytest.raises(ValueError, match="test_size"):
        next(PartialLabelShuffleSplit(test_size=7.5).split([0, 1], [0, 1]))


def test_shown_by_parameters():
    assert repr(PartialLabelKFold(3)) == (
        "PartialLabelKFold(n_splits=3, random_state=None, shuffle=False)"
    )


@pytest.mark.slow
@every_estimator
def test_searches_in_two_processes(Estimator, digits):
    X, _, y_partial = digits
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), quick(Estimator)),
        {f"{Estimator.__name__.lower()}__max_iter": [1, 6]},
        cv=PartialLabelKFold(2),
        scoring="accuracy",
        n_jobs=2,
    ).fit(X, y_partial)
    serial = clone(search).set_params(n_jobs=None).fit(X, y_partial)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"],
        serial.cv_results_["mean_test_score"],
        atol=0.05,
    )


@every_estimator
def test_grid_search_behind_a_scaler(Estimator, digits):
    """Scores are accuracies on labeled rows: no row with -1 counts as an error."""
    X, _, y_partial = digits
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), quick(Estimator)),
        {f"{Estimator.__name__.lower()}__max_iter": [1, 3]},
        cv=PartialLabelKFold(2),
        scoring="accuracy",
        refit=False,
    ).fit(X, y_partial)
    for k, (train, test) in enumerate(PartialLabelKFold(2).split(X, y_partial)):
        est = clone(search.estimator).fit(X[train], y_partial[train])
        score = np.mean(est.predict(X[test]) == y_partial[test])
        assert search.cv_results_[f"split{k}_test_score"][1] == pytest.approx(score)


def test_halving_search_over_epochs(digits):
    X, _, y_partial = digits
    search = HalvingGridSearchCV(
        quick(GMVAEClusterer),
        {"batch_size": [64, 200]},
        cv=PartialLabelKFold(2),
        scoring="accuracy",
        resource="max_iter",
        min_resources=1,
        max_resources=2,
        factor=2,
    ).fit(X, y_partial)
    assert search.n_resources_ == [1, 2]
    assert search.best_estimator_.max_iter == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@every_estimator
def test_every_scorer_in_a_search(Estimator, digits):
    X, y, y_partial = digits
    scorers = {
        "accuracy": labeled_accuracy,
        "log": labeled_neg_log_loss,
        "auc": labeled_roc_auc,
        "matched": clustering_accuracy_scorer,
        "purity": purity_scorer,
    }
    cv = PartialLabelKFold(2)
    est = quick(Estimator, max_iter=1)
    scores = cross_validate(est, X, y_partial, cv=cv, scoring=scorers)
    theirs = cross_val_score(est, X, y_partial, cv=cv, scoring="accuracy")
    np.testing.assert_array_equal(scores["test_accuracy"], theirs)
    assert (scores["test_matched"] >= scores["test_accuracy"]).all()
    assert (scores["test_purity"] >= scores["test_matched"]).all()
    assert ((scores["test_auc"] > 0) & (scores["test_auc"] < 1)).all()
    assert (scores["test_log"] < 0).all()
    # what scikit-learn's roc_auc cannot do with a clusterer
    two = np.where(y_partial < 0, -1, y > 4)
    scores = cross_val_score(est, X, two, cv=cv, scoring=labeled_roc_auc)
    assert ((scores > 0) & (scores < 1)).all()


# ------------------------------------------------------- number of clusters


class Identity(BaseEstimator):
    """Features are the rows."""

    def __init__(self, n_clusters=8):
        self.n_clusters = n_clusters

    def fit(self, X):
        fitted_with.append(self.n_clusters)
        return self

    def transform(self, X):
        return X


fitted_with = []


@pytest.mark.parametrize(
    "criterion", ["silhouette", "calinski_harabasz", "davies_bouldin"]
)
def test_number_of_separated_blobs_is_found(criterion):
    centers = 20 * np.eye(6)[:, :5]
    X, _ = make_blobs(150, centers=centers, random_state=0)
    fitted_with.clear()
    found = choose_n_clusters(
        Identity(), X, range(2, 10), criterion=criterion, random_state=0
    )
    assert found.n_clusters == 6
    np.testing.assert_array_equal(found.candidates, np.arange(2, 10))
    assert found.scores.argmax() == 4
    assert fitted_with == [9]  # once, with the most


@pytest.mark.filterwarnings(r"ignore:\w+ collapsed")
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_scores_are_those_of_kmeans_in_the_space_of_transform(Estimator, digits):
    X, _, _ = digits
    est = quick(Estimator)
    given = []

    def criterion(features, clusters):
        given.append((features, clusters))
        return calinski_harabasz_score(features, clusters)

    found = choose_n_clusters(est, X, [9, 4, 4], criterion=criterion, random_state=0)
    named = choose_n_clusters(
        est, X, [4, 9], criterion="calinski_harabasz", random_state=0
    )
    np.testing.assert_array_equal(found.candidates, [4, 9])
    np.testing.assert_array_equal(found.scores, named.scores)
    features = clone(est).set_params(n_clusters=9).fit(X).transform(X)
    for k, (own, clusters) in zip([4, 9], given, strict=True):
        np.testing.assert_array_equal(own, features)
        assert len(set(clusters)) == k
    assert not hasattr(est, "model_")


def test_silhouette_of_many_rows():
    """Of 5,000 of them, it is near that of all."""
    X, _ = make_blobs(6_000, centers=3, random_state=0)
    (score,) = choose_n_clusters(Identity(), X, [3], random_state=0).scores
    exact = silhouette_score(X, KMeans(3, n_init=5, random_state=0).fit_predict(X))
    assert score == pytest.approx(exact, abs=0.02)


def test_unusable_numbers_and_criteria():
    X = np.zeros((9, 2))
    for numbers in ([], [1, 2], [2.5], [True, 3]):
        with pytest.raises(ValueError, match="integers of at least 2"):
            choose_n_clusters(Identity(), X, numbers)
    with pytest.raises(ValueError, match="criterion='bic' must be callable, or one"):
        choose_n_clusters(Identity(), X, [2, 3], criterion="bic")
