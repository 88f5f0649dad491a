"""The same seed gives the same result, and nobody else's draws are touched."""

import threading

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sksemi._engine import epochs
from sksemi._engine.training import evaluate
from sksemi.datasets import mask_labels
from tests.contract.estimators import NARROW, QUICK, having

every_estimator = pytest.mark.parametrize("Estimator", NARROW)


def weights(est):
    return {name: value.numpy() for name, value in est.model_.state_dict().items()}


def assert_same_weights(a, b):
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.parametrize("labels", ["few", "none"])
@every_estimator
def test_same_seed_same_result(Estimator, labels, images, disturb):
    X, _, y_partial = images
    y = y_partial if labels == "few" else None
    first = Estimator(**QUICK).fit(X, y)
    disturb()
    second = Estimator(**QUICK).fit(X, y)
    assert_same_weights(first, second)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    other = Estimator(**QUICK | {"random_state": 1}).fit(X, y)
    assert (first.predict_proba(X) != other.predict_proba(X)).any()


@every_estimator
def test_global_states_are_untouched(Estimator, digits):
    X, y, y_partial = digits
    numpy_before, torch_before = np.random.get_state(), torch.get_rng_state()
    est = Estimator(**QUICK, n_init=2).fit(X, y_partial)
    est.predict(X), est.transform(X), est.score(X), est.score(X, y)
    if hasattr(est, "sample"):
        est.sample(5)
    for before, after in zip(numpy_before, np.random.get_state(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert torch.equal(torch_before, torch.get_rng_state())


@every_estimator
def test_global_states_are_untouched_by_a_failed_fit(Estimator, digits):
    X, _, y_partial = digits
    before = torch.get_rng_state()
    with pytest.raises(FloatingPointError):
        Estimator(**QUICK, learning_rate=1e30).fit(X, y_partial)
    assert torch.equal(before, torch.get_rng_state())


@every_estimator
def test_threads_do_not_share_draws(Estimator, digits):
    X, _, y_partial = digits
    alone = [Estimator(**QUICK | {"random_state": i}) for i in range(3)]
    together = [Estimator(**QUICK | {"random_state": i}) for i in range(3)]
    for est in alone:
        est.fit(X, y_partial)
    threads = [threading.Thread(target=e.fit, args=(X, y_partial)) for e in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(alone, together, strict=True):
        assert_same_weights(a, b)


@every_estimator
def test_results_do_not_depend_on_neighbors(Estimator, images):
    """Exactly: batches of inference are padded to one size."""
    X, _, y_partial = images
    est = Estimator(**QUICK).fit(X, y_partial)
    order = np.random.RandomState(0).permutation(len(X))
    for method in ("predict_proba", "transform", "score_samples", "reconstruct"):
        if hasattr(est, method):
            whole = getattr(est, method)(X)
            np.testing.assert_array_equal(getattr(est, method)(X[order]), whole[order])
            np.testing.assert_array_equal(getattr(est, method)(X[7:10]), whole[7:10])


@pytest.mark.parametrize("Estimator", having("sample"))
def test_sample(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK).fit(X, y_partial)
    rows, y = est.sample(7)
    assert rows.shape == (7, 64)
    assert set(y) <= set(est.classes_)
    np.testing.assert_array_equal(est.sample(7)[0], rows)
    rows, y = est.sample(5, y=3)
    assert y.tolist() == [3] * 5
    assert len(np.unique(rows, axis=0)) == 5
    assert est.sample(3, y=[1, 1, 7])[1].tolist() == [1, 1, 7]
    for n, bad in [(3, [1, 2]), (2, [0, 99]), (2, "seven")]:
        with pytest.raises(ValueError, match="y "):
            est.sample(n, y=bad)
    with pytest.raises(ValueError, match="n_samples"):
        est.sample(0)


@every_estimator
def test_warm_start_is_bit_for_bit_the_longer_run(Estimator, images, disturb):
    X, _, y_partial = images
    whole = Estimator(**QUICK | {"max_iter": 4}).fit(X, y_partial)
    parts = Estimator(**QUICK | {"max_iter": 1}, warm_start=True).fit(X, y_partial)
    disturb()
    parts.set_params(max_iter=3).fit(X, y_partial)
    assert parts.n_iter_ == 4
    assert [row["epoch"] for row in parts.history_] == [0, 1, 2, 3]
    assert_same_weights(whole, parts)


@every_estimator
def test_warm_start_after_a_fit_without_state(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK).fit(X, y_partial)
    before = [parameter.clone() for parameter in est.model_.parameters()]
    est.set_params(warm_start=True, max_iter=2, learning_rate=1e-9).fit(X, y_partial)
    assert est.n_iter_ == 5
    assert [row["epoch"] for row in est.history_] == [0, 1, 2, 3, 4]
    # steps of nearly no size: the weights are those of the fit before
    for old, new in zip(before, est.model_.parameters(), strict=True):
        torch.testing.assert_close(old, new, atol=1e-6, rtol=0)


@every_estimator
def test_warm_start_refuses_other_labels(Estimator, digits):
    X, y, y_partial = digits
    est = Estimator(**QUICK, warm_start=True).fit(X, y_partial)
    before = dict(vars(est))
    with pytest.raises(ValueError, match="warm_start=False"):
        est.fit(X, np.where(y < 5, y, -1))
    with pytest.raises(ValueError, match="features"):
        est.fit(X[:, :9], y_partial)
    assert vars(est) == before
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        est.set_params(hidden_layer_sizes=(9,)).fit(X, y_partial)


@every_estimator
def test_warm_start_on_other_rows(Estimator, digits):
    """What is left of the old permutation is not read; new labels count at once."""
    X, y, y_partial = digits
    est = Estimator(**QUICK, warm_start=True).fit(X, y_partial)
    est.fit(X[:120], mask_labels(y[:120], 40, random_state=1))
    assert est.n_iter_ == 6
    assert est.labels_.shape == (120,)
    est.fit(X, y)  # every row labeled now
    assert est.labels_.shape == (300,)


@every_estimator
def test_warm_start_takes_new_training_parameters(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(**QUICK, warm_start=True).fit(X, y_partial)
    name = next(name for name in est.get_params() if name.endswith("_weight"))
    heavy = clone(est).set_params(**{name: 1e4})
    vars(heavy).update(
        {key: value for key, value in vars(est).items() if key not in est.get_params()}
    )
    light_loss = est.fit(X, y_partial).history_[3]["loss"]
    assert heavy.fit(X, y_partial).history_[3]["loss"] > 5 * light_loss


@pytest.mark.parametrize("best", [0, 1, 2])
@every_estimator
def test_the_restart_of_lowest_loss_is_kept(Estimator, best, digits, monkeypatch):
    X, _, y_partial = digits
    one = Estimator(**QUICK).fit(X, y_partial)
    seen, losses = [], []

    def evaluated(model, *args, **kwargs):
        seen.append({name: v.clone() for name, v in model.state_dict().items()})
        losses.append(evaluate(model, *args, **kwargs))
        return float(len(seen) - 1 != best)  # 0 for the best, 1 for the others

    monkeypatch.setattr(epochs, "evaluate", evaluated)
    three = Estimator(**QUICK, n_init=3).fit(X, y_partial)
    assert len(seen) == len(set(losses)) == 3
    for name, value in three.model_.state_dict().items():
        assert torch.equal(value, seen[best][name])
    # the first restart is the fit without restarts
    for name, value in one.model_.state_dict().items():
        assert torch.equal(value, seen[0][name])


@every_estimator
def test_restarts_are_compared_by_the_loss(Estimator, digits):
    """No wrapper here: the evaluation of what was kept is the lowest of the three."""
    X, _, y_partial = digits
    losses = []

    def evaluated(*args, **kwargs):
        losses.append(evaluate(*args, **kwargs))
        return losses[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epochs, "evaluate", evaluated)
        est = Estimator(**QUICK, n_init=3).fit(X, y_partial)
        kept = est.history_
        est.set_params(n_init=int(np.argmin(losses)) + 1).fit(X, y_partial)
    strip = [{k: v for k, v in row.items() if k != "seconds"} for row in kept]
    again = [{k: v for k, v in row.items() if k != "seconds"} for row in est.history_]
    assert strip == again


@pytest.mark.parametrize("labels", ["few", "none"])
@every_estimator
def test_statistics_do_not_depend_on_the_order_of_rows(Estimator, labels, monkeypatch):
    """Rows sorted by class or not: what passes over all rows leaves is the same."""
    monkeypatch.setattr("sksemi._engine.data.PART_SIZE", 64)
    rng = np.random.RandomState(0)
    y = np.repeat(np.arange(4), 60)
    X = (10 * np.eye(4)[y] + rng.normal(size=(240, 4))).astype(np.float32)
    y_partial = np.where(np.arange(240) % 10 == 0, y, -1) if labels == "few" else None
    order = rng.permutation(240)
    models = []
    for rows in (np.arange(240), order):
        # one step of no size: the statistics alone change
        est = Estimator(6, **QUICK | {"max_iter": 1, "learning_rate": 1e-30})
        est.set_params(batch_size=240)
        est.fit(X[rows], None if y_partial is None else y_partial[rows])
        models.append(est.model_)
    for name, value in models[0].state_dict().items():
        other = models[1].state_dict()[name]
        # not those of the one training step, whose noise goes to rows by their place
        if "running" not in name or hasattr(models[0], "after_training"):
            torch.testing.assert_close(value, other, rtol=1e-3, atol=1e-4, msg=name)
