"""Restarts side by side are the restarts in turn."""

import joblib
import numpy as np
import pytest
import torch

from sksemi import GMVAEClusterer
from sksemi._engine import epochs
from sksemi.callbacks import EarlyStopping
from sksemi.utils._checking import assert_same_weights
from tests.contract.estimators import ESTIMATORS, quick


def assert_same_fit(one, other):
    assert_same_weights(one, other)
    np.testing.assert_array_equal(one.labels_, other.labels_)
    first, second = (
        [{k: v for k, v in row.items() if k != "seconds"} for row in est.history_]
        for est in (one, other)
    )
    assert first == second


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_threads(Estimator, digits):
    """They wait for one another's random numbers, and none is lost."""
    X, _, y_partial = digits
    in_turn = quick(Estimator, n_init=3).fit(X, y_partial)
    with joblib.parallel_config(backend="threading"):
        est = quick(Estimator, n_init=3, n_jobs=2).fit(X, y_partial)
    assert_same_fit(est, in_turn)


def test_processes(digits):
    X, _, y_partial = digits
    in_turn = quick(GMVAEClusterer, n_init=3, warm_start=True).fit(X, y_partial)
    est = quick(GMVAEClusterer, n_init=3, n_jobs=2, warm_start=True)
    drawn_next = torch.get_rng_state()
    est.fit(X, y_partial)
    assert torch.equal(torch.get_rng_state(), drawn_next)
    assert_same_fit(est, in_turn)
    assert not hasattr(est, "_epochs")
    # and it goes on as that one does
    assert_same_fit(est.fit(X, y_partial), in_turn.fit(X, y_partial))


def test_n_jobs_of_the_context(digits):
    """None is scikit-learn's: what joblib.parallel_config says, else one."""
    X, _, y_partial = digits
    est = quick(GMVAEClusterer, n_init=2)
    restarts = epochs.Restarts(est, planned(est, X, y_partial), None, X, y_partial)
    assert not restarts._in_processes()
    with joblib.parallel_config(n_jobs=2):
        assert restarts._in_processes()


def planned(est, X, y):
    return est._prepare(X, y, None, None, est.n_init)


class Cut:
    """joblib's Parallel, cut off by Ctrl-C after so many results."""

    def __init__(self, n_results):
        self.n_results = n_results

    def __call__(self, **kwargs):
        return self.run

    def run(self, jobs):
        for number, (function, args, kwargs) in enumerate(jobs):
            if number == self.n_results:
                raise KeyboardInterrupt
            # sklearn's delayed wraps the function with its configuration
            yield function.function(*args, **kwargs)


def test_ctrl_c_keeps_the_best_that_is_whole(digits, monkeypatch):
    X, _, y_partial = digits
    two = quick(GMVAEClusterer, n_init=2).fit(X, y_partial)
    monkeypatch.setattr(epochs, "Parallel", Cut(2))
    est = quick(GMVAEClusterer, n_init=4, n_jobs=2)
    with pytest.warns(UserWarning, match="interrupted by user"):
        est.fit(X, y_partial)
    assert_same_fit(est, two)


def test_ctrl_c_before_any_is_whole(digits, monkeypatch):
    X, _, y_partial = digits
    monkeypatch.setattr(epochs, "Parallel", Cut(0))
    est = quick(GMVAEClusterer, n_init=2, n_jobs=2)
    before = dict(vars(est))
    with pytest.raises(KeyboardInterrupt):
        est.fit(X, y_partial)
    assert vars(est) == before


def test_with_callbacks_in_turn(digits):
    """A callback sees every epoch of every restart, here."""
    X, y, y_partial = digits
    seen = []

    def scoring(estimator, X, y):
        seen.append(len(estimator.history_))
        return 0.0

    def stopping():
        return EarlyStopping(validation_data=(X, y), scoring=scoring, patience=9)

    est = quick(GMVAEClusterer, n_init=2, n_jobs=2).set_callbacks(stopping())
    est.fit(X, y_partial)
    assert seen == 2 * list(range(1, est.max_iter + 1))


def test_a_restart_that_diverges(digits):
    X, _, y_partial = digits
    est = quick(GMVAEClusterer, n_init=2, n_jobs=2, learning_rate=1e30)
    before = dict(vars(est))
    with (
        joblib.parallel_config(backend="threading"),
        pytest.raises(FloatingPointError, match="smaller learning_rate"),
    ):
        est.fit(X, y_partial)
    assert vars(est) == before


def test_losses_that_cannot_be_compared(digits, monkeypatch):
    """Of restarts whose evaluations are not finite, the first is kept, as in turn."""
    X, _, y_partial = digits
    one = quick(GMVAEClusterer).fit(X, y_partial)
    monkeypatch.setattr(epochs, "evaluate", lambda *args, **kwargs: np.nan)
    with joblib.parallel_config(backend="threading"):
        est = quick(GMVAEClusterer, n_init=2, n_jobs=2).fit(X, y_partial)
    assert_same_fit(est, one)


def test_n_jobs_of_zero(digits):
    X, _, y_partial = digits
    with pytest.raises(ValueError, match="'n_jobs' parameter"):
        quick(GMVAEClusterer, n_init=2, n_jobs=0).fit(X, y_partial)
