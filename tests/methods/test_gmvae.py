"""What GMVAEClusterer finds in rows whose groups are known."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC
from torch import nn

from sksemi import CatVAEClusterer, GMVAEClusterer
from sksemi._engine.data import Data
from sksemi.datasets import mask_labels
from sksemi.metrics import clustering_accuracy

CENTERS = [[-5, -5], [-5, 5], [5, -5], [5, 5]]
# one seed in the default run
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(400, centers=CENTERS, cluster_std=1.0, random_state=0)


def split_digits(n_rows):
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, train_size=n_rows, random_state=0, stratify=y)


@pytest.fixture(scope="module")
def digits():
    return split_digits(800)


@pytest.fixture(scope="module")
def digits_with_50_labels(digits):
    X, _, y, _ = digits
    y_partial = mask_labels(y, 50, random_state=0)
    return GMVAEClusterer(random_state=0).fit(X, y_partial), y_partial


def test_blobs_without_labels(blobs):
    X, y = blobs
    est = GMVAEClusterer(4, random_state=0)
    assert adjusted_rand_score(y, est.fit_predict(X)) > 0.95


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_labels_of_few_columns_are_kept(seed):
    """Four columns, every row labeled: the labels of no class are given up."""
    X, y = load_iris(return_X_y=True)
    est = GMVAEClusterer(max_iter=60, random_state=seed).fit(X, y)
    assert est.score(X, y) > 0.93


@pytest.mark.parametrize("seed", SEEDS)
def test_fourth_of_four_blobs_is_found_with_labels_for_three(blobs, seed):
    X, y = blobs
    y_partial = mask_labels(y, 40, random_state=seed)
    y_partial[y == 3] = -1
    est = GMVAEClusterer(4, random_state=seed).fit(X, y_partial)
    assert est.classes_.tolist() == [0, 1, 2, 3]
    assert adjusted_rand_score(y, est.labels_) > 0.9
    # and the three named ones have kept their names
    assert np.mean(est.labels_ == y) > 0.9


@pytest.mark.slow
def test_eight_labels_name_four_blobs(blobs):
    X, y = blobs
    est = GMVAEClusterer(random_state=0).fit(X, mask_labels(y, 8, random_state=0))
    assert est.score(X, y) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", [GMVAEClusterer, CatVAEClusterer])
def test_two_digits_without_a_label_have_clusters(Estimator):
    X, y = load_digits(return_X_y=True)
    X, y = X[:1200] / 16, y[:1200]
    y_partial = np.where(y < 8, mask_labels(y, 50, random_state=0), -1)
    est = Estimator(10, random_state=0).fit(X, y_partial)
    new = y >= 8
    assert np.mean(est.labels_[new] >= 8) > 0.7
    assert np.mean(est.labels_[~new] == y[~new]) > 0.85


def test_samples_come_from_their_blob(blobs):
    X, y = blobs
    est = GMVAEClusterer(random_state=0, max_iter=100).fit(X, y)
    for k, center in enumerate(CENTERS):
        rows, _ = est.sample(200, y=k)
        assert np.linalg.norm(rows.mean(0) - center) < 1


def test_labels_help_and_so_do_rows_without(digits, digits_with_50_labels):
    """50 labels among 800 rows, against a classifier of the 50 alone."""
    X, X_test, y, y_test = digits
    est, y_partial = digits_with_50_labels
    labeled = y_partial >= 0
    alone = SVC().fit(X[labeled], y[labeled]).score(X_test, y_test)
    assert est.score(X_test, y_test) > alone
    # z is in use, and the model prefers digits to noise
    assert est.history_[-1]["kl_z"] > 1
    noise = np.random.default_rng(0).permuted(X_test, axis=1)
    assert est.score(X_test) > est.score(noise) + 10


def test_every_row_labeled(digits):
    X, X_test, y, y_test = digits
    est = GMVAEClusterer(random_state=0, max_iter=20).fit(X, y)
    assert est.score(X_test, y_test) > 0.96


@pytest.mark.slow
def test_digits_without_labels():
    """Within reach of k-means on the pixels, and no cluster lost."""
    X, _, y, _ = split_digits(1000)
    est = GMVAEClusterer(10, random_state=0).fit(X)
    kmeans = KMeans(10, n_init=10, random_state=0).fit_predict(X)
    ours = clustering_accuracy(y, est.labels_)
    assert ours > clustering_accuracy(y, kmeans) - 0.1
    assert len(np.unique(est.labels_)) == 10


def test_reconstructions_are_nearer_than_the_mean(digits, digits_with_50_labels):
    X, X_test, *_ = digits
    est, _ = digits_with_50_labels
    error = np.square(est.reconstruct(X_test) - X_test).sum(1).mean()
    assert error < 0.5 * np.square(X_test - X.mean(0)).sum(1).mean()


def test_more_importance_samples_are_tighter(digits, digits_with_50_labels):
    _, X_test, *_ = digits
    est, _ = digits_with_50_labels
    bounds = [
        est.set_params(n_importance_samples=k).score_samples(X_test).mean()
        for k in (1, 5, 50)
    ]
    est.set_params(n_importance_samples=1)
    assert bounds[0] < bounds[1] < bounds[2]


def test_score_does_not_depend_on_loss_weights(digits):
    X, _, _, _ = digits
    est = GMVAEClusterer(10, random_state=0, max_iter=2).fit(X)
    score = est.score(X)
    weights = [name for name in est.get_params() if name.endswith("_weight")]
    assert est.set_params(**dict.fromkeys(weights, 77.0)).score(X) == score


def test_gaussian_score_follows_units(blobs, monkeypatch):
    """Nats of moved and stretched rows differ by the log of the stretch.

    Given one order of rows for k-means: it goes by their values otherwise.
    """
    X, _ = blobs
    monkeypatch.setattr(Data, "_mixed", torch.arange(len(X)))
    settings = {"n_clusters": 4, "random_state": 0, "max_iter": 20}
    plain = GMVAEClusterer(**settings).fit(X)
    stretched = GMVAEClusterer(**settings).fit(1000 * X + 7)
    assert plain.likelihood_ == stretched.likelihood_ == "gaussian"
    assert stretched.score(1000 * X + 7) == pytest.approx(
        plain.score(X) - 2 * np.log(1000), abs=0.05
    )


@pytest.mark.filterwarnings("ignore:GMVAEClusterer collapsed. z carries")
@pytest.mark.parametrize(
    "likelihood",
    [pytest.param("mse", marks=pytest.mark.slow), "bernoulli", "gaussian"],
)
def test_likelihoods(digits, likelihood):
    X, X_test, y, y_test = digits
    est = GMVAEClusterer(likelihood=likelihood, random_state=0, max_iter=20)
    est.fit(X, mask_labels(y, 100, random_state=0))
    assert est.likelihood_ == likelihood
    assert est.score(X_test, y_test) > 0.8
    assert np.isfinite(est.score_samples(X_test)).all()


def test_auto_likelihood(digits):
    X, *_ = digits
    settings = {"max_iter": 1, "n_clusters": 2, "random_state": 0}
    for rows, expected in [(X, "mse"), (X + 1e-7, "mse"), (X - 0.01, "gaussian")]:
        assert GMVAEClusterer(**settings).fit(rows).likelihood_ == expected


def test_bernoulli_clips_with_a_warning(digits):
    X, *_ = digits
    est = GMVAEClusterer(2, likelihood="bernoulli", max_iter=1, random_state=0).fit(X)
    inside = est.score_samples(X)
    outside = X.copy()
    outside[X == 1] = 1.5
    with pytest.warns(UserWarning, match="clipped"):
        np.testing.assert_allclose(est.score_samples(outside), inside)


def test_mse_score_is_a_gaussian_density():
    """With z and y out of play, the bound is the log-density of N(x_hat, 1/(2w))."""
    from scipy.stats import norm

    X = np.random.RandomState(0).uniform(size=(50, 6))
    est = GMVAEClusterer(1, reconstruction_weight=3.0, covariance_type="diag")
    est.set_params(max_iter=1, random_state=0).fit(X)
    model = est.model_
    for p in [*model.q_z.parameters(), *model.p_z.parameters()]:
        p.data.zero_()  # q(z) = p(z)
    last = model.p_x.network[-1]
    last.weight.data.zero_()  # x_hat does not depend on z
    x_hat = 1 / (1 + np.exp(-last.bias.detach().numpy()))
    expected = norm.logpdf(X, x_hat, 6**-0.5).sum(1)
    np.testing.assert_allclose(est.score_samples(X), expected, rtol=1e-5)


class Net(nn.Sequential):
    def __init__(self, n_in, n_out):
        super().__init__(nn.Linear(n_in, 20), nn.Tanh(), nn.Linear(20, n_out))


def test_callable_network(digits):
    X, X_test, y, y_test = digits
    est = GMVAEClusterer(network=Net, random_state=0, max_iter=30)
    est.fit(X, mask_labels(y, 100, random_state=0))
    assert isinstance(est.model_.g, Net)
    assert est.score(X_test, y_test) > 0.7


def test_the_authors_other_model():
    """MLP 512-512 everywhere, z of 64, cross-entropy, batches of 64: expressible."""
    X = np.random.RandomState(0).uniform(size=(70, 784))
    est = GMVAEClusterer(
        10,
        network="mlp",
        hidden_layer_sizes=(512,),
        feature_dim=512,
        latent_dim=64,
        likelihood="bernoulli",
        reconstruction_weight=1.0,
        batch_size=64,
        max_iter=1,
    ).fit(X)
    layers = [m for m in est.model_.g if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in layers] == [(784, 512), (512, 512)]


def test_full_covariance_changes_draws_and_densities_alone(digits):
    """It is fitted after training: predictions stay, the bound rises."""
    X, X_test, y, _ = digits
    y_partial = mask_labels(y, 50, random_state=0)
    full, diagonal = (
        GMVAEClusterer(max_iter=20, covariance_type=covariance, random_state=0).fit(
            X, y_partial
        )
        for covariance in ("full", "diag")
    )
    np.testing.assert_array_equal(
        full.predict_proba(X_test), diagonal.predict_proba(X_test)
    )
    np.testing.assert_array_equal(
        full.reconstruct(X_test), diagonal.reconstruct(X_test)
    )
    for rows in (X, X_test):
        assert np.mean(full.score_samples(rows) - diagonal.score_samples(rows)) > 0


def test_draws_are_as_varied_as_reconstructions(digits_with_50_labels):
    """A prior that does not fit q(z|x, y) draws rows that hardly differ."""
    est, _ = digits_with_50_labels
    rows, labels = est.sample(2000)
    X = split_digits(800)[0]
    known, predicted = est.reconstruct(X), est.predict(X)

    def within(rows, labels):
        return np.mean([rows[labels == k].var(0).sum() for k in range(10)])

    assert within(rows, labels) > 0.6 * within(known, predicted)


@pytest.mark.parametrize(
    ("n_features", "n_clusters", "likelihood", "reconstruction", "hold"),
    [
        (64, 10, "mse", 100.0, 50.0),
        (256, 10, "mse", 25.0, 64.0),
        (784, 10, "mse", 10.0, 196.0),
        (4, 10, "mse", 100.0, 50.0),  # no more than 100
        (64, 11, "mse", 10.0, 16.0),  # a cluster without a label
        (4, 11, "mse", 10.0, 1.0),
        (64, 10, "gaussian", 1.0, 16.0),
        (4, 10, "bernoulli", 1.0, 10.0),
    ],
)
def test_auto_weights(n_features, n_clusters, likelihood, reconstruction, hold):
    config = {
        "n_features": n_features,
        "n_clusters": n_clusters,
        "n_labels": 10,
        "likelihood": likelihood,
    }
    weights = GMVAEClusterer()._auto_weights(None, config)
    assert weights == {
        "reconstruction": pytest.approx(reconstruction),
        "assignment": hold,
        "metric": hold,
    }


def test_a_damaged_covariance_is_told(blobs):
    est = GMVAEClusterer(4, max_iter=1, random_state=0).fit(blobs[0])
    weights = {name: t.numpy() for name, t in est.model_.state_dict().items()}
    assert est._check_saved(est._config, weights) is None
    factor = weights["prior.factor"]
    for damaged in (0 * factor, factor + 1, -factor):
        told = est._check_saved(est._config, weights | {"prior.factor": damaged})
        assert "prior.factor" in told
