"""What ACOLClusterer finds in rows whose groups are known."""

import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from torch import nn

from sksemi import ACOLClusterer
from sksemi.datasets import mask_labels
from sksemi.metrics import clustering_accuracy
from tests.maths.helpers import loss_of

CENTERS = [[-5, -5], [-5, 5], [5, -5], [5, 5]]
QUICK = {"max_iter": 3, "random_state": 0, "device": "cpu", "feature_dim": 64}


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(400, centers=CENTERS, cluster_std=1.0, random_state=0)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8) / 16
    return train_test_split(X, y, train_size=800, random_state=0, stratify=y)


def test_blobs_without_labels(blobs):
    X, y = blobs
    est = ACOLClusterer(4, random_state=0)
    assert adjusted_rand_score(y, est.fit_predict(X)) > 0.95


def test_units_of_a_table_do_not_matter(blobs):
    X, y = blobs
    est = ACOLClusterer(4, random_state=0).fit(1e5 * X + 1e6)
    assert adjusted_rand_score(y, est.labels_) > 0.95


@pytest.mark.parametrize("seed", range(2))
def test_fourth_of_four_blobs_is_found_with_labels_for_three(blobs, seed):
    X, y = blobs
    y_partial = mask_labels(y, 40, random_state=seed)
    y_partial[y == 3] = -1
    est = ACOLClusterer(4, random_state=seed).fit(X, y_partial)
    assert est.classes_.tolist() == [0, 1, 2, 3]
    assert adjusted_rand_score(y, est.labels_) > 0.9
    # and the three named ones have kept their names
    assert np.mean(est.labels_ == y) > 0.9


@pytest.mark.slow
def test_labels_help(digits):
    X, X_test, y, y_test = digits
    settings = {"random_state": 0, "max_iter": 40, "network": "mlp", "batch_size": 100}
    without = ACOLClusterer(10, **settings).fit(X)
    few = ACOLClusterer(**settings).fit(X, mask_labels(y, 100, random_state=0))
    every = ACOLClusterer(**settings).fit(X, y)
    assert without.score(X_test, y_test) + 0.1 < few.score(X_test, y_test)
    assert every.score(X_test, y_test) > 0.95
    assert "label" not in without.history_[0]
    assert few.history_[-1]["label"] < few.history_[0]["label"]


def test_the_parents_are_learned(digits):
    X, *_ = digits
    est = ACOLClusterer(10, network="mlp", batch_size=100, random_state=0, max_iter=30)
    history = est.fit(X).history_
    assert history[-1]["cross_entropy"] < 0.7 * history[0]["cross_entropy"]
    assert history[-1]["parent_accuracy"] > history[0]["parent_accuracy"] + 0.2


def test_activations_are_those_of_the_network_on_turned_images(digits):
    """Of an image turned by hand; and their pooled softmax is most often right."""
    X, X_test, *_ = digits
    est = ACOLClusterer(10, **QUICK | {"max_iter": 20}).fit(X)
    turned = np.rot90(X_test, 1, axes=(1, 2))
    under_1 = est.activations(X_test, transformation=1)
    assert under_1.shape == (len(X_test), 8, 20)
    np.testing.assert_allclose(under_1, est.activations(turned), rtol=1e-3, atol=1e-4)
    odds = np.logaddexp.reduce(under_1, axis=2)
    assert np.mean(odds.argmax(1) == 1) > 0.5
    with pytest.raises(ValueError, match="transformation=8 must be an integer"):
        est.activations(X_test, transformation=8)


def test_every_parameter_has_a_gradient(digits):
    X, _, y, _ = digits
    model = ACOLClusterer(**QUICK).fit(X, y).model_.train()
    x = torch.tensor(X[:100].reshape(100, -1), dtype=torch.float32)
    terms, *_ = loss_of(model, x, torch.tensor(y[:50]), torch.zeros(()))
    for name in ("cross_entropy", "affinity", "balance", "frobenius", "label"):
        model.zero_grad()
        terms[name].backward(retain_graph=True)
        assert all(p.grad.abs().sum() > 0 for p in model.parameters()), name


def test_score_without_labels_is_what_clusters_explain(digits):
    X, X_test, *_ = digits
    est = ACOLClusterer(5, **QUICK).fit(X)
    f = est.transform(X_test).astype(float)
    own = est.cluster_centers_[est.predict(X_test)]
    scatter = np.square(f - f.mean(0)).sum()
    expected = 1 - np.square(f - own).sum() / scatter
    assert est.score(X_test) == pytest.approx(expected, rel=1e-5)
    # each row goes to its nearest center
    distance = np.square(f[:, None] - est.cluster_centers_).sum(2)
    np.testing.assert_array_equal(est.predict(X_test), distance.argmin(1))
    # one row, or equal ones, have no scatter
    assert est.score(X_test[:1]) == est.score(X_test[[3, 3]]) == 0


def test_score_does_not_depend_on_loss_weights(digits):
    X, *_ = digits
    est = ACOLClusterer(5, **QUICK).fit(X)
    score = est.score(X)
    weights = [name for name in est.get_params() if name.endswith("_weight")]
    assert est.set_params(**dict.fromkeys(weights, 77.0)).score(X) == score


# ---------------------------------------------------------------- real parents


@pytest.fixture(scope="module")
def halves(blobs):
    """The blobs' left and right half as parents, each with two groups."""
    X, y = blobs
    return X, y, np.array(["left", "left", "right", "right"])[y]


def test_real_parents(halves):
    X, y, parents = halves
    est = ACOLClusterer(4, random_state=0).fit(X, parents=parents)
    assert est.parents_.tolist() == ["left", "right"]
    assert est.cluster_parents_.tolist() == ["left", "left", "right", "right"]
    assert est.model_.config.n_parents == 2
    assert adjusted_rand_score(y, est.labels_) > 0.95
    # clusters stay inside their parent
    own = est.cluster_parents_[est.labels_]
    assert np.mean(own == parents) > 0.99
    assert est.fit_predict(X, None, parents).tolist() == est.labels_.tolist()


def test_real_parents_with_labels_for_one_cluster_each(halves):
    X, y, parents = halves
    names = np.array(["a", "b", "c", "d"], dtype=object)[y]
    y_partial = np.where((y == 1) | (y == 2), names, -1)
    y_partial[100:] = -1
    est = ACOLClusterer(4, random_state=0).fit(X, y_partial, parents=parents)
    assert est.classes_.tolist() == ["b", "c", "cluster 2", "cluster 3"]
    assert est.cluster_parents_.tolist() == ["left", "right", "left", "right"]
    expected = np.array(["cluster 2", "b", "c", "cluster 3"])[y]
    assert np.mean(est.labels_ == expected) > 0.95


def test_a_fit_without_parents_forgets_them(halves):
    X, _, parents = halves
    est = ACOLClusterer(4, **QUICK).fit(X, parents=parents).fit(X)
    assert not hasattr(est, "parents_")
    assert not hasattr(est, "cluster_parents_")
    assert est.model_.config.n_parents == 4  # reflections


BAD_PARENTS = {
    "too short": (lambda p: p[:-1], {}, "399 entries"),
    "missing": (lambda p: np.where(p == "left", -1, p.astype(object)), {}, "-1"),
    "more than clusters": (
        lambda p: np.arange(400) % 5,
        {},
        "leaves 1 of the 5 parents without a cluster.*n_clusters to 5",
    ),
    "across labels": (lambda p: np.arange(400) % 2, {}, "different parents.*names"),
}


@pytest.mark.parametrize("case", BAD_PARENTS)
def test_bad_parents_are_refused(halves, case):
    X, y, parents = halves
    spoil, parameters, message = BAD_PARENTS[case]
    est = ACOLClusterer(4, **QUICK, **parameters)
    labels = y if case == "across labels" else None
    before = dict(vars(est))
    with pytest.raises(ValueError, match=f"(?s){message}"):
        est.fit(X, labels, parents=spoil(parents))
    assert vars(est) == before


def test_routing_of_parents(halves):
    """Through a Pipeline and a GridSearchCV, whose folds cut them as they cut rows."""
    X, y, parents = halves
    with sklearn.config_context(enable_metadata_routing=True):
        est = ACOLClusterer(4, **QUICK).set_fit_request(parents=True)
        pipe = make_pipeline(MinMaxScaler(), est).fit(X, parents=parents)
        assert pipe[-1].parents_.tolist() == ["left", "right"]
        direct = clone(est).fit(pipe[0].transform(X), parents=parents)
        np.testing.assert_array_equal(pipe.predict(X), direct.labels_)
        labels = clone(pipe).fit_predict(X, parents=parents)
        np.testing.assert_array_equal(labels, direct.labels_)
        search = GridSearchCV(
            pipe,
            {"acolclusterer__max_iter": [1, 2]},
            cv=2,
            # Pipeline.score passes sample_weight on, as it does to a PCA, in vain
            scoring="adjusted_rand_score",
            error_score="raise",
        ).fit(X, y, parents=parents)
        assert search.best_estimator_[-1].parents_.tolist() == ["left", "right"]
        search = GridSearchCV(est, {"max_iter": [1, 2]}, cv=2, error_score="raise")
        search.fit(X, y, parents=parents)
        assert search.best_estimator_.parents_.tolist() == ["left", "right"]


# ------------------------------------------------------------- transformations


def turn(x):
    return x.flip(2, 3)


def test_callable_transformations(digits):
    X, *_ = digits
    named = ACOLClusterer(3, **QUICK, transformations=["identity", "rotate_180"])
    called = ACOLClusterer(3, **QUICK, transformations=["identity", turn])
    np.testing.assert_allclose(
        named.fit(X).transform(X), called.fit(X).transform(X), atol=1e-6
    )
    assert called.model_.config.n_parents == 2
    # callables that draw leave the global generator alone, and follow the seed
    noisy = ["identity", lambda x: x + torch.randn_like(x)]
    before = torch.get_rng_state()
    est = ACOLClusterer(3, **QUICK, transformations=noisy).fit(X)
    assert torch.equal(before, torch.get_rng_state())
    again = clone(est).fit(X)
    np.testing.assert_array_equal(est.transform(X), again.transform(X))


BAD_TRANSFORMATIONS = {
    "one": (["identity"], "at least two"),
    "unknown": (["identity", "shear"], "'shear'.*rotate_90"),
    "of tables": (["identity", "reflect_1"], "'reflect_1'; for images"),
    "not first": (["flip", "identity"], '"identity" first'),
    "shape": (
        ["identity", lambda x: x[:, :, 1:]],
        r"returned Tensor.*7, 8.*8, 1, 8, 8",
    ),
    "no tensor": (["identity", lambda x: x.numpy()], "returned ndarray.*float tensor"),
    "no list": ("rotations", "'transformations'"),
}


@pytest.mark.parametrize("case", BAD_TRANSFORMATIONS)
def test_bad_transformations_are_refused(digits, case):
    X, *_ = digits
    transformations, message = BAD_TRANSFORMATIONS[case]
    est = ACOLClusterer(3, **QUICK, transformations=transformations)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        est.fit(X[:20])


def test_quarter_turns_of_other_images_are_refused(digits):
    X = np.random.RandomState(0).uniform(size=(20, 8, 10))
    est = ACOLClusterer(3, **QUICK, transformations=["identity", "rotate_90"])
    with pytest.raises(ValueError, match=r'"rotate_90".*8x10.*"auto".*pad or crop'):
        est.fit(X)
    assert est.set_params(transformations="auto").fit(X).model_.config.n_parents == 4
    est.set_params(transformations=["identity", "rotate_180"]).fit(X)
    with pytest.raises(ValueError, match="for a table"):
        est.fit(X.reshape(20, -1))
    est.set_params(transformations=["identity", "reflect_3"]).fit(X.reshape(20, -1))


def test_bad_parameters_are_refused(digits):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match="n_duplicates=5 is less than the 10 labels"):
        ACOLClusterer(n_duplicates=5, **QUICK).fit(X, y)
    for dropout in [(0.1, 0.2), (0.1, 0.2, 1.0)]:
        with pytest.raises(ValueError, match=r"dropout=.*three rates"):
            ACOLClusterer(3, dropout=dropout, **QUICK).fit(X)


def test_more_labels_than_nodes(digits):
    """ "auto" gives every one of 40 labels two nodes."""
    X, *_ = digits
    y = np.arange(len(X)) % 40
    est = ACOLClusterer(**QUICK).fit(X, y)
    assert est.model_.config.n_nodes == 80
    counts = est.model_.node_clusters[0].bincount()
    assert counts.tolist() == [2] * 40


class Net(nn.Sequential):
    def __init__(self, n_in, n_out):
        super().__init__(nn.Linear(n_in, n_out), nn.Tanh())


def test_callable_network(blobs):
    X, y = blobs
    est = ACOLClusterer(4, network=Net, feature_dim=64, random_state=0).fit(X)
    assert isinstance(est.model_.g, Net)
    assert adjusted_rand_score(y, est.labels_) > 0.9


@pytest.mark.slow
def test_clusters_of_digits(digits):
    """As a table: far above chance, and no cluster is lost."""
    X, _, y, _ = digits
    est = ACOLClusterer(10, random_state=0).fit(X.reshape(len(X), -1))
    assert clustering_accuracy(y, est.labels_) > 0.55
    assert len(np.unique(est.labels_)) == 10


@pytest.mark.parametrize("n_init", [1, 2])
def test_ctrl_c_in_kmeans_keeps_the_training(digits, n_init, monkeypatch):
    X, X_test, y, _ = digits
    X, y = X[:200], y[:200]
    expected = ACOLClusterer(**QUICK).fit(X, y)
    kmeans_fit, calls = KMeans.fit, []

    def interrupted(kmeans, *args, **kwargs):
        calls.append(None)
        if len(calls) == n_init:  # once, in the last restart
            raise KeyboardInterrupt
        return kmeans_fit(kmeans, *args, **kwargs)

    monkeypatch.setattr(KMeans, "fit", interrupted)
    est = ACOLClusterer(**QUICK, n_init=n_init)
    with pytest.warns(UserWarning, match="interrupted by user after 3 whole"):
        est.fit(X, y)
    np.testing.assert_array_equal(est.cluster_centers_, expected.cluster_centers_)
    np.testing.assert_array_equal(
        est.predict_proba(X_test), expected.predict_proba(X_test)
    )


def test_where_labels_name_every_cluster_the_nodes_of_a_class_predict_it():
    X, y = load_digits(return_X_y=True)
    X, y_partial = X[:300], mask_labels(y[:300], 50, random_state=0)
    est = ACOLClusterer(max_iter=2, random_state=0).fit(X, y_partial)
    # node j of the identity, the first parent, is of class j % 10
    z = est.activations(X)[:, 0].astype(float)
    of_class = np.exp(z - z.max(1, keepdims=True)).reshape(300, -1, 10).sum(1)
    expected = of_class / of_class.sum(1, keepdims=True)
    np.testing.assert_allclose(est.predict_proba(X), expected, atol=1e-5)
    # with a cluster that no label names, the nearest center does
    est = ACOLClusterer(11, max_iter=2, random_state=0).fit(X, y_partial)
    apart = est.transform(X)[:, None].astype(float) - est.cluster_centers_
    nearest = np.square(apart).sum(2).argmin(1)
    np.testing.assert_array_equal(est.predict(X), est.classes_[nearest])
