"""Checks of Ctrl-C: the last whole epoch is kept, wherever it falls."""

from contextlib import contextmanager
from functools import partial, wraps
from unittest.mock import patch

import numpy as np

from sksemi._engine import training
from sksemi._engine.data import Data, Minibatches
from sksemi._engine.epochs import Epochs
from sksemi.utils._checking import (
    Recorder,
    assert_same_weights,
    assert_unchanged,
    digits,
    quick,
    raises,
    warns,
)


def yield_checks(estimator):
    """Yield the checks of this file that concern an estimator."""
    yield check_interruption_keeps_the_last_whole_epoch
    for after in (3, 4, 6):
        yield partial(check_interruption_of_a_later_restart, after=after)
    yield check_interruption_of_the_first_restart
    for warm_start in (None, False, True):
        yield partial(check_interruption_before_an_epoch_is_over, warm_start=warm_start)
    for where in ("start", "end"):
        for n_init in (1, 3):
            yield partial(check_interruption_after_training, where=where, n_init=n_init)
    if hasattr(estimator._Module, "after_training"):
        yield partial(check_interruption_after_training, where="parts", n_init=1)
    for n_init in (1, 3):
        yield partial(check_interruption_of_the_pass_for_labels, n_init=n_init)
    yield check_interruption_around_callbacks


def interrupted_in_epochs(after):
    """Ctrl-C in the epoch after so many, in its second step."""
    draw, steps = Minibatches.draw, []

    def interrupted(batches):
        steps.append(None)
        if len(steps) > after * batches.n_steps + 1:
            raise KeyboardInterrupt
        return draw(batches)

    return patch.object(Minibatches, "draw", interrupted)


@contextmanager
def interrupted_once(owner, name, number=1, at_end=False):
    """Ctrl-C at the start, or the end, of one call of a function."""
    function, calls = getattr(owner, name), []

    @wraps(function)  # scikit-learn reads the signatures of hooks
    def interrupted(*args, **kwargs):
        calls.append(None)
        if len(calls) != number:
            return function(*args, **kwargs)
        if at_end:
            function(*args, **kwargs)
        raise KeyboardInterrupt

    with patch.object(owner, name, interrupted):
        yield
    assert len(calls) >= number, f"{name} was not called so often"


@contextmanager
def interrupted_in_parts():
    """Ctrl-C in the middle of the first pass over the data after training."""
    conclude, parts, concluding = training.conclude, Data.parts, []

    def concluded(model, data):
        concluding.append(None)
        conclude(model, data)

    def interrupted(data):
        for part in parts(data):
            yield part
            if len(concluding) == 1:
                concluding.append(None)
                raise KeyboardInterrupt

    with (
        patch.object(training, "conclude", concluded),
        patch.object(Data, "parts", interrupted),
    ):
        yield


def check_interruption_keeps_the_last_whole_epoch(name, estimator_orig):
    """And a warm start goes on as if nothing had happened."""
    X, _, y_partial = digits()
    expected = quick(estimator_orig, batch_size=100, max_iter=2).fit(X, y_partial)
    est = quick(estimator_orig, batch_size=100, warm_start=True)
    with (
        interrupted_in_epochs(after=2),
        warns("interrupted by user after 2 whole"),
    ):
        est.fit(X, y_partial)
    assert est.n_iter_ == 2
    np.testing.assert_array_equal(est.predict_proba(X), expected.predict_proba(X))
    est.set_params(max_iter=1).fit(X, y_partial)
    whole = quick(estimator_orig, batch_size=100).fit(X, y_partial)
    np.testing.assert_array_equal(est.predict_proba(X), whole.predict_proba(X))


def check_interruption_of_a_later_restart(name, estimator_orig, after):
    """While the first is compared, and in the first or third epoch of the second."""
    X, _, y_partial = digits()
    expected = quick(estimator_orig, batch_size=100).fit(X, y_partial)
    est = quick(estimator_orig, batch_size=100, n_init=3)
    with interrupted_in_epochs(after), warns("interrupted by user"):
        est.fit(X, y_partial)
    assert est.n_iter_ == 3
    np.testing.assert_array_equal(est.predict_proba(X), expected.predict_proba(X))


def check_interruption_of_the_first_restart(name, estimator_orig):
    """Its whole epochs are kept."""
    X, _, y_partial = digits()
    est = quick(estimator_orig, batch_size=100, n_init=3)
    with (
        interrupted_in_epochs(after=1),
        warns("interrupted by user after 1 whole"),
    ):
        est.fit(X, y_partial)
    assert est.n_iter_ == 1


def check_interruption_before_an_epoch_is_over(name, estimator_orig, warm_start):
    """There is nothing to keep: an earlier fit, if any (not None), is untouched."""
    X, _, y_partial = digits()
    est = quick(estimator_orig, batch_size=100)
    if warm_start is not None:
        est.set_params(warm_start=warm_start).fit(X, y_partial)
        predicted = est.predict_proba(X)
    before = dict(vars(est))
    with interrupted_in_epochs(after=0), raises(KeyboardInterrupt, ""):
        est.fit(X, y_partial)
    assert_unchanged(est, before)
    if warm_start is None:
        assert not hasattr(est, "model_")
    else:
        np.testing.assert_array_equal(est.predict_proba(X), predicted)


def check_interruption_after_training(name, estimator_orig, where, n_init):
    """In what a module does then, at its start, in a pass over the data, at its end.

    With restarts, in the second one's.
    """
    X, _, y_partial = digits(150)
    if where == "parts":
        interruption = interrupted_in_parts()
    else:
        owner, function = training, "conclude"
        if hasattr(estimator_orig._Module, "after_training"):
            owner, function = estimator_orig._Module, "after_training"
        number = 1 if n_init == 1 else 2
        interruption = interrupted_once(owner, function, number, where == "end")
    expected = quick(estimator_orig, batch_size=64).fit(X, y_partial)
    est = quick(estimator_orig, batch_size=64, n_init=n_init, warm_start=True)
    with interruption, warns("interrupted by user after 3 whole"):
        est.fit(X, y_partial)
    assert est.n_iter_ == len(est.history_) == 3
    assert_same_weights(est, expected)
    np.testing.assert_array_equal(est.labels_, expected.labels_)
    np.testing.assert_array_equal(est.predict_proba(X), expected.predict_proba(X))
    # and it goes on as if nothing had happened
    if n_init == 1:
        est.set_params(max_iter=1).fit(X, y_partial)
        whole = quick(estimator_orig, batch_size=64, max_iter=4).fit(X, y_partial)
        assert_same_weights(est, whole)


def check_interruption_of_the_pass_for_labels(name, estimator_orig, n_init):
    """Training is over then, and nothing of it is lost."""
    X, _, y_partial = digits(150)
    expected = quick(estimator_orig, n_init=n_init).fit(X, y_partial)
    for at_end in (False, True):
        est = quick(estimator_orig, n_init=n_init)
        with (
            interrupted_once(type(est), "_predict", at_end=at_end),
            warns("interrupted by user after 3 whole"),
        ):
            est.fit(X, y_partial)
        assert est.n_iter_ == len(est.history_) == 3
        assert_same_weights(est, expected)
        np.testing.assert_array_equal(est.labels_, expected.labels_)
        np.testing.assert_array_equal(est.predict(X), expected.predict(X))


def check_interruption_around_callbacks(name, estimator_orig):
    """As an epoch is handed on, in a callback at its end, and at the fit's end."""
    X, _, y_partial = digits(150)
    for n_epochs, interruption in (
        (2, interrupted_once(Epochs, "__call__", 2)),
        (2, interrupted_once(Recorder, "on_fit_task_end", 2)),
        (2, interrupted_once(Recorder, "on_fit_task_end", 2, at_end=True)),
        (3, interrupted_once(Recorder, "on_fit_task_end", 4)),
    ):
        expected = quick(estimator_orig, max_iter=n_epochs).fit(X, y_partial)
        est = quick(estimator_orig).set_callbacks(Recorder())
        with interruption, warns(f"interrupted by user after {n_epochs} whole"):
            est.fit(X, y_partial)
        assert est.n_iter_ == n_epochs
        assert [row["epoch"] for row in est.history_] == list(range(n_epochs))
        assert_same_weights(est, expected)
        np.testing.assert_array_equal(est.labels_, expected.labels_)
