"""Checks of threads that share a fitted estimator."""

import threading
import time
from contextlib import contextmanager

import numpy as np
import torch

from sksemi.utils._checking import assert_same_weights, digits, quick, weights

# Threads that predict at once, and how often each does.
N_THREADS = 4
N_CALLS = 12


def yield_checks(estimator):
    """Yield the checks of this file that concern an estimator."""
    yield check_threads_predict_as_one
    yield check_threads_predict_during_refits


@contextmanager
def pauses(model):
    """Pause in every part of a module, so that threads meet inside it."""

    def pause(*_):
        time.sleep(1e-4)

    hooks = [part.register_forward_pre_hook(pause) for part in model.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def run_in_threads(functions):
    """Run functions at once, and raise the first error of any."""
    errors = []

    def caught(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=caught, args=(f,)) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def check_threads_predict_as_one(name, estimator_orig):
    """Equal results, and a module that is what it was."""
    X, _, y_partial = digits(150)
    est = quick(estimator_orig, max_iter=1).fit(X, y_partial)
    before = {k: v.copy() for k, v in weights(est).items()}
    methods = [
        method
        for method in ("predict_proba", "predict", "transform", "reconstruct")
        if hasattr(est, method)
    ]
    alone = {method: getattr(est, method)(X[:50]) for method in methods}

    def call():
        for k in range(N_CALLS):
            method = methods[k % len(methods)]
            result = getattr(est, method)(X[:50])
            np.testing.assert_array_equal(result, alone[method], err_msg=method)

    with pauses(est.model_):
        run_in_threads([call] * N_THREADS)
    assert all(p.dtype == torch.float32 for p in est.model_.parameters())
    assert not est.model_.training
    after = weights(est)
    assert before.keys() == after.keys()
    for key, value in before.items():
        assert value.dtype == after[key].dtype, key
        np.testing.assert_array_equal(value, after[key], err_msg=key)


def check_threads_predict_during_refits(name, estimator_orig):
    """Each call sees the old fit or a new one, whole: never an error, or parts of two.

    The refits have other weights, and other labels.
    """
    X, _, y_partial = digits(150)
    settings = [
        (seed, np.where(y_partial < 0, -1, y_partial + seed)) for seed in (0, 9, 5)
    ]
    fits = [quick(estimator_orig, random_state=seed).fit(X, y) for seed, y in settings]
    rows = X[:50]
    expected = {
        method: [getattr(fit, method)(rows) for fit in fits]
        for method in ("predict", "predict_proba", "transform")
    }
    est = quick(estimator_orig).fit(X, y_partial)
    done = threading.Event()

    def predict(method):
        while not done.wait(0.001):
            result = getattr(est, method)(rows)
            assert any(np.array_equal(result, whole) for whole in expected[method])

    def refit():
        try:
            for seed, y in settings[1:]:
                est.set_params(random_state=seed).fit(X, y)
        finally:
            done.set()

    methods = [*expected, *expected, "predict", "predict_proba"]
    run_in_threads([*(lambda m=m: predict(m) for m in methods), refit])
    assert_same_weights(est, fits[-1])
