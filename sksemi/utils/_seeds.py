"""Checks of seeds: the same result again, and nobody else's draws touched."""

import copy
import threading
from functools import partial
from unittest.mock import patch

import numpy as np
import torch
from sklearn.base import clone

from sksemi._engine import data, epochs
from sksemi._engine.training import evaluate
from sksemi.datasets import mask_labels
from sksemi.utils._checking import (
    assert_same_weights,
    digits,
    disturb,
    images,
    quick,
    raises,
)


def yield_checks(estimator):
    """Yield the checks of this file that concern an estimator."""
    for labels in ("few", "none"):
        yield partial(check_same_seed_same_result, labels=labels)
    yield check_global_states_are_untouched
    yield check_global_states_are_untouched_by_a_failed_fit
    yield check_threads_do_not_share_draws
    yield check_results_do_not_depend_on_neighbors
    if hasattr(estimator, "sample"):
        yield check_sample
    yield check_warm_start_is_bit_for_bit_the_longer_run
    yield check_warm_start_after_a_fit_without_state
    yield check_warm_start_refuses_other_labels
    yield check_warm_start_on_other_rows
    yield check_warm_start_takes_new_training_parameters
    for best in range(3):
        yield partial(check_the_restart_of_lowest_loss_is_kept, best=best)
    yield check_restarts_are_compared_by_the_loss
    for labels in ("few", "none"):
        yield partial(check_statistics_do_not_depend_on_the_order, labels=labels)


def check_same_seed_same_result(name, estimator_orig, labels):
    """On images; whatever the global random states are."""
    X, _, y_partial = images()
    y = y_partial if labels == "few" else None
    first = quick(estimator_orig).fit(X, y)
    disturb()
    second = quick(estimator_orig).fit(X, y)
    assert_same_weights(first, second)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    other = quick(estimator_orig, random_state=1).fit(X, y)
    assert (first.predict_proba(X) != other.predict_proba(X)).any()


def check_global_states_are_untouched(name, estimator_orig):
    """By fit with restarts, and by everything that predicts."""
    X, y, y_partial = digits()
    numpy_before, torch_before = np.random.get_state(), torch.get_rng_state()
    est = quick(estimator_orig, n_init=2).fit(X, y_partial)
    est.predict(X), est.transform(X), est.score(X), est.score(X, y)
    if hasattr(est, "sample"):
        est.sample(5)
    for before, after in zip(numpy_before, np.random.get_state(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert torch.equal(torch_before, torch.get_rng_state())


def check_global_states_are_untouched_by_a_failed_fit(name, estimator_orig):
    """Give the random states back after a loss that diverges too."""
    X, _, y_partial = digits()
    before = torch.get_rng_state()
    with raises(FloatingPointError, ""):
        quick(estimator_orig, learning_rate=1e30).fit(X, y_partial)
    assert torch.equal(before, torch.get_rng_state())


def check_threads_do_not_share_draws(name, estimator_orig):
    """Three fits at once are the three fits one by one."""
    X, _, y_partial = digits()
    alone = [quick(estimator_orig, random_state=i) for i in range(3)]
    together = [quick(estimator_orig, random_state=i) for i in range(3)]
    for est in alone:
        est.fit(X, y_partial)
    threads = [threading.Thread(target=e.fit, args=(X, y_partial)) for e in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(alone, together, strict=True):
        assert_same_weights(a, b)


def check_results_do_not_depend_on_neighbors(name, estimator_orig):
    """Exactly: batches of inference are padded to one size."""
    X, _, y_partial = images(300)
    est = quick(estimator_orig, max_iter=1).fit(X[:120], y_partial[:120])
    order = np.random.RandomState(0).permutation(len(X))
    for method in ("predict_proba", "transform", "score_samples", "reconstruct"):
        if hasattr(est, method):
            whole = getattr(est, method)(X)
            np.testing.assert_array_equal(getattr(est, method)(X[order]), whole[order])
            np.testing.assert_array_equal(getattr(est, method)(X[7:10]), whole[7:10])


def check_sample(name, estimator_orig):
    """Rows of any clusters, of those that were asked for, and errors that help."""
    X, _, y_partial = digits()
    est = quick(estimator_orig).fit(X, y_partial)
    rows, y = est.sample(7)
    assert rows.shape == (7, 64)
    assert set(y) <= set(est.classes_)
    np.testing.assert_array_equal(est.sample(7)[0], rows)
    rows, y = est.sample(5, y=3)
    assert y.tolist() == [3] * 5
    assert len(np.unique(rows, axis=0)) == 5
    assert est.sample(3, y=[1, 1, 7])[1].tolist() == [1, 1, 7]
    for n, bad in [(3, [1, 2]), (2, [0, 99]), (2, "seven")]:
        with raises(ValueError, "y "):
            est.sample(n, y=bad)
    with raises(ValueError, "n_samples"):
        est.sample(0)


def check_warm_start_is_bit_for_bit_the_longer_run(name, estimator_orig):
    """One epoch and three more are four."""
    X, _, y_partial = images()
    # steps that leave some of a permutation for the next epoch
    est = quick(estimator_orig, batch_size=50)
    whole = clone(est).set_params(max_iter=4).fit(X, y_partial)
    parts = clone(est).set_params(max_iter=1, warm_start=True).fit(X, y_partial)
    disturb()
    parts.set_params(max_iter=3).fit(X, y_partial)
    assert parts.n_iter_ == 4
    assert [row["epoch"] for row in parts.history_] == [0, 1, 2, 3]
    assert_same_weights(whole, parts)


def check_warm_start_after_a_fit_without_state(name, estimator_orig):
    """Weights are gone on from, with a fresh optimizer."""
    X, _, y_partial = digits()
    est = quick(estimator_orig).fit(X, y_partial)
    before = [parameter.clone() for parameter in est.model_.parameters()]
    est.set_params(warm_start=True, max_iter=2, learning_rate=1e-9).fit(X, y_partial)
    assert est.n_iter_ == 5
    assert [row["epoch"] for row in est.history_] == [0, 1, 2, 3, 4]
    # steps of nearly no size: the weights are those of the fit before
    for old, new in zip(before, est.model_.parameters(), strict=True):
        torch.testing.assert_close(old, new, atol=1e-6, rtol=0)


def check_warm_start_refuses_other_labels(name, estimator_orig):
    """And another number of features or another network; nothing changes."""
    X, y, y_partial = digits()
    est = quick(estimator_orig, warm_start=True).fit(X, y_partial)
    before = dict(vars(est))
    with raises(ValueError, "warm_start=False"):
        est.fit(X, np.where(y < 5, y, -1))
    with raises(ValueError, "features"):
        est.fit(X[:, :9], y_partial)
    assert vars(est) == before
    with raises(ValueError, "hidden_layer_sizes"):
        est.set_params(hidden_layer_sizes=(9,)).fit(X, y_partial)


def check_warm_start_on_other_rows(name, estimator_orig):
    """Read nothing of the old permutation; new labels count at once."""
    X, y, y_partial = digits()
    est = quick(estimator_orig, warm_start=True).fit(X, y_partial)
    est.fit(X[:120], mask_labels(y[:120], 40, random_state=1))
    assert est.n_iter_ == 6
    assert est.labels_.shape == (120,)
    est.fit(X, y)  # every row labeled now
    assert est.labels_.shape == (300,)


def check_warm_start_takes_new_training_parameters(name, estimator_orig):
    """Let a weight of a term of the loss change."""
    X, _, y_partial = digits()
    est = quick(estimator_orig, warm_start=True).fit(X, y_partial)
    light_loss = copy.deepcopy(est).fit(X, y_partial).history_[3]["loss"]

    def heavier(weight):
        heavy = copy.deepcopy(est).set_params(**{weight: 1e4})
        return heavy.fit(X, y_partial).history_[3]["loss"]

    # some terms may be near 0
    weights = (name for name in est.get_params() if name.endswith("_weight"))
    assert any(heavier(weight) > 5 * light_loss for weight in weights)


def check_the_restart_of_lowest_loss_is_kept(name, estimator_orig, best):
    """Told which that is; and the first is the fit without restarts."""
    X, _, y_partial = digits(150)
    one = quick(estimator_orig).fit(X, y_partial)
    seen, losses = [], []

    def evaluated(model, *args, **kwargs):
        seen.append({name: v.clone() for name, v in model.state_dict().items()})
        losses.append(evaluate(model, *args, **kwargs))
        return float(len(seen) - 1 != best)  # 0 for the best, 1 for the others

    with patch.object(epochs, "evaluate", evaluated):
        three = quick(estimator_orig, n_init=3).fit(X, y_partial)
    assert len(seen) == len(set(losses)) == 3
    for name, value in three.model_.state_dict().items():
        assert torch.equal(value, seen[best][name])
    # the first restart is the fit without restarts
    for name, value in one.model_.state_dict().items():
        assert torch.equal(value, seen[0][name])


def check_restarts_are_compared_by_the_loss(name, estimator_orig):
    """Keep the one of the lowest evaluation of three."""
    X, _, y_partial = digits(150)
    losses = []

    def evaluated(*args, **kwargs):
        losses.append(evaluate(*args, **kwargs))
        return losses[-1]

    with patch.object(epochs, "evaluate", evaluated):
        est = quick(estimator_orig, n_init=3).fit(X, y_partial)
        kept = est.history_
        est.set_params(n_init=int(np.argmin(losses)) + 1).fit(X, y_partial)
    strip = [{k: v for k, v in row.items() if k != "seconds"} for row in kept]
    again = [{k: v for k, v in row.items() if k != "seconds"} for row in est.history_]
    assert strip == again


def check_statistics_do_not_depend_on_the_order(name, estimator_orig, labels):
    """Rows sorted by class or not: what passes over all rows leaves is the same."""
    rng = np.random.RandomState(0)
    y = np.repeat(np.arange(4), 60)
    X = (10 * np.eye(4)[y] + rng.normal(size=(240, 4))).astype(np.float32)
    y_partial = np.where(np.arange(240) % 10 == 0, y, -1) if labels == "few" else None
    order = rng.permutation(240)
    models = []
    for rows in (np.arange(240), order):
        # one step of no size: the statistics alone change
        est = quick(estimator_orig, n_clusters=6, max_iter=1, learning_rate=1e-30)
        with patch.object(data, "PART_SIZE", 64):
            est.set_params(batch_size=240).fit(
                X[rows], None if y_partial is None else y_partial[rows]
            )
        models.append(est.model_)
    for name, value in models[0].state_dict().items():
        other = models[1].state_dict()[name]
        # not those of the one training step, whose noise goes to rows by their place
        if "running" not in name or hasattr(models[0], "after_training"):
            torch.testing.assert_close(value, other, rtol=1e-3, atol=1e-4, msg=name)
