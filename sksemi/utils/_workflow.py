"""Checks of a fitted estimator's life: copies, callbacks, history."""

import copy
import io
import pickle
import tempfile
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import torch
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sksemi.utils._checking import (
    QUICK,
    Recorder,
    digits,
    fitted_attributes,
    images,
    quick,
    raises,
)


def yield_checks(estimator):
    """Yield the checks of this file that concern an estimator."""
    for copied in COPIES:
        yield partial(check_copies_predict_the_same, copied=copied)
    for copied in ("pickle", "joblib"):
        for rows in ("digits", "images"):
            yield partial(check_copied_warm_start_goes_on, copied=copied, rows=rows)
    yield check_state_is_kept_only_where_it_is_used
    yield check_clone_has_parameters_only
    yield check_behind_a_scaler
    if hasattr(estimator, "transform"):
        yield check_before_a_classifier
    yield check_cross_val_score
    yield check_one_callback_task_per_epoch
    yield check_a_task_per_restart
    yield check_callback_sees_the_whole_fit
    yield check_callback_stops_the_fit
    yield check_callbacks_are_torn_down_after_an_error
    yield check_scoring_monitor
    yield check_verbose_prints_a_line_per_epoch
    yield check_early_stopping_waits_for_schedules
    yield check_history
    if hasattr(estimator, "fit_predict"):
        yield check_fit_predict_uses_y


def by_joblib(est):
    """Copy through a file whose arrays are mapped to memory."""
    with tempfile.TemporaryDirectory() as folder:
        joblib.dump(est, Path(folder) / "est.joblib")
        return joblib.load(Path(folder) / "est.joblib", mmap_mode="r")


COPIES = {
    "pickle": lambda est: pickle.loads(pickle.dumps(est)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
}


def check_copies_predict_the_same(name, estimator_orig, copied):
    """Copy by a function, or by an entry of `COPIES`."""
    copied = COPIES.get(copied, copied)
    X, _, y_partial = images()
    est = quick(estimator_orig, max_iter=2).fit(X, y_partial)
    # The network is rebuilt from what fit recorded, not from present parameters.
    est.set_params(hidden_layer_sizes=(3,), network="mlp", n_clusters=2)
    before = torch.get_rng_state()
    loaded = copied(est)
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(loaded.predict_proba(X), est.predict_proba(X))
    np.testing.assert_array_equal(loaded.transform(X), est.transform(X))
    assert loaded.history_ == est.history_


def check_copied_warm_start_goes_on(name, estimator_orig, copied, rows):
    """Bit for bit; of images too, whose weights are in another memory order."""
    copied = COPIES.get(copied, copied)
    X, _, y_partial = images() if rows == "images" else digits(150)
    est = quick(estimator_orig, max_iter=2, batch_size=50, warm_start=True).fit(
        X, y_partial
    )
    loaded = copied(est)
    np.testing.assert_array_equal(
        loaded.fit(X, y_partial).predict_proba(X),
        est.fit(X, y_partial).predict_proba(X),
    )


def check_state_is_kept_only_where_it_is_used(name, estimator_orig):
    """Pickle no optimizer without warm_start; at the default width."""
    X, _, y_partial = digits()
    est = clone(estimator_orig).set_params(**QUICK, warm_start=True).fit(X, y_partial)
    large = len(pickle.dumps(est))
    est.set_params(warm_start=False).fit(X, y_partial)
    assert len(pickle.dumps(est)) < large / 2


def check_clone_has_parameters_only(name, estimator_orig):
    """And no fit."""
    X, _, y_partial = digits()
    est = quick(estimator_orig, n_clusters=11).fit(X, y_partial)
    cloned = clone(est)
    assert cloned.get_params() == est.get_params()
    assert not hasattr(cloned, "model_")


def check_behind_a_scaler(name, estimator_orig):
    """Rows of a table are images by image_shape."""
    X, y, y_partial = digits()
    pipe = make_pipeline(
        MinMaxScaler(), quick(estimator_orig, max_iter=1, image_shape=(1, 8, 8))
    )
    pipe.fit(16 * X, y_partial)
    assert pipe.predict(16 * X).shape == y.shape
    np.testing.assert_allclose(
        pipe.score(16 * X, y), np.mean(pipe.predict(16 * X) == y)
    )


def check_before_a_classifier(name, estimator_orig):
    """Features of half the rows' digits separate the other half's far above chance."""
    X, y, _ = digits()
    est = clone(estimator_orig).set_params(**QUICK | {"max_iter": 10})
    pipe = make_pipeline(est, LogisticRegression(max_iter=1000))
    assert pipe.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.6


def check_cross_val_score(name, estimator_orig):
    """With labels and without."""
    X, y, _ = digits()
    scores = cross_val_score(quick(estimator_orig), X, y, cv=3)
    assert ((scores >= 0) & (scores <= 1)).all()
    without_labels = cross_val_score(quick(estimator_orig, n_clusters=5), X, cv=3)
    assert np.isfinite(without_labels).all()


def check_one_callback_task_per_epoch(name, estimator_orig):
    """Which is shown the estimator as if fit had ended there, and changes nothing."""
    X, _, y_partial = digits()
    recorder = Recorder(X)
    est = quick(estimator_orig).set_callbacks(recorder).fit(X, y_partial)
    epoch = ["begin epoch", "end epoch"]
    assert recorder.events == ["setup", "begin fit", *3 * epoch, "end fit", "teardown"]
    assert recorder.rows == est.history_
    np.testing.assert_array_equal(recorder.predictions[-1], est.predict_proba(X))
    assert (recorder.predictions[0] != recorder.predictions[1]).any()
    # watching changes nothing, though the callback draws random numbers
    alone = quick(estimator_orig).fit(X, y_partial)
    np.testing.assert_array_equal(alone.predict_proba(X), est.predict_proba(X))


def check_a_task_per_restart(name, estimator_orig):
    """With those of its epochs."""
    X, _, y_partial = digits()
    recorder = Recorder()
    est = quick(estimator_orig, max_iter=2, n_init=2)
    est.set_callbacks(recorder).fit(X, y_partial)
    restart = ["begin restart", *2 * ["begin epoch", "end epoch"], "end restart"]
    assert recorder.events == [
        "setup",
        "begin fit",
        *2 * restart,
        "end fit",
        "teardown",
    ]


def check_callback_sees_the_whole_fit(name, estimator_orig):
    """Every attribute that the estimator has after fit, with the values of then."""
    X, _, y_partial = images(60)
    for earlier in (False, True):  # a first fit and a second
        recorder = Recorder(keep=True)
        est = quick(estimator_orig, warm_start=earlier)
        if earlier:
            est.fit(X, y_partial)
        est.set_callbacks(recorder).fit(X, y_partial)
        last = recorder.estimators[-1]
        assert fitted_attributes(last) == fitted_attributes(est)
        assert last.n_iter_ == est.n_iter_
        assert last.history_ == est.history_
        for attribute in fitted_attributes(est) - {"model_", "history_", "n_iter_"}:
            np.testing.assert_array_equal(
                getattr(last, attribute), getattr(est, attribute), err_msg=attribute
            )
        first = recorder.estimators[-3]
        assert first.n_iter_ == len(first.history_) == est.n_iter_ - 2
        np.testing.assert_array_equal(first.labels_, first.predict(X))


def check_callback_stops_the_fit(name, estimator_orig):
    """By returning True."""
    X, _, y_partial = digits()
    recorder = Recorder(stop_after=2)
    est = quick(estimator_orig).set_callbacks(recorder).fit(X, y_partial)
    assert est.n_iter_ == len(est.history_) == 2


def check_callbacks_are_torn_down_after_an_error(name, estimator_orig):
    """As after any fit."""
    X, _, y_partial = digits()
    recorder = Recorder()
    est = quick(estimator_orig, learning_rate=1e30).set_callbacks(recorder)
    with raises(FloatingPointError, ""):
        est.fit(X, y_partial)
    assert recorder.events[-1] == "teardown"


def check_scoring_monitor(name, estimator_orig):
    """scikit-learn's own monitor scores every epoch."""
    X, y, _ = digits()
    monitor = ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    est = quick(estimator_orig).set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data
    epochs = [row for row in log if row["task_name"] == "epoch"]
    (whole,) = (row for row in log if row["task_name"] == "fit")
    assert len(epochs) == 3
    assert epochs[-1]["accuracy"] == whole["accuracy"] == est.score(X, y)
    assert epochs[-1]["neg_log_loss"] == whole["neg_log_loss"]
    assert epochs[0]["neg_log_loss"] != whole["neg_log_loss"]


def check_verbose_prints_a_line_per_epoch(name, estimator_orig):
    """And silence prints none."""
    X, _, y_partial = digits()
    for verbose in (1, 0):
        with redirect_stdout(io.StringIO()) as printed:
            quick(estimator_orig, verbose=verbose).fit(X, y_partial)
        starts = [line.split(",")[0] for line in printed.getvalue().splitlines()]
        assert starts == (["Epoch 1", "Epoch 2", "Epoch 3"] if verbose else [])


def check_early_stopping_waits_for_schedules(name, estimator_orig):
    """n_iter_no_change counts from where they have ended."""
    X, _, y_partial = digits()
    est = quick(estimator_orig, tol=1e9, n_iter_no_change=2, batch_size=300)
    n_epochs = est._schedule_length() + 3
    est.set_params(max_iter=n_epochs + 4).fit(X, y_partial)
    assert est.n_iter_ == n_epochs


def check_history(name, estimator_orig):
    """Have a row per epoch: number, what was minimized, each term, seconds."""
    X, _, y_partial = digits()
    est = quick(estimator_orig).fit(X, y_partial)
    assert len(est.history_) == est.n_iter_ == 3
    terms = {
        parameter.removesuffix("_weight")
        for parameter in est.get_params()
        if parameter.endswith("_weight")
    }
    for epoch, row in enumerate(est.history_):
        assert row["epoch"] == epoch
        assert row["seconds"] > 0
        assert list(row)[:2] == ["epoch", "loss"]
        assert terms, "no parameter weighs a term of the loss"
        # with some labels every term is there
        assert terms <= set(row), f"{terms - set(row)} is not in history_"
        assert all(isinstance(value, int | float) for value in row.values())
        assert all(np.isfinite(value) for value in row.values())
        assert row.keys() == est.history_[0].keys()


def check_fit_predict_uses_y(name, estimator_orig):
    """As scikit-learn's mixin does not."""
    X, _, y_partial = digits()
    est = quick(estimator_orig)
    labels = est.fit_predict(X, y_partial)
    np.testing.assert_array_equal(labels, est.labels_)
    np.testing.assert_array_equal(labels, est.predict(X))
    assert len(est.classes_) == 10
