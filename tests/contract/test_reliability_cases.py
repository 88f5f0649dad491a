"""Inputs that once gave nonsense, or an error that helped nobody."""

import copy
import functools
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.callback import ProgressBar
from torch import nn

import sksemi
from sksemi._validation import warn_user
from sksemi.callbacks import EarlyStopping
from sksemi.datasets import mask_labels
from sksemi.metrics import labeled_roc_auc

ESTIMATORS = [getattr(sksemi, name) for name in sksemi.__all__]
SMALL = {
    "n_clusters": 3,
    "max_iter": 1,
    "hidden_layer_sizes": (8,),
    "random_state": 0,
    "device": "cpu",
}
METHODS = (
    "predict",
    "predict_proba",
    "transform",
    "score",
    "score_samples",
    "reconstruct",
)
X = np.random.RandomState(0).rand(40, 6)
X.setflags(write=False)
Y = np.arange(40) % 3
Y.setflags(write=False)

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


def small(Estimator, **parameters):
    return Estimator(**SMALL | parameters)


@functools.cache
def fitted(Estimator, kind="table"):
    """An estimator that nobody refits; "gaussian" for rows outside [0, 1]."""
    rows = 3 * X - 1 if kind == "gaussian" else X
    return small(Estimator).fit(rows, Y)


def methods_of(Estimator):
    return [name for name in METHODS if hasattr(Estimator, name)]


every_method = pytest.mark.parametrize(
    ("Estimator", "method"),
    [(E, name) for E in ESTIMATORS for name in methods_of(E)],
)


# ----------------------------------------------- 1, 2: rows that leave float32


@pytest.mark.parametrize("kind", ["table", "gaussian"])
@every_method
def test_rows_beyond_float32_are_refused(Estimator, method, kind):
    est = fitted(Estimator, kind)
    for rows in (np.full((2, 6), 1e39), np.vstack([X, X[:1] * -1e39])):
        with pytest.raises(ValueError, match=r"X has values .*float32.* Scale X"):
            getattr(est, method)(rows)
    longdouble = np.full((2, 6), np.longdouble(1e300))
    with pytest.raises(ValueError, match=r"X .*float32"):
        getattr(est, method)(longdouble)


# What saturates is no nonsense; float32 at its end is.
@pytest.mark.filterwarnings("ignore:X has values outside:UserWarning")
@pytest.mark.parametrize("kind", ["table", "gaussian"])
@every_method
def test_result_is_finite_or_refused(Estimator, method, kind):
    est = fitted(Estimator, kind)
    n_refused = 0
    for exponent in range(0, 39, 2):
        result, message = result_or_message(getattr(est, method), X * 10.0**exponent)
        if message is None:
            assert n_refused == 0  # no larger row is taken again
            assert np.isfinite(result).all()
            if method == "transform" and Estimator is sksemi.CatVAEClusterer:
                np.testing.assert_allclose(np.linalg.norm(result, axis=1), 1, rtol=1e-5)
        else:
            assert re.search("X has values that overflow float32.* row ", message)
            n_refused += 1
    if kind == "gaussian" and method == "score_samples":
        assert n_refused > 0


def result_or_message(method, rows):
    try:
        return method(rows), None
    except ValueError as error:
        return None, str(error)


@every_estimator
def test_refusal_names_the_row(Estimator):
    est = copy.deepcopy(fitted(Estimator))
    encode = est.model_.encode
    est.model_.encode = lambda x: torch.where(x[:, :1] > 2, torch.inf, encode(x))
    rows = np.repeat(X, 10, axis=0)  # more than one batch
    expected = fitted(Estimator).transform(rows)
    np.testing.assert_array_equal(est.transform(rows), expected)
    rows[301] = 3
    with pytest.raises(ValueError, match="row 301 is not finite"):
        est.transform(rows)


@pytest.mark.parametrize("scale", [1e39, 1e25], ids=["beyond", "squares beyond"])
@every_estimator
def test_fit_refuses_rows_beyond_float32(Estimator, scale):
    with pytest.raises(ValueError, match=r"X has values.*float32.*Scale X") as info:
        small(Estimator).fit(X * scale)
    assert not isinstance(info.value, ArithmeticError)
    est = small(Estimator, warm_start=True).fit(3 * X - 1)
    with pytest.raises(ValueError, match=r"X has values.*float32.*Scale X"):
        est.fit(X * scale)


@pytest.mark.parametrize("largest", [np.uint64(2**64 - 1), np.int64(-(2**63))], ids=str)
@every_estimator
def test_fit_refuses_integers_whose_squares_leave_float32(Estimator, largest):
    rows = np.where(X > 0.5, largest, 0).astype(largest.dtype)
    with pytest.raises(ValueError, match=r"X has values.*squares float32.*Scale X"):
        small(Estimator).fit(rows)


@every_estimator
def test_small_and_large_rows_are_fitted(Estimator):
    for scale in (1e-8, 1e8, 1e15):
        rows = (2 * X - 1) * scale
        assert np.isfinite(small(Estimator).fit(rows).predict_proba(rows)).all()


def test_density_refuses_z2_beyond_float32():
    est = fitted(sksemi.CaGeMGenerator)
    for z2 in (np.full(32, 1e39), np.full(32, np.nan), [[[1.0]]], "x", [[1.0], [1, 2]]):
        for y in (None, 0):
            with pytest.raises((ValueError, TypeError), match="z2"):
                est.sample(1, y=y, z2=z2)


# --------------------------------------------------- 4 to 8, 13 to 15: labels


def partly(y, dtype=object):
    """-1 for every fourth row, of an object array."""
    y = np.asarray(y).astype(dtype)
    y[::4] = -1
    return y


MASKED = np.ma.array(Y, mask=np.arange(40) % 4 == 0)
TOO_LARGE = {
    "uint64 2**64 - 1": (
        np.full(40, 2**64 - 1, dtype=np.uint64),
        "18446744073709551615",
    ),
    "uint64 2**63 + 5": (
        np.full(40, 2**63 + 5, dtype=np.uint64),
        "9223372036854775813",
    ),
    "floats 2**60": (np.where(Y, 2.0**60, 2.0**60 + 1), r"1\.15\d*e\+18"),
    "float 1e19": (np.where(Y, 1e19, 0), r"1e\+19"),
    "float32 2**24": (np.full(40, 2**24, dtype=np.float32), r"16777216"),
    "float16 2**11": (np.full(40, 2**11, dtype=np.float16), r"2048"),
    "object 2**70": (np.array([2**70, -1] * 20, dtype=object), str(2**70)),
    "object 2.0**60": (np.array([2.0**60, -1] * 20, dtype=object), r"1\.15\d*e\+18"),
}
NAMES = np.array(["a", "b", "c"], dtype=object)[Y]
MISSING = np.arange(40) % 4 == 0
# y, what the message says, and y by the remedy that it names.
LABELS = {
    "masked": (MASKED, r"masked.*y\.filled\(-1\)", lambda y: y.filled(-1)),
    "masked bools": (
        np.ma.array(Y > 0, mask=MISSING),
        r"masked.*y\.astype\(object\)\.filled\(-1\)",
        lambda y: y.astype(object).filled(-1),
    ),
    "bytes": (
        NAMES.astype("S"),
        r"bytes.*np\.char\.decode\(y\)\.astype\(object\)",
        lambda y: np.char.decode(y).astype(object),
    ),
    "list of bytes": (
        NAMES.astype("S").tolist(),
        r"list \(bytes\).*np\.char\.decode\(y\)\.astype\(object\)",
        lambda y: np.char.decode(y).astype(object),
    ),
    "bytes in objects": (
        np.array([b"a", -1] * 20, dtype=object),
        r"b'a'.*label\.decode\(\)",
        lambda y: np.array(
            [label.decode() if isinstance(label, bytes) else label for label in y],
            dtype=object,
        ),
    ),
    "list of strings": (
        NAMES.tolist(),
        r"list \(strings\).*np\.asarray\(y, dtype=object\)",
        lambda y: np.asarray(y, dtype=object),
    ),
    "list of strings and -1": (
        partly(NAMES).tolist(),
        r"list \(strings\).*np\.asarray\(y, dtype=object\)",
        lambda y: np.asarray(y, dtype=object),
    ),
    "pandas strings": (
        pd.Series(NAMES, dtype="str"),
        r"dtype str \(strings\).*np\.asarray\(y, dtype=object\)",
        lambda y: np.asarray(y, dtype=object),
    ),
    "'-1' beside strings": (
        partly(NAMES).astype(str).astype(object),
        r"'-1'.*np\.where\(y == '-1', -1, y\)",
        lambda y: np.where(y == "-1", -1, y),
    ),
    "empty strings": (
        np.where(MISSING, "", NAMES),
        r"empty string ''.*np\.where\(y == '', -1, y\)",
        lambda y: np.where(y == "", -1, y),
    ),
    "datetimes": (
        np.datetime64("2020-01-01") + Y,
        r"datetime64.*y\.astype\(str\)\.astype\(object\)",
        lambda y: y.astype(str).astype(object),
    ),
    "pandas datetimes": (
        pd.Series(pd.Timestamp(2020, 1, 1) + pd.to_timedelta(Y, "D")),
        r"datetime64.*y\.astype\(str\)\.astype\(object\)",
        lambda y: y.astype(str).astype(object),
    ),
    "timedeltas": (
        np.timedelta64(1, "D") + Y,
        r"timedelta64.*y\.astype\(str\)\.astype\(object\)",
        lambda y: y.astype(str).astype(object),
    ),
    "NaN": (
        np.where(MISSING, np.nan, Y),
        r"NaN.*np\.where\(known, y, -1\).*y\.where\(known, -1\)",
        lambda y: np.where(~np.isnan(y), y, -1),
    ),
    "Series with NaN": (
        pd.Series(np.where(MISSING, np.nan, Y)),
        r"NaN.*y\.where\(known, -1\)",
        lambda y: y.where(y.notna(), -1),
    ),
    "Series with NA": (
        pd.Series(np.where(MISSING, np.nan, Y), dtype="Int64"),
        r"y\.where\(known, -1\)",
        lambda y: y.where(y.notna(), -1),
    ),
    "None": (
        np.where(MISSING, None, Y.astype(object)),
        r"entry None.*np\.where\(known, y, -1\)",
        lambda y: np.where(y != None, y, -1),  # noqa: E711
    ),
    "None beside strings": (
        np.where(MISSING, None, NAMES),
        r"entry None.*np\.where\(known, y, -1\)",
        lambda y: np.where(y != None, y, -1),  # noqa: E711
    ),
    "NaN beside strings": (
        np.where(MISSING, np.nan, NAMES),
        r"entry nan.*np\.where\(known, y, -1\)",
        lambda y: np.where(pd.notna(y), y, -1),
    ),
    "polars null": (
        pl.Series(
            [None if gone else int(k) for gone, k in zip(MISSING, Y, strict=True)]
        ),
        r"np\.where\(known, y, -1\)",
        lambda y: np.where(y.is_not_null(), y, -1),
    ),
    "polars null beside strings": (
        pl.Series(
            [None if gone else k for gone, k in zip(MISSING, NAMES, strict=True)]
        ),
        r"entry None.*np\.where\(known, y, -1\)",
        lambda y: np.where(y.is_not_null(), y.to_numpy(), -1),
    ),
}


@pytest.mark.parametrize("case", LABELS)
@every_estimator
def test_remedies_for_labels_work(Estimator, case):
    y, message, remedy = LABELS[case]
    with pytest.raises(ValueError, match=f"(?s)y .*{message}"):
        small(Estimator).fit(X, y)
    if "(strings)" in message.replace("\\", ""):  # room for -1 is of use in fit alone
        assert fitted(Estimator).score(X, y) == fitted(Estimator).score(X, remedy(y))
    else:
        with pytest.raises(ValueError, match=f"(?s)y .*{message}"):
            fitted(Estimator).score(X, y)
    est = small(Estimator).fit(X, remedy(y))
    assert len(est.classes_) == 3
    assert "-1" not in est.classes_.tolist()


@pytest.mark.parametrize("case", TOO_LARGE)
@every_estimator
def test_labels_too_large_to_be_told_apart(Estimator, case):
    y, value = TOO_LARGE[case]
    message = f"y has the label {value}.*too large.*Number the labels"
    with pytest.raises(ValueError, match=message):
        small(Estimator).fit(X, y)
    with pytest.raises(ValueError, match=message):
        fitted(Estimator).score(X, y)


@every_estimator
def test_a_mask_of_nothing_and_the_largest_labels(Estimator):
    est = small(Estimator).fit(X, np.ma.array(Y, mask=False))
    assert est.classes_.tolist() == [0, 1, 2]
    for largest in (
        np.where(Y, 2**63 - 1, 2**63 - 2),
        np.where(Y, np.uint64(2**63 - 1), np.uint64(2**63 - 2)),
        np.array([2**63 - 1 if k else 2**63 - 2 for k in Y], dtype=object),
    ):
        est = small(Estimator, n_clusters=2).fit(X, largest)
        assert est.classes_.tolist() == [2**63 - 2, 2**63 - 1]
        assert set(est.predict(X).tolist()) <= {2**63 - 2, 2**63 - 1}
    est = small(Estimator, n_clusters=2).fit(X, np.where(Y, 2.0**53 - 1, 2.0**53 - 2))
    assert est.classes_.tolist() == [2**53 - 2, 2**53 - 1]


@every_estimator
def test_new_clusters_after_the_largest_integer(Estimator):
    y = np.full(40, 2**63 - 1)
    with pytest.raises(ValueError, match=r"y has the label 92\d* *, .*n_clusters"):
        small(Estimator).fit(X, y)
    est = small(Estimator, n_clusters=1).fit(X, y)
    assert est.classes_.tolist() == [2**63 - 1]


@every_estimator
def test_bools_keep_their_names(Estimator):
    y = Y > 0
    for labels in (y, y.tolist(), partly(y), pd.Series(y), torch.tensor(y)):
        est = small(Estimator, n_clusters=None).fit(X, labels)
        assert est.classes_.tolist() == [False, True]
        assert est.classes_.dtype == bool
        assert est.predict(X).dtype == bool
    assert est.score(X, y) == np.mean(est.predict(X) == y)
    assert est.score(X, y.astype(int)) == est.score(X, y)
    est = small(Estimator).fit(X, partly(y))
    assert est.classes_.tolist() == [False, True, "cluster 2"]
    if hasattr(est, "sample"):
        assert est.sample(2, y=True)[1].tolist() == [True, True]
    with pytest.raises(ValueError, match="y mixes bools with 2"):
        small(Estimator).fit(X, np.where(Y > 1, 2, y.astype(object)))
    assert mask_labels(y, 4, random_state=0).tolist().count(-1) == 36
    masked = mask_labels(y, 4, random_state=0)
    assert small(Estimator, n_clusters=2).fit(X, masked).classes_.dtype == bool


@every_estimator
def test_strings_that_look_alike_stay_apart(Estimator):
    y = np.array(["a", "a\0", "b"], dtype=object)[Y]
    assert small(Estimator).fit(X, y).classes_.tolist() == ["a", "a\0", "b"]


@pytest.mark.parametrize(
    "y", [[[0], [1, 2]], 3, "abc", {"a": 1}, Y * 1j, sparse.csr_array(Y[:, None])]
)
@every_estimator
def test_no_labels_at_all_name_y(Estimator, y):
    with pytest.raises((ValueError, TypeError), match=r"\by\b"):
        small(Estimator).fit(X, y)


def test_parents_are_checked_as_labels_are():
    est = small(sksemi.ACOLClusterer)
    for parents in (MASKED, [[0], [1, 2]], TOO_LARGE["object 2**70"][0], Y * 1j):
        with pytest.raises(ValueError, match="parents"):
            est.fit(X, parents=parents)
    for parents in (NAMES, NAMES.tolist(), pd.Series(NAMES, dtype="str"), Y > 0):
        est.fit(X, parents=parents)
        assert est.parents_.tolist() == sorted(set(np.asarray(parents).tolist()))


# ------------------------------------------------------ 9, 17 to 19: kinds of X


@every_estimator
def test_tensors_are_taken_as_they_are(Estimator):
    expected = small(Estimator).fit(X.astype(np.float32), Y)
    tensor = torch.tensor(X, dtype=torch.float32)
    for rows in (
        tensor,
        tensor.clone().requires_grad_(),
        tensor.clone().requires_grad_() * 1,
    ):
        est = small(Estimator).fit(rows, torch.tensor(Y))
        np.testing.assert_array_equal(est.labels_, expected.labels_)
        np.testing.assert_array_equal(
            est.predict_proba(rows), expected.predict_proba(X.astype(np.float32))
        )
        assert not hasattr(est.transform(rows), "requires_grad")
    small(Estimator).fit(tensor.bfloat16(), torch.tensor(Y))
    with pytest.raises(TypeError, match=r"X is a sparse tensor.*X\.to_dense\(\)"):
        est.predict(tensor.to_sparse())


def frame_with(**columns):
    return pd.DataFrame(X, columns=list("abcdef")).assign(**columns)


TWICE = pd.DataFrame(X, columns=list("abcdda"))
BAD_FRAMES = {
    "text": (frame_with(town=NAMES), "'town'.*ColumnTransformer"),
    "pandas text": (
        frame_with(town=pd.Series(NAMES, dtype="str")),
        "'town'.*ColumnTransformer",
    ),
    "category": (
        frame_with(town=pd.Series(NAMES, dtype="category")),
        "'town'.*ColumnTransformer",
    ),
    "objects": (frame_with(town=[{}] * 40), "'town'.*ColumnTransformer"),
    "datetime": (
        frame_with(day=np.datetime64("2020-01-01") + Y),
        "'day' of dtype datetime64.*ColumnTransformer",
    ),
    "time zone": (
        frame_with(day=pd.date_range("2020-01-01", periods=40, tz="UTC")),
        "'day' of dtype datetime64.*ColumnTransformer",
    ),
    "datetimes alone": (
        pd.DataFrame({"day": np.datetime64("2020-01-01") + Y}),
        "'day' of dtype datetime64.*ColumnTransformer",
    ),
    "timedelta": (
        frame_with(wait=np.timedelta64(1, "D") + Y),
        "'wait' of dtype timedelta64.*ColumnTransformer",
    ),
    "duplicate": (TWICE, r"named 'd'.*columns\.duplicated"),
    "sparse": (
        frame_with(few=pd.arrays.SparseArray(Y)),
        "sparse column 'few'.*ColumnTransformer",
    ),
    "all sparse": (
        pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(X)),
        r"sparse column 0.*X\.sparse\.to_dense\(\)",
    ),
    "polars text": (
        pl.DataFrame(X).with_columns(town=pl.Series(NAMES.tolist())),
        "'town' of dtype String.*ColumnTransformer",
    ),
    "polars date": (
        pl.DataFrame(X).with_columns(day=pl.Series(np.datetime64("2020-01-01") + Y)),
        "'day' of dtype Date.*ColumnTransformer",
    ),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
@every_estimator
def test_frames_name_the_column(Estimator, case):
    frame, message = BAD_FRAMES[case]
    with pytest.raises((ValueError, TypeError), match=f"X has .*{message}"):
        small(Estimator).fit(frame)
    with pytest.raises((ValueError, TypeError), match=f"X has .*{message}"):
        fitted(Estimator).predict(frame)


@pytest.mark.parametrize(
    "frame",
    [
        frame_with(flag=Y > 0),
        frame_with(count=pd.Series(Y, dtype="Int64")),
        frame_with(count=Y.astype(object)),
        frame_with(count=pd.Series(Y, dtype="category")),
        pl.DataFrame(X).with_columns(flag=pl.Series(Y > 0)),
    ],
    ids=["bool", "Int64", "object", "category of numbers", "polars"],
)
@every_estimator
def test_frames_of_numbers_are_taken(Estimator, frame):
    est = small(Estimator).fit(frame)
    assert len(est.predict(frame)) == 40


@every_estimator
def test_missing_values_have_a_remedy(Estimator):
    rows = X.copy()
    rows[3, 2] = np.nan
    numbers = frame_with(count=pd.Series(np.where(MISSING, np.nan, Y), dtype="Int64"))
    for bad in (rows, pd.DataFrame(rows), numbers, rows.astype(object).tolist()):
        with pytest.raises(ValueError, match=r"X contains NaN.*SimpleImputer") as info:
            small(Estimator).fit(bad)
        assert "HistGradientBoosting" not in str(info.value)
    for bad in (rows, rows.astype(np.float16), rows.astype(np.longdouble)):
        with pytest.raises(ValueError, match=r"X contains NaN.*SimpleImputer"):
            fitted(Estimator).predict(bad)
    with pytest.raises(ValueError, match=r"X contains infinity.*drop"):
        fitted(Estimator).predict(np.where(np.isnan(rows), np.inf, rows))
    masked = np.ma.masked_invalid(rows)
    with pytest.raises(ValueError, match=r"X is a masked array.*SimpleImputer"):
        small(Estimator).fit(masked)
    with pytest.raises(ValueError, match=r"X is a masked array.*SimpleImputer"):
        fitted(Estimator).predict(masked)


@pytest.mark.parametrize("dtype", ["datetime64[s]", "timedelta64[s]"])
@every_estimator
def test_times_are_no_numbers(Estimator, dtype):
    times = np.arange(240).reshape(40, 6).astype(dtype)
    for rows in (times, times.reshape(40, 2, 3)):
        with pytest.raises(TypeError, match=f"X has dtype {dtype[:4]}"):
            small(Estimator).fit(rows)
    with pytest.raises(TypeError, match=f"X has dtype {dtype[:4]}"):
        fitted(Estimator).predict(times)


class AnnData:
    """As anndata has it: a matrix beside tables of its rows and columns."""

    def __init__(self, matrix):
        self.X, self.obs = matrix, pd.DataFrame(index=range(len(matrix)))
        self.obsm = {"X_pca": matrix[:, :2]}
        self.shape = matrix.shape

    def __len__(self):
        return len(self.X)


@every_estimator
def test_a_container_of_tables_is_refused(Estimator):
    with pytest.raises(TypeError, match=r'X .*AnnData.*adata\.X.*adata\.obsm\["X_pca"'):
        small(Estimator).fit(AnnData(X))
    with pytest.raises(TypeError, match=r"X .*AnnData.*adata\.X"):
        fitted(Estimator).predict(AnnData(X))


@pytest.mark.parametrize(
    "rows",
    [
        None,
        "abc",
        3,
        X[0],
        X[None, None, None],
        [[1, 2], [3]],
        {"a": [1, 2]},
        X * 1j,
        (X * 1j).astype(object),
        pd.DataFrame(X * 1j),
        pl.DataFrame(pl.Series(list(X[:, 0] * 1j), dtype=pl.Object)),
        X[::-1] * np.inf,
        X.astype(str),
        X.astype("S"),
        [[2**2000, 1], [3, 4]],
        np.empty((0, 6)),
        np.empty((40, 0)),
        np.empty((40, 0, 8)),
        [object(), object()],
    ],
    ids=lambda rows: type(rows).__name__,
)
@every_estimator
def test_what_is_no_table_names_X(Estimator, rows):
    for call in (small(Estimator).fit, fitted(Estimator).predict):
        with pytest.raises((ValueError, TypeError), match=r"\bX\b"):
            call(rows)


# ------------------------------------------ 10 to 12, 16, 20: parameters, calls

NUMBERS = [
    (Estimator, name)
    for Estimator in ESTIMATORS
    for name, value in Estimator().get_params().items()
    if name not in ("random_state", "verbose")
    and any(
        "Interval" in type(c).__name__ for c in Estimator._parameter_constraints[name]
    )
]


@pytest.mark.parametrize(("Estimator", "name"), NUMBERS)
def test_bools_and_huge_numbers_are_no_parameters(Estimator, name):
    for value in (True, np.True_, 2**70, np.nan, np.inf, 1e300, "x", [1]):
        with pytest.raises(ValueError, match=f"The {name!r} parameter of .* must be"):
            small(Estimator, **{name: value}).fit(X, Y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": (True,)}, "hidden_layer_sizes=.*positive integers"),
        ({"hidden_layer_sizes": (2**70,)}, "hidden_layer_sizes=.*positive integers"),
        ({"hidden_layer_sizes": ((8, 8), 8)}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": ("8",)}, "hidden_layer_sizes=.*positive integers"),
        ({"hidden_layer_sizes": (8.5,)}, "hidden_layer_sizes=.*positive integers"),
        ({"image_shape": (True, 2, 3)}, "image_shape=.*three positive integers"),
        ({"image_shape": (2**40, 2**40, 2**40)}, "image_shape=.*multiplies to"),
        ({"image_shape": ("1", 2, 3)}, "image_shape=.*three positive integers"),
        ({"device": "cpu:x"}, "device="),
        ({"random_state": "x"}, "'random_state'"),
    ],
    ids=str,
)
@every_estimator
def test_sequences_and_names_are_checked(Estimator, parameters, message):
    with pytest.raises(ValueError, match=message):
        small(Estimator, **parameters).fit(X, Y)


@pytest.mark.parametrize(
    "dropout", [("a", 0, 0), (0, 0), (0, 0, 1), (0, np.nan, 0), ((0, 1), 0, 0)]
)
def test_rates_of_dropout_are_checked(dropout):
    with pytest.raises(ValueError, match=r"dropout=.*three rates"):
        small(sksemi.ACOLClusterer, dropout=dropout).fit(X)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda a, b: nn.Linear(a, b + 1), r"maps .* returned shape"),
        (lambda a, b: 3, "it returned int"),
        (lambda a, b: nn.Linear(b + 1, a + 1), "on two rows of zeros it failed"),
        (lambda a, b: nn.Linear, "it returned type"),
    ],
    ids=["width", "int", "input", "class"],
)
@every_estimator
def test_a_network_of_the_wrong_kind(Estimator, network, message):
    with pytest.raises(
        ValueError, match=rf"network\(\d+, \d+\) must return.*{message}"
    ):
        small(Estimator, network=network).fit(X, Y)


@pytest.mark.parametrize("transformation", [1.5, True, -1, 99, "x", None, 2**70])
def test_transformation_is_a_number(transformation):
    est = fitted(sksemi.ACOLClusterer)
    with pytest.raises(ValueError, match=r"transformation=.*an integer from 0 to"):
        est.activations(X, transformation=transformation)
    assert est.activations(X, transformation=np.int64(1)).shape[0] == 40


@pytest.mark.parametrize("Estimator", [E for E in ESTIMATORS if hasattr(E, "sample")])
def test_sample_refuses(Estimator):
    est = fitted(Estimator)
    for n_samples in (1.5, "x", True, 0, -1, None, 2**70, [2]):
        with pytest.raises(ValueError, match=r"n_samples=.*integer of at least 1"):
            est.sample(n_samples)
    for y in ("x", 99, np.nan, [[0], [1, 2]], [0, 1, 2], {}):
        with pytest.raises(ValueError, match=r"\by\b"):
            est.sample(2, y=y)
    odd = copy.copy(est).set_params(random_state="x")
    with pytest.raises(ValueError, match="'random_state'"):
        odd.sample(2)


@every_estimator
def test_more_clusters_than_rows_has_a_remedy(Estimator):
    est = small(Estimator, n_clusters=None)
    with pytest.raises(ValueError, match=r"n_samples=5 .*n_clusters=8.*set n_clusters"):
        est.fit(X[:5])


@every_method
def test_inference_checks_only_what_it_reads(Estimator, method):
    est = fitted(Estimator)
    expected = getattr(est, method)(X)
    odd = copy.copy(est).set_params(
        batch_size=0, max_iter=-1, n_clusters="x", hidden_layer_sizes=None, n_init=True,
        learning_rate=-1, warm_start=3, network=5, random_state="x", image_shape="x",
    )  # fmt: skip
    np.testing.assert_array_equal(getattr(odd, method)(X), expected)
    for device in (None, True, 0, 2**70, "gpu", "cpu:x"):
        odd.set_params(device=device)
        with pytest.raises(ValueError, match=r"device=.* is not a device"):
            getattr(odd, method)(X)


@every_estimator
def test_unknown_arguments_of_fit_name_the_class(Estimator):
    for call in (small(Estimator).fit, small(Estimator).fit_predict):
        message = rf"{Estimator.__name__}.fit\w* takes X, y.*'sample_weight'"
        with pytest.raises(TypeError, match=message):
            call(X, Y, sample_weight=Y)
    with pytest.raises(TypeError, match=f"{Estimator.__name__}.fit takes X, y.*'X'"):
        small(Estimator).fit()


@pytest.mark.parametrize("n_features", [1, 6])
@every_estimator
def test_rows_in_any_order_of_memory(Estimator, n_features):
    rows = X[:, :n_features]
    expected = small(Estimator).fit(rows, Y)
    mirrored = rows[:, ::-1].copy()[:, ::-1]
    np.testing.assert_array_equal(
        small(Estimator).fit(mirrored, Y).predict_proba(mirrored),
        expected.predict_proba(rows),
    )


@every_estimator
def test_transform_does_not_leave_float16(Estimator):
    est = fitted(Estimator, "gaussian")
    rows = np.full((2, 6), 60000, dtype=np.float16)
    features = est.transform(rows)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, est.transform(rows.astype(np.float32)))


def test_probabilities_of_near_clusters_sum_to_one():
    """Though each of two parents has one row, and its cluster no scatter."""
    rows = np.random.RandomState(0).uniform(size=(3, 1))
    est = small(sksemi.ACOLClusterer, n_clusters=2).fit(rows, parents=[0, 1, 1])
    np.testing.assert_allclose(est.predict_proba(rows).sum(1), 1, rtol=1e-12)


# --------------------------------------------------------- stopping, warnings


@pytest.mark.parametrize("greater_is_better", [True, False])
def test_a_monitor_that_is_no_term_needs_a_direction(greater_is_better):
    est = small(sksemi.GMVAEClusterer, max_iter=3, temperature_decay=0)
    y = partly(Y, int)
    est.set_callbacks(EarlyStopping("agreement"))
    with pytest.raises(
        ValueError, match=r"monitor='agreement'.*greater_is_better=True.*=False"
    ):
        est.fit(X, y)
    stopping = EarlyStopping("agreement", greater_is_better=greater_is_better)
    est.set_callbacks(stopping).fit(X, y)
    values = [row["agreement"] for row in est.history_]
    assert stopping.best_value_ == (max if greater_is_better else min)(values)


@every_estimator
def test_terms_of_the_loss_should_fall(Estimator):
    """Asked for in the first epoch, though the schedules have not ended."""
    est = small(Estimator, max_iter=2).fit(X, partly(Y, int))
    for name in set(est.history_[-1]) - {"epoch", "seconds"}:
        stopping = EarlyStopping(name)
        again = small(Estimator).set_callbacks(stopping)
        if name == "loss" or f"{name}_weight" in est.get_params():
            again.fit(X, partly(Y, int))
        else:
            with pytest.raises(ValueError, match=f"'{name}'.*greater_is_better=True"):
                again.fit(X, partly(Y, int))


def line_of(warning):
    with open(warning.filename) as file:
        return file.readlines()[warning.lineno - 1]


@every_estimator
def test_warnings_point_at_the_line_of_the_caller(Estimator):
    est = copy.copy(fitted(Estimator))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        est.score(X, np.full(40, -1))  # line 1
        small(Estimator, n_clusters=2).fit(X, Y)  # line 2
        small(Estimator, n_clusters=2).fit_predict(X, Y)  # line 3
        labeled_roc_auc(est, X, np.zeros(40, dtype=int))  # line 4
    lines = [line_of(warning).split("# ")[1].strip() for warning in caught]
    assert lines == ["line 1", "line 2", "line 3", "line 4"]


def test_clipping_is_said_by_every_score_at_the_caller():
    est = fitted(sksemi.CaGeMGenerator)
    for call in (est.score, est.score_samples):
        with pytest.warns(
            UserWarning, match=r"X has values outside \[0, 1\]"
        ) as caught:
            call(X * 2)  # here
        assert "# here" in line_of(caught[0])


@every_estimator
def test_an_interruption_points_at_the_line_of_the_caller(Estimator):
    class Interrupt(ProgressBar):
        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                raise KeyboardInterrupt

    est = small(Estimator, max_iter=3).set_callbacks(Interrupt())
    with pytest.warns(UserWarning, match="interrupted by user") as caught:
        est.fit(X, Y)  # here
    assert "# here" in line_of(caught[0])


def test_warnings_pass_over_torch():
    with pytest.warns(UserWarning, match="said") as caught:
        torch.no_grad()(warn_user)("said")  # here
    assert "# here" in line_of(caught[0])
