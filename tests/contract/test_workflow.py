"""Pickle, joblib, skops, Pipeline, GridSearchCV, callbacks, interruption."""

import copy
import pickle
import re
import warnings

import joblib
import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sksemi._engine import data
from tests.contract.estimators import NARROW, QUICK, having

every_estimator = pytest.mark.parametrize("Estimator", NARROW)


def by_pickle(est, folder):
    return pickle.loads(pickle.dumps(est))


def by_joblib(est, folder):
    joblib.dump(est, folder / "est.joblib")
    return joblib.load(folder / "est.joblib", mmap_mode="r")


def by_skops(est, folder):
    skops.io.dump(est, folder / "est.skops")
    types = skops.io.get_untrusted_types(file=folder / "est.skops")
    # nothing but our own classes has to be trusted
    assert all(name.startswith("sksemi.") for name in types), types
    return skops.io.load(folder / "est.skops", trusted=types)


@pytest.mark.parametrize(
    "copied", [by_pickle, by_joblib, by_skops, lambda est, _: copy.deepcopy(est)]
)
@every_estimator
def test_copies_predict_the_same(Estimator, copied, images, tmp_path):
    X, _, y_partial = images
    est = Estimator(**QUICK).fit(X, y_partial)
    # The network is rebuilt from what fit recorded, not from present parameters.
    est.set_params(hidden_layer_sizes=(3,), network="mlp", n_clusters=2)
    before = torch.get_rng_state()
    loaded = copied(est, tmp_path)
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(loaded.predict_proba(X), est.predict_proba(X))
    np.testing.assert_array_equal(loaded.transform(X), est.transform(X))
    assert loaded.history_ == est.history_


@pytest.mark.parametrize("rows", ["digits", "images"])
@pytest.mark.parametrize("copied", [by_pickle, by_joblib, by_skops])
@every_estimator
def test_copied_warm_start_goes_on(Estimator, copied, rows, request, tmp_path):
    """Bit for bit; of images too, whose weights are in another memory order."""
    X, _, y_partial = request.getfixturevalue(rows)
    est = Estimator(**QUICK, warm_start=True).fit(X, y_partial)
    loaded = copied(est, tmp_path)
    np.testing.assert_array_equal(
        loaded.fit(X, y_partial).predict_proba(X),
        est.fit(X, y_partial).predict_proba(X),
    )


@every_estimator
def test_state_is_kept_only_where_it_is_used(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK, warm_start=True).fit(X, y_partial)
    large = len(pickle.dumps(est))
    est.set_params(warm_start=False).fit(X, y_partial)
    assert len(pickle.dumps(est)) < large / 2


@every_estimator
def test_clone_has_parameters_only(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK, n_clusters=11).fit(X, y_partial)
    cloned = clone(est)
    assert cloned.get_params() == est.get_params()
    assert not hasattr(cloned, "model_")


@every_estimator
def test_behind_a_scaler(Estimator, digits):
    X, y, y_partial = digits
    pipe = make_pipeline(MinMaxScaler(), Estimator(**QUICK, image_shape=(1, 8, 8)))
    pipe.fit(16 * X, y_partial)
    assert pipe.predict(16 * X).shape == y.shape
    assert pipe.score(16 * X, y) == pytest.approx(np.mean(pipe.predict(16 * X) == y))


@pytest.mark.parametrize("Estimator", having("transform"))
def test_before_a_classifier(Estimator, digits):
    """Features of half the rows' digits separate the other half's far above chance."""
    X, y, _ = digits
    pipe = make_pipeline(
        Estimator(**QUICK | {"max_iter": 10}), LogisticRegression(max_iter=1000)
    )
    assert pipe.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.6


@every_estimator
def test_grid_search_in_two_processes(Estimator, digits):
    X, y, _ = digits
    search = GridSearchCV(
        Estimator(**QUICK), {"max_iter": [1, 12]}, cv=2, n_jobs=2, scoring="accuracy"
    )
    search.fit(X, y)
    assert search.best_params_ == {"max_iter": 12}
    assert search.predict(X).shape == y.shape
    # two processes say what one says
    serial = clone(search).set_params(n_jobs=None).fit(X, y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"],
        serial.cv_results_["mean_test_score"],
        atol=0.02,
    )


@every_estimator
def test_cross_val_score(Estimator, digits):
    X, y, _y_partial = digits
    scores = cross_val_score(Estimator(**QUICK), X, y, cv=3)
    assert ((scores >= 0) & (scores <= 1)).all()
    without_labels = cross_val_score(Estimator(**QUICK, n_clusters=5), X, cv=3)
    assert np.isfinite(without_labels).all()


class Recorder:
    """A callback that notes what it is told."""

    def __init__(self, X=None, stop_after=None):
        self.X, self.stop_after = X, stop_after
        self.events, self.rows, self.predictions = [], [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")
        np.random.rand(), torch.rand(3)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.events.append(f"end {context.task_name}")
        if context.task_name == "epoch":
            self.rows.append(estimator.history_[-1])
            assert fitted_estimator.history_ == estimator.history_
            np.random.rand(), torch.rand(3)
            if self.X is not None:
                self.predictions.append(fitted_estimator.predict_proba(self.X))
            return len(self.rows) == self.stop_after


@every_estimator
def test_one_callback_task_per_epoch(Estimator, digits):
    X, _, y_partial = digits
    recorder = Recorder(X)
    est = Estimator(**QUICK).set_callbacks(recorder).fit(X, y_partial)
    epoch = ["begin epoch", "end epoch"]
    assert recorder.events == ["setup", "begin fit", *3 * epoch, "end fit", "teardown"]
    assert recorder.rows == est.history_
    np.testing.assert_array_equal(recorder.predictions[-1], est.predict_proba(X))
    assert (recorder.predictions[0] != recorder.predictions[1]).any()
    # watching changes nothing, though the callback draws random numbers
    alone = Estimator(**QUICK).fit(X, y_partial)
    np.testing.assert_array_equal(alone.predict_proba(X), est.predict_proba(X))


@every_estimator
def test_a_task_per_restart(Estimator, digits):
    X, _, y_partial = digits
    recorder = Recorder()
    settings = QUICK | {"max_iter": 2}
    Estimator(**settings, n_init=2).set_callbacks(recorder).fit(X, y_partial)
    restart = ["begin restart", *2 * ["begin epoch", "end epoch"], "end restart"]
    assert recorder.events == [
        "setup",
        "begin fit",
        *2 * restart,
        "end fit",
        "teardown",
    ]


@every_estimator
def test_callback_stops_the_fit(Estimator, digits):
    X, _, y_partial = digits
    recorder = Recorder(stop_after=2)
    est = Estimator(**QUICK).set_callbacks(recorder).fit(X, y_partial)
    assert est.n_iter_ == len(est.history_) == 2


@every_estimator
def test_callbacks_are_torn_down_after_an_error(Estimator, digits):
    X, _, y_partial = digits
    recorder = Recorder()
    est = Estimator(**QUICK, learning_rate=1e30).set_callbacks(recorder)
    with pytest.raises(FloatingPointError):
        est.fit(X, y_partial)
    assert recorder.events[-1] == "teardown"


@every_estimator
def test_scoring_monitor(Estimator, digits):
    """scikit-learn's own monitor scores every epoch."""
    X, y, _ = digits
    monitor = ScoringMonitor(scoring="accuracy")
    est = Estimator(**QUICK).set_callbacks(monitor).fit(X, y)
    frame = monitor.get_logs().data_as_pandas
    epochs = frame.query("task_name == 'epoch'")["accuracy"]
    (whole,) = frame.query("task_name == 'fit'")["accuracy"]
    assert len(epochs) == 3
    assert epochs.iloc[-1] == whole == est.score(X, y)
    assert epochs.iloc[0] != whole


@every_estimator
def test_verbose_prints_a_line_per_epoch(Estimator, digits, capsys):
    X, _, y_partial = digits
    Estimator(**QUICK, verbose=1).fit(X, y_partial)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["Epoch 1", "Epoch 2", "Epoch 3"]
    Estimator(**QUICK).fit(X, y_partial)
    assert capsys.readouterr().out == ""


class Interrupt(Recorder):
    """Ctrl-C in the middle of an epoch."""

    def __init__(self, monkeypatch, after):
        super().__init__()
        draw, steps = data.Minibatches.draw, []

        def interrupted(batches):
            steps.append(None)
            if len(steps) > after * batches.n_steps + 1:
                raise KeyboardInterrupt
            return draw(batches)

        monkeypatch.setattr(data.Minibatches, "draw", interrupted)


@every_estimator
def test_interruption_keeps_the_last_whole_epoch(Estimator, digits, monkeypatch):
    X, _, y_partial = digits
    settings = QUICK | {"batch_size": 100}
    expected = Estimator(**settings | {"max_iter": 2}).fit(X, y_partial)
    with monkeypatch.context() as patch:
        Interrupt(patch, after=2)
        with pytest.warns(UserWarning, match="interrupted by user after 2 whole"):
            est = Estimator(**settings, warm_start=True).fit(X, y_partial)
    assert est.n_iter_ == 2
    np.testing.assert_array_equal(est.predict_proba(X), expected.predict_proba(X))
    # and it can go on as if nothing had happened
    est.set_params(max_iter=1).fit(X, y_partial)
    whole = Estimator(**settings).fit(X, y_partial)
    np.testing.assert_array_equal(est.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("after", [3, 4, 6])
@every_estimator
def test_interruption_of_a_later_restart(Estimator, after, digits, monkeypatch):
    """While the first is compared, and in the first or third epoch of the second."""
    X, _, y_partial = digits
    settings = QUICK | {"batch_size": 100}
    expected = Estimator(**settings).fit(X, y_partial)
    Interrupt(monkeypatch, after=after)
    est = Estimator(**settings, n_init=3)
    with pytest.warns(UserWarning, match="interrupted by user"):
        est.fit(X, y_partial)
    assert est.n_iter_ == 3
    np.testing.assert_array_equal(est.predict_proba(X), expected.predict_proba(X))


@every_estimator
def test_interruption_of_the_first_restart(Estimator, digits, monkeypatch):
    X, _, y_partial = digits
    Interrupt(monkeypatch, after=1)
    est = Estimator(**QUICK | {"batch_size": 100}, n_init=3)
    with pytest.warns(UserWarning, match="interrupted by user after 1 whole"):
        est.fit(X, y_partial)
    assert est.n_iter_ == 1


@every_estimator
def test_interruption_before_an_epoch_is_over(Estimator, digits, monkeypatch):
    X, _, y_partial = digits
    est = Estimator(**QUICK | {"batch_size": 100})
    Interrupt(monkeypatch, after=0)
    with pytest.raises(KeyboardInterrupt):
        est.fit(X, y_partial)
    assert not hasattr(est, "model_")


@every_estimator
def test_early_stopping_waits_for_schedules(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(
        **QUICK | {"max_iter": 70, "tol": 1e9}, n_iter_no_change=2, batch_size=300
    ).fit(X, y_partial)
    assert est.n_iter_ == est._schedule_length() + 3


@every_estimator
def test_history(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK).fit(X, y_partial)
    assert len(est.history_) == est.n_iter_ == 3
    for epoch, row in enumerate(est.history_):
        assert row["epoch"] == epoch
        assert row["seconds"] > 0
        terms = [name for name in row if f"{name}_weight" in est.get_params()]
        assert len(terms) >= 3


@pytest.mark.parametrize("Estimator", having("fit_predict"))
def test_fit_predict_uses_y(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK)
    labels = est.fit_predict(X, y_partial)
    np.testing.assert_array_equal(labels, est.labels_)
    np.testing.assert_array_equal(labels, est.predict(X))
    assert len(est.classes_) == 10


@every_estimator
def test_html_representation_links_to_no_file(Estimator, digits):
    """There is no published documentation yet; a path would be the reader's own."""
    X, _, y_partial = digits
    est = Estimator(**QUICK)
    for html in (
        est._repr_html_(),
        est.fit(X, y_partial)._repr_html_(),
        make_pipeline(MinMaxScaler(), est)._repr_html_(),
    ):
        assert Estimator.__name__ in html
        assert not re.search(r'href="(?!https://scikit-learn\.org)', html)


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("Estimator", having("transform"))
def test_set_output_names_columns(Estimator, container, digits):
    X, _, y_partial = digits
    module = pytest.importorskip(container)
    est = Estimator(**QUICK).set_output(transform=container)
    frame = est.fit(X, y_partial).transform(X)
    assert isinstance(frame, module.DataFrame)
    name = Estimator.__name__.lower()
    names = [f"{name}{k}" for k in range(frame.shape[1])]
    assert list(frame.columns) == names == est.get_feature_names_out().tolist()
    plain = clone(est).set_output(transform="default").fit(X, y_partial).transform(X)
    np.testing.assert_array_equal(np.asarray(frame), plain)
    # rows keep their index, in a Pipeline and from fit_transform too
    if container == "pandas":
        rows = module.DataFrame(X, index=np.arange(len(X)) + 7)
        rows.columns = [f"pixel {k}" for k in range(64)]
        pipe = make_pipeline(MinMaxScaler(), clone(est)).set_output(transform="pandas")
        frame = pipe.fit_transform(rows, y_partial)
        assert (frame.index == rows.index).all()
        assert list(frame.columns) == names


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_estimator
def test_gpu(Estimator, images):
    X, _y, y_partial = images
    state = torch.cuda.get_rng_state()
    settings = QUICK | {"device": "cuda", "learning_rate": np.float64(1e-3)}
    est = Estimator(**settings, n_init=2, warm_start=True).fit(X, y_partial)
    assert next(est.model_.parameters()).device.type == "cpu"
    on_gpu = est.predict_proba(X)
    loaded = pickle.loads(pickle.dumps(est))
    loaded.set_params(device="cpu")
    np.testing.assert_allclose(loaded.predict_proba(X), on_gpu, atol=1e-3)
    assert loaded.set_params(device="cuda").fit(X, y_partial).n_iter_ == 6
    assert torch.equal(torch.cuda.get_rng_state(), state)
    unsupervised = Estimator(**settings).fit(10 * X)
    for method in ("transform", "score_samples", "reconstruct"):
        if hasattr(est, method):
            assert np.isfinite(getattr(unsupervised, method)(10 * X)).all()


def test_no_warning_on_import():
    import importlib

    import sksemi

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        importlib.reload(sksemi)
