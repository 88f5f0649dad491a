"""Random rows, labels and parameters: a finite result, or an error that says why not.

The law of a call: its result is finite and of the right shape, or it raises ValueError,
TypeError or NotFittedError and names the argument; and then the estimator is as it was.
A fit with a huge ``learning_rate``, or a network or transformation of the user's, may
also end in the FloatingPointError of a loss that diverged. Nothing warns but this
package and scikit-learn.
"""

import collections
import re
import warnings
from numbers import Integral, Real

import hypothesis
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError
from torch import nn

import sksemi

ESTIMATORS = [getattr(sksemi, name) for name in sksemi.__all__]
SMALL = {
    "max_iter": 1,
    "hidden_layer_sizes": (8,),
    "random_state": 0,
    "device": "cpu",
    # whatever a class has of these
    "feature_dim": 6,
    "latent_dim": 3,
    "z1_dim": 3,
    "z2_dim": 2,
    "kmeans_n_init": 1,
    "n_draws": 2,
}


def mostly(usual, *others, times=3):
    """``usual`` about as often as ``times`` of the others together."""
    return st.sampled_from([usual] * (times * len(others)) + list(others))


# ----------------------------------------------------------------------- rows

SHAPES = ((1,), (2,), (4,), (6,), (8, 8), (1, 8, 8), (2, 8, 9))
ODD_SHAPES = ((), (0,), (3, 3), (8, 8, 3), (1, 1, 8, 8), (0, 8))
VALUES = {
    "unit": lambda rng, shape: rng.uniform(size=shape),
    "normal": lambda rng, shape: rng.normal(size=shape),
    "binary": lambda rng, shape: rng.randint(2, size=shape),
    "pixels": lambda rng, shape: rng.randint(256, size=shape),
    "zeros": lambda rng, shape: np.zeros(shape),
    "constant": lambda rng, shape: np.full(shape, 7.5),
    "one constant column": lambda rng, shape: (
        rng.normal(size=shape) * np.arange(shape[-1])
    ),
    "equal rows": lambda rng, shape: rng.normal(size=shape)[:1].repeat(shape[0], 0),
    "offset": lambda rng, shape: 1e6 + rng.normal(size=shape),
    "large": lambda rng, shape: 1e12 * rng.normal(size=shape),
    "tiny": lambda rng, shape: 1e-12 * rng.normal(size=shape),
    "outlier": lambda rng, shape: (
        rng.normal(size=shape) * (1 + 1e6 * np.eye(1, shape[-1]))
    ),
}
ODD_VALUES = {
    "1e17": lambda rng, shape: 1e17 * rng.normal(size=shape),
    "1e20": lambda rng, shape: 1e20 * rng.normal(size=shape),
    "1e30": lambda rng, shape: 1e30 * rng.uniform(size=shape),
    "1e39": lambda rng, shape: 1e39 * rng.uniform(size=shape),
    "1e-30": lambda rng, shape: 1e-30 * rng.normal(size=shape),
    "1e-42": lambda rng, shape: 1e-42 * rng.normal(size=shape),
    "1e300": lambda rng, shape: 1e300 * rng.normal(size=shape),
    "one NaN": lambda rng, shape: np.where(
        np.eye(*[max(1, np.prod(shape, dtype=int))] * 2)[0].reshape(shape), np.nan, 0.5
    ),
    "one infinity": lambda rng, shape: np.where(
        rng.uniform(size=shape) < 0.1, -np.inf, 0.5
    ),
}
DTYPES = ("f4", "f2", "g", "i1", "i4", "i8", "u1", "u2", "u8", "?", "O")
ODD_DTYPES = ("c16", "U", "S", "M8[s]", "m8[s]")
ORDERS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "reversed": lambda X: X[::-1].copy()[::-1],
    "every other": lambda X: np.repeat(X, 2, axis=0)[::2],
    "mirrored": lambda X: X[..., ::-1].copy()[..., ::-1],
}


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


def as_memmap(X, folder):
    path = folder / f"{len(list(folder.iterdir()))}.npy"
    np.save(path, X, allow_pickle=False)
    return np.load(path, mmap_mode="r")


def names(X):
    return [f"column {j}" for j in range(X.shape[1])]


CONTAINERS = {
    "list": lambda X: X.tolist(),
    "rows": list,
    "read-only": read_only,
    "DataFrame": pd.DataFrame,
    "named DataFrame": lambda X: pd.DataFrame(X, columns=names(X)),
    "polars": lambda X: pl.DataFrame(X, schema=names(X)),
    "torch": torch.tensor,
    "torch that learns": lambda X: torch.tensor(X).requires_grad_(),
    "nullable": lambda X: pd.DataFrame(X, columns=names(X)).convert_dtypes(),
    "masked nowhere": lambda X: np.ma.array(X, mask=False),
    "sparse": lambda X: sparse.csr_array(X) if X.ndim == 2 else X,
}
ODD_CONTAINERS = {
    "masked": lambda X: np.ma.array(
        X, mask=np.arange(X.size).reshape(X.shape) % 5 == 1
    ),
    "sparse images": sparse.coo_array,
    "sparse frame": lambda X: pd.DataFrame(X).astype(pd.SparseDtype(float)),
    "sparse tensor": lambda X: torch.tensor(X).to_sparse(),
    "text column": lambda X: pd.DataFrame(X, columns=names(X)).assign(town="Rome"),
    "twice": lambda X: pd.DataFrame(X, columns=names(X))[[*names(X), "column 0"]],
    "dates": lambda X: pd.DataFrame(X).assign(day=pd.Timestamp(2020, 1, 1)),
    "nothing": lambda X: None,
    "text": lambda X: "rows",
    "ragged": lambda X: [[0.0], [1.0, 2.0]],
}


@st.composite
def rows_like(draw, n_rows=None, shape=None):
    """How to make rows: see `make_rows`."""
    odd = draw(mostly(None, "values", "dtype", "container", "shape", "rows", times=4))
    if n_rows is None:
        n_rows = draw(st.sampled_from((0, 1, 2) if odd == "rows" else (3, 9, 20, 30)))
    if shape is None:
        shape = draw(st.sampled_from(ODD_SHAPES if odd == "shape" else SHAPES))
    return {
        "n_rows": n_rows,
        "shape": shape,
        "values": draw(
            st.sampled_from(list(ODD_VALUES if odd == "values" else VALUES))
        ),
        "dtype": draw(
            st.sampled_from(ODD_DTYPES)
            if odd == "dtype"
            else mostly("f8", *DTYPES, times=1)
        ),
        "order": draw(mostly("C", *ORDERS, times=1)),
        "container": draw(
            st.sampled_from(list(ODD_CONTAINERS))
            if odd == "container"
            else mostly("array", "memmap", *CONTAINERS, times=1)
        ),
        "seed": draw(st.integers(0, 99)),
    }


def make_rows(how, folder):
    """Rows as told; as a plain array, where a container does not take them."""
    rng = np.random.RandomState(how["seed"])
    values = (VALUES | ODD_VALUES)[how["values"]]
    shape = (how["n_rows"], *how["shape"])
    X = np.asarray(values(rng, shape)) if len(shape) > 1 else rng.normal(size=shape)
    X = X.astype(how["dtype"])
    X = ORDERS[how["order"]](X) if X.ndim > 1 else X
    if how["container"] == "array":
        return X
    try:
        if how["container"] == "memmap":
            return as_memmap(X, folder)
        return (CONTAINERS | ODD_CONTAINERS)[how["container"]](X)
    except Exception:  # a container's own limits are not our subject
        return X


# --------------------------------------------------------------------- labels


def hidden(y, rng, value=-1, dtype=object):
    y = y.astype(dtype)
    y[rng.uniform(size=len(y)) < 0.5] = value
    return y


LETTERS = np.array(["a", "b", "c", "d"], dtype=object)
LABELS = {
    "None": lambda y, rng: None,
    "none at all": lambda y, rng: np.full(len(y), -1),
    "all": lambda y, rng: y,
    "some": lambda y, rng: hidden(y, rng, dtype=int),
    "int8": lambda y, rng: hidden(y, rng, dtype=np.int8),
    "unsigned": lambda y, rng: y.astype(np.uint8),
    "floats": lambda y, rng: hidden(y, rng, dtype=float),
    "float16": lambda y, rng: hidden(y, rng, dtype=np.float16),
    "apart": lambda y, rng: hidden(y * 1000 + 5, rng, dtype=int),
    "large": lambda y, rng: hidden(y + 2**62, rng, dtype=int),
    "objects": hidden,
    "strings": lambda y, rng: hidden(LETTERS[y], rng),
    "all strings": lambda y, rng: LETTERS[y],
    "bools": lambda y, rng: y > 0,
    "some bools": lambda y, rng: hidden(y > 0, rng),
    "list": lambda y, rng: hidden(y, rng).tolist(),
    "Series": lambda y, rng: pd.Series(hidden(y, rng, dtype=int), index=y),
    "nullable": lambda y, rng: pd.Series(y, dtype="Int64"),
    "categories": lambda y, rng: pd.Series(LETTERS[y]).astype("category"),
    "polars": lambda y, rng: pl.Series(y),
    "torch": lambda y, rng: torch.tensor(y),
    "column": lambda y, rng: y[:, None],
    "one label": lambda y, rng: hidden(y * 0, rng, dtype=int),
    "one row": lambda y, rng: np.where(np.arange(len(y)), -1, y),
    "masked nowhere": lambda y, rng: np.ma.array(y, mask=False),
}
ODD_LABELS = {
    "short": lambda y, rng: y[1:],
    "wide": lambda y, rng: np.c_[y, y],
    "below -1": lambda y, rng: y - 3,
    "NaN": lambda y, rng: hidden(y, rng, np.nan, float),
    "infinity": lambda y, rng: hidden(y, rng, np.inf, float),
    "fractions": lambda y, rng: y + 0.5,
    "None entries": lambda y, rng: hidden(y, rng, None),
    "NA": lambda y, rng: pd.Series(hidden(y, rng, pd.NA)),
    "NA among integers": lambda y, rng: pd.Series(hidden(y, rng, pd.NA), dtype="Int64"),
    "polars null": lambda y, rng: pl.Series(hidden(y, rng, None).tolist()),
    "masked": lambda y, rng: np.ma.array(y, mask=rng.uniform(size=len(y)) < 0.5),
    "uint64": lambda y, rng: np.where(y, np.uint64(2**64 - 1), np.uint64(7)),
    "floats that merge": lambda y, rng: 2.0**60 + y,
    "largest": lambda y, rng: np.where(y, 2**63 - 1, -1),
    "huge": lambda y, rng: hidden(y, rng, 2**70),
    "string dtype": lambda y, rng: LETTERS[y].astype(str),
    "bytes": lambda y, rng: LETTERS[y].astype("S"),
    "list of strings": lambda y, rng: LETTERS[y].tolist(),
    "empty strings": lambda y, rng: hidden(LETTERS[y], rng, ""),
    "'-1'": lambda y, rng: hidden(LETTERS[y], rng, "-1"),
    "strings and numbers": lambda y, rng: hidden(LETTERS[y], rng, 5),
    "bools and numbers": lambda y, rng: hidden(y > 0, rng, 5),
    "dates": lambda y, rng: np.datetime64("2020-01-01") + y,
    "complex": lambda y, rng: y * 1j,
    "things": lambda y, rng: hidden(y, rng, object()),
    "lists": lambda y, rng: [[k] * (i % 2 + 1) for i, k in enumerate(y.tolist())],
    "a number": lambda y, rng: 3,
    "text": lambda y, rng: "y",
    "sparse": lambda y, rng: sparse.csr_array(y[:, None]),
}

labels_like = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([*LABELS] * 4 + [*ODD_LABELS]),
        "n_labels": st.integers(1, 4),
        "seed": st.integers(0, 99),
    }
)


def make_labels(how, n_rows):
    rng = np.random.RandomState(how["seed"])
    y = rng.randint(how["n_labels"], size=n_rows)
    return (LABELS | ODD_LABELS)[how["kind"]](y, rng)


# ----------------------------------------------------------------- parameters


class Named:
    """A callable that a falsifying example can show."""

    def __init__(self, name, function):
        self.name, self.function = name, function

    def __call__(self, *args):
        return self.function(*args)

    def __repr__(self):
        return self.name


# Bad for most parameters, and for some not.
ANYTHING = (
    *(True, 0, -1, 1.5, np.nan, np.inf, 2**70, 2**63, 1e300, -0.5, 1e-300, None),
    *("x", "auto", (), [1], np.float32(0.5), np.int64(2), object),
)
USUAL = {
    "n_clusters": (None, 1, 2, 3, 5, np.int64(2)),
    "max_iter": (1, 2),
    "batch_size": (2, 3, 4, 5, 16, 1000, 2**62),
    "n_iter_no_change": (None, 1, 2),
    "n_init": (1, 2),
    "n_jobs": (None, 1, -1, -3, np.int64(2)),
    "warm_start": (False, True, "x", 0),
    "verbose": (0, False),
    "random_state": (0, None, 2**32 - 1, np.random.RandomState(0)),
    "device": ("cpu", "auto", torch.device("cpu"), "cuda:97", "gpu", "meta", "cpu:3"),
    "precision": ("auto", "float32", "bfloat16", "float16"),
    "network": (
        *("auto", "mlp", "conv"),
        Named("linear", nn.Linear),
        Named("too wide", lambda a, b: nn.Linear(a, b + 1)),
        Named("a number", lambda a, b: 3),
        Named("failing", lambda a, b: nn.Linear(a + 1, b)),
        Named("non-finite", lambda a, b: Constant(b, torch.nan)),
        Named("constant", lambda a, b: Constant(b, 0.0)),
    ),
    "hidden_layer_sizes": (
        *((8,), [4, 4], np.array([3]), (1,), (), (0,), (-1,), (1.5,), (True,)),
        *(((8, 8), 8), ("x",), (2**70,), 8, "8", {8}),
    ),
    "z2_hidden_layer_sizes": ((8,), [4, 4], (1,), (), (0,), (1.5,), (True,), 8),
    "activation": ("leaky_relu", "relu", "gelu", "tanh", "sigmoid"),
    "image_shape": (
        *(None, (1, 8, 8), [1, 8, 8], (2, 8, 9), (1, 2, 2), (1, 1, 4), (8, 8)),
        *((True, 8, 8), (0, 8, 8), (1.0, 8, 8), (-1, -8, 8), ("1", 8, 8), "188", 64),
    ),
    "likelihood": ("auto", "mse", "bernoulli", "gaussian"),
    "transformations": (
        *(
            "auto",
            ["identity", "flip"],
            ["identity", "reflect_1"],
            ["flip"],
            [],
            [3, 4],
        ),
        *(["flip", "identity"], "flip", ["identity", "nothing"]),
        ["identity", Named("half", lambda x: x * 0.5)],
        ["identity", Named("cut", lambda x: x[:1])],
        ["identity", Named("blow up", lambda x: x / 0)],
    ),
    "dropout": (
        *((0.2, 0.3, 0.5), (0, 0, 0), (0, 0), (0, 0, 1), ("x", 0, 0), (np.nan, 0, 0)),
        *([0.1, 0.1, 0.1], 0.5, ((0, 1), 0, 0)),
    ),
    "assignment": ("probability", "sample"),
    "init": ("k-means", "random"),
    "binarize": (True, False),
    "covariance_type": ("full", "diag"),
    "classifier": ("q", "p"),
    "frobenius_of": ("B", "Z"),
    "n_duplicates": ("auto", 2, 5),
    "feature_dim": (1, 2, 6, "auto"),
    "learning_rate": (1e-3, 1e-30, 1, 1e10, 1e38),
    "min_temperature": (0.5, 1.0, 1e-3),
    "temperature": (1.0, 1e-3, 100),
    "max_shift": (0, 1, 3, 100, "auto"),
    "input_noise": (0, 0.1, "auto", 1e6),
}


class Constant(nn.Module):
    """A network that has nothing to say."""

    def __init__(self, n_out, value):
        super().__init__()
        self.n_out = n_out
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x):
        return self.value.expand(len(x), self.n_out)


def values_of(Estimator, name):
    """Values of a parameter, within what is allowed and beyond."""
    usual = USUAL.get(name)
    if usual is None:
        intervals = [
            c for c in Estimator._parameter_constraints[name] if hasattr(c, "closed")
        ]
        assert intervals, name
        whole = intervals[0].type is Integral
        assert whole or intervals[0].type is Real
        usual = (1, 2, 3, 7) if whole else (0.0, 0.01, 0.5, 1, 3.0, 1e3, 1e-8)
    return st.integers(0, 5).flatmap(
        lambda number: st.sampled_from(usual if number else ANYTHING)
    )


@st.composite
def parameters_of(draw, Estimator, most=3):
    all_names = sorted(Estimator._parameter_constraints)
    chosen = draw(st.lists(st.sampled_from(all_names), max_size=most, unique=True))
    return {name: draw(values_of(Estimator, name)) for name in chosen}


@st.composite
def cases(draw, Estimator):
    X = draw(rows_like())
    same = draw(mostly(True, False, times=3))
    case = {
        "parameters": draw(parameters_of(Estimator)),
        "X": X,
        "y": draw(labels_like),
        "later": draw(rows_like(shape=X["shape"] if same else None)),
        "score": draw(labels_like),
        # of another fit on the same estimator
        "again": draw(
            st.none() | st.just({"warm_start": True}) | parameters_of(Estimator)
        ),
        "n_samples": draw(st.sampled_from((1, 3, 300, *ANYTHING))),
        "sample": draw(
            st.sampled_from((None, None, 0, 1, "a", True, np.nan, [0, 1, 0]))
        ),
    }
    if Estimator is sksemi.ACOLClusterer:
        case["parents"] = draw(st.none() | labels_like)
        case["transformation"] = draw(st.sampled_from((0, 1, 5, *ANYTHING)))
    if Estimator is sksemi.CaGeMGenerator:
        case["z2"] = draw(
            st.sampled_from(
                (None, None, [0.0, 1.0], [[1e39, 0]], [1e30, -1e30], "x", 3)
            )
        )
    return case


# -------------------------------------------------------------------- the law


def foreign(caught):
    """Warnings of others: numpy's, torch's, Python's."""
    return [
        warning
        for warning in caught
        if not warning.category.__module__.startswith("sklearn.")
        and not (
            warning.category is UserWarning
            and (warning.filename == __file__ or "/sklearn/" in warning.filename)
        )
    ]


def n_rows_of(X):
    if hasattr(X, "shape"):
        return X.shape[0] if X.shape else 0
    return len(X) if isinstance(X, list) else 0


class Law:
    """Calls an estimator's methods, and holds them to the law."""

    def __init__(self, est, counts):
        self.est, self.counts = est, counts

    def call(self, name, *args, **kwargs):
        """Result of a method, None if it raised what it may."""
        before = dict(vars(self.est))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = getattr(self.est, name)(*args, **kwargs)
            except (ValueError, TypeError, NotFittedError) as error:
                result, kind, message = None, "clear error", str(error)
            except FloatingPointError as error:
                result, kind, message = None, "diverged", str(error)
            else:
                kind = "ok"
        if kind == "clear error":
            names = ["X", "y", "n_samples", *kwargs, *self.est._parameter_constraints]
            assert re.search(rf"\b({'|'.join(names)})\b", message), message
        if kind == "diverged":
            assert name == "fit"
            assert "learning_rate" in message
            own = self.est.get_params()
            assert (
                own["learning_rate"] >= 1
                or callable(own["network"])
                or not isinstance(own.get("transformations", ""), str)
            )
        assert not foreign(caught), [str(w.message) for w in foreign(caught)]
        self.counts[kind] += 1
        if result is None or name != "fit":
            after = vars(self.est)
            assert after.keys() == before.keys()
            assert all(after[key] is before[key] for key in before)
        return result

    def fit(self, X, y, **parents):
        est = self.call("fit", X, y, **parents)
        if est is None:
            return False
        n_rows = n_rows_of(X)
        assert est.labels_.shape == (n_rows,)
        assert set(est.labels_.tolist()) <= set(est.classes_.tolist())
        assert len(set(est.classes_.tolist())) == len(est.classes_)
        assert all(np.isfinite(value) for row in est.history_ for value in row.values())
        return True

    def infer(self, X, y):
        est, n_rows = self.est, n_rows_of(X)
        shapes = {
            "predict": (n_rows,),
            "predict_proba": (n_rows, len(est.classes_)),
            "transform": (n_rows, est._n_features_out),
            "score_samples": (n_rows,),
            "reconstruct": (n_rows, *est._layout),
            "activations": None,
        }
        for name, shape in shapes.items():
            if hasattr(est, name) and (result := self.call(name, X)) is not None:
                assert shape is None or result.shape == shape
                if name == "predict":
                    assert set(result.tolist()) <= set(est.classes_.tolist())
                else:
                    assert np.isfinite(result).all()
                if name == "predict_proba":
                    np.testing.assert_allclose(result.sum(1), 1, atol=1e-6)
        if (score := self.call("score", X)) is not None:
            assert np.isfinite(score)
        if (score := self.call("score", X, y)) is not None and y is not None:
            # nan where no row has a label
            assert np.isnan(score) or 0 <= score <= 1

    def sample(self, n_samples, y, **z2):
        result = self.call("sample", n_samples, y=y, **z2)
        if result is not None:
            X, y = result
            assert X.shape == (n_samples, *self.est._layout)
            assert y.shape == (n_samples,)
            assert np.isfinite(X).all()
            assert set(y.tolist()) <= set(self.est.classes_.tolist())


def hold(Estimator, case, folder, counts):
    """Make what a case describes, and call every method on it."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        X, later = (make_rows(case[name], folder) for name in ("X", "later"))
        y = make_labels(case["y"], case["X"]["n_rows"])
        y_later = make_labels(case["score"], case["later"]["n_rows"])
        parents = {}
        if case.get("parents"):
            parents["parents"] = make_labels(case["parents"], case["X"]["n_rows"])
    known = Estimator._parameter_constraints
    est = Estimator(**{name: value for name, value in SMALL.items() if name in known})
    law = Law(est.set_params(**case["parameters"]), counts)
    if not law.fit(X, y, **parents):
        return
    law.infer(later, y_later)
    if hasattr(est, "sample"):
        z2 = {"z2": case["z2"]} if "z2" in case else {}
        law.sample(case["n_samples"], case["sample"], **z2)
    if "transformation" in case:
        law.call("activations", X, transformation=case["transformation"])
    if case["again"] is not None:
        est.set_params(**case["again"])
        law.fit(later, y_later)
        law.infer(X, y)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_every_parameter_has_values(Estimator):
    """Else the law breaks for want of them, in whichever case draws it first."""
    for name in Estimator._parameter_constraints:
        values_of(Estimator, name)


N_CASES = [50, pytest.param(1000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("n_cases", N_CASES)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_finite_or_a_clear_error(Estimator, n_cases, tmp_path):
    counts = collections.Counter()

    @hypothesis.settings(
        max_examples=n_cases,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
    )
    @hypothesis.given(case=cases(Estimator))
    def check(case):
        counts["cases"] += 1
        with joblib.parallel_config(backend="sequential"):  # n_jobs starts no process
            hold(Estimator, case, tmp_path, counts)

    check()
    print(f"{Estimator.__name__}: {dict(counts)}")
    # neither side of the law is empty
    assert counts["ok"] > n_cases / 4
    assert counts["clear error"] > n_cases / 4
