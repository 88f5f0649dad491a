"""A fit that is cut off is finished bit for bit."""

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import skops.io
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksemi import CatVAEClusterer, GMVAEClusterer
from sksemi.callbacks import Checkpoint, EarlyStopping
from sksemi.utils import _checking
from tests.contract.estimators import NARROW, QUICK

# fits too short to use every cluster
pytestmark = pytest.mark.filterwarnings("ignore:.*collapsed")
every_estimator = pytest.mark.parametrize("Estimator", NARROW)
SETTINGS = QUICK | {"max_iter": 4, "batch_size": 100}


class CutOff:
    """A callback that ends fit by an error after so many epochs, of all restarts."""

    def __init__(self, after):
        self.after, self.n_epochs = after, 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch" and self.n_epochs == self.after:
            raise RuntimeError("cut off")

    def on_fit_task_end(self, estimator, context):
        self.n_epochs += context.task_name == "epoch"


def without_seconds(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def assert_same_fit(a, b):
    states = a.model_.state_dict(), b.model_.state_dict()
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    assert without_seconds(a.history_) == without_seconds(b.history_)
    assert a.n_iter_ == b.n_iter_
    np.testing.assert_array_equal(a.labels_, b.labels_)


def cut_off(est, after, path, X, y, *callbacks):
    """Fit with a checkpoint until so many epochs are over; load the checkpoint."""
    est.set_callbacks(*callbacks, Checkpoint(path), CutOff(after))
    with pytest.raises(RuntimeError, match="cut off"):
        est.fit(X, y)
    assert not hasattr(est, "model_")
    return Checkpoint.load(path)


@pytest.mark.parametrize("rows", ["digits", "images"])
@pytest.mark.parametrize("after", [1, pytest.param(3, marks=pytest.mark.slow)])
@every_estimator
def test_fit_on_a_checkpoint_is_the_uninterrupted_fit(
    Estimator, after, rows, request, tmp_path
):
    X, _, y_partial = request.getfixturevalue(rows)
    whole = Estimator(**SETTINGS).fit(X, y_partial)
    loaded = cut_off(Estimator(**SETTINGS), after, tmp_path / "fit.skops", X, y_partial)
    assert loaded.n_iter_ == after
    # what it was after that epoch
    until_then = Estimator(**SETTINGS | {"max_iter": after}).fit(X, y_partial)
    assert_same_fit(loaded, until_then)
    np.testing.assert_array_equal(loaded.predict(X), until_then.predict(X))
    _checking.disturb()
    assert_same_fit(loaded.fit(X, y_partial), whole)
    assert "_progress" not in vars(loaded)


@pytest.mark.parametrize(
    "after", [4, 5, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 11))]
)
@every_estimator
def test_restarts(Estimator, after, digits, tmp_path):
    """Cut off in the first, between two, in the second and in the third."""
    X, _, y_partial = digits
    settings = SETTINGS | {"n_init": 3}
    whole = Estimator(**settings).fit(X, y_partial)
    loaded = cut_off(Estimator(**settings), after, tmp_path / "fit.skops", X, y_partial)
    assert_same_fit(loaded.fit(X, y_partial), whole)


@every_estimator
def test_without_labels(Estimator, digits, tmp_path):
    X, *_ = digits
    whole = Estimator(6, **SETTINGS).fit(X)
    loaded = cut_off(Estimator(6, **SETTINGS), 2, tmp_path / "fit.skops", X, None)
    assert_same_fit(loaded.fit(X), whole)


def test_a_whole_fit_has_nothing_left_to_do(digits, tmp_path):
    X, _, y_partial = digits
    checkpoint = Checkpoint(tmp_path / "fit.skops", every=3)
    est = GMVAEClusterer(**SETTINGS).set_callbacks(checkpoint).fit(X, y_partial)
    loaded = Checkpoint.load(tmp_path / "fit.skops")  # after epochs 3 and 4
    assert loaded.n_iter_ == 4
    assert_same_fit(loaded.fit(X, y_partial), est)


def scores(values):
    return lambda est, X, y: values[len(est.history_) - 1]


@pytest.mark.parametrize("values", [(0.5, 0.9, 0.1, 0.2, 0.3), (0.9, 0.1, 0.2, 0, 1)])
@pytest.mark.parametrize("first", [True, pytest.param(False, marks=pytest.mark.slow)])
@every_estimator
def test_early_stopping_beside_it(Estimator, first, values, digits, tmp_path):
    """In either order; the best epoch may be before the cut or after."""
    X, y, y_partial = digits

    def stopping():
        return EarlyStopping(validation_data=(X, y), scoring=scores(values), patience=3)

    settings = SETTINGS | {"max_iter": 9}
    whole_stopping = stopping()
    whole = Estimator(**settings).set_callbacks(whole_stopping).fit(X, y_partial)
    path = tmp_path / "fit.skops"
    callbacks = [stopping(), Checkpoint(path), CutOff(2)]
    if not first:
        callbacks = [Checkpoint(path), stopping(), CutOff(2)]
    with pytest.raises(RuntimeError, match="cut off"):
        Estimator(**settings).set_callbacks(*callbacks).fit(X, y_partial)
    after = stopping()
    loaded = Checkpoint.load(path).set_callbacks(after).fit(X, y_partial)
    assert_same_fit(loaded, whole)
    assert after.best_epoch_ == whole_stopping.best_epoch_
    assert after.best_value_ == whole_stopping.best_value_


@every_estimator
def test_own_early_stopping(Estimator, digits, tmp_path):
    """n_iter_no_change counts on from where it was."""
    X, _, y_partial = digits
    est = Estimator(**SETTINGS)
    start = est._schedule_length()
    settings = SETTINGS | {"max_iter": start + 6, "batch_size": 300}
    settings |= {"n_iter_no_change": 2, "tol": 1e9}
    whole = Estimator(**settings).fit(X, y_partial)
    loaded = cut_off(
        Estimator(**settings), start + 2, tmp_path / "fit.skops", X, y_partial
    )
    assert_same_fit(loaded.fit(X, y_partial), whole)
    assert whole.n_iter_ == start + 3


@every_estimator
def test_a_warm_start_that_was_cut_off(Estimator, digits, tmp_path):
    X, _, y_partial = digits
    path = tmp_path / "fit.skops"
    whole = Estimator(**SETTINGS, warm_start=True).fit(X, y_partial).fit(X, y_partial)
    est = Estimator(**SETTINGS, warm_start=True).fit(X, y_partial)
    with pytest.raises(RuntimeError, match="cut off"):
        est.set_callbacks(Checkpoint(path), CutOff(2)).fit(X, y_partial)
    assert est.n_iter_ == 4
    loaded = Checkpoint.load(path)
    assert loaded.n_iter_ == 6
    assert_same_fit(loaded.fit(X, y_partial), whole)
    # and that goes on as warm starts do
    assert_same_fit(loaded.fit(X, y_partial), whole.fit(X, y_partial))


@every_estimator
def test_a_stream_goes_on_from_its_checkpoint(Estimator, digits, tmp_path):
    X, _, y_partial = digits
    path = tmp_path / "fit.skops"
    est = Estimator(**SETTINGS).set_callbacks(Checkpoint(path))
    est.partial_fit(X[:150], y_partial[:150], classes=range(10))
    loaded = Checkpoint.load(path)
    assert_same_fit(est, loaded)
    for rows, labels in [(X[150:], y_partial[150:]), (X[:150], None)]:
        assert_same_fit(est.partial_fit(rows, labels), loaded.partial_fit(rows, labels))


@every_estimator
def test_inside_a_pipeline(Estimator, digits, tmp_path):
    X, _, y_partial = digits
    path = tmp_path / "fit.skops"

    def pipeline(est):
        return make_pipeline(StandardScaler(), est)

    whole = pipeline(Estimator(**SETTINGS)).fit(X, y_partial)
    est = Estimator(**SETTINGS).set_callbacks(Checkpoint(path), CutOff(2))
    with pytest.raises(RuntimeError, match="cut off"):
        pipeline(est).fit(X, y_partial)
    again = pipeline(Checkpoint.load(path)).fit(X, y_partial)
    assert_same_fit(again[-1], whole[-1])


def test_other_rows_labels_or_networks_are_refused(digits, tmp_path):
    X, y, y_partial = digits
    path = tmp_path / "fit.skops"
    loaded = cut_off(GMVAEClusterer(**SETTINGS), 2, path, X, y_partial)
    before = dict(vars(loaded))
    for rows, labels in [(X[::-1], y_partial[::-1]), (0.9 * X, y_partial)]:
        with pytest.raises(ValueError, match=r"X or y differ.*clone\(estimator\)"):
            loaded.fit(rows, labels)
    with pytest.raises(ValueError, match="clusters"):
        loaded.fit(X, np.where(y < 5, y, -1))
    with pytest.raises(ValueError, match="margin changed"):
        loaded.set_params(margin=3.0).fit(X, y_partial)
    vars(loaded)["margin"] = 2.0
    assert vars(loaded) == before


def test_nothing_but_our_own_types_has_to_be_trusted(digits, tmp_path):
    X, _, y_partial = digits
    path = tmp_path / "fit.skops"
    GMVAEClusterer(**SETTINGS).set_callbacks(Checkpoint(path)).fit(X, y_partial)
    types = skops.io.get_untrusted_types(file=path)
    assert types == ["sksemi.methods._gmvae.GMVAEClusterer"]
    skops.io.dump(CutOff(3), path)
    with pytest.raises(TypeError, match="CutOff"):
        Checkpoint.load(path)


# ----------------------------------------------------------------------- trouble


def broken(call, error):
    def fail(*args, **kwargs):
        raise error

    return fail


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_said_and_training_goes_on(call, digits, tmp_path, monkeypatch):
    X, _, y_partial = digits
    path = tmp_path / "fit.skops"
    real, calls = getattr(os, call), []

    def full_after_the_second_epoch(*args):
        calls.append(args)
        if len(calls) > (4 if call == "fsync" else 2):  # a folder is synced as well
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args)

    monkeypatch.setattr(os, call, full_after_the_second_epoch)
    est = CatVAEClusterer(**SETTINGS).set_callbacks(Checkpoint(path))
    with pytest.warns(RuntimeWarning, match="No space left.*epoch 2 stays") as caught:
        est.fit(X, y_partial)
    assert caught[0].filename == __file__
    assert est.n_iter_ == 4
    assert os.listdir(tmp_path) == ["fit.skops"]
    assert Checkpoint.load(path).n_iter_ == 2


def test_an_error_is_raised_where_it_is_asked_for(digits, tmp_path):
    X, _, y_partial = digits
    path = tmp_path / "no such folder" / "fit.skops"
    est = CatVAEClusterer(**SETTINGS)
    with pytest.warns(RuntimeWarning, match="There is no checkpoint yet"):
        est.set_callbacks(Checkpoint(path)).fit(X, y_partial)
    labels = est.labels_
    est.set_callbacks(Checkpoint(path, on_error="raise"))
    with pytest.raises(FileNotFoundError):
        est.fit(X, y_partial)
    assert est.labels_ is labels


def test_bad_parameters_and_estimators(digits, tmp_path):
    X, y, _ = digits
    for parameters in ({"every": 0}, {"on_error": "ignore"}, {"path": 3}):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            Checkpoint(**{"path": "fit.skops"} | parameters)
    with pytest.raises(TypeError, match="cannot save a fit of LogisticRegression"):
        LogisticRegression().set_callbacks(Checkpoint(tmp_path / "f")).fit(X, y)


SCRIPT = """
import sys
import numpy as np
import torch
import sksemi
from sksemi.callbacks import Checkpoint

torch.set_num_threads(1)
name, path, data = sys.argv[1:]
arrays = np.load(data)
try:
    est = Checkpoint.load(path)
except FileNotFoundError:
    est = getattr(sksemi, name)(
        max_iter=6, n_init=2, batch_size=100, random_state=0, device="cpu"
    )
print("ready", flush=True)
est.set_callbacks(Checkpoint(path)).fit(arrays["X"], arrays["y"])
values = [value.numpy().ravel() for value in est.model_.state_dict().values()]
np.save(path + ".npy", np.concatenate(values))
"""


@pytest.mark.slow
@every_estimator
def test_kill_at_random_moments(Estimator, digits, tmp_path):
    """kill -9 at twenty random moments; the fit is started again each time."""
    X, _, y_partial = digits
    data = tmp_path / "data.npz"
    np.savez(data, X=X, y=y_partial)

    def start(path):
        command = [sys.executable, "-c", SCRIPT, Estimator.__name__, str(path), data]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    def ended(process):
        process.communicate()
        return process.returncode

    whole = tmp_path / "whole.skops"
    begin = time.perf_counter()
    process = start(whole)
    assert ended(process) == 0
    longest = time.perf_counter() - begin
    expected = np.load(f"{whole}.npy")
    rng = np.random.RandomState(0)
    n_killed, n_finished = 0, 0
    while n_killed < 20:
        path = tmp_path / f"{n_finished}.skops"
        process = start(path)
        try:
            process.wait(timeout=rng.uniform(0, longest / 3))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            n_killed += 1
        if ended(process) == 0:
            np.testing.assert_array_equal(np.load(f"{path}.npy"), expected)
            n_finished += 1
    while not os.path.exists(f"{path}.npy"):
        assert ended(start(path)) == 0
    np.testing.assert_array_equal(np.load(f"{path}.npy"), expected)
