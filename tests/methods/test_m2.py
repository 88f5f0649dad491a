"""What M2Generator makes of rows whose classes or density are known."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC
from torch import nn

from sksemi import M2Generator
from sksemi.datasets import mask_labels

CENTERS = np.array([[-5.0, -5], [-5, 5], [5, -5], [5, 5]])
# one seed in the default run
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(400, centers=CENTERS, cluster_std=1.0, random_state=0)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    return train_test_split(X, y, train_size=1000, random_state=0, stratify=y)


@pytest.fixture(scope="module")
def fitted_digits(digits):
    X, _, y, _ = digits
    est = M2Generator(random_state=0, max_iter=40)
    return est.fit(X, mask_labels(y, 50, random_state=0))


# ------------------------------------------------------------------ blobs


def test_blobs_without_labels(blobs):
    X, y = blobs
    est = M2Generator(4, random_state=0).fit(X)
    assert adjusted_rand_score(y, est.labels_) > 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_fourth_of_four_blobs_is_found_with_labels_for_three(blobs, seed):
    X, y = blobs
    y_partial = mask_labels(y, 40, random_state=seed)
    y_partial[y == 3] = -1
    est = M2Generator(4, random_state=seed).fit(X, y_partial)
    assert est.classes_.tolist() == [0, 1, 2, 3]
    assert adjusted_rand_score(y, est.labels_) > 0.9
    # and the three named ones have kept their names
    assert np.mean(est.labels_ == y) > 0.9


def test_density_of_blobs_and_samples(blobs):
    """A bound in nats, near what the rows were drawn from; draws in their blob."""
    X, y = blobs
    est = M2Generator(random_state=0).fit(X, mask_labels(y, 40, random_state=0))
    true = -np.log(2 * np.pi) - 1 - np.log(4)  # of blobs of unit variance, far apart
    X_new, _ = make_blobs(1000, centers=CENTERS, cluster_std=1.0, random_state=1)
    assert true - 1 < est.score(X_new) < true + 0.05
    assert est.score(np.zeros((1, 2))) < true - 5
    for k, center in enumerate(CENTERS):
        rows, labels = est.sample(200, y=k)
        assert (labels == k).all()
        assert np.linalg.norm(rows.mean(0) - center) < 1


def test_a_rare_label_is_heard(blobs):
    """Labels as unequal as 2 to 30 among 400 rows."""
    X, y = blobs
    y_partial = np.full(400, -1)
    for k, n in enumerate([30, 10, 5, 2]):
        rows = np.flatnonzero(y == k)[:n]
        y_partial[rows] = k
    assert M2Generator(random_state=0).fit(X, y_partial).score(X, y) > 0.95


# ----------------------------------------------------------------- digits


@pytest.mark.slow
def test_digits_with_50_labels(digits, fitted_digits):
    """Labels among many rows without are worth more than alone."""
    X, X_test, y, y_test = digits
    labeled = mask_labels(y, 50, random_state=0) >= 0
    alone = SVC().fit(X[labeled], y[labeled]).score(X_test, y_test)
    accuracy = fitted_digits.score(X_test, y_test)
    assert accuracy > 0.88
    assert accuracy > alone


def test_drawn_digits_are_of_their_class(digits, fitted_digits):
    """By a classifier trained on all labels of real rows."""
    X, _, y, _ = digits
    rows, labels = fitted_digits.sample(500, y=np.repeat(np.arange(10), 50))
    assert SVC().fit(X, y).score(rows, labels) > 0.95


def test_digits_are_likelier_than_noise(digits, fitted_digits):
    _, X_test, _, _ = digits
    noise = np.random.default_rng(0).permuted(X_test, axis=1)
    assert fitted_digits.score(X_test) > fitted_digits.score(noise) + 10


def test_importance_samples_tighten_the_bound(digits, fitted_digits):
    """For the same draws, and the more for more of them."""
    _, X_test, _, _ = digits
    x = torch.from_numpy(X_test)
    noise = torch.randn(50, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        loose = fitted_digits.model_.bound(x, noise).mean()
        tight = fitted_digits.model_.importance_weighted_bound(x, noise).mean()
        few = [
            fitted_digits.model_.importance_weighted_bound(x, e).mean()
            for e in noise.split(5)
        ]
    assert loose < np.mean(few) < tight


def test_reconstructions_are_nearer_than_the_mean(digits, fitted_digits):
    X, X_test, _, _ = digits
    error = np.square(fitted_digits.reconstruct(X_test) - X_test).sum(1).mean()
    assert error < 0.8 * np.square(X_test - X.mean(0)).sum(1).mean()


def test_features_separate_classes(digits, fitted_digits):
    """All of transform's features, under labels of every training row."""
    X, X_test, y, y_test = digits
    classifier = SVC().fit(fitted_digits.transform(X), y)
    assert classifier.score(fitted_digits.transform(X_test), y_test) > 0.95


def test_every_row_labeled(digits):
    X, X_test, y, y_test = digits
    est = M2Generator(random_state=0, max_iter=20).fit(X, y)
    assert est.score(X_test, y_test) > 0.96


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_likelihoods(digits, likelihood):
    X, X_test, y, _ = digits
    est = M2Generator(likelihood=likelihood, random_state=0, max_iter=5).fit(X, y)
    assert est.likelihood_ == likelihood
    assert np.isfinite(est.score_samples(X_test)).all()
    assert M2Generator(max_iter=1).fit(X[:99] - 0.1).likelihood_ == "gaussian"


def test_images(digits):
    X, X_test, y, y_test = digits
    est = M2Generator(image_shape=(1, 8, 8), random_state=0, max_iter=12)
    est.fit(X[:500], mask_labels(y[:500], 200, random_state=0))
    assert est.score(X_test, y_test) > 0.8


class Net(nn.Sequential):
    def __init__(self, n_in, n_out):
        super().__init__(nn.Linear(n_in, 64), nn.Tanh(), nn.Linear(64, n_out))


def test_callable_network(digits):
    X, X_test, y, y_test = digits
    est = M2Generator(network=Net, random_state=0, max_iter=50)
    est.fit(X, mask_labels(y, 200, random_state=0))
    assert isinstance(est.model_.f, Net)
    assert est.score(X_test, y_test) > 0.8


def test_shares_follow_the_labels_of_a_warm_start(digits):
    X, _, y, _ = digits
    est = M2Generator(10, warm_start=True, max_iter=1, random_state=0)
    for n_labels in (50, 700):
        est.fit(X, mask_labels(y, n_labels, random_state=0))
        assert est.model_.share.sum() == pytest.approx(n_labels / len(X), rel=1e-5)


@pytest.mark.parametrize(("shape", "weight"), [((64,), 10), ((1, 8, 8), 1)])
def test_labels_of_tables_count_ten_times(shape, weight):
    X, y = load_digits(return_X_y=True)
    X = (X[:100] / 16).reshape(-1, *shape)
    est = M2Generator(max_iter=1, random_state=0)
    terms = est.fit(X, mask_labels(y[:100], 30, random_state=0)).history_[0]
    bound = terms["reconstruction"] + terms["gaussian"] + terms["categorical"]
    expected = bound + weight * terms["classification"]
    assert terms["loss"] == pytest.approx(expected, rel=1e-5)


def test_noise_on_labeled_tables_is_as_large_as_rows_are_apart():
    X = np.random.RandomState(0).normal(size=(80, 100))
    y = np.r_[np.arange(20) % 2, np.full(60, -1)]
    deviations = [
        float(
            M2Generator(2, max_iter=1, random_state=0)
            .fit(X, y)
            .model_.augment.deviation
        )
        for y in (y, None)
    ]
    # rows of independent columns are sqrt(2) apart, per column, nearest ones less
    assert 1.0 < deviations[0] < 2**0.5
    assert deviations[1] == pytest.approx(0.2)
