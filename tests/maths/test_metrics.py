"""Metrics, scorers and mask_labels against enumeration, scikit-learn and laws."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from sksemi.datasets import mask_labels
from sksemi.metrics import (
    clustering_accuracy,
    clustering_accuracy_scorer,
    labeled_accuracy,
    labeled_neg_log_loss,
    labeled_roc_auc,
    purity,
    purity_scorer,
)


def brute_force_accuracy(y, labels, k):
    return max(np.mean(np.take(p, labels) == y) for p in permutations(range(k)))


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_is_the_best_of_all_matchings(seed):
    rng = np.random.RandomState(seed)
    y, labels = rng.randint(5, size=60), rng.randint(5, size=60)
    assert clustering_accuracy(y, labels) == brute_force_accuracy(y, labels, 5)


def test_matching_is_one_to_one():
    """Where purity takes a class twice, accuracy may not."""
    y, labels = [0, 0, 0, 1], [0, 0, 1, 2]
    assert clustering_accuracy(y, labels) == 0.75
    assert purity(y, labels) == 1.0


@pytest.mark.parametrize("score", [clustering_accuracy, purity])
def test_names_do_not_matter(score):
    rng = np.random.RandomState(0)
    y, labels = rng.randint(4, size=99), rng.randint(7, size=99)
    names = np.array(list("ghijklm"), dtype=object)
    value = score(y, labels)
    assert score(-5 * y, names[labels]) == value
    order = rng.permutation(99)
    assert score(y[order], labels[order]) == value
    assert score(y, y) == 1
    assert 0 <= clustering_accuracy(y, labels) <= purity(y, labels) <= 1


def test_more_clusters_than_classes_and_back():
    assert clustering_accuracy([0, 0, 0, 0], [0, 1, 2, 3]) == 0.25
    assert clustering_accuracy([0, 1, 2, 3], [0, 0, 0, 0]) == 0.25


@pytest.mark.parametrize("score", [clustering_accuracy, purity])
def test_bad_input(score):
    with pytest.raises(ValueError, match="inconsistent"):
        score([0, 1], [0])
    with pytest.raises(ValueError, match="labels_true"):
        score([], [])


@pytest.mark.parametrize("n_labeled", [0, 1, 7, 30, 60])
@pytest.mark.parametrize("balanced", [True, False])
def test_mask_labels(n_labeled, balanced):
    y = np.repeat([3, 5, 9], 20)
    masked = mask_labels(y, n_labeled, balanced=balanced, random_state=0)
    kept = masked != -1
    assert kept.sum() == n_labeled
    np.testing.assert_array_equal(masked[kept], y[kept])
    np.testing.assert_array_equal(y, np.repeat([3, 5, 9], 20))
    if balanced:
        counts = [np.sum(masked == label) for label in (3, 5, 9)]
        assert max(counts) - min(counts) <= 1
    again = mask_labels(y, n_labeled, balanced=balanced, random_state=0)
    np.testing.assert_array_equal(masked, again)
    if n_labeled in (7, 30):
        other = mask_labels(y, n_labeled, balanced=balanced, random_state=1)
        assert (masked != other).any()


def test_mask_labels_of_small_classes():
    """A class with fewer rows than its share gives all it has."""
    y = np.r_[np.zeros(50, int), np.ones(2, int), np.full(50, 2)]
    masked = mask_labels(y, 20, random_state=0)
    assert [np.sum(masked == k) for k in range(3)] == [9, 2, 9]


def test_mask_labels_types():
    strings = mask_labels(np.array(["a", "b", "a"]), 2, random_state=0)
    assert strings.dtype == object
    assert list(strings).count(-1) == 1
    assert (
        mask_labels(np.array([0, 1, 1], dtype=np.uint8), 1, random_state=0).min() == -1
    )
    # bools keep their names beside -1
    bools = mask_labels([True, False], 1, random_state=0)
    assert {type(label) for label in bools} == {bool, int}
    assert (
        mask_labels(np.array([0, 1], dtype=np.int8), 1, random_state=0).dtype == np.int8
    )


@pytest.mark.parametrize("n_labeled", [-1, 4, 1.5, True, None])
def test_mask_labels_refuses(n_labeled):
    with pytest.raises(ValueError, match="n_labeled"):
        mask_labels([0, 1, 1], n_labeled)


def test_every_class_is_equally_likely_to_get_the_extra_label():
    """Counts over draws, within five standard deviations."""
    y = np.repeat([0, 1, 2], 10)
    n = 600
    extra = np.zeros(3)
    for seed in range(n):
        masked = mask_labels(y, 4, random_state=seed)
        extra += [np.sum(masked == k) == 2 for k in range(3)]
    assert extra.sum() == n
    assert (abs(extra - n / 3) < 5 * (n * 2 / 9) ** 0.5).all()


# ------------------------------------------------------------------ scorers


class Fixed:
    """Something fitted whose answers are columns of X."""

    def __init__(self, classes):
        self.classes_ = np.asarray(classes)

    def predict_proba(self, X):
        return np.asarray(X, dtype=float)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(1)]


def fixed(n_classes, *, names=None, seed=0, n=80):
    """An estimator, X, all labels, and labels of which half are -1."""
    rng = np.random.RandomState(seed)
    proba = rng.dirichlet(np.ones(n_classes), size=n)
    names = np.arange(n_classes) if names is None else np.array(names, object)
    y = names[rng.randint(n_classes, size=n)]
    partial = y.copy()
    partial[rng.permutation(n)[: n // 2]] = -1
    return Fixed(names), proba, y, partial


SCORERS = [
    clustering_accuracy_scorer,
    purity_scorer,
    labeled_accuracy,
    labeled_roc_auc,
    labeled_neg_log_loss,
]


@pytest.mark.parametrize("names", [None, ["zebra", "ant", "cluster 2"]])
@pytest.mark.parametrize("scorer", SCORERS)
def test_scorers_leave_unlabeled_rows_out(scorer, names):
    """On partly labeled rows, the score is that on the labeled ones alone."""
    est, X, _, y = fixed(3, names=names)
    labeled = np.array([label != -1 for label in y])
    value = scorer(est, X[labeled], y[labeled])
    assert scorer(est, X, y) == value
    assert scorer(est, pd.DataFrame(X), pd.Series(y)) == value
    assert scorer(est, X.tolist(), y) == value
    with pytest.warns(UserWarning, match="no labeled row"):
        assert np.isnan(scorer(est, X, np.full(len(X), -1)))
    with pytest.raises(ValueError, match="inconsistent"):
        scorer(est, X, y[:-1])


def test_scorers_are_scikit_learns_where_all_rows_have_labels():
    est, X, y, _ = fixed(3)
    assert labeled_accuracy(est, X, y) == accuracy_score(y, est.predict(X))
    assert labeled_neg_log_loss(est, X, y) == pytest.approx(-log_loss(y, X))
    assert labeled_roc_auc(est, X, y) == pytest.approx(
        roc_auc_score(y, X, multi_class="ovr")
    )
    est, X, y, _ = fixed(2)
    assert labeled_roc_auc(est, X, y) == pytest.approx(roc_auc_score(y, X[:, 1]))
    assert labeled_roc_auc(est, X, y) == pytest.approx(
        roc_auc_score(1 - y, X[:, 0]), rel=1e-12
    )


def test_scorers_follow_the_order_of_classes():
    """classes_ need not be sorted: "cluster 2" comes after "zebra" here."""
    est, X, y, _ = fixed(3)
    named, _, names, _ = fixed(3, names=["zebra", "ant", "cluster 2"])
    for scorer in SCORERS:
        assert scorer(named, X, names) == pytest.approx(scorer(est, X, y))


def test_class_that_training_did_not_see():
    """Its probability is 0: one half of the area, and a clipped logarithm."""
    est, X, y, _ = fixed(3)
    y[:10] = 7
    areas = [roc_auc_score(y == k, X[:, k]) for k in range(3)]
    assert labeled_roc_auc(est, X, y) == pytest.approx(np.mean([*areas, 0.5]))
    log_proba = np.log(np.append(X, np.full((80, 1), np.finfo(float).eps), axis=1))
    expected = log_proba[np.arange(80), np.where(y == 7, 3, y)].mean()
    assert labeled_neg_log_loss(est, X, y) == pytest.approx(expected)


def test_cluster_without_label_has_no_say_in_the_area():
    est, X, y, _ = fixed(4)
    y = np.minimum(y, 2)
    areas = [roc_auc_score(y == k, X[:, k]) for k in range(3)]
    assert labeled_roc_auc(est, X, y) == pytest.approx(np.mean(areas))


def test_area_of_one_class_is_not_defined():
    est, X, _, _ = fixed(3)
    with pytest.warns(UndefinedMetricWarning, match="one class only"):
        assert np.isnan(labeled_roc_auc(est, X, np.ones(len(X), int)))
