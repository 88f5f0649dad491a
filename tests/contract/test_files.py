"""Files: those of every release load, and damaged ones are refused by a ValueError."""

import io
import pickle
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

import sksemi
from tests.contract.estimators import ESTIMATORS, QUICK, having

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)
FILES = Path(__file__).parent / "files"


def by_skops(path):
    types = skops.io.get_untrusted_types(file=path)
    assert all(name.startswith("sksemi.") for name in types)
    return skops.io.load(path, trusted=types)


@pytest.mark.parametrize("load", [by_skops, joblib.load])
@pytest.mark.parametrize("file", sorted(FILES.glob("*/*.skops")), ids=str)
def test_files_of_every_version(file, load):
    if load is joblib.load:
        file = file.with_suffix(".joblib")
    results = np.load(file.parent / "results.npz")
    est = load(file)
    for kind, method in [("proba", est.predict_proba), ("features", est.transform)]:
        expected = results[f"{file.stem} {kind}"]
        np.testing.assert_allclose(method(results["X"]), expected, atol=1e-4)


def test_this_version_has_files():
    there = {path.stem for path in (FILES / sksemi.__version__).glob("*.skops")}
    assert there == set(sksemi.__all__), "run tests/contract/files/make.py"


@pytest.fixture(scope="module")
def states(digits, images):
    """States of estimators fitted to a table and to images, made once."""
    made = {}

    def state(Estimator, form):
        if (Estimator, form) not in made:
            X, _, y_partial = digits if form == "table" else images
            est = Estimator(**QUICK | {"max_iter": 1}, warm_start=True)
            made[Estimator, form] = est.fit(X, y_partial).__getstate__()
        return pickle.loads(pickle.dumps(made[Estimator, form]))

    return state


def restored(Estimator, state):
    est = object.__new__(Estimator)
    est.__setstate__(state)
    return est


def a_matrix(state):
    """Name of one of the weights, a float matrix."""
    return next(
        name
        for name, v in state["model_"].items()
        if v.ndim > 1 and v.size and v.dtype == np.float32
    )


def change_weight(function):
    def damage(state):
        name = a_matrix(state)
        state["model_"][name] = function(state["model_"][name])

    return damage


def put(value):
    def function(weight):
        weight = weight.copy()
        weight.flat[0] = value
        return weight

    return change_weight(function)


def config(**entries):
    return lambda state: state["_config"].update(entries)


def without(name, part=None):
    return lambda state: (state if part is None else state[part]).pop(name)


def entry(name, value):
    return lambda state: state.update({name: value})


def large_everywhere(state):
    n = state["_config"]["n_features"] = state["n_features_in_"] = 10**8
    state["_config"]["image_shape"] = state["_image_shape"] = None
    state["_config"]["network"] = "mlp"
    state["_layout"] = (n,)


def large_images(state):
    large_everywhere(state)
    shape = (1, 10**4, 10**4)
    state["_config"]["image_shape"] = state["_image_shape"] = state["_layout"] = shape
    state["_config"]["network"] = "conv"


DAMAGE = {
    "weight of another shape": (change_weight(lambda w: w[:-1]), "shape"),
    "weight turned": (change_weight(lambda w: w[None]), "shape"),
    "weight deleted": (lambda s: s["model_"].pop(a_matrix(s)), "is missing"),
    "another weight": (lambda s: s["model_"].update(odd=np.ones(3)), "odd"),
    "nan": (put(np.nan), "not finite"),
    "inf": (put(np.inf), "not finite"),
    "integers": (change_weight(lambda w: w.astype(int)), "int64, not float32"),
    "complex": (change_weight(lambda w: w.astype("c8")), "complex64, not float32"),
    "doubles": (change_weight(lambda w: w.astype("f8")), "float64, not float32"),
    "objects": (change_weight(lambda w: w.astype(object)), "object, not float32"),
    "a list": (change_weight(lambda w: w.tolist()), "type list"),
    "no weights": (entry("model_", None), "NoneType"),
    "unknown network": (config(network="nope"), "network.*'nope'"),
    "unknown activation": (config(activation="nope"), "activation"),
    "negative n_features": (config(n_features=-1), "n_features"),
    "n_features=10**8": (config(n_features=10**8), "n_features|image_shape|100000000"),
    "10**8 everywhere": (large_everywhere, "100000000"),
    "images of 10**8 pixels": (large_images, ""),
    "n_clusters=10**8": (config(n_clusters=10**8), "classes_"),
    "no clusters": (config(n_clusters=0, n_labels=0), "n_clusters"),
    "too many labels": (config(n_labels=99), "n_labels"),
    "negative n_labels": (config(n_labels=-1), "n_labels"),
    "n_features of text": (config(n_features="64"), "n_features"),
    "n_features nan": (config(n_features=float("nan")), "n_features"),
    "widths of 0": (config(hidden_layer_sizes=(0,)), "hidden_layer_sizes"),
    "widths of 10**12": (config(hidden_layer_sizes=(10**12,), network="mlp"), ""),
    "widths of text": (config(hidden_layer_sizes=("a",)), "hidden_layer_sizes"),
    "odd image": (config(image_shape=(1, 8, -8)), "image_shape"),
    "no such image": (config(image_shape=(3, 8, 8)), "image_shape"),
    "entry removed": (without("n_features", "_config"), "lacks n_features"),
    "entry added": (config(odd=1), "unknown entry, odd"),
    "no configuration": (without("_config"), "_config"),
    "no classes": (without("classes_"), "classes_ is missing"),
    "fewer classes": (lambda s: s.update(classes_=s["classes_"][:-1]), "classes_"),
    "no layout": (without("_layout"), "_layout is missing"),
    "another layout": (entry("_layout", (7,)), "_layout"),
    "no scale": (entry("scale_", 0.0), "scale_"),
    "no seed": (entry("_seed", None), "_seed"),
    "another n_features_in_": (entry("n_features_in_", 63), "n_features_in_"),
    "no history": (entry("history_", 3), "history_"),
    "no parameter": (without("n_clusters"), "n_clusters is missing"),
    "no optimizer": (without("optimizer", "_state"), "optimizer"),
    "moments of another shape": (
        lambda s: s["_state"]["optimizer"]["state"][0].update(exp_avg=np.ones(3)),
        "exp_avg",
    ),
    "rows that are not there": (
        lambda s: s["_state"].update(pool=s["_state"]["pool"] + 10**6),
        "pool",
    ),
    "random state cut": (
        lambda s: s["_state"]["rng"].update(cpu=s["_state"]["rng"]["cpu"][:-1]),
        "random state",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("form", ["table", "images"])
@every_estimator
def test_damage_is_told(Estimator, form, kind, states):
    damage, match = DAMAGE[kind]
    state = states(Estimator, form)
    damage(state)
    before = torch.get_rng_state()
    with pytest.raises(
        ValueError, match=f"(?s){Estimator.__name__} is damaged.*{match}"
    ):
        restored(Estimator, state)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("form", ["table", "images"])
@every_estimator
def test_numbers_of_the_method(Estimator, form, states):
    """Each number in the configuration, out of range or of another kind."""
    for name, value in states(Estimator, form)["_config"].items():
        for bad in (-(10**9), float("nan"), object()):
            if isinstance(value, bool) or not isinstance(value, int | float | tuple):
                continue
            state = states(Estimator, form)
            state["_config"][name] = bad
            with pytest.raises(ValueError, match="is damaged"):
                restored(Estimator, state)


@pytest.mark.parametrize("form", ["table", "images"])
@every_estimator
def test_nothing_is_built_from_a_damaged_file(Estimator, form, states, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise AssertionError("memory was asked for")

    state = states(Estimator, form)
    large_images(state) if form == "images" else large_everywhere(state)
    monkeypatch.setattr(torch.Tensor, "to_empty", refuse, raising=False)
    monkeypatch.setattr(Estimator._Module, "load_state_dict", refuse)
    with pytest.raises(ValueError, match="is damaged"):
        restored(Estimator, state)


@pytest.mark.parametrize("Estimator", having("cluster_parents_"))
def test_clusters_of_no_parent(Estimator, states):
    state = states(Estimator, "table")
    state["model_"]["cluster_parents"] += 99
    with pytest.raises(ValueError, match="is damaged: cluster_parents"):
        restored(Estimator, state)


@every_estimator
def test_a_whole_state_loads(Estimator, states, digits):
    state = states(Estimator, "table")
    est = restored(Estimator, state)
    assert est.set_params(max_iter=1).fit(digits[0], digits[2]).n_iter_ == 2
    assert "_sksemi_version" in est.__getstate__()


@every_estimator
def test_without_a_model(Estimator, states, digits):
    state = states(Estimator, "table")
    del state["model_"]
    est = restored(Estimator, state)
    methods = ("predict", "predict_proba", "transform", "score", "score_samples")
    for method in methods + ("reconstruct", "sample"):
        if hasattr(est, method):
            with pytest.raises(NotFittedError):
                getattr(est, method)(*([] if method == "sample" else [digits[0]]))


@every_estimator
def test_another_version(Estimator, states, digits):
    X = digits[0]
    state = states(Estimator, "table")
    expected = restored(Estimator, states(Estimator, "table")).predict_proba(X)
    # what this version can follow loads, a parameter that came later at its default
    state["_sksemi_version"] = "0.0.1"
    del state["batch_size"]
    est = restored(Estimator, state)
    assert est.batch_size == Estimator().batch_size
    np.testing.assert_array_equal(est.predict_proba(X), expected)
    # and what it cannot is told, both versions named
    for version, named in [
        ("99.1", "sksemi 99.1"),
        (None, "a version .* not recorded"),
    ]:
        state = states(Estimator, "table")
        state["_config"]["new"] = 3
        state["_sksemi_version"] = version
        if version is None:
            del state["_sksemi_version"]
        with pytest.raises(ValueError, match=f"saved by {named}.*{sksemi.__version__}"):
            restored(Estimator, state)


def small_network(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, n_out), nn.ReLU())


@every_estimator
def test_a_network_of_ones_own(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK, network=small_network).fit(X, y_partial)
    loaded = pickle.loads(pickle.dumps(est))
    np.testing.assert_array_equal(loaded.predict_proba(X), est.predict_proba(X))
    state = est.__getstate__()
    state["model_"].popitem()
    with pytest.raises(ValueError, match="is damaged"):
        restored(Estimator, state)


def edited(content, edit):
    """Archive of skops with its members (name -> bytes) edited."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for name, value in members.items():
            archive.writestr(name, value)
    return result.getvalue()


def large_schema(members):
    # skops writes equal small integers as one object, the first of which counts
    schema = members["schema.json"].decode()
    assert '"content": "64"' in schema
    schema = schema.replace('"content": "64"', '"content": "100000000"')
    members["schema.json"] = schema.encode()


def a_member(change):
    """Change the first matrix of floats in an archive."""

    def edit(members):
        for name in members:
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(members[name]))
                if array.ndim == 2 and array.size and array.dtype == np.float32:
                    file = io.BytesIO()
                    np.save(file, change(array))
                    members[name] = file.getvalue()
                    return
        raise AssertionError("no weight in the archive")

    return edit


EDITS = {
    "schema": large_schema,
    "nan": a_member(lambda array: np.full_like(array, np.nan)),
    "short": a_member(lambda array: array[:-1]),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@every_estimator
def test_edited_archives(Estimator, edit, states):
    est = restored(Estimator, states(Estimator, "table"))
    content = edited(skops.io.dumps(est), edit)
    types = skops.io.get_untrusted_types(data=content)
    with pytest.raises(ValueError, match="is damaged"):
        skops.io.loads(content, trusted=types)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("codes", lambda codes: codes + 10, "label that is not there"),
        ("codes", lambda codes: codes.astype(float), "codes of the rows remembered"),
        ("x", lambda x: x[:, 1:], "x of the rows remembered"),
        ("x", lambda x: x * np.inf, "not finite"),
        ("x", lambda x: x[1:], "x of the rows remembered"),
    ],
)
def test_rows_remembered_by_a_stream(name, value, message, digits):
    X, _, y_partial = digits
    est = sksemi.M2Generator(**QUICK, hidden_layer_sizes=(8,))
    state = est.partial_fit(X, y_partial).__getstate__()
    restored(sksemi.M2Generator, state).partial_fit(X)
    remembered = state["_state"]["remembered"]
    with np.errstate(invalid="ignore"):
        remembered[name] = value(remembered[name])
    with pytest.raises(ValueError, match=f"damaged.*{message}"):
        restored(sksemi.M2Generator, state)
