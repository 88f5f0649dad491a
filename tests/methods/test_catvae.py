"""What CatVAEClusterer finds in rows whose groups are known."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from sksemi import CatVAEClusterer, GMVAEClusterer
from sksemi._engine import data
from sksemi.datasets import mask_labels
from sksemi.metrics import clustering_accuracy

CENTERS = [[-5, -5], [-5, 5], [5, -5], [5, 5]]
# one seed in the default run
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(400, centers=CENTERS, cluster_std=1.0, random_state=0)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, train_size=600, random_state=0, stratify=y)


def test_blobs_without_labels(blobs):
    X, y = blobs
    est = CatVAEClusterer(4, random_state=0)
    assert adjusted_rand_score(y, est.fit_predict(X)) > 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_fourth_of_four_blobs_is_found_with_labels_for_three(blobs, seed):
    X, y = blobs
    y_partial = mask_labels(y, 40, random_state=seed)
    y_partial[y == 3] = -1
    est = CatVAEClusterer(4, random_state=seed).fit(X, y_partial)
    assert est.classes_.tolist() == [0, 1, 2, 3]
    assert adjusted_rand_score(y, est.labels_) > 0.9
    # and the three named ones have kept their names
    assert np.mean(est.labels_ == y) > 0.9


@pytest.mark.slow
def test_eight_labels_name_four_blobs(blobs):
    X, y = blobs
    est = CatVAEClusterer(random_state=0).fit(X, mask_labels(y, 8, random_state=0))
    assert est.score(X, y) > 0.95


def test_labels_help_and_so_do_rows_without(digits):
    """50 labels among 600 rows, against a classifier of the 50 alone."""
    X, X_test, y, y_test = digits
    y_partial = mask_labels(y, 50, random_state=0)
    labeled = y_partial >= 0
    est = CatVAEClusterer(random_state=0).fit(X, y_partial)
    alone = SVC().fit(X[labeled], y[labeled]).score(X_test, y_test)
    assert est.score(X_test, y_test) > alone
    # the features themselves tell the digits apart by the labeled ones
    nearest = KNeighborsClassifier(1).fit(est.transform(X[labeled]), y[labeled])
    assert nearest.score(est.transform(X_test), y_test) > alone


def test_every_row_labeled(digits):
    X, X_test, y, y_test = digits
    est = CatVAEClusterer(random_state=0, max_iter=60).fit(X, y)
    assert est.score(X_test, y_test) > 0.96


@pytest.mark.slow
def test_digits_without_labels(digits):
    """As good as k-means on the pixels, and no cluster lost."""
    X, _, y, _ = digits
    est = CatVAEClusterer(10, random_state=0).fit(X)
    kmeans = KMeans(10, n_init=10, random_state=0).fit_predict(X)
    ours = clustering_accuracy(y, est.labels_)
    assert ours >= clustering_accuracy(y, kmeans)
    assert len(np.unique(est.labels_)) == 10


def test_reconstructions_are_nearer_than_the_mean(digits):
    X, X_test, _, _ = digits
    est = CatVAEClusterer(10, random_state=0, max_iter=50).fit(X)
    error = np.square(est.reconstruct(X_test) - X_test).sum(1).mean()
    assert error < 0.8 * np.square(X_test - X.mean(0)).sum(1).mean()


def test_score_is_minus_the_two_terms_of_the_model(digits):
    """L_R and L_C from public methods: no other weight, term or draw enters."""
    X, X_test, y, _ = digits
    est = CatVAEClusterer(random_state=0, max_iter=5, reconstruction_weight=3.0)
    est.fit(X, mask_labels(y, 50, random_state=0))
    q = est.predict_proba(X_test)
    l_r = np.square(X_test - est.reconstruct(X_test)).mean()
    l_c = (q * np.log(10 * q)).sum(1).mean() / np.log(10)
    assert est.score(X_test) == pytest.approx(-(l_r + l_c), rel=1e-5)


def test_papers_form_is_expressible(digits):
    """Gumbel sample in L_A, one neighbor, no noise, no separation."""
    X, X_test, y, y_test = digits
    est = CatVAEClusterer(
        assignment="sample",
        n_neighbors=1,
        categorical_weight=1.0,
        assignment_weight=5.0,
        feature_weight=1.0,
        separation_weight=0.0,
        input_noise=0.0,
        max_shift=0,
        random_state=0,
        max_iter=60,
    ).fit(X, mask_labels(y, 50, random_state=0))
    assert est.score(X_test, y_test) > 0.8
    for row in est.history_:  # the separation is logged, but not minimized
        expected = 20 * row["reconstruction"] + row["categorical"]
        expected += 5 * row["assignment"] + row["feature"]
        assert row["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("Estimator", [CatVAEClusterer, GMVAEClusterer])
@pytest.mark.parametrize("shape", [(8, 8), (28, 20)])
@pytest.mark.parametrize("labeled", [True, False])
def test_images_are_shifted_by_a_pixel_where_there_are_labels(
    Estimator, shape, labeled
):
    X = np.random.RandomState(0).uniform(size=(40, *shape))
    y = np.repeat([0, 1, -1, -1], 10) if labeled else None
    est = Estimator(2, max_iter=1, random_state=0).fit(X, y)
    assert est.model_.augment.max_shift == int(labeled)


@pytest.mark.filterwarnings("ignore:.*collapsed")
@pytest.mark.parametrize("mixed", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_rows_sorted_by_class_cluster_as_well(mixed, monkeypatch):
    """Parts in the order of sorted rows, of a class each, would spoil the centers."""
    monkeypatch.setattr(data, "PART_SIZE", 100)
    if not mixed:
        in_order = property(lambda rows: torch.arange(len(rows.codes)))
        monkeypatch.setattr(data.Data, "_mixed", in_order)
    X, y = load_digits(return_X_y=True)
    X, y = X[:1000] / 16, y[:1000]
    accuracies = []
    mixed_up = np.random.RandomState(0).permutation(1000)
    for order in (np.argsort(y, kind="stable"), mixed_up):
        fits = [CatVAEClusterer(10, max_iter=10, random_state=k) for k in range(2)]
        accuracies.append(np.mean([est.fit(X[order]).score(X, y) for est in fits]))
    by_class, shuffled = accuracies
    assert (by_class > shuffled - 0.12) == mixed
