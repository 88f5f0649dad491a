"""Early stopping, scores per epoch, progress bars."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sksemi import GMVAEClusterer
from sksemi.callbacks import EarlyStopping, LabeledScoringMonitor, add_to_history
from sksemi.metrics import labeled_accuracy, labeled_neg_log_loss
from sksemi.model_selection import PartialLabelKFold
from tests.contract.estimators import NARROW, QUICK, quick

every_estimator = pytest.mark.parametrize("Estimator", NARROW)


class Script:
    """A scorer that says what it was told to, epoch by epoch."""

    def __init__(self, *values):
        self.values = list(values)

    def __call__(self, estimator, X, y):
        return self.values[len(estimator.history_) - 1]


def weights_of_epoch(Estimator, epoch, X, y):
    return quick(Estimator, max_iter=epoch + 1).fit(X, y).predict_proba(X)


@pytest.mark.parametrize(
    ("values", "patience", "n_epochs", "best"),
    [
        ((0.1, 0.5, 0.4, 0.6, 0.2), 2, 5, 3),  # the count starts anew
        ((0.1, 0.5, 0.4, 0.3, 0.2), 9, 5, 1),  # not stopped, yet restored
        ((0.5, 0.5, 0.5, 0.5, 0.5), 3, 4, 0),  # the first of equal ones
    ],
)
def test_when_it_stops(values, patience, n_epochs, best, digits):
    check_stopping(GMVAEClusterer, values, patience, n_epochs, best, digits)


@every_estimator
def test_best_weights_come_back(Estimator, digits):
    """Though a better epoch would have come after three worse ones."""
    check_stopping(Estimator, (0.1, 0.5, 0.4, 0.3, 0.9), 2, 4, 1, digits)


def check_stopping(Estimator, values, patience, n_epochs, best, digits):
    X, y, y_partial = digits
    stopping = EarlyStopping(
        validation_data=(X, y), scoring=Script(*values), patience=patience
    )
    est = quick(Estimator, max_iter=5).set_callbacks(stopping)
    est.fit(X, y_partial)
    assert est.n_iter_ == len(est.history_) == n_epochs
    assert [row["validation_score"] for row in est.history_] == list(values[:n_epochs])
    assert (stopping.best_epoch_, stopping.best_value_) == (best, values[best])
    np.testing.assert_array_equal(
        est.predict_proba(X), weights_of_epoch(Estimator, best, X, y_partial)
    )
    np.testing.assert_array_equal(est.labels_, est.predict(X))


def test_last_weights_stay_if_asked_to(digits):
    X, y, y_partial = digits
    stopping = EarlyStopping(
        validation_data=(X, y),
        scoring=Script(0.9, 0.5, 0.1),
        patience=2,
        restore_best_weights=False,
    )
    est = quick(GMVAEClusterer, max_iter=9).set_callbacks(stopping)
    est.fit(X, y_partial)
    np.testing.assert_array_equal(
        est.predict_proba(X), weights_of_epoch(GMVAEClusterer, 2, X, y_partial)
    )


def test_gains_within_tol_do_not_count_but_are_kept(digits):
    X, y, y_partial = digits
    stopping = EarlyStopping(
        validation_data=(X, y), scoring=Script(0.5, 0.6, 0.7, 0.9), patience=2, tol=0.3
    )
    est = quick(GMVAEClusterer, max_iter=4).set_callbacks(stopping)
    assert est.fit(X, y_partial).n_iter_ == 3
    assert stopping.best_epoch_ == 2


@every_estimator
def test_score_of_validation_rows(Estimator, digits):
    """By default, accuracy over those that have a label, in history_ too."""
    X, y, y_partial = digits
    held_out = np.where(np.arange(100) % 2, y[200:], -1)
    stopping = EarlyStopping(validation_data=(X[200:], held_out), patience=3)
    est = quick(Estimator).set_callbacks(stopping).fit(X[:200], y_partial[:200])
    scores = [row["validation_score"] for row in est.history_]
    assert stopping.best_value_ == max(scores)
    assert est.score(X[201::2], y[201::2]) == max(scores)


@every_estimator
def test_objective_of_validation_rows(Estimator, digits):
    X, _, _ = digits
    stopping = EarlyStopping(validation_data=(X[200:], None))
    est = quick(Estimator, n_clusters=5).set_callbacks(stopping).fit(X[:200])
    assert est.score(X[200:]) == pytest.approx(stopping.best_value_)


@pytest.mark.filterwarnings("ignore:.*collapsed")  # too short for ten clusters
@every_estimator
def test_a_term_of_the_objective(Estimator, digits):
    """The epoch of the least sum of terms is kept, once schedules have ended."""
    X, _, y_partial = digits
    est = quick(Estimator)
    est.set_params(max_iter=est._schedule_length() + 4, batch_size=300)
    stopping = EarlyStopping(patience=2, tol=1e9)
    est.set_callbacks(stopping).fit(X, y_partial)
    # the first beats nothing by tol, as n_iter_no_change counts
    assert est.n_iter_ == est._schedule_length() + 3
    late = est.history_[est._schedule_length() :]
    losses = [row["loss"] for row in late]
    assert stopping.best_value_ == pytest.approx(min(losses))
    assert stopping.best_epoch_ == late[int(np.argmin(losses))]["epoch"]


def test_a_name_in_history(digits):
    X, _, y_partial = digits
    settings = {"max_iter": 6, "temperature_decay": 0}
    stopping = EarlyStopping("agreement", greater_is_better=True, patience=6)
    est = quick(GMVAEClusterer, **settings).set_callbacks(stopping).fit(X, y_partial)
    values = [row["agreement"] for row in est.history_]
    assert stopping.best_value_ == max(values)
    stopping = EarlyStopping("reconstruction", patience=6)
    est.set_callbacks(stopping).fit(X, y_partial)
    assert stopping.best_value_ == min(row["reconstruction"] for row in est.history_)
    with pytest.raises(ValueError, match="monitor='loss_of_time' is not in history_"):
        est.set_callbacks(EarlyStopping("loss_of_time")).fit(X, y_partial)


def test_every_restart_is_stopped_by_itself(digits):
    X, y, y_partial = digits
    stopping = EarlyStopping(
        validation_data=(X, y), scoring=Script(0.1, 0.9, 0.1, 0.1), patience=2
    )
    watch = LabeledScoringMonitor(scoring=lambda est, X, y: len(est.history_))
    est = quick(GMVAEClusterer, max_iter=9, n_init=2)
    est.set_callbacks(stopping, watch).fit(X, y_partial)
    assert est.n_iter_ == 4
    epochs = [row for row in watch.get_logs().data if row["task_name"] == "epoch"]
    assert [row["score"] for row in epochs] == [1, 2, 3, 4] * 2


def test_one_object_in_a_search(digits):
    """Folds share the object, and each is stopped by its own scores."""
    X, y, y_partial = digits
    stopping = EarlyStopping(
        validation_data=(X, y), scoring=Script(0.1, 0.9, 0.1), patience=1
    )
    est = quick(GMVAEClusterer, max_iter=9).set_callbacks(stopping)
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), est),
        {"gmvaeclusterer__batch_size": [100, 200]},
        cv=PartialLabelKFold(2),
        scoring=lambda pipe, X, y: pipe[-1].n_iter_,
    ).fit(X, y_partial)
    assert (search.cv_results_["mean_test_score"] == 3).all()
    assert search.best_estimator_[-1].n_iter_ == 3


@every_estimator
def test_stopped_estimator_is_pickled_and_goes_on(Estimator, digits):
    X, y, y_partial = digits
    stopping = EarlyStopping(
        validation_data=(X, y), scoring=Script(0.9, 0.1, 0.1), patience=1
    )
    est = quick(Estimator, warm_start=True).set_callbacks(stopping)
    est.fit(X, y_partial)
    loaded = pickle.loads(pickle.dumps(est))
    np.testing.assert_array_equal(loaded.predict_proba(X), est.predict_proba(X))
    assert "_epochs" not in vars(est)
    loaded.set_callbacks().fit(X, y_partial)
    assert loaded.n_iter_ == 5
    assert len(loaded.history_) == 5


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"patience": 0}, "'patience' parameter of EarlyStopping.* must be an int"),
        ({"tol": -1}, "'tol' parameter"),
        ({"monitor": 3}, "'monitor' parameter"),
        ({"monitor": "validation_score"}, "needs validation_data"),
        ({"scoring": "accuracy"}, "scoring needs validation_data"),
        (
            {"monitor": "loss", "validation_data": ([[0]], [0])},
            "ignores validation_data",
        ),
        ({"validation_data": ([[0]],)}, "must be a pair"),
    ],
)
def test_early_stopping_refuses(parameters, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**parameters)


def test_early_stopping_refuses_rows_and_estimators(digits):
    X, _, y_partial = digits
    est = quick(GMVAEClusterer)
    none = np.full(len(X), -1)
    stopping = EarlyStopping(validation_data=(X, none), scoring="accuracy")
    with pytest.raises(ValueError, match="EarlyStopping has no labeled row"):
        est.set_callbacks(stopping).fit(X, y_partial)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        est.set_callbacks(EarlyStopping(validation_data=(X, [0, 1]))).fit(X, y_partial)
    with pytest.raises(TypeError, match="cannot stop LogisticRegression"):
        LogisticRegression().set_callbacks(EarlyStopping()).fit(X, y_partial)
    assert not hasattr(est, "model_")


# ----------------------------------------------------------------- the history


class Adding:
    """A callback that adds values, and notes the rows that it sees."""

    def __init__(self, add, task="epoch"):
        self.add, self.task = add, task
        self.seen = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == self.task:
            self.add(estimator, fitted_estimator)
            assert estimator.history_ == fitted_estimator.history_
            self.seen.append(dict(estimator.history_[-1]))


@every_estimator
def test_what_callbacks_add_is_in_history(Estimator, digits):
    """And nothing else that they write there; restarts have rows of their own."""
    X, _, y_partial = digits

    def add(estimator, _):
        add_to_history(estimator, tenth=np.float32(0.1), count=len(estimator.history_))

    def write(estimator, fitted_estimator):
        estimator.history_[-1]["loss"] = estimator.history_[0]["epoch"] = -5.0
        estimator.history_.append({})
        fitted_estimator.history_ = estimator.history_

    last = Adding(lambda estimator, _: None)
    est = Estimator(**QUICK, n_init=2).set_callbacks(Adding(add), last, Adding(write))
    est.fit(X, y_partial)
    alone = Estimator(**QUICK, n_init=2).fit(X, y_partial)
    added = [{"tenth": float(np.float32(0.1)), "count": n} for n in (1.0, 2.0, 3.0)]
    without_seconds = [row | {"seconds": 0} for row in est.history_]
    assert without_seconds == [
        row | {"seconds": 0} | more
        for row, more in zip(alone.history_, added, strict=True)
    ]
    assert all(type(row["count"]) is float for row in est.history_)
    assert [{k: row[k] for k in added[0]} for row in last.seen] == 2 * added
    # a resumed fit keeps what was added before
    est.set_params(warm_start=True, max_iter=1).set_callbacks().fit(X, y_partial)
    assert [row.get("count") for row in est.history_] == [1.0, 2.0, 3.0, None]


def test_adding_to_history_refuses(digits):
    X, _, y_partial = digits
    est = GMVAEClusterer(**QUICK)

    def fit(add, task="epoch"):
        est.set_callbacks(Adding(add, task)).fit(X, y_partial)

    with pytest.raises(ValueError, match="Training has written kl_z, loss into"):
        fit(lambda estimator, _: add_to_history(estimator, loss=1, kl_z=2, mine=3))
    with pytest.raises(ValueError, match="not fitted_estimator"):
        fit(lambda _, fitted_estimator: add_to_history(fitted_estimator, mine=3))
    with pytest.raises(ValueError, match="not under fit"):
        fit(lambda estimator, _: add_to_history(estimator, mine=3), "fit")
    with pytest.raises(TypeError, match="LogisticRegression keeps no history_"):
        add_to_history(LogisticRegression(), mine=3)
    early = Adding(None, None)
    early.on_fit_task_begin = lambda estimator, context: add_to_history(estimator, a=1)
    with pytest.raises(ValueError, match="not under fit"):
        est.set_callbacks(early).fit(X, y_partial)
    assert not hasattr(est, "history_")


# ------------------------------------------------------------ scores per epoch


def scores_of(monitor, name):
    log = monitor.get_logs().data
    return [row[name] for row in log if row["task_name"] == "epoch"]


@every_estimator
def test_monitor_leaves_unlabeled_rows_out(Estimator, digits):
    """Where scikit-learn's counts -1 as a class that nothing predicts."""
    X, _, y_partial = digits
    theirs, ours = ScoringMonitor(scoring="accuracy"), LabeledScoringMonitor("accuracy")
    est = quick(Estimator).set_callbacks(theirs, ours).fit(X, y_partial)
    share = np.mean(y_partial >= 0)
    np.testing.assert_allclose(
        scores_of(theirs, "accuracy"), share * np.array(scores_of(ours, "accuracy"))
    )
    assert scores_of(ours, "accuracy")[-1] == est.score(X, y_partial) > 0


def test_monitor_of_other_rows_and_scores(digits):
    X, y, y_partial = digits
    rows = X[200:], y[200:]
    monitors = [
        LabeledScoringMonitor(scoring, validation_data=rows)
        for scoring in (
            None,
            labeled_accuracy,
            ["accuracy", "balanced_accuracy"],
            {"acc": labeled_accuracy, "log": labeled_neg_log_loss},
        )
    ]
    est = quick(GMVAEClusterer).set_callbacks(*monitors).fit(X[:200], y_partial[:200])
    expected = scores_of(monitors[0], "score")
    assert len(expected) == 3
    assert expected[-1] == est.score(*rows)
    assert scores_of(monitors[1], "score") == expected
    assert scores_of(monitors[2], "accuracy") == expected
    assert scores_of(monitors[3], "acc") == expected
    assert scores_of(monitors[3], "log")[-1] == labeled_neg_log_loss(est, *rows)


@every_estimator
def test_monitor_without_labels(Estimator, digits):
    """The objective is logged; a score that needs labels is refused."""
    X, y, _ = digits
    monitor = LabeledScoringMonitor()
    matched = LabeledScoringMonitor(validation_data=(X, y))
    est = quick(Estimator, n_clusters=10).set_callbacks(monitor, matched).fit(X)
    scores = scores_of(monitor, "score")
    assert len(set(scores)) == 3
    assert scores[-1] == pytest.approx(est.score(X))
    assert scores_of(matched, "score")[-1] == est.score(X, y)
    with pytest.raises(ValueError, match="LabeledScoringMonitor has no labeled row"):
        est.set_callbacks(LabeledScoringMonitor("accuracy")).fit(X)


@pytest.mark.slow
def test_monitor_and_stopping_in_two_processes(digits):
    X, y, y_partial = digits
    monitor = LabeledScoringMonitor("accuracy")
    stopping = EarlyStopping(
        validation_data=(X, y), scoring=Script(0.1, 0.9, 0.1), patience=1
    )
    est = quick(GMVAEClusterer, max_iter=9).set_callbacks(monitor, stopping)
    search = GridSearchCV(
        est, {"batch_size": [100, 200]}, cv=PartialLabelKFold(2), n_jobs=2, refit=False
    )
    search.fit(X, y_partial)
    assert len(scores_of(monitor, "accuracy")) == 4 * 3


def test_bad_monitor():
    with pytest.raises(ValueError, match="'scoring' parameter of Labeled"):
        LabeledScoringMonitor(3)
    with pytest.raises(ValueError, match="must be a pair"):
        LabeledScoringMonitor(validation_data=([[0]], [0], [0]))


# -------------------------------------------------------------- progress bars


@every_estimator
def test_progress_bar_alone_in_a_pipeline_and_in_a_search(
    Estimator, digits, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "200")  # nothing is cut off
    X, _, y_partial = digits
    name = Estimator.__name__
    quick(Estimator, max_iter=1).set_callbacks(ProgressBar()).fit(X, y_partial)
    alone = capsys.readouterr().out
    assert f"{name} - fit" in alone
    assert "100%" in alone
    pipe = make_pipeline(StandardScaler(), quick(Estimator, max_iter=1))
    clone(pipe).set_callbacks(ProgressBar()).fit(X, y_partial)
    piped = capsys.readouterr().out
    assert f"Pipeline - fit-final-estimator | {name} - fit" in piped
    search = GridSearchCV(
        pipe, {f"{name.lower()}__batch_size": [64, 200]}, cv=PartialLabelKFold(2)
    )
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y_partial)
    searched = capsys.readouterr().out
    # four fits on folds and one on all rows, each with its bar at the end
    bars = [line for line in searched.splitlines() if f"| {name} - fit" in line]
    assert len(bars) == 5
    assert all("100%" in line for line in bars)
