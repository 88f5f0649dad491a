"""What X and y may be, and what is said of the rest."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import MinMaxScaler

from tests.contract.estimators import NARROW, QUICK, having

every_estimator = pytest.mark.parametrize("Estimator", NARROW)


def spoilt(X, value):
    X = np.array(X)
    X[3, 5] = value
    return X


BAD_FITS = {
    "NaN in X": (lambda X, y: (spoilt(X, np.nan), y), {}, "NaN"),
    "inf in X": (lambda X, y: (spoilt(X, np.inf), y), {}, "infinity"),
    "y too short": (
        lambda X, y: (X, y[:-1]),
        {},
        "y has 299 entries.*one integer label",
    ),
    "label below -1": (lambda X, y: (X, y - 1), {}, "below -1.*-1 for rows without"),
    "NaN in y": (
        lambda X, y: (X, np.where(y < 0, np.nan, y)),
        {},
        "y contains NaN.*-1 for rows without",
    ),
    "fractions in y": (
        lambda X, y: (X, y + 0.5),
        {},
        "continuous.*-1 for rows without",
    ),
    "string dtype y": (lambda X, y: (X, y.astype(str)), {}, "dtype=object"),
    "pandas string y": (
        lambda X, y: (X, pd.Series(y.astype(str), dtype="string")),
        {},
        "dtype=object",
    ),
    "pandas default y": (  # pandas' own string type since 3.0, objects before
        lambda X, y: (X, pd.Series(y.astype(str))),
        {},
        "dtype=object|the string '-1'",
    ),
    "None in y": (
        lambda X, y: (X, np.where(y < 0, None, y.astype(object))),
        {},
        "None.*-1 for rows without",
    ),
    "string '-1' in y": (lambda X, y: (X, y.astype(str).astype(object)), {}, "'-1'"),
    "numbers beside strings in y": (
        lambda X, y: (X, np.where(y > 4, "five", y.astype(object))),
        {},
        "mixes strings",
    ),
    "2-D y": (lambda X, y: (X, np.c_[y, y]), {}, "1d array"),
    "image_shape": (
        lambda X, y: (X, y),
        {"image_shape": (1, 7, 9)},
        r"image_shape=\(1, 7, 9\) multiplies to 63.*64 features",
    ),
    "fractional image_shape": (
        lambda X, y: (X, y),
        {"image_shape": (1, 8.5, 8)},
        "image_shape=.*three positive integers",
    ),
    "no image": (lambda X, y: (X.reshape(-1, 8, 8)[:0], y[:0]), {}, "0 sample"),
    "image_shape against X": (
        lambda X, y: (X.reshape(-1, 8, 8), y),
        {"image_shape": (1, 4, 16)},
        "image_shape=None",
    ),
    "channels last": (
        lambda X, y: (X.reshape(-1, 8, 8, 1)[:, :, :, [0, 0, 0]], y),
        {},
        r"X.transpose\(0, 3, 1, 2\)",
    ),
    "sparse X": (lambda X, y: (sparse.csr_array(X), y), {}, "[Ss]parse"),
    "one row": (lambda X, y: (X[:1], y[:1]), {}, "1 sample"),
    "no row": (lambda X, y: (X[:0], y[:0]), {}, "0 sample"),
    "batch_size": (lambda X, y: (X, y), {"batch_size": 0}, "'batch_size'"),
    "device": (lambda X, y: (X, y), {"device": "cuda:97"}, "device=.*'?auto"),
    "nonsense device": (lambda X, y: (X, y), {"device": "gpu"}, "device=.*cuda"),
    "conv on a table": (lambda X, y: (X, y), {"network": "conv"}, "image_shape="),
    "tiny image": (
        lambda X, y: (X.reshape(-1, 4, 16), y),
        {},
        'too small.*network="mlp"',
    ),
    "more clusters than rows": (
        lambda X, y: (X[:5], y[:5]),
        {"n_clusters": 9},
        "n_samples=5 should be >= n_clusters=9",
    ),
    "hidden_layer_sizes": (
        lambda X, y: (X, y),
        {"hidden_layer_sizes": (10, 0), "network": "mlp"},
        "hidden_layer_sizes",
    ),
}


@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
@pytest.mark.parametrize("case", BAD_FITS)
@every_estimator
def test_bad_fit_is_refused_and_changes_nothing(Estimator, case, fitted, digits):
    X, _y, y_partial = digits
    spoil, parameters, message = BAD_FITS[case]
    est = Estimator(**QUICK)
    if fitted:
        est.fit(X[:50], y_partial[:50])
    est.set_params(**parameters)
    before = dict(vars(est))
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        est.fit(*spoil(X, y_partial))
    assert vars(est).keys() == before.keys()
    assert all(vars(est)[name] is before[name] for name in before)
    if fitted:
        assert len(est.set_params(device="cpu").predict(X)) == len(X)


@every_estimator
def test_values_outside_the_unit_interval(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK)
    if "likelihood" not in est.get_params():
        pytest.skip("no likelihood")
    est.fit(X, y_partial)
    bounded = est.likelihood_  # what "auto" is for values in [0, 1]
    with pytest.raises(ValueError, match=rf'"{bounded}".*MinMaxScaler'):
        est.set_params(likelihood=bounded).fit(16 * X, y_partial)


@pytest.mark.parametrize("Estimator", having("score_samples"))
def test_parameters_read_at_call_time_are_checked(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK).fit(X, y_partial).set_params(n_importance_samples=0)
    with pytest.raises(ValueError, match="'n_importance_samples'"):
        est.score_samples(X)


@every_estimator
def test_large_object_integers_stay_apart(Estimator, digits):
    X, y, _ = digits
    y = np.array([2**53 + int(k > 4) for k in y], dtype=object)
    assert Estimator(**QUICK).fit(X, y).classes_.tolist() == [2**53, 2**53 + 1]


@pytest.mark.filterwarnings("ignore:X has values outside:UserWarning")
@every_estimator
def test_range_is_not_checked_after_fit(Estimator, digits):
    """A scaler fitted on other rows sends some outside [0, 1]."""
    X, _y, y_partial = digits
    scaler = MinMaxScaler().fit(X[:100])
    est = Estimator(**QUICK).fit(scaler.transform(X[:100]), y_partial[:100])
    Z = 1.2 * scaler.transform(X) - 0.1
    assert len(est.predict(Z)) == len(est.transform(Z)) == len(X)
    assert np.isfinite(est.score(Z))


@every_estimator
def test_before_fit_and_other_widths(Estimator, digits):
    X, _, y_partial = digits
    with pytest.raises(NotFittedError):
        Estimator().predict(X)
    est = Estimator(**QUICK).fit(X, y_partial)
    with pytest.raises(ValueError, match="64 features"):
        est.predict(X[:, :-1])


@pytest.mark.parametrize("n_rows", [50, 300], ids=["one step", "more"])
@every_estimator
def test_diverging_loss_stops_with_advice(Estimator, n_rows, digits):
    X, _, y_partial = digits
    X, y_partial = X[:n_rows], y_partial[:n_rows]
    est = Estimator(**QUICK | {"max_iter": 1 if n_rows == 50 else 3})
    est.set_params(learning_rate=1e30)
    before = dict(vars(est))
    with pytest.raises(FloatingPointError, match="learning_rate"):
        est.fit(X, y_partial)
    assert vars(est) == before


LABELS = {
    "int64": lambda y: y,
    "int8": lambda y: y.astype(np.int8),
    "whole floats": lambda y: y.astype(float),
    "object integers": lambda y: y.astype(object),
    "list": lambda y: y.tolist(),
    "Series": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "column": lambda y: y[:, None],
    "torch": lambda y: torch.from_numpy(y),
}


@pytest.mark.parametrize("kind", LABELS)
@every_estimator
def test_labels_of_every_type(Estimator, kind, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK).fit(X, LABELS[kind](y_partial))
    np.testing.assert_array_equal(est.classes_, np.arange(10))
    assert est.predict(X).dtype.kind == "i"
    expected = Estimator(**QUICK).fit(X, y_partial)
    np.testing.assert_array_equal(est.labels_, expected.labels_)


@every_estimator
def test_string_labels(Estimator, digits):
    X, y, y_partial = digits
    names = np.array([f"digit {k}" for k in range(10)], dtype=object)
    y_names = np.where(y_partial < 0, -1, names[y_partial])
    est = Estimator(**QUICK, n_clusters=12).fit(X, y_names)
    assert est.classes_.tolist() == [*names, "cluster 10", "cluster 11"]
    codes = Estimator(**QUICK, n_clusters=12).fit(X, y_partial)
    assert codes.classes_.tolist() == list(range(12))
    np.testing.assert_array_equal(est.labels_, est.classes_[codes.labels_])
    assert est.score(X, names[y]) == codes.score(X, y)


@every_estimator
def test_sparse_label_values_and_new_clusters(Estimator, digits):
    X, _, y_partial = digits
    y = np.where(y_partial < 3, y_partial, -1)
    y = np.where(y >= 0, 10 * y + 5, -1)  # 5, 15, 25
    est = Estimator(**QUICK, n_clusters=5).fit(X, y)
    assert est.classes_.tolist() == [5, 15, 25, 26, 27]
    assert est.n_clusters == 5


@every_estimator
def test_fewer_clusters_than_labels(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK, n_clusters=4)
    with pytest.warns(UserWarning, match="n_clusters=4 is less than the 10 labels"):
        est.fit(X, y_partial)
    assert len(est.classes_) == est.predict_proba(X).shape[1] == 10
    assert est.n_clusters == 4


@every_estimator
def test_without_labels_eight_clusters(Estimator, digits):
    X, _y, _ = digits
    for y_none in (None, np.full(len(X), -1)):
        est = Estimator(**QUICK).fit(X, y_none)
        assert est.classes_.tolist() == list(range(8))
        assert est.labels_.dtype.kind == "i"


@pytest.mark.parametrize(
    "make_y",
    [
        lambda y: y,
        lambda y: np.where(y == 3, 3, -1),
        lambda y: np.r_[y[:10], np.full(len(y) - 10, -1)],
        lambda y: np.r_[y[:1], np.full(len(y) - 1, -1)],
        lambda y: np.r_[-1, y[1:]],
    ],
    ids=[
        "all labeled",
        "one label",
        "ten labels",
        "one labeled row",
        "one unlabeled",
    ],
)
@every_estimator
def test_amounts_of_labels(Estimator, make_y, digits):
    X, y, _ = digits
    est = Estimator(**QUICK, n_clusters=10).fit(X, make_y(y))
    proba = est.predict_proba(X)
    assert proba.shape == (300, 10)
    np.testing.assert_allclose(proba.sum(1), 1)
    assert all(np.isfinite(value) for row in est.history_ for value in row.values())


@every_estimator
def test_score(Estimator, digits):
    X, y, y_partial = digits
    est = Estimator(**QUICK).fit(X, y_partial)
    labeled = y_partial >= 0
    right = est.predict(X) == y
    assert est.score(X, y) == pytest.approx(right.mean())
    assert est.score(X, y_partial) == pytest.approx(right[labeled].mean())
    with pytest.warns(UserWarning, match="no labeled row"):
        assert np.isnan(est.score(X, np.full(len(X), -1)))
    # cluster numbers mean nothing without labels: names do not change the score
    est = Estimator(**QUICK, n_clusters=10).fit(X)
    order = np.random.RandomState(0).permutation(10)
    assert est.score(X, y) == est.score(X, order[y]) >= 0.1


# ------------------------------------------------------------ kinds of X

TABLES = {
    "float32": lambda X: X.astype(np.float32),
    "Fortran": np.asfortranarray,
    "reversed twice": lambda X: X[::-1].copy()[::-1],
    "DataFrame": lambda X: pd.DataFrame(X),
    "list": lambda X: X.tolist(),
    "torch": lambda X: torch.tensor(np.array(X)),
}


@pytest.mark.parametrize("kind", TABLES)
@every_estimator
def test_tables_of_every_type(Estimator, kind, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK).fit(TABLES[kind](X), y_partial)
    expected = Estimator(**QUICK).fit(X, y_partial)
    np.testing.assert_allclose(
        est.predict_proba(TABLES[kind](X)), expected.predict_proba(X), atol=1e-6
    )


@every_estimator
def test_image_layouts_are_one(Estimator, images):
    X, _, y_partial = images
    flat = X.reshape(len(X), -1)
    est = Estimator(**QUICK).fit(X, y_partial)
    assert est.n_features_in_ == 64
    behind = Estimator(**QUICK, image_shape=(1, 8, 8)).fit(flat, y_partial)
    np.testing.assert_array_equal(est.predict_proba(X), behind.predict_proba(flat))
    for Z in (X, flat, X[:, None]):
        np.testing.assert_array_equal(est.predict_proba(Z), est.predict_proba(X))
    with pytest.raises(ValueError, match=r"\(1, 4, 16\).*\(1, 8, 8\)"):
        est.predict(X.reshape(-1, 4, 16))
    if hasattr(est, "reconstruct"):
        assert est.reconstruct(flat).shape == X.shape
        assert behind.reconstruct(X).shape == flat.shape
    if hasattr(est, "sample"):
        assert est.sample(3)[0].shape == (3, 8, 8)


@every_estimator
def test_uint8_is_divided_by_255(Estimator, uint8_images):
    X, _y, y_partial = uint8_images
    est = Estimator(**QUICK).fit(X, y_partial)
    assert est.scale_ == 255
    as_float = X.astype(np.float32) / 255
    np.testing.assert_allclose(
        est.predict_proba(as_float), est.predict_proba(X), atol=1e-4
    )
    with pytest.raises(ValueError, match="divide it by 255"):
        est.predict(X.astype(float))


@every_estimator
def test_memory_map(Estimator, digits, tmp_path):
    X, _, y_partial = digits
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    est = Estimator(**QUICK).fit(mapped, y_partial)
    expected = Estimator(**QUICK).fit(X, y_partial)
    np.testing.assert_array_equal(est.predict_proba(mapped), expected.predict_proba(X))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 11), (1, 16, 13), (2, 17, 20)])
@every_estimator
def test_images_of_any_size(Estimator, shape):
    X = np.random.RandomState(0).uniform(size=(30, *shape))
    est = Estimator(**QUICK, n_clusters=3).fit(X)
    assert len(est.predict(X)) == 30
    if hasattr(est, "reconstruct"):
        assert est.reconstruct(X).shape == X.shape


@every_estimator
def test_feature_names(Estimator, digits):
    X, _, y_partial = digits
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    est = Estimator(**QUICK).fit(frame, y_partial)
    assert est.feature_names_in_.tolist() == frame.columns.tolist()
    with pytest.raises(ValueError, match="feature names"):
        est.predict(frame[frame.columns[::-1]])


@pytest.mark.parametrize("Estimator", having("transform"))
def test_set_output(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK).fit(X, y_partial)
    names = est.get_feature_names_out().tolist()
    assert names[0] == f"{Estimator.__name__.lower()}0"
    plain = est.transform(X)
    frame = est.set_output(transform="pandas").transform(X)
    assert frame.columns.tolist() == names
    np.testing.assert_array_equal(frame, plain)
    frame = est.set_output(transform="polars").transform(X)
    assert frame.columns == names


@pytest.mark.parametrize("Estimator", having("transform"))
def test_transform_keeps_the_float_type(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK).fit(X, y_partial)
    for dtype in (np.float32, np.float64):
        assert est.transform(X.astype(dtype)).dtype == dtype


@every_estimator
def test_parameters_are_not_touched(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK)
    before = copy.deepcopy(est.get_params())
    est.fit(X, y_partial)
    assert est.get_params() == before
