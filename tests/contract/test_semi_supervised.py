"""The classifier's view: scikit-learn's checks, and what it does for classifiers."""

import pickle
import re

import joblib
import numpy as np
import pytest
from scipy.special import softmax
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.datasets import load_digits
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    RocCurveDisplay,
    log_loss,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksemi import ACOLClusterer, CatVAEClusterer, GMVAEClusterer, M2Generator
from sksemi.datasets import mask_labels
from sksemi.metrics import labeled_accuracy
from sksemi.model_selection import PartialLabelKFold
from sksemi.semi_supervised import SemiSupervisedClassifier, fit_temperature
from tests.contract.estimators import ESTIMATORS, quick

# short fits of narrow networks may lose a cluster
pytestmark = pytest.mark.filterwarnings(r"ignore:\w+ collapsed")


VIEW = SemiSupervisedClassifier(
    M2Generator(
        hidden_layer_sizes=(32,),
        latent_dim=8,
        max_iter=10,
        learning_rate=3e-3,
        random_state=0,
    )
)
DEFAULT = SemiSupervisedClassifier(GMVAEClusterer(random_state=0))


@pytest.mark.filterwarnings("ignore:y has the values -1 and 1 alone:UserWarning")
@parametrize_with_checks([VIEW])
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:y has the values -1 and 1 alone:UserWarning")
@parametrize_with_checks([DEFAULT])
def test_sklearn_checks_of_the_default(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def split():
    """300 digits of which 50 have a label, and 300 others."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:600] / 16, y[:600]
    return X[:300], mask_labels(y[:300], 50, random_state=0), X[300:], y[300:]


@pytest.fixture(scope="module")
def clf(split):
    X, y, _, _ = split
    est = GMVAEClusterer(
        12, hidden_layer_sizes=(64,), feature_dim=20, max_iter=40, random_state=0
    )
    return SemiSupervisedClassifier(est).fit(X, y)


@pytest.fixture(scope="module")
def binary():
    """The digits 3 and 8, of which 20 have a label, and others."""
    X, y = load_digits(return_X_y=True)
    X, y = X[np.isin(y, [3, 8])] / 16, y[np.isin(y, [3, 8])]
    y_partial = mask_labels(y[:200], 20, random_state=0)
    est = GMVAEClusterer(
        3, hidden_layer_sizes=(32,), feature_dim=10, max_iter=20, random_state=0
    )
    clf = SemiSupervisedClassifier(est).fit(X[:200], y_partial)
    return clf, X[:200], y_partial, X[200:], y[200:]


# ----------------------------------------------------------- probabilities


def test_columns_are_labels_alone(clf, split):
    X, y, X_test, _ = split
    assert clf.classes_.tolist() == list(range(10))
    theirs = clf.estimator_.predict_proba(X_test)
    assert theirs.shape == (300, 12)
    expected = theirs[:, :10] / theirs[:, :10].sum(1, keepdims=True)
    np.testing.assert_allclose(clf.predict_proba(X_test), expected, atol=1e-12)
    np.testing.assert_array_equal(clf.predict(X_test), expected.argmax(1))
    assert clf.score(X, y) == labeled_accuracy(clf, X, y)


@pytest.mark.parametrize("temperature", [0.5, 1, 3.0])
def test_temperature_divides_logarithms(temperature, clf, split):
    X_test = split[2]
    hot = clone(clf).set_params(temperature=temperature).fit(*split[:2])
    powers = clf.predict_proba(X_test) ** (1 / temperature)
    expected = powers / powers.sum(1, keepdims=True)
    np.testing.assert_allclose(hot.predict_proba(X_test), expected, atol=1e-9)
    assert hot.temperature_ == temperature


def test_underflow_is_no_division_by_zero():
    class Sure(BaseEstimator):
        def fit(self, X, y):
            return self

        def predict_proba(self, X):
            return np.tile([0.0, 0.0, 1.0], (len(X), 1))

    clf = SemiSupervisedClassifier(Sure()).fit([[0], [1]], [0, 1])
    np.testing.assert_array_equal(clf.predict_proba([[0]]), [[0.5, 0.5]])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_names_and_containers_of_labels(Estimator, split):
    X, y = split[:2]
    codes = SemiSupervisedClassifier(quick(Estimator, n_clusters=11)).fit(X, y)
    names = np.array([-1 if k < 0 else f"digit {k}" for k in y], dtype=object)
    named = clone(codes).fit(X, names)
    assert named.classes_.tolist() == [f"digit {k}" for k in range(10)]
    np.testing.assert_array_equal(named.predict_proba(X), codes.predict_proba(X))
    assert named.score(X, names) == codes.score(X, y)
    labeled = y >= 0
    # numpy's strings, all labeled
    own = clone(codes).fit(X[labeled], names[labeled].astype(str))
    assert own.classes_.tolist() == named.classes_.tolist()
    assert own.score(X[labeled], names[labeled].astype(str)) >= 0


def test_two_values_of_which_one_is_minus_one_are_classes():
    X, y = np.arange(40.0)[:, None], np.repeat([-1, 1], 20)
    clf = SemiSupervisedClassifier(quick(GMVAEClusterer, max_iter=30))
    with pytest.warns(UserWarning, match="-1 and 1 alone: both count as classes"):
        clf.fit(X, y)
    assert clf.classes_.tolist() == [-1, 1]
    assert clf.score(X, y) == np.mean(clf.predict(X) == y) > 0.8


def test_unusable_labels():
    clf = SemiSupervisedClassifier(quick(GMVAEClusterer))
    X = np.zeros((4, 2))
    for y, message in [
        (None, "requires y to be passed, but the target y is None"),
        ([-1, -1, -1, -1], "no labeled row"),
        ([0.5, 1, 2, 3], "continuous"),
        (np.array(["a", "b", "-1", "-1"]), "the string '-1'"),
    ]:
        with pytest.raises(ValueError, match=message):
            clf.fit(X, y)
    with pytest.raises(ValueError, match="label 7 only once"):
        clf.set_params(temperature="auto").fit(X, [3, 3, 7, -1])
    with pytest.raises(ValueError, match="temperature"):
        clf.set_params(temperature=0).fit(X, [3, 3, 7, -1])
    with pytest.raises(ValueError, match="estimator"):
        SemiSupervisedClassifier(MinMaxScaler()).fit(X, [3, 3, 7, -1])


def test_failed_fit_changes_nothing(clf, split):
    X, y = split[:2]
    clf = pickle.loads(pickle.dumps(clf))
    before = dict(vars(clf))
    clf.set_params(estimator__n_clusters=11)
    with pytest.raises(ValueError, match="NaN"):
        clf.fit(np.full_like(X, np.nan), y)
    assert vars(clf) == before


# ------------------------------------------------------------- temperature


def test_temperature_is_recovered_from_many_rows():
    rng = np.random.RandomState(0)
    logits = 4 * rng.standard_normal((20_000, 5))
    right = softmax(logits / 2.5, axis=1)
    codes = (right.cumsum(1) > rng.uniform(size=(20_000, 1))).argmax(1)
    assert fit_temperature(softmax(logits, axis=1), codes) == pytest.approx(2.5, 0.03)


def test_temperature_of_few_rows_is_drawn_to_one():
    """It maximizes the likelihood times the prior, on a grid; copies weigh more."""
    rng = np.random.RandomState(1)
    proba = softmax(6 * rng.standard_normal((12, 3)), axis=1)
    codes = rng.randint(3, size=12)
    grid = np.exp(np.linspace(-3, 3, 6001))

    def objective(t):
        powers = np.log(proba) / t
        right = powers[np.arange(12), codes] - np.log(np.exp(powers).sum(1))
        return right.sum() - 5 * np.log(t) ** 2

    best = grid[np.argmax([objective(t) for t in grid])]
    assert fit_temperature(proba, codes) == pytest.approx(best, rel=2e-3)
    copies = fit_temperature(np.tile(proba, (50, 1)), np.tile(codes, 50))
    assert copies > best > 1
    assert fit_temperature(proba[:0], codes[:0]) == pytest.approx(1, abs=1e-4)


class Remembering(ClassifierMixin, BaseEstimator):
    """GaussianNB on the labeled rows, which writes down what it was given."""

    def __init__(self, log):
        self.log = log

    def __sklearn_clone__(self):
        return Remembering(self.log)

    def fit(self, X, y):
        y = np.asarray(y).astype(int)
        self.log.append((X, y))
        self.nb_ = GaussianNB().fit(X[y >= 0], y[y >= 0])
        self.classes_ = self.nb_.classes_
        return self

    def predict_proba(self, X):
        return self.nb_.predict_proba(X)


def test_rows_are_predicted_by_fits_without_them(split):
    X, y = split[:2]
    X = X + 0.3 * np.random.RandomState(0).standard_normal(X.shape)
    log = []
    clf = SemiSupervisedClassifier(Remembering(log), temperature="auto").fit(X, y)
    np.testing.assert_array_equal(log[0][0], X)
    np.testing.assert_array_equal(log[0][1], y)
    number = {row.tobytes(): k for k, row in enumerate(X)}
    left_out, proba = [], np.empty((300, 10))
    for rows, labels in log[1:]:
        own = np.array([number[row.tobytes()] for row in rows])
        np.testing.assert_array_equal(labels, y[own])
        others = np.setdiff1d(np.arange(300), own)
        known = own[y[own] >= 0]
        proba[others] = GaussianNB().fit(X[known], y[known]).predict_proba(X[others])
        left_out.append(others)
    # every labeled row once, and no other
    np.testing.assert_array_equal(
        np.sort(np.concatenate(left_out)), np.flatnonzero(y >= 0)
    )
    assert clf.temperature_ == pytest.approx(fit_temperature(proba[y >= 0], y[y >= 0]))
    powers = np.maximum(proba[y >= 0], np.finfo(float).tiny) ** (1 / clf.temperature_)
    powers /= powers.sum(1, keepdims=True)
    np.testing.assert_allclose(clf.cross_val_proba_, powers, atol=1e-12)
    assert clone(clf).set_params(temperature=None).fit(X, y).cross_val_proba_ is None
    # threads, as processes cannot write to the list
    with joblib.parallel_config("threading"):
        parallel = clone(clf).set_params(n_jobs=2).fit(X, y)
    assert parallel.temperature_ == clf.temperature_


def test_ensemble_is_the_mean_of_the_fits(split):
    """Of all rows and of each fold's, each divided by the temperature."""
    X, y, X_test, _ = split
    X = X + 0.3 * np.random.RandomState(0).standard_normal(X.shape)
    clf = SemiSupervisedClassifier(Remembering([]), temperature="auto").fit(X, y)
    fits = [np.arange(300), *(train for train, _ in PartialLabelKFold(5).split(X, y))]
    expected = []
    for rows in fits:
        known = rows[y[rows] >= 0]
        proba = GaussianNB().fit(X[known], y[known]).predict_proba(X_test)
        powers = np.maximum(proba, np.finfo(float).tiny) ** (1 / clf.temperature_)
        expected.append(powers / powers.sum(1, keepdims=True))
    assert len(clf.estimators_) == 6
    assert clf.estimators_[0] is clf.estimator_
    np.testing.assert_allclose(
        clf.predict_proba(X_test), np.mean(expected, axis=0), atol=1e-12
    )
    np.testing.assert_array_equal(
        clf.predict(X_test), np.mean(expected, axis=0).argmax(1)
    )
    alone = clone(clf).set_params(ensemble=False).fit(X, y)
    assert alone.estimators_ == [alone.estimator_]
    assert alone.temperature_ == clf.temperature_
    np.testing.assert_allclose(alone.predict_proba(X_test), expected[0], atol=1e-12)
    assert len(clone(clf).set_params(temperature=2).fit(X, y).estimators_) == 1


# ------------------------------------------- what scikit-learn asks of an estimator


def test_it_is_a_classifier(clf, split):
    assert is_classifier(clf)
    tags = get_tags(clf)
    assert tags.target_tags.required
    assert tags.input_tags == get_tags(clf.estimator).input_tags
    assert tags.transformer_tags == get_tags(clf.estimator).transformer_tags
    copy = clone(clf)
    assert copy.get_params()["estimator__max_iter"] == 40
    assert not hasattr(copy, "estimator_")
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(
        loaded.predict_proba(split[2]), clf.predict_proba(split[2])
    )
    assert clf.n_features_in_ == 64
    assert not hasattr(clf, "feature_names_in_")


def test_methods_are_those_of_the_estimator(clf, split):
    X = split[0][:20]
    np.testing.assert_array_equal(clf.transform(X), clf.estimator_.transform(X))
    np.testing.assert_array_equal(clf.score_samples(X), clf.estimator_.score_samples(X))
    rows, labels = clf.sample(5, y=3)
    assert rows.shape == (5, 64)
    assert set(labels) == {3}
    other = SemiSupervisedClassifier(quick(CatVAEClusterer))
    assert hasattr(other, "transform")
    assert not hasattr(other, "sample")
    assert not hasattr(SemiSupervisedClassifier(GaussianNB()), "transform")
    assert isinstance(SemiSupervisedClassifier()._estimator(), GMVAEClusterer)


def test_images_and_pipelines(split):
    X, y = split[:2]
    images = SemiSupervisedClassifier(quick(GMVAEClusterer)).fit(X.reshape(-1, 8, 8), y)
    assert images.predict_proba(X.reshape(-1, 8, 8)).shape == (300, 10)
    pipe = make_pipeline(MinMaxScaler(), quick(GMVAEClusterer, n_clusters=11))
    inside = SemiSupervisedClassifier(pipe).fit(X, y)
    outside = make_pipeline(
        MinMaxScaler(), SemiSupervisedClassifier(quick(GMVAEClusterer, n_clusters=11))
    ).fit(X, y)
    np.testing.assert_array_equal(inside.predict_proba(X), outside.predict_proba(X))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output(container, split):
    X, y = split[:2]
    module = pytest.importorskip(container)
    clf = SemiSupervisedClassifier(quick(GMVAEClusterer)).set_output(
        transform=container
    )
    frame = clone(clf).fit_transform(X, y)
    assert isinstance(frame, module.DataFrame)
    fitted = clf.fit(X, y)
    assert list(frame.columns) == fitted.get_feature_names_out().tolist()
    assert isinstance(fitted.set_output(transform="default").transform(X), np.ndarray)


def test_html_shows_both(clf):
    for html in (clf._repr_html_(), clone(clf)._repr_html_()):
        assert "SemiSupervisedClassifier" in html
        assert "GMVAEClusterer" in html
        assert not re.search(r'href="(?!https://scikit-learn\.org)', html)


def test_parents_are_routed(split):
    X, y = split[:2]
    parents = load_digits().target[:300] // 5
    est = quick(ACOLClusterer)
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        SemiSupervisedClassifier(est).fit(X, y, parents=parents)
    with config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError, match="parents"):
            SemiSupervisedClassifier(est).fit(X, y, parents=parents)
        est.set_fit_request(parents=True)
        clf = SemiSupervisedClassifier(est, temperature="auto")
        clf.fit(X, y, parents=parents)
    direct = clone(est).fit(X, y, parents=parents)
    np.testing.assert_array_equal(
        clf.estimator_.predict_proba(X), direct.predict_proba(X)
    )


def test_weights_are_routed_to_score(binary):
    clf, X, y_partial, _, _ = binary
    weights = np.random.RandomState(0).uniform(size=len(X))
    folds = PartialLabelKFold(2)
    with config_context(enable_metadata_routing=True):
        asking = clone(clf).set_score_request(sample_weight=True)
        scores = cross_val_score(
            asking, X, y_partial, cv=folds, params={"sample_weight": weights}
        )
    for score, (train, test) in zip(scores, folds.split(X, y_partial), strict=True):
        right = clone(clf).fit(X[train], y_partial[train]).predict(X[test])
        expected = np.average(right == y_partial[test], weights=weights[test])
        assert score == pytest.approx(expected)
    # rows without a label weigh nothing
    labeled = y_partial >= 0
    assert clf.score(X, y_partial, weights) == pytest.approx(
        clf.score(X[labeled], y_partial[labeled], weights[labeled])
    )


# --------------------------------------------- what it does for classifiers alone


def test_calibrated_on_rows_apart(clf, split):
    """Sigmoids and temperatures of rows that the fit has not seen."""
    X_test, y_test = split[2:]
    for method in ("sigmoid", "temperature"):
        calibrated = CalibratedClassifierCV(FrozenEstimator(clf), method=method)
        calibrated.fit(X_test[:150], y_test[:150])
        before = log_loss(y_test[150:], clf.predict_proba(X_test[150:]))
        after = log_loss(y_test[150:], calibrated.predict_proba(X_test[150:]))
        assert after < before


def test_calibrated_by_folds(binary):
    clf, X, y_partial, X_test, y_test = binary
    calibrated = CalibratedClassifierCV(clf, cv=2, ensemble=False)
    calibrated.fit(X_test, y_test)
    assert calibrated.classes_.tolist() == [3, 8]
    labeled = y_partial >= 0
    assert calibrated.score(X[labeled], y_partial[labeled]) > 0.8


def test_voting(clf, split):
    """Of a frozen view, fitted on all rows, and a model of the labeled ones."""
    X, y, X_test, _ = split
    labeled = y >= 0
    linear = LogisticRegression().fit(X[labeled], y[labeled])
    voting = VotingClassifier(
        [("view", FrozenEstimator(clf)), ("linear", LogisticRegression())],
        voting="soft",
    ).fit(X[labeled], y[labeled])
    expected = (clf.predict_proba(X_test) + linear.predict_proba(X_test)) / 2
    np.testing.assert_allclose(voting.predict_proba(X_test), expected, atol=1e-6)


def test_stacking(clf, split):
    X, y, X_test, y_test = split
    stack = StackingClassifier(
        [("view", clf), ("linear", LogisticRegression().fit(X[y >= 0], y[y >= 0]))],
        final_estimator=LogisticRegression(C=10),
        cv="prefit",
    ).fit(X_test[:150], y_test[:150])
    columns = stack.transform(X_test[150:])
    np.testing.assert_array_equal(columns[:, :10], clf.predict_proba(X_test[150:]))
    assert stack.score(X_test[150:], y_test[150:]) > 0.7


def test_tuned_threshold(binary):
    clf, _, _, X_test, y_test = binary
    tuned = TunedThresholdClassifierCV(
        clf, cv="prefit", refit=False, scoring="balanced_accuracy"
    ).fit(X_test, y_test)
    above = clf.predict_proba(X_test)[:, 1] >= tuned.best_threshold_
    np.testing.assert_array_equal(tuned.predict(X_test) == 8, above)
    assert tuned.score(X_test, y_test) >= clf.score(X_test, y_test)


def test_displays(binary):
    mpl = pytest.importorskip("matplotlib")
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    clf, _, _, X_test, y_test = binary
    matrix = ConfusionMatrixDisplay.from_estimator(clf, X_test, y_test).confusion_matrix
    assert np.trace(matrix) == np.sum(clf.predict(X_test) == y_test)
    area = RocCurveDisplay.from_estimator(clf, X_test, y_test).roc_auc
    expected = roc_auc_score(y_test, clf.predict_proba(X_test)[:, 1])
    assert area == pytest.approx(expected)
    curve = CalibrationDisplay.from_estimator(clf, X_test, y_test, n_bins=3)
    np.testing.assert_array_equal(curve.y_prob, clf.predict_proba(X_test)[:, 1])
    plt.close("all")


def test_scores_and_importances(binary):
    clf, X, y_partial, X_test, y_test = binary
    scores = cross_val_score(
        clf, X, y_partial, cv=PartialLabelKFold(2), scoring="roc_auc"
    )
    for score, (train, test) in zip(
        scores, PartialLabelKFold(2).split(X, y_partial), strict=True
    ):
        fold = clone(clf).fit(X[train], y_partial[train])
        proba = fold.predict_proba(X[test])[:, 1]
        assert score == roc_auc_score(y_partial[test], proba)
    found = permutation_importance(
        clf, X_test, y_test, scoring="roc_auc", n_repeats=2, random_state=0
    )
    # a pixel that is 0 in every row says nothing
    np.testing.assert_array_equal(
        found.importances_mean[np.ptp(X_test, axis=0) == 0], 0
    )
    assert found.importances_mean.max() > 0


def test_five_folds_of_partial_labels(split):
    X, y = split[:2]
    clf = SemiSupervisedClassifier(quick(GMVAEClusterer))
    search = GridSearchCV(
        clf, {"estimator__max_iter": [1, 15]}, cv=PartialLabelKFold(5)
    ).fit(X, y)
    assert search.best_params_ == {"estimator__max_iter": 15}
    # cv=5 is stratified, and rows with -1 do not count in its score
    scores = cross_val_score(clf, X, y, cv=5)
    assert np.isfinite(scores).all()
