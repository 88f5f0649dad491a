"""What the checks share: quick estimators, small data, expected errors."""

import re
import warnings
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

from sksemi.datasets import mask_labels

QUICK = {"max_iter": 3, "random_state": 0, "device": "cpu"}


def narrow(estimator):
    """Set what the estimator has of widths, starts and draws to small numbers."""
    small = {}
    for name in estimator.get_params(deep=False):
        if name == "hidden_layer_sizes":
            small[name] = (16,)
        elif name.endswith("_dim"):
            small[name] = 16
        elif name.endswith("_n_init"):
            small[name] = 1
        elif name == "n_draws":
            small[name] = 2
    return estimator.set_params(**small)


def quick(estimator, **params):
    """Narrow clone of an estimator, for a few epochs, with parameters of the check."""
    return narrow(clone(estimator)).set_params(**QUICK | params)


@cache
def _digits(n_rows):
    X, y = load_digits(return_X_y=True)
    X, y = X[:n_rows] / 16, y[:n_rows]
    X.setflags(write=False)
    return X, y, mask_labels(y, 2 * n_rows // 15, random_state=0)


def digits(n_rows=300):
    """Rows of scikit-learn's digits in [0, 1], labels, and 2 in 15 of the labels."""
    X, y, y_partial = _digits(n_rows)
    return X, y.copy(), y_partial.copy()


def images(n_rows=120):
    """Digits as images (n_rows, 8, 8)."""
    X, y, y_partial = digits(n_rows)
    return X.reshape(-1, 8, 8), y, y_partial


def uint8_images(n_rows=120):
    """Digits as images (n_rows, 1, 8, 8) of uint8, up to 255."""
    X, y, y_partial = images(n_rows)
    return np.round(X * 255).astype(np.uint8)[:, None], y, y_partial


@contextmanager
def raises(errors, match):
    """Expect an error whose message has a pattern."""
    message = None
    try:
        yield
    except errors as error:
        message = str(error)
    assert message is not None, f"no error that says {match!r}"
    assert re.search(match, message, re.DOTALL), f"{message!r} is not {match!r}"


@contextmanager
def warns(match):
    """Expect a UserWarning whose message has a pattern."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    messages = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    assert any(re.search(match, message) for message in messages), (
        f"no warning that says {match!r}; there were {messages}"
    )


def disturb():
    """Change every global random state, to show that nothing depends on it."""
    np.random.seed(np.random.randint(1000) + 1)
    torch.rand(7)


def weights(estimator):
    """Arrays of the fitted module by name."""
    return {k: v.numpy() for k, v in estimator.model_.state_dict().items()}


def assert_same_weights(a, b):
    """Assert that two fitted estimators have the same module, bit for bit."""
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def assert_unchanged(estimator, before):
    """Assert that an estimator has the very attributes it had: a dict of them."""
    assert vars(estimator).keys() == before.keys()
    for name, value in before.items():
        assert vars(estimator)[name] is value, f"{name} has changed"


def fitted_attributes(estimator):
    """Names of what a fit has left, properties among them."""
    own = {name for name in dir(estimator) if name.endswith("_") and name[0] != "_"}
    return {name for name in own if hasattr(estimator, name)}


class Recorder:
    """A callback that notes what it is told, and draws random numbers."""

    def __init__(self, X=None, stop_after=None, keep=False):
        self.X, self.stop_after, self.keep = X, stop_after, keep
        self.events, self.rows, self.predictions, self.estimators = [], [], [], []

    def setup(self, estimator, context):
        """Note it."""
        self.events.append("setup")

    def teardown(self, estimator, context):
        """Note it."""
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        """Note it."""
        self.events.append(f"begin {context.task_name}")
        disturb()

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        """Note it, and what the estimator is after an epoch; stop if it is time."""
        self.events.append(f"end {context.task_name}")
        if context.task_name != "epoch":
            return False
        self.rows.append(estimator.history_[-1])
        assert fitted_estimator.history_ == estimator.history_
        if self.keep:
            self.estimators.append(fitted_estimator)
        disturb()
        if self.X is not None:
            self.predictions.append(fitted_estimator.predict_proba(self.X))
        return len(self.rows) == self.stop_after
