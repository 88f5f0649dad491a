"""Checks of a method's module, and of what its estimator says of itself."""

import ast
import inspect
import pickle
from functools import partial
from unittest import SkipTest

import numpy as np
import torch

from sksemi._engine.data import Minibatches
from sksemi._engine.seeds import seeded
from sksemi._engine.training import Loss, minimized
from sksemi.utils._checking import digits, fitted_attributes, images, quick


def yield_checks(estimator):
    """Yield the checks of this file that concern an estimator."""
    yield check_docstring_is_the_signature
    yield check_fitted_attributes_are_documented
    for labels in ("few", "none", "all"):
        for kind in ("table", "images", "wide"):
            yield partial(check_loss, labels=labels, kind=kind)
    yield check_module_predicts
    yield check_module_is_rebuilt_from_its_config


def check_docstring_is_the_signature(name, estimator_orig):
    """Parameters, their defaults and constraints; needs numpydoc."""
    try:
        from numpydoc.docscrape import ClassDoc
    except ImportError as error:
        raise SkipTest("numpydoc is not installed") from error
    Estimator = type(estimator_orig)
    doc = ClassDoc(Estimator)
    parameters = inspect.signature(Estimator).parameters
    documented = {p.name: p.type for p in doc["Parameters"]}
    assert list(documented) == list(parameters)
    for name, parameter in parameters.items():
        default = documented[name].split("default=")[1].replace('"', "'")
        assert ast.literal_eval(default) == parameter.default, name
    assert set(Estimator._parameter_constraints) == set(parameters)
    for section in ("Attributes", "References", "Examples", "Notes"):
        assert doc[section], section


def check_fitted_attributes_are_documented(name, estimator_orig):
    """And those that are documented are there; needs numpydoc."""
    try:
        from numpydoc.docscrape import ClassDoc
    except ImportError as error:
        raise SkipTest("numpydoc is not installed") from error
    X, _, y_partial = digits()
    est = quick(estimator_orig, max_iter=1).fit(X, y_partial)
    fitted = {key for key in vars(est) if key.endswith("_") and key[0] != "_"}
    documented = {p.name for p in ClassDoc(type(est))["Attributes"]}
    assert fitted <= documented
    # these depend on what fit was given; others may be properties
    optional = {"feature_names_in_", "parents_", "cluster_parents_"}
    assert documented - optional <= fitted_attributes(est)


def rows_of(kind, labels):
    """X, and y of which few, none or all are labels."""
    X, y, y_partial = images() if kind == "images" else digits()
    if kind == "wide":
        X = 16 * X - 5
    return X, {"few": y_partial, "none": None, "all": y}[labels]


def check_loss(name, estimator_orig, labels, kind):
    """Finite 0-d terms of the first steps, and a gradient to every parameter."""
    X, y = rows_of(kind, labels)
    # float32, whose gradients do not vanish by rounding
    est = quick(estimator_orig, n_clusters=10, precision="float32")
    plan = est._prepare(X, y, None, None, 1)
    with seeded(0, plan.device):
        model = est._new_module(plan.config).train()
        batches = Minibatches(plan.data.codes, plan.batch_size, plan.pool)
        for epoch in (0, 1, est._schedule_length() + 1):
            if hasattr(model, "before_epoch"):
                model.before_epoch(plan.data, epoch)
            model.train().zero_grad()
            batch = plan.data.batch(*batches.draw())
            loss = model.loss(batch, torch.tensor(float(epoch)))
            check_terms(loss, plan.weights)
            minimized(loss, plan.weights).backward()
            for parameter, value in model.named_parameters():
                assert value.grad is not None, f"{parameter} has no gradient"
                assert torch.isfinite(value.grad).all(), parameter
                assert value.grad.any(), f"{parameter} has a gradient of zeros"


def check_terms(loss, weights):
    """Assert what a `Loss` is, with the weights that an estimator has."""
    assert isinstance(loss, Loss)
    assert loss.terms, "no term"
    assert loss.terms.keys().isdisjoint(loss.monitors)
    assert set(loss.factors) <= set(loss.terms)
    unnamed = loss.terms.keys() - weights.keys()
    assert not unnamed, f"no parameter <term>_weight for {unnamed}"
    for term, value in (loss.terms | loss.monitors).items():
        assert isinstance(value, torch.Tensor), term
        assert value.shape == (), term
        assert torch.isfinite(value), term
    for monitor, value in loss.monitors.items():
        assert not value.requires_grad, f"{monitor} is not detached"


def check_module_predicts(name, estimator_orig):
    """Features and probabilities, on the CPU and ready to predict."""
    for kind in ("table", "images", "wide"):
        X, y = rows_of(kind, "few")
        est = quick(estimator_orig, max_iter=1).fit(X, y)
        model = est.model_
        assert not model.training
        assert all(p.device.type == "cpu" for p in model.parameters())
        assert callable(model.predict_proba)
        x = torch.tensor(X[:7].reshape(7, -1), dtype=torch.float32)
        with torch.no_grad():
            features = model.encode(x)
        assert features.shape == (7, model.n_features_out)
        assert est.transform(X).shape == (len(X), model.n_features_out)
        assert len(est.get_feature_names_out()) == model.n_features_out
        proba = est.predict_proba(X)
        assert proba.shape == (len(X), len(est.classes_))
        assert proba.min() >= 0
        np.testing.assert_allclose(proba.sum(1), 1, atol=1e-12)
        np.testing.assert_array_equal(est.classes_[proba.argmax(1)], est.predict(X))
        np.testing.assert_array_equal(est.labels_, est.predict(X))


def check_module_is_rebuilt_from_its_config(name, estimator_orig):
    """Plain values alone, and weights that fit what they build."""
    X, _, y_partial = images()
    est = quick(estimator_orig, max_iter=1).fit(X, y_partial)
    config = pickle.loads(pickle.dumps(est._config))
    assert config == est._config
    assert not any(isinstance(v, torch.Tensor | np.ndarray) for v in config.values())
    with seeded(0, torch.device("cpu")):
        model = est._new_module(config)
    model.load_state_dict(est.model_.state_dict())
