"""What CaGeMGenerator makes of rows whose density or groups are known."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from sksemi import CaGeMGenerator
from sksemi._engine.data import Data
from sksemi.datasets import mask_labels

CENTERS = np.array([[-5.0, -5], [-5, 5], [5, -5], [5, 5]])


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(400, centers=CENTERS, cluster_std=1.0, random_state=0)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    return train_test_split(X, y, train_size=600, random_state=0, stratify=y)


@pytest.fixture(scope="module")
def fitted_blobs(blobs):
    X, y = blobs
    return CaGeMGenerator(random_state=0, max_iter=100).fit(
        X, mask_labels(y, 40, random_state=0)
    )


@pytest.fixture(scope="module")
def fitted_digits(digits):
    X, _, y, _ = digits
    est = CaGeMGenerator(random_state=0, max_iter=30)
    return est.fit(X, mask_labels(y, 100, random_state=0))


# ------------------------------------------------------------------ blobs


def true_log_density(X):
    log_p = norm.logpdf(X[:, None], CENTERS).sum(2)
    return logsumexp(log_p, axis=1) - np.log(4)


def test_density_of_blobs(blobs, fitted_blobs):
    """On new rows a bound in nats, near what the rows were drawn from."""
    X_new, _ = make_blobs(1000, centers=CENTERS, cluster_std=1.0, random_state=1)
    true = true_log_density(X_new).mean()
    score = fitted_blobs.score(X_new)
    assert true - 1 < score < true + 0.05
    tight = fitted_blobs.set_params(n_importance_samples=50).score(X_new)
    fitted_blobs.set_params(n_importance_samples=1)
    assert score < tight < true + 0.05
    # and it falls where there are none
    assert fitted_blobs.score(np.zeros((1, 2))) < score - 5


def test_labels_name_blobs(blobs, fitted_blobs):
    X, y = blobs
    assert fitted_blobs.score(X, y) > 0.95


@pytest.mark.slow
def test_fourth_of_four_blobs_is_found_with_labels_for_three(blobs):
    X, y = blobs
    y_partial = mask_labels(y, 40, random_state=0)
    y_partial[y == 3] = -1
    est = CaGeMGenerator(4, random_state=0).fit(X, y_partial)
    assert est.classes_.tolist() == [0, 1, 2, 3]
    assert adjusted_rand_score(y, est.labels_) > 0.9
    # and the three named ones have kept their names
    assert np.mean(est.labels_ == y) > 0.9


def test_samples_come_from_their_blob(fitted_blobs):
    for k, center in enumerate(CENTERS):
        rows, _ = fitted_blobs.sample(300, y=k)
        assert np.median(np.linalg.norm(rows - center, axis=1)) < 2
    rows, y = fitted_blobs.sample(2000)
    nearest = np.linalg.norm(rows[:, None] - CENTERS, axis=2).argmin(1)
    assert np.mean(nearest == y) > 0.9
    assert (np.bincount(nearest, minlength=4) > 200).all()


def test_samples_from_given_z2(blobs, fitted_blobs):
    """What transform says of a row leads back to its blob, y drawn and y given."""
    X, y = blobs
    z2 = fitted_blobs.transform(X)
    assert z2.shape == (400, fitted_blobs.z2_dim)
    rows, drawn = fitted_blobs.sample(400, z2=z2)
    assert np.mean(drawn == y) > 0.8
    rows, given = fitted_blobs.sample(400, y=y, z2=z2)
    np.testing.assert_array_equal(given, y)
    assert np.median(np.linalg.norm(rows - CENTERS[y], axis=1)) < 2
    one, _ = fitted_blobs.sample(5, z2=z2[0])
    assert one.shape == (5, 2)
    for bad in (z2[:3], z2[:, :1], z2[0, :1], np.full_like(z2, np.nan)):
        with pytest.raises(ValueError, match="z2"):
            fitted_blobs.sample(400, z2=bad)


# ----------------------------------------------------------------- digits


def test_digits_are_classified(digits, fitted_digits):
    _, X_test, _, y_test = digits
    assert fitted_digits.score(X_test, y_test) > 0.75
    # more draws, read at call time, change little
    few = fitted_digits.predict_proba(X_test)
    many = fitted_digits.set_params(n_draws=50).predict_proba(X_test)
    fitted_digits.set_params(n_draws=10)
    assert 0 < np.abs(few - many).mean() < 0.05


def test_upper_layer_is_in_use(fitted_digits):
    last = fitted_digits.history_[-1]
    assert last["kl_z2"] > 1
    assert last["active_z2"] >= 1
    assert last["bound"] == pytest.approx(
        -(last["reconstruction"] + last["gaussian"] + last["categorical"]),
        abs=1e-3,
    )


def test_digits_are_more_likely_than_noise(digits, fitted_digits):
    _, X_test, _, _ = digits
    noise = np.random.default_rng(0).permuted(X_test, axis=1)
    assert fitted_digits.score(X_test) > fitted_digits.score(noise) + 5


def test_more_importance_samples_are_tighter(digits, fitted_digits):
    _, X_test, _, _ = digits
    bounds = [
        fitted_digits.set_params(n_importance_samples=k).score_samples(X_test)
        for k in (1, 5, 50, 50)
    ]
    fitted_digits.set_params(n_importance_samples=1)
    means = [bound.mean() for bound in bounds]
    assert means[0] < means[1] < means[2]
    np.testing.assert_array_equal(bounds[2], bounds[3])


def test_score_is_of_binarized_rows(digits, fitted_digits):
    """Rows of 0 and 1 are taken as they are; gray ones are drawn, once and for all."""
    X_test = digits[1][:200]
    rng = np.random.default_rng(0)
    drawn = [
        fitted_digits.score((X_test > rng.uniform(size=X_test.shape)).astype(float))
        for _ in range(3)
    ]
    assert fitted_digits.score(X_test) == pytest.approx(np.mean(drawn), abs=0.5)
    assert fitted_digits.score(X_test) == fitted_digits.score(X_test)
    outside = np.where(X_test == 1, 1.5, X_test)
    with pytest.warns(UserWarning, match="clipped"):
        scores = fitted_digits.score_samples(outside)
    np.testing.assert_array_equal(scores, fitted_digits.score_samples(X_test))


def test_reconstructions_are_nearer_than_the_mean(digits, fitted_digits):
    X, X_test, _, _ = digits
    error = np.square(fitted_digits.reconstruct(X_test) - X_test).sum(1).mean()
    assert error < 0.8 * np.square(X_test - X.mean(0)).sum(1).mean()


def test_drawn_digits_look_like_their_class(digits, fitted_digits):
    X, _, y, _ = digits
    rows, labels = fitted_digits.sample(300, y=np.repeat(np.arange(10), 30))
    assert KNeighborsClassifier().fit(X, y).score(rows, labels) > 0.5
    assert rows.min() >= 0
    assert rows.max() <= 1


def test_score_does_not_depend_on_loss_weights(digits):
    X, *_ = digits
    est = CaGeMGenerator(5, random_state=0, max_iter=2).fit(X)
    score = est.score(X)
    weights = [name for name in est.get_params() if name.endswith("_weight")]
    assert est.set_params(**dict.fromkeys(weights, 77.0)).score(X) == score


def test_likelihoods(digits):
    X, X_test, *_ = digits
    settings = {"n_clusters": 2, "max_iter": 1, "random_state": 0}
    for rows, likelihood, binarize in [
        (X, "bernoulli", True),
        (X + 1e-7, "bernoulli", True),
        (X - 0.01, "gaussian", False),
    ]:
        est = CaGeMGenerator(**settings).fit(rows)
        assert est.likelihood_ == likelihood
        assert est.model_.binarizes is binarize
        assert np.isfinite(est.score_samples(X_test)).all()
    est = CaGeMGenerator(**settings, binarize=False).fit(X)
    assert not est.model_.binarizes


def test_gaussian_score_follows_units(blobs, monkeypatch):
    """Nats of moved and stretched rows differ by the log of the stretch.

    Given one order of rows for k-means: it goes by their values otherwise.
    """
    X, _ = blobs
    monkeypatch.setattr(Data, "_mixed", torch.arange(len(X)))
    settings = {"n_clusters": 4, "random_state": 0, "max_iter": 10}
    plain = CaGeMGenerator(**settings).fit(X)
    stretched = CaGeMGenerator(**settings).fit(1000 * X + 7)
    assert stretched.score(1000 * X + 7) == pytest.approx(
        plain.score(X) - 2 * np.log(1000), abs=0.05
    )


class Net(nn.Sequential):
    def __init__(self, n_in, n_out):
        super().__init__(nn.Linear(n_in, 20), nn.BatchNorm1d(20), nn.Linear(20, n_out))


def test_callable_network(digits):
    X, X_test, y, _ = digits
    est = CaGeMGenerator(network=Net, random_state=0, max_iter=2)
    est.fit(X, mask_labels(y, 50, random_state=0))
    kinds = [type(module) for module in est.model_.modules()]
    assert kinds.count(Net) == 4  # on x of three networks, and toward x
    assert np.isfinite(est.score_samples(X_test)).all()


@pytest.mark.parametrize("sizes", [(), (8, 0), (8, -1)])
def test_bad_layer_sizes(digits, sizes):
    X, *_ = digits
    with pytest.raises(ValueError, match="z2_hidden_layer_sizes"):
        CaGeMGenerator(z2_hidden_layer_sizes=sizes).fit(X)


def test_the_papers_networks():
    """1024 and 512 wide, 64 and 32 dimensions, six networks of their own."""
    X = (np.random.RandomState(0).uniform(size=(20, 784)) > 0.5).astype(np.float32)
    est = CaGeMGenerator(
        10,
        hidden_layer_sizes=(1024, 1024),
        z2_hidden_layer_sizes=(512, 512),
        max_iter=1,
        batch_size=10,
        init="random",
    ).fit(X)
    n_weights = {
        name: sum(m.weight.numel() for m in net.modules() if isinstance(m, nn.Linear))
        for name, net in est.model_.named_children()
        if name != "augment"
    }
    assert n_weights == {
        "q_z1": 784 * 1024 + 1024**2 + 2 * 1024 * 64,
        "q_y": (784 + 64) * 1024 + 1024**2 + 1024 * 10,
        "q_z2": (784 + 10 + 64) * 512 + 512**2 + 2 * 512 * 32,
        "p_y": 32 * 512 + 512**2 + 512 * 10,
        "p_z1": (10 + 32) * 512 + 512**2 + 2 * 512 * 64,
        "p_x": (10 + 64) * 1024 + 1024**2 + 1024 * 784,
    }


@pytest.mark.parametrize(
    ("kind", "weight", "noise"),
    [("wide table", 3.0, 0.2), ("without labels", 1.0, 0.0), ("in [0, 1]", 1.0, 0.0)],
)
def test_labels_of_wide_tables_count_more_and_rows_have_noise(kind, weight, noise):
    X = np.random.RandomState(0).normal(size=(60, 120))
    if kind == "in [0, 1]":
        X = (X > 0).astype(float)
    y = np.full(60, -1)
    if kind != "without labels":
        y[:20] = np.arange(20) % 2
    est = CaGeMGenerator(2, max_iter=1, warm_up=0, random_state=0).fit(X, y)
    deviation = float(est.model_.augment.deviation)
    assert deviation == noise == 0 or deviation > noise > 0
    # weights of the bound 1, 1 and 2; those of the labels times (60 + 20) / 20
    terms = est.history_[0]
    bound = terms["reconstruction"] + terms["gaussian"] + 2 * terms["categorical"]
    of_labels = sum(terms.get(name, 0.0) for name in ("label_q", "label_p"))
    assert terms["loss"] == pytest.approx(bound + 4 * weight * of_labels, rel=1e-4)


def test_classifier_is_read_at_call_time():
    X, y = load_digits(return_X_y=True)
    X, y = X[:200] / 16, mask_labels(y[:200], 50, random_state=0)
    est = CaGeMGenerator(max_iter=2, random_state=0).fit(X, y)
    q = est.predict_proba(X)
    p = est.set_params(classifier="p").predict_proba(X)
    assert not np.allclose(q, p)
    np.testing.assert_array_equal(est.set_params(classifier="q").predict_proba(X), q)
    with pytest.raises(ValueError, match="classifier"):
        est.set_params(classifier="z").predict(X)
