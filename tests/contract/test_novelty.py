"""Novelty: scikit-learn's checks, scores by definition, and what is rejected."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone, is_outlier_detector
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksemi import CatVAEClusterer, GMVAEClusterer, M2Generator
from sksemi.novelty import NoveltyDetector
from tests.contract.estimators import ESTIMATORS, having, quick

pytestmark = pytest.mark.filterwarnings(r"ignore:\w+ collapsed")
NARROW = M2Generator(hidden_layer_sizes=(32,), latent_dim=8, max_iter=5, random_state=0)


@parametrize_with_checks(
    [NoveltyDetector(NARROW), NoveltyDetector(NARROW, criterion="density")]
)
def test_sklearn_checks(estimator, check):
    check(estimator)


class Identity(BaseEstimator):
    """Features are the rows; log-density is a standard normal's, up to a constant."""

    def fit(self, X, y=None):
        self.y_ = y
        return self

    def transform(self, X):
        return X

    def score_samples(self, X):
        return -(X**2).sum(1) / 2


def test_distance_to_neighbors_and_quantile():
    rng = np.random.RandomState(0)
    X, X_new = rng.standard_normal((50, 3)), 2 * rng.standard_normal((20, 3))
    detector = NoveltyDetector(Identity(), n_neighbors=4, quantile=0.1).fit(X)

    def mean_of_nearest(distances):
        return np.sort(distances, axis=1)[:, :4].mean(1)

    apart = np.linalg.norm(X[:, None] - X, axis=2)
    own = mean_of_nearest(apart + np.where(np.eye(50), np.inf, 0))
    assert detector.offset_ == pytest.approx(-np.quantile(own, 0.9))
    new = mean_of_nearest(np.linalg.norm(X_new[:, None] - X, axis=2))
    np.testing.assert_allclose(detector.score_samples(X_new), -new)
    np.testing.assert_allclose(
        detector.decision_function(X_new), -new - detector.offset_
    )
    expected = np.where(-new < detector.offset_, -1, 1)
    np.testing.assert_array_equal(detector.predict(X_new), expected)
    assert set(expected) == {-1, 1}


@pytest.mark.parametrize("n_features", [3, 40])  # a tree, and all distances
def test_a_training_row_is_not_its_own_neighbor(n_features):
    X = np.random.RandomState(0).normal(size=(200, n_features))
    X[1] = X[0]  # but a copy of it is
    detector = NoveltyDetector(Identity(), n_neighbors=4, quantile=0.1)
    assert np.sum(detector.fit_predict(X) == -1) == 20
    distance = np.sort(np.linalg.norm(X[:, None] - X, axis=2), axis=1)
    own = distance[:, 1:5].mean(1)
    np.testing.assert_allclose(detector.score_samples(X), -own, atol=1e-6)


@pytest.mark.parametrize("quantile", [0, 0.05, 0.5])
def test_fraction_of_rows_below_the_threshold(quantile):
    X = np.random.RandomState(1).standard_normal((200, 2))
    detector = NoveltyDetector(Identity(), criterion="density", quantile=quantile)
    assert np.sum(detector.fit_predict(X) == -1) == quantile * 200
    np.testing.assert_array_equal(
        detector.score_samples(X), Identity().score_samples(X)
    )


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_foreign_rows_are_rejected(Estimator, digits):
    X, _, y_partial = digits
    # few features that have hardly been trained tell little of a row
    est = Estimator(max_iter=20, random_state=0, device="cpu")
    detector = NoveltyDetector(est).fit(X[:200], y_partial[:200])
    assert is_outlier_detector(detector)
    assert np.mean(detector.predict(X[200:]) == 1) > 0.6
    foreign = 5 * np.random.RandomState(0).standard_normal((100, 64))
    assert np.mean(detector.predict(foreign) == -1) > 0.9
    assert np.mean(detector.score_samples(foreign)) < detector.offset_


@pytest.mark.parametrize("Estimator", having("score_samples"))
def test_density_is_that_of_the_estimator(Estimator, images):
    X, _, y_partial = images
    est = quick(Estimator).fit(X, y_partial)
    detector = NoveltyDetector(FrozenEstimator(est), criterion="density").fit(
        X, y_partial
    )
    np.testing.assert_array_equal(detector.score_samples(X), est.score_samples(X))


def test_frozen_pipelines_and_labels(digits):
    X, _, y_partial = digits
    pipe = make_pipeline(MinMaxScaler(), quick(GMVAEClusterer))
    detector = NoveltyDetector(pipe).fit(X, y_partial)
    frozen = NoveltyDetector(FrozenEstimator(clone(pipe).fit(X, y_partial))).fit(X)
    np.testing.assert_array_equal(detector.score_samples(X), frozen.score_samples(X))
    assert NoveltyDetector(Identity()).fit(X, y_partial).estimator_.y_ is y_partial
    assert isinstance(NoveltyDetector()._estimator(), GMVAEClusterer)


def test_refusals(digits):
    X = digits[0]
    with pytest.raises(ValueError, match="score_samples, which CatVAEClusterer"):
        NoveltyDetector(quick(CatVAEClusterer), criterion="density").fit(X)
    for params in ({"quantile": 1.5}, {"criterion": "loss"}, {"n_neighbors": 0}):
        with pytest.raises(ValueError, match=next(iter(params))):
            NoveltyDetector(Identity(), **params).fit(X)
