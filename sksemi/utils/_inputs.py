"""Checks of X and y: what they may be, and what is said of the rest."""

import copy
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import MinMaxScaler

from sksemi.utils._checking import (
    assert_same_weights,
    assert_unchanged,
    digits,
    images,
    quick,
    raises,
    uint8_images,
    warns,
)


def yield_checks(estimator):
    """Yield the checks of this file that concern an estimator."""
    for case in BAD_FITS:
        for fitted in (False, True):
            yield partial(check_bad_fit_changes_nothing, case=case, fitted=fitted)
    if "likelihood" in estimator.get_params():
        yield check_values_outside_the_unit_interval
    if "n_importance_samples" in estimator.get_params():
        yield check_parameters_read_at_call_time
    yield check_large_object_integers_stay_apart
    yield check_range_is_not_checked_after_fit
    yield check_before_fit_and_other_widths
    for n_rows in (50, 300):  # one step, and more
        yield partial(check_diverging_loss_stops_with_advice, n_rows=n_rows)
    for kind in LABELS:
        yield partial(check_labels_of_every_type, kind=kind)
    yield check_string_labels
    yield check_sparse_label_values_and_new_clusters
    yield check_fewer_clusters_than_labels
    yield check_without_labels_eight_clusters
    for amount in AMOUNTS:
        yield partial(check_amounts_of_labels, amount=amount)
    yield check_score
    for kind in TABLES:
        yield partial(check_tables_of_every_type, kind=kind)
    yield check_image_layouts_are_one
    yield check_uint8_is_divided_by_255
    for kind in ("unit", "wide"):
        yield partial(check_uint8_after_a_fit_on_floats, kind=kind)
    yield check_memory_map
    for kind in ("unit", "wide", "uint8"):
        yield partial(check_sparse_rows, kind=kind)
    for shape in ((1, 8, 8), (3, 9, 11), (1, 16, 13), (2, 17, 20)):
        yield partial(check_images_of_any_size, shape=shape)
    if hasattr(estimator, "transform"):
        yield check_transform_keeps_the_float_type
    yield check_parameters_are_not_touched


def spoilt(X, value):
    """Copy of X with a value in it."""
    X = np.array(X)
    X[3, 5] = value
    return X


# By name: from X and y to those of a bad fit, parameters, what the error says.
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
    "sparse images": (
        lambda X, y: (sparse.coo_array(X.reshape(-1, 8, 8)), y),
        {},
        "sparse array.*dense",
    ),
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
try:
    sparse.coo_array(np.zeros((1, 1, 1)))
except TypeError:  # scipy before 1.13 has no sparse array of three axes
    del BAD_FITS["sparse images"]

LABELS = {
    "int64": lambda y: y,
    "int8": lambda y: y.astype(np.int8),
    "whole floats": lambda y: y.astype(float),
    "object integers": lambda y: y.astype(object),
    "list": lambda y: y.tolist(),
    "column": lambda y: y[:, None],
    "torch": lambda y: torch.from_numpy(y),
}

AMOUNTS = {
    "all labeled": lambda y: y,
    "one label": lambda y: np.where(y == 3, 3, -1),
    "ten labels": lambda y: np.r_[y[:10], np.full(len(y) - 10, -1)],
    "one labeled row": lambda y: np.r_[y[:1], np.full(len(y) - 1, -1)],
    "one unlabeled": lambda y: np.r_[-1, y[1:]],
}

TABLES = {
    "float32": lambda X: X.astype(np.float32),
    "Fortran": np.asfortranarray,
    "reversed twice": lambda X: X[::-1].copy()[::-1],
    "list": lambda X: X.tolist(),
    "torch": lambda X: torch.tensor(np.array(X)),
}


def check_bad_fit_changes_nothing(name, estimator_orig, case, fitted):
    """Refuse with a remedy, and leave the estimator as it was.

    ``case`` is a name in `BAD_FITS`, or what stands there.
    """
    X, _, y_partial = digits()
    spoil, parameters, message = BAD_FITS[case] if isinstance(case, str) else case
    est = quick(estimator_orig, max_iter=1)
    if fitted:
        est.fit(X[:50], y_partial[:50])
    est.set_params(**parameters)
    before = dict(vars(est))
    with raises((ValueError, TypeError), message):
        est.fit(*spoil(X, y_partial))
    assert_unchanged(est, before)
    if fitted:
        assert len(est.set_params(device="cpu").predict(X)) == len(X)


def check_values_outside_the_unit_interval(name, estimator_orig):
    """Refuse them in fit, where the likelihood is of values in [0, 1]."""
    X, _, y_partial = digits()
    est = quick(estimator_orig).fit(X, y_partial)
    bounded = est.likelihood_  # what "auto" is for values in [0, 1]
    with raises(ValueError, rf'"{bounded}".*MinMaxScaler'):
        est.set_params(likelihood=bounded).fit(16 * X, y_partial)


def check_parameters_read_at_call_time(name, estimator_orig):
    """They are checked there."""
    X, _, y_partial = digits()
    est = quick(estimator_orig).fit(X, y_partial).set_params(n_importance_samples=0)
    with raises(ValueError, "'n_importance_samples'"):
        est.score_samples(X)


def check_large_object_integers_stay_apart(name, estimator_orig):
    """Though as floats they would be one."""
    X, y, _ = digits()
    y = np.array([2**53 + int(k > 4) for k in y], dtype=object)
    assert quick(estimator_orig).fit(X, y).classes_.tolist() == [2**53, 2**53 + 1]


def check_range_is_not_checked_after_fit(name, estimator_orig):
    """Take rows that a scaler fitted on other rows sends outside [0, 1]."""
    X, _, y_partial = digits()
    scaler = MinMaxScaler().fit(X[:100])
    est = quick(estimator_orig).fit(scaler.transform(X[:100]), y_partial[:100])
    Z = 1.2 * scaler.transform(X) - 0.1
    assert len(est.predict(Z)) == len(est.transform(Z)) == len(X)
    with warnings.catch_warnings():  # a Bernoulli likelihood clips, and says so
        warnings.filterwarnings("ignore", message="X has values outside")
        assert np.isfinite(est.score(Z))


def check_before_fit_and_other_widths(name, estimator_orig):
    """Refuse both in predict."""
    X, _, y_partial = digits()
    with raises(NotFittedError, ""):
        clone(estimator_orig).predict(X)
    est = quick(estimator_orig).fit(X, y_partial)
    with raises(ValueError, "64 features"):
        est.predict(X[:, :-1])


def check_diverging_loss_stops_with_advice(name, estimator_orig, n_rows):
    """In its last step too, whose loss came before."""
    X, _, y_partial = digits()
    X, y_partial = X[:n_rows], y_partial[:n_rows]
    est = quick(estimator_orig, max_iter=1 if n_rows == 50 else 3)
    est.set_params(learning_rate=1e30)
    before = dict(vars(est))
    with raises(FloatingPointError, "learning_rate"):
        est.fit(X, y_partial)
    assert vars(est) == before


def check_labels_of_every_type(name, estimator_orig, kind):
    """They are the same labels; ``kind`` is a name in `LABELS`, or a function."""
    X, _, y_partial = digits(150)
    est = quick(estimator_orig).fit(X, LABELS.get(kind, kind)(y_partial))
    np.testing.assert_array_equal(est.classes_, np.arange(10))
    assert est.predict(X).dtype.kind == "i"
    expected = quick(estimator_orig).fit(X, y_partial)
    np.testing.assert_array_equal(est.labels_, expected.labels_)


def check_string_labels(name, estimator_orig):
    """In an object array beside the integer -1; new clusters get names too."""
    X, y, y_partial = digits()
    names = np.array([f"digit {k}" for k in range(10)], dtype=object)
    y_names = np.where(y_partial < 0, -1, names[y_partial])
    est = quick(estimator_orig, n_clusters=12).fit(X, y_names)
    assert est.classes_.tolist() == [*names, "cluster 10", "cluster 11"]
    codes = quick(estimator_orig, n_clusters=12).fit(X, y_partial)
    assert codes.classes_.tolist() == list(range(12))
    np.testing.assert_array_equal(est.labels_, est.classes_[codes.labels_])
    expected = codes.score(X, y)
    for true in (names[y], names[y].astype(str), names[y].tolist()):
        assert est.score(X, true) == expected


def check_sparse_label_values_and_new_clusters(name, estimator_orig):
    """Clusters that no label names are numbered on from the largest label."""
    X, _, y_partial = digits()
    y = np.where(y_partial < 3, y_partial, -1)
    y = np.where(y >= 0, 10 * y + 5, -1)  # 5, 15, 25
    est = quick(estimator_orig, n_clusters=5).fit(X, y)
    assert est.classes_.tolist() == [5, 15, 25, 26, 27]
    assert est.n_clusters == 5


def check_fewer_clusters_than_labels(name, estimator_orig):
    """One cluster per label is used, with a warning."""
    X, _, y_partial = digits()
    est = quick(estimator_orig, n_clusters=4)
    with warns("n_clusters=4 is less than the 10 labels"):
        est.fit(X, y_partial)
    assert len(est.classes_) == est.predict_proba(X).shape[1] == 10
    assert est.n_clusters == 4


def check_without_labels_eight_clusters(name, estimator_orig):
    """No y, and a y of nothing but -1."""
    X, _, _ = digits()
    for y_none in (None, np.full(len(X), -1)):
        est = quick(estimator_orig).fit(X, y_none)
        assert est.classes_.tolist() == list(range(8))
        assert est.labels_.dtype.kind == "i"


def check_amounts_of_labels(name, estimator_orig, amount):
    """From one to all."""
    X, y, _ = digits()
    est = quick(estimator_orig, n_clusters=10).fit(X, AMOUNTS[amount](y))
    proba = est.predict_proba(X)
    assert proba.shape == (300, 10)
    np.testing.assert_allclose(proba.sum(1), 1)
    assert all(np.isfinite(value) for row in est.history_ for value in row.values())


def check_score(name, estimator_orig):
    """Accuracy over labeled rows; under the best matching after a fit without any."""
    X, y, y_partial = digits()
    est = quick(estimator_orig).fit(X, y_partial)
    labeled = y_partial >= 0
    right = est.predict(X) == y
    np.testing.assert_allclose(est.score(X, y), right.mean())
    np.testing.assert_allclose(est.score(X, y_partial), right[labeled].mean())
    with warns("no labeled row"):
        assert np.isnan(est.score(X, np.full(len(X), -1)))
    # cluster numbers mean nothing without labels: names do not change the score
    est = quick(estimator_orig, n_clusters=10).fit(X)
    order = np.random.RandomState(0).permutation(10)
    assert est.score(X, y) == est.score(X, order[y]) >= 0.1


def check_tables_of_every_type(name, estimator_orig, kind):
    """They are the same table; ``kind`` is a name in `TABLES`, or a function."""
    X, _, y_partial = digits(150)
    table = TABLES.get(kind, kind)(X)
    est = quick(estimator_orig).fit(table, y_partial)
    expected = quick(estimator_orig).fit(X, y_partial)
    np.testing.assert_allclose(
        est.predict_proba(table), expected.predict_proba(X), atol=1e-6
    )


def check_image_layouts_are_one(name, estimator_orig):
    """Images, images with a channel, and rows with image_shape."""
    X, _, y_partial = images()
    flat = X.reshape(len(X), -1)
    est = quick(estimator_orig).fit(X, y_partial)
    assert est.n_features_in_ == 64
    behind = quick(estimator_orig, image_shape=(1, 8, 8)).fit(flat, y_partial)
    np.testing.assert_array_equal(est.predict_proba(X), behind.predict_proba(flat))
    for Z in (X, flat, X[:, None]):
        np.testing.assert_array_equal(est.predict_proba(Z), est.predict_proba(X))
    with raises(ValueError, r"\(1, 4, 16\).*\(1, 8, 8\)"):
        est.predict(X.reshape(-1, 4, 16))
    if hasattr(est, "reconstruct"):
        assert est.reconstruct(flat).shape == X.shape
        assert behind.reconstruct(X).shape == flat.shape
    if hasattr(est, "sample"):
        assert est.sample(3)[0].shape == (3, 8, 8)


def check_uint8_is_divided_by_255(name, estimator_orig):
    """Floats must have been divided already."""
    X, _, y_partial = uint8_images()
    est = quick(estimator_orig).fit(X, y_partial)
    assert est.scale_ == 255
    as_float = X.astype(np.float32) / 255
    np.testing.assert_allclose(
        est.predict_proba(as_float), est.predict_proba(X), atol=1e-4
    )
    with raises(ValueError, "divide it by 255"):
        est.predict(X.astype(float))


def check_uint8_after_a_fit_on_floats(name, estimator_orig, kind):
    """uint8 rows beyond the floats' [0, 1] are refused; others are what they are."""
    X, _, y_partial = digits()
    if kind == "wide":
        whole = np.round(16 * X)
        est = quick(estimator_orig).fit(whole, y_partial)
        np.testing.assert_array_equal(
            est.predict_proba(whole.astype(np.uint8)), est.predict_proba(whole)
        )
        return
    est = quick(estimator_orig).fit(X, y_partial)
    binary = np.round(X)
    np.testing.assert_array_equal(
        est.predict_proba(binary.astype(np.uint8)), est.predict_proba(binary)
    )
    pixels = np.round(255 * X).astype(np.uint8)
    for method in ("predict", "predict_proba", "transform", "score", "score_samples"):
        if hasattr(est, method):
            with raises(ValueError, r"as uint8.*from 0 to 1.*X / 255"):
                getattr(est, method)(pixels)


def check_memory_map(name, estimator_orig):
    """Rows in a file are rows."""
    X, _, y_partial = digits()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        np.save(path, X)
        mapped = np.load(path, mmap_mode="r")
        est = quick(estimator_orig).fit(mapped, y_partial)
        expected = quick(estimator_orig).fit(X, y_partial)
        np.testing.assert_array_equal(
            est.predict_proba(mapped), expected.predict_proba(X)
        )
        del mapped


def check_sparse_rows(name, estimator_orig, kind):
    """Sparse rows are rows, bit for bit, in fit and after it."""
    X, _, y_partial = digits()
    if kind == "wide":
        X = 16 * X - 5 * (X > 0)
    elif kind == "uint8":
        X = np.round(255 * X).astype(np.uint8)
    est = quick(estimator_orig, n_clusters=12).fit(sparse.csr_matrix(X), y_partial)
    expected = quick(estimator_orig, n_clusters=12).fit(X, y_partial)
    assert_same_weights(est, expected)
    np.testing.assert_array_equal(est.labels_, expected.labels_)
    for method in (
        "predict_proba",
        "transform",
        "score",
        "score_samples",
        "reconstruct",
    ):
        if hasattr(est, method):
            np.testing.assert_array_equal(
                getattr(est, method)(sparse.csc_array(X)), getattr(est, method)(X)
            )


def check_images_of_any_size(name, estimator_orig, shape):
    """From 8 x 8 pixels, odd ones and several channels too."""
    X = np.random.RandomState(0).uniform(size=(30, *shape))
    est = quick(estimator_orig, n_clusters=3).fit(X)
    assert len(est.predict(X)) == 30
    if hasattr(est, "reconstruct"):
        assert est.reconstruct(X).shape == X.shape


def check_transform_keeps_the_float_type(name, estimator_orig):
    """float32 and float64."""
    X, _, y_partial = digits()
    est = quick(estimator_orig).fit(X, y_partial)
    for dtype in (np.float32, np.float64):
        assert est.transform(X.astype(dtype)).dtype == dtype


def check_parameters_are_not_touched(name, estimator_orig):
    """Overwrite none in fit."""
    X, _, y_partial = digits()
    est = quick(estimator_orig)
    before = copy.deepcopy(est.get_params())
    est.fit(X, y_partial)
    assert est.get_params() == before
