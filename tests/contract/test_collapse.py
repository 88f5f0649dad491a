"""Clusters and latent variables that a fit loses are told of; one row spoils none."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import (
    load_digits,
    load_iris,
    load_wine,
    make_blobs,
    make_circles,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sksemi import CatVAEClusterer, GMVAEClusterer
from sksemi._engine.collapse import apart_from_labels
from sksemi._engine.data import Data
from sksemi._nn import trust
from sksemi._nn.networks import Units
from sksemi.datasets import mask_labels
from sksemi.metrics import clustering_accuracy
from tests.contract.estimators import ESTIMATORS, having

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)
SETTINGS = {"random_state": 0, "device": "cpu"}


def told(Estimator, X, y=None, **parameters):
    """Fitted estimator, and what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        est = Estimator(**SETTINGS | parameters).fit(X, y)
    # scikit-learn's k-means has warnings of its own
    ours = [w for w in caught if "collapsed" in str(w.message)]
    assert len(ours) <= 1
    for warning in ours:
        assert warning.category is ConvergenceWarning
        assert warning.filename == __file__
    return est, "".join(str(w.message) for w in ours)


@every_estimator
def test_all_equal_rows(Estimator):
    est, message = told(Estimator, np.ones((200, 5)), n_clusters=5)
    assert len(set(est.labels_)) == 1
    assert f"{Estimator.__name__} collapsed: 4 of 5 clusters have no" in message
    assert "has 100.0 % of the rows" in message
    assert "n_clusters" in message


@pytest.mark.parametrize("n_clusters", [10, pytest.param(40, marks=pytest.mark.slow)])
@every_estimator
def test_what_is_told_is_so(Estimator, n_clusters):
    """Pure noise, and more clusters than there is anything to find."""
    X = np.random.RandomState(0).normal(size=(600, 6))
    est, message = told(Estimator, X, n_clusters=n_clusters, max_iter=20)
    n_empty = n_clusters - len(set(est.labels_))
    assert (f"{n_empty} of {n_clusters} clusters have no" in message) == (n_empty > 0)


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", [CatVAEClusterer, GMVAEClusterer])
def test_more_clusters_than_rows_can_fill(Estimator):
    X, _ = make_blobs(2000, centers=10, n_features=8, random_state=0)
    est, message = told(Estimator, X, n_clusters=1000, max_iter=20)
    n_empty = 1000 - len(set(est.labels_))
    assert n_empty > 0
    assert f"{n_empty} of 1000 clusters have no" in message


@pytest.mark.parametrize("Estimator", having("sample"))
def test_a_dead_latent_variable(Estimator, digits):
    """Told to save nats above all, z has none left."""
    X, _, y_partial = digits
    settings = {"gaussian_weight": 1e3, "likelihood": "bernoulli", "max_iter": 40}
    _, message = told(Estimator, X, y_partial, **settings)
    assert "carries next to nothing (kl_z" in message
    assert "gaussian_weight" in message


@every_estimator
def test_no_warning_without_a_collapse(Estimator):
    X, y = make_blobs(600, centers=3, n_features=4, random_state=1)
    y_partial = np.where(np.arange(600) < 60, y, -1)
    est, message = told(Estimator, X, y_partial, max_iter=20)
    assert est.score(X, y) > 0.95
    assert message == ""


@pytest.mark.parametrize("scales", [1.0, [1.0, 100.0, 1.0, 1.0, 1.0, 1.0]])
def test_remedies_are_of_what_was_seen(scales):
    """Scaling is advised to columns that differ, labels to groups that have none."""
    X = np.random.RandomState(0).normal(size=(600, 6)) * scales
    settings = {"n_clusters": 40, "max_iter": 20}
    _, message = told(CatVAEClusterer, X, **settings)
    assert "40 clusters have no" in message
    assert ("StandardScaler" in message) == (np.max(scales) > 1)
    y = np.where(np.arange(600) < 60, np.arange(600) % 5, -1)
    _, message = told(CatVAEClusterer, X, y, **settings)
    assert "Try labels for a few rows of each group that has none, fewer" in message


@every_estimator
def test_a_short_fit_is_not_judged(Estimator):
    _, message = told(Estimator, np.ones((60, 5)), n_clusters=5, max_iter=3)
    assert message == ""


def fit_of(X, y_partial, predicted):
    """What judging reads of a fit that predicts so."""
    n_labels = y_partial.max() + 1
    est = SimpleNamespace(
        labels_=predicted, classes_=np.arange(n_labels), _n_labels=n_labels
    )
    X, codes = torch.from_numpy(X).float(), torch.from_numpy(y_partial)
    return est, Data(X, codes, 1.0)


def test_rows_apart_from_the_labels():
    """One class that swallows the unlabeled rows is told of; a good fit is not."""
    X, y = make_blobs(2000, centers=5, n_features=20, cluster_std=4, random_state=0)
    y_partial = np.where(np.arange(2000) < 100, y, -1)
    rng = np.random.RandomState(0)
    assert apart_from_labels(*fit_of(X, y_partial, y)) == ""
    # two of three rows, the labeled ones kept apart: no cluster is empty or has all
    swallowed = np.where((y_partial < 0) & (rng.uniform(size=2000) < 0.67), 0, y)
    message = apart_from_labels(*fit_of(X, y_partial, swallowed))
    agree = int(message.split(" %")[0])
    assert agree == pytest.approx(100 * np.mean(swallowed[100:] == y[100:]), abs=2)
    # new clusters are beside the point: no label says anything of them
    est, data = fit_of(X, y_partial, np.where(swallowed == y, y, 5))
    est.classes_ = np.arange(6)
    assert apart_from_labels(est, data) == ""


def test_a_fit_may_be_better_than_a_line():
    """Ring in ring: a linear model of few labels is no better than chance."""
    X, y = make_circles(1000, factor=0.4, noise=0.05, random_state=0)
    y_partial = np.where(np.arange(1000) < 40, y, -1)
    assert apart_from_labels(*fit_of(X, y_partial, y)) == ""


@pytest.mark.slow
def test_wide_noisy_rows_taught_at_once_and_without_noise(monkeypatch):
    """Unlabeled rows are lost to one class or another, and by default they are not."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(1)
    Z = StandardScaler().fit_transform(X)
    W = Z @ rng.normal(size=(64, 765)) / 8 + 3 * rng.normal(size=(len(Z), 765))
    W, y = StandardScaler().fit_transform(W[:700]), y[:700]
    y_partial = mask_labels(y, 100, random_state=1)
    with monkeypatch.context() as patch:
        patch.setattr(trust, "FIRST_STEPS", 0)
        settings = {"max_iter": 60, "input_noise": 0.0}
        lost, message = told(CatVAEClusterer, W, y_partial, **settings)
    assert "in the class that a linear model of the labels predicts" in message
    assert lost.history_[-1]["agreement"] > 0.9  # which looks well
    est, nothing = told(CatVAEClusterer, W, y_partial, max_iter=60)
    assert nothing == ""
    assert lost.score(W, y) < 0.5 < est.score(W, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "Estimator",
    [
        Estimator  # two quick ones, with and without `Likelihood`
        if Estimator.__name__ in ("ACOLClusterer", "GMVAEClusterer")
        else pytest.param(Estimator, marks=pytest.mark.slow)
        for Estimator in ESTIMATORS
    ],
)
def test_one_row_far_out_costs_no_cluster(Estimator):
    X, y = make_blobs(2000, centers=10, n_features=8, random_state=0)
    X[0] = 1e6
    est = Estimator(10, **SETTINGS, max_iter=30).fit(X)
    assert clustering_accuracy(y[1:], est.labels_[1:]) > 0.75


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_units_of_clean_rows_are_mean_and_deviation(load):
    X = torch.from_numpy(load().data).float()
    units = Units(X.shape[1])
    units.fit(Data(X, torch.full((len(X),), -1), 1.0))
    mean, unit = X.double().mean(0), X.double().var(0, correction=0).mean().sqrt()
    torch.testing.assert_close(units.location.double(), mean, rtol=1e-6, atol=0)
    torch.testing.assert_close(units.unit.double(), unit, rtol=1e-6, atol=0)
    assert torch.equal(units.bounded(X), X)
    assert torch.equal(units(X), (X - units.location) / units.unit)


def test_units_leave_rows_far_out_aside():
    rng = np.random.RandomState(0)
    X = torch.from_numpy(rng.normal(size=(3000, 5))).float()
    far = X.clone()
    far[::1000] = torch.tensor([[1e6], [-1e30], [1e3]])
    units, expected = Units(5), Units(5)
    codes = torch.full((3000,), -1)
    units.fit(Data(far, codes, 1.0))
    keep = torch.arange(3000) % 1000 > 0
    expected.fit(Data(X[keep], codes[keep], 1.0))
    torch.testing.assert_close(units.location, expected.location, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(units.unit, expected.unit)
    h = units(far[::1000])
    size = h.square().mean(1).sqrt()
    torch.testing.assert_close(size, torch.full((3,), units.FARTHEST))
    assert (h[0] > 0).all()
    assert (h[1] < 0).all()


@pytest.mark.parametrize("Estimator", [CatVAEClusterer, GMVAEClusterer])
def test_a_label_of_more_rows_takes_none_of_the_others(Estimator):
    """Three groups of 200 wide rows; one has 20 labels, two have 10."""
    rng = np.random.RandomState(0)
    y = np.arange(600) % 3
    centers = rng.normal(size=(3, 200))
    centers *= 3.5 / np.linalg.norm(centers, axis=1, keepdims=True)
    X = centers[y] + rng.normal(size=(600, 200))
    y_partial = np.full(600, -1)
    for label, n in enumerate([20, 10, 10]):
        y_partial[np.flatnonzero(y == label)[:n]] = label
    est = Estimator(**SETTINGS, max_iter=20).fit(X, y_partial)
    unlabeled = y_partial < 0
    correct = np.mean(est.labels_[unlabeled] == y[unlabeled])
    linear = LogisticRegression().fit(X[~unlabeled], y[~unlabeled])
    assert correct > linear.score(X[unlabeled], y[unlabeled]) + 0.05
