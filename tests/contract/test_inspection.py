"""Displays: what they hold, where they draw, what they refuse."""

import inspect
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

mpl.use("Agg")
import matplotlib.pyplot as plt

from sksemi import inspection
from sksemi.inspection import (
    ActivityGraphDisplay,
    ClusterExamplesDisplay,
    HistoryDisplay,
    LatentSpaceDisplay,
    ReconstructionDisplay,
    SampleGridDisplay,
)
from tests.contract.estimators import ESTIMATORS, having, quick

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    try:
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()  # whatever it shows can be drawn
    finally:
        plt.close("all")


@pytest.fixture(scope="module")
def fitted(digits):
    """Every estimator, fitted on images once."""
    X, _, y_partial = digits
    return {
        Estimator: quick(Estimator).fit(X.reshape(-1, 8, 8), y_partial)
        for Estimator in ESTIMATORS
    }


def cells(display):
    """The images that a grid shows, cut out of the picture: (rows, columns, H, W)."""
    mosaic = np.pad(display.im_.get_array().filled(np.nan), [(0, 1), (0, 1)])
    n_rows, n_columns, height, width = display.images.shape
    grid = mosaic.reshape(n_rows, height + 1, n_columns, width + 1)
    return grid.swapaxes(1, 2)[:, :, :-1, :-1]


# ------------------------------------------------------------ latent space


@pytest.mark.parametrize("Estimator", having("transform"))
def test_latent_space(Estimator, fitted, images):
    X, y, y_partial = images
    est = fitted[Estimator]
    display = LatentSpaceDisplay.from_estimator(est, X, y)
    assert display.coordinates.shape == (300, 2)
    assert display.figure_ is display.ax_.figure
    assert len(display.scatter_) == 10
    # every point in the color of its digit
    for digit, points in enumerate(display.scatter_):
        np.testing.assert_allclose(
            points.get_offsets(), display.coordinates[y == digit], rtol=1e-6
        )
    # PCA's plane is that of the largest variance, centered
    features = est.transform(X)
    spread = np.linalg.svd(features - features.mean(0), compute_uv=False)[:2]
    np.testing.assert_allclose(
        np.linalg.norm(display.coordinates, axis=0), spread, rtol=1e-3
    )
    np.testing.assert_allclose(display.coordinates.mean(0), 0, atol=1e-3)
    # labels that are missing, and those of predict
    partial = LatentSpaceDisplay.from_estimator(est, X, y_partial)
    assert len(partial.scatter_[0].get_offsets()) == np.sum(y_partial < 0)
    assert partial.scatter_[0].get_label() == "no label"
    own = LatentSpaceDisplay.from_estimator(est, X)
    np.testing.assert_array_equal(own.y, est.predict(X))


@pytest.mark.parametrize("Estimator", having("transform"))
def test_other_transformers_and_parts(Estimator, fitted, images):
    X, y, _ = images
    est = fitted[Estimator]
    for transformer in ("tsne", FactorAnalysis(2)):
        display = LatentSpaceDisplay.from_estimator(
            est, X, y, transformer=transformer, n_samples=60
        )
        assert display.coordinates.shape == (60, 2)
        assert np.isfinite(display.coordinates).all()
        again = LatentSpaceDisplay.from_estimator(
            est, X, y, transformer=transformer, n_samples=60
        )
        np.testing.assert_array_equal(display.coordinates, again.coordinates)
        np.testing.assert_array_equal(display.y, again.y)


@pytest.mark.parametrize("Estimator", having("transform"))
def test_latent_space_of_a_pipeline(Estimator, digits):
    X, y, y_partial = digits
    pipe = make_pipeline(MinMaxScaler(), quick(Estimator, max_iter=1))
    frame = pd.DataFrame(X, columns=[f"pixel {k}" for k in range(64)])
    pipe.set_output(transform="pandas").fit(frame, y_partial)
    display = LatentSpaceDisplay.from_estimator(pipe, frame, pd.Series(y), n_samples=50)
    assert display.coordinates.shape == (50, 2)


def test_latent_space_of_arrays():
    features = np.random.RandomState(0).standard_normal((40, 2))
    names = np.array(["ant", "bee"] * 20)
    _, ax = plt.subplots()
    display = LatentSpaceDisplay.from_predictions(
        features, names, transformer=None, ax=ax, s=3, legend=False
    )
    assert display.ax_ is ax
    np.testing.assert_array_equal(display.coordinates, features)
    assert [points.get_label() for points in display.scatter_] == ["ant", "bee"]
    assert ax.get_legend() is None
    assert display.scatter_[0].get_sizes() == [3]
    plain = LatentSpaceDisplay.from_predictions(features)
    assert len(plain.scatter_) == 1
    assert len(LatentSpaceDisplay.from_predictions(features[:, :1]).coordinates) == 40
    many = LatentSpaceDisplay.from_predictions(features, np.arange(40))
    colors = {tuple(points.get_facecolor()[0]) for points in many.scatter_}
    assert len(colors) == 40


def test_bad_latent_space(digits):
    X, y, _ = digits
    with pytest.raises(ValueError, match='transformer=\'umap\' must be "pca", "tsne"'):
        LatentSpaceDisplay.from_predictions(X, y, transformer="umap")
    with pytest.raises(ValueError, match=r"gives coordinates of shape \(300, 64\)"):
        LatentSpaceDisplay.from_predictions(X, y, transformer=None)
    with pytest.raises(ValueError, match="n_samples=0"):
        LatentSpaceDisplay.from_predictions(X, y, n_samples=0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LatentSpaceDisplay.from_predictions(X, y[:-1])
    with pytest.raises(TypeError, match="needs an estimator with the method transform"):
        LatentSpaceDisplay.from_estimator(BaseEstimator(), X, y)


# ------------------------------------------------------------ image grids


@pytest.mark.parametrize("Estimator", having("sample"))
def test_samples_of_each_class(Estimator, fitted):
    est = fitted[Estimator]
    display = SampleGridDisplay.from_estimator(est, n_columns=4)
    expected, _ = est.sample(40, y=np.repeat(est.classes_, 4))
    expected = expected.reshape(10, 4, 8, 8)
    np.testing.assert_array_equal(display.images, expected)
    np.testing.assert_array_equal(cells(display), expected)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == [str(label) for label in est.classes_]
    some = SampleGridDisplay.from_estimator(est, y=[3, 8], n_columns=2)
    assert some.images.shape == (2, 2, 8, 8)
    one = SampleGridDisplay.from_estimator(est, y=3, n_columns=2)
    assert one.images.shape == (1, 2, 8, 8)


@pytest.mark.parametrize("Estimator", having("sample"))
def test_samples_of_tables(Estimator, digits):
    X, _, y_partial = digits
    est = quick(Estimator, max_iter=1).fit(X, y_partial)
    with pytest.raises(ValueError, match=r"give image_shape=\(height, width\)"):
        SampleGridDisplay.from_estimator(est)
    display = SampleGridDisplay.from_estimator(est, image_shape=(8, 8))
    assert display.images.shape == (10, 10, 8, 8)
    est.set_params(image_shape=(1, 8, 8)).fit(X, y_partial)
    assert SampleGridDisplay.from_estimator(est).images.shape == (10, 10, 8, 8)


class Plane(BaseEstimator):
    """Draws the point z2 as a picture; y is the height of the picture."""

    classes_ = np.arange(3)

    def fit(self, X=None, y=None):
        self.fitted_ = True
        return self

    def sample(self, n_samples=1, y=None, z2=None):
        assert z2.shape == (n_samples, 2)
        height = 3 if y is None else y + 1
        images = np.zeros((n_samples, height, 5))
        images[:, 0, :2] = z2
        return images, np.zeros(n_samples)


def test_mesh_of_a_latent_plane():
    """The second coordinate grows upwards, the first to the right."""
    display = SampleGridDisplay.from_estimator(
        Plane().fit(), kind="mesh", n_columns=5, limits=(-1, 3)
    )
    first, second = display.images[:, :, 0, 0], display.images[:, :, 0, 1]
    np.testing.assert_array_equal(first, np.tile([-1, 0, 1, 2, 3], (5, 1)))
    np.testing.assert_array_equal(second, np.tile([[3], [2], [1], [0], [-1]], (1, 5)))
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["3", "2", "1", "0", "-1"]
    # a label stands beside the middle of its row of pictures
    assert display.ax_.get_yticks()[1] == 4 + 1
    given = SampleGridDisplay.from_estimator(
        Plane().fit(), kind="mesh", y=6, n_columns=2
    )
    assert given.images.shape == (2, 2, 7, 5)


@pytest.mark.parametrize("Estimator", having("sample"))
def test_mesh_where_z2_can_be_given(Estimator, fitted, images):
    X, _, y_partial = images
    if "z2" not in inspect.signature(Estimator.sample).parameters:
        with pytest.raises(TypeError, match="whose sample takes z2"):
            SampleGridDisplay.from_estimator(fitted[Estimator], kind="mesh")
    else:
        est = quick(Estimator, z2_dim=2).fit(X, y_partial)
        display = SampleGridDisplay.from_estimator(est, kind="mesh", n_columns=4)
        assert display.images.shape == (4, 4, 8, 8)
        SampleGridDisplay.from_estimator(est, kind="mesh", y=est.classes_[3])


def test_samples_of_arrays():
    X, y = np.random.RandomState(0).uniform(size=(7, 1, 4, 6)), [5, 5, 2, 5, 2, 5, 5]
    display = SampleGridDisplay.from_predictions(X, y, n_columns=3)
    assert display.images.shape == (2, 3, 4, 6)
    np.testing.assert_array_equal(display.images[0, :2], X[[2, 4], 0])
    assert np.isnan(display.images[0, 2]).all()
    np.testing.assert_array_equal(display.images[1], X[[0, 1, 3], 0])
    plain = SampleGridDisplay.from_predictions(X, n_columns=3)
    np.testing.assert_array_equal(plain.images.reshape(9, 4, 6)[:7], X.reshape(7, 4, 6))
    color = SampleGridDisplay.from_predictions(np.ones((4, 3, 5, 5)), n_columns=2)
    assert color.images.shape == (2, 2, 5, 5, 3)
    assert color.im_.get_array().shape == (11, 11, 4)


def test_values_outside_the_unit_interval_are_all_shown():
    X = np.random.RandomState(0).normal(scale=5, size=(6, 4, 4))
    display = SampleGridDisplay.from_predictions(X, n_columns=3)
    assert display.im_.get_clim() == (X.min(), X.max())
    inside = SampleGridDisplay.from_predictions(X / X.max() / 9 + 0.5, n_columns=3)
    assert inside.im_.get_clim() == (0, 1)
    uint8 = np.full((3, 4, 4), 255, np.uint8)
    assert SampleGridDisplay.from_predictions(uint8).images[0, 0].max() == 1


@pytest.mark.parametrize("Estimator", having("reconstruct"))
def test_reconstructions(Estimator, fitted, images):
    X, _, _ = images
    est = fitted[Estimator]
    display = ReconstructionDisplay.from_estimator(est, X, n_samples=None)
    np.testing.assert_array_equal(display.images, X)
    np.testing.assert_array_equal(display.reconstructions, est.reconstruct(X))
    few = ReconstructionDisplay.from_estimator(est, X, n_samples=7, n_columns=4)
    assert few.images.shape == (7, 8, 8)
    np.testing.assert_allclose(
        few.reconstructions, est.reconstruct(few.images), atol=1e-6
    )
    by_hand = ReconstructionDisplay.from_predictions(
        few.images, few.reconstructions, n_columns=4
    )
    np.testing.assert_array_equal(
        by_hand.im_.get_array().filled(-1), few.im_.get_array().filled(-1)
    )
    # rows above their reconstructions
    mosaic = few.im_.get_array()
    np.testing.assert_array_equal(mosaic[:8, :8], few.images[0])
    np.testing.assert_array_equal(mosaic[9:17, :8], few.reconstructions[0])
    np.testing.assert_array_equal(mosaic[18:26, :8], few.images[4])


@every_estimator
def test_examples_of_clusters(Estimator, fitted, images):
    X, _, _ = images
    est = fitted[Estimator]
    labels, proba = est.predict(X), est.predict_proba(X)
    display = ClusterExamplesDisplay.from_estimator(est, X, n_examples=5)
    assert display.clusters == est.classes_.tolist()
    assert display.images.shape == (10, 5, 8, 8)
    for k, label in enumerate(est.classes_):
        members = X[labels == label]
        assert display.counts[k] == len(members)
        n_shown = min(5, len(members))
        for image in display.images[k, :n_shown]:
            assert (image == members).all((1, 2)).any()
        assert np.isnan(display.images[k, n_shown:]).all()
    surest = ClusterExamplesDisplay.from_estimator(est, X, order="probability")
    k = int(display.counts.argmax())
    members = np.flatnonzero(labels == est.classes_[k])
    best = members[np.argsort(-proba[members].max(1), kind="stable")][:10]
    np.testing.assert_array_equal(surest.images[k, : len(best)], X[best])


def test_examples_of_arrays(digits):
    X, _, _ = digits
    labels = KMeans(4, n_init=1, random_state=0).fit_predict(X)
    display = ClusterExamplesDisplay.from_predictions(
        X, labels, image_shape=(8, 8), n_examples=3, random_state=1
    )
    assert display.images.shape == (4, 3, 8, 8)
    assert display.counts.tolist() == np.bincount(labels).tolist()
    with pytest.raises(ValueError, match=r"image_shape=\(7, 8\) must be"):
        ClusterExamplesDisplay.from_predictions(X, labels, image_shape=(7, 8))
    with pytest.raises(ValueError, match="n_examples=0"):
        ClusterExamplesDisplay.from_predictions(
            X, labels, image_shape=(8, 8), n_examples=0
        )
    with pytest.raises(ValueError, match="no images of one or three channels"):
        ClusterExamplesDisplay.from_predictions(np.zeros((300, 5, 8, 8)), labels)


@every_estimator
def test_bad_arguments(Estimator, fitted, images):
    X, _, _ = images
    est = fitted[Estimator]
    with pytest.raises(ValueError, match="order='best' must be"):
        ClusterExamplesDisplay.from_estimator(est, X, order="best")
    if hasattr(est, "sample"):
        with pytest.raises(ValueError, match="kind='grid' must be"):
            SampleGridDisplay.from_estimator(est, kind="grid")
        with pytest.raises(ValueError, match="n_columns=0"):
            SampleGridDisplay.from_estimator(est, n_columns=0)
        with pytest.raises(NotFittedError):
            SampleGridDisplay.from_estimator(Estimator())
    with pytest.raises(NotFittedError):
        HistoryDisplay.from_estimator(Estimator())
    with pytest.raises(TypeError, match="needs an estimator with the method sample"):
        SampleGridDisplay.from_estimator(MinMaxScaler())
    with pytest.raises(TypeError, match="method activations"):
        ActivityGraphDisplay.from_estimator(MinMaxScaler(), X)
    with pytest.raises(TypeError, match="method reconstruct"):
        ReconstructionDisplay.from_estimator(MinMaxScaler(), X)


# --------------------------------------------------------------- history


@every_estimator
def test_history(Estimator, fitted):
    est = fitted[Estimator]
    display = HistoryDisplay.from_estimator(est)
    names = [name for name in est.history_[0] if name not in ("epoch", "seconds")]
    assert [panel.get_title() for panel in display.axes_] == names
    for name, line in zip(names, display.lines_, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(
            line.get_ydata(), [row[name] for row in est.history_]
        )
    assert len(display.figure_.axes) == len(names)
    # a second one over the first, and one inside given axes
    over = HistoryDisplay.from_estimator(est, ax=display.axes_, label="again")
    assert over.figure_ is display.figure_
    assert all(len(panel.lines) == 2 for panel in display.axes_)
    assert display.axes_[0].get_legend() is not None
    figure, (left, _) = plt.subplots(1, 2)
    inside = HistoryDisplay.from_estimator(est, names=names[:2], ax=left)
    assert inside.figure_ is figure
    assert len(figure.axes) == 4
    edge = left.get_position().x1
    assert all(panel.get_position().x1 <= edge + 1e-9 for panel in inside.axes_)


def test_history_with_gaps():
    history = [{"epoch": 0, "loss": 1.0}, {"epoch": 1, "loss": 0.5, "score": 0.3}]
    display = HistoryDisplay(history=history).plot()
    np.testing.assert_array_equal(display.lines_[1].get_ydata(), [np.nan, 0.3])
    with pytest.raises(ValueError, match=r"names=\['lost'\] are not in history_"):
        HistoryDisplay(history=history, names=["lost"]).plot()
    with pytest.raises(ValueError, match="names is empty"):
        HistoryDisplay(history=history, names=[]).plot()
    with pytest.raises(ValueError, match="3 axes were given for the 2 names"):
        HistoryDisplay(history=history).plot(ax=plt.subplots(1, 3)[1])


# ---------------------------------------------------------------- graphs


def node_activities(node, n_parents, n_nodes, height=9.0):
    """One node active in each row."""
    Z = height * np.eye(n_parents * n_nodes)[node]
    return Z.reshape(-1, n_parents, n_nodes)


def test_graphs_fall_apart_as_they_should():
    """One subgraph per parent on the left, one per active node on the right."""
    node = np.repeat([0, 1, 2, 4, 5], 12)  # of 2 parents with 3 nodes each
    Z = node_activities(node, 2, 3)
    display = ActivityGraphDisplay.from_predictions(Z)
    assert display.n_components_ == (2, 5)
    np.testing.assert_array_equal(display.colors_by[0], node // 3)
    np.testing.assert_array_equal(display.colors_by[1], node)
    # edges of the right graph are a part of those of the left
    left, right = (weight > display.threshold for weight in display.weights)
    assert (left | ~right).all()
    np.testing.assert_array_equal(right, node[:, None] == node)
    # members of a subgraph lie near each other
    for positions, group in zip(display.positions, (node // 3, node), strict=True):
        apart = np.linalg.norm(positions[:, None] - positions, axis=2)
        same = group[:, None] == group
        assert apart[same].mean() < apart[~same].mean() / 2


def test_weights_are_cosines():
    rng = np.random.RandomState(0)
    Z = rng.standard_normal((20, 2, 4))
    Z[0] = -1  # no node is active: an isolated vertex
    display = ActivityGraphDisplay.from_predictions(Z)
    nodes = Z.reshape(20, 8)
    exp = np.exp(nodes)
    Y = np.stack([exp[:, :4].sum(1), exp[:, 4:].sum(1)], 1) / exp.sum(1)[:, None]
    for weight, A in zip(display.weights, (Y, np.maximum(nodes, 0)), strict=True):
        for i in range(20):
            for j in range(20):
                norm = np.sqrt((A[i] @ A[i]) * (A[j] @ A[j]))
                expected = A[i] @ A[j] / norm if norm else 0
                assert weight[i, j] == pytest.approx(expected, abs=1e-12)


class Rotating(BaseEstimator):
    """Activities that tell the transformation and the digit."""

    def activations(self, X, transformation=0):
        return node_activities(10 * transformation + X[:, 0].astype(int), 3, 10)


def test_graphs_of_an_estimator(digits):
    _, y, _ = digits
    X = y[:, None].astype(float)
    display = ActivityGraphDisplay.from_estimator(
        Rotating(), X, y, transformations=(0, 2), n_samples=120
    )
    node = 10 * display.colors_by[0] + display.colors_by[1]
    assert display.n_components_ == (2, len(np.unique(node)))
    assert display.n_components_[1] > 15
    assert len(display.weights[0]) == 120
    assert set(display.colors_by[0]) == {0, 2}
    again = ActivityGraphDisplay.from_estimator(
        Rotating(), X, y, transformations=(0, 2), n_samples=120
    )
    np.testing.assert_array_equal(display.positions[1], again.positions[1])
    coarse = ActivityGraphDisplay.from_estimator(Rotating(), X, parents=y > 4)
    np.testing.assert_array_equal(coarse.colors_by[0], y > 4)
    assert coarse.n_components_ == (1, 10)


@pytest.mark.parametrize("Estimator", having("activations"))
def test_graphs_of_ours(Estimator, fitted, images):
    X, y, _ = images
    display = ActivityGraphDisplay.from_estimator(fitted[Estimator], X, y, n_samples=80)
    assert display.weights[1].shape == (80, 80)


def test_bad_graphs():
    with pytest.raises(ValueError, match=r"Z has shape \(5, 4\)"):
        ActivityGraphDisplay.from_predictions(np.zeros((5, 4)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ActivityGraphDisplay.from_predictions(np.zeros((5, 2, 2)), [0, 1])
    with pytest.raises(ValueError, match="two axes, but 1 were given"):
        ActivityGraphDisplay.from_predictions(np.ones((5, 2, 2)), ax=plt.subplots()[1])


# ------------------------------------------------------------- matplotlib


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("LatentSpaceDisplay.from_estimator", lambda cls: cls.from_estimator(None, 0)),
        ("SampleGridDisplay.from_estimator", lambda cls: cls.from_estimator(None)),
        (
            "ReconstructionDisplay.from_predictions",
            lambda cls: cls.from_predictions(None, None),
        ),
        (
            "ClusterExamplesDisplay.from_predictions",
            lambda cls: cls.from_predictions(None, None),
        ),
        ("HistoryDisplay.plot", lambda cls: cls(history=[]).plot()),
        (
            "ActivityGraphDisplay.from_predictions",
            lambda cls: cls.from_predictions(None),
        ),
    ],
)
def test_without_matplotlib(name, call, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=f"{name} requires matplotlib"):
        call(getattr(inspection, name.split(".")[0]))
